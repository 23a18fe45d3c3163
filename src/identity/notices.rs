//! Telling people on their devices what happened to their accounts: into the outbox, a row for each device.

use super::Core;
use super::mailing::Label;
use crate::clock::Timestamp;
use crate::model::delivery::Way;
use crate::model::device::PushToken;
use crate::model::notice::Notice;
use crate::model::settings::ChosenSettings;
use crate::model::{AccountId, Error};
use crate::store::outbox::{self, FAREWELL};
use crate::store::preferences::{self, Kind};
use crate::store::{Tx, devices};

/// Whose the devices are when they are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// The account's, and none that changed hands meanwhile.
    Kept,
    /// Nobody's: it loses them in this unit of work. They are told once more, and are not another account's then.
    Lost,
}

impl Core {
    /// Tells a notice to every device of the account that wants it, in the unit of work that it tells of. Nobody who
    /// switched notifications off is told.
    pub(super) async fn notify_devices(
        &self,
        tx: &mut Tx,
        account: AccountId,
        notice: &Notice,
        reach: Reach,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.pushing.is_none() {
            return Ok(());
        }
        let devices = devices::list_wanting(tx, account, notice.topic).await?;
        self.tell_devices(tx, account, &devices, notice, reach, now).await
    }

    /// Tells a notice to these devices, unless the account switched notifications off.
    pub(super) async fn tell_devices(
        &self,
        tx: &mut Tx,
        account: AccountId,
        devices: &[PushToken],
        notice: &Notice,
        reach: Reach,
        now: Timestamp,
    ) -> Result<(), Error> {
        if self.pushing.is_none() || devices.is_empty() {
            return Ok(());
        }
        let chosen = preferences::find(tx, account, Kind::Settings).await?;
        if !ChosenSettings::from_stored(chosen.as_deref()).whole().notifications.push {
            return Ok(());
        }
        let expires_at = Some(now + notice.lifetime());
        let kind = match reach {
            Reach::Kept => notice.topic.word(),
            Reach::Lost => FAREWELL,
        };
        for device in devices {
            let label = Label { way: Way::Push, account: Some(account), device: Some(device), kind, expires_at };
            self.put(tx, &label, notice, now).await?;
        }
        Ok(())
    }

    /// Takes back what devices were to be told, and tells them that nothing comes any more. To be called before that is
    /// stored.
    pub(super) async fn silence_devices(&self, tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<(), Error> {
        outbox::withdraw_notices(tx, account).await?;
        self.notify_devices(tx, account, &Notice::switched_off(), Reach::Kept, now).await
    }
}
