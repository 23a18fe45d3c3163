//! `DELETE /v1/auth/mfa` and `POST /v1/auth/mfa/backup-codes`: each with a fresh code.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::setup::CodeRequest;
use crate::identity::{Core, PersonPresent};
use crate::transport::{ClientOf, FreshCode, NoContent, ProblemBody, Sensitive, V1Problem};

/// New backup codes. They are not shown again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MfaBackupCodes)]
pub(super) struct BackupCodesAnswer {
    /// Ten codes, each of which works once.
    #[schema(example = json!(["k3fa-x7qd-2mzt"]))]
    backup_codes: Vec<String>,
}

/// Switch the second factor off
///
/// With a code of the authenticator or a backup code. Signs the other sessions of the account out; no device is trusted
/// any more.
#[utoipa::path(
    delete, path = "/v1/auth/mfa", tag = "platform", operation_id = "mfa_off",
    request_body(content = Option<CodeRequest>),
    params(("X-OTP" = Option<String>, Header, description = "The code, unless it is in the body")),
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 204, description = "It is off"),
        (status = 400, description = "`invalid_json`, `invalid_request`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `mfa_required` without a code, `invalid_code`", body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 409, description = "`second_factor_not_set_up`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn switch_off(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    FreshCode(fresh): FreshCode,
) -> Result<NoContent, V1Problem> {
    core.switch_off_second_factor(&person, fresh.as_deref(), &client).await?;
    Ok(NoContent)
}

/// Make new backup codes
///
/// With a code of the authenticator or a backup code. Those of before are useless from then on.
#[utoipa::path(
    post, path = "/v1/auth/mfa/backup-codes", tag = "platform", operation_id = "mfa_backup_codes",
    request_body(content = Option<CodeRequest>),
    params(("X-OTP" = Option<String>, Header, description = "The code, unless it is in the body")),
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The new ones", body = BackupCodesAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `mfa_required` without a code, `invalid_code`", body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 409, description = "`second_factor_not_set_up`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn renew(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    FreshCode(fresh): FreshCode,
) -> Result<Sensitive<BackupCodesAnswer>, V1Problem> {
    let backup_codes = core.renew_backup_codes(&person, fresh.as_deref(), &client).await?;
    Ok(Sensitive(BackupCodesAnswer { backup_codes }))
}
