//! Calls at Stripe that are under way, or whose outcome nobody knows: one an account at a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::Core;
use super::super::subscriptions::{Asker, Change};
use super::sync::Along;
use super::{CLAIM, GIVEN_UP_AFTER, Trouble};
use crate::billing::Stripe;
use crate::clock::Timestamp;
use crate::model::audit::{Event, Subject};
use crate::model::error::{Conflict, Dependency, Limited};
use crate::model::subscription::{Keeper, Renewal, State, Subscription};
use crate::model::{AccountId, Error, SubscriptionId};
use crate::store::billing::{self, Call};
use crate::store::{Tx, subscriptions};

/// How many subscriptions an account may make at Stripe in a day, and what that limit is called.
const NEW_A_DAY: u32 = 10;
const NEW: &str = "subscriptions";
const DAY: Duration = Duration::from_hours(24);

/// What is wanted of Stripe, as it is kept with the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "wish", rename_all = "snake_case")]
pub(super) enum Wish {
    Subscribe { plan: String, has_method: bool },
    ChangePlan { plan: String },
    Cancel,
    Pause,
    Unpause,
}

/// What became of what was begun earlier.
pub(super) enum Earlier {
    /// There is nothing any more that anybody waits for.
    Nothing,
    /// It is the same as what is wanted now, and it is done.
    Done(Subscription),
    /// It is the same, it may have got lost, and it can be sent again: done once, by its key.
    Open(Call),
}

/// Whether a call is made for the first time. What Stripe answers to a repetition may be what it answered then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    First,
    Repeated,
}

/// One try to carry a call out.
pub(super) struct Attempt {
    pub(super) call: Call,
    pub(super) turn: Turn,
    is_sent: AtomicBool,
}

impl Attempt {
    pub(super) const fn new(call: Call, turn: Turn) -> Self {
        Self { call, turn, is_sent: AtomicBool::new(false) }
    }

    /// To be called before that is sent which the call is about: what fails from now on is that itself.
    pub(super) fn send(&self) {
        self.is_sent.store(true, Ordering::Relaxed);
    }

    /// Whether an earlier try may still come to something, about which this one has learnt nothing.
    fn is_open(&self) -> bool {
        self.turn == Turn::Repeated && !self.is_sent.load(Ordering::Relaxed)
    }
}

impl Wish {
    pub(super) fn of(change: Change<'_>) -> Self {
        match change {
            Change::Plan(order) => Self::ChangePlan { plan: order.plan.id.clone() },
            Change::Cancel => Self::Cancel,
            Change::Pause => Self::Pause,
            Change::Unpause => Self::Unpause,
        }
    }

    /// What a call wants; `None` if it was written by another version.
    pub(super) fn read(call: &Call) -> Option<Self> {
        serde_json::from_str(&call.wish).ok()
    }

    pub(super) const fn is_new(&self) -> bool {
        matches!(self, Self::Subscribe { .. })
    }

    fn is_fulfilled_by(&self, subscription: &Subscription) -> bool {
        let Subscription { state, renewal, .. } = subscription;
        match self {
            Self::Subscribe { .. } => !state.is_over(),
            Self::ChangePlan { plan } => {
                *plan == subscription.plan && *renewal == Renewal::Renews && state.is_in_force()
            }
            Self::Cancel => state.is_over() || (*renewal == Renewal::Ends && *state != State::Unpaid),
            Self::Pause => *state == State::Paused,
            Self::Unpause => state.is_in_force(),
        }
    }
}

impl Core {
    /// Notes a call before it is made, and stores that.
    ///
    /// # Errors
    /// [`Conflict::SubscriptionChangeUnderWay`]; [`Error::TooMany`] for one that makes more than a day's; [`Error::Unavailable`].
    pub(super) async fn begin_call(
        &self,
        mut tx: Tx,
        account: AccountId,
        subscription: SubscriptionId,
        wish: &Wish,
        now: Timestamp,
    ) -> Result<Call, Error> {
        if wish.is_new() {
            self.bound_new(&mut tx, account, now).await?;
        }
        let call = Call {
            account,
            key: self.random.uuid(now),
            subscription,
            wish: serde_json::to_string(wish).map_err(|error| Error::Internal(error.into()))?,
            begun_at: now,
            claimed_until: self.claim_end(now),
        };
        if !billing::insert_call(&mut tx, &call).await? {
            return Err(Error::Conflict(Conflict::SubscriptionChangeUnderWay));
        }
        tx.commit().await?;
        Ok(call)
    }

    /// Whoever makes and ends subscriptions without end fills Stripe with them, and gets no further here.
    async fn bound_new(&self, tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<(), Error> {
        let is_there = |stored: &Subscription| matches!(stored.keeper, Keeper::Stripe { .. });
        let mut made =
            subscriptions::list(tx, account).await?.into_iter().filter(is_there).map(|stored| stored.created_at);
        // The newest comes first.
        let Some(earlier) = made.nth(NEW_A_DAY as usize - 1) else { return Ok(()) };
        let retry_after = (earlier + DAY).since(now);
        if retry_after.is_zero() {
            return Ok(());
        }
        self.metrics.count_limited(NEW);
        Err(Error::TooMany(Limited { policy: NEW, burst: NEW_A_DAY, retry_after }))
    }

    pub(super) fn claim_end(&self, now: Timestamp) -> Timestamp {
        now + CLAIM + self.config.wallet.clock_skew
    }

    /// Finds out what became of a call of the account's that was begun earlier.
    ///
    /// # Errors
    /// [`Conflict::SubscriptionChangeUnderWay`] while somebody makes it; [`Error::Unavailable`] if nobody can know yet.
    pub(super) async fn settle_earlier(
        &self,
        stripe: &Stripe,
        account: AccountId,
        wish: &Wish,
        subscription: Option<SubscriptionId>,
        asker: Asker<'_>,
    ) -> Result<Earlier, Error> {
        let Some(call) = billing::find_call(&mut self.db.read().await?, account).await? else {
            return Ok(Earlier::Nothing);
        };
        let Some(call) = self.claim(call).await? else {
            return Err(Error::Conflict(Conflict::SubscriptionChangeUnderWay));
        };
        let synced = self.sync(stripe, account, Along::default()).await;
        if let Err(trouble) = synced {
            self.release(&call).await;
            return Err(trouble.into_error());
        }
        let is_about_it = subscription.is_none_or(|wanted| wanted == call.subscription);
        let is_same = is_about_it && Wish::read(&call).as_ref() == Some(wish);
        let now = self.clock.now();
        let found = subscriptions::find(&mut self.db.read().await?, account, call.subscription).await?;
        let is_young = now < call.begun_at + GIVEN_UP_AFTER;
        match found.map(|found| found.as_of(now)) {
            Some(found) if is_same && wish.is_fulfilled_by(&found) => {
                self.settle_known(&call, Some(&found), Some(asker)).await?;
                Ok(Earlier::Done(found))
            }
            // What is not there may still come.
            None if is_young && !is_same && is_new(&call) => {
                self.release(&call).await;
                Err(Error::Unavailable(Dependency::Payments))
            }
            found if is_young && is_same && (found.is_none() || !wish.is_new()) => {
                self.renew(&call).await?;
                Ok(Earlier::Open(call))
            }
            found => {
                self.settle_known(&call, found.as_ref(), None).await?;
                Ok(Earlier::Nothing)
            }
        }
    }

    /// Notes that a call is sent again: what may still come of it is as young as its last try.
    async fn renew(&self, call: &Call) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        billing::renew_call(&mut tx, call, self.clock.now()).await?;
        tx.commit().await
    }

    /// Takes a call that nobody has; `None` if somebody has it.
    pub(super) async fn claim(&self, call: Call) -> Result<Option<Call>, Error> {
        let now = self.clock.now();
        let until = self.claim_end(now);
        let mut tx = self.db.write().await?;
        let claimed = billing::claim_call(&mut tx, &call, until, now).await?;
        tx.commit().await?;
        Ok(claimed.then_some(Call { claimed_until: until, ..call }))
    }

    /// Puts a call back whose outcome stays unknown. If that can't be noted, it is free again when the claim is over.
    pub(super) async fn release(&self, call: &Call) {
        let released = async {
            let mut tx = self.db.write().await?;
            billing::release_call(&mut tx, call, self.clock.now()).await?;
            tx.commit().await
        };
        if let Err(error) = released.await {
            tracing::warn!(?error, "a call at Stripe is not put back, and waits until its time is over");
        }
    }

    /// Takes a call out whose outcome is known, with what the audit trail is told if it is done. That something began it was told
    /// when that was stored.
    pub(super) async fn settle_known(
        &self,
        call: &Call,
        found: Option<&Subscription>,
        asker: Option<Asker<'_>>,
    ) -> Result<(), Error> {
        let wish = Wish::read(call).filter(|wish| found.is_some_and(|found| wish.is_fulfilled_by(found)));
        let event = match &wish {
            None | Some(Wish::Subscribe { .. }) => None,
            Some(Wish::ChangePlan { plan }) => Some(Event::SubscriptionChanged(plan)),
            Some(Wish::Cancel) => Some(Event::SubscriptionCanceled),
            Some(Wish::Pause) => Some(Event::SubscriptionPaused),
            Some(Wish::Unpause) => Some(Event::SubscriptionResumed),
        };
        // By which session it was wanted is known only to whoever comes back for it.
        let whose = Subject { account: Some(call.account), ..Subject::default() };
        let (subject, client) = asker.map_or((whose, None), |asker| (asker.subject, Some(asker.client)));
        let mut tx = self.db.write().await?;
        let is_ours = billing::delete_call(&mut tx, call.account, call.key).await?;
        if let Some(event) = event.filter(|_| is_ours) {
            self.record(&mut tx, event, subject, client, self.clock.now()).await?;
        }
        tx.commit().await
    }

    /// Takes a call out whose outcome is known.
    pub(super) async fn forget(&self, call: &Call) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        billing::delete_call(&mut tx, call.account, call.key).await?;
        tx.commit().await
    }

    /// Ends a try that came to nothing. One that failed before it sent again what an earlier one sent says nothing of that.
    pub(super) async fn give_up_attempt(&self, attempt: &Attempt, trouble: Trouble) -> Error {
        if attempt.is_open() {
            self.release(&attempt.call).await;
            return trouble.into_error();
        }
        self.give_up(&attempt.call, trouble).await
    }

    /// Ends a call that came to nothing: taken out if that is sure, else put back. Gives what whoever asked is told.
    async fn give_up(&self, call: &Call, trouble: Trouble) -> Error {
        if !trouble.is_definite() {
            self.release(call).await;
        } else if let Err(error) = self.forget(call).await {
            return error;
        }
        trouble.into_error()
    }
}

/// Whether a call makes a subscription. One that can't be read might.
pub(super) fn is_new(call: &Call) -> bool {
    Wish::read(call).is_none_or(|wish| wish.is_new())
}

/// A key of Stripe's for one part of a call: the same part of the same call has the same, and another content another.
pub(super) fn part_key(call: Uuid, part: &str, content: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content.as_bytes());
    format!("{call}-{part}-{}", hex::encode(&digest.as_ref()[..8]))
}
