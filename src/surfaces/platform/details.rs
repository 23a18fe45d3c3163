//! `GET` and `PATCH /v1/users/details`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{Caller, Core, Details, DetailsChange, OwnSubscription};
use crate::model::error::Error;
use crate::model::profile::{Change, ImageUrl, ProfileText};
use crate::transport::{ClientOf, ProblemBody, Sensitive, V1Json, V1Problem, faults};

/// You.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformDetails)]
#[serde(rename_all = "camelCase")]
pub(super) struct DetailsAnswer {
    /// The account's id.
    user_id: String,
    /// The username, else the e-mail address, else the primary wallet's address.
    username: String,
    /// The e-mail address.
    email: Option<String>,
    /// The display name.
    display_name: Option<String>,
    /// The picture.
    avatar: Option<String>,
    /// When the account was made.
    #[schema(format = DateTime, example = "2026-01-01T00:00:00Z")]
    created_at: String,
    /// The subscription in force.
    subscription: Option<DetailedSubscription>,
    /// Whether you want to be advertised to.
    marketing_opt_in: bool,
}

/// A subscription, as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformDetailedSubscription)]
#[serde(rename_all = "camelCase")]
struct DetailedSubscription {
    /// What the plan gives.
    #[schema(example = "premium")]
    plan: String,
    /// Its state: `trialing`, `active`, `past_due`.
    #[schema(example = "active")]
    status: &'static str,
    /// When its period ends.
    #[schema(format = DateTime, example = "2026-01-15T10:00:00Z")]
    expires_at: String,
}

impl From<OwnSubscription> for DetailedSubscription {
    fn from(subscription: OwnSubscription) -> Self {
        let OwnSubscription { plan, state, period, .. } = subscription;
        Self { plan, status: state.told(), expires_at: period.end.whole_seconds().rfc3339() }
    }
}

impl From<Details> for DetailsAnswer {
    fn from(details: Details) -> Self {
        let Details { person, avatar, marketing_opt_in, subscription } = details;
        Self {
            user_id: person.id().to_string(),
            username: person.full_name(),
            email: person.email().map(str::to_owned),
            display_name: Some(person.name().to_owned()).filter(|name| !name.is_empty()),
            avatar,
            created_at: person.created_at().whole_seconds().rfc3339(),
            subscription: subscription.map(Into::into),
            marketing_opt_in,
        }
    }
}

/// What to change; what is left out stays as it is.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformDetailsRequest)]
#[serde(rename_all = "camelCase")]
pub(super) struct DetailsRequest {
    /// The display name, at most 255 characters; null for none.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 255, example = "John Doe")]
    display_name: Change<String>,
    /// The picture's `https` URL; null for none.
    #[serde(default)]
    #[schema(value_type = Option<String>, max_length = 2048, example = "https://example.com/me.png")]
    avatar: Change<String>,
    /// Whether you want to be advertised to.
    marketing_opt_in: Option<bool>,
}

impl DetailsRequest {
    fn into_change(self) -> Result<DetailsChange, Error> {
        let Self { display_name, avatar, marketing_opt_in } = self;
        let mut wrong = Vec::new();
        let name = match display_name {
            Change::Keep => None,
            Change::Clear => Some(ProfileText::default()),
            Change::Set(text) => faults(&mut wrong, ProfileText::parse("displayName", text)),
        };
        let avatar = match avatar {
            Change::Keep => Change::Keep,
            Change::Clear => Change::Clear,
            Change::Set(text) => faults(&mut wrong, ImageUrl::parse("avatar", &text)).map_or(Change::Keep, Change::Set),
        };
        if wrong.is_empty() { Ok(DetailsChange { name, avatar, marketing_opt_in }) } else { Err(Error::Invalid(wrong)) }
    }
}

/// Read your details
#[utoipa::path(
    get, path = "/v1/users/details", tag = "platform", operation_id = "platform_details",
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "You", body = DetailsAnswer),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn read(State(core): State<Arc<Core>>, caller: Caller) -> Result<Sensitive<DetailsAnswer>, V1Problem> {
    Ok(Sensitive(core.details(&caller).await?.into()))
}

/// Change your details
#[utoipa::path(
    patch, path = "/v1/users/details", tag = "platform", operation_id = "platform_change_details",
    request_body = DetailsRequest,
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "You, as it is now", body = DetailsAnswer),
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
    V1Json(request): V1Json<DetailsRequest>,
) -> Result<Sensitive<DetailsAnswer>, V1Problem> {
    let details = core.change_details(&caller, request.into_change()?, &client).await?;
    Ok(Sensitive(details.into()))
}
