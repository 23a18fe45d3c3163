//! What operators do to accounts.

use super::Core;
use crate::model::audit::{Event, Subject};
use crate::model::{AccountId, Error};
use crate::store::{accounts, devices, password_resets};

impl Core {
    /// Disables an account: from the answer on all that it holds is refused, on every node. Tells whether it was enabled.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, [`Error::Conflict`] if it is the last ADMIN, [`Error::Unavailable`] if the
    /// database did not confirm it.
    pub async fn disable_account(&self, id: AccountId) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        self.lock_for_loss(&mut tx, id).await?;
        let changed = accounts::disable(&mut tx, id, now).await?;
        if changed {
            // Else a password that is set meanwhile would be good as soon as the account is enabled again.
            password_resets::expire(&mut tx, id, now).await?;
            // Whoever it is disabled for is shown nothing of it any more.
            devices::delete_all(&mut tx, id).await?;
            let subject = Subject { account: Some(id), ..Subject::default() };
            self.record(&mut tx, Event::AccountDisabled, subject, None, now).await?;
        }
        tx.commit().await?;
        Ok(changed)
    }

    /// Enables an account again; what it held before stays ended. Tells whether it was disabled.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database did not confirm it.
    pub async fn enable_account(&self, id: AccountId) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let changed = accounts::enable(&mut tx, id, now).await?;
        if changed {
            let subject = Subject { account: Some(id), ..Subject::default() };
            self.record(&mut tx, Event::AccountEnabled, subject, None, now).await?;
        }
        tx.commit().await?;
        Ok(changed)
    }
}
