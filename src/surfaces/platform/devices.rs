//! `POST /v1/devicetokens`, `POST /v1/users/notifications/tokens/{token}` and `…/update`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::answers::Nothing;
use crate::identity::{Core, PersonPresent};
use crate::model::device::{Device, Os, PushToken, WantedChange};
use crate::model::error::{Error, Violation};
use crate::transport::{ClientOf, ProblemBody, Sensitive, TextPath, V1Json, V1OptionalJson, V1Problem, faults};

/// A device on which nobody is signed in yet.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformDeviceTokenRequest)]
#[serde(rename_all = "camelCase")]
pub(super) struct NoteRequest {
    /// An account's id. It makes the device nobody's: it is claimed by whoever signs in on it.
    user_id: Option<String>,
    /// The token that the device's maker gave it.
    #[schema(example = "firebase-token-123", min_length = 1, max_length = 1024)]
    device_token: String,
    /// What it runs.
    #[schema(example = "iOS", pattern = "^(iOS|Android|Web)$")]
    os: String,
}

/// Tell a device's token
///
/// It is kept for 24 hours, and is sent nothing until somebody claims it. The answer tells nobody whether it is known.
#[utoipa::path(
    post, path = "/v1/devicetokens", tag = "platform", operation_id = "platform_note_device",
    request_body = NoteRequest,
    responses(
        (status = 200, description = "It is kept", body = Nothing),
        (status = 400, description = "`invalid_json`, `invalid_request`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn note(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    V1Json(request): V1Json<NoteRequest>,
) -> Result<Sensitive<Nothing>, V1Problem> {
    let mut wrong = Vec::new();
    let is_no_id = request.user_id.is_some_and(|id| Uuid::try_parse(&id).is_err());
    wrong.extend(is_no_id.then(|| Violation { field: "userId".to_owned(), message: "a UUID is expected".to_owned() }));
    let token = faults(&mut wrong, PushToken::parse("deviceToken", &request.device_token));
    let os = faults(&mut wrong, Os::parse("os", &request.os));
    let (Some(token), Some(os), true) = (token, os, wrong.is_empty()) else { return Err(Error::Invalid(wrong).into()) };
    core.note_device(&token, os, &client).await?;
    Ok(Sensitive(Nothing {}))
}

/// A device of yours.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformDevice)]
pub(super) struct DeviceAnswer {
    /// The token that its maker gave it.
    #[schema(example = "firebase-token-123")]
    token: String,
    /// What it runs: `iOS`, `Android`, `Web`.
    os: Option<&'static str>,
    /// Whether it is sent anything.
    enabled: bool,
    /// Whether it is sent what concerns the safety of the account.
    security: bool,
    /// Whether it is sent what concerns payments.
    billing: bool,
}

impl From<Device> for DeviceAnswer {
    fn from(device: Device) -> Self {
        Self {
            token: device.token.expose().to_owned(),
            os: device.os.map(Os::word),
            enabled: device.wanted.enabled,
            security: device.wanted.security,
            billing: device.wanted.billing,
        }
    }
}

/// A device that you have.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformClaimDeviceRequest)]
#[expect(dead_code, reason = "it describes the body, which may be missing")]
pub(super) struct ClaimRequest {
    /// What it runs; without it, what was told with the token stays.
    #[schema(example = "iOS", pattern = "^(iOS|Android|Web)$")]
    os: Option<String>,
}

/// Claim a device
///
/// Whoever claims it last has it; one that you have keeps what it is sent.
#[utoipa::path(
    post, path = "/v1/users/notifications/tokens/{token}", tag = "platform", operation_id = "platform_claim_device",
    params(("token" = String, Path, description = "The token that the device's maker gave it", max_length = 1024)),
    request_body(content = Option<ClaimRequest>),
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "It is yours", body = DeviceAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `invalid_path`, `ambiguous_credentials`",
         body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn claim(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    TextPath(token): TextPath,
    V1OptionalJson(body): V1OptionalJson,
) -> Result<Sensitive<DeviceAnswer>, V1Problem> {
    let mut wrong = Vec::new();
    let token = faults(&mut wrong, PushToken::parse("token", &token));
    let os = match body.get("os") {
        None | Some(Value::Null) => None,
        // What is no text is no word either.
        Some(os) => faults(&mut wrong, Os::parse("os", os.as_str().unwrap_or_default())),
    };
    let (Some(token), true) = (token, wrong.is_empty()) else { return Err(Error::Invalid(wrong).into()) };
    let device = core.claim_device(&person, &token, os, &client).await?;
    Ok(Sensitive(device.into()))
}

/// What a device is sent; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformChangeDeviceRequest)]
pub(super) struct ChangeRequest {
    /// Whether it is sent anything.
    enabled: Option<bool>,
    /// Whether it is sent what concerns the safety of the account.
    security: Option<bool>,
    /// Whether it is sent what concerns payments.
    billing: Option<bool>,
}

/// Change what a device is sent
#[utoipa::path(
    post, path = "/v1/users/notifications/tokens/{token}/update", tag = "platform",
    operation_id = "platform_change_device",
    params(("token" = String, Path, description = "The token that the device's maker gave it", max_length = 1024)),
    request_body = ChangeRequest,
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The device, as it is now", body = DeviceAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `invalid_path`, `ambiguous_credentials`",
         body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 404, description = "`device_not_found`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn change(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    TextPath(token): TextPath,
    V1Json(request): V1Json<ChangeRequest>,
) -> Result<Sensitive<DeviceAnswer>, V1Problem> {
    let token = PushToken::parse("token", &token).map_err(|violation| Error::Invalid(vec![violation]))?;
    let ChangeRequest { enabled, security, billing } = request;
    let device = core.change_device(&person, &token, WantedChange { enabled, security, billing }, &client).await?;
    Ok(Sensitive(device.into()))
}
