//! `POST /v1/auth/mfa/setup`.

use std::sync::Arc;

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{Core, PersonPresent};
use crate::model::error::Error;
use crate::transport::{ClientOf, FreshCode, ProblemBody, Sensitive, V1Problem};

/// A code besides who calls.
#[derive(Deserialize, ToSchema)]
#[schema(as = MfaCodeRequest)]
#[expect(dead_code, reason = "it describes the body, which may be missing")]
pub(super) struct CodeRequest {
    /// A code of the authenticator that is in force, or a backup code. It may come in `X-OTP` as well.
    #[schema(example = "123456")]
    code: Option<String>,
}

/// An authenticator that is being set up. None of this is shown again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MfaSetupResponse)]
pub(super) struct SetupAnswer {
    /// The secret, to be typed in.
    #[schema(example = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")]
    secret_key: String,
    /// The same as a link that opens an authenticator.
    #[schema(
        example = "otpauth://totp/MyApp:user%40example.com?secret=…&issuer=MyApp&algorithm=SHA1&digits=6&period=30"
    )]
    qr_code_url: String,
    /// The same as a picture to be scanned: an SVG, as a data URI.
    #[schema(example = "data:image/svg+xml;base64,…")]
    qr_code: String,
    /// Ten codes for whoever loses the authenticator. Each works once.
    #[schema(example = json!(["k3fa-x7qd-2mzt"]))]
    backup_codes: Vec<String>,
}

/// Set an authenticator up
///
/// It is not in force until a first code of it is verified. One that is in force stays until then, and is replaced only
/// with a code of it; without one in force, a sign-in of the last ten minutes is needed.
#[utoipa::path(
    post, path = "/v1/auth/mfa/setup", tag = "platform", operation_id = "mfa_setup",
    request_body(content = Option<CodeRequest>),
    params(("X-OTP" = Option<String>, Header, description = "A code, for an account that has a second factor")),
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "What the authenticator needs", body = SetupAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `mfa_required`, `invalid_code`", body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`, `fresh_sign_in_required`",
         body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn set_up(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    FreshCode(fresh): FreshCode,
) -> Result<Sensitive<SetupAnswer>, V1Problem> {
    let setup = core.set_up_second_factor(&person, fresh.as_deref(), &client).await?;
    Ok(Sensitive(SetupAnswer {
        qr_code: picture(&setup.otpauth)?,
        secret_key: setup.secret,
        qr_code_url: setup.otpauth,
        backup_codes: setup.backup_codes,
    }))
}

/// A QR code as an SVG, as a data URI (RFC 2397): black on white, whatever is behind it.
fn picture(text: &str) -> Result<String, Error> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M).map_err(|error| Error::Internal(error.into()))?;
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(240, 240).quiet_zone(true).build();
    Ok(format!("data:image/svg+xml;base64,{}", STANDARD.encode(drawn)))
}
