//! `GET` and `PATCH /v1/users/settings`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::identity::{Caller, Core};
use crate::model::settings::{Notifications, Settings, SettingsPatch};
use crate::transport::{ClientOf, ProblemBody, Sensitive, V1Json, V1Problem};

/// Your settings.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformSettings)]
#[serde(rename_all = "camelCase")]
pub(super) struct SettingsAnswer {
    /// A name of the IANA time zone database.
    #[schema(example = "America/New_York")]
    timezone: String,
    /// How odds are shown: `american`, `decimal`, `fractional`.
    #[schema(example = "american")]
    odds_format: &'static str,
    /// On which ways there may be notifications.
    notifications: NotificationsAnswer,
    /// How pages look: `system`, `light`, `dark`.
    #[schema(example = "dark")]
    theme: &'static str,
    /// A language tag (BCP 47).
    #[schema(example = "en")]
    language: String,
}

/// On which ways there may be notifications.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformNotifications)]
struct NotificationsAnswer {
    /// By mail.
    email: bool,
    /// To the devices that are registered.
    push: bool,
    /// By text message.
    sms: bool,
}

impl From<Settings> for SettingsAnswer {
    fn from(settings: Settings) -> Self {
        let Settings { timezone, odds_format, notifications, theme, language } = settings;
        let Notifications { email, push, sms } = notifications;
        Self {
            timezone,
            odds_format: odds_format.word(),
            notifications: NotificationsAnswer { email, push, sms },
            theme: theme.word(),
            language,
        }
    }
}

/// A JSON merge patch (RFC 7396): what is left out stays, null goes back to the default.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformSettingsPatch)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
pub(super) struct SettingsRequest {
    /// A name of the IANA time zone database.
    #[schema(example = "America/Los_Angeles")]
    timezone: Option<String>,
    /// How odds are shown.
    #[schema(example = "decimal", pattern = "^(american|decimal|fractional)$")]
    odds_format: Option<String>,
    /// On which ways there may be notifications.
    notifications: Option<NotificationsRequest>,
    /// How pages look.
    #[schema(pattern = "^(system|light|dark)$")]
    theme: Option<String>,
    /// A language tag (BCP 47) of registered subtags.
    language: Option<String>,
}

/// On which ways there may be notifications.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformNotificationsPatch)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
pub(super) struct NotificationsRequest {
    /// By mail.
    email: Option<bool>,
    /// To the devices that are registered.
    push: Option<bool>,
    /// By text message.
    sms: Option<bool>,
}

/// Read your settings
#[utoipa::path(
    get, path = "/v1/users/settings", tag = "platform", operation_id = "platform_settings",
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "All of them", body = SettingsAnswer),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn read(
    State(core): State<Arc<Core>>,
    caller: Caller,
) -> Result<Sensitive<SettingsAnswer>, V1Problem> {
    Ok(Sensitive(core.settings(&caller).await?.into()))
}

/// Change your settings
///
/// The body is a JSON merge patch (RFC 7396). A member that there is not is a fault.
#[utoipa::path(
    patch, path = "/v1/users/settings", tag = "platform", operation_id = "platform_change_settings",
    request_body = SettingsRequest,
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "All of them, as they are now", body = SettingsAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn change(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    caller: Caller,
    V1Json(patch): V1Json<Map<String, Value>>,
) -> Result<Sensitive<SettingsAnswer>, V1Problem> {
    let settings = core.change_settings(&caller, &SettingsPatch::read(&patch)?, &client).await?;
    Ok(Sensitive(settings.into()))
}
