//! What becomes of what a node took out of the outbox, whichever way it goes: how often it is tried and how long it waits,
//! when it is given up, and how that is noted.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::watch;

use super::Core;
use super::mailing::purpose;
use crate::clock::Timestamp;
use crate::crypto::seal;
use crate::model::Error;
use crate::model::audit::{Event, Subject};
use crate::model::delivery::Failure;
use crate::store::devices;
use crate::store::outbox::{self, InHand};

/// How long something waits after the first try that failed; each one after that, twice as long.
pub(super) const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest that something waits.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// After how long anything is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_hours(72);

/// How often something is tried that is refused for what it is.
const FEW_TRIES: i64 = 5;

/// How much longer than the longest try a node has something for itself, besides what its clock may be behind others'.
pub(super) const MARGIN: Duration = Duration::from_secs(30);

/// How often it is tried to note what came of it, and how long in between.
const SETTLING: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// What becomes of something that was in hand.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Sent,
    /// It was put back before anybody had it.
    Untried,
    Again {
        due_at: Timestamp,
        why: String,
    },
    GivenUp {
        why: String,
    },
    /// Whoever got it could do nothing with it any more.
    Expired,
    /// Whom it was for is not its account's any more, or wants none of it.
    Unmeant,
    /// The device that it was for is known no more, and goes with it.
    Gone {
        why: String,
    },
}

impl Fate {
    pub(super) fn of(item: &InHand, sent: Result<(), Failure>, now: Timestamp) -> Self {
        let is_old = now >= item.created_at() + GIVEN_UP_AFTER;
        match sent {
            Ok(()) => Self::Sent,
            Err(Failure::Hopeless(why)) => Self::GivenUp { why },
            Err(Failure::Refused(why)) if is_old || item.attempts >= FEW_TRIES => Self::GivenUp { why },
            // Whoever configured something wrongly needs hours to see it, and the same thing at once gets the same answer.
            Err(Failure::Refused(why)) => Self::Again { due_at: now + LONGEST_PAUSE, why },
            Err(Failure::Later(why) | Failure::Away(why)) if is_old => Self::GivenUp { why },
            Err(Failure::Later(why) | Failure::Away(why)) => Self::Again { due_at: now + pause(item.attempts), why },
        }
    }

    /// By what it is counted; `None` if nothing was tried.
    pub(super) const fn outcome(&self) -> Option<&'static str> {
        match self {
            Self::Sent => Some("sent"),
            Self::Untried => None,
            Self::Again { .. } => Some("retried"),
            Self::GivenUp { .. } => Some("failed"),
            Self::Expired => Some("expired"),
            Self::Unmeant => Some("unmeant"),
            Self::Gone { .. } => Some("gone"),
        }
    }
}

/// How long something waits after so many tries.
pub(super) fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1).max(0)).unwrap_or(u32::MAX).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

impl Core {
    /// What lies sealed in a row.
    pub(super) fn open_item<T: DeserializeOwned>(&self, item: &InHand) -> Result<T, Unopened> {
        let plain = seal::open(&self.keychain, item.secret_version, &purpose(item.id), &item.sealed);
        let plain = plain.map_err(|_| Unopened::Seal)?;
        serde_json::from_slice(&plain).map_err(|_| Unopened::Content)
    }

    /// Notes what came of it. It is out of our hands, so this is tried again where anything else would give up.
    pub(super) async fn settle(&self, item: &InHand, fate: &Fate) -> Result<(), Error> {
        let mut tries = 1;
        loop {
            match self.store_fate(item, fate).await {
                Err(error) if tries == SETTLING => return Err(error),
                Err(_) => tokio::time::sleep(PAUSE).await,
                Ok(()) => return Ok(()),
            }
            tries += 1;
        }
    }

    async fn store_fate(&self, item: &InHand, fate: &Fate) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        match fate {
            Fate::Sent | Fate::GivenUp { .. } | Fate::Expired | Fate::Unmeant => {
                outbox::delete(&mut tx, item.id).await?;
            }
            Fate::Again { due_at, .. } => outbox::release(&mut tx, item, *due_at).await?,
            Fate::Untried => outbox::restore(&mut tx, item).await?,
            Fate::Gone { .. } => {
                // In the order in which an account's go, or the two would wait for each other.
                outbox::delete(&mut tx, item.id).await?;
                if let Some((token, account)) = item.device()
                    && devices::delete(&mut tx, &token, account).await?
                {
                    let subject = Subject { account: Some(account), ..Subject::default() };
                    self.record(&mut tx, Event::DeviceGone, subject, None, self.clock.now()).await?;
                }
            }
        }
        tx.commit().await
    }
}

/// Returns when it is to stop. That nobody can say so any more is no order to.
pub(super) async fn stopped(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Why a row of the outbox can't be read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unopened {
    Seal,
    Content,
}

impl std::fmt::Display for Unopened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Seal => "it is sealed under a root secret that is not configured, or damaged: see previous_secrets",
            Self::Content => "it was written by another version",
        })
    }
}

/// A service that is left alone for a while after it did not do its work. Many that wait must not ask it without a pause.
#[derive(Default)]
pub(super) struct Rest(Mutex<Resting>);

#[derive(Default)]
struct Resting {
    /// From when until when.
    span: Option<(Timestamp, Timestamp)>,
    /// How often in a row.
    times: i64,
}

impl Resting {
    fn holds(&self, now: Timestamp) -> bool {
        // A clock that was set back must not make it longer.
        self.span.is_some_and(|(from, until)| from <= now && now < until)
    }
}

impl Rest {
    pub(super) fn rests(&self, now: Timestamp) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).holds(now)
    }

    /// Begins a rest, as long as `span` says for the how manieth in a row it is; or makes the one longer that has begun.
    pub(super) fn begin(&self, now: Timestamp, span: impl FnOnce(i64) -> Duration) {
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = resting.span.filter(|_| resting.holds(now));
        if begun.is_none() {
            resting.times = resting.times.saturating_add(1);
        }
        let until = now + span(resting.times);
        resting.span = Some(begun.map_or((now, until), |(from, before)| (from, until.max(before))));
    }

    /// Says that the service did its work. A rest that it has asked for meanwhile goes on.
    pub(super) fn note_success(&self, now: Timestamp) {
        let mut resting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !resting.holds(now) {
            *resting = Resting::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn something_waits_twice_as_long_each_time_and_never_longer_than_an_hour() {
        let waits: Vec<u64> = (1..=10).map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600]);
        assert_eq!([pause(0), pause(i64::MAX)], [FIRST_PAUSE, LONGEST_PAUSE]);
    }

    #[test]
    fn a_service_rests_once_for_all_who_failed_together_and_longer_each_time() {
        let (rest, start) = (Rest::default(), Timestamp::from_seconds(1_000));
        let second = |count: i64| start + Duration::from_secs(u64::try_from(count).unwrap());
        assert!(!rest.rests(start));
        for _ in 0..20 {
            rest.begin(start, pause);
        }
        assert!(rest.rests(second(9)) && !rest.rests(second(10)));
        assert!(!rest.rests(start - Duration::from_secs(1)), "a clock that was set back ends it");
        rest.begin(second(9), |_| Duration::from_secs(5));
        assert!(rest.rests(second(13)) && !rest.rests(second(14)), "what is asked for at least is kept");
        rest.begin(second(14), pause);
        assert!(rest.rests(second(33)) && !rest.rests(second(34)));
        rest.note_success(second(20));
        assert!(rest.rests(second(33)), "what was under way when it began does not end it");
        rest.note_success(second(34));
        rest.begin(second(34), pause);
        assert!(!rest.rests(second(44)), "it begins with a short one again");
    }
}
