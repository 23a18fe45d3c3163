//! Many sign-ins as one transaction of SQLite: what each spends, then the sessions and events of those whose nonce was
//! fresh, in two ways to the connection's thread.

use futures_util::TryStreamExt as _;
use sqlx::sqlite::{SqliteQueryResult, SqliteRow};
use sqlx::{Either, Executor as _, SqliteConnection};
use uuid::Uuid;

use super::sign_ins::{SignIn, Spend};
use crate::model::Error;
use crate::model::audit::Event;

macro_rules! begin {
    () => {
        "BEGIN IMMEDIATE"
    };
}

/// A sign-in on its way to SQLite, together with others.
pub(super) struct Prepared {
    spend: Spend,
    wallet_tag: [u8; 32],
    /// Of the session, its account, its wallet, and of the event.
    ids: [Uuid; 4],
    /// The other values of session and event, as a JSON list.
    values: String,
}

impl Prepared {
    pub(super) fn new(spend: Spend, sign_in: SignIn<'_>) -> Result<Self, Error> {
        let SignIn { session, wallet_tag, event, detail, client } = sign_in;
        let wallet = session.wallet.ok_or(Error::internal("a wallet signs in without a link"))?;
        let times = (session.refreshed_at.micros(), session.expires_at.micros());
        let values = (session.epoch, times.0, times.1, client.address, client.request_id.as_str(), detail);
        Ok(Self {
            spend,
            wallet_tag: *wallet_tag,
            ids: [session.id.0, session.account.0, wallet.0, event],
            values: serde_json::to_string(&values).map_err(|error| Error::Internal(error.into()))?,
        })
    }
}

/// Whether a transaction is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// It begins with these sign-ins.
    Begin,
    /// It holds something already.
    Join,
}

/// Whether the transaction ends with these sign-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    Open,
}

/// Begins a transaction that writes. IMMEDIATE: one that reads first and writes later fails with a busy snapshot,
/// whatever the timeout.
pub(super) const BEGIN: &str = begin!();

// What many sign-ins spend is one statement for each, in one text: one statement for all would have to keep them in
// tables of its own first, which costs SQLite more than all that it then writes. What is not bound is NULL, and spends
// nothing.
macro_rules! times {
    (1, $one:expr) => {
        $one
    };
    (4, $one:expr) => {
        concat!($one, "; ", $one, "; ", $one, "; ", $one)
    };
    (8, $one:expr) => {
        concat!(times!(4, $one), "; ", times!(4, $one))
    };
    (16, $one:expr) => {
        concat!(times!(8, $one), "; ", times!(8, $one))
    };
    (24, $one:expr) => {
        concat!(times!(16, $one), "; ", times!(8, $one))
    };
    (32, $one:expr) => {
        concat!(times!(16, $one), "; ", times!(16, $one))
    };
    (48, $one:expr) => {
        concat!(times!(32, $one), "; ", times!(16, $one))
    };
    (64, $one:expr) => {
        concat!(times!(32, $one), "; ", times!(32, $one))
    };
}

/// A statement as often as this, alone or as the begin of a transaction.
struct Repeated {
    times: usize,
    join: &'static str,
    begin: &'static str,
}

macro_rules! repeated {
    ($one:expr) => {
        [
            repeated!(1, $one),
            repeated!(4, $one),
            repeated!(8, $one),
            repeated!(16, $one),
            repeated!(24, $one),
            repeated!(32, $one),
            repeated!(48, $one),
            repeated!(64, $one),
        ]
    };
    ($times:tt, $one:expr) => {
        Repeated { times: $times, join: times!($times, $one), begin: concat!(begin!(), "; ", times!($times, $one)) }
    };
}

/// The most that is spent on one way to the database.
const MOST: usize = 64;

/// Raises the count of a wallet that has signed in before.
static RAISE: [Repeated; 8] =
    repeated!("UPDATE wallet_counts SET count = count + 1 WHERE wallet_tag = ? AND count = ?");
/// Begins to count, from the 0 that is bound.
static BEGIN_COUNT: [Repeated; 8] =
    repeated!("INSERT OR IGNORE INTO wallet_counts (wallet_tag, count) VALUES (?, 1 + ?)");
/// Records a nonce until it would have expired.
static RECORD: [Repeated; 8] = repeated!("INSERT OR IGNORE INTO spent_nonces (nonce, expires_at) VALUES (?, ?)");

// The bytes are session, account, wallet and event (16 each), and the wallet's keyed hash (32).
macro_rules! store_all {
    () => {
        "INSERT OR ROLLBACK INTO sessions (id, account_id, wallet_id, epoch, created_at, refreshed_at, expires_at) \
         SELECT substr($2, 1 + 96 * key, 16), substr($2, 17 + 96 * key, 16), substr($2, 33 + 96 * key, 16), \
         value ->> 0, value ->> 1, value ->> 1, value ->> 2 FROM json_each($1); \
         INSERT OR ROLLBACK INTO audit_events \
         (id, at, event, account_id, session_id, wallet_tag, client_address, request_id, detail) \
         SELECT substr($2, 49 + 96 * key, 16), value ->> 1, $3, substr($2, 17 + 96 * key, 16), \
         substr($2, 1 + 96 * key, 16), substr($2, 65 + 96 * key, 32), value ->> 3, value ->> 4, value ->> 5 \
         FROM json_each($1)"
    };
}

/// Stores many sign-ins within one transaction; tells of each whether its nonce was fresh. Of several that spend the same, the
/// first one is stored.
pub(super) async fn insert_all(
    c: &mut SqliteConnection,
    batch: &[Prepared],
    (start, end): (Start, End),
) -> Result<Vec<bool>, sqlx::Error> {
    let store = match end {
        End::Commit => concat!(store_all!(), "; COMMIT"),
        End::Open => store_all!(),
    };
    let fresh = spend_all(c, batch, start).await?;
    let (mut values, mut bytes) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len() * 96));
    for (prepared, _) in batch.iter().zip(&fresh).filter(|(_, fresh)| **fresh) {
        values.push(prepared.values.as_str());
        prepared.ids.iter().for_each(|id| bytes.extend(id.as_bytes()));
        bytes.extend(prepared.wallet_tag);
    }
    sqlx::query(store).bind(list(&values)).bind(bytes).bind(Event::SignedIn.name()).execute(c).await?;
    Ok(fresh)
}

/// What a sign-in spends: where it stands in the batch, and what is bound.
type Spent<'a> = (usize, &'a [u8], i64);

/// Uses up the nonces of all; tells of each whether it was fresh.
async fn spend_all(c: &mut SqliteConnection, batch: &[Prepared], mut start: Start) -> Result<Vec<bool>, sqlx::Error> {
    let mut of_kind = [(&RAISE, Vec::with_capacity(batch.len())), (&BEGIN_COUNT, Vec::new()), (&RECORD, Vec::new())];
    for (at, prepared) in batch.iter().enumerate() {
        let tag = prepared.wallet_tag.as_slice();
        match &prepared.spend {
            Spend::Count(0) => of_kind[1].1.push((at, tag, 0)),
            // What is beyond the type is no wallet's count.
            Spend::Count(expected) => of_kind[0].1.push((at, tag, i64::try_from(*expected).unwrap_or(-1))),
            Spend::Nonce { id, expires_at } => of_kind[2].1.push((at, id.as_slice(), expires_at.micros())),
        }
    }
    let mut fresh = vec![false; batch.len()];
    for (statements, all) in of_kind {
        for some in all.chunks(MOST) {
            spend(c, statements, some, start, &mut fresh).await?;
            start = Start::Join;
        }
    }
    Ok(fresh)
}

/// Uses up at most [`MOST`] nonces of one kind.
async fn spend(
    c: &mut SqliteConnection,
    statements: &'static [Repeated],
    some: &[Spent<'_>],
    start: Start,
    fresh: &mut [bool],
) -> Result<(), sqlx::Error> {
    let Some(statement) = statements.iter().find(|statement| some.len() <= statement.times) else { return Ok(()) };
    let (sql, before) = match start {
        Start::Begin => (statement.begin, 1),
        Start::Join => (statement.join, 0),
    };
    let mut query = sqlx::query(sql);
    for (_, key, number) in some {
        query = query.bind(*key).bind(number);
    }
    // Each statement tells how many rows it changed, in their order.
    let done: Vec<Either<SqliteQueryResult, SqliteRow>> = c.fetch_many(query).try_collect().await?;
    let changed = done.iter().filter_map(|done| done.as_ref().left()).skip(before);
    for ((at, ..), changed) in some.iter().zip(changed) {
        if let Some(fresh) = fresh.get_mut(*at) {
            *fresh = changed.rows_affected() == 1;
        }
    }
    Ok(())
}

/// A JSON list of what is JSON already.
fn list<T: AsRef<str>>(items: &[T]) -> String {
    let mut list = String::with_capacity(2 + items.iter().map(|item| 1 + item.as_ref().len()).sum::<usize>());
    for item in items {
        list.push(if list.is_empty() { '[' } else { ',' });
        list.push_str(item.as_ref());
    }
    list.push_str(if list.is_empty() { "[]" } else { "]" });
    list
}
