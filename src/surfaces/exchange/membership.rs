//! `POST /api/users/sync-membership` and `POST /api/users/clear-membership`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::HeaderMap;
use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::ToSchema;

use super::caller::Person;
use super::config::{DONE, Done};
use crate::clock::Timestamp;
use crate::identity::{Core, MembershipClaim};
use crate::model::error::Error;
use crate::model::membership::{Membership, Statement};
use crate::transport::{ClientOf, Problem, ProblemBody, Sensitive, SignedJson};

/// Membership data, bare or under `membership_data`. Where the provider signs it, with `user_id` and `issued_at`.
#[derive(Deserialize, ToSchema)]
#[schema(as = ExchangeMembershipRequest)]
#[schema(value_type = Object, example = json!({"plan": "pro", "valid_until": "2027-01-01"}))]
pub(super) struct MembershipRequest(Map<String, Value>);

/// Store what your membership provider says of you
///
/// Where the gateway shares a secret with the provider, `X-Membership-Signature: sha256=` and the HMAC-SHA-256 of the
/// body in hex is needed; where it does not, the data is kept and counts for nothing.
#[utoipa::path(
    post, path = "/api/users/sync-membership", tag = "exchange", operation_id = "sync_membership",
    request_body = MembershipRequest,
    params(("X-Membership-Signature" = Option<String>, Header, description = "The provider's signature of the body")),
    security(("session_token" = []), ("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "It is stored", body = Done),
        (status = 400, description = "`invalid_json`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`membership_signature_invalid`, `membership_outdated`, `person_required`, \
         `account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn synchronise(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Person(person): Person,
    headers: HeaderMap,
    SignedJson { value: MembershipRequest(body), bytes }: SignedJson<MembershipRequest>,
) -> Result<Sensitive<Done>, Problem> {
    let statement = statement(&body);
    let data = Membership::read(body).map_err(|violation| Error::Invalid(vec![violation]))?;
    let claim = MembershipClaim { data, statement, body: &bytes, signature: signature(&headers) };
    core.synchronise_membership(&person, claim, &client).await?;
    Ok(Sensitive(DONE))
}

/// Remove what your membership provider said of you
#[utoipa::path(
    post, path = "/api/users/clear-membership", tag = "exchange", operation_id = "clear_membership",
    security(("session_token" = []), ("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "It is removed", body = Done),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn clear(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Person(person): Person,
) -> Result<Sensitive<Done>, Problem> {
    core.clear_membership(&person, &client).await?;
    Ok(Sensitive(DONE))
}

fn statement(body: &Map<String, Value>) -> Option<Statement> {
    let user = body.get("user_id")?.as_i64()?;
    let issued_at = OffsetDateTime::parse(body.get("issued_at")?.as_str()?, &Rfc3339).ok()?;
    let micros = i64::try_from(issued_at.unix_timestamp_nanos() / 1_000).ok()?;
    Some(Statement { user, issued_at: Timestamp::from_micros(micros) })
}

/// The hex digits of the signature; `None` if there is none, or more than one.
fn signature(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all("x-membership-signature").iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    value.to_str().ok()?.strip_prefix("sha256=")
}
