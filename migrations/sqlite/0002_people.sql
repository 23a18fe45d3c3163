-- Accounts that sign in by name and password. A column that ends in _key holds the canonical form of the one beside it
-- (NFKC, case folded): what is unique, searched and sorted by. Of names that are there already only the case is known
-- here; they get it with their next change.
ALTER TABLE accounts ADD COLUMN username TEXT;
ALTER TABLE accounts ADD COLUMN username_key TEXT;
ALTER TABLE accounts ADD COLUMN email_key TEXT;
ALTER TABLE accounts ADD COLUMN name_key TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN selected_exchange TEXT;
-- From when on a second factor is asked for besides the password.
ALTER TABLE accounts ADD COLUMN second_factor_at BIGINT;
ALTER TABLE accounts ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
UPDATE accounts SET updated_at = created_at, name_key = lower(name);

CREATE UNIQUE INDEX accounts_username_key ON accounts (username_key);
CREATE UNIQUE INDEX accounts_email_key ON accounts (email_key);
-- The orders in which accounts are listed, each whole with the number.
CREATE INDEX accounts_by_email ON accounts (email_key, number);
CREATE INDEX accounts_by_name ON accounts (name_key, number);
CREATE INDEX accounts_by_creation ON accounts (created_at, number);
CREATE INDEX accounts_by_change ON accounts (updated_at, number);
-- Whom the last ADMIN would be.
CREATE INDEX accounts_admins ON accounts (id) WHERE role = 'ADMIN';

-- Password hashes (PHC strings).
CREATE TABLE passwords (
    account_id BLOB   PRIMARY KEY NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED,
    hash       TEXT   NOT NULL,
    changed_at BIGINT NOT NULL
) WITHOUT ROWID;

-- Guesses at a secret, by whose it is and the network they come from. Whose: an account's id, or for a name that is
-- nobody's, a keyed hash of it, so that both are answered alike.
CREATE TABLE failures (
    kind    TEXT   NOT NULL,
    whose   BLOB   NOT NULL,
    network TEXT   NOT NULL,
    count   BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (kind, whose, network)
) WITHOUT ROWID;
CREATE INDEX failures_by_time ON failures (last_at);

-- From which network a session of an account that has a name began, until it is over.
CREATE TABLE known_networks (
    account_id BLOB   NOT NULL,
    network    TEXT   NOT NULL,
    session_id BLOB   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, network, session_id)
) WITHOUT ROWID;
CREATE INDEX known_networks_by_time ON known_networks (expires_at);

-- What an outside provider says that an account is entitled to.
CREATE TABLE memberships (
    account_id BLOB    PRIMARY KEY NOT NULL,
    data       TEXT    NOT NULL,
    -- Whether the provider signed it. What was not signed counts for nothing.
    verified   BOOLEAN NOT NULL,
    -- Of the last statement that was signed; 0 if there was none. Clearing keeps it, so that none is told twice.
    issued_at  BIGINT  NOT NULL,
    updated_at BIGINT  NOT NULL
) WITHOUT ROWID;

-- Accounts that were deleted, until nothing but their id is left in the audit trail: up to where that is done.
CREATE TABLE erasures (
    account_id BLOB   PRIMARY KEY NOT NULL,
    after      BLOB   NOT NULL,
    deleted_at BIGINT NOT NULL
) WITHOUT ROWID;

-- A session that no wallet began has none, and remembers by what its owner proved himself (RFC 8176).
CREATE TABLE sessions_of_people (
    id              BLOB   PRIMARY KEY NOT NULL,
    account_id      BLOB   NOT NULL,
    wallet_id       BLOB,
    amr             TEXT   NOT NULL DEFAULT 'pop',
    epoch           BIGINT NOT NULL,
    refresh_counter BIGINT NOT NULL DEFAULT 0,
    created_at      BIGINT NOT NULL,
    refreshed_at    BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    ended_at        BIGINT
) WITHOUT ROWID;
INSERT INTO sessions_of_people (id, account_id, wallet_id, epoch, refresh_counter, created_at, refreshed_at, expires_at, ended_at)
SELECT id, account_id, wallet_id, epoch, refresh_counter, created_at, refreshed_at, expires_at, ended_at FROM sessions ORDER BY id;
DROP TABLE sessions;
ALTER TABLE sessions_of_people RENAME TO sessions;
