//! Point reads of SQLite, asked together: while one question is on its way to the connection's thread, others gather
//! and go as the next one. The trip there and back costs several times what a point read costs.

use std::fmt::{self, Write as _};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::de::DeserializeOwned;
use sqlx::query::QueryScalar;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, SqliteConnection};
use tokio::sync::oneshot;

use super::readers::Readers;

/// The most keys of one question: beyond this the trip is a small part of it, and the first ones have waited enough.
const MOST: usize = 64;

/// What a question answers: a value for each key, in the order of the keys.
pub(super) type Answers<'a, V> = Pin<Box<dyn Future<Output = Result<Vec<V>, sqlx::Error>> + Send + 'a>>;

/// Asks for many keys in one statement.
type Question<K, V> = for<'a> fn(&'a mut SqliteConnection, &'a [K]) -> Answers<'a, V>;

/// Where the askers of one question meet. No task of its own serves it: whoever finds nobody under way goes, with
/// those who could run at that moment and ask as well, and then leaves the lead to one of those who came meanwhile.
pub(super) struct Gather<K, V> {
    question: Question<K, V>,
    line: Line<K, V>,
}

/// Those who wait while somebody is under way; `None` while nobody is.
type Line<K, V> = Arc<Mutex<Option<Vec<Waiting<K, V>>>>>;

struct Waiting<K, V> {
    key: K,
    tell: oneshot::Sender<Told<K, V>>,
}

/// What somebody who waits is told.
enum Told<K, V> {
    Answer(V),
    /// It is your turn to go, for these as well.
    Lead(Way<K, V>, Vec<Waiting<K, V>>),
}

/// Being under way. Whenever it ends, also in the hands of somebody who was cancelled, the next one goes.
struct Way<K, V>(Option<Line<K, V>>);

impl<K: Copy, V> Gather<K, V> {
    pub(super) fn new(question: Question<K, V>) -> Self {
        Self { question, line: Arc::default() }
    }

    /// The value of `key`; `None` if the question failed or whoever asked it went away. Then ask alone: one damaged row
    /// is no fault of those who were asked for with it.
    pub(super) async fn ask(&self, readers: &Readers, key: K) -> Option<V> {
        let waiting = match self.line_up(key) {
            Ok(way) => return self.lead(readers, way, key, Vec::new()).await,
            Err(waiting) => waiting,
        };
        match waiting.await.ok()? {
            Told::Answer(value) => Some(value),
            Told::Lead(way, others) => self.lead(readers, way, key, others).await,
        }
    }

    /// The way, if it is free; else a place in the line.
    fn line_up(&self, key: K) -> Result<Way<K, V>, oneshot::Receiver<Told<K, V>>> {
        let mut line = lock(&self.line);
        let Some(waiting) = line.as_mut() else {
            *line = Some(Vec::new());
            return Ok(Way(Some(Arc::clone(&self.line))));
        };
        let (tell, told) = oneshot::channel();
        waiting.push(Waiting { key, tell });
        Err(told)
    }

    /// Adds those who lined up meanwhile, as many as there is room for.
    fn join(&self, others: &mut Vec<Waiting<K, V>>) {
        if let Some(waiting) = lock(&self.line).as_mut() {
            let room = (MOST - 1).saturating_sub(others.len());
            others.extend(waiting.drain(..waiting.len().min(room)));
        }
    }

    async fn lead(&self, readers: &Readers, way: Way<K, V>, own: K, mut others: Vec<Waiting<K, V>>) -> Option<V> {
        // Those who could run now and are about to ask go along. If there are none, this is no wait.
        tokio::task::yield_now().await;
        self.join(&mut others);
        let keys: Vec<K> = std::iter::once(own).chain(others.iter().map(|waiting| waiting.key)).collect();
        let mut loan = readers.borrow().await.ok()?;
        let answers = (self.question)(loan.connection(), &keys).await;
        if answers.is_err() {
            loan.fail();
        }
        drop(loan);
        // Before the others are told: the next question need not wait for that.
        drop(way);
        let mut answers = answers.ok()?.into_iter();
        let own = answers.next();
        for (waiting, answer) in others.into_iter().zip(answers) {
            // Whoever has gone away does not need to know.
            let _ = waiting.tell.send(Told::Answer(answer));
        }
        own
    }
}

impl<K, V> Drop for Way<K, V> {
    fn drop(&mut self) {
        if let Some(line) = self.0.take() {
            hand_over(&line);
        }
    }
}

/// Lets the next one go, with those that wait; if nobody does, the way is free.
fn hand_over<K, V>(line: &Line<K, V>) {
    let mut held = lock(line);
    let Some(waiting) = held.as_mut() else { return };
    while !waiting.is_empty() {
        let mut others: Vec<_> = waiting.drain(..waiting.len().min(MOST)).collect();
        let Some(next) = others.pop() else { break };
        let Err(refused) = next.tell.send(Told::Lead(Way(Some(Arc::clone(line))), others)) else { return };
        // That one has gone away. Its way must not end here, where the line is held, but go to the next.
        if let Told::Lead(mut way, others) = refused {
            way.0 = None;
            waiting.splice(..0, others);
        }
    }
    *held = None;
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A JSON list of texts that need no escaping, for `json_each`: how one bound value carries many keys.
pub(super) fn json_list(texts: impl ExactSizeIterator<Item: fmt::Display>) -> String {
    let mut list = String::with_capacity(2 + texts.len() * 72);
    for text in texts {
        list.push_str(if list.is_empty() { "[\"" } else { ",\"" });
        // Writing to a string never fails.
        let _ = write!(list, "{text}\"");
    }
    list.push_str(if list.is_empty() { "[]" } else { "]" });
    list
}

/// A question whose answers come as one text, a JSON list of lists: the position of a key, and its row as a list of the
/// fields of `R` in their order. A row on its way between threads costs an allocation for each of its columns, which the
/// other thread has to free; this is one for all.
macro_rules! in_one_row {
    ($row:expr, $from:expr) => {
        concat!("SELECT json_group_array(json_array(asked.key, ", $row, ")) FROM json_each($1) asked ", $from)
    };
}
pub(super) use in_one_row;

/// The question that [`in_one_row`] writes.
pub(super) type InOneRow<'q> = QueryScalar<'q, Sqlite, String, SqliteArguments>;

/// Asks for `count` keys by a question of [`in_one_row`]; a key without a row stays `None`.
pub(super) async fn ask_in_one_row<R: DeserializeOwned>(
    c: &mut SqliteConnection,
    count: usize,
    question: InOneRow<'_>,
) -> Result<Vec<Option<R>>, sqlx::Error> {
    let text = question.fetch_one(c).await?;
    let rows: Vec<(usize, R)> = serde_json::from_str(&text).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let mut answers: Vec<Option<R>> = std::iter::repeat_with(|| None).take(count).collect();
    for (position, row) in rows {
        if let Some(answer) = answers.get_mut(position) {
            *answer = Some(row);
        }
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use sqlx::Connection as _;
    use sqlx::sqlite::SqliteConnectOptions;
    use uuid::Uuid;

    use super::*;
    use crate::config::Database;
    use crate::model::{AccountId, Address, SessionId};
    use crate::store::{Db, accounts, sessions, wallets};

    /// Answers each key with its double, by a trip to the database; fails for keys beyond 100.
    fn double<'a>(c: &'a mut SqliteConnection, keys: &'a [i64]) -> Answers<'a, i64> {
        Box::pin(async move {
            // However fast the database is, others come meanwhile.
            tokio::task::yield_now().await;
            let list = serde_json::to_string(keys).unwrap();
            let sql = "SELECT CASE WHEN value > 100 THEN json('no JSON') ELSE value * 2 END FROM json_each($1)";
            sqlx::query_scalar(sql).bind(list).fetch_all(c).await
        })
    }

    async fn readers() -> Readers {
        Readers::open(SqliteConnectOptions::new().in_memory(true)).await.unwrap()
    }

    /// Polls once.
    async fn nudge<F: Future>(mut work: Pin<&mut F>) -> Poll<F::Output> {
        poll_fn(|cx| Poll::Ready(work.as_mut().poll(cx))).await
    }

    #[tokio::test]
    async fn everybody_who_asks_at_once_gets_his_own_answer() {
        let (gather, readers) = (Gather::new(double), readers().await);
        let asked = futures_util::future::join_all((0..=99_i64).map(|key| gather.ask(&readers, key % 10))).await;
        assert!(asked.into_iter().zip(0..).all(|(answer, key)| answer == Some(key % 10 * 2)));
    }

    #[tokio::test]
    async fn whoever_goes_away_while_leading_or_before_he_knows_that_he_does_holds_up_nobody() {
        let (gather, readers) = (Gather::new(double), readers().await);
        for leaves_before_he_knows in [true, false] {
            let first = gather.ask(&readers, 1);
            let mut next = Box::pin(gather.ask(&readers, 2));
            let mut last = pin!(gather.ask(&readers, 3));
            let mut first = Box::pin(first);
            assert!(nudge(first.as_mut()).await.is_pending());
            assert!(nudge(next.as_mut()).await.is_pending());
            assert!(nudge(last.as_mut()).await.is_pending());
            drop(first);
            if !leaves_before_he_knows {
                assert!(nudge(next.as_mut()).await.is_pending());
            }
            drop(next);
            // Either led by himself, or told to ask alone.
            last.await;
            assert_eq!(gather.ask(&readers, 4).await, Some(8));
        }
    }

    /// An account, its wallet and its session, with a value of its own in each column.
    async fn filled(
        c: &mut SqliteConnection,
        account: AccountId,
        session: SessionId,
        address: Address,
        tag: &[u8; 32],
    ) {
        let sql = "INSERT INTO accounts (number, id, epoch, api_key_counter, role, username, email, email_verified_at, name, \
                   intended_use, primary_wallet_id, created_at, updated_at, disabled_at, second_factor_at, plan, plan_state, \
                   plan_until) VALUES (77, $1, 2, 3, 'ADMIN', 'ann', 'a@b.example', 4, 'Ann \"\\ \u{1F511}', 'use', $2, 5, 6, \
                   7, 8, 'pro', 'active', 9)";
        sqlx::query(sql).bind(account.0).bind(account.0).execute(&mut *c).await.unwrap();
        let sql = "INSERT INTO wallets (id, account_id, namespace, reference, address, created_at) \
                   VALUES ($1, $1, 'eip155', '', $2, 10)";
        sqlx::query(sql).bind(account.0).bind(address.checksummed()).execute(&mut *c).await.unwrap();
        let sql = "INSERT INTO sessions (id, account_id, wallet_id, amr, epoch, refresh_counter, created_at, refreshed_at, \
                   expires_at, ended_at) VALUES ($1, $2, NULL, 'wallet', 11, 12, 13, 14, 15, 16)";
        sqlx::query(sql).bind(session.0).bind(account.0).execute(&mut *c).await.unwrap();
        let sql = "INSERT INTO wallet_counts (wallet_tag, count) VALUES ($1, 17)";
        sqlx::query(sql).bind(tag.as_slice()).execute(c).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_asked_for_together_is_what_is_asked_for_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("test.db");
        let db = Db::open(&Database::Sqlite(file.clone())).await.unwrap();
        let mut c = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&file)).await.unwrap();
        let (account, session) = (AccountId(Uuid::from_u128(0xA1)), SessionId(Uuid::from_u128(0xA2)));
        let (address, tag) = (Address::new([7; 20]), [9; 32]);
        filled(&mut c, account, session, address, &tag).await;
        let strangers = (AccountId(Uuid::nil()), SessionId(Uuid::nil()), Address::new([8; 20]), [8; 32]);

        let alone = sessions::find(&mut db.read().await.unwrap(), session).await.unwrap();
        let mut together = sessions::list(&mut c, &[strangers.1, session]).await.unwrap().into_iter();
        assert!(together.next().unwrap().is_none());
        let together = together.next().unwrap().unwrap().into_owned().unwrap();
        assert_eq!(format!("{together:?}"), format!("{:?}", alone.unwrap()));

        let alone = accounts::find(&mut db.read().await.unwrap(), account).await.unwrap();
        let mut together = accounts::list(&mut c, &[strangers.0, account]).await.unwrap().into_iter();
        assert!(together.next().unwrap().is_none());
        let together = together.next().unwrap().unwrap().into_parts().unwrap();
        assert_eq!(format!("{together:?}"), format!("{:?}", alone.unwrap()));

        let alone = wallets::find_owner(&mut db.read().await.unwrap(), address).await.unwrap();
        let asked = [(strangers.2, strangers.3), (address, tag)];
        let mut together = wallets::list_standings(&mut c, &asked).await.unwrap().into_iter();
        assert!(together.next().unwrap().is_none());
        let together = together.next().unwrap().unwrap().into_standing().unwrap();
        assert_eq!(format!("{:?}", together.owner), format!("{alone:?}"));
        assert_eq!(together.count, 17);
        assert_eq!(wallets::list_counts(&mut c, &[strangers.3, tag]).await.unwrap(), [None, Some(17)]);
        db.close().await;
    }

    #[tokio::test]
    async fn a_question_that_fails_sends_each_to_ask_alone() {
        let (gather, readers) = (Gather::new(double), readers().await);
        let asked = futures_util::future::join_all([5, 101].map(|key| gather.ask(&readers, key))).await;
        assert_eq!(asked, [None, None], "they went together");
        assert_eq!(gather.ask(&readers, 6).await, Some(12));
    }
}
