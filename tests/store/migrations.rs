//! Both databases have the same tables and columns.

use std::collections::BTreeSet;
use std::path::Path;

use countersign::clock::Timestamp;
use countersign::config::Database;
use countersign::model::{AccountId, WalletId};
use countersign::secret::RedactedUrl;
use countersign::store::{Db, accounts};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, SqliteConnection};
use uuid::Uuid;

use crate::support::{postgres, scratch};

/// Table, column, and whether it may be null.
type Columns = BTreeSet<(String, String, bool)>;

/// What SQLite alone has: PostgreSQL numbers accounts itself.
const OF_SQLITE: &str = "account_numbers";

async fn of_sqlite() -> Columns {
    let directory = scratch::directory();
    let file = directory.path().join("test.db");
    Db::open(&Database::Sqlite(file.clone())).await.expect("SQLite opens").close().await;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let sql = "SELECT t.name, c.name, c.\"notnull\" = 0 FROM sqlite_schema t, pragma_table_info(t.name) c \
               WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    let columns = rows.iter().map(|row| (row.get(0), row.get(1), row.get(2)));
    columns.filter(|(table, ..): &(String, String, bool)| table != OF_SQLITE).collect()
}

async fn of_postgres() -> Columns {
    let url = postgres::create_database();
    let database = Database::Postgres(RedactedUrl::new(url.parse().unwrap()));
    Db::open(&database).await.expect("PostgreSQL opens").close().await;
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let sql = "SELECT table_name::text, column_name::text, is_nullable = 'YES' FROM information_schema.columns \
               WHERE table_schema = 'public' AND table_name NOT LIKE '\\_sqlx%'";
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
}

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let (sqlite, postgres) = (of_sqlite().await, of_postgres().await);
    assert!(sqlite.len() > 30, "{sqlite:?}");
    assert_eq!(sqlite.symmetric_difference(&postgres).collect::<Vec<_>>(), Vec::<&(String, String, bool)>::new());
}

/// How many tables there are, those of the migrations' own record included.
async fn count_tables(connection: &mut PgConnection) -> i64 {
    let sql = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'public'";
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

#[tokio::test]
async fn an_upgrade_of_postgres_that_fails_leaves_nothing_and_succeeds_when_its_cause_is_gone() {
    let url = postgres::create_database();
    let database = Database::Postgres(RedactedUrl::new(url.parse().unwrap()));
    let mut connection = PgConnection::connect(&url).await.unwrap();
    // Of the last migrations, so that many come before it.
    sqlx::query("CREATE TABLE billing_farewells (mine bigint)").execute(&mut connection).await.unwrap();
    assert!(Db::open(&database).await.is_err(), "a table of another program was taken over");
    assert_eq!(count_tables(&mut connection).await, 1, "half an upgrade was left behind");
    sqlx::query("DROP TABLE billing_farewells").execute(&mut connection).await.unwrap();
    Db::open(&database).await.expect("PostgreSQL opens").close().await;
    assert_eq!(Db::pending(&database).await.unwrap(), 0);
}

#[tokio::test]
async fn nodes_that_start_on_one_empty_database_at_once_bring_it_up_once() {
    let database = Database::Postgres(RedactedUrl::new(postgres::create_database().parse().unwrap()));
    let opened = futures_util::future::join_all((0..8).map(|_| Db::open(&database))).await;
    for db in opened {
        db.expect("PostgreSQL opens").close().await;
    }
    assert_eq!(Db::pending(&database).await.unwrap(), 0);
}

#[tokio::test]
async fn opening_again_changes_nothing() {
    let directory = scratch::directory();
    let database = Database::Sqlite(directory.path().join("test.db"));
    for _ in 0..2 {
        Db::open(&database).await.expect("SQLite opens").close().await;
    }
}

/// Three accounts, one with a value in every column that version 11 has; the newest of them has gone.
const OF_VERSION_11: &str = "
    INSERT INTO accounts (id, epoch, api_key_counter, role, username, username_key, email, email_key, email_verified_at, \
        name, name_key, intended_use, primary_wallet_id, selected_exchange, avatar, marketing_opt_in, marketing_opt_in_at, \
        plan, plan_state, plan_until, second_factor_at, created_at, updated_at, disabled_at) \
    VALUES (zeroblob(16), 1, 2, 'ADMIN', 'Ann', 'ann', 'A@b.example', 'a@b.example', 3, 'Ann B', 'ann b', 'use', \
        randomblob(16), 'kraken', 'https://a.example/a.png', 1, 4, 'pro', 'active', 5, 6, 7, 8, 9);
    INSERT INTO accounts (id, created_at) VALUES (randomblob(16), 10), (randomblob(16), 11);
    INSERT INTO wallets (id, account_id, namespace, reference, address, created_at) \
        SELECT randomblob(16), id, 'eip155', '', '0x' || number, 12 FROM accounts WHERE number < 3;
    INSERT INTO wallets (id, account_id, namespace, reference, address, created_at) \
        SELECT randomblob(16), id, 'eip155', '', '0xa' || number, 13 FROM accounts WHERE number < 3;
    INSERT INTO passwords (account_id, hash, changed_at) SELECT id, 'hash', 14 FROM accounts WHERE number < 3;
    DELETE FROM accounts WHERE number = 3";

/// All that a table holds, by the names of the columns; each row as a text.
#[expect(clippy::disallowed_methods, reason = "the names are the tables' own")]
async fn rows(c: &mut SqliteConnection, table: &str) -> BTreeSet<String> {
    let names: Vec<String> = sqlx::query_scalar("SELECT name FROM pragma_table_info($1) ORDER BY name")
        .bind(table)
        .fetch_all(&mut *c)
        .await
        .unwrap();
    let row = names.iter().map(|name| format!("'{name} ' || quote({name})")).collect::<Vec<_>>().join(" || ' ' || ");
    let rows: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT {row} FROM {table}"))).fetch_all(c).await.unwrap();
    rows.into_iter().collect()
}

#[tokio::test]
async fn accounts_and_wallets_of_before_are_all_there_after_their_tables_were_made_anew() {
    let directory = scratch::directory();
    let file = directory.path().join("test.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut c = options.connect().await.unwrap();
    let mut older = Migrator::new(Path::new("migrations/sqlite")).await.unwrap();
    older.migrations = older.migrations.iter().filter(|migration| migration.version <= 11).cloned().collect();
    older.run_direct(None, &mut c, false).await.unwrap();
    sqlx::query(OF_VERSION_11).execute(&mut c).await.unwrap();
    let before = (rows(&mut c, "accounts").await, rows(&mut c, "wallets").await, rows(&mut c, "passwords").await);
    assert_eq!((before.0.len(), before.1.len(), before.2.len()), (2, 4, 2));

    let db = Db::open(&Database::Sqlite(file)).await.expect("SQLite opens");
    let after = (rows(&mut c, "accounts").await, rows(&mut c, "wallets").await, rows(&mut c, "passwords").await);
    assert_eq!(after, before);
    assert!(sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut c).await.unwrap().is_empty());
    // The number of the one who has gone is not given again.
    let id = AccountId(Uuid::from_u128(1));
    let mut tx = db.write().await.unwrap();
    accounts::insert(&mut tx, id, WalletId(Uuid::from_u128(2)), Timestamp::from_micros(15)).await.unwrap();
    tx.commit().await.unwrap();
    let (account, _) = accounts::find(&mut db.read().await.unwrap(), id).await.unwrap().expect("it was added");
    assert_eq!(account.number, 4);
    db.close().await;
}
