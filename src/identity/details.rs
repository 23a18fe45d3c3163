//! What the platform door shows of an account: how its owner is called and looks, and whether he wants to be advertised to.

use super::changes::traced;
use super::subscriptions::find_in_force;
use super::{Caller, Core, OwnSubscription, Person};
use crate::clock::Timestamp;
use crate::model::audit::{Event, Subject};
use crate::model::profile::{Change, ImageUrl, ProfileChange, ProfileText};
use crate::model::{AccountId, Client, Error};
use crate::store::{Queryable, Tx, accounts, details, people};

/// An account with all that the platform door shows of it.
#[derive(Clone, Debug)]
pub struct Details {
    /// The account.
    pub person: Person,
    /// The picture's URL.
    pub avatar: Option<String>,
    /// Whether its owner wants to be advertised to.
    pub marketing_opt_in: bool,
    /// The subscription in force.
    pub subscription: Option<OwnSubscription>,
}

/// What is to be changed; what is `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct DetailsChange {
    /// The display name; empty for none.
    pub name: Option<ProfileText>,
    /// The picture.
    pub avatar: Change<ImageUrl>,
    /// Whether the owner wants to be advertised to.
    pub marketing_opt_in: Option<bool>,
}

impl Core {
    /// The caller's account with its details.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer.
    pub async fn details(&self, caller: &Caller) -> Result<Details, Error> {
        match self.find_details(&mut self.db.read().await?, caller.account().id).await? {
            Some(details) => Ok(details),
            None => Err(caller.refusal_by_now(&mut self.db.read().await?).await?),
        }
    }

    /// Changes the caller's details.
    ///
    /// # Errors
    /// [`Error::TooMany`], [`Error::Unavailable`]; [`Error::NotAuthenticated`] or [`Error::Forbidden`] if the account was
    /// ended meanwhile.
    pub async fn change_details(
        &self,
        caller: &Caller,
        change: DetailsChange,
        client: &Client,
    ) -> Result<Details, Error> {
        let now = self.clock.now();
        self.limit_writes(caller, now)?;
        let (account, (by, subject)) = (caller.account(), traced(caller));
        let mut tx = self.begin_write(caller).await?;
        let DetailsChange { name, avatar, marketing_opt_in } = change;
        let changes_profile = name.is_some() || avatar != Change::Keep;
        let profile = ProfileChange { name, intended_use: None };
        accounts::update_profile(&mut tx, account.id, account.epoch, &profile, now).await?;
        match &avatar {
            Change::Keep => {}
            Change::Clear => details::update_avatar(&mut tx, account.id, None).await?,
            Change::Set(url) => details::update_avatar(&mut tx, account.id, Some(url.as_str())).await?,
        }
        if changes_profile {
            self.record(&mut tx, Event::ProfileChanged(by), subject, Some(client), now).await?;
        }
        if let Some(opt_in) = marketing_opt_in {
            self.store_marketing(&mut tx, account.id, opt_in, subject, Some(client), now).await?;
        }
        let details = self.find_details(&mut tx, account.id).await?;
        tx.commit().await?;
        details.ok_or(Error::internal("an account that was just changed is gone"))
    }

    /// Stores whether the owner of an account wants to be advertised to, with the time, and who said so in the audit trail.
    pub(super) async fn store_marketing(
        &self,
        tx: &mut Tx,
        account: AccountId,
        opt_in: bool,
        subject: Subject<'_>,
        client: Option<&Client>,
        now: Timestamp,
    ) -> Result<(), Error> {
        if details::update_marketing(tx, account, opt_in, now).await? {
            let said = if opt_in { "given" } else { "withdrawn" };
            self.record(tx, Event::MarketingConsent(said), subject, client, now).await?;
        }
        Ok(())
    }

    async fn find_details(&self, db: &mut impl Queryable, account: AccountId) -> Result<Option<Details>, Error> {
        let (known, kept) = (people::find(db, account).await?, details::find(db, account).await?);
        let Some((known, kept)) = known.zip(kept) else { return Ok(None) };
        // The account tells whether there is one, and this when its period ends.
        let subscription = match known.account.in_force(self.clock.now()) {
            Some(_) => find_in_force(db, account, self.clock.now()).await?,
            None => None,
        };
        Ok(Some(Details {
            person: known.into(),
            avatar: kept.avatar,
            marketing_opt_in: kept.marketing_opt_in.unwrap_or(false),
            subscription: subscription.map(|subscription| self.own(subscription)),
        }))
    }
}
