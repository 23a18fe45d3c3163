//! Making an account by a name.

use super::gate::{self, Way};
use super::limits::Policy;
use super::second_factor::Second;
use super::{Core, Person, SignedInPerson, Tokens};
use crate::clock::Timestamp;
use crate::config::FirstAdmin;
use crate::model::account::Role;
use crate::model::audit::{Event, Subject};
use crate::model::error::Conflict;
use crate::model::profile::ProfileText;
use crate::model::session::{Amr, SESSION_LIFETIME};
use crate::model::{AccountId, Client, Email, Error, Password, SignInName, Username};
use crate::store::people::{self, Known, NewPerson};
use crate::store::{Tx, failures, passwords, sessions};

/// What somebody registers with.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    /// The username.
    pub username: Option<Username>,
    /// The e-mail address.
    pub email: Option<Email>,
    /// The display name.
    pub name: ProfileText,
    /// The password; without one nobody signs in by password.
    pub password: Option<Password>,
    /// Whether somebody wants to be advertised to; `None` if he was not asked.
    pub marketing_opt_in: Option<bool>,
}

/// What an operator vouches for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Vouched {
    /// What the account may do.
    pub role: Role,
    /// That the e-mail address is this person's.
    pub email: bool,
}

/// An account that is about to be stored.
pub(super) struct Prepared {
    pub(super) id: AccountId,
    pub(super) person: NewPerson,
    pub(super) hash: Option<String>,
    pub(super) marketing_opt_in: Option<bool>,
    pub(super) now: Timestamp,
}

const TAKEN: Error = Error::Conflict(Conflict::IdentityAlreadyUsed);

impl Core {
    /// Makes an account.
    ///
    /// # Errors
    /// [`Conflict::IdentityAlreadyUsed`], [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn register(&self, registration: Registration, client: &Client) -> Result<Person, Error> {
        self.limit(Policy::Registrations, client, self.clock.now())?;
        self.create_account(registration, Vouched::default(), Some(client)).await
    }

    /// Makes an account as an operator.
    ///
    /// # Errors
    /// As [`Core::register`].
    pub async fn create_person(&self, registration: Registration, vouched: Vouched) -> Result<Person, Error> {
        self.create_account(registration, vouched, None).await
    }

    /// Makes the configured first ADMIN, if there is no ADMIN yet; tells whether it did.
    ///
    /// # Errors
    /// [`Conflict::IdentityAlreadyUsed`] if the e-mail address is that of an account that is no ADMIN;
    /// [`Error::Unavailable`].
    pub async fn make_first_admin(&self) -> Result<bool, Error> {
        let Some(FirstAdmin { email, password }) = self.config.first_admin.clone() else { return Ok(false) };
        if people::has_admin(&mut self.db.read().await?).await? {
            return Ok(false);
        }
        let registration = Registration { email: Some(email), password: Some(password), ..Registration::default() };
        match self.create_person(registration, Vouched { role: Role::Admin, email: true }).await {
            Ok(_) => Ok(true),
            // Another node starts as well and was faster.
            Err(Error::Conflict(Conflict::IdentityAlreadyUsed))
                if people::has_admin(&mut self.db.read().await?).await? =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// Makes an account, and signs it in.
    ///
    /// # Errors
    /// As [`Core::register`]; [`Error::Forbidden`] if it has to verify its e-mail address first.
    pub async fn register_and_sign_in(&self, registration: Registration, client: &Client) -> Result<Tokens, Error> {
        self.register_person(registration, client).await.map(|signed_in| signed_in.tokens)
    }

    /// Makes an account, signs it in, and tells which it is.
    ///
    /// # Errors
    /// As [`Core::register_and_sign_in`].
    pub async fn register_person(&self, registration: Registration, client: &Client) -> Result<SignedInPerson, Error> {
        self.limit(Policy::Registrations, client, self.clock.now())?;
        let prepared = self.prepare_account(registration, Vouched::default()).await?;
        let now = prepared.now;
        let mut tx = self.db.write().await?;
        let Known { account, wallet, .. } = self.store_account(&mut tx, &prepared, Some(client)).await?;
        let session = self.begin_session(&mut tx, &account, Amr::Password, SESSION_LIFETIME, now).await?;
        failures::know_network(&mut tx, &client.network().to_string(), &session).await?;
        let subject = Subject { account: Some(account.id), session: Some(session.id), wallet: None };
        self.record(&mut tx, Event::SignedInByPassword, subject, Some(client), now).await?;
        // Whoever is not let in yet is registered all the same, and has mail.
        let tokens = match gate::admit(&account, Way::Password { wait: None, second: &Second::NotDue }, &self.config) {
            Ok(admitted) => self.issue(admitted, &session, None, now),
            Err(refusal) => {
                sessions::end(&mut tx, session.id, now).await?;
                Err(refusal)
            }
        };
        tx.commit().await?;
        tokens.map(|tokens| SignedInPerson { person: Person::new(account, wallet), tokens })
    }

    async fn create_account(
        &self,
        registration: Registration,
        vouched: Vouched,
        client: Option<&Client>,
    ) -> Result<Person, Error> {
        let prepared = self.prepare_account(registration, vouched).await?;
        let mut tx = self.db.write().await?;
        let known = self.store_account(&mut tx, &prepared, client).await?;
        tx.commit().await?;
        Ok(known.into())
    }

    /// All that is slow, before the unit of work.
    async fn prepare_account(&self, registration: Registration, vouched: Vouched) -> Result<Prepared, Error> {
        let Registration { username, email, name, password, marketing_opt_in } = registration;
        self.require_free(username.as_ref(), email.as_ref()).await?;
        let hash = match password {
            Some(password) => Some(self.hashers.hash(password, self.random.bytes()).await?),
            None => None,
        };
        let now = self.clock.now();
        let email_verified_at = email.as_ref().filter(|_| vouched.email).map(|_| now);
        let person = NewPerson { username, email, email_verified_at, name, role: vouched.role };
        Ok(Prepared { id: AccountId(self.random.uuid(now)), person, hash, marketing_opt_in, now })
    }

    pub(super) async fn store_account(
        &self,
        tx: &mut Tx,
        prepared: &Prepared,
        client: Option<&Client>,
    ) -> Result<Known, Error> {
        let Prepared { id, person, hash, marketing_opt_in, now } = prepared;
        if !people::insert(tx, *id, person, *now).await? {
            return Err(TAKEN);
        }
        if let Some(hash) = hash {
            passwords::upsert(tx, *id, hash, *now).await?;
        }
        let subject = Subject { account: Some(*id), ..Subject::default() };
        self.record(tx, Event::Registered, subject, client, *now).await?;
        if person.role == Role::Admin {
            self.record(tx, Event::RoleGranted("operator"), subject, client, *now).await?;
        }
        if let Some(opt_in) = *marketing_opt_in {
            self.store_marketing(tx, *id, opt_in, subject, client, *now).await?;
        }
        if let Some(email) = person.email.as_ref().filter(|_| person.email_verified_at.is_none()) {
            self.begin_email_proof(tx, *id, email.as_str(), email.key(), *now).await?;
        }
        people::find(tx, *id).await?.ok_or(Error::internal("an account that was just made is gone"))
    }

    /// Looks whether the names are free, before anything is hashed for them. Only the row decides.
    async fn require_free(&self, username: Option<&Username>, email: Option<&Email>) -> Result<(), Error> {
        let names = [
            username.map(|name| SignInName::Username(name.key().to_owned())),
            email.map(|email| SignInName::Email(email.key().to_owned())),
        ];
        let mut reader = self.db.read().await?;
        for name in names.into_iter().flatten() {
            if people::find_by_name(&mut reader, &name).await?.is_some() {
                return Err(TAKEN);
            }
        }
        Ok(())
    }
}
