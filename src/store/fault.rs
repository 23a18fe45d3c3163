//! What an error of the database means to a use case: try again later, or a fault of ours.

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
        sqlx::Error::Database(error) => error.code().is_some_and(|code| is_outage_code(&code)),
        _ => false,
    }
}

fn is_outage_code(code: &str) -> bool {
    // PostgreSQL has five characters: 08 connection, 53 resources, 57P operator intervention, 57014 a statement
    // that ran into its time, 58030 a disk that fails, 55P03 a lock that others hold, 25006 a standby that only
    // reads, 25P03 a unit of work that rested too long.
    if code.len() == 5 {
        // 40001 and 40P01, serialisation failure and deadlock, succeed when tried again.
        let classes = ["08", "53", "57P", "57014", "58030", "55P03", "25006", "25P03", "40001", "40P01"];
        return classes.iter().any(|class| code.starts_with(class));
    }
    // SQLite's extended codes carry the primary one in the low byte: BUSY 5, LOCKED 6, READONLY 8, IOERR 10, FULL 13,
    // CANTOPEN 14.
    code.parse::<i32>().is_ok_and(|code| matches!(code & 0xFF, 5 | 6 | 8 | 10 | 13 | 14))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_an_outage_and_a_fault_of_ours_is_not() {
        for code in ["08006", "53300", "57P01", "57014", "58030", "55P03", "25P03", "40P01", "5", "261", "2570", "13"] {
            assert!(is_outage_code(code), "{code}");
        }
        for code in ["23505", "42P01", "22003", "58P01", "XX001", "1", "19", "2067", ""] {
            assert!(!is_outage_code(code), "{code}");
        }
    }
}
