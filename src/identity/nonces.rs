//! Giving out nonces. Nothing is stored, so nobody can fill memory or push out another person's nonce.

use super::Core;
use super::limits::Policy;
use crate::clock::Timestamp;
use crate::model::{Address, Client, Error};
use crate::store::wallets;
use crate::wallet::nonce::{self, FREE_TTL, FreeNonce, Purpose};

/// A free nonce, as given out.
#[derive(Clone, Debug)]
pub struct IssuedNonce {
    /// The text to sign.
    pub nonce: String,
    /// When it was issued, by our clock: what a front end may write into its message, whatever the device's clock says.
    pub issued_at: Timestamp,
    /// From when on it is refused.
    pub expires_at: Timestamp,
}

impl Core {
    /// The nonce that this wallet signs by itself to sign in now; `None` if nonces by themselves are not accepted.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the wallet's count can't be read.
    pub async fn wallet_nonce(&self, wallet: Address) -> Result<Option<String>, Error> {
        if !self.config.wallet.bare_nonce {
            return Ok(None);
        }
        let count = wallets::find_count(&self.db, &self.wallet_tag(wallet)).await?;
        let window = nonce::window(self.clock.now());
        Ok(Some(nonce::bare(self.keychain.current(), Purpose::SignIn, wallet, window, count)))
    }

    /// A nonce that any wallet may sign once to sign in.
    ///
    /// # Errors
    /// [`Error::TooMany`].
    pub fn issue_free_nonce(&self, client: &Client) -> Result<IssuedNonce, Error> {
        let now = self.clock.now();
        self.limit(Policy::Nonces, client, now)?;
        let expires_at = (now + FREE_TTL).whole_seconds();
        let free = FreeNonce { id: self.random.bytes(), expires_at };
        Ok(IssuedNonce {
            nonce: free.encode(self.keychain.current(), Purpose::SignIn),
            issued_at: now.whole_seconds(),
            expires_at,
        })
    }
}
