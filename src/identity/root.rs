//! The start: which root secret is in force, and the keys that lie sealed under it.

use zeroize::Zeroizing;

use super::signing_keys::published_before;
use crate::clock::Timestamp;
use crate::config::{Algorithm, Config};
use crate::crypto::keyring::{Keyring, SigningKey};
use crate::crypto::root::{Keychain, RootKeys, check_value};
use crate::crypto::seal;
use crate::model::Error;
use crate::model::audit::{Event, Subject};
use crate::random::Random;
use crate::secret::SecretBytes;
use crate::store::keys::{self as rows, SealedKey, SigningKeyRow};
use crate::store::{Db, Queryable, Tx, audit};

/// What the data key is for under which wallets are counted.
const WALLET_TAGS: &str = "wallet tags";

/// Why the keys of this database can't be used.
#[derive(Debug)]
pub enum RootError {
    /// The root secret is not one that this database knows, and none of the previous ones is either.
    WrongSecret,
    /// The root secret is not one that this database knows yet: no start has made it known.
    NewSecret,
    /// A template of mails is wrong; in a line.
    Mail(String),
    /// The account by which devices are reached is none; in a line.
    Push(String),
    /// The database failed, or a sealed key does not open.
    Store(Error),
}

impl From<Error> for RootError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// What the start makes of the root secret and the database.
pub(super) struct Opened {
    pub(super) keychain: Keychain,
    pub(super) wallet_tags: Zeroizing<Vec<u8>>,
    pub(super) keyring: Keyring,
}

/// Opens the keys of this database with `secret`; makes what a new database lacks, seals anew what an older root
/// secret sealed. One unit of work, and one node at a time: two that start at once must agree on every key.
pub(super) async fn open(
    db: &Db,
    config: &Config,
    secret: &SecretBytes,
    random: &Random,
    now: Timestamp,
) -> Result<Opened, RootError> {
    let mut tx = db.write().await?;
    rows::lock(&mut tx).await?;
    let keychain = keychain(&mut tx, secret, &config.previous_secrets, random, now).await?;
    let mut keys = Keys { tx: &mut tx, keychain: &keychain, random, now };
    let wallet_tags = keys.data_key(WALLET_TAGS).await?;
    let keyring = keys.keyring(config).await?;
    tx.commit().await?;
    Ok(Opened { keychain, wallet_tags, keyring })
}

/// Opens the keys that a start has made, with a root secret that a start has made known. Only reads.
pub(super) async fn open_known(
    db: &Db,
    config: &Config,
    secret: &SecretBytes,
    now: Timestamp,
) -> Result<Opened, RootError> {
    let mut reader = db.read().await?;
    let keychain = known_keychain(&mut reader, secret, &config.previous_secrets).await?;
    let row = rows::find_data_key(&mut reader, WALLET_TAGS).await?.ok_or(RootError::NewSecret)?;
    let wallet_tags = open_key(&keychain, WALLET_TAGS, &row)?;
    let keyring = load_keyring(&mut reader, &keychain, now).await?;
    Ok(Opened { keychain, wallet_tags, keyring })
}

/// Recognises the root secrets by their check values. At least one has to be known, unless the database is new; then
/// the others become known too: one that is to sign from now on, or one that other nodes are about to sign with.
async fn keychain(
    tx: &mut Tx,
    secret: &SecretBytes,
    previous: &[SecretBytes],
    random: &Random,
    now: Timestamp,
) -> Result<Keychain, RootError> {
    let known = rows::list_root_secrets(tx).await?;
    let is_known = |secret: &SecretBytes| known.iter().any(|row| row.check_value == check_value(secret));
    if !known.is_empty() && !std::iter::once(secret).chain(previous).any(is_known) {
        return Err(RootError::WrongSecret);
    }
    let mut newest = known.last().map_or(0, |row| row.version);
    let mut keys = Vec::new();
    for secret in std::iter::once(secret).chain(previous) {
        let check = check_value(secret);
        let version = if let Some(row) = known.iter().find(|row| row.check_value == check) {
            row.version
        } else {
            newest += 1;
            rows::insert_root_secret(tx, newest, &check, now).await?;
            audit::insert(tx, random.uuid(now), Event::RootSecretAdded, Subject::default(), None, now).await?;
            newest
        };
        let version = u8::try_from(version).map_err(|_| Error::internal("the root secret changed 255 times"))?;
        keys.push(RootKeys::new(version, secret));
    }
    let current = keys.remove(0);
    Ok(Keychain::new(current, keys))
}

/// The keychain of root secrets that the database knows already. Makes nothing known, which is a start's to do.
pub(super) async fn known_keychain(
    db: &mut impl Queryable,
    secret: &SecretBytes,
    previous: &[SecretBytes],
) -> Result<Keychain, RootError> {
    let known = rows::list_root_secrets(db).await?;
    let of_secret = |secret: &SecretBytes| {
        let check = check_value(secret);
        let row = known.iter().find(|row| row.check_value == check)?;
        Some(RootKeys::new(u8::try_from(row.version).ok()?, secret))
    };
    let current = of_secret(secret).ok_or(RootError::NewSecret)?;
    Ok(Keychain::new(current, previous.iter().filter_map(of_secret).collect()))
}

/// The keys in the database, within one unit of work.
pub(super) struct Keys<'a> {
    pub(super) tx: &'a mut Tx,
    pub(super) keychain: &'a Keychain,
    pub(super) random: &'a Random,
    pub(super) now: Timestamp,
}

impl Keys<'_> {
    /// The data key of this purpose; made if there is none, sealed anew if the root secret changed.
    async fn data_key(&mut self, purpose: &'static str) -> Result<Zeroizing<Vec<u8>>, Error> {
        let current = self.keychain.current().version();
        let found = rows::find_data_key(self.tx, purpose).await?;
        let up_to_date = found.as_ref().is_some_and(|row| row.secret_version == i64::from(current));
        let key = match found {
            Some(row) => open_key(self.keychain, purpose, &row)?,
            None => Zeroizing::new(self.random.bytes::<32>().to_vec()),
        };
        if !up_to_date {
            let sealed = self.seal(purpose, &key)?;
            rows::upsert_data_key(self.tx, purpose, current, &sealed, self.now).await?;
        }
        Ok(key)
    }

    /// The signing keys; one of the configured algorithm is made if there is none.
    async fn keyring(&mut self, config: &Config) -> Result<Keyring, Error> {
        let algorithm = config.tokens.algorithm;
        let current = self.keychain.current().version();
        for row in rows::list_signing_keys(self.tx, self.now).await? {
            if row.key.secret_version != i64::from(current) {
                let pkcs8 = open_key(self.keychain, &row.kid, &row.key)?;
                let sealed = self.seal(&row.kid, &pkcs8)?;
                rows::update_signing_key_seal(self.tx, &row.kid, current, &sealed).await?;
            }
        }
        let ring = load_keyring(self.tx, self.keychain, self.now).await?;
        if ring.has(algorithm) {
            return Ok(ring);
        }
        // The first key has to sign at once. A later one is published before it signs.
        let published = published_before(config.wallet.clock_skew);
        let active_from = if ring.is_empty() { self.now } else { self.now + published };
        self.add_signing_key(algorithm, active_from).await?;
        load_keyring(self.tx, self.keychain, self.now).await
    }

    /// Adds a signing key that signs from `active_from` on.
    pub(super) async fn add_signing_key(&mut self, algorithm: Algorithm, active_from: Timestamp) -> Result<(), Error> {
        let pkcs8 = SigningKey::generate(algorithm, self.random)?;
        let key = SigningKey::parse(algorithm, &pkcs8, active_from)?;
        let sealed = self.seal(key.kid(), &pkcs8)?;
        let secret_version = i64::from(self.keychain.current().version());
        let row = SigningKeyRow {
            kid: key.kid().to_owned(),
            algorithm: algorithm.name().to_owned(),
            active_from: active_from.micros(),
            retired_at: None,
            key: SealedKey { secret_version, sealed },
        };
        rows::insert_signing_key(self.tx, &row, self.now).await?;
        let id = self.random.uuid(self.now);
        audit::insert(self.tx, id, Event::SigningKeyAdded(key.kid()), Subject::default(), None, self.now).await
    }

    fn seal(&self, purpose: &str, key: &[u8]) -> Result<Vec<u8>, Error> {
        seal::seal(self.keychain.current(), purpose, key, self.random)
    }
}

fn open_key(keychain: &Keychain, purpose: &str, row: &SealedKey) -> Result<Zeroizing<Vec<u8>>, Error> {
    seal::open(keychain, row.secret_version, purpose, &row.sealed)
}

/// The ring of all keys that are not retired.
pub(super) async fn load_keyring(
    db: &mut impl Queryable,
    keychain: &Keychain,
    now: Timestamp,
) -> Result<Keyring, Error> {
    let mut keys = Vec::new();
    for row in rows::list_signing_keys(db, now).await? {
        let unknown = Error::internal("a signing key in the database has an unknown algorithm");
        let algorithm = Algorithm::parse(&row.algorithm).ok_or(unknown)?;
        let pkcs8 = open_key(keychain, &row.kid, &row.key)?;
        keys.push(SigningKey::parse(algorithm, &pkcs8, Timestamp::from_micros(row.active_from))?);
    }
    Ok(Keyring::new(keys))
}
