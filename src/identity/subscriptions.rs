//! What people subscribe to: which moves there are, who keeps what, and what every sign-in is told of it. What costs nothing
//! is kept here, in the ledger.

use super::billing::Order;
use super::changes::subject_of;
use super::{Caller, Core, Person, PersonPresent};
use crate::clock::Timestamp;
use crate::model::audit::{Event, Subject};
use crate::model::error::{Conflict, Setting, Thing, Violation};
use crate::model::plan::{Period, Plan};
use crate::model::subscription::{Keeper, Move, PaymentMethod, Renewal, State, Step, Subscription, Verdict, judge};
use crate::model::{AccountId, Client, Error, SubscriptionId};
use crate::store::{Queryable, Tx, subscriptions};

/// A subscription, as its owner sees it.
#[derive(Clone, Debug)]
pub struct OwnSubscription {
    /// Its id.
    pub id: SubscriptionId,
    /// What the plan gives.
    pub plan: String,
    /// The plan's id.
    pub plan_id: String,
    /// How it is doing.
    pub state: State,
    /// The period that it is in.
    pub period: Period,
    /// Whether it goes on after the period.
    pub renewal: Renewal,
}

/// A subscription that was just made.
#[derive(Clone, Debug)]
pub struct BegunSubscription {
    /// The subscription.
    pub subscription: OwnSubscription,
    /// By which its owner's browser confirms the first payment, if that needs him.
    pub client_secret: Option<String>,
}

/// The subscription in force, as an account is shown with it.
#[derive(Clone, Debug)]
pub struct LiveSubscription {
    /// What the plan gives.
    pub plan: String,
    /// How it is doing.
    pub state: State,
}

/// What somebody wants to subscribe to.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionWish<'a> {
    /// The plan's id.
    pub plan: &'a str,
    /// What it is paid with.
    pub payment_method: Option<&'a PaymentMethod>,
}

/// A change of a subscription.
#[derive(Clone, Copy, Debug)]
pub enum SubscriptionChange<'a> {
    /// To this plan, paid with this from now on.
    Plan(SubscriptionWish<'a>),
    /// It ends with its period.
    Cancel,
    /// It rests.
    Pause,
    /// It goes on.
    Unpause,
}

/// A change, with the plan that it names.
#[derive(Clone, Copy)]
pub(super) enum Change<'a> {
    Plan(Order<'a>),
    Cancel,
    Pause,
    Unpause,
}

impl Change<'_> {
    /// Which move this is for a subscription.
    pub(super) fn of(self, subscription: &Subscription) -> Move {
        match self {
            Self::Plan(order) if order.plan.id == subscription.plan => Move::KeepPlan,
            Self::Plan(_) => Move::ChangePlan,
            Self::Cancel => Move::Cancel,
            Self::Pause => Move::Pause,
            Self::Unpause => Move::Unpause,
        }
    }
}

/// Who wants something of a subscription, and when.
#[derive(Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) subject: Subject<'a>,
    pub(super) client: &'a Client,
    pub(super) now: Timestamp,
}

impl Core {
    /// The caller's subscriptions, the newest one first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn subscriptions(&self, caller: &Caller) -> Result<Vec<OwnSubscription>, Error> {
        let now = self.clock.now();
        let stored = subscriptions::list(&mut self.db.read().await?, caller.account().id).await?;
        Ok(stored.into_iter().map(|subscription| self.own(subscription.as_of(now))).collect())
    }

    /// Subscribes to a plan.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a plan that is not offered; [`Conflict::SubscriptionExists`] if the account has a subscription
    /// that is not over; [`Setting::Payments`] for a plan that costs something where nobody takes payments;
    /// [`Error::TooMany`], [`Error::Unavailable`]; [`Error::NotAuthenticated`] or [`Error::Forbidden`] if the session was
    /// ended meanwhile.
    pub async fn subscribe(
        &self,
        person: &PersonPresent,
        wish: SubscriptionWish<'_>,
        client: &Client,
    ) -> Result<BegunSubscription, Error> {
        let asker = self.asker(person, client)?;
        let outcome = self.try_subscribe(person, wish, asker).await;
        self.metrics.count_subscription_move(outcome.as_ref().map_or_else(Error::code, |_| "ok"));
        outcome
    }

    /// Changes a subscription of the person's; what is so already stays so.
    ///
    /// # Errors
    /// [`Thing::Subscription`] if it is not his, whether or not it is somebody else's; [`Error::Invalid`] for a plan that is
    /// not offered; [`Conflict::SubscriptionMoveImpossible`]; else as [`Core::subscribe`].
    pub async fn change_subscription(
        &self,
        person: &PersonPresent,
        id: Option<SubscriptionId>,
        change: SubscriptionChange<'_>,
        client: &Client,
    ) -> Result<OwnSubscription, Error> {
        let asker = self.asker(person, client)?;
        let outcome = self.try_change(person, id, change, asker).await;
        self.metrics.count_subscription_move(outcome.as_ref().map_or_else(Error::code, |_| "ok"));
        outcome.map(|subscription| self.own(subscription))
    }

    /// The subscription in force, as an account is shown with it.
    #[must_use]
    pub fn live_subscription(&self, person: &Person) -> Option<LiveSubscription> {
        let in_force = person.account().in_force(self.clock.now())?;
        Some(LiveSubscription { plan: self.config.plans.name_of(&in_force.plan).to_owned(), state: in_force.state })
    }

    async fn try_subscribe(
        &self,
        person: &PersonPresent,
        wish: SubscriptionWish<'_>,
        asker: Asker<'_>,
    ) -> Result<BegunSubscription, Error> {
        let plan = self.offered(wish.plan)?;
        if let Some(stripe) = &self.stripe {
            let order = Order { plan, method: wish.payment_method, trial_days: plan.trial_days };
            return self.subscribe_at_stripe(stripe, person, order, asker).await;
        }
        let mut tx = self.begin_change(person).await?;
        let account = person.account().id;
        let stored = subscriptions::list(&mut tx, account).await?;
        if stored.into_iter().any(|subscription| !subscription.as_of(asker.now).state.is_over()) {
            return Err(Error::Conflict(Conflict::SubscriptionExists));
        }
        let subscription = self.begin_in_ledger(tx, account, plan, asker).await?;
        Ok(BegunSubscription { subscription: self.own(subscription), client_secret: None })
    }

    /// The one place where it is decided who carries a change out: whoever keeps the subscription.
    async fn try_change(
        &self,
        person: &PersonPresent,
        id: Option<SubscriptionId>,
        change: SubscriptionChange<'_>,
        asker: Asker<'_>,
    ) -> Result<Subscription, Error> {
        let change = match change {
            SubscriptionChange::Plan(SubscriptionWish { plan, payment_method: method }) => {
                let plan = self.offered(plan)?;
                Change::Plan(Order { plan, method, trial_days: plan.trial_days })
            }
            SubscriptionChange::Cancel => Change::Cancel,
            SubscriptionChange::Pause => Change::Pause,
            SubscriptionChange::Unpause => Change::Unpause,
        };
        let missing = Error::NotFound(Thing::Subscription);
        let Some(id) = id else { return Err(missing) };
        let mut tx = self.begin_change(person).await?;
        let found = subscriptions::find(&mut tx, person.account().id, id).await?;
        let Some(subscription) = found.map(|found| found.as_of(asker.now)) else { return Err(missing) };
        match (&subscription.keeper, &self.stripe) {
            (Keeper::Ledger { .. }, _) => self.change_in_ledger(tx, subscription, change, asker).await,
            (Keeper::Stripe { .. }, Some(stripe)) => {
                drop(tx);
                self.change_at_stripe(stripe, person, id, change, asker).await
            }
            (Keeper::Stripe { .. }, None) => Err(Error::NotConfigured(Setting::Payments)),
        }
    }

    /// The plan of this id, if it is offered.
    fn offered(&self, id: &str) -> Result<&Plan, Error> {
        let message = "the id of a plan that is offered is expected".to_owned();
        let unknown = || Error::Invalid(vec![Violation { field: "planId".to_owned(), message }]);
        self.config.plans.find(id).ok_or_else(unknown)
    }

    fn asker<'a>(&self, person: &PersonPresent, client: &'a Client) -> Result<Asker<'a>, Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        Ok(Asker { subject: subject_of(person), client, now })
    }

    pub(super) fn own(&self, subscription: Subscription) -> OwnSubscription {
        let Subscription { id, plan, state, period, renewal, .. } = subscription;
        OwnSubscription { id, plan: self.config.plans.name_of(&plan).to_owned(), plan_id: plan, state, period, renewal }
    }

    /// Keeps with the account what every sign-in is told of its subscriptions, in the unit of work that changed them.
    pub(super) async fn keep_in_force(&self, tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<(), Error> {
        let in_force = find_in_force(tx, account, now).await?.and_then(|subscription| subscription.in_force());
        subscriptions::update_in_force(tx, account, in_force.as_ref()).await
    }
}

/// The subscription in force; the newest one, if there are several.
pub(super) async fn find_in_force(
    db: &mut impl Queryable,
    account: AccountId,
    now: Timestamp,
) -> Result<Option<Subscription>, Error> {
    Ok(newest_in_force(subscriptions::list(db, account).await?, now))
}

/// The same of what was listed already.
pub(super) fn newest_in_force(stored: Vec<Subscription>, now: Timestamp) -> Option<Subscription> {
    stored.into_iter().map(|subscription| subscription.as_of(now)).find(|subscription| subscription.state.is_in_force())
}

/// What has to be done for a change, if anything.
///
/// # Errors
/// [`Conflict::SubscriptionMoveImpossible`].
pub(super) fn step_of(subscription: &Subscription, change: Change<'_>) -> Result<Option<Step>, Error> {
    match judge(subscription.state, subscription.renewal, change.of(subscription)) {
        Verdict::Do(step) => Ok(Some(step)),
        Verdict::Nothing => Ok(None),
        Verdict::Impossible => Err(Error::Conflict(Conflict::SubscriptionMoveImpossible)),
    }
}

/// What the audit trail is told of a step.
pub(super) fn event_of(step: Step, plan: &str) -> Event<'_> {
    match step {
        Step::ChangePlan => Event::SubscriptionChanged(plan),
        Step::CancelAtPeriodEnd | Step::CancelNow => Event::SubscriptionCanceled,
        Step::Pause => Event::SubscriptionPaused,
        Step::Unpause => Event::SubscriptionResumed,
    }
}
