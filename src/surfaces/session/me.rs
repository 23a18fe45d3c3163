//! `GET /auth/me`.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::cookies::Known;
use crate::identity::Core;
use crate::model::error::{Error, Forbidden};
use crate::transport::{Problem, ProblemBody, Sensitive};

/// You.
#[derive(Serialize, ToSchema)]
#[schema(as = Me)]
pub(super) struct MeAnswer {
    /// The account's id.
    id: String,
    /// The e-mail address.
    email: Option<String>,
    /// Whether it is verified.
    email_verified: bool,
    /// The username.
    username: Option<String>,
    /// The display name.
    name: String,
    /// What you may do: `USER`, `ADMIN`.
    roles: Vec<&'static str>,
    /// Your wallets, the first linked one first.
    wallets: Vec<String>,
    /// When the account was made.
    #[schema(format = DateTime, example = "2026-01-01T00:00:00Z")]
    created_at: String,
}

/// Who is signed in
///
/// By a header, else by the cookie. An account with an e-mail address has to have it verified.
#[utoipa::path(
    get, path = "/auth/me", tag = "session", operation_id = "session_me",
    security(("cookie" = []), ("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "You", body = MeAnswer),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`email_not_verified`, `account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn me(State(core): State<Arc<Core>>, Known(caller): Known) -> Result<Sensitive<MeAnswer>, Problem> {
    let person = core.own_person(&caller).await?;
    if person.email().is_some() && !person.is_email_verified() {
        return Err(Error::Forbidden(Forbidden::EmailNotVerified).into());
    }
    let wallets = core.list_wallets(&caller).await?;
    Ok(Sensitive(MeAnswer {
        id: person.id().to_string(),
        email: person.email().map(str::to_owned),
        email_verified: person.is_email_verified(),
        username: person.username().map(str::to_owned),
        name: person.name().to_owned(),
        roles: person.role().names(),
        wallets: wallets.iter().map(|wallet| wallet.address.checksummed()).collect(),
        created_at: person.created_at().whole_seconds().rfc3339(),
    }))
}
