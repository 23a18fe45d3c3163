//! Signing in by a name and a password.

use std::time::Duration;

use super::gate::{self, Way};
use super::guard::{Guarded, Guess, KnownBy, Whose};
use super::limits::Policy;
use super::second_factor::Shown;
use super::verification::NOBODY;
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
    /// The token of a trusted device, which takes the place of the code.
    pub device: Option<&'a str>,
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
pub(super) struct Entered {
    pub(super) account: Account,
    pub(super) wallet: Option<LinkedWallet>,
    pub(super) session: Session,
}

/// Somebody whose password was right.
pub(super) enum Arrival {
    /// He is in.
    Entered(Box<Entered>),
    /// He has yet to show the second factor.
    SecondFactorDue(Box<Known>),
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
        let entered = self.sign_in_by_password(attempt, self.config.tokens.access_ttl, client).await?;
        Ok(self.tokens_of(&entered)?.access)
    }

    /// Signs in by password, for an access token and a refresh token.
    ///
    /// # Errors
    /// As [`Core::open_session`].
    pub async fn sign_in_with_password(&self, attempt: PasswordAttempt<'_>, client: &Client) -> Result<Tokens, Error> {
        let entered = self.sign_in_by_password(attempt, SESSION_LIFETIME, client).await?;
        self.tokens_of(&entered)
    }

    /// The tokens of a session that began just now.
    pub(super) fn tokens_of(&self, entered: &Entered) -> Result<Tokens, Error> {
        let Entered { account, session, .. } = entered;
        self.issue(gate::admit(account, Way::Credential, &self.config)?, session, None, session.created_at)
    }

    /// Signs in, in one step: whoever lacks the second factor is refused.
    async fn sign_in_by_password(
        &self,
        attempt: PasswordAttempt<'_>,
        lifetime: Duration,
        client: &Client,
    ) -> Result<Entered, Error> {
        match self.arrive(attempt, lifetime, client).await? {
            Arrival::Entered(entered) => Ok(*entered),
            Arrival::SecondFactorDue(_) => Err(Error::NotAuthenticated(Unauthenticated::MfaRequired)),
        }
    }

    /// Compares the password, and begins a session if it is right and a second factor is not due or is shown.
    pub(super) async fn arrive(
        &self,
        attempt: PasswordAttempt<'_>,
        lifetime: Duration,
        client: &Client,
    ) -> Result<Arrival, Error> {
        let now = self.clock.now();
        self.limit(Policy::Passwords, client, now)?;
        let name = SignInName::parse(attempt.name);
        let (found, guarded) = {
            let mut reader = self.db.read().await?;
            let found = people::find_by_name(&mut reader, &name).await?;
            let whose = found.as_ref().map_or_else(|| self.nobody(&name), |known| Whose::Account(known.account.id));
            // Nobody's is asked for as well, so that it takes as long.
            let id = found.as_ref().map_or(NOBODY, |known| known.account.id);
            let device = self.find_device(&mut reader, id, attempt.device, now).await?;
            let known_by = device.map_or(KnownBy::Network, |_| KnownBy::Device);
            (found, self.guard_password(&mut reader, whose, known_by, client, now).await?)
        };
        let outcome = self.judge_password(attempt, found, &guarded, lifetime, client).await;
        self.metrics.count_sign_in(match &outcome {
            Ok(Arrival::Entered(_)) => "ok",
            Ok(Arrival::SecondFactorDue(_)) => Error::NotAuthenticated(Unauthenticated::MfaRequired).code(),
            Err(error) => error.code(),
        });
        outcome
    }

    async fn judge_password(
        &self,
        attempt: PasswordAttempt<'_>,
        found: Option<Known>,
        guarded: &Guarded,
        lifetime: Duration,
        client: &Client,
    ) -> Result<Arrival, Error> {
        let account = found.as_ref().map(|known| known.account.id);
        let stored = found.and_then(|known| known.hash);
        let verdict = self.compare(attempt.password, stored.clone()).await?;
        let (Some(account), Some(stored), Verdict::Right | Verdict::RightAndOutdated(_)) = (account, stored, &verdict)
        else {
            return Err(self.refuse_password(account, guarded, client).await);
        };
        let upgrade = if let Verdict::RightAndOutdated(hash) = &verdict { Some(hash.as_str()) } else { None };
        let still = Still { account, hash: &stored, upgrade };
        let shown = Shown { code: attempt.otp, device: attempt.device };
        let arrival = self.enter_by_password(still, shown, guarded, lifetime, client).await;
        let refusal = match &arrival {
            Ok(Arrival::SecondFactorDue(_)) => Some(Error::NotAuthenticated(Unauthenticated::MfaRequired).code()),
            // A wrong code is recorded as a guess.
            Err(Error::NotAuthenticated(Unauthenticated::InvalidCode)) => None,
            Err(error @ (Error::NotAuthenticated(_) | Error::Forbidden(_))) => Some(error.code()),
            Ok(Arrival::Entered(_)) | Err(_) => None,
        };
        if let Some(code) = refusal {
            let subject = Subject { account: Some(account), ..Subject::default() };
            self.record_refusal(Event::SignInRefused(code), subject, client).await;
        }
        arrival
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

    /// Begins the session of an account whose password was right a moment ago, if nothing has changed since and the
    /// second factor is shown. A code of it is used up with it, or not at all.
    async fn enter_by_password(
        &self,
        still: Still<'_>,
        shown: Shown<'_>,
        guarded: &Guarded,
        lifetime: Duration,
        client: &Client,
    ) -> Result<Arrival, Error> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        accounts::lock(&mut tx, still.account).await?;
        let known = people::find(&mut tx, still.account).await?;
        let Some(known) = known.filter(|known| known.hash.as_deref() == Some(still.hash)) else { return Err(WRONG) };
        let wait = guarded.wait_by_now(&mut tx, now).await?;
        let second = self.judge_second_factor(&mut tx, &known.account, shown, client, now).await?;
        match gate::admit(&known.account, Way::Password { wait, second: &second }, &self.config) {
            Ok(_) => guarded.forget(&mut tx).await?,
            Err(Error::NotAuthenticated(Unauthenticated::MfaRequired)) => {
                guarded.forget(&mut tx).await?;
                tx.commit().await?;
                return Ok(Arrival::SecondFactorDue(Box::new(known)));
            }
            Err(refusal) => return Err(self.refuse_second_factor(tx, still.account, &second, refusal, client).await),
        }
        let Known { account, wallet, .. } = known;
        let amr = if second.is_by_code() { Amr::Password.with_otp() } else { Amr::Password };
        let session = self.begin_session(&mut tx, &account, amr, lifetime, now).await?;
        if let Some(hash) = still.upgrade {
            passwords::upgrade(&mut tx, account.id, hash).await?;
        }
        self.note_network(&mut tx, &session, client).await?;
        let subject = Subject { account: Some(account.id), session: Some(session.id), wallet: None };
        self.record(&mut tx, Event::SignedInByPassword, subject, Some(client), now).await?;
        tx.commit().await?;
        Ok(Arrival::Entered(Box::new(Entered { account, wallet, session })))
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
    /// A stronger hash of the same password, which takes the place of that one.
    upgrade: Option<&'a str>,
}

/// Whether it is the name or the password is told to nobody.
const WRONG: Error = Error::NotAuthenticated(Unauthenticated::InvalidCredentials);
