//! The data directory, and the root secret in it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::StartFailure;
use crate::config::{Config, Database};
use crate::random::Random;
use crate::secret::SecretBytes;
use crate::store::{Db, keys};

/// The root secret, and where it came from.
pub enum Secret {
    /// From the configuration.
    Configured(SecretBytes),
    /// From the file that an earlier start made.
    Kept(SecretBytes, PathBuf),
    /// Made by this start.
    Made(SecretBytes, PathBuf),
}

impl Secret {
    /// The secret itself.
    #[must_use]
    pub fn bytes(&self) -> &SecretBytes {
        match self {
            Self::Configured(bytes) | Self::Kept(bytes, _) | Self::Made(bytes, _) => bytes,
        }
    }
}

/// Makes the directory, for its owner alone, and makes sure that it can be written.
pub(super) fn prepare(directory: &Path) -> Result<(), StartFailure> {
    if directory.as_os_str().is_empty() {
        return Ok(());
    }
    let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.and_then(|()| probe(directory)).map_err(|error| StartFailure::data_dir(directory, &error))
}

fn probe(directory: &Path) -> io::Result<()> {
    let file = directory.join(format!(".writable-{}", std::process::id()));
    File::create(&file)?;
    fs::remove_file(&file)
}

/// Makes the file of a new database readable by its owner alone, whatever the directory's mode; SQLite gives the files
/// beside it the same mode.
pub(super) fn prepare_database(file: &Path) -> Result<(), StartFailure> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(StartFailure::data_dir(file.parent().unwrap_or(file), &error)),
    }
}

/// With PostgreSQL the secret has to be configured: a file on one node would be missing on the next.
pub(super) fn require_secret(config: &Config) -> Result<(), StartFailure> {
    match (&config.database, &config.secret) {
        (Database::Postgres(_), None) => Err(StartFailure::new(
            "with PostgreSQL the root secret has to be given, the same on every node: set secret (COUNTERSIGN_SECRET) \
             to 32 random bytes, for example of: openssl rand -hex 32",
        )),
        _ => Ok(()),
    }
}

/// Finds the root secret, or makes it for a database that never had one.
pub(super) async fn secret(config: &Config, db: &Db, random: &Random) -> Result<Secret, StartFailure> {
    if let Some(secret) = &config.secret {
        return Ok(Secret::Configured(secret.clone()));
    }
    let file = config.data_dir.join("secret");
    if let Some(secret) = read(&file)? {
        return Ok(Secret::Kept(secret, file));
    }
    if !keys::list_root_secrets(&mut db.read().await?).await?.is_empty() {
        return Err(lost(&file));
    }
    let made = SecretBytes::new(random.bytes());
    match write(&file, &made) {
        Ok(()) => Ok(Secret::Made(made, file)),
        // Another gateway starts over the same new directory and was faster: its secret is the one.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let kept = read(&file)?.ok_or_else(|| lost(&file))?;
            Ok(Secret::Kept(kept, file))
        }
        Err(error) => Err(StartFailure::data_dir(&config.data_dir, &error)),
    }
}

/// Finds the root secret of a database that has one. Makes none.
pub(super) fn existing_secret(config: &Config) -> Result<SecretBytes, StartFailure> {
    require_secret(config)?;
    if let Some(secret) = &config.secret {
        return Ok(secret.clone());
    }
    let file = config.data_dir.join("secret");
    let missing = || {
        StartFailure::new(format!(
            "there is no root secret {}: run this with the gateway's configuration, after its first start",
            file.display()
        ))
    };
    read(&file)?.ok_or_else(missing)
}

/// The root secret in the file, if the file is there.
fn read(file: &Path) -> Result<Option<SecretBytes>, StartFailure> {
    match fs::read_to_string(file) {
        Ok(text) => {
            warn_if_readable_by_others(file);
            SecretBytes::parse(&text).ok_or_else(|| damaged(file)).map(Some)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StartFailure::new(format!("the root secret {} can't be read: {error}", file.display()))),
    }
}

fn damaged(file: &Path) -> StartFailure {
    StartFailure::new(format!(
        "the root secret {} is damaged: restore it from a backup, or set secret (COUNTERSIGN_SECRET)",
        file.display()
    ))
}

fn lost(file: &Path) -> StartFailure {
    StartFailure::new(format!(
        "the root secret {} is gone, and the database was made with it: restore the file, or set secret \
         (COUNTERSIGN_SECRET)",
        file.display()
    ))
}

/// On disk before the database knows of it, or a power cut could leave a database without its secret.
fn write(file: &Path, secret: &SecretBytes) -> io::Result<()> {
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(opened, "{}", hex::encode(secret.expose()))?;
    opened.sync_all()?;
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(directory)?.sync_all()
}

fn warn_if_readable_by_others(file: &Path) {
    let mode = fs::metadata(file).map(|metadata| metadata.permissions().mode() & 0o077);
    if mode.is_ok_and(|others| others != 0) {
        tracing::warn!(file = %file.display(), "the root secret can be read by others: chmod 600");
    }
}
