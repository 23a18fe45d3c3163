//! Why a gateway does not start: one line each, which says what to do.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use crate::config::{Config, ConfigError, Database};
use crate::identity::RootError;
use crate::model::Error;
use crate::model::error::Conflict;
use crate::store::OpenError;

/// One line that says why the gateway does not start, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartFailure {
    line: String,
    is_database_away: bool,
}

impl StartFailure {
    pub(super) fn new(line: impl Into<String>) -> Self {
        // Errors of libraries may have lines of their own.
        let line = line.into().lines().map(str::trim).collect::<Vec<_>>().join(" ");
        Self { line, is_database_away: false }
    }

    fn away(line: impl Into<String>) -> Self {
        Self { is_database_away: true, ..Self::new(line) }
    }

    /// Whether all that is wrong is that the database can't be reached: trying again later makes sense.
    #[must_use]
    pub fn is_database_away(&self) -> bool {
        self.is_database_away
    }

    /// The system refused what every gateway needs.
    #[must_use]
    pub fn from_io(what: &str, error: &io::Error) -> Self {
        Self::new(format!("the system gives no {what} ({error})"))
    }

    pub(super) fn data_dir(path: &Path, error: &io::Error) -> Self {
        Self::new(format!(
            "the directory {} can't be written ({error}): make it writable or choose another by data_dir \
             (COUNTERSIGN_DATA_DIR)",
            path.display()
        ))
    }

    pub(super) fn listen(key: &str, address: SocketAddr, error: &io::Error) -> Self {
        let variable = key.to_uppercase();
        if error.kind() == io::ErrorKind::AddrInUse {
            return Self::new(format!(
                "{address} is in use: stop the other program or choose another port by {key} (COUNTERSIGN_{variable})"
            ));
        }
        Self::new(format!("can't listen on {address} ({error}): choose another by {key} (COUNTERSIGN_{variable})"))
    }

    pub(super) fn first_admin(error: Error) -> Self {
        match error {
            Error::Conflict(Conflict::IdentityAlreadyUsed) => Self::new(
                "admin_email is the e-mail address of an account that is no ADMIN: make it one by countersign users \
                 grant, or name another address",
            ),
            other => Self::from(other),
        }
    }

    pub(super) fn database(config: &Config, error: &OpenError) -> Self {
        let name = match &config.database {
            Database::Sqlite(file) => file.display().to_string(),
            Database::Postgres(url) => url.to_string(),
        };
        match error {
            OpenError::Unreachable(error) => Self::away(format!(
                "the database {name} can't be opened ({error}): check database_url (COUNTERSIGN_DATABASE_URL) and that \
                 it runs, is writable and has room"
            )),
            OpenError::Newer => Self::new(format!(
                "the database {name} was changed by a newer version of Countersign: start that version or a later one"
            )),
            OpenError::Missing => Self::new(format!(
                "there is no database {name}: run this where the gateway's configuration is, or name that by --config; \
                 a new one is made by: countersign migrate"
            )),
            OpenError::Behind(pending) => Self::new(format!(
                "the database {name} lacks {pending} migrations: run countersign migrate, or start the gateway, and \
                 try again"
            )),
            OpenError::Migration(error) => Self::new(format!(
                "the tables of the database {name} can't be brought up to date ({error}): restore a backup, or ask for \
                 help with this line"
            )),
        }
    }
}

impl From<ConfigError> for StartFailure {
    fn from(error: ConfigError) -> Self {
        Self::new(error.0)
    }
}

impl From<RootError> for StartFailure {
    fn from(error: RootError) -> Self {
        match error {
            RootError::WrongSecret => Self::new(
                "the root secret is not the one of this database: restore it, or, to replace it, name the old one in \
                 previous_secrets",
            ),
            RootError::NewSecret => Self::new(
                "the root secret is not one that this database knows: run this with the gateway's configuration, and \
                 start the gateway once after a change of the secret",
            ),
            RootError::Mail(line) => Self::new(format!("{line}: correct it, or take it out of mail.templates")),
            RootError::Push(line) => Self::new(line),
            RootError::Store(error) => Self::from(error),
        }
    }
}

impl From<Error> for StartFailure {
    fn from(error: Error) -> Self {
        match error {
            Error::Internal(source) => Self::new(format!("the database can't be used ({source})")),
            Error::Unavailable(_) => Self::away(error.detail()),
            other => Self::new(other.detail()),
        }
    }
}

impl fmt::Display for StartFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for StartFailure {}
