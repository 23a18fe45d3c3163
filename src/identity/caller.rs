//! Who calls: from a credential to an account that may act now.

use std::sync::Arc;

use aws_lc_rs::digest;
use quick_cache::sync::Cache;

use super::Core;
use super::gate::{self, Way};
use super::refusals::Refused;
use crate::clock::Timestamp;
use crate::crypto::derived::{self, Fault, Kind};
use crate::crypto::jwt::{self, AccessClaims, Expected, Refusal};
use crate::model::account::{Account, LinkedWallet, Role};
use crate::model::audit::Event;
use crate::model::error::{Conflict, Forbidden, Malformed, Thing, Unauthenticated};
use crate::model::session::Amr;
use crate::model::{AccountId, Address, Client, Error, SessionId};
use crate::store::{Queryable, accounts, sessions};

/// How many verified tokens are remembered: about 5 MiB, and the callers of some minutes on a busy node.
const REMEMBERED: usize = 10_000;

/// A credential as it came in.
#[derive(Clone, Copy)]
pub enum Credential<'a> {
    /// An access token.
    AccessToken(&'a str),
    /// A session token of the exchange door.
    SessionToken(&'a str),
    /// An API key.
    ApiKey(&'a str),
}

/// An authenticated account, by whichever credential.
#[derive(Clone, Debug)]
pub struct Caller {
    account: Account,
    wallet: Option<LinkedWallet>,
    /// The session, unless it is an API key that calls.
    session: Option<Began>,
}

/// A session, and how it began.
#[derive(Clone, Copy, Debug)]
struct Began {
    session: SessionId,
    at: Timestamp,
    amr: Amr,
}

/// An operator of this gateway. Only [`Caller::require_admin`] makes one.
#[derive(Clone, Debug)]
pub struct Admin(Caller);

/// Who may see all of an account: its owner, or an ADMIN. Only [`Caller::require_self_or_admin`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct SelfOrAdmin(AccountId);

impl SelfOrAdmin {
    /// The account that may be seen.
    #[must_use]
    pub fn of(self) -> AccountId {
        self.0
    }
}

impl std::ops::Deref for Admin {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.0
    }
}

/// A person who signed in: not an API key. Only [`Caller::require_person`] makes one.
#[derive(Clone, Debug)]
pub struct PersonPresent {
    caller: Caller,
    began: Began,
}

impl Caller {
    /// The account.
    #[must_use]
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The session of the access token; none of an API key.
    pub(super) fn session_of_token(&self) -> Option<SessionId> {
        self.session.map(|began| began.session)
    }

    /// The wallet that signed in, else the account's primary one.
    ///
    /// # Errors
    /// [`Conflict::WalletRequired`] for an account without an EVM wallet.
    pub fn address(&self) -> Result<Address, Error> {
        self.wallet.map(|wallet| wallet.address).ok_or(Error::Conflict(Conflict::WalletRequired))
    }

    /// Insists on a person.
    ///
    /// # Errors
    /// [`Forbidden::PersonRequired`] for an API key.
    pub fn require_person(self) -> Result<PersonPresent, Error> {
        let began = self.session.ok_or(Error::Forbidden(Forbidden::PersonRequired))?;
        Ok(PersonPresent { caller: self, began })
    }

    /// Whether it is an ADMIN: by the account, and not by what a token claims.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.account.role == Role::Admin
    }

    /// Insists on an ADMIN.
    ///
    /// # Errors
    /// [`Forbidden::AdminRequired`].
    pub fn require_admin(self) -> Result<Admin, Error> {
        if self.is_admin() { Ok(Admin(self)) } else { Err(Error::Forbidden(Forbidden::AdminRequired)) }
    }

    /// Insists on the owner of this account or an ADMIN. `None` is an account that there can't be.
    ///
    /// # Errors
    /// [`Forbidden::NotYourAccount`], whether or not there is such an account; for an ADMIN, [`Error::NotFound`].
    pub fn require_self_or_admin(&self, account: Option<AccountId>) -> Result<SelfOrAdmin, Error> {
        match account {
            Some(account) if account == self.account.id || self.is_admin() => Ok(SelfOrAdmin(account)),
            None if self.is_admin() => Err(Error::NotFound(Thing::Account)),
            Some(_) | None => Err(Error::Forbidden(Forbidden::NotYourAccount)),
        }
    }

    /// Why a caller who was let in a moment ago may not write any more: the account was disabled since, and maybe
    /// enabled again, or is gone. What he holds is over in any case.
    pub(super) async fn refusal_by_now(&self, db: &mut impl Queryable) -> Result<Error, Error> {
        let found = accounts::find(db, self.account.id).await?;
        if found.is_some_and(|(account, _)| account.disabled) {
            return Ok(Error::Forbidden(Forbidden::AccountDisabled));
        }
        Ok(Error::NotAuthenticated(match self.session {
            Some(_) => Unauthenticated::SessionEnded,
            None => Unauthenticated::InvalidApiKey,
        }))
    }
}

/// An ADMIN who signed in: not an API key. Only [`PersonPresent::require_admin`] makes one.
#[derive(Clone, Debug)]
pub struct AdminPresent(PersonPresent);

impl std::ops::Deref for AdminPresent {
    type Target = PersonPresent;

    fn deref(&self) -> &PersonPresent {
        &self.0
    }
}

impl PersonPresent {
    /// Insists on an ADMIN.
    ///
    /// # Errors
    /// [`Forbidden::AdminRequired`].
    pub fn require_admin(self) -> Result<AdminPresent, Error> {
        if self.is_admin() { Ok(AdminPresent(self)) } else { Err(Error::Forbidden(Forbidden::AdminRequired)) }
    }

    /// The session that the access token is of.
    #[must_use]
    pub fn session(&self) -> SessionId {
        self.began.session
    }

    /// When the person signed in.
    #[must_use]
    pub fn signed_in_at(&self) -> Timestamp {
        self.began.at
    }

    /// Whether the person signed in with a code of the second factor.
    pub(super) fn has_shown_code(&self) -> bool {
        self.began.amr.has_otp()
    }
}

impl std::ops::Deref for PersonPresent {
    type Target = Caller;

    fn deref(&self) -> &Caller {
        &self.caller
    }
}

/// Tokens whose signature was checked, by their hash: the state of the session is asked each time.
pub(super) struct TokenCache(Cache<[u8; 32], Arc<AccessClaims>>);

impl Default for TokenCache {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

impl Core {
    /// Finds out who calls. All credentials have to be valid and name one account; a person's counts more than a key.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`] with the reason, [`Forbidden::AccountDisabled`],
    /// [`Malformed::AmbiguousCredentials`], [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn authenticate(&self, credentials: &[Credential<'_>], client: &Client) -> Result<Caller, Error> {
        let mut found: Option<Caller> = None;
        for credential in credentials {
            let caller = match credential {
                Credential::AccessToken(token) => self.by_access_token(token).await,
                Credential::SessionToken(token) => self.by_session_token(token).await,
                Credential::ApiKey(key) => self.by_api_key(key).await,
            };
            let caller = match caller {
                Ok(caller) => caller,
                Err(refused) => return Err(self.refuse(Event::CredentialRefused, refused, client).await),
            };
            found = Some(match found {
                Some(before) if before.account.id != caller.account.id => {
                    return Err(Error::Malformed(Malformed::AmbiguousCredentials));
                }
                Some(before) if before.session.is_some() => before,
                Some(_) | None => caller,
            });
        }
        found.ok_or(Error::NotAuthenticated(Unauthenticated::Missing))
    }

    async fn by_access_token(&self, token: &str) -> Result<Caller, Refused> {
        let now = self.clock.now();
        let mut verified = self.verify_access_token(token, now);
        if verified.is_err() && jwt::names_unknown_key(&self.keyring.load(), token) {
            self.look_for_new_keys().await;
            verified = self.verify_access_token(token, now);
        }
        let claims = verified.map_err(|refusal| {
            Error::NotAuthenticated(match refusal {
                Refusal::Expired => Unauthenticated::TokenExpired,
                Refusal::Invalid => Unauthenticated::InvalidToken,
            })
        })?;
        // A session that is gone was over long ago: its row is kept longer than any of its tokens.
        let ended = Error::NotAuthenticated(Unauthenticated::SessionEnded);
        self.by_session(SessionId(claims.sid), ended, now).await
    }

    async fn by_session_token(&self, token: &str) -> Result<Caller, Refused> {
        let invalid = Error::NotAuthenticated(Unauthenticated::InvalidToken);
        // It is never rotated: the one that was given first is the only one.
        let verified = derived::verify(Kind::Session, &self.keychain, token).ok().filter(|token| token.counter == 0);
        let Some(verified) = verified else { return Err(invalid.into()) };
        let ended = Error::NotAuthenticated(Unauthenticated::SessionEnded);
        self.by_session(SessionId(verified.id), ended, self.clock.now()).await
    }

    /// The caller of a session that a genuine token names.
    async fn by_session(&self, session: SessionId, ended: Error, now: Timestamp) -> Result<Caller, Refused> {
        let found = sessions::find_committed(&self.db, session).await?;
        // Of an account or a session that is gone nothing is recorded: whoever was deleted is to leave no traces anew.
        let Some(owned) = found else { return Err(ended.into()) };
        let refused = |error| Refused::naming(Some(owned.account.id), Some(session), error);
        gate::admit(&owned.account, Way::Credential, &self.config).map_err(refused)?;
        if !owned.session.is_live(owned.standing(), now) {
            return Err(refused(ended));
        }
        Ok(Caller {
            session: Some(Began { session: owned.session.id, at: owned.session.created_at, amr: owned.session.amr }),
            wallet: owned.wallet,
            account: owned.account,
        })
    }

    fn verify_access_token(&self, token: &str, now: Timestamp) -> Result<Arc<AccessClaims>, Refusal> {
        let hash = digest::digest(&digest::SHA256, token.as_bytes());
        let hash: [u8; 32] = hash.as_ref().try_into().map_err(|_| Refusal::Invalid)?;
        if let Some(claims) = self.verified.0.get(&hash) {
            return if claims.is_over(now) { Err(Refusal::Expired) } else { Ok(claims) };
        }
        let expected = Expected {
            issuer: &self.config.public_url,
            audience: &self.config.tokens.audience,
            skew: self.config.wallet.clock_skew,
        };
        let claims = Arc::new(jwt::verify(&self.keyring.load(), token, expected, now)?);
        self.verified.0.insert(hash, Arc::clone(&claims));
        Ok(claims)
    }

    async fn by_api_key(&self, key: &str) -> Result<Caller, Refused> {
        let invalid = Error::NotAuthenticated(Unauthenticated::InvalidApiKey);
        let verified = derived::verify(Kind::ApiKey, &self.keychain, key).map_err(|fault| {
            Error::NotAuthenticated(match fault {
                Fault::Mistyped => Unauthenticated::MistypedApiKey,
                Fault::Foreign => Unauthenticated::InvalidApiKey,
            })
        })?;
        let refused = |error| Refused::naming(Some(AccountId(verified.id)), None, error);
        let found = accounts::find_committed(&self.db, AccountId(verified.id)).await?;
        let Some((account, wallet)) = found else { return Err(invalid.into()) };
        gate::admit(&account, Way::Credential, &self.config).map_err(refused)?;
        if verified.counter != account.api_key_counter {
            return Err(refused(invalid));
        }
        Ok(Caller { account, wallet, session: None })
    }
}
