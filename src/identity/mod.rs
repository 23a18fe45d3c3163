//! Every use case, once: nonces, sign-in, refresh, sign-out, API keys, profiles, subscriptions. It knows no HTTP.

mod accounts;
mod api_key;
mod audit;
mod authenticators;
mod billing;
mod caller;
mod challenge;
mod changes;
mod delivery;
mod details;
mod devices;
mod doubts;
mod entitlements;
mod exchange;
mod explain;
mod fate;
mod gate;
mod google;
mod guard;
mod holdings;
mod ledger;
mod limits;
mod mailing;
mod names;
mod nonces;
mod notices;
mod passwords;
mod people;
mod person;
mod preferences;
mod presented;
mod profile;
mod proof;
mod pushing;
mod recovery;
mod refresh;
mod refusals;
mod register;
mod root;
mod second_factor;
mod sign_in;
mod signing_keys;
mod subscriptions;
mod sweep;
mod tokens;
mod trusted_devices;
mod two_steps;
mod verification;
mod wallets;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::hmac;

pub use api_key::ApiKey;
pub use authenticators::AuthenticatorSetup;
pub use caller::{Admin, AdminPresent, Caller, Credential, PersonPresent, SelfOrAdmin};
pub use challenge::{Challenge, MessageRequest};
pub use details::{Details, DetailsChange};
pub use exchange::MembershipClaim;
pub use explain::{Explanation, Verdict};
pub use google::{Arrived, GoogleAttempt, GoogleStart};
pub use holdings::{Holdings, HoldingsFilter};
pub use names::NamesChange;
pub use nonces::IssuedNonce;
pub use passwords::{OpenedSession, PasswordAttempt, SignedInPerson};
pub use people::{People, PublicList, Who};
pub use person::{Person, Stranger};
pub use profile::Profile;
pub use proof::Proof;
pub use register::{Registration, Vouched};
pub use root::RootError;
pub use sign_in::SignedIn;
pub(crate) use signing_keys::{KEPT_BY_OTHERS, RELOADED_WITHIN};
pub use signing_keys::{KeyState, list_signing_keys, rotate_signing_key};
pub use subscriptions::{BegunSubscription, LiveSubscription, OwnSubscription, SubscriptionChange, SubscriptionWish};
pub use tokens::Tokens;
pub use trusted_devices::TrustedDevice;
pub use two_steps::{Finished, Remember, SignInStep};
pub use verification::CodeAttempt;
pub use wallets::{LinkProof, LinkWishes, OwnWallet};

use crate::billing::Stripe;
pub use crate::chain::Balance;
use crate::chain::Chains;
use crate::clock::Clock;
use crate::config::Config;
pub use crate::crypto::derived::SESSION_PREFIX;
use crate::crypto::hashers::Hashers;
use crate::crypto::keyring::{Jwks, Keyring};
use crate::crypto::root::Keychain;
pub use crate::crypto::ticket::TICKET_PREFIX;
use crate::mail::Post;
use crate::metrics::Metrics;
use crate::model::error::Dependency;
use crate::model::{Address, Error, SessionId};
use crate::openid::Provider;
use crate::push::Service;
use crate::random::Random;
use crate::secret::SecretBytes;
use crate::shared::Shared;
use crate::store::{Db, PoolUse};
use caller::TokenCache;
use delivery::Mailing;
use limits::Limiter;
use pushing::Pushing;

/// The account core: what every door stands on.
pub struct Core {
    config: Config,
    chains: Chains,
    /// The ids of the configured chains.
    chain_ids: Vec<u64>,
    clock: Clock,
    random: Random,
    db: Db,
    keychain: Keychain,
    /// Those who hash passwords.
    hashers: Hashers,
    /// Under which wallets are counted. A key of the database's own, since the root secret may change.
    wallet_tags: hmac::Key,
    /// Under which the secrets of authenticators are sealed.
    factor_seal: SecretBytes,
    keyring: ArcSwap<Keyring>,
    /// The look for keys that this node does not know.
    new_keys: Shared<()>,
    /// Whether the database answers.
    readiness: Shared<bool>,
    verified: TokenCache,
    /// How far the sessions were gone through for those that are over.
    swept_to: Mutex<SessionId>,
    limiter: Limiter,
    mailing: Mailing,
    /// What reaches devices, if anything does.
    pushing: Option<Pushing>,
    metrics: Metrics,
    /// The OpenID provider at which people sign in.
    provider: Option<Provider>,
    /// Stripe, if it takes payments.
    stripe: Option<Stripe>,
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
        let opened = Box::pin(root::open(&db, &config, secret, &random, clock.now())).await?;
        Self::over(opened, config, clock, random, db)
    }

    /// Builds the core over a database that a start has made ready. Makes and changes nothing.
    ///
    /// # Errors
    /// [`RootError`] if the root secret is not one that a start has made known.
    pub async fn open_existing(
        config: Config,
        clock: Clock,
        random: Random,
        db: Db,
        secret: &SecretBytes,
    ) -> Result<Arc<Self>, RootError> {
        let opened = root::open_known(&db, &config, secret, clock.now()).await?;
        Self::over(opened, config, clock, random, db)
    }

    fn over(
        opened: root::Opened,
        config: Config,
        clock: Clock,
        random: Random,
        db: Db,
    ) -> Result<Arc<Self>, RootError> {
        let root::Opened { keychain, wallet_tags, keyring } = opened;
        let wallet_tags = hmac::Key::new(hmac::HMAC_SHA256, &wallet_tags);
        Ok(Arc::new(Self {
            factor_seal: second_factor::sealing_key(&wallet_tags),
            hashers: Hashers::start(config.passwords).map_err(|error| Error::Internal(error.into()))?,
            wallet_tags,
            keyring: ArcSwap::from_pointee(keyring),
            new_keys: Shared::default(),
            readiness: Shared::default(),
            verified: TokenCache::default(),
            swept_to: Mutex::new(sweep::BEGINNING),
            limiter: Limiter::new(config.limits),
            mailing: Mailing::new(Post::new(&config).map_err(RootError::Mail)?),
            pushing: Service::new(&config.fcm, &clock).map_err(RootError::Push)?.map(Pushing::new),
            metrics: Metrics::default(),
            provider: Provider::new(&config.google, clock.clone()),
            stripe: Stripe::new(&config.stripe),
            chains: Chains::new(&config, clock.clone()),
            chain_ids: config.chains.iter().map(|chain| chain.id).collect(),
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

    /// Whether the database answers. Many who ask within a second are answered by one look: they must not take the
    /// connections, or SQLite's one writer, from those who work.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if it does not.
    pub async fn ready(&self) -> Result<(), Error> {
        let good_for = |answers: &bool| if *answers { Duration::from_secs(1) } else { Duration::ZERO };
        let look = async {
            let answer = self.db.ping().await;
            if let Err(error) = &answer {
                tracing::warn!(?error, "the gateway is not ready");
            }
            answer.is_ok()
        };
        let ready = self.readiness.ask(&self.clock, good_for, look).await;
        ready.then_some(()).ok_or(Error::Unavailable(Dependency::Database))
    }

    /// The keyed hash under which a key wallet is counted and remembered.
    fn wallet_tag(&self, address: Address) -> [u8; 32] {
        let mut tag = [0; 32];
        let mac = hmac::sign(&self.wallet_tags, format!("key:{address}").as_bytes());
        tag.copy_from_slice(mac.as_ref());
        tag
    }
}
