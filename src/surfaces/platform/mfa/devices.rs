//! `/v1/auth/mfa/devices`: the devices that are not asked for a code.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::{Core, PersonPresent};
use crate::model::second_factor::Device;
use crate::transport::{ClientOf, IdPath, NoContent, ProblemBody, Sensitive, V1Problem};

/// The devices that you trust.
#[derive(Serialize, ToSchema)]
#[schema(as = MfaDevices)]
pub(super) struct DevicesAnswer {
    /// The one that was trusted last first.
    devices: Vec<DeviceAnswer>,
}

/// A device that you trust.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MfaDevice)]
pub(super) struct DeviceAnswer {
    /// Its id.
    #[schema(example = "019b7600-0000-7000-8000-000000000001")]
    id: String,
    /// Since when it is trusted.
    #[schema(format = DateTime, example = "2026-01-01T00:00:00Z")]
    created_at: String,
    /// When it last signed in without a code.
    #[schema(format = DateTime, example = "2026-01-02T00:00:00Z")]
    last_used_at: String,
    /// Until when it is trusted.
    #[schema(format = DateTime, example = "2026-01-31T00:00:00Z")]
    expires_at: String,
}

impl From<Device> for DeviceAnswer {
    fn from(device: Device) -> Self {
        Self {
            id: device.id.to_string(),
            created_at: device.created_at.whole_seconds().rfc3339(),
            last_used_at: device.used_at.whole_seconds().rfc3339(),
            expires_at: device.expires_at.rfc3339(),
        }
    }
}

/// List the devices that you trust
#[utoipa::path(
    get, path = "/v1/auth/mfa/devices", tag = "platform", operation_id = "mfa_devices",
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The devices", body = DevicesAnswer),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn list(
    State(core): State<Arc<Core>>,
    person: PersonPresent,
) -> Result<Sensitive<DevicesAnswer>, V1Problem> {
    let devices = core.list_devices(&person).await?;
    Ok(Sensitive(DevicesAnswer { devices: devices.into_iter().map(DeviceAnswer::from).collect() }))
}

/// Trust a device no more
#[utoipa::path(
    delete, path = "/v1/auth/mfa/devices/{id}", tag = "platform", operation_id = "mfa_forget_device",
    params(("id" = String, Path, description = "A device of yours")),
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 204, description = "It is asked for a code from now on"),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 404, description = "`trusted_device_not_found`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn forget(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    IdPath(id): IdPath,
) -> Result<NoContent, V1Problem> {
    core.forget_device(&person, id, &client).await?;
    Ok(NoContent)
}
