-- The proof of an e-mail address that is under way: one an account. Neither code nor token is here: the code is derived
-- from this row by the root secret, of the token there is a hash.
CREATE TABLE email_proofs (
    account_id BLOB   PRIMARY KEY NOT NULL,
    -- The address that is to be proven, in its canonical form.
    email_key  TEXT   NOT NULL,
    serial     BLOB   NOT NULL,
    token_hash BLOB   NOT NULL,
    issued_at  BIGINT NOT NULL,
    -- Wrong codes, over all codes since the last that was used up.
    tries      BIGINT NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX email_proofs_token ON email_proofs (token_hash);

-- Ways back in for those who forgot their password, by a hash of the token that was mailed.
CREATE TABLE password_resets (
    token_hash BLOB   PRIMARY KEY NOT NULL,
    account_id BLOB   NOT NULL,
    -- The address that it was mailed to, in its canonical form: it is good as long as that is the account's.
    email_key  TEXT   NOT NULL,
    issued_at  BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
) WITHOUT ROWID;
CREATE INDEX password_resets_account ON password_resets (account_id, issued_at);
CREATE INDEX password_resets_by_time ON password_resets (expires_at);
