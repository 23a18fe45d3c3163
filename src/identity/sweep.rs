//! Tidying up what time has made useless, in small steps that hold up nobody.

use std::sync::PoisonError;
use std::time::Duration;

use super::Core;
use crate::clock::Timestamp;
use crate::model::device::UNCLAIMED_FOR;
use crate::model::guard::FORGOTTEN_AFTER;
use crate::model::recovery::{COUNTED_WITHIN, RESETS};
use crate::model::second_factor::SETUP_LIFETIME;
use crate::model::{Error, SessionId};
use crate::store::{
    audit, billing, devices, failures, mailed, nonces, outbox, password_resets, second_factors, sessions,
    trusted_devices,
};

/// How many rows one step deletes at most.
const STEP: i64 = 500;

/// How many steps through the sessions one sweep makes besides those in which all were over.
const SESSION_LOOKS: u32 = 20;

/// Before every session.
pub(super) const BEGINNING: SessionId = SessionId(uuid::Uuid::nil());

/// How many steps of erasing deleted accounts from the audit trail one sweep makes.
const ERASURES: u32 = 10;

/// How long an event of Stripe's is known: it repeats one for three days, and a signature is good for minutes.
const EVENTS_KNOWN_FOR: Duration = Duration::from_hours(7 * 24);

/// How long rows outlive their time: clocks of nodes differ, and a late answer should name its reason.
const MARGIN: Duration = Duration::from_hours(1);

impl Core {
    /// Deletes what has expired: uses of nonces, sessions, old events, devices that nobody claimed, full buckets. Safe to run on several nodes at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer; the next sweep makes up for it.
    pub async fn sweep(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let retention = self.config.audit.retention;
        self.limiter.sweep(now);
        if let Err(error) = self.erase(ERASURES).await {
            tracing::warn!(?error, "what the audit trail tells of deleted accounts can't be erased");
        }
        self.sweep_sessions(now).await?;
        loop {
            let mut tx = self.db.write().await?;
            let nonces = nonces::delete_expired(&mut tx, now - MARGIN, STEP).await?;
            let events = match retention {
                Duration::ZERO => 0,
                _ => audit::delete_expired(&mut tx, now - retention, STEP).await?,
            };
            let failures = failures::delete_expired(&mut tx, now - FORGOTTEN_AFTER, STEP).await?;
            let networks = failures::forget_networks(&mut tx, now - MARGIN, STEP).await?;
            let resets = password_resets::delete_expired(&mut tx, now - RESETS.within, STEP).await?;
            let mails = mailed::delete_expired(&mut tx, now - COUNTED_WITHIN, STEP).await?;
            let unclaimed = devices::delete_unclaimed(&mut tx, now - UNCLAIMED_FOR, STEP).await?;
            let setups = second_factors::delete_expired(&mut tx, now - SETUP_LIFETIME - MARGIN, STEP).await?;
            let trusted = trusted_devices::delete_expired(&mut tx, now - MARGIN, STEP).await?;
            let told = billing::delete_expired_events(&mut tx, now - EVENTS_KNOWN_FOR, STEP).await?;
            let notices = outbox::delete_expired_notices(&mut tx, now - MARGIN, STEP).await?;
            tx.commit().await?;
            let deleted =
                [nonces, events, failures, networks, resets, mails, unclaimed, setups, trusted, told, notices];
            if deleted.into_iter().all(|rows| rows < STEP.unsigned_abs()) {
                return Ok(());
            }
        }
    }

    /// Deletes sessions that are over. They do not end in the order in which they began, and an index by their end would
    /// cost every sign-in; so they are gone through in that order, some at each sweep, and then from the beginning.
    async fn sweep_sessions(&self, now: Timestamp) -> Result<(), Error> {
        let mut looks = SESSION_LOOKS;
        while looks > 0 {
            let after = *self.swept_to.lock().unwrap_or_else(PoisonError::into_inner);
            let ends = sessions::list_ends(&mut self.db.read().await?, after, STEP).await?;
            let over: Vec<SessionId> = ends.iter().filter(|(_, end)| *end < now - MARGIN).map(|(id, _)| *id).collect();
            if !over.is_empty() {
                let mut tx = self.db.write().await?;
                for id in &over {
                    sessions::delete(&mut tx, *id).await?;
                }
                tx.commit().await?;
            }
            let is_end = i64::try_from(ends.len()).is_ok_and(|count| count < STEP);
            let next = if is_end { None } else { ends.last().map(|(id, _)| *id) };
            *self.swept_to.lock().unwrap_or_else(PoisonError::into_inner) = next.unwrap_or(BEGINNING);
            if is_end {
                return Ok(());
            }
            // Where all are over there are more.
            if over.len() < ends.len() {
                looks -= 1;
            }
        }
        Ok(())
    }
}
