//! Where a gateway under measurement keeps its data: a directory that is removed afterwards, and a database.

use std::fs::File;
use std::path::Path;

use countersign::config::Database;
use countersign::secret::RedactedUrl;
use tempfile::TempDir;
use url::Url;

use crate::Fault;
use crate::postgres::Cluster;

/// On what is measured.
#[derive(Clone, Debug)]
pub enum Kind {
    /// New files.
    Sqlite,
    /// A PostgreSQL server of our own.
    Cluster,
    /// Somebody's PostgreSQL database.
    Named(String),
}

impl Kind {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Cluster | Self::Named(_) => "PostgreSQL",
        }
    }
}

pub struct Place {
    name: &'static str,
    directory: TempDir,
    /// Of the database, if it is not a file in the directory.
    url: Option<String>,
}

impl Place {
    /// A new one. `name` is also that of the cluster's database, if there is a cluster.
    pub fn new(kind: &Kind, cluster: Option<&Cluster>, name: &'static str) -> Result<Self, Fault> {
        let url = match kind {
            Kind::Sqlite => None,
            Kind::Cluster => cluster.map(|cluster| cluster.url(name)),
            Kind::Named(url) => Some(url.clone()),
        };
        Ok(Self { name, directory: tempfile::tempdir()?, url })
    }

    pub const fn name(&self) -> &'static str {
        self.name
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// The database, as the gateway's configuration names it.
    pub fn database(&self) -> Result<Database, Fault> {
        Ok(match &self.url {
            None => Database::Sqlite(self.directory().join("countersign.db")),
            Some(url) => Database::Postgres(RedactedUrl::new(Url::parse(url)?)),
        })
    }

    /// Where the gateway's log goes: to a pipe, the driver would have to read it while it measures.
    pub fn log(&self) -> Result<File, Fault> {
        Ok(File::options().append(true).create(true).open(self.directory().join("log"))?)
    }

    /// The end of that log, for whoever asks why the gateway failed.
    pub fn last_words(&self) -> String {
        let log = std::fs::read_to_string(self.directory().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}
