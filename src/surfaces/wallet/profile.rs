//! `GET` and `POST /users/{address}/data`: the profile.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{Caller, Core, Profile};
use crate::model::error::Error;
use crate::model::profile::{ProfileChange, ProfileText};
use crate::transport::{AddressPath, ClientOf, Json, Problem, ProblemBody, Sensitive};

/// What to change; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProfileRequest {
    /// The name, at most 255 characters; of control characters line feed and tab alone.
    #[schema(max_length = 255, pattern = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$")]
    name: Option<String>,
    /// What the product is meant to be used for; the same characters.
    #[schema(max_length = 255, pattern = r"^[^\u0000-\u0008\u000b-\u001f\u007f-\u009f]*$")]
    intended_use: Option<String>,
}

impl ProfileRequest {
    /// Checks both fields before it tells of either, so that a person mends them in one go.
    fn into_change(self) -> Result<ProfileChange, Error> {
        let check = |field, text: Option<String>| text.map(|text| ProfileText::parse(field, text)).transpose();
        match (check("name", self.name), check("intendedUse", self.intended_use)) {
            (Ok(name), Ok(intended_use)) => Ok(ProfileChange { name, intended_use }),
            (name, intended_use) => Err(Error::Invalid(name.err().into_iter().chain(intended_use.err()).collect())),
        }
    }
}

/// A profile.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ProfileAnswer {
    /// The wallet in the path, in EIP-55 form.
    user_address: String,
    /// The name.
    name: String,
    /// What the product is meant to be used for.
    intended_use: String,
    /// The e-mail address of the account, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
}

impl From<Profile> for ProfileAnswer {
    fn from(profile: Profile) -> Self {
        Self {
            user_address: profile.address.checksummed(),
            name: profile.name.as_str().to_owned(),
            intended_use: profile.intended_use.as_str().to_owned(),
            email: profile.email,
        }
    }
}

/// Read your profile
#[utoipa::path(
    get, path = "/users/{address}/data", tag = "wallet", operation_id = "profile",
    params(("address" = String, Path, description = "A wallet of your account", pattern = "^0x[0-9a-fA-F]{40}$")),
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "The profile", body = ProfileAnswer),
        (status = 400, description = "`invalid_address`, `invalid_path`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`not_your_wallet`, `account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn read(
    State(core): State<Arc<Core>>,
    caller: Caller,
    AddressPath(address): AddressPath,
) -> Result<Sensitive<ProfileAnswer>, Problem> {
    Ok(Sensitive(core.profile(&caller, address).await?.into()))
}

/// Change your profile
#[utoipa::path(
    post, path = "/users/{address}/data", tag = "wallet", operation_id = "change_profile",
    params(("address" = String, Path, description = "A wallet of your account", pattern = "^0x[0-9a-fA-F]{40}$")),
    request_body = ProfileRequest,
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "The profile as it is now", body = ProfileAnswer),
        (status = 400, description = "`invalid_address`, `invalid_path`, `invalid_json`, `ambiguous_credentials`",
         body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`not_your_wallet`, `account_disabled`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn change(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    caller: Caller,
    AddressPath(address): AddressPath,
    Json(request): Json<ProfileRequest>,
) -> Result<Sensitive<ProfileAnswer>, Problem> {
    let change = request.into_change()?;
    Ok(Sensitive(core.change_profile(&caller, address, &change, &client).await?.into()))
}
