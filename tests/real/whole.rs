//! What is true of a database at any time: units of work are there as a whole, or not at all.

use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::support::block_on;
use crate::support::server::Gateway;

/// Counts of what must not be where everybody has a wallet.
const NEVER_OF_WALLETS: [(&str, &str); 4] = [
    (
        "sessions without their account or wallet",
        "SELECT COUNT(*) FROM sessions s WHERE NOT EXISTS (SELECT 1 FROM wallets w JOIN accounts a ON a.id = w.account_id \
         WHERE w.id = s.wallet_id AND a.id = s.account_id)",
    ),
    (
        "accounts without their wallet",
        "SELECT COUNT(*) FROM accounts a WHERE NOT EXISTS \
         (SELECT 1 FROM wallets w WHERE w.id = a.primary_wallet_id AND w.account_id = a.id)",
    ),
    (
        "wallets without their account",
        "SELECT COUNT(*) FROM wallets w WHERE NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = w.account_id)",
    ),
    (
        "nonces used up without a session, or sessions without a nonce",
        "SELECT (SELECT COUNT(*) FROM sessions) - (SELECT COUNT(*) FROM spent_nonces) \
         - (SELECT CAST(COALESCE(SUM(count), 0) AS BIGINT) FROM wallet_counts)",
    ),
];

/// Counts of what must not be, whoever is there.
const NEVER: [(&str, &str); 5] = [
    (
        "accounts that nobody can enter",
        "SELECT COUNT(*) FROM accounts a WHERE NOT EXISTS (SELECT 1 FROM wallets w WHERE w.account_id = a.id) \
         AND NOT EXISTS (SELECT 1 FROM passwords p WHERE p.account_id = a.id)",
    ),
    (
        "addresses that are neither proven nor being proven",
        "SELECT COUNT(*) FROM accounts a WHERE a.email_key IS NOT NULL AND a.email_verified_at IS NULL \
         AND NOT EXISTS (SELECT 1 FROM email_proofs p WHERE p.account_id = a.id)",
    ),
    (
        "sessions that the audit trail does not know",
        "SELECT COUNT(*) FROM sessions s WHERE NOT EXISTS \
         (SELECT 1 FROM audit_events e WHERE e.session_id = s.id AND e.event = 'signed_in')",
    ),
    (
        "accounts that the audit trail does not know, or the other way round",
        "SELECT (SELECT COUNT(*) FROM accounts) \
         - (SELECT COUNT(*) FROM audit_events WHERE event IN ('account_created', 'registered'))",
    ),
    (
        "sessions whose end the audit trail does not know",
        "SELECT COUNT(*) FROM sessions s WHERE s.ended_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM audit_events e \
         WHERE e.session_id = s.id AND e.event IN ('signed_out', 'refresh_token_reused'))",
    ),
];

/// Looks into the gateway's database, where everybody has a wallet.
pub(super) fn assert_whole(gateway: &Gateway) {
    let never: Vec<_> = NEVER_OF_WALLETS.into_iter().chain(NEVER).collect();
    block_on(assert_never(gateway, &never));
}

/// Looks into the gateway's database, where nobody need have a wallet.
pub(super) fn assert_whole_without_wallets(gateway: &Gateway) {
    block_on(assert_never(gateway, &NEVER));
}

async fn assert_never(gateway: &Gateway, never: &[(&str, &'static str)]) {
    let url = gateway.database_url();
    if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(&url).await.expect("PostgreSQL accepts a connection");
        for (what, sql) in never {
            let count: i64 = sqlx::query_scalar(*sql).fetch_one(&mut connection).await.expect("an answer");
            assert_eq!(count, 0, "{what}");
        }
        return;
    }
    let mut connection = SqliteConnection::connect(&url).await.expect("the file opens");
    for (what, sql) in never {
        let count: i64 = sqlx::query_scalar(*sql).fetch_one(&mut connection).await.expect("an answer");
        assert_eq!(count, 0, "{what}");
    }
    let fault: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.expect("an answer");
    assert_eq!(fault, "ok");
    connection.close().await.expect("it closes");
}

/// What `sql` counts in the gateway's database.
pub(super) async fn count(gateway: &Gateway, sql: &'static str) -> i64 {
    let url = gateway.database_url();
    let counted = if url.starts_with("postgres") {
        let mut connection = PgConnection::connect(&url).await.expect("PostgreSQL accepts a connection");
        sqlx::query_scalar(sql).fetch_one(&mut connection).await
    } else {
        let mut connection = SqliteConnection::connect(&url).await.expect("the file opens");
        sqlx::query_scalar(sql).fetch_one(&mut connection).await
    };
    counted.expect("an answer")
}
