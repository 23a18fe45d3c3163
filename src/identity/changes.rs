//! What every change of that by which an account is entered has in common: it is fresh, it is alone, and it is not made
//! for somebody whose account or session has ended since.

use std::time::Duration;

use super::gate::{self, Way};
use super::{Caller, Core, PersonPresent};
use crate::clock::Timestamp;
use crate::model::Error;
use crate::model::account::Account;
use crate::model::audit::{By, Subject};
use crate::model::error::{Forbidden, Unauthenticated};
use crate::store::{Tx, accounts, sessions};

/// How long after a sign-in what protects the account may be changed: a stolen access token must not be enough to
/// plant a way in that outlives it.
const FRESH: Duration = Duration::from_mins(10);

impl Core {
    /// Begins a unit of work that changes what the account can be entered by: one at a time for an account, and not
    /// any more if it or the caller's session ended since the request came in.
    pub(super) async fn begin_change(&self, person: &PersonPresent) -> Result<Tx, Error> {
        self.begin_change_of(person).await.map(|(tx, _)| tx)
    }

    /// Begins a unit of work that changes what any credential of the account may change: one at a time for an account, and
    /// not any more if it was disabled, or all that it holds ended, since the request came in.
    pub(super) async fn begin_write(&self, caller: &Caller) -> Result<Tx, Error> {
        let account = caller.account();
        let mut tx = self.db.write().await?;
        if accounts::touch(&mut tx, account.id, account.epoch, self.clock.now()).await? {
            Ok(tx)
        } else {
            Err(caller.refusal_by_now(&mut tx).await?)
        }
    }

    /// The same as [`Core::begin_change`], with the account as it is now.
    pub(super) async fn begin_change_of(&self, person: &PersonPresent) -> Result<(Tx, Account), Error> {
        let mut tx = self.db.write().await?;
        accounts::lock(&mut tx, person.account().id).await?;
        let ended = Error::NotAuthenticated(Unauthenticated::SessionEnded);
        let owned = sessions::find(&mut tx, person.session()).await?;
        let Some(owned) = owned else { return Err(ended) };
        gate::admit(&owned.account, Way::Credential, &self.config)?;
        if owned.session.is_live(owned.standing(), self.clock.now()) { Ok((tx, owned.account)) } else { Err(ended) }
    }
}

/// Insists that the person signed in a moment ago.
pub(super) fn require_fresh(person: &PersonPresent, now: Timestamp) -> Result<(), Error> {
    if now < person.signed_in_at() + FRESH { Ok(()) } else { Err(Error::Forbidden(Forbidden::FreshSignInRequired)) }
}

/// The person, as the audit trail knows him.
pub(super) fn subject_of(person: &PersonPresent) -> Subject<'static> {
    Subject { account: Some(person.account().id), session: Some(person.session()), wallet: None }
}

/// The caller, and by which kind of credential he calls, as the audit trail knows it.
pub(super) fn traced(caller: &Caller) -> (By, Subject<'static>) {
    let session = caller.session_of_token();
    let by = session.map_or(By::ApiKey, |_| By::Session);
    (by, Subject { account: Some(caller.account().id), session, wallet: None })
}
