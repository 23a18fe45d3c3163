//! What people want of a subscription that Stripe keeps: begun and noted here, done there, and taken over.

use super::super::subscriptions::{Asker, BegunSubscription, Change, event_of, step_of};
use super::super::{Core, PersonPresent};
use super::Trouble;
use super::calls::{Earlier, Wish, part_key};
use super::sync::{Along, Asked, Told};
use crate::billing::{Failure, NewSubscription, Payment, Presence, Stripe, Subscription as Said};
use crate::model::account::Account;
use crate::model::audit::Event;
use crate::model::error::{Conflict, Dependency, Thing, Unauthenticated, Violation};
use crate::model::plan::Plan;
use crate::model::subscription::{Keeper, PaymentMethod, State, Step, Subscription};
use crate::model::{AccountId, Error, SubscriptionId};
use crate::store::billing::{self, Call, Customer};
use crate::store::{accounts, subscriptions};

/// What somebody wants to have.
#[derive(Clone, Copy)]
pub(in crate::identity) struct Order<'a> {
    pub(in crate::identity) plan: &'a Plan,
    pub(in crate::identity) method: Option<&'a PaymentMethod>,
}

/// What Stripe answered, and whose customer it was about, as that was before.
struct Answered {
    customer: Customer,
    said: Said,
}

/// Whether a call is made for the first time. What Stripe answers to a repetition may be what it answered then.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    First,
    Repeated,
}

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
            Earlier::Done(done) => return self.with_secret(stripe, done).await,
            Earlier::Open(call) => Some(call),
            Earlier::Nothing => None,
        };
        let mut tx = self.begin_change(person).await?;
        let stored = subscriptions::list(&mut tx, account.id).await?;
        let is_open = |stored: &Subscription| matches!(stored.keeper, Keeper::Stripe { .. }) && !stored.state.is_over();
        if let Some(open) = stored.into_iter().find(is_open) {
            drop(tx);
            let is_unpaid = open.state == State::Incomplete && open.plan == plan.id;
            return if is_unpaid {
                self.with_secret(stripe, open).await
            } else {
                Err(Error::Conflict(Conflict::SubscriptionExists))
            };
        }
        let (call, turn) = if let Some(call) = earlier {
            drop(tx);
            (call, Turn::Repeated)
        } else {
            let id = SubscriptionId(self.random.uuid(asker.now));
            (self.begin_call(tx, account.id, id, &wish, asker.now).await?, Turn::First)
        };
        let answered = match self.errand("subscribe", self.order(stripe, &call, account, order)).await {
            Ok(answered) => answered,
            Err(trouble) => return Err(self.give_up(&call, trouble).await),
        };
        let secret = answered.said.client_secret.clone();
        let done = Asked { call: &call, event: Event::SubscriptionCreated(&plan.id), asker };
        let subscription = self.conclude(stripe, &answered, done, turn).await?;
        let secret = secret.filter(|_| subscription.state == State::Incomplete);
        let client_secret = secret.map(|secret| secret.expose().to_owned());
        Ok(BegunSubscription { subscription: self.own(subscription), client_secret })
    }

    /// A subscription that was begun, with what its first payment takes if it waits for that.
    async fn with_secret(&self, stripe: &Stripe, begun: Subscription) -> Result<BegunSubscription, Error> {
        let secret = match &begun.keeper {
            Keeper::Stripe { id: Some(id) } if begun.state == State::Incomplete => {
                let question = async { Ok(stripe.find_subscription(id).await?) };
                self.errand("read", question).await.map_err(Trouble::into_error)?.client_secret
            }
            Keeper::Stripe { .. } | Keeper::Ledger { .. } => None,
        };
        let client_secret = secret.map(|secret| secret.expose().to_owned());
        Ok(BegunSubscription { subscription: self.own(begun), client_secret })
    }

    async fn order(
        &self,
        stripe: &Stripe,
        call: &Call,
        account: &Account,
        order: Order<'_>,
    ) -> Result<Answered, Trouble> {
        let Order { plan, method } = order;
        stripe.ensure_price(plan).await?;
        let customer = self.customer(stripe, call, account).await?;
        if let Some(method) = method {
            let key = part_key(call.key, "pay", method.as_str());
            match stripe.pay_with(&customer.id, method.as_str(), &key).await {
                Err(Failure::Missing(word)) if word != "customer" => {
                    self.forget(call).await?;
                    return Err(unknown_method().into());
                }
                paid => drop(self.unless_gone(stripe, &customer, paid).await?),
            }
        }
        let (account, subscription) = (account.id.to_string(), call.subscription.public());
        let new = NewSubscription {
            customer: &customer.id,
            account: &account,
            subscription: &subscription,
            price: &plan.stripe_price,
            trial_days: plan.trial_days,
            payment: if method.is_some() { Payment::AtHand } else { Payment::ToCome },
        };
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
        let (step, there) = match (step_of(&found, change), &found.keeper) {
            (Ok(Some(step)), Keeper::Stripe { id: Some(there) }) => (step, there.clone()),
            (judged, _) => {
                drop(tx);
                if let Some(call) = &earlier {
                    self.forget(call).await?;
                }
                return judged.map(|_| found);
            }
        };
        let (call, turn) = if let Some(call) = earlier {
            drop(tx);
            (call, Turn::Repeated)
        } else {
            (self.begin_call(tx, account, id, &wish, asker.now).await?, Turn::First)
        };
        let made = self.errand(name_of(step), self.make_step(stripe, &call, &there, change, step)).await;
        match made {
            Ok(answered) => {
                let plan = if let Change::Plan(plan) = change { &plan.id } else { &found.plan };
                let done = Asked { call: &call, event: event_of(step, plan), asker };
                self.conclude(stripe, &answered, done, turn).await
            }
            Err(trouble @ Trouble::Stripe(Failure::Missing(_) | Failure::Refused(_))) => {
                let told = self.give_up(&call, trouble).await;
                self.look_again(stripe, (account, id), change, told).await
            }
            Err(trouble) => Err(self.give_up(&call, trouble).await),
        }
    }

    async fn make_step(
        &self,
        stripe: &Stripe,
        call: &Call,
        there: &str,
        change: Change<'_>,
        step: Step,
    ) -> Result<Answered, Trouble> {
        let customer = billing::find_customer(&mut self.db.read().await?, call.account).await?;
        let customer = customer.ok_or_else(|| Failure::Refused("the customer is not known any more".to_owned()))?;
        let key = call.key.to_string();
        let said = match (step, change) {
            (Step::ChangePlan, Change::Plan(plan)) => {
                stripe.ensure_price(plan).await?;
                let now = stripe.find_subscription(there).await?;
                stripe.change_price(there, &now.item, &plan.stripe_price, &key).await?
            }
            (Step::CancelNow, _) => stripe.end_now(there).await?,
            (Step::Pause, _) => stripe.pause(there, &key).await?,
            (Step::Unpause, _) => {
                let now = stripe.find_subscription(there).await?;
                match now.status.as_str() {
                    // Stripe itself lets some rest, and those go on in another way.
                    "paused" => stripe.wake(there, &key).await?,
                    _ if now.is_void => stripe.begin_anew(there, &key).await?,
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

fn unknown_method() -> Error {
    let message = "Stripe has no such means of payment for you; take the id that its page gave just now".to_owned();
    Error::Invalid(vec![Violation { field: "paymentMethodId".to_owned(), message }])
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
