-- The picture of an account, and whether its owner wants to be advertised to: null until he was asked, and since when.
ALTER TABLE accounts ADD COLUMN avatar TEXT;
ALTER TABLE accounts ADD COLUMN marketing_opt_in BOOLEAN;
ALTER TABLE accounts ADD COLUMN marketing_opt_in_at BIGINT;

-- What people prefer, as JSON documents: of kind 'settings' and 'data_providers'. Only what was chosen is in them.
CREATE TABLE preferences (
    account_id UUID   NOT NULL,
    kind       TEXT   NOT NULL,
    chosen     TEXT   NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind)
);

-- Devices that may be sent notifications. The token is what the device's maker gave it: it opens nothing here, and sends
-- nothing without the operator's own key.
CREATE TABLE devices (
    token      TEXT COLLATE "C" PRIMARY KEY NOT NULL,
    -- Whose it is; null until somebody claims it.
    account_id UUID,
    -- Of an unclaimed one, from which network it came.
    network    TEXT,
    os         TEXT,
    enabled    BOOLEAN NOT NULL,
    security   BOOLEAN NOT NULL,
    billing    BOOLEAN NOT NULL,
    -- Of an unclaimed one, when it was last sent; of another one, when it was claimed.
    since      BIGINT  NOT NULL
);
CREATE INDEX devices_by_account ON devices (account_id, since);
CREATE INDEX devices_unclaimed_by_network ON devices (network, since) WHERE account_id IS NULL;
CREATE INDEX devices_unclaimed_by_time ON devices (since) WHERE account_id IS NULL;
