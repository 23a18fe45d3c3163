//! Taking out of the audit trail what it tells of accounts that were deleted, in small steps: an index by account would
//! cost every sign-in, and the whole trail can't be read in one go.

use std::time::Duration;

use uuid::{Builder, Uuid};

use super::{Queryable, Tx, execute, on};
use crate::clock::Timestamp;
use crate::model::audit::Event;
use crate::model::{AccountId, Error};

/// How long after its id was made an event is recorded at the latest: a unit of work rests no longer.
const SETTLES_WITHIN: Duration = Duration::from_mins(1);

/// How long an account is looked for after it was deleted: credentials of it may still come in.
const KEPT: Duration = Duration::from_hours(1);

/// A place in the trail before which no event is missing any more that was recorded until `moment`.
fn before(moment: Timestamp) -> Uuid {
    Builder::from_unix_timestamp_millis(moment.millis(), &[0; 10]).into_uuid()
}

/// An account that was deleted, and how far its events were looked at.
#[derive(Clone, Copy, Debug)]
pub struct Erasure {
    /// The account.
    pub account: AccountId,
    /// The last event that was looked at for good.
    pub after: Uuid,
    deleted_at: Timestamp,
}

/// Begins with an account.
///
/// # Errors
/// If the database does not answer.
pub async fn insert(tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<(), Error> {
    const SQL: &str = "INSERT INTO erasures (account_id, after, deleted_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    // No event of an account is older than its id, and clocks of nodes differ: an hour before, which is 3,600,000 in the
    // 48 bits of milliseconds of a UUIDv7.
    let after = Uuid::from_u128(account.0.as_u128().saturating_sub(3_600_000 << 80));
    execute!(tx, sqlx::query(SQL).bind(account.0).bind(after).bind(now.micros()))?;
    Ok(())
}

/// The account that is furthest behind.
///
/// # Errors
/// If the database does not answer.
pub async fn find_any(db: &mut impl Queryable) -> Result<Option<Erasure>, Error> {
    const SQL: &str = "SELECT account_id, after, deleted_at FROM erasures ORDER BY after LIMIT 1";
    let row = on!(db, c => sqlx::query_as::<_, (Uuid, Uuid, i64)>(SQL).fetch_optional(c))?;
    Ok(row.map(|(account, after, deleted_at)| Erasure {
        account: AccountId(account),
        after,
        deleted_at: Timestamp::from_micros(deleted_at),
    }))
}

/// Looks at the next `limit` events, and leaves of those of the account nothing but the id, the time and what happened; of
/// deletions that it made itself, that it made them. Tells whether there is more to look at now.
///
/// Events are recorded a moment after their ids are made, so the newest ones are looked at again: the account is done
/// with an hour after it was deleted.
///
/// # Errors
/// If the database does not answer.
pub async fn advance(tx: &mut Tx, erasure: Erasure, limit: i64, now: Timestamp) -> Result<bool, Error> {
    const LAST: &str = "SELECT id FROM (SELECT id FROM audit_events WHERE id > $1 ORDER BY id LIMIT $2) AS next ORDER BY id DESC LIMIT 1";
    const ERASE: &str = "UPDATE audit_events SET detail = NULL, session_id = NULL, wallet_tag = NULL, \
                         client_address = NULL, request_id = NULL \
                         WHERE id > $1 AND id <= $2 AND account_id = $3 AND event <> $4";
    const ERASE_AS_ACTOR: &str = "UPDATE audit_events SET client_address = NULL, request_id = NULL \
                                  WHERE id > $1 AND id <= $2 AND event = $4 AND detail = $3";
    const MOVE: &str = "UPDATE erasures SET after = $3 WHERE account_id = $1 AND after = $2";
    const END: &str = "DELETE FROM erasures WHERE account_id = $1";
    let Erasure { account, after, deleted_at } = erasure;
    let last = on!(tx, c => sqlx::query_scalar::<_, Uuid>(LAST).bind(after).bind(limit).fetch_optional(c))?;
    let settled = before(now - SETTLES_WITHIN);
    if let Some(last) = last {
        let actor = account.0.to_string();
        let (event, own) = (Event::ACCOUNT_DELETED, account.0);
        execute!(tx, sqlx::query(ERASE).bind(after).bind(last).bind(own).bind(event))?;
        execute!(tx, sqlx::query(ERASE_AS_ACTOR).bind(after).bind(last).bind(actor.as_str()).bind(event))?;
        let next = last.min(settled).max(after);
        execute!(tx, sqlx::query(MOVE).bind(account.0).bind(after).bind(next))?;
        if last < settled {
            return Ok(true);
        }
    }
    if now >= deleted_at + KEPT {
        execute!(tx, sqlx::query(END).bind(account.0))?;
    }
    Ok(false)
}
