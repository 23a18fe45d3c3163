-- Authenticators (RFC 6238): of an account the one that is in force, and one that is being set up. accounts.second_factor_at
-- says since when one is in force.
CREATE TABLE second_factors (
    id          UUID   PRIMARY KEY NOT NULL,
    account_id  UUID   NOT NULL,
    -- The secret, sealed for this account under a key of the database's own, which the root secret seals.
    sealed      BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL,
    in_force_at BIGINT,
    -- The time step of the last code that was accepted: none of it or before is accepted again.
    last_step   BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX second_factors_in_force ON second_factors (account_id) WHERE in_force_at IS NOT NULL;
CREATE UNIQUE INDEX second_factors_pending ON second_factors (account_id) WHERE in_force_at IS NULL;
CREATE INDEX second_factors_by_time ON second_factors (created_at) WHERE in_force_at IS NULL;

-- Backup codes that were not used yet, by their keyed hash.
CREATE TABLE backup_codes (
    factor_id UUID  NOT NULL,
    tag       BYTEA NOT NULL,
    PRIMARY KEY (factor_id, tag)
);

-- Devices whose owner is not asked for a code, by a hash of the token that they keep.
CREATE TABLE trusted_devices (
    id         UUID   PRIMARY KEY NOT NULL,
    account_id UUID   NOT NULL,
    token_hash BYTEA  NOT NULL,
    -- The account's epoch when it was trusted: what ends all sessions at once ends this as well.
    epoch      BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX trusted_devices_token ON trusted_devices (token_hash);
CREATE INDEX trusted_devices_account ON trusted_devices (account_id);
CREATE INDEX trusted_devices_by_time ON trusted_devices (expires_at);
