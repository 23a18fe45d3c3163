-- Who somebody is at an OpenID provider, and so whose account he signs in to. A subject is one person at its issuer alone.
CREATE TABLE identities (
    issuer     TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C" NOT NULL,
    account_id UUID NOT NULL REFERENCES accounts (id) DEFERRABLE INITIALLY DEFERRED,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_account_id ON identities (account_id);
