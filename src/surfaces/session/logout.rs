//! `POST /auth/logout`.

use std::sync::Arc;

use axum::extract::{FromRequest as _, Request};
use axum::extract::{FromRequestParts as _, State};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::cookies::{self, Known};
use super::fields::{Fields, OptionalBody};
use super::problem::{Faults, SessionProblem};
use super::refresh::RefreshRequest;
use crate::identity::Core;
use crate::model::Client;
use crate::model::error::{Error, Unauthenticated};
use crate::transport::{ClientOf, NoContent, ProblemBody, carries_credential, refuse_foreign_page, require_page};

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
    end(&core, given, &mut parts, &client).await?;
    let mut response = NoContent.into_response();
    cookies::clear(&core, response.headers_mut());
    Ok(response)
}

/// Ends the session that the request names best. One that is over already is as ended as it can be.
async fn end(core: &Arc<Core>, given: Option<&str>, parts: &mut Parts, client: &Client) -> Result<(), SessionProblem> {
    if let Some(token) = given {
        return forgive(core.sign_out_by_refresh_token(token, client).await);
    }
    if carries_credential(&parts.headers) {
        let Known(caller) = Known::from_request_parts(parts, core).await?;
        return Ok(core.sign_out(&caller.require_person()?, client).await?);
    }
    if let Some(token) = cookies::refresh_token(&parts.headers) {
        require_page(core, &parts.headers)?;
        return forgive(core.sign_out_by_refresh_token(token, client).await);
    }
    if cookies::access_token(&parts.headers).is_some() {
        require_page(core, &parts.headers)?;
        // A stale cookie names no session that lives.
        if let Ok(Known(caller)) = Known::from_request_parts(parts, core).await {
            return Ok(core.sign_out(&caller.require_person()?, client).await?);
        }
    }
    Ok(())
}

fn forgive(ended: Result<(), Error>) -> Result<(), SessionProblem> {
    match ended {
        Err(Error::NotAuthenticated(Unauthenticated::InvalidRefreshToken)) => Ok(()),
        other => Ok(other?),
    }
}
