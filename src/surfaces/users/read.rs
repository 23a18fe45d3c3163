//! `GET /v1/users/{id}`.

use std::sync::Arc;

use axum::extract::State;

use super::user::User;
use crate::identity::{Caller, Core};
use crate::transport::{AccountPath, ProblemBody, Sensitive, V1Problem};

/// Read a user
///
/// Yourself, or, as an ADMIN, anybody.
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "users", operation_id = "user",
    params(("id" = String, Path, description = "The account's id")),
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "The user", body = User),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`not_your_account`, `account_disabled`", body = ProblemBody),
        (status = 404, description = "`account_not_found`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn read(
    State(core): State<Arc<Core>>,
    caller: Caller,
    AccountPath(id): AccountPath,
) -> Result<Sensitive<User>, V1Problem> {
    let person = core.person(caller.require_self_or_admin(id)?).await?;
    Ok(Sensitive(User::from(&person)))
}
