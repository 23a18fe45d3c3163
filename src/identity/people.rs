//! What ADMINs and operators do to accounts: listing, looking, roles, passwords, deleting.

use super::caller::{Admin, AdminPresent, Caller, SelfOrAdmin};
use super::limits::Policy;
use super::{Core, OwnWallet, Person, Stranger};
use crate::model::account::Role;
use crate::model::audit::{Event, Subject};
use crate::model::error::{Conflict, Forbidden, Thing};
use crate::model::mail::Letter;
use crate::model::page::{Direction, Listing, Order};
use crate::model::second_factor::SETUP_LIFETIME;
use crate::model::{AccountId, Address, Client, Error, Password, SignInName};
use crate::store::people::{self, Known};
use crate::store::{
    Tx, accounts, devices, erasures, listing, password_resets, passwords, second_factors, trusted_devices, wallets,
};

/// How many events of the audit trail one step of an erasure looks at.
const ERASURE_STEP: i64 = 5_000;

/// How many steps are made at once before the answer; the rest is done while nobody waits.
const STEPS_AT_ONCE: u32 = 20;

/// A page of accounts.
#[derive(Clone, Debug)]
pub struct People {
    /// The accounts.
    pub items: Vec<Person>,
    /// How many there are on all pages.
    pub total: i64,
}

/// A page of accounts, as much of them as the caller may see.
#[derive(Clone, Debug)]
pub enum PublicList {
    /// All of them.
    Whole(Vec<Person>),
    /// What everybody may see.
    Public(Vec<Stranger>),
}

/// How an operator names an account.
#[derive(Clone, Copy, Debug)]
pub enum Who<'a> {
    /// By its id.
    Id(AccountId),
    /// By a wallet.
    Wallet(Address),
    /// By a sign-in name.
    Name(&'a str),
}

impl Core {
    /// A page of accounts, and how many there are.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn list_people(&self, _: &Admin, wanted: &Listing) -> Result<People, Error> {
        let items = self.page(wanted).await?;
        let total = listing::count(&mut self.db.read().await?, wanted).await?;
        Ok(People { items, total })
    }

    /// A page of accounts, for whoever operates the gateway.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn page(&self, wanted: &Listing) -> Result<Vec<Person>, Error> {
        let rows = listing::list(&mut self.db.read().await?, wanted).await?;
        Ok(rows.into_iter().map(|(account, wallet)| Person::new(account, wallet)).collect())
    }

    /// A page of accounts for anybody, in the order of their numbers: ADMINs see all of them, others what is public, if
    /// that is open.
    ///
    /// # Errors
    /// [`Forbidden::ListingClosed`], [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn list_publicly(
        &self,
        caller: Option<&Caller>,
        page: u32,
        rows: u32,
        client: &Client,
    ) -> Result<PublicList, Error> {
        let (order, direction) = (Order::Number, Direction::Ascending);
        let wanted = Listing { page, rows, order, direction, name: None, email: None };
        if caller.is_some_and(Caller::is_admin) {
            return self.page(&wanted).await.map(PublicList::Whole);
        }
        if !self.config.exchange.public_listing {
            return Err(Error::Forbidden(Forbidden::ListingClosed));
        }
        // What comes before a page is gone through, so a page far behind costs.
        self.limit(Policy::Listings, client, self.clock.now())?;
        Ok(PublicList::Public(self.page(&wanted).await?.iter().map(Stranger::from).collect()))
    }

    /// An account.
    ///
    /// # Errors
    /// [`Thing::Account`] if there is none.
    pub async fn person(&self, allowed: SelfOrAdmin) -> Result<Person, Error> {
        let found = people::find(&mut self.db.read().await?, allowed.of()).await?;
        found.map(Person::from).ok_or(NOT_FOUND)
    }

    /// The proven wallets of an account, the first linked one first.
    ///
    /// # Errors
    /// [`Thing::Account`] if there is none.
    pub async fn wallets_of(&self, allowed: SelfOrAdmin) -> Result<Vec<OwnWallet>, Error> {
        let mut reader = self.db.read().await?;
        if accounts::find(&mut reader, allowed.of()).await?.is_none() {
            return Err(NOT_FOUND);
        }
        let rows = wallets::list(&mut reader, allowed.of()).await?;
        Ok(rows.into_iter().map(OwnWallet::from).collect())
    }

    /// Deletes an account: from the answer on nothing that it held opens anything, and what is kept of it is its id in
    /// the audit trail.
    ///
    /// # Errors
    /// [`Thing::Account`] if there is none, [`Conflict::LastAdmin`], [`Error::Unavailable`].
    pub async fn delete_person(
        &self,
        admin: &AdminPresent,
        id: Option<AccountId>,
        client: &Client,
    ) -> Result<(), Error> {
        let now = self.clock.now();
        self.limit_writes(admin, now)?;
        let id = id.ok_or(NOT_FOUND)?;
        let mut tx = self.db.write().await?;
        let known = self.lock_for_loss(&mut tx, id).await?;
        // Whoever is no ADMIN any more since the request came in deletes nobody. The lock is on all of them.
        let by = admin.account().id;
        match people::find(&mut tx, by).await? {
            Some(Known { account, .. }) if account.role != Role::Admin => {
                return Err(Error::Forbidden(Forbidden::AdminRequired));
            }
            Some(Known { account, .. }) if account.epoch == admin.account().epoch => {}
            Some(_) | None => return Err(admin.refusal_by_now(&mut tx).await?),
        }
        people::delete(&mut tx, known.account.id).await?;
        erasures::insert(&mut tx, id, now).await?;
        let subject = Subject { account: Some(id), ..Subject::default() };
        self.record(&mut tx, Event::AccountDeleted(&by.to_string()), subject, Some(client), now).await?;
        tx.commit().await?;
        // The account is gone whatever comes of this; the sweep goes on with it.
        if let Err(error) = self.erase(STEPS_AT_ONCE).await {
            tracing::warn!(?error, "the audit trail of a deleted account is not erased yet");
        }
        Ok(())
    }

    /// Takes what is told of deleted accounts out of the audit trail, in at most so many steps.
    pub(super) async fn erase(&self, steps: u32) -> Result<(), Error> {
        for _ in 0..steps {
            let found = erasures::find_any(&mut self.db.read().await?).await?;
            let Some(erasure) = found else { return Ok(()) };
            let mut tx = self.db.write().await?;
            let more = erasures::advance(&mut tx, erasure, ERASURE_STEP, self.clock.now()).await?;
            tx.commit().await?;
            // Whoever is furthest behind has come to the end, and so have all.
            if !more {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The account that an operator means.
    ///
    /// # Errors
    /// [`Thing::Account`] if there is none.
    pub async fn find_person(&self, who: Who<'_>) -> Result<Person, Error> {
        let mut reader = self.db.read().await?;
        let found = match who {
            Who::Id(id) => people::find(&mut reader, id).await?,
            Who::Name(name) => people::find_by_name(&mut reader, &SignInName::parse(name)).await?,
            Who::Wallet(address) => match wallets::find_owner(&mut reader, address).await? {
                Some((account, _)) => people::find(&mut reader, account.id).await?,
                None => None,
            },
        };
        found.map(Person::from).ok_or(NOT_FOUND)
    }

    /// Gives an account a role, as an operator; tells whether it had another one.
    ///
    /// # Errors
    /// [`Thing::Account`], [`Conflict::LastAdmin`], [`Error::Unavailable`].
    pub async fn set_role(&self, id: AccountId, role: Role) -> Result<bool, Error> {
        const BY: &str = "operator";
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let event = match role {
            Role::Admin => {
                lock(&mut tx, id).await?;
                Event::RoleGranted(BY)
            }
            Role::User => {
                self.lock_for_loss(&mut tx, id).await?;
                Event::RoleRevoked(BY)
            }
        };
        let changed = people::update_role(&mut tx, id, role, now).await?;
        if changed {
            let subject = Subject { account: Some(id), ..Subject::default() };
            self.record(&mut tx, event, subject, None, now).await?;
        }
        tx.commit().await?;
        Ok(changed)
    }

    /// Sets an account's password, as an operator, which ends its sessions and its API key.
    ///
    /// # Errors
    /// [`Thing::Account`] if there is none, [`Error::Unavailable`].
    pub async fn reset_password(&self, id: AccountId, password: Password) -> Result<(), Error> {
        let hash = self.hashers.hash(password, self.random.bytes()).await?;
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        lock(&mut tx, id).await?;
        self.notify_and_lose_devices(&mut tx, id, &Letter::PasswordChanged { at: now.rfc3339() }, now).await?;
        passwords::upsert(&mut tx, id, &hash, now).await?;
        accounts::end_everything(&mut tx, id).await?;
        password_resets::expire(&mut tx, id, now).await?;
        let subject = Subject { account: Some(id), ..Subject::default() };
        self.record(&mut tx, Event::PasswordReset, subject, None, now).await?;
        tx.commit().await
    }

    /// Takes an account's second factor away, as an operator, which ends its sessions and the trust in its devices; tells
    /// whether it had one, or was setting one up.
    ///
    /// # Errors
    /// [`Thing::Account`] if there is none, [`Error::Unavailable`].
    pub async fn reset_second_factor(&self, id: AccountId) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        let Known { account, .. } = lock(&mut tx, id).await?;
        let is_pending = second_factors::find_pending(&mut tx, id, now - SETUP_LIFETIME).await?.is_some();
        if !account.second_factor && !is_pending {
            return Ok(false);
        }
        second_factors::delete(&mut tx, id, now).await?;
        trusted_devices::delete_all(&mut tx, id).await?;
        // Whoever took the authenticator, or set one up in its owner's place, may be signed in.
        accounts::end_everything(&mut tx, id).await?;
        let subject = Subject { account: Some(id), ..Subject::default() };
        self.record(&mut tx, Event::SecondFactorReset, subject, None, now).await?;
        if account.second_factor {
            self.notify_and_lose_devices(&mut tx, id, &Letter::SecondFactorOff { at: now.rfc3339() }, now).await?;
        } else {
            devices::delete_all(&mut tx, id).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The account, which is about to lose something that it alone may have: locked, and not the last enabled ADMIN.
    pub(super) async fn lock_for_loss(&self, tx: &mut Tx, id: AccountId) -> Result<Known, Error> {
        // The ADMINs first, and all who do this in one order: two who wait for each other would wait for ever.
        let others = people::lock_other_admins(tx, id).await?;
        let known = lock(tx, id).await?;
        let is_admin = known.account.role == Role::Admin && !known.account.disabled;
        if is_admin && others == 0 { Err(Error::Conflict(Conflict::LastAdmin)) } else { Ok(known) }
    }
}

/// The account, which nobody else changes until the unit of work is over.
async fn lock(tx: &mut Tx, id: AccountId) -> Result<Known, Error> {
    accounts::lock(tx, id).await?;
    people::find(tx, id).await?.ok_or(NOT_FOUND)
}

const NOT_FOUND: Error = Error::NotFound(Thing::Account);
