//! The session that a verb acts in: that of `COUNTERSIGN_TOKEN`, else the kept one, which is refreshed when it is over
//! and forgotten when the server says that it has ended.

use serde_json::{Value, json};

use super::super::failure::Failure;
use super::api::{Api, Fault};
use super::saved::Saved;
use super::session::Session;

/// Refusals of an access token after which a refresh may help. The server's clock decides what has expired, not ours.
const RENEWABLE: [&str; 2] = ["token_expired", "invalid_token"];

/// Refusals after which a session is of no more use.
const ENDED: [&str; 3] = ["session_ended", "invalid_refresh_token", "refresh_token_reused"];

/// A session at a gateway.
pub(super) struct Current {
    pub(super) api: Api,
    pub(super) session: Session,
    /// Where it is kept; nowhere if it is that of `COUNTERSIGN_TOKEN`.
    saved: Option<Saved>,
}

impl Current {
    /// Finds the session to act in.
    pub(super) fn find() -> Result<Self, Failure> {
        let api = Api::of_environment()?;
        if let Some(session) = Session::of_environment()? {
            return Ok(Self { api, session, saved: None });
        }
        let saved = Saved::here()?;
        let session = saved.find(&api.url)?.ok_or_else(|| nobody(&api))?;
        Ok(Self { api, session, saved: Some(saved) })
    }

    /// Makes a call in this session: again with new tokens, if it is refused for the age of those at hand.
    pub(super) async fn act(&mut self, call: impl AsyncFn(&Api, &Session) -> Answer) -> Answer {
        let outcome = self.try_to_act(call).await;
        if let (Err(fault), Some(saved)) = (&outcome, &self.saved)
            && fault.is_one_of(&ENDED)
        {
            saved.forget(&self.api.url, &self.session)?;
        }
        outcome
    }

    async fn try_to_act(&mut self, call: impl AsyncFn(&Api, &Session) -> Answer) -> Answer {
        let is_over = self.session.is_over();
        if is_over {
            self.refresh().await?;
        }
        match call(&self.api, &self.session).await {
            Err(fault) if !is_over && self.saved.is_some() && fault.is_one_of(&RENEWABLE) => {
                self.refresh().await?;
                call(&self.api, &self.session).await
            }
            outcome => outcome,
        }
    }

    /// Forgets the session. That of `COUNTERSIGN_TOKEN` may be the kept one too; another one that is kept stays.
    pub(super) fn forget(&self) -> Result<(), Failure> {
        if let Some(saved) = &self.saved {
            return saved.forget(&self.api.url, &self.session);
        }
        // Who has no place to keep sessions has none to forget.
        let Ok(saved) = Saved::here() else { return Ok(()) };
        match saved.find(&self.api.url) {
            Ok(Some(kept)) if kept.is(&self.session) => saved.forget(&self.api.url, &self.session),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Gets new tokens, or takes over those that another process has got meanwhile.
    async fn refresh(&mut self) -> Result<(), Fault> {
        // There is no refresh token for that of the environment: the server says what to do.
        let Some(saved) = &self.saved else { return Ok(()) };
        let _turn = saved.turn(&self.api.url)?;
        let kept = saved.find(&self.api.url)?.ok_or_else(|| nobody(&self.api))?;
        let was_renewed = kept.token != self.session.token && !kept.is_over();
        self.session = kept;
        if was_renewed {
            return Ok(());
        }
        let body = json!({"refreshToken": self.session.refresh_token});
        let refreshed = self.api.post("/users/refresh", None, Some(&body)).await?;
        self.session = self.session.clone().refreshed(&refreshed)?;
        Ok(saved.renew(&self.api.url, &self.session)?)
    }
}

/// What comes of a call.
pub(super) type Answer = Result<Value, Fault>;

/// Whether the server says that the session has ended, however it came to that.
pub(super) fn has_ended(fault: &Fault) -> bool {
    fault.is_one_of(&ENDED)
}

fn nobody(api: &Api) -> Failure {
    Failure::WrongUse(format!("nobody is signed in at {}: run countersign login", api.url))
}
