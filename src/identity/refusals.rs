//! Credentials that are refused: counted against the client's network, and recorded if they were genuine once. What
//! nobody issued names nobody, so it is counted alone; and what a limit refuses writes no row: a row a request would be
//! an attack by itself.

use super::Core;
use super::limits::Policy;
use crate::model::audit::{Event, Subject};
use crate::model::error::Unauthenticated;
use crate::model::{AccountId, Client, Error, SessionId};

/// A refusal, and whom the credential names if it is genuine.
pub(super) struct Refused {
    pub(super) error: Error,
    named: Option<Subject<'static>>,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Self { error, named: None }
    }
}

impl Refused {
    /// A genuine credential is refused.
    pub(super) fn naming(account: Option<AccountId>, session: Option<SessionId>, error: Error) -> Self {
        Self { error, named: Some(Subject { account, session, wallet: None }) }
    }
}

impl Core {
    /// What a refused credential is answered with: the reason, or, if this network sends too many of them, that. A good
    /// one always passes.
    pub(super) async fn refuse(
        &self,
        event: fn(&'static str) -> Event<'static>,
        refused: Refused,
        client: &Client,
    ) -> Error {
        let Refused { error, named } = refused;
        match &error {
            // By the first every client learns that it has to refresh; the second ended its session and is recorded.
            Error::NotAuthenticated(Unauthenticated::TokenExpired | Unauthenticated::RefreshTokenReused) => {
                return error;
            }
            Error::NotAuthenticated(_) | Error::Forbidden(_) | Error::Conflict(_) => {}
            Error::Malformed(_)
            | Error::Invalid(_)
            | Error::NotFound(_)
            | Error::TooMany(_)
            | Error::Unavailable(_)
            | Error::PaymentFailed(_)
            | Error::NotConfigured(_)
            | Error::Internal(_) => return error,
        }
        if let Err(limited) = self.limit(Policy::RefusedCredentials, client, self.clock.now()) {
            return limited;
        }
        if let Some(subject) = named {
            self.record_refusal(event(error.code()), subject, client).await;
        }
        error
    }
}
