//! The account's API key: derived, so it can be shown again although nothing secret is stored.

use super::{Core, PersonPresent};
use crate::crypto::derived::{self, Kind};
use crate::model::audit::{Event, Subject};
use crate::model::{Address, Client, Error};
use crate::store::accounts;

/// An API key and the wallet for which it is shown.
#[derive(Clone)]
pub struct ApiKey {
    /// The wallet that signed in.
    pub address: Address,
    /// The key.
    pub key: String,
}

impl Core {
    /// The API key that is in force.
    ///
    /// # Errors
    /// [`crate::model::error::Conflict::WalletRequired`] for an account without an EVM wallet.
    pub fn api_key(&self, person: &PersonPresent) -> Result<ApiKey, Error> {
        let address = person.address()?;
        Ok(self.api_key_of(person, address, person.account().api_key_counter))
    }

    /// Replaces the API key: the old one is useless from the answer on.
    ///
    /// # Errors
    /// [`Error::Forbidden`] or [`Error::NotAuthenticated`] if the account was disabled meanwhile; [`Error::Unavailable`] if the database did not confirm it; the old key then stays in force.
    pub async fn rotate_api_key(&self, person: &PersonPresent, client: &Client) -> Result<ApiKey, Error> {
        let now = self.clock.now();
        self.limit_writes(person, now)?;
        let address = person.address()?;
        let mut tx = self.db.write().await?;
        let account = person.account();
        let Some(counter) = accounts::rotate_api_key(&mut tx, account.id, account.epoch).await? else {
            return Err(person.refusal_by_now(&mut tx).await?);
        };
        let subject = Subject { account: Some(account.id), session: Some(person.session()), wallet: None };
        self.record(&mut tx, Event::ApiKeyRotated, subject, Some(client), now).await?;
        tx.commit().await?;
        Ok(self.api_key_of(person, address, counter))
    }

    fn api_key_of(&self, person: &PersonPresent, address: Address, counter: u32) -> ApiKey {
        let key = derived::mint(Kind::ApiKey, self.keychain.current(), person.account().id.0, counter);
        ApiKey { address, key }
    }
}
