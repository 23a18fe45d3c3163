//! `GET /v1/users/{email}/memberships`.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::clock::Timestamp;
use crate::identity::Core;
use crate::model::Email;
use crate::model::error::Error;
use crate::model::membership::Entitlement;
use crate::transport::{ClientOf, ProblemBody, Sensitive, TextPath, V1Problem};

/// What somebody is entitled to.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformMemberships)]
pub(super) struct MembershipsAnswer {
    /// The memberships; none of an address that is nobody's.
    memberships: Vec<MembershipAnswer>,
}

/// A membership.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformMembership)]
#[serde(rename_all = "camelCase")]
struct MembershipAnswer {
    /// The plan, as its provider calls it; of a subscription, what it gives.
    #[schema(example = "pro")]
    plan: Option<String>,
    /// What its provider says of it: without a word of his `active`, and `expired` once it is over. Of a subscription its
    /// state: `trialing`, `active`, `past_due`.
    #[schema(example = "active")]
    status: String,
    /// Until when.
    #[schema(format = DateTime, example = "2027-01-01T00:00:00Z")]
    valid_until: Option<String>,
}

impl From<Entitlement> for MembershipAnswer {
    fn from(entitlement: Entitlement) -> Self {
        let Entitlement { plan, status, valid_until } = entitlement;
        Self { plan, status, valid_until: valid_until.map(Timestamp::whole_seconds).map(Timestamp::rfc3339) }
    }
}

/// Read what somebody is entitled to
///
/// What the provider of memberships signed, and the subscription in force. The answer has the same shape, and takes the same time, whether or not there
/// is such an account.
#[utoipa::path(
    get, path = "/v1/users/{email}/memberships", tag = "platform", operation_id = "platform_memberships",
    params(("email" = String, Path, description = "The e-mail address")),
    responses(
        (status = 200, description = "The memberships", body = MembershipsAnswer),
        (status = 400, description = "`invalid_request`, `invalid_path`", body = ProblemBody),
        (status = 403, description = "`memberships_closed`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn memberships(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    TextPath(email): TextPath,
) -> Result<Sensitive<MembershipsAnswer>, V1Problem> {
    let email = Email::parse("email", &email).map_err(|violation| Error::Invalid(vec![violation]))?;
    let entitlements = core.entitlements(&email, &client).await?;
    Ok(Sensitive(MembershipsAnswer { memberships: entitlements.into_iter().map(Into::into).collect() }))
}
