//! Tidying up what time has made useless, in small steps that hold up nobody.

use std::time::Duration;

use super::Core;
use crate::model::Error;
use crate::model::guard::FORGOTTEN_AFTER;
use crate::model::recovery::MAILED_WITHIN;
use crate::store::{audit, failures, nonces, password_resets, sessions};

/// How many rows one step deletes at most.
const STEP: i64 = 500;

/// How many steps of erasing deleted accounts from the audit trail one sweep makes.
const ERASURES: u32 = 10;

/// How long rows outlive their time: clocks of nodes differ, and a late answer should name its reason.
const MARGIN: Duration = Duration::from_hours(1);

impl Core {
    /// Deletes what has expired: uses of nonces, sessions, old events, full buckets. Safe to run on several nodes at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer; the next sweep makes up for it.
    pub async fn sweep(&self) -> Result<(), Error> {
        let now = self.clock.now();
        let retention = self.config.audit.retention;
        self.limiter.sweep(now);
        self.erase(ERASURES).await?;
        loop {
            let mut tx = self.db.write().await?;
            let nonces = nonces::delete_expired(&mut tx, now - MARGIN, STEP).await?;
            let sessions = sessions::delete_expired(&mut tx, now - MARGIN, STEP).await?;
            let events = match retention {
                Duration::ZERO => 0,
                _ => audit::delete_expired(&mut tx, now - retention, STEP).await?,
            };
            let failures = failures::delete_expired(&mut tx, now - FORGOTTEN_AFTER, STEP).await?;
            let resets = password_resets::delete_expired(&mut tx, now - MAILED_WITHIN, STEP).await?;
            tx.commit().await?;
            if nonces.max(sessions).max(events).max(failures).max(resets) < STEP.unsigned_abs() {
                return Ok(());
            }
        }
    }
}
