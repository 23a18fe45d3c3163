//! `DELETE /v1/users/{id}`.

use std::sync::Arc;

use axum::extract::State;

use crate::identity::{AdminPresent, Core};
use crate::transport::{AccountPath, ClientOf, NoContent, ProblemBody, V1Problem};

/// Delete a user
///
/// All that is kept of the person goes; the audit trail keeps the id alone.
#[utoipa::path(
    delete, path = "/v1/users/{id}", tag = "users", operation_id = "delete_user",
    params(("id" = String, Path, description = "The account's id")),
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 204, description = "Deleted: nothing that the user held opens anything from now on"),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`admin_required`, `person_required`, `account_disabled`", body = ProblemBody),
        (status = 404, description = "`account_not_found`", body = ProblemBody),
        (status = 409, description = "`last_admin`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn delete(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    admin: AdminPresent,
    AccountPath(id): AccountPath,
) -> Result<NoContent, V1Problem> {
    core.delete_person(&admin, id, &client).await?;
    Ok(NoContent)
}
