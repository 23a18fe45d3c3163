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

use super::page_with;
use crate::identity::Core;
use crate::model::Password;
use crate::model::error::Error;
use crate::transport::{ClientOf, Json, NoContent, Problem};

const RESET: &str = include_str!("reset-password.html");
const CONFIRM: &str = include_str!("confirm-email.html");
const SCRIPT: &str = include_str!("account.js");
const STYLE: &str = include_str!("account.css");

/// Our own script and style, answers of our own, and nothing else; no form that is sent without the script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

pub(super) fn router() -> Router<Arc<Core>> {
    Router::new()
        .route("/account/reset-password", get(async || page_with(POLICY, RESET)).post(reset))
        .route("/account/confirm-email", get(async || page_with(POLICY, CONFIRM)).post(confirm))
        .route("/account/account.js", get(async || asset("text/javascript; charset=utf-8", SCRIPT)))
        .route("/account/account.css", get(async || asset("text/css; charset=utf-8", STYLE)))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers =
        [(CONTENT_TYPE, HeaderValue::from_static(kind)), (CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    (headers, text).into_response()
}

/// A new password, by the token of a mail.
#[derive(Deserialize)]
struct ResetRequest {
    token: String,
    new_password: String,
}

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
#[derive(Deserialize)]
struct ConfirmRequest {
    token: String,
}

async fn confirm(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Json(request): Json<ConfirmRequest>,
) -> Result<NoContent, Problem> {
    core.confirm_email(&request.token, &client).await?;
    Ok(NoContent)
}
