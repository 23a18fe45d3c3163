//! `POST /auth/refresh`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::cookies;
use super::fields::{Fields, OptionalBody};
use super::problem::{Faults, SessionProblem};
use super::tokens::{TokenPair, with_cookies};
use crate::identity::Core;
use crate::model::error::{Error, Unauthenticated};
use crate::transport::{ClientOf, ProblemBody, refuse_foreign_page, require_page};

/// A refresh token, unless it is in the cookie.
#[derive(Deserialize, ToSchema)]
#[schema(as = RefreshTokenRequest)]
#[expect(dead_code, reason = "it describes the body, which is read field by field")]
pub(super) struct RefreshRequest {
    /// The refresh token of the last answer.
    #[schema(default = "")]
    refresh_token: Option<String>,
}

/// Refresh a session
///
/// With the token of the body, else of the cookie. An answer that is an error leaves the cookies as they are: another tab
/// may have been faster.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "session", operation_id = "session_refresh",
    request_body(content = Option<RefreshRequest>),
    responses(
        (status = 200, description = "The next tokens, also in cookies", body = TokenPair),
        (status = 400, description = "`invalid_json`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_refresh_token`, `refresh_token_reused`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`origin_not_allowed`, `account_disabled`, `email_not_verified`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "Every fault of the body", body = Faults),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn refresh(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    headers: HeaderMap,
    OptionalBody(body): OptionalBody,
) -> Result<Response, SessionProblem> {
    let mut fields = Fields::of(&body);
    let given = fields.optional("refresh_token");
    let given = fields.finish(Some(given))?;
    let token = match (given, cookies::refresh_token(&headers)) {
        (Some(token), _) => {
            refuse_foreign_page(&core, &headers)?;
            token
        }
        (None, Some(token)) => {
            require_page(&core, &headers)?;
            token
        }
        (None, None) => return Err(Error::NotAuthenticated(Unauthenticated::Missing).into()),
    };
    let tokens = core.refresh(token, &client).await?;
    Ok(with_cookies(&core, tokens))
}
