//! Carrying letters out of the outbox, when nobody waits: what is due, one at a time, and what comes of each.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::Core;
use super::mailing::{Sealed, purpose};
use crate::clock::Timestamp;
use crate::crypto::seal;
use crate::mail::{Carrier, Failure, HANDOVER, Mail, OFFER, Post};
use crate::model::Error;
use crate::store::outbox::{self, InHand};

/// How many mails one round sends, over one connection.
const BATCH: usize = 50;

/// How long a mail waits after the first try that failed; each one after that, twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest that a mail waits.
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// After how long a mail is given up.
const GIVEN_UP_AFTER: Duration = Duration::from_hours(72);

/// How often a mail is tried that is refused for what it is.
const FEW_TRIES: i64 = 5;

/// How long the server is left alone after it did not do its work.
const REST: Duration = Duration::from_secs(5);

/// How much longer than the longest try a node has a mail for itself, besides what its clock may be behind others'.
const MARGIN: Duration = Duration::from_secs(30);

/// How often it is tried to note what came of a mail, and how long in between.
const SETTLING: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

impl Core {
    /// Sends what is due, until `stop` turns true. Then a mail that can still be taken back is, and one that the server
    /// may have is waited for.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn deliver_mail(&self, stop: &watch::Receiver<bool>) -> Result<(), Error> {
        let now = self.clock.now();
        if self.mailing.rests(now) || !outbox::is_due(&mut self.db.read().await?, now).await? {
            return Ok(());
        }
        let mut carrier = self.mailing.post.carrier();
        let delivered = self.deliver_batch(&mut carrier, stop).await;
        carrier.end().await;
        delivered
    }

    async fn deliver_batch(&self, carrier: &mut Carrier<'_>, stop: &watch::Receiver<bool>) -> Result<(), Error> {
        for _ in 0..BATCH {
            if *stop.borrow() || self.mailing.rests(self.clock.now()) {
                break;
            }
            let Some(mail) = self.claim_mail().await? else { break };
            let fate = self.try_mail(carrier, &mail, stop).await;
            self.settle_mail(&mail, &fate).await?;
        }
        Ok(())
    }

    async fn claim_mail(&self) -> Result<Option<InHand>, Error> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let until = now + OFFER + HANDOVER + MARGIN + self.config.wallet.clock_skew;
        let claimed = outbox::claim(&mut tx, until, now).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    async fn try_mail(&self, carrier: &mut Carrier<'_>, mail: &InHand, stop: &watch::Receiver<bool>) -> Fate {
        if mail.has_expired(self.clock.now()) {
            return Fate::Expired;
        }
        let Some(sent) = self.carry(carrier, mail, stop).await else { return Fate::Untried };
        let now = self.clock.now();
        if matches!(sent, Err(Failure::Away(_))) {
            self.mailing.rest(now);
        }
        Fate::of(mail, sent, now)
    }

    /// `None` if it is to stop and the mail was not sent yet.
    async fn carry(
        &self,
        carrier: &mut Carrier<'_>,
        mail: &InHand,
        stop: &watch::Receiver<bool>,
    ) -> Option<Result<(), Failure>> {
        let late = || Failure::Away("it takes too long".to_owned());
        let Sealed { to, letter } = match self.open_mail(mail) {
            Ok(sealed) => sealed,
            // Another start may know the root secret that this one lacks.
            Err(unopened) => return Some(Err(Failure::Later(unopened.to_string()))),
        };
        let mail = Mail { id: mail.id, to: &to, letter: &letter, written_at: mail.created_at() };
        let offered = tokio::select! {
            offered = timeout(OFFER, carrier.offer(mail)) => offered.unwrap_or_else(|_| Err(late())),
            () = stopped(stop.clone()) => return None,
        };
        Some(match offered {
            // Nothing breaks this off: the server may have the mail, and whoever does not wait for its word sends it twice.
            Ok(offer) => timeout(HANDOVER, carrier.hand_over(offer)).await.unwrap_or_else(|_| Err(late())),
            Err(failure) => Err(failure),
        })
    }

    fn open_mail(&self, mail: &InHand) -> Result<Sealed, Unopened> {
        let plain = seal::open(&self.keychain, mail.secret_version, &purpose(mail.id), &mail.sealed);
        let plain = plain.map_err(|_| Unopened::Seal)?;
        serde_json::from_slice(&plain).map_err(|_| Unopened::Content)
    }

    /// Notes what came of it. The mail is out of our hands, so this is tried again where anything else would give up.
    async fn settle_mail(&self, mail: &InHand, fate: &Fate) -> Result<(), Error> {
        self.tell(mail, fate);
        let mut tries = 1;
        loop {
            match self.store_fate(mail, fate).await {
                Err(error) if tries == SETTLING => return Err(error),
                Err(_) => tokio::time::sleep(PAUSE).await,
                Ok(()) => return Ok(()),
            }
            tries += 1;
        }
    }

    fn tell(&self, mail: &InHand, fate: &Fate) {
        let (id, attempt) = (mail.id, mail.attempts);
        let outcome = match fate {
            Fate::Sent => "sent",
            Fate::Untried => return,
            Fate::Again { due_at, why } => {
                tracing::warn!(mail = %id, attempt, again_at = due_at.rfc3339(), why, "a mail was not sent");
                "retried"
            }
            Fate::GivenUp { why } => {
                tracing::error!(mail = %id, attempt, why, "a mail is given up: it will not be sent");
                "failed"
            }
            Fate::Expired => {
                let why = "what it was for has expired";
                tracing::error!(mail = %id, attempt, why, "a mail is given up: it will not be sent");
                "expired"
            }
        };
        self.metrics.count_mail(outcome);
    }

    async fn store_fate(&self, mail: &InHand, fate: &Fate) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        match fate {
            Fate::Sent | Fate::GivenUp { .. } | Fate::Expired => outbox::delete(&mut tx, mail.id).await?,
            Fate::Again { due_at, .. } => outbox::release(&mut tx, mail, *due_at).await?,
            Fate::Untried => outbox::restore(&mut tx, mail).await?,
        }
        tx.commit().await
    }
}

/// Returns when it is to stop. That nobody can say so any more is no order to.
async fn stopped(mut stop: watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What sends letters, and when it may be asked again.
pub(super) struct Mailing {
    post: Post,
    rests_until: AtomicI64,
}

impl Mailing {
    pub(super) fn new(post: Post) -> Self {
        Self { post, rests_until: AtomicI64::new(i64::MIN) }
    }

    /// Whether the server did not do its work a moment ago. Many mails that wait must not ask it without a pause.
    fn rests(&self, now: Timestamp) -> bool {
        let until = Timestamp::from_micros(self.rests_until.load(Ordering::Relaxed));
        // A clock that was set back must not make it longer.
        now < until && until < now + REST * 2
    }

    fn rest(&self, now: Timestamp) {
        self.rests_until.store((now + REST).micros(), Ordering::Relaxed);
    }
}

/// Why a row of the outbox can't be read.
#[derive(Clone, Copy, Debug)]
enum Unopened {
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

/// What becomes of a mail that was in hand.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
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
}

impl Fate {
    fn of(mail: &InHand, sent: Result<(), Failure>, now: Timestamp) -> Self {
        let is_old = now >= mail.created_at() + GIVEN_UP_AFTER;
        match sent {
            Ok(()) => Self::Sent,
            Err(Failure::Hopeless(why)) => Self::GivenUp { why },
            Err(Failure::Refused(why)) if is_old || mail.attempts >= FEW_TRIES => Self::GivenUp { why },
            // Whoever configured something wrongly needs hours to see it, and the same mail at once gets the same answer.
            Err(Failure::Refused(why)) => Self::Again { due_at: now + LONGEST_PAUSE, why },
            Err(Failure::Later(why) | Failure::Away(why)) if is_old => Self::GivenUp { why },
            Err(Failure::Later(why) | Failure::Away(why)) => Self::Again { due_at: now + pause(mail.attempts), why },
        }
    }
}

/// How long a mail waits after so many tries.
fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1).max(0)).unwrap_or(u32::MAX).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_waits_twice_as_long_each_time_and_never_longer_than_an_hour() {
        let waits: Vec<u64> = (1..=10).map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 3_600]);
        assert_eq!([pause(0), pause(i64::MAX)], [FIRST_PAUSE, LONGEST_PAUSE]);
    }
}
