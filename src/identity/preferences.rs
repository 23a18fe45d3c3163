//! What people prefer: settings, and the providers of data that they use. Changes of different members that come at once all
//! hold, since each is made to what the one before has left.

use super::changes::traced;
use super::{Caller, Core};
use crate::model::audit::Event;
use crate::model::data_provider::{ChosenProviders, DataProvider, ProvidersPatch};
use crate::model::settings::{ChosenSettings, Settings, SettingsPatch};
use crate::model::{Client, Error};
use crate::store::preferences::{self, Kind};

impl Core {
    /// The caller's settings.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn settings(&self, caller: &Caller) -> Result<Settings, Error> {
        let stored = preferences::find(&mut self.db.read().await?, caller.account().id, Kind::Settings).await?;
        Ok(ChosenSettings::from_stored(stored.as_deref()).whole())
    }

    /// Changes the caller's settings; gives all of them.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::Unavailable`]; [`Error::NotAuthenticated`] or [`Error::Forbidden`] if the account was
    /// ended meanwhile.
    pub async fn change_settings(
        &self,
        caller: &Caller,
        patch: &SettingsPatch,
        client: &Client,
    ) -> Result<Settings, Error> {
        let now = self.clock.now();
        self.limit_writes(caller, now)?;
        let (account, (by, subject)) = (caller.account().id, traced(caller));
        let mut tx = self.begin_write(caller).await?;
        let stored = preferences::find(&mut tx, account, Kind::Settings).await?;
        let is_told = ChosenSettings::from_stored(stored.as_deref()).whole().notifications.push;
        let chosen = ChosenSettings::from_stored(stored.as_deref()).patched(patch);
        if is_told && !chosen.whole().notifications.push {
            self.silence_devices(&mut tx, account, now).await?;
        }
        preferences::upsert(&mut tx, account, Kind::Settings, &chosen.to_text(), now).await?;
        self.record(&mut tx, Event::SettingsChanged(by), subject, Some(client), now).await?;
        tx.commit().await?;
        Ok(chosen.whole())
    }

    /// The providers of data that the operator offers, as the caller has them.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn data_providers(&self, caller: &Caller) -> Result<Vec<DataProvider>, Error> {
        let stored = preferences::find(&mut self.db.read().await?, caller.account().id, Kind::DataProviders).await?;
        Ok(ChosenProviders::from_stored(stored.as_deref()).whole(&self.config.platform.data_providers))
    }

    /// Changes some of the caller's providers of data; gives all of them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for settings that have become too large; else as [`Core::change_settings`].
    pub async fn change_data_providers(
        &self,
        caller: &Caller,
        patch: &ProvidersPatch,
        client: &Client,
    ) -> Result<Vec<DataProvider>, Error> {
        let now = self.clock.now();
        self.limit_writes(caller, now)?;
        let (account, (by, subject)) = (caller.account().id, traced(caller));
        let mut tx = self.begin_write(caller).await?;
        let stored = preferences::find(&mut tx, account, Kind::DataProviders).await?;
        let chosen = ChosenProviders::from_stored(stored.as_deref()).patched(patch)?;
        preferences::upsert(&mut tx, account, Kind::DataProviders, &chosen.to_text(), now).await?;
        self.record(&mut tx, Event::DataProvidersChanged(by), subject, Some(client), now).await?;
        tx.commit().await?;
        Ok(chosen.whole(&self.config.platform.data_providers))
    }
}
