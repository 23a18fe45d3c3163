//! The profile of the wallet door.

use super::changes::traced;
use super::{Caller, Core};
use crate::model::audit::Event;
use crate::model::error::Forbidden;
use crate::model::profile::{ProfileChange, ProfileText};
use crate::model::{Address, Client, Error};
use crate::store::{accounts, wallets};

/// What a person told about himself, for one of his wallets.
#[derive(Clone, Debug)]
pub struct Profile {
    /// The wallet that was asked for.
    pub address: Address,
    /// The name.
    pub name: ProfileText,
    /// The intended use.
    pub intended_use: ProfileText,
    /// The e-mail address.
    pub email: Option<String>,
}

impl Core {
    /// The caller's profile, asked for by any of his wallets.
    ///
    /// # Errors
    /// [`Forbidden::NotYourWallet`] for any other address, whether or not it is somebody else's.
    pub async fn profile(&self, caller: &Caller, address: Address) -> Result<Profile, Error> {
        self.require_own_wallet(caller, address).await?;
        let account = caller.account();
        Ok(Profile {
            address,
            name: account.name.clone(),
            intended_use: account.intended_use.clone(),
            email: account.email.clone(),
        })
    }

    /// Changes the caller's profile.
    ///
    /// # Errors
    /// As [`Core::profile`], [`Error::TooMany`], and [`Error::Unavailable`] if the database did not confirm it.
    pub async fn change_profile(
        &self,
        caller: &Caller,
        address: Address,
        change: &ProfileChange,
        client: &Client,
    ) -> Result<Profile, Error> {
        let now = self.clock.now();
        self.limit_writes(caller, now)?;
        self.require_own_wallet(caller, address).await?;
        let account = caller.account();
        let mut tx = self.db.write().await?;
        let changed = accounts::update_profile(&mut tx, account.id, account.epoch, change, now).await?;
        let Some((name, intended_use)) = changed else { return Err(caller.refusal_by_now(&mut tx).await?) };
        let (by, subject) = traced(caller);
        self.record(&mut tx, Event::ProfileChanged(by), subject, Some(client), now).await?;
        tx.commit().await?;
        Ok(Profile { address, name, intended_use, email: account.email.clone() })
    }

    async fn require_own_wallet(&self, caller: &Caller, address: Address) -> Result<(), Error> {
        // The common case needs no question: the wallet in the path is the one that signed in.
        if caller.address().is_ok_and(|own| own == address) {
            return Ok(());
        }
        let mut reader = self.db.read().await?;
        if wallets::is_linked(&mut reader, caller.account().id, address).await? {
            return Ok(());
        }
        Err(Error::Forbidden(Forbidden::NotYourWallet))
    }
}
