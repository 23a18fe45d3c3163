//! `POST /webhooks/stripe`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use crate::identity::Core;
use crate::transport::{ClientOf, ProblemBody, Sensitive, SignedBytes, V1Problem};

/// That an event was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = PlatformReceived)]
pub(super) struct ReceivedAnswer {
    /// Always `true`.
    received: bool,
}

/// Take an event of Stripe's
///
/// Stripe sends it, signed with the secret of the webhook. Whatever it says, what is so now is asked at Stripe; what is of
/// no interest here, or was seen before, is taken and changes nothing.
#[utoipa::path(
    post, path = "/webhooks/stripe", tag = "platform", operation_id = "platform_stripe_webhook",
    params(("Stripe-Signature" = String, Header, description = "`t=…,v1=…`: the time, and the HMAC-SHA-256 of it and the body")),
    request_body(content = Object, content_type = "application/json", description = "An event, at most 256 KiB"),
    responses(
        (status = 200, description = "It was taken", body = ReceivedAnswer),
        (status = 400, description = "`invalid_request`: it is signed, and no event", body = ProblemBody),
        (status = 403, description = "`webhook_signature_invalid`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`: too many were forged", body = ProblemBody),
        (status = 501, description = "`stripe_not_configured`", body = ProblemBody),
        (status = 502, description = "`billing_refused`", body = ProblemBody),
        (status = 503, description = "`billing_unavailable`, `database_unavailable`: Stripe sends it again",
         body = ProblemBody),
    )
)]
pub(super) async fn stripe(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    headers: HeaderMap,
    SignedBytes(body): SignedBytes,
) -> Result<Sensitive<ReceivedAnswer>, V1Problem> {
    let mut signatures = headers.get_all("stripe-signature").iter();
    // Two of them are not Stripe's.
    let signature = signatures.next().filter(|_| signatures.next().is_none()).map(HeaderValue::as_bytes);
    core.hear_from_stripe(signature, &body, &client).await?;
    Ok(Sensitive(ReceivedAnswer { received: true }))
}
