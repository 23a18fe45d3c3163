//! What Stripe tells by itself. An event says only that something happened to somebody: what is so now, Stripe is asked.

use super::super::Core;
use super::super::limits::Policy;
use super::Trouble;
use super::sync::Along;
use crate::billing::webhook::{self, Event};
use crate::model::error::{Forbidden, Setting, Violation};
use crate::model::{Client, Error};
use crate::store::billing;

impl Core {
    /// Takes an event that came in: its bytes, and its `Stripe-Signature`.
    ///
    /// # Errors
    /// [`Setting::StripeWebhooks`] if none are taken here; [`Forbidden::WebhookSignature`]; [`Error::Invalid`] for what is no
    /// event; [`Error::TooMany`] for a network that sends many forged ones; [`Error::Unavailable`], so that Stripe sends it
    /// again.
    pub async fn hear_from_stripe(&self, signature: Option<&[u8]>, body: &[u8], client: &Client) -> Result<(), Error> {
        let outcome = self.try_hear(signature, body, client).await;
        self.metrics.count_stripe_webhook(outcome.as_ref().map_or_else(Error::code, |told| *told));
        outcome.map(|_| ())
    }

    async fn try_hear(&self, signature: Option<&[u8]>, body: &[u8], client: &Client) -> Result<&'static str, Error> {
        let keys = self.config.stripe.keys.as_ref();
        let secret = keys.and_then(|keys| keys.webhook.as_ref());
        let (Some(stripe), Some(secret)) = (&self.stripe, secret) else {
            return Err(Error::NotConfigured(Setting::StripeWebhooks));
        };
        let now = self.clock.now();
        if let Err(doubt) = webhook::verify(secret, signature, body, now) {
            // Stripe's own are never among them, so that they don't wait for strangers.
            self.limit(Policy::RefusedCredentials, client, now)?;
            tracing::warn!(%doubt, request_id = %client.request_id, "an event is not believed to be Stripe's");
            return Err(Error::Forbidden(Forbidden::WebhookSignature));
        }
        let Some(Event { id, customer }) = webhook::read_event(body) else {
            let message = "an event of Stripe's is expected".to_owned();
            return Err(Error::Invalid(vec![Violation { field: "body".to_owned(), message }]));
        };
        let Some(customer) = customer else { return Ok("unrelated") };
        let mut reader = self.db.read().await?;
        if billing::knows_event(&mut reader, &id).await? {
            return Ok("seen");
        }
        let Some(known) = billing::find_customer_by_id(&mut reader, &customer).await? else { return Ok("unrelated") };
        drop(reader);
        let along = Along { asked: None, event: Some(&id) };
        self.sync(stripe, known.account, along).await.map_err(Trouble::into_error)?;
        Ok("ok")
    }
}
