//! Signing in by a name and a password.

use std::time::Duration;

use super::gate::{self, Way};
use super::guard::{Guarded, Guess, PASSWORD, Whose};
use super::limits::Policy;
use super::{Core, Person, Tokens};
use crate::clock::Timestamp;
use crate::crypto::derived::{self, Kind};
use crate::crypto::password::Verdict;
use crate::model::account::{Account, LinkedWallet};
use crate::model::audit::{Event, Subject};
use crate::model::error::Unauthenticated;
use crate::model::mail::Letter;
use crate::model::session::{Amr, SESSION_LIFETIME, SESSION_TOKEN_LIFETIME, Session};
use crate::model::{AccountId, Client, Error, Password, SessionId, SignInName};
use crate::store::people::{self, Known};
use crate::store::{Tx, accounts, failures, passwords, sessions};

/// A sign-in by password, as it comes in.
#[derive(Clone, Copy)]
pub struct PasswordAttempt<'a> {
    /// The username or e-mail address.
    pub name: &'a str,
    /// The password.
    pub password: &'a str,
    /// The code of the second factor.
    pub otp: Option<&'a str>,
}

/// A session that is used with one opaque token.
#[derive(Clone)]
pub struct OpenedSession {
    /// Who signed in.
    pub person: Person,
    /// The session token.
    pub token: String,
    /// When it is over.
    pub expires_at: Timestamp,
}

/// Somebody who signed in, with what his session is used with.
#[derive(Clone)]
pub struct SignedInPerson {
    /// Who signed in.
    pub person: Person,
    /// The tokens.
    pub tokens: Tokens,
}

/// Somebody who signed in.
struct Entered {
    account: Account,
    wallet: Option<LinkedWallet>,
    session: Session,
}

impl Core {
    /// Signs in by password, for a session token.
    ///
    /// # Errors
    /// [`Unauthenticated::InvalidCredentials`], [`Unauthenticated::MfaRequired`], [`Error::Forbidden`] for an account that
    /// is disabled or whose e-mail address has to be verified, [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn open_session(&self, attempt: PasswordAttempt<'_>, client: &Client) -> Result<OpenedSession, Error> {
        let entered = self.sign_in_by_password(attempt, SESSION_TOKEN_LIFETIME, client).await?;
        let session = entered.session;
        let token = derived::mint(Kind::Session, self.keychain.current(), session.id.0, session.refresh_counter);
        Ok(OpenedSession {
            person: Person::new(entered.account, entered.wallet),
            token,
            expires_at: session.expires_at,
        })
    }

    /// Signs in by password, for an access token alone.
    ///
    /// # Errors
    /// As [`Core::open_session`].
    pub async fn access_token(&self, attempt: PasswordAttempt<'_>, client: &Client) -> Result<String, Error> {
        let Entered { account, session, .. } =
            self.sign_in_by_password(attempt, self.config.tokens.access_ttl, client).await?;
        let admitted = gate::admit(&account, Way::Credential, &self.config)?;
        Ok(self.issue(admitted, &session, None, session.created_at)?.access)
    }

    /// Signs in by password, for an access token and a refresh token.
    ///
    /// # Errors
    /// As [`Core::open_session`].
    pub async fn sign_in_with_password(&self, attempt: PasswordAttempt<'_>, client: &Client) -> Result<Tokens, Error> {
        self.sign_in_person(attempt, client).await.map(|signed_in| signed_in.tokens)
    }

    /// Signs in by password, for an access token and a refresh token, and tells who that is.
    ///
    /// # Errors
    /// As [`Core::open_session`].
    pub async fn sign_in_person(&self, attempt: PasswordAttempt<'_>, client: &Client) -> Result<SignedInPerson, Error> {
        let Entered { account, wallet, session } = self.sign_in_by_password(attempt, SESSION_LIFETIME, client).await?;
        let admitted = gate::admit(&account, Way::Credential, &self.config)?;
        let tokens = self.issue(admitted, &session, None, session.created_at)?;
        Ok(SignedInPerson { person: Person::new(account, wallet), tokens })
    }

    async fn sign_in_by_password(
        &self,
        attempt: PasswordAttempt<'_>,
        lifetime: Duration,
        client: &Client,
    ) -> Result<Entered, Error> {
        let now = self.clock.now();
        self.limit(Policy::Passwords, client, now)?;
        let name = SignInName::parse(attempt.name);
        let (found, guarded) = {
            let mut reader = self.db.read().await?;
            let found = people::find_by_name(&mut reader, &name).await?;
            let whose = found.as_ref().map_or_else(|| self.nobody(&name), |known| Whose::Account(known.account.id));
            (found, self.guard(&mut reader, PASSWORD, whose, client, now).await?)
        };
        let outcome = self.judge_password(attempt, found, &guarded, lifetime, client).await;
        self.metrics.count_sign_in(outcome.as_ref().map_or_else(Error::code, |_| "ok"));
        outcome
    }

    async fn judge_password(
        &self,
        attempt: PasswordAttempt<'_>,
        found: Option<Known>,
        guarded: &Guarded,
        lifetime: Duration,
        client: &Client,
    ) -> Result<Entered, Error> {
        let account = found.as_ref().map(|known| known.account.id);
        let stored = found.and_then(|known| known.hash);
        let verdict = self.compare(attempt.password, stored.clone()).await?;
        let (Some(account), Some(stored), Verdict::Right | Verdict::RightAndOutdated(_)) = (account, stored, &verdict)
        else {
            return Err(self.refuse_password(account, guarded, client).await);
        };
        let mut tx = self.db.write().await?;
        let known = Still { account, hash: &stored };
        let entered = self.enter_by_password(&mut tx, attempt.otp, known, guarded, lifetime).await;
        if let Err(error @ (Error::NotAuthenticated(_) | Error::Forbidden(_))) = &entered {
            drop(tx);
            let subject = Subject { account: Some(account), ..Subject::default() };
            self.record_refusal(Event::SignInRefused(error.code()), subject, client).await;
            return entered;
        }
        let entered = entered?;
        if let Verdict::RightAndOutdated(hash) = &verdict {
            passwords::upgrade(&mut tx, account, hash).await?;
        }
        let session = &entered.session;
        self.note_network(&mut tx, session, client).await?;
        let subject = Subject { account: Some(account), session: Some(session.id), wallet: None };
        self.record(&mut tx, Event::SignedInByPassword, subject, Some(client), session.created_at).await?;
        tx.commit().await?;
        Ok(entered)
    }

    /// Notes from which network a session began: there its owner is known. Tells him of one that is new.
    pub(super) async fn note_network(&self, tx: &mut Tx, session: &Session, client: &Client) -> Result<(), Error> {
        let network = client.network().to_string();
        // Not asked for nothing: most gateways leave this notice off.
        if self.config.notices.new_sign_in && !failures::has_known(tx, session.account, &network).await? {
            let at = session.created_at.rfc3339();
            let letter = Letter::NewSignIn { at, client: client.address.to_string() };
            self.notify(tx, session.account, &letter, session.created_at).await?;
        }
        failures::know_network(tx, &network, session).await
    }

    /// Compares what is tried with a stored hash, or, to take as long, with nobody's.
    pub(super) async fn compare(&self, tried: &str, stored: Option<String>) -> Result<Verdict, Error> {
        let salt = self.random.bytes();
        // What is too long for a password is nobody's.
        let (password, stored) = match Password::attempt(tried) {
            Some(password) => (Some(password), stored),
            None => (Password::attempt(""), None),
        };
        let password = password.ok_or(Error::internal("an empty text is an attempt"))?;
        self.hashers.verify(password, stored, salt).await
    }

    /// Counts and records a wrong password; gives what it is answered with.
    pub(super) async fn refuse_password(
        &self,
        account: Option<AccountId>,
        guarded: &Guarded,
        client: &Client,
    ) -> Error {
        let guess = Guess { event: Event::PasswordRefused, wrong: Unauthenticated::InvalidCredentials };
        let refused = async { self.refuse_guess(self.db.write().await?, guess, account, guarded, client).await };
        refused.await.unwrap_or_else(|error| error)
    }

    /// Begins the session of an account whose password was right a moment ago, if nothing has changed since.
    async fn enter_by_password(
        &self,
        tx: &mut Tx,
        otp: Option<&str>,
        still: Still<'_>,
        guarded: &Guarded,
        lifetime: Duration,
    ) -> Result<Entered, Error> {
        let now = self.clock.now();
        accounts::lock(tx, still.account).await?;
        let known = people::find(tx, still.account).await?;
        let Some(Known { account, wallet, .. }) = known.filter(|known| known.hash.as_deref() == Some(still.hash))
        else {
            return Err(WRONG);
        };
        let wait = guarded.wait_by_now(tx, now).await?;
        gate::admit(&account, Way::Password { wait, otp }, &self.config)?;
        guarded.forget(tx).await?;
        let session = self.begin_session(tx, &account, Amr::Password, lifetime, now).await?;
        Ok(Entered { account, wallet, session })
    }

    /// A session that begins now, without a wallet.
    pub(super) async fn begin_session(
        &self,
        tx: &mut Tx,
        account: &Account,
        amr: Amr,
        lifetime: Duration,
        now: Timestamp,
    ) -> Result<Session, Error> {
        let session = Session {
            id: SessionId(self.random.uuid(now)),
            account: account.id,
            wallet: None,
            amr,
            epoch: account.epoch,
            refresh_counter: 0,
            created_at: now,
            refreshed_at: now,
            expires_at: now + lifetime,
            ended_at: None,
        };
        sessions::insert(tx, &session).await?;
        Ok(session)
    }

    /// By what failures at a name that is nobody's are counted.
    pub(super) fn nobody(&self, name: &SignInName) -> Whose {
        Whose::Nobody(self.tag_of(name))
    }

    /// What stands for a name where it need not be known, whether it is somebody's or not.
    pub(super) fn tag_of(&self, name: &SignInName) -> [u8; 16] {
        let mut tag = [0; 16];
        let mac = aws_lc_rs::hmac::sign(&self.wallet_tags, format!("name:{}", name.key()).as_bytes());
        tag.copy_from_slice(&mac.as_ref()[..16]);
        tag
    }
}

/// What was compared, and must still be so.
struct Still<'a> {
    account: AccountId,
    hash: &'a str,
}

/// Whether it is the name or the password is told to nobody.
const WRONG: Error = Error::NotAuthenticated(Unauthenticated::InvalidCredentials);
