//! What an error of the database means to a use case: try again later, or a fault of ours.

use sqlx::error::DatabaseError;

use crate::model::Error;
use crate::model::error::Dependency;

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        if is_outage(&error) {
            tracing::warn!(error = %error, "the database does not answer");
            Self::Unavailable(Dependency::Database)
        } else {
            Self::Internal(error.into())
        }
    }
}

fn is_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(error) => is_outage_code(error.as_ref()),
        _ => false,
    }
}

fn is_outage_code(error: &dyn DatabaseError) -> bool {
    let Some(code) = error.code() else { return false };
    // PostgreSQL has five characters: 08 connection, 53 resources, 57P operator intervention, 25006 read-only standby.
    if code.len() == 5 {
        // 40001 and 40P01, serialisation failure and deadlock, succeed when tried again.
        let classes = ["08", "53", "57P", "25006", "40001", "40P01"];
        return classes.iter().any(|class| code.starts_with(class));
    }
    // SQLite's extended codes carry the primary one in the low byte: BUSY 5, LOCKED 6, READONLY 8, IOERR 10, FULL 13,
    // CANTOPEN 14.
    code.parse::<i32>().is_ok_and(|code| matches!(code & 0xFF, 5 | 6 | 8 | 10 | 13 | 14))
}
