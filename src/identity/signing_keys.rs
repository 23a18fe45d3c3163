//! The life of the signing keys: published, active, retired. Loading them is the start's, and the upkeep's.

use std::sync::Arc;
use std::time::Duration;

use super::root::{Keys, known_keychain, load_keyring};
use super::{Core, RootError};
use crate::clock::Timestamp;
use crate::config::{Algorithm, Config};
use crate::crypto::keyring;
use crate::model::Error;
use crate::model::audit::{Event, Subject};
use crate::random::Random;
use crate::secret::SecretBytes;
use crate::store::{Db, audit, keys as rows};

/// How often a node reloads its ring, and how long it may take to.
pub(crate) const RELOADED_WITHIN: Duration = Duration::from_secs(5);

/// How long others may keep our key set: whoever asks again when he meets a key that he does not know must not be given
/// the set of before by a cache in between.
pub(crate) const KEPT_BY_OTHERS: Duration = Duration::from_secs(10);

/// How soon an unknown key makes a node look again after it has looked: made-up keys must not become a load.
const LOOKED_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long a new key is published before it signs, by the clocks that are furthest apart: every node has reloaded its
/// ring by then, and no cache holds the key set of before.
pub(super) fn published_before(clock_skew: Duration) -> Duration {
    RELOADED_WITHIN + KEPT_BY_OTHERS + clock_skew
}

/// A signing key, as an operator sees it.
#[derive(Clone, Debug)]
pub struct KeyState {
    /// Its id.
    pub kid: String,
    /// Its JOSE algorithm.
    pub algorithm: String,
    /// `published`, `signing`, `verifying` or `retired`.
    pub state: &'static str,
    /// From when on it signs.
    pub active_from: Timestamp,
    /// From when on it verifies no more.
    pub retired_at: Option<Timestamp>,
}

impl Core {
    /// Takes over the signing keys that other nodes added or retired since.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer; the keys of before stay in use.
    pub async fn reload_keys(&self) -> Result<(), Error> {
        let mut reader = self.db.read().await?;
        let ring = load_keyring(&mut reader, &self.keychain, self.clock.now()).await?;
        self.keyring.store(Arc::new(ring));
        Ok(())
    }

    /// Looks for a key that this node does not know: it may have missed that another one added it. Those who ask at the
    /// same time wait for one look.
    pub(super) async fn look_for_new_keys(&self) {
        let look = async {
            if let Err(error) = self.reload_keys().await {
                tracing::warn!(?error, "the signing keys can't be looked up");
            }
        };
        self.new_keys.ask(&self.clock, |&()| LOOKED_AGAIN_AFTER, look).await;
    }
}

/// Every signing key that there ever was, the newest last. Needs no root secret: nothing is opened.
///
/// # Errors
/// [`Error::Unavailable`] if the database does not answer.
pub async fn list_signing_keys(db: &Db, algorithm: Algorithm, now: Timestamp) -> Result<Vec<KeyState>, Error> {
    let mut reader = db.read().await?;
    let current = rows::list_signing_keys(&mut reader, now).await?;
    let facts =
        |row: &rows::SigningKeyRow| (row.algorithm == algorithm.name(), Timestamp::from_micros(row.active_from));
    let signing = keyring::signing(&current, facts, now).map(|row| row.kid.clone());
    let of_row = |row: rows::SigningKeyRow| {
        let (active_from, retired_at) =
            (Timestamp::from_micros(row.active_from), row.retired_at.map(Timestamp::from_micros));
        let state = match retired_at {
            Some(at) if at <= now => "retired",
            _ if signing.as_deref() == Some(row.kid.as_str()) => "signing",
            _ if active_from > now => "published",
            _ => "verifying",
        };
        KeyState { kid: row.kid, algorithm: row.algorithm, state, active_from, retired_at }
    };
    Ok(rows::list_all_signing_keys(&mut reader).await?.into_iter().map(of_row).collect())
}

/// Adds a key of the configured algorithm that signs from shortly on. Those of before verify until the last token that
/// they may have signed has expired. It is all that changes: what a start makes, a start makes.
///
/// # Errors
/// [`RootError::NewSecret`] if no start has made the root secret known; [`Error::Unavailable`] if the database did not
/// confirm it. Then nothing has changed.
pub async fn rotate_signing_key(
    db: &Db,
    config: &Config,
    secret: &SecretBytes,
    random: &Random,
    now: Timestamp,
) -> Result<(), RootError> {
    let mut tx = db.write().await?;
    rows::lock(&mut tx).await?;
    let keychain = known_keychain(&mut tx, secret, &config.previous_secrets).await?;
    // Nodes take a new ring over at different moments, and their clocks differ.
    let margin = published_before(config.wallet.clock_skew);
    let active_from = now + margin;
    let retired_at = active_from + config.tokens.access_ttl + margin;
    for kid in rows::retire_signing_keys(&mut tx, retired_at).await? {
        let event = Event::SigningKeyRetired(&kid);
        audit::insert(&mut tx, random.uuid(now), event, Subject::default(), None, now).await?;
    }
    let mut keys = Keys { tx: &mut tx, keychain: &keychain, random, now };
    keys.add_signing_key(config.tokens.algorithm, active_from).await?;
    Ok(tx.commit().await?)
}
