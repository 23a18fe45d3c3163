//! Changing the names and the password that an account is entered by.

use super::changes::{require_fresh, subject_of, traced};
use super::guard::{Guarded, PASSWORD, Whose};
use super::{Caller, Core, Person, PersonPresent};
use crate::clock::Timestamp;
use crate::crypto::password::Verdict;
use crate::model::audit::{By, Event};
use crate::model::error::{Conflict, Forbidden, Unauthenticated, Violation};
use crate::model::mail::Letter;
use crate::model::{AccountId, Client, Email, Error, Password, Username};
use crate::secret::SecretText;
use crate::store::people::{self, Renamed};
use crate::store::{Tx, accounts, password_resets, passwords};

/// What is to be changed; what is `None` stays as it is.
#[derive(Default)]
pub struct NamesChange {
    /// The new username.
    pub username: Option<Username>,
    /// The new e-mail address.
    pub email: Option<Email>,
    /// The new password.
    pub password: Option<Password>,
    /// The password that is in force, as proof that it is the person.
    pub current_password: Option<SecretText>,
    /// A code of the second factor, as proof of that.
    pub otp: Option<String>,
}

impl Core {
    /// The caller's account.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn own_person(&self, caller: &Caller) -> Result<Person, Error> {
        let found = people::find(&mut self.db.read().await?, caller.account().id).await?;
        match found {
            Some(known) => Ok(known.into()),
            None => Err(caller.refusal_by_now(&mut self.db.read().await?).await?),
        }
    }

    /// Changes the caller's names and password. A new e-mail address is not verified; it and a new password end all
    /// sessions but the caller's.
    ///
    /// # Errors
    /// [`Conflict::IdentityAlreadyUsed`]; for an e-mail address or a password also [`Forbidden::PersonRequired`],
    /// [`Forbidden::FreshSignInRequired`] without the password in force, and if that is wrong
    /// [`Error::NotAuthenticated`]; [`Unauthenticated::MfaRequired`] and [`Unauthenticated::InvalidCode`] for an account
    /// with a second factor, unless it was shown a moment ago; [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn change_names(&self, caller: &Caller, change: NamesChange, client: &Client) -> Result<Person, Error> {
        let now = self.clock.now();
        self.limit_writes(caller, now)?;
        // The same address again, or another spelling of it, is no other address: it must not take its verification away,
        // nor begin a new proof.
        let own = caller.account().email.as_deref();
        let (spelling, email) = match change.email {
            Some(email) if own.is_some_and(|own| email.is_same_as(own)) => (Some(email), None),
            other => (None, other),
        };
        if email.is_none() && change.password.is_none() {
            return self.rename(caller, change.username.as_ref(), spelling.as_ref(), client, now).await;
        }
        let person = caller.clone().require_person()?;
        let current = change.current_password.as_ref().map(SecretText::expose);
        let replaces = if change.password.is_some() { Replaces::Password } else { Replaces::Names };
        let proof = self.prove(&person, current, replaces, client, now).await?;
        let hash = match change.password {
            Some(password) => Some(self.hashers.hash(password, self.random.bytes()).await?),
            None => None,
        };
        let (tx, account) = self.begin_change_of(&person).await?;
        let mut tx = self.insist_on_equal_proof(tx, &person, &account, change.otp.as_deref(), client, now).await?;
        if let Some(proof) = &proof {
            proof.hold(&mut tx, account.id, now).await?;
        }
        let email = email.as_ref();
        let is_named =
            account.username.is_some() || account.email.is_some() || change.username.is_some() || email.is_some();
        if hash.is_some() && !is_named {
            let message = "a username or an e-mail address is needed to sign in by it".to_owned();
            return Err(Error::Invalid(vec![Violation { field: "password".to_owned(), message }]));
        }
        // At the address of before, whoever changes it.
        if let Some(email) = email {
            let letter = Letter::EmailChanged { at: now.rfc3339(), new: email.as_str().to_owned() };
            self.notify(&mut tx, person.account().id, &letter, now).await?;
        }
        if hash.is_some() {
            let letter = Letter::PasswordChanged { at: now.rfc3339() };
            self.notify(&mut tx, person.account().id, &letter, now).await?;
        }
        let names = NewNames { username: change.username.as_ref(), email, spelling: spelling.as_ref() };
        self.store_names(&mut tx, &person, account.epoch, names, client).await?;
        // A link to a new password that is on its way undoes neither.
        password_resets::expire(&mut tx, account.id, now).await?;
        if let Some(hash) = hash {
            passwords::upsert(&mut tx, person.account().id, &hash, now).await?;
            self.record(&mut tx, Event::PasswordChanged, subject_of(&person), Some(client), now).await?;
        }
        accounts::end_sessions_but(&mut tx, person.account().id, person.session()).await?;
        finish(tx, caller).await
    }

    /// A username is told to everybody and proves nothing, so any credential may change it; the trail says which one did.
    /// How the address is spelt is the person's to say.
    async fn rename(
        &self,
        caller: &Caller,
        username: Option<&Username>,
        spelling: Option<&Email>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Person, Error> {
        let account = caller.account();
        let username = username.filter(|username| account.username.as_deref() != Some(username.as_str()));
        let spelling = spelling.filter(|email| account.email.as_deref() != Some(email.as_str()));
        if spelling.is_some() {
            caller.clone().require_person()?;
        }
        if username.is_none() && spelling.is_none() {
            return self.own_person(caller).await;
        }
        let mut tx = self.db.write().await?;
        match people::rename(&mut tx, account.id, account.epoch, username, spelling, now).await? {
            Renamed::Done => {}
            Renamed::Taken => return Err(Error::Conflict(Conflict::IdentityAlreadyUsed)),
            Renamed::Gone => return Err(caller.refusal_by_now(&mut tx).await?),
        }
        let (by, subject) = traced(caller);
        let changed = [(username.is_some(), Event::UsernameChanged(by)), (spelling.is_some(), Event::EmailChanged)];
        for (_, event) in changed.into_iter().filter(|(is_changed, _)| *is_changed) {
            self.record(&mut tx, event, subject, Some(client), now).await?;
        }
        finish(tx, caller).await
    }

    async fn store_names(
        &self,
        tx: &mut Tx,
        person: &PersonPresent,
        epoch: i64,
        names: NewNames<'_>,
        client: &Client,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        let account = person.account();
        let NewNames { username, email, spelling } = names;
        match people::rename(tx, account.id, epoch, username, email.or(spelling), now).await? {
            Renamed::Done => {}
            Renamed::Taken => return Err(Error::Conflict(Conflict::IdentityAlreadyUsed)),
            Renamed::Gone => return Err(person.refusal_by_now(tx).await?),
        }
        if let Some(email) = email {
            self.begin_email_proof(tx, account.id, email.as_str(), email.key(), now).await?;
        }
        let changed =
            [(username.is_some(), Event::UsernameChanged(By::Session)), (email.is_some(), Event::EmailChanged)];
        for (_, event) in changed.into_iter().filter(|(is_changed, _)| *is_changed) {
            self.record(tx, event, subject_of(person), Some(client), now).await?;
        }
        Ok(())
    }

    /// Insists on proof that it is the person, and not somebody who found a token: the password in force, or a sign-in of
    /// a moment ago. A password that there is, only itself replaces.
    async fn prove(
        &self,
        person: &PersonPresent,
        current: Option<&str>,
        replaces: Replaces,
        client: &Client,
        now: Timestamp,
    ) -> Result<Option<Proved>, Error> {
        let account = person.account().id;
        let (hash, guarded, current) = {
            let mut reader = self.db.read().await?;
            let hash = people::find(&mut reader, account).await?.and_then(|known| known.hash);
            let Some(current) = current else {
                if replaces == Replaces::Password && hash.is_some() {
                    return Err(Error::Forbidden(Forbidden::CurrentPasswordRequired));
                }
                return require_fresh(person, now).map(|()| None);
            };
            let guarded = self.guard(&mut reader, PASSWORD, Whose::Account(account), client, now).await?;
            (hash, guarded, current)
        };
        if self.compare(current, hash.clone()).await? == Verdict::Wrong {
            return Err(self.refuse_password(Some(account), &guarded, client).await);
        }
        Ok(Some(Proved { guarded, hash }))
    }
}

/// The names that a change brings.
#[derive(Clone, Copy)]
struct NewNames<'a> {
    username: Option<&'a Username>,
    /// Another address.
    email: Option<&'a Email>,
    /// The address that there is, as it is spelt now.
    spelling: Option<&'a Email>,
}

/// What a change replaces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Replaces {
    Names,
    Password,
}

/// A password that was right when it was compared with this hash. It counts within the unit of work that it is for.
struct Proved {
    guarded: Guarded,
    hash: Option<String>,
}

impl Proved {
    /// Insists that it still holds: nobody else's failures have brought about a wait, and the password is the same one.
    async fn hold(&self, tx: &mut Tx, account: AccountId, now: Timestamp) -> Result<(), Error> {
        self.guarded.pass(tx, now).await?;
        let still = people::find(tx, account).await?.and_then(|known| known.hash);
        if still == self.hash { Ok(()) } else { Err(Error::NotAuthenticated(Unauthenticated::InvalidCredentials)) }
    }
}

async fn finish(mut tx: Tx, caller: &Caller) -> Result<Person, Error> {
    let found = people::find(&mut tx, caller.account().id).await?;
    let known = found.ok_or(Error::internal("an account that was just changed is gone"))?;
    tx.commit().await?;
    Ok(known.into())
}
