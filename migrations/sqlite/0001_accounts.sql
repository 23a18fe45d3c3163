-- Times are microseconds since the Unix epoch in UTC; ids are UUIDv7, so they grow with time and a table
-- that is clustered by them is appended to.

-- The root secrets that this database knows, by a value that only the right secret makes.
CREATE TABLE root_secrets (
    version     BIGINT PRIMARY KEY NOT NULL,
    check_value BLOB   NOT NULL,
    created_at  BIGINT NOT NULL
);

-- Keys made by the gateway itself, each sealed under a root secret.
CREATE TABLE data_keys (
    purpose        TEXT   PRIMARY KEY NOT NULL,
    secret_version BIGINT NOT NULL,
    sealed         BLOB   NOT NULL,
    created_at     BIGINT NOT NULL
);

CREATE TABLE signing_keys (
    kid            TEXT   PRIMARY KEY NOT NULL,
    algorithm      TEXT   NOT NULL,
    secret_version BIGINT NOT NULL,
    sealed         BLOB   NOT NULL,
    created_at     BIGINT NOT NULL,
    -- From when on it signs; before that it is only published, so that verifiers have it in time.
    active_from    BIGINT NOT NULL,
    -- From when on what it signed has expired, and it verifies no more.
    retired_at     BIGINT
);

CREATE TABLE accounts (
    number            INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    id                BLOB    NOT NULL UNIQUE,
    epoch             BIGINT  NOT NULL DEFAULT 0,
    api_key_counter   BIGINT  NOT NULL DEFAULT 0,
    role              TEXT    NOT NULL DEFAULT 'USER',
    email             TEXT,
    email_verified_at BIGINT,
    name              TEXT    NOT NULL DEFAULT '',
    intended_use      TEXT    NOT NULL DEFAULT '',
    primary_wallet_id BLOB,
    created_at        BIGINT  NOT NULL,
    disabled_at       BIGINT
);

CREATE TABLE wallets (
    id         BLOB   PRIMARY KEY NOT NULL,
    account_id BLOB   NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED,
    -- CAIP-2: the namespace, and for a wallet that is a contract the chain; a key is the same on all chains ('').
    namespace  TEXT   NOT NULL,
    reference  TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT wallets_identity UNIQUE (namespace, reference, address)
) WITHOUT ROWID;
CREATE INDEX wallets_account_id ON wallets (account_id);

-- How often each wallet has signed in, under a keyed hash: outlives link and account, and never goes back.
CREATE TABLE wallet_counts (
    wallet_tag BLOB   PRIMARY KEY NOT NULL,
    count      BIGINT NOT NULL
) WITHOUT ROWID;

-- Free nonces that were used, until they would have expired anyway.
CREATE TABLE spent_nonces (
    expires_at BIGINT NOT NULL,
    nonce      BLOB   NOT NULL,
    PRIMARY KEY (expires_at, nonce)
) WITHOUT ROWID;

-- No index but the primary key: all sessions of an account end by raising its epoch, those of a wallet by unlinking it.
CREATE TABLE sessions (
    id              BLOB   PRIMARY KEY NOT NULL,
    account_id      BLOB   NOT NULL,
    wallet_id       BLOB   NOT NULL,
    epoch           BIGINT NOT NULL,
    refresh_counter BIGINT NOT NULL DEFAULT 0,
    created_at      BIGINT NOT NULL,
    refreshed_at    BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    ended_at        BIGINT
) WITHOUT ROWID;

CREATE TABLE audit_events (
    id             BLOB   PRIMARY KEY NOT NULL,
    at             BIGINT NOT NULL,
    event          TEXT   NOT NULL,
    detail         TEXT,
    account_id     BLOB,
    session_id     BLOB,
    wallet_tag     BLOB,
    client_address TEXT,
    request_id     TEXT
) WITHOUT ROWID;
