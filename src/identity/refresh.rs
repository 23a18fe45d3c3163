//! Refreshing a session, with rotation and reuse detection; and ending it.

use super::gate::{self, Way};
use super::limits::Policy;
use super::refusals::Refused;
use super::{Core, PersonPresent, Tokens};
use crate::clock::Timestamp;
use crate::crypto::derived::{self, Kind, Verified};
use crate::model::audit::{Event, Subject};
use crate::model::error::Unauthenticated;
use crate::model::session::{Refresh, Session, Standing};
use crate::model::{Client, Error, SessionId};
use crate::store::Tx;
use crate::store::sessions::{self, Owned};

/// How often a refresh looks again after another one was faster. Each turn another one succeeded, and after the
/// second one this token is two generations old, which is decided at once.
const TURNS: u8 = 4;

impl Core {
    /// Gives the session's next access token and refresh token.
    ///
    /// A token that was rotated within the grace gets the same successor again; any older one ends the session.
    ///
    /// # Errors
    /// [`Error::NotAuthenticated`], [`Error::Forbidden`] for a disabled account, [`Error::TooMany`],
    /// [`Error::Unavailable`].
    pub async fn refresh(&self, token: &str, client: &Client) -> Result<Tokens, Error> {
        let now = self.clock.now();
        self.limit(Policy::Refreshes, client, now)?;
        let outcome = self.rotate(token, client, now).await;
        self.metrics.count_refresh(outcome.as_ref().map_or_else(|refused| refused.error.code(), |_| "ok"));
        match outcome {
            Ok(tokens) => Ok(tokens),
            Err(refused) => Err(self.refuse(Event::RefreshRefused, refused, client).await),
        }
    }

    async fn rotate(&self, token: &str, client: &Client, now: Timestamp) -> Result<Tokens, Refused> {
        let invalid = Error::NotAuthenticated(Unauthenticated::InvalidRefreshToken);
        let Ok(Verified { id, counter }) = derived::verify(Kind::Refresh, &self.keychain, token) else {
            return Err(invalid.into());
        };
        let id = SessionId(id);
        let mut tx = self.db.write().await?;
        for _ in 0..TURNS {
            let found = sessions::find(&mut tx, id).await?;
            let Some(mut owned) = found else { return Err(invalid.into()) };
            let account = owned.account.id;
            let refused = |error| Refused::naming(Some(account), Some(id), error);
            let admitted = gate::admit(&owned.account, Way::Refresh, &self.config);
            admitted.map_err(refused)?;
            match owned.session.judge_refresh(counter, owned.standing(), self.config.tokens.refresh_ttl, now) {
                Refresh::Ended => return Err(refused(Error::NotAuthenticated(Unauthenticated::SessionEnded))),
                Refresh::Reused => return Ok(self.end_reused(tx, &owned.session, client, now).await?),
                Refresh::Repeat => {}
                Refresh::Rotate if sessions::consume_refresh(&mut tx, id, counter, now).await? => {
                    owned.session.refresh_counter += 1;
                }
                Refresh::Rotate => continue,
            }
            // An account has a primary wallet; only the one that signed in is claimed.
            let address = owned.session.wallet.and(owned.wallet).map(|wallet| wallet.address);
            let admitted = gate::admit(&owned.account, Way::Refresh, &self.config)?;
            let tokens = self.issue(admitted, &owned.session, address, now)?;
            // Also for a repeat: what it repeats may be in the same group, and must be durable before it is told.
            tx.commit().await?;
            return Ok(tokens);
        }
        Err(Error::internal("a refresh token was rotated by others again and again").into())
    }

    async fn end_reused(
        &self,
        mut tx: Tx,
        session: &Session,
        client: &Client,
        now: Timestamp,
    ) -> Result<Tokens, Error> {
        sessions::end(&mut tx, session.id, now).await?;
        let subject = Subject { account: Some(session.account), session: Some(session.id), wallet: None };
        self.record(&mut tx, Event::RefreshTokenReused, subject, Some(client), now).await?;
        tx.commit().await?;
        Err(Error::NotAuthenticated(Unauthenticated::RefreshTokenReused))
    }

    /// Ends the caller's session: every token of it is refused from the answer on, on every node.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database did not confirm it; the session then lives on.
    pub async fn sign_out(&self, person: &PersonPresent, client: &Client) -> Result<(), Error> {
        let now = self.clock.now();
        let mut tx = self.db.write().await?;
        sessions::end(&mut tx, person.session(), now).await?;
        let subject = Subject { account: Some(person.account().id), session: Some(person.session()), wallet: None };
        self.record(&mut tx, Event::SignedOut, subject, Some(client), now).await?;
        tx.commit().await
    }
}

impl Owned {
    /// What decides, besides its own row, whether the session is live.
    pub(super) fn standing(&self) -> Standing {
        Standing {
            account_epoch: self.account.epoch,
            wallet_linked: self.session.wallet.is_none() || self.wallet.is_some(),
        }
    }
}
