//! Telling people on their devices what happened to their accounts: into the outbox, a row for each device.

use super::Core;
use super::mailing::Label;
use crate::clock::Timestamp;
use crate::model::delivery::Way;
use crate::model::mail::Letter;
use crate::model::notice::Notice;
use crate::model::settings::ChosenSettings;
use crate::model::{AccountId, Error};
use crate::store::preferences::{self, Kind};
use crate::store::{Tx, devices};

impl Core {
    /// Tells what a letter tells, in short, to every device of the account that wants it, in the unit of work that it
    /// tells of. Nobody who switched notifications off is told.
    pub(super) async fn notify_devices(
        &self,
        tx: &mut Tx,
        account: AccountId,
        letter: &Letter,
        now: Timestamp,
    ) -> Result<(), Error> {
        let Some(notice) = Notice::of(letter).filter(|_| self.pushing.is_some()) else { return Ok(()) };
        let devices = devices::list_wanting(tx, account, notice.topic).await?;
        if devices.is_empty() {
            return Ok(());
        }
        let chosen = preferences::find(tx, account, Kind::Settings).await?;
        if !ChosenSettings::from_stored(chosen.as_deref()).whole().notifications.push {
            return Ok(());
        }
        let expires_at = Some(now + notice.topic.lifetime());
        let (account, kind) = (Some(account), notice.topic.word());
        for device in &devices {
            let label = Label { way: Way::Push, account, device: Some(device), kind, expires_at };
            self.put(tx, &label, &notice, now).await?;
        }
        Ok(())
    }
}
