-- How many mails of a kind were asked for towards an address, or by an account, since when. An address is here as a keyed
-- hash, whether it is somebody's or not.
CREATE TABLE mailed (
    kind     TEXT COLLATE "C" NOT NULL,
    whose    BYTEA NOT NULL,
    since    BIGINT NOT NULL,
    count    BIGINT NOT NULL,
    last_at  BIGINT NOT NULL,
    PRIMARY KEY (kind, whose)
);
CREATE INDEX mailed_by_time ON mailed (last_at);

-- A letter whose code or link has expired is not sent any more, and one that a newer one replaces neither.
ALTER TABLE outbox ADD COLUMN kind TEXT;
ALTER TABLE outbox ADD COLUMN expires_at BIGINT;
