//! Connections to PostgreSQL that were lent out and came back.

use std::time::Duration;

use countersign::config::Database;
use countersign::model::{AccountId, Error};
use countersign::secret::RedactedUrl;
use countersign::store::{Db, Reader, accounts};
use futures_util::future::join_all;
use sqlx::{Connection as _, PgConnection};
use uuid::Uuid;

use crate::support::postgres;

/// As many as are used at a time here.
const MANY: usize = 5;

async fn open() -> (Db, PgConnection) {
    let url = postgres::create_database();
    let db = Db::open(&Database::Postgres(RedactedUrl::new(url.parse().unwrap()))).await.expect("PostgreSQL opens");
    (db, PgConnection::connect(&url).await.unwrap())
}

/// Borrows many at once, each for one question, and gives them back.
async fn use_many(db: &Db) {
    let readers: Vec<Reader> = join_all((0..MANY).map(|_| async { db.read().await.unwrap() })).await;
    for mut reader in readers {
        ask(&mut reader).await.unwrap();
    }
}

async fn ask(reader: &mut Reader) -> Result<(), Error> {
    accounts::find(reader, AccountId(Uuid::nil())).await.map(|found| assert!(found.is_none()))
}

async fn ask_anew(db: &Db) -> Result<(), Error> {
    ask(&mut db.read().await?).await
}

/// Waits until all have come back, also those that are tested before.
async fn all_back(db: &Db) {
    let back = async {
        while db.pool().used > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), back).await.expect("every connection comes back");
}

/// The server processes of the other connections.
async fn processes(operator: &mut PgConnection) -> Vec<i32> {
    let sql =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() ORDER BY pid";
    sqlx::query_scalar(sql).fetch_all(operator).await.unwrap()
}

#[tokio::test]
async fn connections_that_come_back_are_lent_again_and_nobody_else_is_asked_for() {
    let (db, mut operator) = open().await;
    use_many(&db).await;
    let before = processes(&mut operator).await;
    assert_eq!((before.len(), db.pool().used, db.pool().idle), (MANY, 0, 5));
    use_many(&db).await;
    assert_eq!(processes(&mut operator).await, before);
    db.close().await;
    assert!(matches!(db.read().await, Err(Error::Unavailable(_))), "a connection was lent after the end");
}

#[tokio::test]
async fn of_all_connections_that_the_server_cuts_one_caller_is_told_and_the_next_is_served() {
    let (db, mut operator) = open().await;
    use_many(&db).await;
    let sql = "SELECT COUNT(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let cut: i64 = sqlx::query_scalar(sql).fetch_one(&mut operator).await.unwrap();
    assert_eq!(usize::try_from(cut), Ok(MANY));
    // Told, or, where the connection had rested long enough to be tested first, served.
    let _ = ask_anew(&db).await;
    for _ in 0..MANY {
        ask_anew(&db).await.expect("a new connection");
    }
    db.close().await;
}

#[tokio::test]
async fn a_statement_that_the_server_refuses_costs_nobody_a_connection() {
    let (db, mut operator) = open().await;
    use_many(&db).await;
    let before = processes(&mut operator).await;
    sqlx::query("ALTER TABLE accounts RENAME TO away").execute(&mut operator).await.unwrap();
    assert!(matches!(ask_anew(&db).await, Err(Error::Internal(_))));
    all_back(&db).await;
    sqlx::query("ALTER TABLE away RENAME TO accounts").execute(&mut operator).await.unwrap();
    use_many(&db).await;
    assert_eq!(processes(&mut operator).await, before);
    db.close().await;
}
