//! `GET` and `POST /v1/users/subscriptions`, `PUT /v1/users/subscriptions/{id}` and `…/cancel`, `…/pause`, `…/unpause`.

use std::sync::Arc;

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::{
    BegunSubscription, Caller, Core, OwnSubscription, PersonPresent, SubscriptionChange, SubscriptionWish,
};
use crate::model::error::Error;
use crate::model::subscription::{PaymentMethod, Renewal};
use crate::model::{Client, SubscriptionId};
use crate::transport::{ClientOf, Created, ProblemBody, Sensitive, TextPath, V1Json, V1Problem};

/// A subscription of yours.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformOwnSubscription)]
#[serde(rename_all = "camelCase")]
pub(super) struct OwnAnswer {
    /// Its id.
    #[schema(example = "sub_0192f0c17d3a7b2c8d4e5f60718293a4")]
    id: String,
    /// What the plan gives.
    #[schema(example = "premium")]
    plan: String,
    /// The plan's id.
    #[schema(example = "premium_monthly")]
    plan_id: String,
    /// `incomplete`, `trialing`, `active`, `past_due`, `paused` or `canceled`.
    #[schema(example = "active")]
    status: &'static str,
    /// The first day of the period, in UTC.
    #[schema(format = Date, example = "2025-11-01")]
    current_period_start: String,
    /// The day on which the next one begins.
    #[schema(format = Date, example = "2025-12-01")]
    current_period_end: String,
    /// Whether it ends with the period.
    cancel_at_period_end: bool,
}

impl From<OwnSubscription> for OwnAnswer {
    fn from(subscription: OwnSubscription) -> Self {
        let OwnSubscription { id, plan, plan_id, state, period, renewal } = subscription;
        Self {
            id: id.public(),
            plan,
            plan_id,
            status: state.told(),
            current_period_start: period.start.date(),
            current_period_end: period.end.date(),
            cancel_at_period_end: renewal == Renewal::Ends,
        }
    }
}

/// Your subscriptions.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformSubscriptions)]
pub(super) struct ListAnswer {
    /// The newest one first, at most a hundred.
    subscriptions: Vec<OwnAnswer>,
}

/// Read your subscriptions
#[utoipa::path(
    get, path = "/v1/users/subscriptions", tag = "platform", operation_id = "platform_subscriptions",
    security(("access_token" = []), ("bearer" = []), ("api_key" = [])),
    responses(
        (status = 200, description = "Your subscriptions, also those that are over", body = ListAnswer),
        (status = 400, description = "`ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`, \
         `invalid_api_key`", body = ProblemBody),
        (status = 403, description = "`account_disabled`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn list(State(core): State<Arc<Core>>, caller: Caller) -> Result<Sensitive<ListAnswer>, V1Problem> {
    let subscriptions = core.subscriptions(&caller).await?;
    Ok(Sensitive(ListAnswer { subscriptions: subscriptions.into_iter().map(Into::into).collect() }))
}

/// What to subscribe to.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformSubscribeRequest)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreateRequest {
    /// The id of a plan.
    #[schema(example = "premium_monthly")]
    plan_id: String,
    /// The id that Stripe's page in the browser gave the means of payment; a plan that costs nothing needs none.
    #[schema(example = "pm_1MoBy5LkdIwHu7ix", max_length = 255)]
    payment_method_id: Option<String>,
}

/// A subscription that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformCreateSubscription)]
#[serde(rename_all = "camelCase")]
pub(super) struct CreatedAnswer {
    /// The subscription.
    #[serde(flatten)]
    subscription: OwnAnswer,
    /// By which Stripe's page in the browser confirms the payment that is due, while `status` is `incomplete` or `past_due`;
    /// `trialing`, it gives what is paid with afterwards.
    client_secret: Option<String>,
}

impl From<BegunSubscription> for CreatedAnswer {
    fn from(begun: BegunSubscription) -> Self {
        Self { subscription: begun.subscription.into(), client_secret: begun.client_secret }
    }
}

/// Subscribe
///
/// An account has one subscription that is not over at a time. The same plan again, while something is to be paid for it, pays
/// that with what is given, or tells once more by what it is confirmed.
#[utoipa::path(
    post, path = "/v1/users/subscriptions", tag = "platform", operation_id = "platform_subscribe",
    request_body = CreateRequest,
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 201, description = "It is yours", body = CreatedAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 402, description = "`payment_provider_not_configured`, `payment_failed`", body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 409, description = "`subscription_exists`, `subscription_change_under_way`",
         body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 502, description = "`billing_refused`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `billing_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn create(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    V1Json(request): V1Json<CreateRequest>,
) -> Result<Created<Sensitive<CreatedAnswer>>, V1Problem> {
    let CreateRequest { plan_id, payment_method_id } = request;
    let method = method_of(payment_method_id.as_deref())?;
    let wish = SubscriptionWish { plan: &plan_id, payment_method: method.as_ref() };
    Ok(Created(Sensitive(core.subscribe(&person, wish, &client).await?.into())))
}

fn method_of(id: Option<&str>) -> Result<Option<PaymentMethod>, Error> {
    let method = id.map(|text| PaymentMethod::parse("paymentMethodId", text)).transpose();
    method.map_err(|violation| Error::Invalid(vec![violation]))
}

/// Another plan.
#[derive(Deserialize, ToSchema)]
#[schema(as = PlatformChangeSubscriptionRequest)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangeRequest {
    /// The id of a plan; that of the plan that it has takes a cancellation back.
    #[schema(example = "premium_yearly")]
    plan_id: String,
    /// With what it is paid from now on; also with the plan that it has.
    #[schema(example = "pm_1MoBy5LkdIwHu7ix", max_length = 255)]
    payment_method_id: Option<String>,
}

/// Change the plan of a subscription
///
/// It takes a cancellation back as well. What costs more is paid at once, or nothing is changed.
#[utoipa::path(
    put, path = "/v1/users/subscriptions/{id}", tag = "platform", operation_id = "platform_change_subscription",
    params(("id" = String, Path, description = "The subscription's id")),
    request_body = ChangeRequest,
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The subscription, as it is now", body = OwnAnswer),
        (status = 400, description = "`invalid_json`, `invalid_request`, `invalid_path`, `ambiguous_credentials`",
         body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 402, description = "`payment_provider_not_configured`, `payment_failed`", body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 404, description = "`subscription_not_found`", body = ProblemBody),
        (status = 409, description = "`subscription_move_impossible`, `subscription_change_under_way`, \
         `subscription_begins_anew`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 502, description = "`billing_refused`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `billing_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn change(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    TextPath(id): TextPath,
    V1Json(request): V1Json<ChangeRequest>,
) -> Result<Sensitive<OwnAnswer>, V1Problem> {
    let method = method_of(request.payment_method_id.as_deref())?;
    let wish = SubscriptionWish { plan: &request.plan_id, payment_method: method.as_ref() };
    changed(&core, &person, &id, SubscriptionChange::Plan(wish), &client).await
}

/// Cancel a subscription
///
/// It ends with the period that is paid for. One whose first payment was never made ends at once.
#[utoipa::path(
    put, path = "/v1/users/subscriptions/{id}/cancel", tag = "platform", operation_id = "platform_cancel_subscription",
    params(("id" = String, Path, description = "The subscription's id")),
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The subscription, as it is now", body = OwnAnswer),
        (status = 400, description = "`invalid_path`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 402, description = "`payment_provider_not_configured`, `payment_failed`", body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 404, description = "`subscription_not_found`", body = ProblemBody),
        (status = 409, description = "`subscription_move_impossible`, `subscription_change_under_way`",
         body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 502, description = "`billing_refused`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `billing_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn cancel(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    TextPath(id): TextPath,
) -> Result<Sensitive<OwnAnswer>, V1Problem> {
    changed(&core, &person, &id, SubscriptionChange::Cancel, &client).await
}

/// Let a subscription rest
///
/// Nothing is collected for it, and it is not in force.
#[utoipa::path(
    put, path = "/v1/users/subscriptions/{id}/pause", tag = "platform", operation_id = "platform_pause_subscription",
    params(("id" = String, Path, description = "The subscription's id")),
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The subscription, as it is now", body = OwnAnswer),
        (status = 400, description = "`invalid_path`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 402, description = "`payment_provider_not_configured`, `payment_failed`", body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 404, description = "`subscription_not_found`", body = ProblemBody),
        (status = 409, description = "`subscription_move_impossible`, `subscription_change_under_way`",
         body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 502, description = "`billing_refused`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `billing_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn pause(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    TextPath(id): TextPath,
) -> Result<Sensitive<OwnAnswer>, V1Problem> {
    changed(&core, &person, &id, SubscriptionChange::Pause, &client).await
}

/// Let a subscription go on that rests
#[utoipa::path(
    put, path = "/v1/users/subscriptions/{id}/unpause", tag = "platform", operation_id = "platform_unpause_subscription",
    params(("id" = String, Path, description = "The subscription's id")),
    security(("access_token" = []), ("bearer" = [])),
    responses(
        (status = 200, description = "The subscription, as it is now", body = OwnAnswer),
        (status = 400, description = "`invalid_path`, `ambiguous_credentials`", body = ProblemBody),
        (status = 401, description = "`not_authenticated`, `invalid_token`, `token_expired`, `session_ended`",
         body = ProblemBody),
        (status = 402, description = "`payment_provider_not_configured`, `payment_failed`", body = ProblemBody),
        (status = 403, description = "`person_required`, `account_disabled`", body = ProblemBody),
        (status = 404, description = "`subscription_not_found`", body = ProblemBody),
        (status = 409, description = "`subscription_move_impossible`, `subscription_change_under_way`",
         body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 502, description = "`billing_refused`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`, `billing_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn unpause(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    person: PersonPresent,
    TextPath(id): TextPath,
) -> Result<Sensitive<OwnAnswer>, V1Problem> {
    changed(&core, &person, &id, SubscriptionChange::Unpause, &client).await
}

async fn changed(
    core: &Core,
    person: &PersonPresent,
    id: &str,
    change: SubscriptionChange<'_>,
    client: &Client,
) -> Result<Sensitive<OwnAnswer>, V1Problem> {
    // What can't be an id is nobody's.
    let id = SubscriptionId::from_public(id);
    Ok(Sensitive(core.change_subscription(person, id, change, client).await?.into()))
}
