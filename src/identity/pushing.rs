//! Carrying notices out of the outbox to the service that reaches devices: what is due, many at once, and what comes of
//! each.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::Core;
use super::doubts::Doubts;
use super::fate::{Fate, LONGEST_PAUSE, MARGIN, Rest, pause};
use crate::clock::Timestamp;
use crate::model::Error;
use crate::model::delivery::{Failure, Way};
use crate::model::device::PushToken;
use crate::model::notice::Notice;
use crate::push::{Parcel, Service, TRY, Unsent};
use crate::store::outbox::{self, InHand};

/// How many notices one round takes, in one unit of work, and how many rounds there are until the outbox is looked into
/// again.
const BATCH: u8 = 60;
const ROUNDS: usize = 20;

/// How many are on their way at once, each on a connection that is kept.
const AT_ONCE: u8 = 20;

/// How long a round takes at the most: as many tries after each other as there are for one connection.
const ROUND: Duration = TRY.saturating_mul((BATCH / AT_ONCE) as u32);

/// Of how many at once it is noted what came of them: each takes a connection to the database, and sign-ins need some.
const NOTED_AT_ONCE: usize = 4;

/// The longest that the service is left alone of our own accord.
const LONGEST_REST: Duration = Duration::from_mins(10);

/// What it means that a notice was not sent.
enum Weighed {
    Gone(&'static str),
    Failed { failure: Failure, at_least: Duration },
}

/// What sends notices, and when it may be asked again.
pub(super) struct Pushing {
    service: Service,
    rest: Rest,
    doubts: Doubts,
    noting: Semaphore,
}

impl Pushing {
    pub(super) fn new(service: Service) -> Self {
        Self { service, rest: Rest::default(), doubts: Doubts::default(), noting: Semaphore::new(NOTED_AT_ONCE) }
    }

    /// What it means that a notice was not sent: for the device, for the notice and, if the service is `Away`, for all.
    fn weigh(&self, unsent: Unsent, device: &PushToken, now: Timestamp) -> Weighed {
        let (failure, at_least) = match unsent {
            Unsent::Gone(why) => return Weighed::Gone(why),
            Unsent::Foreign(why) if self.doubts.has_taken() => {
                tracing::warn!(why, "a device is one of another project than fcm.service_account");
                return Weighed::Gone(why);
            }
            Unsent::Failed { failure, at_least } => (failure, at_least),
            Unsent::Unclear { why, at_least } if self.doubts.note_failure(device) => (Failure::Away(why), at_least),
            Unsent::Unclear { why, at_least } => (Failure::Later(why), at_least),
            // Before anything was taken, the account may as well be the one that is of another project.
            Unsent::Foreign(why) if self.doubts.note_failure(device) => (self.misconfigured(why.to_owned(), now), None),
            Unsent::Foreign(why) => (Failure::Later(format!("{why}, and nothing was sent since the start")), None),
            Unsent::Unnamed(why) if self.doubts.note_failure(device) => (self.misconfigured(why, now), None),
            Unsent::Unnamed(why) => (Failure::Later(why), None),
            Unsent::Misconfigured(why) => (self.misconfigured(why, now), None),
        };
        Weighed::Failed { failure, at_least: at_least.unwrap_or_default().min(LONGEST_PAUSE) }
    }

    /// Tells the operator, once for all that fail together.
    fn misconfigured(&self, why: String, now: Timestamp) -> Failure {
        if !self.rest.rests(now) {
            tracing::error!(why, "FCM does not take what fcm.service_account says: no device is told anything");
        }
        Failure::Away(why)
    }
}

impl Core {
    /// Sends the notices that are due, until `stop` turns true. Then those are waited for that the service may have, and
    /// the others put back.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn deliver_push(&self, stop: &watch::Receiver<bool>) -> Result<(), Error> {
        let Some(pushing) = &self.pushing else { return Ok(()) };
        for _ in 0..ROUNDS {
            let now = self.clock.now();
            if *stop.borrow() || pushing.rest.rests(now) {
                break;
            }
            if !outbox::is_due(&mut self.db.read().await?, Way::Push, now).await? {
                break;
            }
            let notices = self.claim_notices().await?;
            let pushed = notices.into_iter().map(|item| async move { self.push_one(pushing, &item, stop).await });
            // All of them, whatever becomes of one: nothing breaks off what the service may have.
            let pushed: Vec<Result<(), Error>> = stream::iter(pushed).buffer_unordered(AT_ONCE.into()).collect().await;
            pushed.into_iter().collect::<Result<(), Error>>()?;
        }
        Ok(())
    }

    async fn claim_notices(&self) -> Result<Vec<InHand>, Error> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let until = now + ROUND + MARGIN + self.config.wallet.clock_skew;
        let claimed = outbox::claim(&mut tx, Way::Push, BATCH.into(), until, now).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    async fn push_one(&self, pushing: &Pushing, item: &InHand, stop: &watch::Receiver<bool>) -> Result<(), Error> {
        let now = self.clock.now();
        let fate = match item.device() {
            _ if item.has_expired(now) => Fate::Expired,
            // One that changed hands must not show what was meant for the one before.
            Some(_) if !item.is_meant() => Fate::Unmeant,
            None => Fate::Unmeant,
            Some(_) if *stop.borrow() || pushing.rest.rests(now) || self.is_late_for(item, now) => Fate::Untried,
            Some((token, _)) => match self.open_item::<Notice>(item) {
                Ok(notice) => {
                    let expires_at = item.expires_at().unwrap_or(now);
                    self.try_push(pushing, item, Parcel { id: item.id, token: &token, notice: &notice, expires_at })
                        .await
                }
                // Another start may know the root secret that this one lacks.
                Err(unopened) => Fate::of(item, Err(Failure::Later(unopened.to_string())), now),
            },
        };
        // It is closed by nobody.
        let _turn = pushing.noting.acquire().await;
        self.settle_notice(item, &fate).await
    }

    /// Whether another node may have it before a try is over: what the ones before took, with a database that is slow, is
    /// more than was reckoned with.
    fn is_late_for(&self, item: &InHand, now: Timestamp) -> bool {
        now + TRY + self.config.wallet.clock_skew > item.claimed_until()
    }

    async fn try_push(&self, pushing: &Pushing, item: &InHand, parcel: Parcel<'_>) -> Fate {
        let late = || Unsent::failed(Failure::Away("it takes too long".to_owned()));
        let sent = timeout(TRY, pushing.service.send(parcel)).await.unwrap_or_else(|_| Err(late()));
        let now = self.clock.now();
        let (failure, at_least) = match sent.map_err(|unsent| pushing.weigh(unsent, parcel.token, now)) {
            Ok(()) => {
                pushing.rest.note_success(now);
                pushing.doubts.note_success();
                return Fate::Sent;
            }
            Err(Weighed::Gone(why)) => return Fate::Gone { why: why.to_owned() },
            Err(Weighed::Failed { failure, at_least }) => (failure, at_least),
        };
        // What failed together must not come back together: each waits a little longer, by chance.
        let [chance] = self.random.bytes::<1>();
        let stretched = |span: Duration| span + span / 512 * u32::from(chance);
        if matches!(failure, Failure::Away(_)) {
            pushing.rest.begin(now, |times| stretched(pause(times).min(LONGEST_REST).max(at_least)));
        }
        match Fate::of(item, Err(failure), now) {
            Fate::Again { due_at, why } => {
                Fate::Again { due_at: now + stretched(due_at.since(now).max(at_least)), why }
            }
            fate => fate,
        }
    }

    /// Tells what came of it, and notes it.
    async fn settle_notice(&self, item: &InHand, fate: &Fate) -> Result<(), Error> {
        let (id, attempt) = (item.id, item.attempts);
        match fate {
            Fate::Sent | Fate::Untried => {}
            Fate::Unmeant => tracing::debug!(notice = %id, "a notice is for nobody any more"),
            Fate::Gone { why } => tracing::info!(notice = %id, why, "a device is known no more and is taken out"),
            Fate::Again { due_at, why } => {
                tracing::warn!(notice = %id, attempt, again_at = due_at.rfc3339(), why, "a notice was not sent");
            }
            Fate::GivenUp { why } => {
                tracing::error!(notice = %id, attempt, why, "a notice is given up: it will not be sent");
            }
            Fate::Expired => {
                let why = "it is no news any more";
                tracing::error!(notice = %id, attempt, why, "a notice is given up: it will not be sent");
            }
        }
        if let Some(outcome) = fate.outcome() {
            self.metrics.count_push(outcome);
        }
        self.settle(item, fate).await
    }
}
