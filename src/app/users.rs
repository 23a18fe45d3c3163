//! What an operator does to accounts without a running gateway: making, listing and changing them.

use std::sync::Arc;

use uuid::Uuid;

use super::{App, StartFailure, data_dir, operate};
use crate::clock::Clock;
use crate::config::Config;
use crate::identity::{Core, Person, Registration, Vouched, Who};
pub use crate::model::account::Role;
use crate::model::name::canonical;
use crate::model::page::{Direction, Listing, Order};
use crate::model::profile::ProfileText;
use crate::model::{AccountId, Address, Email, Error, Password, Username};
use crate::random::Random;

/// How many accounts are read at once where all are wanted: few enough for a statement's time, and so many that
/// skipping those of the pages before does not become the work.
const READ_AT_ONCE: u32 = 5_000;

/// Why an account is not made or changed.
#[derive(Debug)]
pub enum UserFailure {
    /// The database or its keys can't be used.
    Start(StartFailure),
    /// What was asked for breaks a rule; the line says which.
    Invalid(String),
    /// The accounts that there are refuse it; the line says why, with the stable code.
    Refused(String),
}

impl From<StartFailure> for UserFailure {
    fn from(failure: StartFailure) -> Self {
        Self::Start(failure)
    }
}

impl From<Error> for UserFailure {
    fn from(error: Error) -> Self {
        match error {
            Error::Malformed(_) | Error::Invalid(_) => Self::Invalid(error.detail()),
            Error::NotFound(_) | Error::Conflict(_) => Self::refused(&error.detail(), &error),
            Error::NotAuthenticated(_)
            | Error::Forbidden(_)
            | Error::TooMany(_)
            | Error::Unavailable(_)
            | Error::PaymentFailed(_)
            | Error::NotConfigured(_)
            | Error::Internal(_) => Self::Start(StartFailure::from(error)),
        }
    }
}

impl UserFailure {
    fn refused(line: &str, error: &Error) -> Self {
        Self::Refused(format!("{line} ({})", error.code()))
    }
}

/// By what a new account is to be known.
#[derive(Clone, Copy, Debug)]
pub struct NewUser<'a> {
    /// The username.
    pub username: Option<&'a str>,
    /// The e-mail address.
    pub email: Option<&'a str>,
    /// The display name.
    pub name: &'a str,
}

impl NewUser<'_> {
    /// Checks all of it before it tells of any fault. There is no password yet.
    ///
    /// # Errors
    /// [`UserFailure::Invalid`], in the names of the command line.
    pub fn check(self) -> Result<Registration, UserFailure> {
        let username = self.username.map(|text| Username::parse("--username", text)).transpose();
        let email = self.email.map(|text| Email::parse("--email", text)).transpose();
        let name = ProfileText::parse("--name", self.name.to_owned());
        match (username, email, name) {
            (Ok(username), Ok(email), Ok(name)) => {
                Ok(Registration { username, email, name, ..Registration::default() })
            }
            (username, email, name) => {
                let wrong = username.err().into_iter().chain(email.err()).chain(name.err());
                Err(Error::Invalid(wrong.collect()).into())
            }
        }
    }
}

/// Adds a password to a registration.
///
/// # Errors
/// [`UserFailure::Invalid`] if it is too weak or too long.
pub fn with_password(registration: Registration, text: &str) -> Result<Registration, UserFailure> {
    let username = registration.username.as_ref().map(Username::as_str);
    let email = registration.email.as_ref().map(Email::as_str);
    let password = choose(text, username.into_iter().chain(email))?;
    Ok(Registration { password: Some(password), ..registration })
}

fn choose<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Result<Password, UserFailure> {
    Password::choose("the password", text, names).map_err(|violation| Error::Invalid(vec![violation]).into())
}

/// Which accounts are listed.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Only those of this role.
    pub role: Option<Role>,
    /// What the display name begins with.
    pub name: Option<&'a str>,
    /// What the e-mail address begins with.
    pub email: Option<&'a str>,
    /// Only this page of them.
    pub page: Option<Page>,
}

/// A page of a list.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Which one, from 1.
    pub number: u32,
    /// How many accounts it has.
    pub rows: u32,
}

/// A change of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It becomes an ADMIN.
    Grant,
    /// It is an ADMIN no more.
    Revoke,
    /// All that it holds is refused.
    Disable,
    /// It may be used again.
    Enable,
    /// It has no second factor any more.
    ResetMfa,
}

/// The accounts of a database, for whoever operates the gateway.
pub struct Users {
    core: Arc<Core>,
}

impl Users {
    /// The accounts of an opened gateway.
    #[must_use]
    pub fn of(app: &App) -> Self {
        Self { core: Arc::clone(&app.core) }
    }

    /// Opens a database that a start has made ready. Makes and migrates nothing.
    ///
    /// # Errors
    /// [`StartFailure`] says what is missing.
    pub async fn open(config: &Config, clock: Clock, random: Random) -> Result<Self, StartFailure> {
        let db = operate::open(config).await?;
        let opened = match data_dir::existing_secret(config) {
            Ok(secret) => {
                // Boxed, since the core passes through all of it.
                let core = Box::pin(Core::open_existing(config.clone(), clock, random, db.clone(), &secret)).await;
                core.map_err(StartFailure::from)
            }
            Err(failure) => Err(failure),
        };
        match opened {
            Ok(core) => Ok(Self { core }),
            Err(failure) => {
                db.close().await;
                Err(failure)
            }
        }
    }

    /// Closes the database.
    pub async fn close(self) {
        self.core.db().close().await;
    }

    /// Makes an account. An operator who gives an e-mail address vouches for it.
    ///
    /// # Errors
    /// [`UserFailure::Refused`] if a name is taken.
    pub async fn create(&self, registration: Registration, role: Role) -> Result<Person, UserFailure> {
        Ok(self.core.create_person(registration, Vouched { role, email: true }).await?)
    }

    /// The account of this username, e-mail address, id or wallet.
    ///
    /// # Errors
    /// [`UserFailure::Refused`] if there is none, [`UserFailure::Invalid`] for a wallet with a wrong checksum.
    pub async fn find(&self, text: &str) -> Result<Person, UserFailure> {
        self.core.find_person(who(text)?).await.map_err(|error| match error {
            // The one who mistyped a name is helped by seeing it.
            Error::NotFound(_) => UserFailure::refused(
                &format!(
                    "there is no account {text:?}: name it by username, e-mail address, id or wallet, as countersign \
                     users list shows them"
                ),
                &error,
            ),
            other => other.into(),
        })
    }

    /// Lists accounts, in the order in which they were made.
    ///
    /// # Errors
    /// [`UserFailure::Start`] if the database does not answer.
    pub async fn list(&self, wanted: Wanted<'_>) -> Result<Vec<Person>, UserFailure> {
        let mut listing = Listing {
            page: 1,
            rows: READ_AT_ONCE,
            order: Order::Number,
            direction: Direction::Ascending,
            name: wanted.name.map(canonical),
            email: wanted.email.map(canonical),
        };
        if let (None, Some(Page { number, rows })) = (wanted.role, wanted.page) {
            listing = Listing { page: number, rows, ..listing };
            return Ok(self.core.page(&listing).await?);
        }
        let mut found = Vec::new();
        loop {
            let page = self.core.page(&listing).await?;
            let is_last = page.len() < READ_AT_ONCE as usize;
            found.extend(page.into_iter().filter(|person| wanted.role.is_none_or(|role| role == person.role())));
            if is_last {
                return Ok(cut(found, wanted.page));
            }
            listing.page += 1;
        }
    }

    /// Changes an account; tells how it is now, and whether it was otherwise before.
    ///
    /// # Errors
    /// [`UserFailure::Refused`] if there is no such account, or it is the last ADMIN.
    pub async fn change(&self, text: &str, change: Change) -> Result<(Person, bool), UserFailure> {
        let id = self.find(text).await?.id();
        let changed = match change {
            Change::Grant => self.core.set_role(id, Role::Admin).await?,
            Change::Revoke => self.core.set_role(id, Role::User).await?,
            Change::Disable => self.core.disable_account(id).await?,
            Change::Enable => self.core.enable_account(id).await?,
            Change::ResetMfa => self.core.reset_second_factor(id).await?,
        };
        Ok((self.core.find_person(Who::Id(id)).await?, changed))
    }

    /// Sets an account's password, which ends its sessions and its API key.
    ///
    /// # Errors
    /// [`UserFailure::Invalid`] if the password is too weak.
    pub async fn reset_password(&self, person: &Person, text: &str) -> Result<(), UserFailure> {
        let password = choose(text, person.username().into_iter().chain(person.email()))?;
        Ok(self.core.reset_password(person.id(), password).await?)
    }
}

/// What an operator means. What is written like an id or an address is one: nobody gets at another one's account by
/// taking its id for a username.
fn who(text: &str) -> Result<Who<'_>, Error> {
    let id = Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string() == text.to_ascii_lowercase());
    if let Some(id) = id {
        return Ok(Who::Id(AccountId(id)));
    }
    let digits = text.strip_prefix("0x").unwrap_or_default();
    if digits.len() == 40 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Address::parse(text).map(Who::Wallet);
    }
    Ok(Who::Name(text))
}

fn cut(people: Vec<Person>, page: Option<Page>) -> Vec<Person> {
    let Some(Page { number, rows }) = page else { return people };
    let before = (number.saturating_sub(1) as usize).saturating_mul(rows as usize);
    people.into_iter().skip(before).take(rows as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_like_an_id_or_an_address_is_one() {
        assert!(matches!(who("019abcde-0000-7000-8000-0123456789AB"), Ok(Who::Id(_))));
        assert!(matches!(who("019abcde00007000800001234567890a"), Ok(Who::Name(_))), "a username may be this");
        assert!(matches!(who("0x70997970c51812dc3a010c7d01b50e0d17dc79c8"), Ok(Who::Wallet(_))));
        assert!(matches!(who("0x70997970C51812dc3A010C7d01b50e0d17dc79C9"), Err(Error::Malformed(_))), "a checksum");
        for name in ["17", "trader1", "trader@example.com", "0xfeed", ""] {
            assert!(matches!(who(name), Ok(Who::Name(_))), "{name}");
        }
    }
}
