//! `POST /v1/users/refresh-token` and `POST /v1/users/logout`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName};

use super::answers::TokensAnswer;
use crate::identity::{Core, PersonPresent};
use crate::model::error::{Error, Malformed, Unauthenticated};
use crate::transport::{ClientOf, NoContent, ProblemBody, Sensitive, V1Problem, cookie, refuse_foreign_page};

/// The header, and the cookie that a front end's own proxy may set; this gateway sets none.
const NAME: &str = "sk-refresh-token";
const REFRESH_TOKEN: HeaderName = HeaderName::from_static(NAME);

/// The refresh token of the header, else of the cookie.
fn presented<'a>(core: &Core, headers: &'a HeaderMap) -> Result<&'a str, Error> {
    let mut values = headers.get_all(&REFRESH_TOKEN).iter();
    match values.next() {
        Some(value) if values.any(|other| other != value) => Err(Error::Malformed(Malformed::AmbiguousCredentials)),
        // Bytes beyond ASCII are in no token of ours; the empty text fails as one in its place.
        Some(value) => Ok(value.to_str().unwrap_or_default().trim()),
        None => {
            let token = cookie(headers, NAME);
            let token = token.ok_or(Error::NotAuthenticated(Unauthenticated::Missing))?;
            // A proxy names no page, and a browser that is sent here by another one does.
            refuse_foreign_page(core, headers)?;
            Ok(token)
        }
    }
}

/// Refresh a session
///
/// By the refresh token in the header, else in the cookie of the same name. Sets no cookie.
#[utoipa::path(
    post, path = "/v1/users/refresh-token", tag = "platform", operation_id = "platform_refresh",
    params(
        ("sk-refresh-token" = Option<String>, Header, description = "The refresh token of the last answer"),
        ("sk-refresh-token" = Option<String>, Cookie, description = "The same, if there is no header"),
    ),
    responses(
        (status = 200, description = "The next tokens", body = TokensAnswer),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_refresh_token`, `refresh_token_reused`, \
         `session_ended`", body = ProblemBody),
        (status = 403, description = "`origin_not_allowed`, `account_disabled`, `email_not_verified`",
         body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn refresh(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    headers: HeaderMap,
) -> Result<Sensitive<TokensAnswer>, V1Problem> {
    let token = presented(&core, &headers)?;
    Ok(Sensitive(core.refresh(token, &client).await?.into()))
}

/// Sign out
#[utoipa::path(
    post, path = "/v1/users/logout", tag = "platform", operation_id = "platform_logout",
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 204, description = "Ended: every token of the session is refused from now on"),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn logout(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
) -> Result<NoContent, V1Problem> {
    core.sign_out(&person, &client).await?;
    Ok(NoContent)
}
