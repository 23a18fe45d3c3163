//! The data itself: what the gateway has no route for, and what it must not have kept.

use std::path::Path;

use sqlx::{Connection as _, PgConnection, Row as _, SqliteConnection};

/// A connection of the test's own.
pub enum Data {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Data {
    pub async fn open(postgres: Option<&str>, sqlite: &Path) -> Self {
        if let Some(url) = postgres {
            return Self::Postgres(PgConnection::connect(url).await.expect("PostgreSQL answers"));
        }
        let url = format!("sqlite://{}", sqlite.display());
        Self::Sqlite(SqliteConnection::connect(&url).await.expect("SQLite opens"))
    }

    /// Runs a statement; gives how many rows it changed.
    pub async fn execute(&mut self, sql: &'static str) -> u64 {
        let changed = match self {
            Self::Sqlite(c) => sqlx::query(sql).execute(c).await.map(|done| done.rows_affected()),
            Self::Postgres(c) => sqlx::query(sql).execute(c).await.map(|done| done.rows_affected()),
        };
        changed.expect("the statement runs")
    }

    /// The text that a query answers.
    pub async fn text(&mut self, sql: &'static str) -> String {
        let text = match self {
            Self::Sqlite(c) => sqlx::query_scalar(sql).fetch_one(c).await,
            Self::Postgres(c) => sqlx::query_scalar(sql).fetch_one(c).await,
        };
        text.expect("the query answers a text")
    }

    /// How the database would go about a statement, one step a line.
    #[expect(clippy::disallowed_methods, reason = "a statement of the program with a word in front of it")]
    pub async fn plan(&mut self, sql: &'static str, parameters: &[String]) -> String {
        match self {
            Self::Sqlite(c) => {
                let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
                let query = parameters.iter().fold(sqlx::query(explained), sqlx::query::Query::bind);
                let rows = query.fetch_all(c).await.expect("the plan");
                rows.iter().map(|row| row.get::<String, _>("detail") + "\n").collect()
            }
            Self::Postgres(c) => {
                // By the texts of its parameters, since a plan is made for values.
                let mut text = sql.to_owned();
                for (at, parameter) in parameters.iter().enumerate().rev() {
                    text = text.replace(&format!("${}", at + 1), &format!("'{parameter}'"));
                }
                let explained = sqlx::AssertSqlSafe(format!("EXPLAIN {text}"));
                let rows = sqlx::query(explained).fetch_all(c).await.expect("the plan");
                rows.iter().map(|row| row.get::<String, _>(0) + "\n").collect()
            }
        }
    }

    /// Every value of every table, as text: what is to be found nowhere is looked for in it.
    #[expect(clippy::disallowed_methods, reason = "the names are the tables' own")]
    pub async fn whole(&mut self) -> String {
        const XML: &str = "SELECT string_agg(query_to_xml(format('SELECT * FROM %I', table_name), true, false, '')::text, '') \
                           FROM information_schema.tables WHERE table_schema = 'public'";
        const COLUMNS: &str = "SELECT t.name, group_concat('quote(\"' || c.name || '\")', ' || ''|'' || ') \
                               FROM sqlite_schema t, pragma_table_info(t.name) c \
                               WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%' GROUP BY t.name";
        match self {
            Self::Postgres(_) => self.text(XML).await,
            Self::Sqlite(c) => {
                let tables: Vec<(String, String)> =
                    sqlx::query_as(COLUMNS).fetch_all(&mut *c).await.expect("the tables");
                let mut whole = String::new();
                for (table, columns) in tables {
                    let rows = sqlx::AssertSqlSafe(format!("SELECT {columns} FROM {table}"));
                    let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(&mut *c).await.expect("the rows");
                    whole.extend([table.as_str(), "\n", &rows.join("\n"), "\n"]);
                }
                whole
            }
        }
    }
}
