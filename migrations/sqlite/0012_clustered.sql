-- Who signs in is found by two searches instead of four: accounts lie in the order of their ids, wallets in that of what
-- they are. Both were found by an index before, which beside many accounts is one more page to read each time.
CREATE TABLE accounts_by_id (
    id                  BLOB    PRIMARY KEY NOT NULL,
    number              BIGINT  NOT NULL,
    epoch               BIGINT  NOT NULL DEFAULT 0,
    api_key_counter     BIGINT  NOT NULL DEFAULT 0,
    role                TEXT    NOT NULL DEFAULT 'USER',
    username            TEXT,
    username_key        TEXT,
    email               TEXT,
    email_key           TEXT,
    email_verified_at   BIGINT,
    name                TEXT    NOT NULL DEFAULT '',
    name_key            TEXT    NOT NULL DEFAULT '',
    intended_use        TEXT    NOT NULL DEFAULT '',
    primary_wallet_id   BLOB,
    selected_exchange   TEXT,
    avatar              TEXT,
    marketing_opt_in    BOOLEAN,
    marketing_opt_in_at BIGINT,
    plan                TEXT,
    plan_state          TEXT,
    plan_until          BIGINT,
    -- From when on a second factor is asked for besides the password.
    second_factor_at    BIGINT,
    created_at          BIGINT  NOT NULL,
    updated_at          BIGINT  NOT NULL DEFAULT 0,
    disabled_at         BIGINT
) WITHOUT ROWID;
INSERT INTO accounts_by_id (id, number, epoch, api_key_counter, role, username, username_key, email, email_key,
    email_verified_at, name, name_key, intended_use, primary_wallet_id, selected_exchange, avatar, marketing_opt_in,
    marketing_opt_in_at, plan, plan_state, plan_until, second_factor_at, created_at, updated_at, disabled_at)
SELECT id, number, epoch, api_key_counter, role, username, username_key, email, email_key,
    email_verified_at, name, name_key, intended_use, primary_wallet_id, selected_exchange, avatar, marketing_opt_in,
    marketing_opt_in_at, plan, plan_state, plan_until, second_factor_at, created_at, updated_at, disabled_at
FROM accounts ORDER BY id;

-- The last number that was given to an account: none is given twice, also when its account was deleted.
CREATE TABLE account_numbers (last BIGINT NOT NULL);
INSERT INTO account_numbers (last)
VALUES (COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'accounts'), (SELECT MAX(number) FROM accounts), 0));

DROP TABLE accounts;
ALTER TABLE accounts_by_id RENAME TO accounts;
CREATE TRIGGER accounts_number AFTER INSERT ON accounts
BEGIN
    UPDATE account_numbers SET last = NEW.number WHERE last < NEW.number;
END;
CREATE UNIQUE INDEX accounts_number ON accounts (number);
CREATE UNIQUE INDEX accounts_username_key ON accounts (username_key);
CREATE UNIQUE INDEX accounts_email_key ON accounts (email_key);
-- The orders in which accounts are listed, each whole with the number.
CREATE INDEX accounts_by_email ON accounts (email_key, number);
CREATE INDEX accounts_by_name ON accounts (name_key, number);
CREATE INDEX accounts_by_creation ON accounts (created_at, number);
CREATE INDEX accounts_by_change ON accounts (updated_at, number);
-- Whom the last ADMIN would be.
CREATE INDEX accounts_admins ON accounts (id) WHERE role = 'ADMIN';

CREATE TABLE wallets_by_address (
    -- CAIP-2: the namespace, and for a wallet that is a contract the chain; a key is the same on all chains ('').
    namespace  TEXT   NOT NULL,
    reference  TEXT   NOT NULL,
    address    TEXT   NOT NULL,
    id         BLOB   NOT NULL,
    account_id BLOB   NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (namespace, reference, address)
) WITHOUT ROWID;
INSERT INTO wallets_by_address (namespace, reference, address, id, account_id, created_at)
SELECT namespace, reference, address, id, account_id, created_at FROM wallets ORDER BY namespace, reference, address;
DROP TABLE wallets;
ALTER TABLE wallets_by_address RENAME TO wallets;
-- Ids are random enough to be unique by themselves. With the account, and the address which is in every index here, all
-- that a session asks of its wallet is in this one.
CREATE UNIQUE INDEX wallets_id ON wallets (id, account_id);
CREATE INDEX wallets_account_id ON wallets (account_id);
