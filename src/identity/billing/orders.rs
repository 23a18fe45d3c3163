//! What somebody orders of Stripe and pays it with: who he is there, his means of payment, and what is still to be paid.

use super::super::Core;
use super::super::subscriptions::{BegunSubscription, Change};
use super::Trouble;
use super::calls::{Attempt, Turn, part_key};
use super::sync::{Along, Told};
use crate::billing::{Failure, Invoice, NewSubscription, Payment, Presence, Stripe, Subscription as Said};
use crate::clock::Timestamp;
use crate::model::account::Account;
use crate::model::error::{Thing, Unauthenticated, Violation};
use crate::model::plan::Plan;
use crate::model::subscription::{Keeper, PaymentMethod, State, Subscription};
use crate::model::{AccountId, Error};
use crate::store::billing::{self, Call, Customer};
use crate::store::{accounts, subscriptions};

/// What somebody wants to have.
#[derive(Clone, Copy)]
pub(in crate::identity) struct Order<'a> {
    pub(in crate::identity) plan: &'a Plan,
    pub(in crate::identity) method: Option<&'a PaymentMethod>,
    /// For how many days nothing is to be paid.
    pub(in crate::identity) trial_days: u16,
}

/// What Stripe answered, and whose customer it was about, as that was before.
pub(super) struct Answered {
    pub(super) customer: Customer,
    pub(super) said: Said,
}

impl Core {
    /// Makes a subscription of what somebody orders.
    pub(super) async fn order(
        &self,
        stripe: &Stripe,
        attempt: &Attempt,
        account: &Account,
        order: Order<'_>,
    ) -> Result<Answered, Trouble> {
        let Order { plan, method, trial_days } = order;
        let call = &attempt.call;
        stripe.ensure_price(plan).await?;
        let customer = self.customer(stripe, call, account).await?;
        if let Some(method) = method {
            self.pay_with(stripe, attempt, &customer, method).await?;
        }
        let (account, subscription) = (account.id.to_string(), call.subscription.public());
        let new = NewSubscription {
            customer: &customer.id,
            account: &account,
            subscription: &subscription,
            price: &plan.stripe_price,
            trial_days,
            payment: if method.is_some() { Payment::AtHand } else { Payment::ToCome },
        };
        attempt.send();
        let said = stripe.subscribe(new, &call.key.to_string()).await;
        let said = self.unless_gone(stripe, &customer, said).await?;
        Ok(Answered { customer, said })
    }

    /// Forgets a customer that is not at Stripe any more, or never was at the account of this key, so that the next try makes
    /// another one. Whoever subscribes has nothing there that would be lost.
    async fn unless_gone<T>(
        &self,
        stripe: &Stripe,
        customer: &Customer,
        outcome: Result<T, Failure>,
    ) -> Result<T, Trouble> {
        if let Err(Failure::Missing(_)) = &outcome
            && stripe.find_customer(&customer.id).await? != Presence::There
        {
            let mut tx = self.db.write().await?;
            billing::delete_customer(&mut tx, customer).await?;
            tx.commit().await?;
        }
        Ok(outcome?)
    }

    /// Who the account is at Stripe; whoever it does not know yet is made known.
    async fn customer(&self, stripe: &Stripe, call: &Call, account: &Account) -> Result<Customer, Trouble> {
        if let Some(known) = billing::find_customer(&mut self.db.read().await?, account.id).await? {
            return Ok(known);
        }
        let email = account.email.as_deref();
        let key = part_key(call.key, "customer", email.unwrap_or_default());
        let id = stripe.create_customer(&account.id.to_string(), email, &key).await?;
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        accounts::lock(&mut tx, account.id).await?;
        billing::insert_customer(&mut tx, account.id, &id, now).await?;
        let known = billing::find_customer(&mut tx, account.id).await?;
        if known.as_ref().is_none_or(|known| known.id != id) {
            // The account was deleted meanwhile, or somebody else was faster.
            billing::insert_farewell(&mut tx, &id, now).await?;
        }
        tx.commit().await?;
        known.ok_or(Trouble::Own(Error::NotAuthenticated(Unauthenticated::SessionEnded)))
    }

    /// Lets a customer pay with this from now on.
    async fn pay_with(
        &self,
        stripe: &Stripe,
        attempt: &Attempt,
        customer: &Customer,
        method: &PaymentMethod,
    ) -> Result<String, Trouble> {
        let key = part_key(attempt.call.key, "pay", method.as_str());
        match stripe.pay_with(&customer.id, method.as_str(), &key).await {
            Err(Failure::Missing(word)) if word != "customer" => {
                if attempt.turn == Turn::First {
                    self.forget(&attempt.call).await?;
                }
                Err(unknown_method().into())
            }
            paid => self.unless_gone(stripe, customer, paid).await,
        }
    }

    /// Lets an account that has a subscription pay with this from now on. Done twice, it is the same.
    pub(super) async fn choose_method(
        &self,
        stripe: &Stripe,
        account: AccountId,
        there: &str,
        method: &PaymentMethod,
    ) -> Result<(), Error> {
        let customer = billing::find_customer(&mut self.db.read().await?, account).await?;
        let customer = customer.ok_or(Error::NotFound(Thing::Subscription))?;
        let choice = async { self.attach(stripe, &customer, there, method).await };
        self.errand("choose a means of payment", choice).await.map(drop).map_err(Trouble::into_error)
    }

    async fn attach(
        &self,
        stripe: &Stripe,
        customer: &Customer,
        there: &str,
        method: &PaymentMethod,
    ) -> Result<String, Trouble> {
        let key = self.random.uuid(self.clock.now()).to_string();
        match stripe.pay_with(&customer.id, method.as_str(), &key).await {
            Err(Failure::Missing(word)) if word != "customer" => Err(unknown_method().into()),
            paid => {
                let id = paid?;
                match stripe.choose_method(there, &id, &format!("{key}-choose")).await {
                    // One that is over is found to be, by what follows.
                    Ok(_) | Err(Failure::Missing(_)) => Ok(id),
                    Err(failure) => Err(failure.into()),
                }
            }
        }
    }

    /// Goes over to another plan, paid with something else if that is given.
    pub(super) async fn go_over(
        &self,
        stripe: &Stripe,
        attempt: &Attempt,
        customer: &Customer,
        there: &str,
        order: Order<'_>,
    ) -> Result<Said, Trouble> {
        let plan = order.plan;
        stripe.ensure_price(plan).await?;
        if let Some(method) = order.method {
            let id = self.pay_with(stripe, attempt, customer, method).await?;
            stripe.choose_method(there, &id, &part_key(attempt.call.key, "choose", &id)).await?;
        }
        let now = stripe.find_subscription(there).await?;
        let trial_end = trial_end(&now, plan, self.clock.now());
        attempt.send();
        let key = attempt.call.key.to_string();
        let changed = stripe.change_price(&now, &plan.stripe_price, trial_end.as_deref(), &key).await;
        Ok(changed.map_err(unpayable)?)
    }

    /// What is still to be paid of a subscription, or will be: paid with `method`, if that is given. What is so then is taken
    /// over, and told with what the person's browser confirms it by.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a means of payment that Stripe does not know; [`Error::PaymentFailed`]; [`Error::Unavailable`].
    pub(super) async fn pay_open(
        &self,
        stripe: &Stripe,
        begun: Subscription,
        method: Option<&PaymentMethod>,
    ) -> Result<BegunSubscription, Error> {
        let (account, id) = (begun.account, begun.id);
        let customer = billing::find_customer(&mut self.db.read().await?, account).await?;
        let (Some(customer), Keeper::Stripe { id: Some(there) }, true) =
            (customer, &begun.keeper, is_payable(begun.state))
        else {
            return Ok(BegunSubscription { subscription: self.own(begun), client_secret: None });
        };
        let paying = async {
            if let Some(method) = method {
                let method = self.attach(stripe, &customer, there, method).await?;
                self.pay_invoice(stripe, there, &method).await?;
            }
            Ok(stripe.find_subscription(there).await?)
        };
        let paid = self.errand("pay what is open", paying).await;
        let (said, refusal) = match paid {
            Ok(said) => (said, None),
            // It may be another one that can be confirmed, or that is over by now.
            Err(trouble @ Trouble::Stripe(Failure::Declined(_))) => {
                let question = async { Ok(stripe.find_subscription(there).await?) };
                let said = self.errand("read", question).await.map_err(Trouble::into_error)?;
                let needs_person = matches!(said.invoice, Invoice::Open { needs_person: true, .. });
                let refusal = (!needs_person).then(|| trouble.into_error());
                (said, refusal)
            }
            Err(trouble) => return Err(trouble.into_error()),
        };
        if !self.take_over(&customer, Told::One(&said), Along::default()).await.map_err(Trouble::into_error)? {
            self.sync(stripe, account, Along::default()).await.map_err(Trouble::into_error)?;
        }
        if let Some(refusal) = refusal {
            return Err(refusal);
        }
        let found = subscriptions::find(&mut self.db.read().await?, account, id).await?;
        let found = found.ok_or(Error::NotAuthenticated(Unauthenticated::SessionEnded))?;
        let client_secret = self.secret_of(stripe, &said, found.state).await;
        Ok(BegunSubscription { subscription: self.own(found), client_secret })
    }

    /// Pays the newest invoice, if it is open. Stripe takes no payment for what is paid.
    async fn pay_invoice(&self, stripe: &Stripe, there: &str, method: &str) -> Result<(), Trouble> {
        if let Invoice::Open { id, .. } = stripe.find_subscription(there).await?.invoice {
            let key = self.random.uuid(self.clock.now()).to_string();
            stripe.pay_invoice(&id, method, &key).await?;
        }
        Ok(())
    }

    /// By what the person's browser confirms a payment that is due, or gives what later ones are made with. Without it,
    /// whoever asks again gets it.
    pub(super) async fn secret_of(&self, stripe: &Stripe, said: &Said, state: State) -> Option<String> {
        match (state, &said.setup) {
            (State::Incomplete | State::PastDue, _) => Some(said.client_secret.as_ref()?.expose().to_owned()),
            (State::Trialing, Some(setup)) => {
                let question = async { Ok(stripe.find_setup_secret(setup).await?) };
                self.errand("read", question).await.ok().flatten().map(|secret| secret.expose().to_owned())
            }
            _ => None,
        }
    }

    /// Looks whether whoever seems to have nothing has something after all that nobody told of, before another one is made.
    pub(super) async fn look_first(&self, stripe: &Stripe, account: AccountId) -> Result<(), Error> {
        let mut reader = self.db.read().await?;
        let stored = subscriptions::list(&mut reader, account).await?;
        let customer = billing::find_customer(&mut reader, account).await?;
        drop(reader);
        let Some(customer) = customer.filter(|_| !stored.iter().any(is_open_there)) else { return Ok(()) };
        let trouble = match self.sync(stripe, account, Along::default()).await {
            Ok(()) => return Ok(()),
            Err(trouble @ Trouble::Stripe(Failure::Missing(_) | Failure::Refused(_))) => trouble,
            Err(trouble) => return Err(trouble.into_error()),
        };
        let question = async { Ok(stripe.find_customer(&customer.id).await?) };
        match self.errand("read", question).await {
            // That is found out, and mended, by what follows.
            Ok(Presence::Unknown) => Ok(()),
            _ => Err(trouble.into_error()),
        }
    }

    /// Insists that a plan is paid in the money of the one before: at Stripe a subscription keeps its currency.
    pub(super) fn insist_on_currency(&self, subscription: &Subscription, change: Change<'_>) -> Result<(), Error> {
        let Change::Plan(Order { plan, .. }) = change else { return Ok(()) };
        let old = self.config.plans.find(&subscription.plan);
        if subscription.state.is_over() || old.is_none_or(|old| old.currency == plan.currency) {
            return Ok(());
        }
        let message =
            "a plan in the currency of the one that the subscription has is expected; cancel it, and subscribe \
                       to this one after its end"
                .to_owned();
        Err(Error::Invalid(vec![Violation { field: "planId".to_owned(), message }]))
    }
}

/// When a trial ends with the plan that it goes over to: that gives no more days than its own, counted from the beginning.
fn trial_end(said: &Said, plan: &Plan, now: Timestamp) -> Option<String> {
    let end = said.period.0 + std::time::Duration::from_hours(24 * u64::from(plan.trial_days));
    let is_trial = said.status == "trialing" && said.price != plan.stripe_price;
    match is_trial && end < said.period.1 {
        true if end <= now => Some("now".to_owned()),
        true => Some(end.seconds().to_string()),
        false => None,
    }
}

/// That there is nothing to pay with is missing at Stripe, without a name, and a matter of the person's.
pub(super) fn unpayable(failure: Failure) -> Failure {
    match failure {
        Failure::Missing(word) if word == "unnamed" || word.contains("payment_method") => {
            Failure::Declined("payment_method_missing".to_owned())
        }
        failure => failure,
    }
}

/// Whether Stripe keeps it, or kept it.
pub(super) const fn is_kept_there(subscription: &Subscription) -> bool {
    matches!(subscription.keeper, Keeper::Stripe { .. })
}

/// Whether Stripe keeps it and it is not over.
pub(super) const fn is_open_there(subscription: &Subscription) -> bool {
    is_kept_there(subscription) && !subscription.state.is_over()
}

/// Whether somebody may want to pay for it: what is due, or will be after a trial.
pub(super) const fn is_payable(state: State) -> bool {
    matches!(state, State::Incomplete | State::PastDue | State::Unpaid | State::Trialing)
}

fn unknown_method() -> Error {
    let message = "Stripe has no such means of payment for you; take the id that its page gave just now".to_owned();
    Error::Invalid(vec![Violation { field: "paymentMethodId".to_owned(), message }])
}
