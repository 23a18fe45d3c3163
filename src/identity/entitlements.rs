//! What somebody is entitled to, as everybody may ask.

use std::time::Duration;

use super::limits::Policy;
use super::{Core, recovery};
use crate::model::error::Forbidden;
use crate::model::membership::{Entitlement, Membership};
use crate::model::{Client, Email, Error};
use crate::store::memberships;

/// How long an answer takes at least: longer than what is done for an address that is somebody's.
const USUAL: Duration = Duration::from_millis(25);

impl Core {
    /// What the account with this e-mail address is entitled to by what its provider signed. Of an address that is nobody's
    /// nothing, and that takes the same time.
    ///
    /// # Errors
    /// [`Forbidden::MembershipsClosed`] if the operator keeps that to himself; [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn entitlements(&self, email: &Email, client: &Client) -> Result<Vec<Entitlement>, Error> {
        if !self.config.platform.public_memberships {
            return Err(Error::Forbidden(Forbidden::MembershipsClosed));
        }
        let now = self.clock.now();
        self.limit(Policy::Memberships, client, now)?;
        let asked = async { memberships::find_signed(&mut self.db.read().await?, email).await };
        let signed: Option<Membership> = recovery::in_no_less_than(USUAL, asked).await?;
        Ok(signed.iter().map(|membership| membership.entitlement(now)).collect())
    }
}
