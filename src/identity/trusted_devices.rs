//! Devices that are trusted for a while: in the place of a code of the second factor, never of the password. What ends all
//! sessions of an account ends the trust in its devices.

use uuid::Uuid;

use super::changes::subject_of;
use super::two_steps::Remember;
use super::{Core, PersonPresent};
use crate::clock::Timestamp;
use crate::crypto::mailed::{self, Purpose};
use crate::model::audit::{Event, Subject};
use crate::model::error::Thing;
use crate::model::recovery::MailedToken;
use crate::model::second_factor::{Device, TRUSTED_FOR};
use crate::model::{Client, Error};
use crate::store::{Tx, trusted_devices};

/// A device that is trusted from now on.
#[derive(Clone)]
pub struct TrustedDevice {
    /// What it shows in the place of a code.
    pub token: String,
    /// Until when it is trusted.
    pub expires_at: Timestamp,
}

impl Core {
    /// Trusts the device, if that is wanted; in this unit of work.
    pub(super) async fn remember(
        &self,
        tx: &mut Tx,
        subject: Subject<'_>,
        remember: Remember,
        client: &Client,
        now: Timestamp,
    ) -> Result<Option<TrustedDevice>, Error> {
        let (Remember::Device, Some(account)) = (remember, subject.account) else { return Ok(None) };
        let token = MailedToken(self.random.bytes());
        let expires_at = (now + TRUSTED_FOR).whole_seconds();
        let device = Device { id: self.random.uuid(now), created_at: now, used_at: now, expires_at };
        trusted_devices::insert(tx, account, &device, &mailed::hash(Purpose::TrustDevice, &token)).await?;
        self.record(tx, Event::DeviceTrusted, subject, Some(client), now).await?;
        Ok(Some(TrustedDevice { token: mailed::print(Purpose::TrustDevice, &token), expires_at }))
    }

    /// The devices that the caller trusts, the one that was trusted last first.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn list_devices(&self, person: &PersonPresent) -> Result<Vec<Device>, Error> {
        let mut reader = self.db.read().await?;
        trusted_devices::list(&mut reader, person.account().id, self.clock.now()).await
    }

    /// Trusts a device no more.
    ///
    /// # Errors
    /// [`Thing::TrustedDevice`] if the caller has none of this id, which `None` can't be; [`Error::TooMany`],
    /// [`Error::Unavailable`].
    pub async fn forget_device(&self, person: &PersonPresent, id: Option<Uuid>, client: &Client) -> Result<(), Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        let id = id.ok_or(Error::NotFound(Thing::TrustedDevice))?;
        let mut tx = self.begin_change(person).await?;
        if !trusted_devices::delete(&mut tx, person.account().id, id).await? {
            return Err(Error::NotFound(Thing::TrustedDevice));
        }
        self.record(&mut tx, Event::DeviceForgotten, subject_of(person), Some(client), now).await?;
        tx.commit().await
    }
}
