-- Mails on their way. A row is put in by the unit of work that it tells of, and goes when it was sent or given up.
CREATE TABLE outbox (
    id             UUID   PRIMARY KEY NOT NULL,
    -- Whose it is, so that it goes with the account.
    account_id     UUID,
    -- Recipient and letter, sealed under the root secret of this version: codes and links are not for who reads tables.
    sealed         BYTEA  NOT NULL,
    secret_version BIGINT NOT NULL,
    created_at     BIGINT NOT NULL,
    attempts       BIGINT NOT NULL DEFAULT 0,
    -- From when on it may be tried.
    due_at         BIGINT NOT NULL,
    -- Until when a node has it for itself.
    claimed_until  BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX outbox_by_time ON outbox (due_at);
CREATE INDEX outbox_by_account ON outbox (account_id);
