//! What somebody is entitled to, as everybody may ask.

use std::time::Duration;

use super::limits::Policy;
use super::subscriptions::newest_in_force;
use super::{Core, recovery};
use crate::model::error::Forbidden;
use crate::model::membership::Entitlement;
use crate::model::{Client, Email, Error};
use crate::store::{memberships, subscriptions};

/// How long an answer takes at least: longer than what is done for an address that is somebody's.
const USUAL: Duration = Duration::from_millis(25);

impl Core {
    /// What the account with this e-mail address is entitled to: by what its provider signed, and by its subscription in
    /// force. Of an address that is nobody's nothing, and that takes the same time.
    ///
    /// # Errors
    /// [`Forbidden::MembershipsClosed`] if the operator keeps that to himself; [`Error::TooMany`], [`Error::Unavailable`].
    pub async fn entitlements(&self, email: &Email, client: &Client) -> Result<Vec<Entitlement>, Error> {
        if !self.config.platform.public_memberships {
            return Err(Error::Forbidden(Forbidden::MembershipsClosed));
        }
        let now = self.clock.now();
        self.limit(Policy::Memberships, client, now)?;
        let asked = async {
            let mut db = self.db.read().await?;
            // Both are asked, whatever the first one says.
            let signed = memberships::find_signed(&mut db, email).await?;
            Ok::<_, Error>((signed, subscriptions::list_by_email(&mut db, email).await?))
        };
        let (signed, stored) = recovery::in_no_less_than(USUAL, asked).await?;
        let subscribed = newest_in_force(stored, now).map(|subscription| Entitlement {
            plan: Some(self.config.plans.name_of(&subscription.plan).to_owned()),
            status: subscription.state.told().to_owned(),
            valid_until: Some(subscription.period.end),
        });
        Ok(signed.map(|membership| membership.entitlement(now)).into_iter().chain(subscribed).collect())
    }
}
