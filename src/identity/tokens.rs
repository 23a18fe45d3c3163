//! Issuing tokens: one access token and one refresh token of a session.

use std::time::Duration;

use super::Core;
use super::gate::Admitted;
use crate::clock::Timestamp;
use crate::crypto::derived::{self, Kind};
use crate::crypto::jwt::{self, AccessClaims};
use crate::model::account::Role;
use crate::model::session::Session;
use crate::model::{Address, Error};

/// What a session is used with.
#[derive(Clone)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// From when on the access token is refused.
    pub expires_at: Timestamp,
    /// How long that is from now.
    pub lives: Duration,
    /// The refresh token.
    pub refresh: String,
    /// Whether the account's e-mail address is verified.
    pub email_verified: bool,
}

impl Core {
    /// The tokens of `session` at its current counter, for the wallet that signed in.
    pub(super) fn issue(
        &self,
        admitted: Admitted<'_>,
        session: &Session,
        wallet: Option<Address>,
        now: Timestamp,
    ) -> Result<Tokens, Error> {
        let account = admitted.account();
        let tokens = &self.config.tokens;
        let expires_at = (now + tokens.access_ttl).min(session.expires_at).whole_seconds();
        let roles: &[Role] = match account.role {
            Role::User => &[Role::User],
            Role::Admin => &[Role::User, Role::Admin],
        };
        let claims = AccessClaims {
            iss: self.config.public_url.clone(),
            sub: account.id.0,
            aud: tokens.audience.clone(),
            iat: now.seconds(),
            exp: expires_at.seconds(),
            jti: self.random.uuid(now),
            sid: session.id.0,
            amr: session.amr.claims().iter().map(|word| (*word).to_owned()).collect(),
            roles: roles.iter().map(|role| role.name().to_owned()).collect(),
            evf: account.email_verified,
            wallet: wallet.map(|address| address.caip10()),
            address: wallet.map(|address| address.checksummed()),
            plan: account.in_force(now).map(|in_force| self.config.plans.name_of(&in_force.plan).to_owned()),
        };
        let ring = self.keyring.load();
        let access = jwt::sign(ring.signing(tokens.algorithm, now)?, &claims)?;
        let refresh = derived::mint(Kind::Refresh, self.keychain.current(), session.id.0, session.refresh_counter);
        let lives = expires_at.since(now.whole_seconds());
        Ok(Tokens { access, expires_at, lives, refresh, email_verified: account.email_verified })
    }
}
