//! What an operator does to the data without a running gateway. Nothing is made or changed beyond what was asked for.

use super::{StartFailure, data_dir};
use crate::clock::Clock;
use crate::config::{Config, Database};
use crate::identity::{KeyState, list_signing_keys, rotate_signing_key};
use crate::random::Random;
use crate::store::{Db, OpenError};

/// Brings the database's tables up to date, or, if `check`, leaves them alone; how many migrations it lacked.
///
/// # Errors
/// [`StartFailure`] if the database can't be opened.
pub async fn migrate(config: &Config, check: bool) -> Result<usize, StartFailure> {
    let failure = |error| StartFailure::database(config, &error);
    let pending = Db::pending(&config.database).await.map_err(failure)?;
    if !check && pending > 0 {
        if let Database::Sqlite(file) = &config.database {
            data_dir::prepare(file.parent().unwrap_or(&config.data_dir))?;
            data_dir::prepare_database(file)?;
        }
        Db::open(&config.database).await.map_err(failure)?.close().await;
    }
    Ok(pending)
}

/// Every signing key that there ever was, the newest last. Only reads.
///
/// # Errors
/// [`StartFailure`] if there is no database, or it is not up to date.
pub async fn list_keys(config: &Config, clock: &Clock) -> Result<Vec<KeyState>, StartFailure> {
    let db = open(config).await?;
    let keys = list_signing_keys(&db, config.tokens.algorithm, clock.now()).await;
    db.close().await;
    Ok(keys?)
}

/// Adds a signing key that takes over shortly, and lists all of them.
///
/// # Errors
/// [`StartFailure`] if there is no database, it is not up to date, or the root secret is not the one of it.
pub async fn rotate_keys(config: &Config, clock: &Clock, random: &Random) -> Result<Vec<KeyState>, StartFailure> {
    let db = open(config).await?;
    let rotated = match data_dir::existing_secret(config) {
        Ok(secret) => rotate_signing_key(&db, config, &secret, random, clock.now()).await.map_err(StartFailure::from),
        Err(failure) => Err(failure),
    };
    let keys = list_signing_keys(&db, config.tokens.algorithm, clock.now()).await;
    db.close().await;
    rotated?;
    Ok(keys?)
}

/// Opens a database that is there and up to date.
pub(super) async fn open(config: &Config) -> Result<Db, StartFailure> {
    Db::open_existing(&config.database).await.map_err(|error: OpenError| StartFailure::database(config, &error))
}
