//! Both databases have the same tables and columns.

use std::collections::BTreeSet;

use countersign::config::Database;
use countersign::secret::RedactedUrl;
use countersign::store::Db;
use sqlx::{Connection, PgConnection, Row, SqliteConnection};

use crate::support::{postgres, scratch};

/// Table, column, and whether it may be null.
type Columns = BTreeSet<(String, String, bool)>;

async fn of_sqlite() -> Columns {
    let directory = scratch::directory();
    let file = directory.path().join("test.db");
    Db::open(&Database::Sqlite(file.clone())).await.expect("SQLite opens").close().await;
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap();
    let sql = "SELECT t.name, c.name, c.\"notnull\" = 0 FROM sqlite_schema t, pragma_table_info(t.name) c \
               WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' AND t.name NOT LIKE '\\_sqlx%' ESCAPE '\\'";
    let rows = sqlx::query(sql).fetch_all(&mut connection).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
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

#[tokio::test]
async fn opening_again_changes_nothing() {
    let directory = scratch::directory();
    let database = Database::Sqlite(directory.path().join("test.db"));
    for _ in 0..2 {
        Db::open(&database).await.expect("SQLite opens").close().await;
    }
}
