//! `POST /auth/logout`.

use std::sync::Arc;

use axum::extract::{FromRequest as _, Request};
use axum::extract::{FromRequestParts as _, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::cookies::{self, Known, refuse_foreign_page, require_page};
use super::fields::{Fields, OptionalBody};
use super::problem::{Faults, SessionProblem};
use super::refresh::RefreshRequest;
use crate::identity::{Core, Credential};
use crate::model::Client;
use crate::model::error::{Error, Unauthenticated};
use crate::transport::{ClientOf, NoContent, ProblemBody, carries_credential};

/// How many cookies of one name are looked at: one of ours, and what others may have put beside it.
const MOST_COOKIES: usize = 4;

/// Sign out
///
/// Ends the session of the refresh token in the body, else of the header, else of the cookies; without any of them there is
/// nothing to end. Takes the cookies away.
#[utoipa::path(
    post, path = "/auth/logout", tag = "session", operation_id = "session_logout",
    request_body(content = Option<RefreshRequest>),
    security((), ("cookie" = []), ("access_token" = []), ("bearer" = [])),
    responses(
        (status = 204, description = "Ended: every token of the session is refused from now on"),
        (status = 400, description = "`invalid_json`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`invalid_token`, `token_expired`, `session_ended`, `invalid_api_key`",
         body = ProblemBody),
        (status = 403, description = "`origin_not_allowed`, `person_required`, `account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "Every fault of the body", body = Faults),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn logout(State(core): State<Arc<Core>>, request: Request) -> Result<Response, SessionProblem> {
    let (mut parts, body) = request.into_parts();
    let Ok(ClientOf(client)) = ClientOf::from_request_parts(&mut parts, &core).await;
    let request = Request::from_parts(parts.clone(), body);
    let OptionalBody(body) = OptionalBody::from_request(request, &core).await?;
    let mut fields = Fields::of(&body);
    let given = fields.optional("refresh_token");
    let given = fields.finish(Some(given))?;
    refuse_foreign_page(&core, &parts.headers)?;
    let is_over = end(&core, given, &mut parts, &client).await?;
    let mut response = NoContent.into_response();
    if is_over {
        cookies::clear(&core, response.headers_mut());
    }
    Ok(response)
}

/// Ends the session that the request names, and that of the cookies. One that is over already is as ended as it can be; a
/// token that names none leaves it to the others that came along. Tells whether the cookies have to go: as long as their
/// session lives, they must not look as if it didn't.
async fn end(
    core: &Arc<Core>,
    given: Option<&str>,
    parts: &mut Parts,
    client: &Client,
) -> Result<bool, SessionProblem> {
    let mut ended = match given {
        Some(token) => named_a_session(core.sign_out_by_refresh_token(token, client).await)?,
        None => false,
    };
    if !ended && carries_credential(&parts.headers) {
        let Known(caller) = Known::from_request_parts(parts, core).await?;
        core.sign_out(&caller.require_person()?, client).await?;
        ended = true;
    }
    let refresh = cookies::refresh_tokens(&parts.headers);
    let access = cookies::access_tokens(&parts.headers);
    if refresh.chain(access).next().is_none() {
        return Ok(true);
    }
    match require_page(core, &parts.headers) {
        Ok(()) => end_of_cookies(core, &parts.headers, client).await.map(|()| true),
        // A program that names no page has named a token, and its cookies by accident.
        Err(_) if given.is_some() || ended => Ok(ended),
        Err(error) => Err(error.into()),
    }
}

/// Ends the sessions of the cookies: they may be of more than one, where a sign-in came in between.
async fn end_of_cookies(core: &Arc<Core>, headers: &HeaderMap, client: &Client) -> Result<(), SessionProblem> {
    for token in cookies::refresh_tokens(headers).take(MOST_COOKIES) {
        named_a_session(core.sign_out_by_refresh_token(token, client).await)?;
    }
    for token in cookies::access_tokens(headers).take(MOST_COOKIES) {
        match core.authenticate(&[Credential::AccessToken(token)], client).await {
            Ok(caller) => core.sign_out(&caller.require_person()?, client).await?,
            // A stale cookie names no session that lives, and of a disabled account none does.
            Err(Error::NotAuthenticated(_) | Error::Forbidden(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether a token named a session, be it one that was over.
fn named_a_session(ended: Result<(), Error>) -> Result<bool, SessionProblem> {
    match ended {
        Ok(()) => Ok(true),
        Err(Error::NotAuthenticated(Unauthenticated::InvalidRefreshToken)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
