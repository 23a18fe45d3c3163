//! Where the links of mails lead to: a page for a new password and one that proves an address. The token is in the fragment,
//! which no server sees; opening a page spends nothing, and only a button posts it.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::page_with;
use crate::identity::Core;
use crate::model::Password;
use crate::model::error::Error;
use crate::transport::{ClientOf, Json, NoContent, Problem, ProblemBody};

const RESET: &str = include_str!("reset-password.html");
const CONFIRM: &str = include_str!("confirm-email.html");
const SCRIPT: &str = include_str!("account.js");
const STYLE: &str = include_str!("account.css");

/// Our own script and style, answers of our own, and nothing else; no form that is sent without the script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

pub(super) fn router() -> Router<Arc<Core>> {
    Router::new()
        .route("/account/reset-password", get(async || page_with(POLICY, RESET)))
        .route("/account/confirm-email", get(async || page_with(POLICY, CONFIRM)))
        .route("/account/account.js", get(async || asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/account/account.css", get(async || asset("text/css; charset=utf-8", STYLE)))
}

/// What the pages post to, and those that an operator puts in their place.
pub(super) fn described_router() -> OpenApiRouter<Arc<Core>> {
    OpenApiRouter::new().routes(routes!(reset)).routes(routes!(confirm))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(kind)), (CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    (headers, text).into_response()
}

/// A new password, by the token of a mail.
#[derive(Deserialize, ToSchema)]
#[schema(as = AccountResetRequest)]
struct ResetRequest {
    /// What stands behind `#token=` in the link.
    token: String,
    /// The new password: 8 to 128 characters.
    #[schema(example = "correct horse battery", min_length = 8, max_length = 128)]
    new_password: String,
}

/// Set a new password by a mailed link
///
/// For the page that the link leads to. Ends all sessions and the API key, signs nobody in, and leaves the second factor as
/// it is.
#[utoipa::path(
    post, path = "/account/reset-password", tag = "gateway", operation_id = "account_reset_password",
    request_body = ResetRequest,
    responses(
        (status = 204, description = "The password is set"),
        (status = 400, description = "`invalid_link`, `invalid_json`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `too_busy`", body = ProblemBody),
    )
)]
async fn reset(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Json(request): Json<ResetRequest>,
) -> Result<NoContent, Problem> {
    let password = Password::choose("new_password", &request.new_password, []);
    let password = password.map_err(|violation| Error::Invalid(vec![violation]))?;
    core.recover(&request.token, password, &client).await?;
    Ok(NoContent)
}

/// The token of a mail.
#[derive(Deserialize, ToSchema)]
#[schema(as = AccountConfirmRequest)]
struct ConfirmRequest {
    /// What stands behind `#token=` in the link.
    token: String,
}

/// Prove an e-mail address by a mailed link
///
/// For the page that the link leads to. Signs nobody in.
#[utoipa::path(
    post, path = "/account/confirm-email", tag = "gateway", operation_id = "account_confirm_email",
    request_body = ConfirmRequest,
    responses(
        (status = 204, description = "The address is proven"),
        (status = 400, description = "`invalid_link`, `invalid_json`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
async fn confirm(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Json(request): Json<ConfirmRequest>,
) -> Result<NoContent, Problem> {
    core.confirm_email(&request.token, &client).await?;
    Ok(NoContent)
}
