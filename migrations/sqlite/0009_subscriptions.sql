-- What people subscribe to. The state of one that the ledger keeps is derived: it is over once `ends_at` is, and its period
-- goes on by itself.
CREATE TABLE subscriptions (
    id                   BLOB    PRIMARY KEY NOT NULL,
    account_id           BLOB    NOT NULL,
    -- The plan's id in the configuration, which it may have left since.
    plan_id              TEXT    NOT NULL,
    -- Who keeps it: 'ledger', which is this table, or 'stripe', of whose truth this is a copy.
    provider             TEXT    NOT NULL,
    -- Its id there.
    stripe_id            TEXT UNIQUE,
    state                TEXT    NOT NULL,
    -- Of the ledger's, the first period; those that follow begin where it ends.
    period_start         BIGINT  NOT NULL,
    period_end           BIGINT  NOT NULL,
    -- Of the ledger's, how long a period is: 'day', 'week', 'month', 'year'.
    every                TEXT,
    -- Of the ledger's, when it is over.
    ends_at              BIGINT,
    cancel_at_period_end BOOLEAN NOT NULL,
    created_at           BIGINT  NOT NULL,
    updated_at           BIGINT  NOT NULL
) WITHOUT ROWID;
CREATE INDEX subscriptions_by_account ON subscriptions (account_id);

-- The subscription in force, as every sign-in reads it: the plan's id, the state, and when it is known to end.
ALTER TABLE accounts ADD COLUMN plan TEXT;
ALTER TABLE accounts ADD COLUMN plan_state TEXT;
ALTER TABLE accounts ADD COLUMN plan_until BIGINT;

-- Who an account is at Stripe. Whoever takes over what Stripe says raises the revision that he found before he asked, so
-- that nothing older comes in the place of something newer.
CREATE TABLE billing_customers (
    account_id  BLOB   PRIMARY KEY NOT NULL,
    customer_id TEXT   NOT NULL UNIQUE,
    revision    BIGINT NOT NULL DEFAULT 0,
    synced_at   BIGINT NOT NULL,
    created_at  BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX billing_customers_by_time ON billing_customers (synced_at);

-- Calls to Stripe whose outcome is not known yet, one an account, each written before it is made.
CREATE TABLE billing_calls (
    account_id      BLOB   PRIMARY KEY NOT NULL,
    -- By which Stripe knows a repetition from another call.
    key             BLOB   NOT NULL,
    -- What it is about; of one that is to be made, the id that it will have.
    subscription_id BLOB   NOT NULL,
    -- What is wanted, as JSON.
    wish            TEXT   NOT NULL,
    begun_at        BIGINT NOT NULL,
    -- Until when a request has it for itself.
    claimed_until   BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX billing_calls_by_time ON billing_calls (claimed_until);

-- Events that Stripe told, each of which may come again for some days.
CREATE TABLE billing_events (
    id          TEXT   PRIMARY KEY NOT NULL,
    received_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX billing_events_by_time ON billing_events (received_at);

-- Customers whose accounts were deleted, and who are to be deleted at Stripe too, which ends what they pay for.
CREATE TABLE billing_farewells (
    customer_id TEXT   PRIMARY KEY NOT NULL,
    due_at      BIGINT NOT NULL,
    attempts    BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX billing_farewells_by_time ON billing_farewells (due_at);
