//! Carrying letters out of the outbox, when nobody waits: what is due, one at a time, and what comes of each.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use super::Core;
use super::fate::{Fate, MARGIN, Rest, stopped};
use super::mailing::Sealed;
use crate::mail::{Carrier, HANDOVER, Mail, OFFER, Post};
use crate::model::Error;
use crate::model::delivery::{Failure, Way};
use crate::store::outbox::{self, InHand};

/// How many mails one round sends, over one connection.
const BATCH: usize = 50;

/// How long the server is left alone after it did not do its work.
const REST: Duration = Duration::from_secs(5);

impl Core {
    /// Sends what is due, until `stop` turns true. Then a mail that can still be taken back is, and one that the server
    /// may have is waited for.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn deliver_mail(&self, stop: &watch::Receiver<bool>) -> Result<(), Error> {
        let now = self.clock.now();
        if self.mailing.rest.rests(now) || !outbox::is_due(&mut self.db.read().await?, Way::Mail, now).await? {
            return Ok(());
        }
        let mut carrier = self.mailing.post.carrier();
        let delivered = self.deliver_batch(&mut carrier, stop).await;
        carrier.end().await;
        delivered
    }

    async fn deliver_batch(&self, carrier: &mut Carrier<'_>, stop: &watch::Receiver<bool>) -> Result<(), Error> {
        for _ in 0..BATCH {
            if *stop.borrow() || self.mailing.rest.rests(self.clock.now()) {
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
        let claimed = outbox::claim(&mut tx, Way::Mail, 1, until, now).await?;
        tx.commit().await?;
        Ok(claimed.into_iter().next())
    }

    async fn try_mail(&self, carrier: &mut Carrier<'_>, mail: &InHand, stop: &watch::Receiver<bool>) -> Fate {
        if mail.has_expired(self.clock.now()) {
            return Fate::Expired;
        }
        let Some(sent) = self.carry(carrier, mail, stop).await else { return Fate::Untried };
        let now = self.clock.now();
        if matches!(sent, Err(Failure::Away(_))) {
            self.mailing.rest.begin(now, |_| REST);
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
        let Sealed { to, letter } = match self.open_item(mail) {
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

    /// Tells what came of it, and notes it.
    async fn settle_mail(&self, mail: &InHand, fate: &Fate) -> Result<(), Error> {
        let (id, attempt) = (mail.id, mail.attempts);
        match fate {
            Fate::Sent | Fate::Untried | Fate::Unmeant => {}
            Fate::Again { due_at, why } => {
                tracing::warn!(mail = %id, attempt, again_at = due_at.rfc3339(), why, "a mail was not sent");
            }
            Fate::GivenUp { why } | Fate::Gone { why } => {
                tracing::error!(mail = %id, attempt, why, "a mail is given up: it will not be sent");
            }
            Fate::Expired => {
                let why = "what it was for has expired";
                tracing::error!(mail = %id, attempt, why, "a mail is given up: it will not be sent");
            }
        }
        if let Some(outcome) = fate.outcome() {
            self.metrics.count_mail(outcome);
        }
        self.settle(mail, fate).await
    }
}

/// What sends letters, and when it may be asked again.
pub(super) struct Mailing {
    post: Post,
    rest: Rest,
}

impl Mailing {
    pub(super) fn new(post: Post) -> Self {
        Self { post, rest: Rest::default() }
    }
}
