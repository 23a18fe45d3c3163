//! What Stripe says, taken over: whatever comes in whatever order, the newest is what stays.

use std::time::Duration;

use super::super::Core;
use super::super::subscriptions::Asker;
use super::{GIVEN_UP_AFTER, Trouble, calls};
use crate::billing::{Failure, Presence, Stripe, Subscription as Said};
use crate::clock::Timestamp;
use crate::model::audit::{Event, Subject};
use crate::model::mail::Letter;
use crate::model::plan::Period;
use crate::model::subscription::{Collection, Keeper, Renewal, State, Subscription};
use crate::model::{AccountId, Client, Error, SubscriptionId};
use crate::store::billing::{self, Call, Customer};
use crate::store::{Tx, accounts, subscriptions};

/// How often it is asked anew since somebody else took over something meanwhile.
const TURNS: u32 = 10;

/// How long the first one who was too late waits: what the other one wrote may not be stored yet. Twice as long each time.
const PAUSE: Duration = Duration::from_millis(5);

/// What belongs into the unit of work that takes over.
#[derive(Clone, Copy, Default)]
pub(super) struct Along<'a> {
    /// What a person asked for that is done now.
    pub(super) asked: Option<Asked<'a>>,
    /// The event that told of it.
    pub(super) event: Option<&'a str>,
}

/// What a person asked for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) call: &'a Call,
    pub(super) event: Event<'a>,
    pub(super) asker: Asker<'a>,
}

/// What Stripe said.
#[derive(Clone, Copy)]
pub(super) enum Told<'a> {
    /// Of all subscriptions of the customer to which something may have happened.
    Whole(&'a [Said]),
    /// Of one.
    One(&'a Said),
}

impl<'a> Told<'a> {
    fn all(self) -> &'a [Said] {
        match self {
            Self::Whole(said) => said,
            Self::One(said) => std::slice::from_ref(said),
        }
    }
}

impl Along<'_> {
    fn subject(&self, account: AccountId) -> (Subject<'_>, Option<&Client>) {
        match self.asked {
            Some(asked) => (asked.asker.subject, Some(asked.asker.client)),
            None => (Subject { account: Some(account), ..Subject::default() }, None),
        }
    }
}

impl Core {
    /// Asks Stripe for the subscriptions of an account to which something may have happened, and takes over what it says. An account that Stripe does not know
    /// has none.
    pub(super) async fn sync(&self, stripe: &Stripe, account: AccountId, along: Along<'_>) -> Result<(), Trouble> {
        self.errand("synchronise", self.try_sync(stripe, account, along)).await
    }

    async fn try_sync(&self, stripe: &Stripe, account: AccountId, along: Along<'_>) -> Result<(), Trouble> {
        for turn in 0..TURNS {
            // Before Stripe is asked: whoever takes over something after this may know something newer.
            let Some(customer) = billing::find_customer(&mut self.db.read().await?, account).await? else {
                return Ok(());
            };
            let open = subscriptions::list_open_at_stripe(&mut self.db.read().await?, account).await?;
            let said = list(stripe, &customer.id, open).await?;
            if self.take_over(&customer, Told::Whole(&said), along).await? {
                return Ok(());
            }
            tokio::time::sleep(PAUSE * 2_u32.pow(turn)).await;
        }
        Err(Failure::Unknown("others change at this customer all the time".to_owned()).into())
    }

    /// Takes over what Stripe said; `false` if somebody else took over something since `customer` was read, so that this may
    /// be older.
    pub(super) async fn take_over(
        &self,
        customer: &Customer,
        told: Told<'_>,
        along: Along<'_>,
    ) -> Result<bool, Trouble> {
        let (account, now) = (customer.account, self.clock.now());
        let own = told.all().iter().filter_map(|said| self.read(account, said, now));
        let own = own.collect::<Result<Vec<Subscription>, Failure>>()?;
        let mut tx = self.db.write().await?;
        accounts::lock(&mut tx, account).await?;
        if !billing::raise_revision(&mut tx, customer, now).await? {
            return Ok(false);
        }
        for new in &own {
            self.take_one(&mut tx, new.clone(), along).await?;
        }
        let stored = subscriptions::list(&mut tx, account).await?;
        if matches!(told, Told::Whole(_)) {
            for gone in stored.iter().filter(|stored| is_gone(stored, &own, now)) {
                let gone = Subscription { state: State::Canceled, updated_at: now, ..gone.clone() };
                self.take_one(&mut tx, gone, along).await?;
            }
        }
        if own.iter().any(|own| own.state.is_in_force()) {
            end_in_ledger(&mut tx, stored, now).await?;
        }
        self.keep_in_force(&mut tx, account, now).await?;
        self.settle_call(&mut tx, account, &own, along).await?;
        if let Some(event) = along.event {
            billing::insert_event(&mut tx, event, now).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// What Stripe says of a subscription of the account's; `None` if it was not made here.
    fn read(&self, account: AccountId, said: &Said, now: Timestamp) -> Option<Result<Subscription, Failure>> {
        let is_ours = said.account.as_deref() == Some(account.to_string().as_str());
        let id = said.subscription.as_deref().and_then(SubscriptionId::from_public).filter(|_| is_ours)?;
        let collection = if said.is_paused { Collection::Paused } else { Collection::On };
        let unknown =
            || Failure::Refused("a subscription is in a state that was not known when this was written".to_owned());
        let plan = self.config.plans.of_stripe_price(&said.price).map_or(&said.price, |plan| &plan.id);
        Some(State::of_stripe(&said.status, collection).ok_or_else(unknown).map(|state| Subscription {
            id,
            account,
            plan: plan.clone(),
            keeper: Keeper::Stripe { id: Some(said.id.clone()) },
            stripe_price: Some(said.price.clone()),
            state,
            period: Period { start: said.period.0, end: said.period.1 },
            renewal: if said.cancel_at_period_end { Renewal::Ends } else { Renewal::Renews },
            created_at: said.created,
            updated_at: now,
        }))
    }

    /// Whoever goes on to pay by the price of before has the plan of before, also when that is sold by another price now.
    fn with_plan_kept(&self, new: Subscription, old: Option<&Subscription>) -> Subscription {
        let is_sold =
            new.stripe_price.as_deref().is_some_and(|price| self.config.plans.of_stripe_price(price).is_some());
        match old {
            Some(old) if !is_sold && old.stripe_price == new.stripe_price => {
                Subscription { plan: old.plan.clone(), ..new }
            }
            Some(_) | None => new,
        }
    }

    /// Stores what became of a subscription, and tells its owner what he has to know.
    async fn take_one(&self, tx: &mut Tx, new: Subscription, along: Along<'_>) -> Result<(), Error> {
        let (account, now) = (new.account, new.updated_at);
        let old = subscriptions::find(tx, account, new.id).await?;
        let new = self.with_plan_kept(new, old.as_ref());
        if old.as_ref().is_some_and(|old| is_same(old, &new)) {
            return Ok(());
        }
        if !subscriptions::upsert(tx, &new).await? {
            // Nobody but us writes what is looked for, so it was written by hand.
            tracing::error!("a subscription at Stripe names one that is another account's, and is left out");
            return Ok(());
        }
        let (subject, client) = along.subject(account);
        if old.is_none() {
            self.record(tx, Event::SubscriptionCreated(&new.plan), subject, client, now).await?;
        }
        let before = old.as_ref().map(|old| old.state);
        if before == Some(new.state) {
            return Ok(());
        }
        let (at, plan) = (now.whole_seconds().rfc3339(), self.config.plans.name_of(&new.plan).to_owned());
        let (event, letter) = match new.state {
            State::PastDue => (Some(Event::SubscriptionPastDue), Some(Letter::PaymentFailed { at, plan })),
            // For whoever has it, it is over: nothing is given any more, and nothing collected.
            State::Unpaid => (Some(Event::SubscriptionUnpaid), Some(Letter::SubscriptionEnded { at, plan })),
            State::Incomplete => (None, Some(Letter::PaymentNeeded { at, plan })),
            // Of what he ended himself just now, or what was over before it was known here, nobody has to be told.
            State::Canceled if before.is_some() && along.asked.is_none() => {
                let is_news = before != Some(State::Unpaid);
                (Some(Event::SubscriptionEnded), is_news.then_some(Letter::SubscriptionEnded { at, plan }))
            }
            State::Canceled | State::Trialing | State::Active | State::Paused => return Ok(()),
        };
        if let Some(event) = event {
            self.record(tx, event, subject, client, now).await?;
        }
        match letter {
            Some(letter) => self.notify(tx, account, &letter, now).await,
            None => Ok(()),
        }
    }

    /// Takes the call out that this is the outcome of.
    async fn settle_call(
        &self,
        tx: &mut Tx,
        account: AccountId,
        own: &[Subscription],
        along: Along<'_>,
    ) -> Result<(), Error> {
        if let Some(Asked { call, event, asker }) = along.asked {
            billing::delete_call(tx, account, call.key).await?;
            // That something began is recorded where it is stored first, whoever does that.
            if !calls::is_new(call) {
                self.record(tx, event, asker.subject, Some(asker.client), asker.now).await?;
            }
            return Ok(());
        }
        match billing::find_call(tx, account).await? {
            Some(call) if calls::is_new(&call) && own.iter().any(|own| own.id == call.subscription) => {
                billing::delete_call(tx, account, call.key).await.map(|_| ())
            }
            _ => Ok(()),
        }
    }
}

/// The newest subscriptions of a customer, and those older ones that are not over here, so that it costs the same however many
/// somebody had. A customer that was deleted has none; of one that never was, the key is another account's, and nothing is
/// known of what somebody pays for.
async fn list(stripe: &Stripe, customer: &str, open: Vec<String>) -> Result<Vec<Said>, Failure> {
    let mut said = match stripe.list_newest(customer).await {
        Err(Failure::Missing(word)) => {
            return match stripe.find_customer(customer).await? {
                Presence::Deleted => Ok(Vec::new()),
                Presence::There => Err(Failure::Refused(format!("something is missing ({word})"))),
                Presence::Unknown => {
                    Err(Failure::Refused("a customer is not there: is it the key of another account?".to_owned()))
                }
            };
        }
        said => said?,
    };
    for id in open {
        if said.iter().any(|said| said.id == id) {
            continue;
        }
        match stripe.find_subscription(&id).await {
            Ok(older) => said.push(older),
            Err(Failure::Missing(_)) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(said)
}

/// Whether Stripe does not have any more what is not over here. What is very new it may not list yet.
fn is_gone(stored: &Subscription, own: &[Subscription], now: Timestamp) -> bool {
    let is_kept_there = matches!(stored.keeper, Keeper::Stripe { .. });
    let is_listed = own.iter().any(|own| own.id == stored.id);
    is_kept_there && !is_listed && !stored.state.is_over() && stored.created_at + GIVEN_UP_AFTER < now
}

/// Whoever has something at Stripe does not need what costs nothing any more.
async fn end_in_ledger(tx: &mut Tx, stored: Vec<Subscription>, now: Timestamp) -> Result<(), Error> {
    for mut old in stored.into_iter().map(|stored| stored.as_of(now)) {
        if let Keeper::Ledger { ends_at, .. } = &mut old.keeper
            && !old.state.is_over()
        {
            *ends_at = Some(now);
            let ended = Subscription { state: State::Canceled, renewal: Renewal::Ends, updated_at: now, ..old };
            subscriptions::upsert(tx, &ended).await?;
        }
    }
    Ok(())
}

/// Whether nothing is new but when it was read.
fn is_same(old: &Subscription, new: &Subscription) -> bool {
    let new = Subscription { updated_at: old.updated_at, created_at: old.created_at, ..new.clone() };
    *old == new
}
