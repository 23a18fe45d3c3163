//! What people want of a subscription that Stripe keeps: begun and noted here, done there, and taken over.

use super::super::subscriptions::{Asker, BegunSubscription, Change, event_of, step_of};
use super::super::{Core, PersonPresent};
use super::Trouble;
use super::calls::{Attempt, Earlier, Turn, Wish};
use super::orders::{Answered, Order, is_kept_there, is_open_there, is_payable, unpayable};
use super::sync::{Along, Asked, Told};
use crate::billing::{Failure, Invoice, Stripe};
use crate::model::audit::Event;
use crate::model::error::{Conflict, Dependency, Thing, Unauthenticated};
use crate::model::subscription::{Keeper, Step, Subscription};
use crate::model::{AccountId, Error, SubscriptionId};
use crate::store::{billing, subscriptions};

impl Core {
    /// Subscribes at Stripe. What was begun and is not paid yet is given again, to be paid.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a means of payment that Stripe does not know; [`Error::PaymentFailed`];
    /// [`Conflict::SubscriptionExists`], [`Conflict::SubscriptionChangeUnderWay`]; [`Error::Unavailable`].
    pub(in crate::identity) async fn subscribe_at_stripe(
        &self,
        stripe: &Stripe,
        person: &PersonPresent,
        order: Order<'_>,
        asker: Asker<'_>,
    ) -> Result<BegunSubscription, Error> {
        let (account, plan) = (person.account(), order.plan);
        let wish = Wish::Subscribe { plan: plan.id.clone(), has_method: order.method.is_some() };
        let earlier = match self.settle_earlier(stripe, account.id, &wish, None, asker).await? {
            Earlier::Done(done) => return self.pay_open(stripe, done, None).await,
            Earlier::Open(call) => Some(call),
            Earlier::Nothing => {
                self.look_first(stripe, account.id).await?;
                None
            }
        };
        let mut tx = self.begin_change(person).await?;
        let stored = subscriptions::list(&mut tx, account.id).await?;
        let had = stored
            .iter()
            .any(|had| is_kept_there(had) && earlier.as_ref().is_none_or(|call| call.subscription != had.id));
        if let Some(open) = stored.into_iter().find(is_open_there) {
            drop(tx);
            return if is_payable(open.state) && open.plan == plan.id {
                self.pay_open(stripe, open, order.method).await
            } else {
                Err(Error::Conflict(Conflict::SubscriptionExists))
            };
        }
        let attempt = if let Some(call) = earlier {
            drop(tx);
            Attempt::new(call, Turn::Repeated)
        } else {
            let id = SubscriptionId(self.random.uuid(asker.now));
            Attempt::new(self.begin_call(tx, account.id, id, &wish, asker.now).await?, Turn::First)
        };
        // Nothing is tried for nothing twice.
        let order = Order { trial_days: if had { 0 } else { order.trial_days }, ..order };
        let answered = match self.errand("subscribe", self.order(stripe, &attempt, account, order)).await {
            Ok(answered) => answered,
            Err(trouble) => return Err(self.give_up_attempt(&attempt, trouble).await),
        };
        let done = Asked { call: &attempt.call, event: Event::SubscriptionCreated(&plan.id), asker };
        let subscription = self.conclude(stripe, &answered, done, attempt.turn).await?;
        let client_secret = self.secret_of(stripe, &answered.said, subscription.state).await;
        Ok(BegunSubscription { subscription: self.own(subscription), client_secret })
    }

    /// Changes a subscription at Stripe.
    ///
    /// # Errors
    /// [`Thing::Subscription`]; [`Conflict::SubscriptionMoveImpossible`], [`Conflict::SubscriptionChangeUnderWay`];
    /// [`Error::PaymentFailed`]; [`Error::Unavailable`].
    pub(in crate::identity) async fn change_at_stripe(
        &self,
        stripe: &Stripe,
        person: &PersonPresent,
        id: SubscriptionId,
        change: Change<'_>,
        asker: Asker<'_>,
    ) -> Result<Subscription, Error> {
        let (account, wish) = (person.account().id, Wish::of(change));
        let earlier = match self.settle_earlier(stripe, account, &wish, Some(id), asker).await? {
            Earlier::Done(done) => return Ok(done),
            Earlier::Open(call) => Some(call),
            Earlier::Nothing => None,
        };
        let mut tx = self.begin_change(person).await?;
        let found = subscriptions::find(&mut tx, account, id).await?.ok_or(Error::NotFound(Thing::Subscription))?;
        self.insist_on_currency(&found, change)?;
        let (step, there) = match (step_of(&found, change), &found.keeper) {
            (Ok(Some(step)), Keeper::Stripe { id: Some(there) }) => (step, there.clone()),
            (judged, _) => {
                drop(tx);
                if let Some(call) = &earlier {
                    self.forget(call).await?;
                }
                let is_so = judged?.is_none();
                if let Change::Plan(Order { method: Some(method), .. }) = change
                    && let Keeper::Stripe { id: Some(there) } = &found.keeper
                    && is_so
                {
                    self.choose_method(stripe, account, there, method).await?;
                }
                return Ok(found);
            }
        };
        let attempt = if let Some(call) = earlier {
            drop(tx);
            Attempt::new(call, Turn::Repeated)
        } else {
            Attempt::new(self.begin_call(tx, account, id, &wish, asker.now).await?, Turn::First)
        };
        let made = self.errand(name_of(step), self.make_step(stripe, &attempt, &there, change, step)).await;
        match made {
            Ok(answered) => {
                let plan = if let Change::Plan(order) = change { &order.plan.id } else { &found.plan };
                let done = Asked { call: &attempt.call, event: event_of(step, plan), asker };
                self.conclude(stripe, &answered, done, attempt.turn).await
            }
            Err(trouble @ Trouble::Stripe(Failure::Missing(_) | Failure::Refused(_))) => {
                let told = self.give_up_attempt(&attempt, trouble).await;
                self.look_again(stripe, (account, id), change, told).await
            }
            Err(trouble) => Err(self.give_up_attempt(&attempt, trouble).await),
        }
    }

    async fn make_step(
        &self,
        stripe: &Stripe,
        attempt: &Attempt,
        there: &str,
        change: Change<'_>,
        step: Step,
    ) -> Result<Answered, Trouble> {
        let call = &attempt.call;
        let customer = billing::find_customer(&mut self.db.read().await?, call.account).await?;
        let customer = customer.ok_or_else(|| Failure::Refused("the customer is not known any more".to_owned()))?;
        let key = call.key.to_string();
        let said = match (step, change) {
            (Step::ChangePlan, Change::Plan(order)) => self.go_over(stripe, attempt, &customer, there, order).await?,
            (Step::CancelNow, _) => match stripe.end_now(there).await {
                // It may be an earlier try that ended it, whose answer got lost.
                Err(Failure::Missing(word)) => {
                    let said = stripe.find_subscription(there).await?;
                    if said.is_over() { said } else { return Err(Failure::Missing(word).into()) }
                }
                said => said?,
            },
            (Step::Pause, _) => stripe.pause(there, &key).await?,
            (Step::Unpause, _) => {
                let now = stripe.find_subscription(there).await?;
                attempt.send();
                match now.status.as_str() {
                    // Stripe itself lets some rest, and those go on in another way.
                    "paused" => stripe.wake(there, &key).await?,
                    _ if now.invoice == Invoice::Void => stripe.begin_anew(there, &key).await.map_err(unpayable)?,
                    _ => stripe.resume(there, &key).await?,
                }
            }
            (Step::CancelAtPeriodEnd | Step::ChangePlan, _) => stripe.end_with_period(there, &key).await?,
        };
        Ok(Answered { customer, said })
    }

    /// Takes over what Stripe answered, and gives the subscription as it is now.
    async fn conclude(
        &self,
        stripe: &Stripe,
        answered: &Answered,
        asked: Asked<'_>,
        turn: Turn,
    ) -> Result<Subscription, Error> {
        let along = Along { asked: Some(asked), event: None };
        let Answered { customer, said } = answered;
        let taken = match turn {
            Turn::First => self.take_over(customer, Told::One(said), along).await,
            Turn::Repeated => Ok(false),
        };
        let taken = match taken {
            Ok(false) => self.sync(stripe, customer.account, along).await,
            taken => taken.map(|_| ()),
        };
        if let Err(trouble) = taken {
            // It is done there, whatever this is: who asks again finds it.
            self.release(asked.call).await;
            tracing::warn!(?trouble, "what was done at Stripe is not taken over yet");
            return Err(Error::Unavailable(Dependency::Payments));
        }
        let found = subscriptions::find(&mut self.db.read().await?, customer.account, asked.call.subscription).await?;
        // Only who was deleted meanwhile has none.
        found.ok_or(Error::NotAuthenticated(Unauthenticated::SessionEnded))
    }

    /// Looks at Stripe after a refusal: it may be over there, or so already.
    async fn look_again(
        &self,
        stripe: &Stripe,
        (account, id): (AccountId, SubscriptionId),
        change: Change<'_>,
        told: Error,
    ) -> Result<Subscription, Error> {
        if self.sync(stripe, account, Along::default()).await.is_err() {
            return Err(told);
        }
        let found = subscriptions::find(&mut self.db.read().await?, account, id).await?.ok_or(told)?;
        match step_of(&found, change)? {
            None => Ok(found),
            Some(_) => Err(Error::Unavailable(Dependency::PaymentsSetUp)),
        }
    }
}

/// What a step is called in the log.
const fn name_of(step: Step) -> &'static str {
    match step {
        Step::ChangePlan => "change the plan",
        Step::CancelAtPeriodEnd | Step::CancelNow => "cancel",
        Step::Pause => "pause",
        Step::Unpause => "unpause",
    }
}
