//! Every use case, once: nonces, sign-in, refresh, sign-out, API keys, profiles. It knows no HTTP.

mod accounts;
mod api_key;
mod audit;
mod caller;
mod gate;
mod limits;
mod nonces;
mod profile;
mod refresh;
mod root;
mod sign_in;
mod signing_keys;
mod sweep;
mod tokens;

use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;

pub use api_key::ApiKey;
pub use caller::{Caller, Credential, PersonPresent};
pub use nonces::IssuedNonce;
pub use profile::Profile;
pub use root::RootError;
pub use sign_in::{BareProof, SignedIn};
pub use signing_keys::{KeyState, list_signing_keys, rotate_signing_key};
pub use tokens::Tokens;

use crate::clock::Clock;
use crate::config::Config;
use crate::crypto::keyring::{Jwks, Keyring};
use crate::crypto::root::Keychain;
use crate::metrics::Metrics;
use crate::model::{Address, Error};
use crate::random::Random;
use crate::secret::SecretBytes;
use crate::store::{Db, PoolUse};
use caller::TokenCache;
use limits::Limiter;

/// The account core: what every door stands on.
pub struct Core {
    config: Config,
    clock: Clock,
    random: Random,
    db: Db,
    keychain: Keychain,
    /// Under which wallets are counted. A key of the database's own, since the root secret may change.
    wallet_tags: hmac::Key,
    keyring: ArcSwap<Keyring>,
    verified: TokenCache,
    limiter: Limiter,
    metrics: Metrics,
}

impl Core {
    /// Builds the core over an opened database, with the root secret that is in force.
    ///
    /// # Errors
    /// [`RootError`] if the root secret is not the one of this database.
    pub async fn open(
        config: Config,
        clock: Clock,
        random: Random,
        db: Db,
        secret: &SecretBytes,
    ) -> Result<Arc<Self>, RootError> {
        let now = clock.now();
        let root::Opened { keychain, wallet_tags, keyring } = root::open(&db, &config, secret, &random, now).await?;
        Ok(Arc::new(Self {
            wallet_tags: hmac::Key::new(hmac::HMAC_SHA256, &wallet_tags),
            keyring: ArcSwap::from_pointee(keyring),
            verified: TokenCache::default(),
            limiter: Limiter::new(config.limits),
            metrics: Metrics::default(),
            config,
            clock,
            random,
            db,
            keychain,
        }))
    }

    /// The configuration in force.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The clock in use.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The randomness in use.
    #[must_use]
    pub fn random(&self) -> &Random {
        &self.random
    }

    /// The database in use.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// What was counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What was counted, as text for Prometheus.
    #[must_use]
    pub fn metrics_text(&self) -> String {
        let PoolUse { used, idle } = self.db.pool();
        self.metrics.render(used, idle)
    }

    /// The public keys by which others verify our access tokens.
    #[must_use]
    pub fn jwks(&self) -> Jwks {
        self.keyring.load().jwks()
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it does not.
    pub async fn ready(&self) -> Result<(), Error> {
        self.db.ping().await
    }

    /// The keyed hash under which a key wallet is counted and remembered.
    fn wallet_tag(&self, address: Address) -> [u8; 32] {
        let mut tag = [0; 32];
        let mac = hmac::sign(&self.wallet_tags, format!("key:{address}").as_bytes());
        tag.copy_from_slice(mac.as_ref());
        tag
    }
}
