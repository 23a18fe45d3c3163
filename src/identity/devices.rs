//! Devices that may be sent notifications. Anybody may tell a token, which is kept for a day and is sent nothing; whoever is
//! signed in on the device claims it. A device that changes hands is the last claimer's: whoever has the token has the
//! device, and what was meant for the one before must not be shown to him.

use super::changes::subject_of;
use super::limits::Policy;
use super::notices::Reach;
use super::{Core, PersonPresent};
use crate::clock::Timestamp;
use crate::model::audit::{Event, Subject};
use crate::model::device::{DEVICES_AT_MOST, Device, Os, PushToken, UNCLAIMED_AT_MOST, UNCLAIMED_FOR, WantedChange};
use crate::model::error::{Limited, Thing};
use crate::model::notice::Notice;
use crate::model::{Client, Error};
use crate::store::devices;

impl Core {
    /// Keeps a token that nobody has claimed, for a day. Nobody is told whether it is known, or claimed.
    ///
    /// # Errors
    /// [`Error::TooMany`] if the network has told too many; [`Error::Unavailable`].
    pub async fn note_device(&self, token: &PushToken, os: Os, client: &Client) -> Result<(), Error> {
        let now = self.clock.now();
        self.limit(Policy::Devices, client, now)?;
        let network = client.network().to_string();
        let mut tx = self.db.write().await?;
        devices::lock_network(&mut tx, &network).await?;
        if !devices::renew_unclaimed(&mut tx, token, os, &network, now).await? {
            let (count, oldest) = devices::count_unclaimed(&mut tx, &network).await?;
            if count >= i64::from(UNCLAIMED_AT_MOST) {
                return Err(self.refuse_device(oldest, now));
            }
            devices::insert_unclaimed(&mut tx, token, os, &network, now).await?;
        }
        tx.commit().await
    }

    /// Too many of a network; there is room for another one when the oldest one goes.
    fn refuse_device(&self, oldest: Option<Timestamp>, now: Timestamp) -> Error {
        let policy = Policy::Devices.name();
        self.metrics.count_limited(policy);
        let retry_after = oldest.map_or(UNCLAIMED_FOR, |oldest| (oldest + UNCLAIMED_FOR).since(now));
        Error::TooMany(Limited { policy, burst: UNCLAIMED_AT_MOST, retry_after })
    }

    /// Makes a device the person's own, whoever had it before.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::Unavailable`]; [`Error::NotAuthenticated`] or [`Error::Forbidden`] if the session was
    /// ended meanwhile.
    pub async fn claim_device(
        &self,
        person: &PersonPresent,
        token: &PushToken,
        os: Option<Os>,
        client: &Client,
    ) -> Result<Device, Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        let account = person.account().id;
        let mut tx = self.begin_change(person).await?;
        let before = devices::lock_owner(&mut tx, token).await?;
        let device = devices::claim(&mut tx, token, account, os, now).await?;
        if before != Some(account) {
            let lost = devices::delete_beyond(&mut tx, account, token, DEVICES_AT_MOST).await?;
            for _ in &lost {
                self.record(&mut tx, Event::DeviceLost, subject_of(person), Some(client), now).await?;
            }
            // Whoever is inside could else make its owner's devices silent, unseen, by claiming others.
            let told = lost.into_iter().filter(|lost| lost.wanted.enabled && lost.wanted.security);
            let told: Vec<PushToken> = told.map(|lost| lost.token).collect();
            self.tell_devices(&mut tx, account, &told, &Notice::device_removed(), Reach::Lost, now).await?;
            self.record(&mut tx, Event::DeviceClaimed, subject_of(person), Some(client), now).await?;
        }
        if let Some(before) = before.filter(|before| *before != account) {
            // Without the client: where the next one is, is nothing for the one before.
            let subject = Subject { account: Some(before), ..Subject::default() };
            self.record(&mut tx, Event::DeviceLost, subject, None, now).await?;
        }
        tx.commit().await?;
        Ok(device)
    }

    /// Changes what a device of the person's is sent.
    ///
    /// # Errors
    /// [`Thing::Device`] if it is not his, whether or not it is somebody else's; else as [`Core::claim_device`].
    pub async fn change_device(
        &self,
        person: &PersonPresent,
        token: &PushToken,
        change: WantedChange,
        client: &Client,
    ) -> Result<Device, Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        let mut tx = self.begin_change(person).await?;
        let changed = devices::update(&mut tx, token, person.account().id, change).await?;
        let Some(device) = changed else { return Err(Error::NotFound(Thing::Device)) };
        self.record(&mut tx, Event::DeviceChanged, subject_of(person), Some(client), now).await?;
        tx.commit().await?;
        Ok(device)
    }
}
