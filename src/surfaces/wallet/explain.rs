//! `POST /users/authenticate/explain`: what a sign-in would say of a proof, rule by rule.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::proof::ProofRequest;
use crate::identity::{Core, Explanation, Verdict};
use crate::transport::{ClientOf, Json, Problem, ProblemBody, Sensitive};

/// The verdict of every rule.
#[derive(Serialize, ToSchema)]
pub(super) struct ExplainAnswer {
    /// Whether all rules are kept. Whether the account is enabled is not told.
    accepted: bool,
    /// The rules in the order in which a sign-in asks them. Those that a nonce signed by itself lacks are left out, and
    /// so is what can't be judged.
    rules: Vec<RuleAnswer>,
}

/// The verdict of one rule.
#[derive(Serialize, ToSchema)]
pub(super) struct RuleAnswer {
    /// `grammar`, `address`, `version`, `domain`, `uri`, `chain`, `nonce`, `issued_at`, `expiration`, `not_before` or
    /// `signature`.
    rule: &'static str,
    /// Whether it is kept.
    ok: bool,
    /// If not: the code that a sign-in would be refused with.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    /// If not: what is wrong and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl From<Explanation> for ExplainAnswer {
    fn from(explanation: Explanation) -> Self {
        let accepted = explanation.accepted();
        Self { accepted, rules: explanation.0.into_iter().map(RuleAnswer::from).collect() }
    }
}

impl From<Verdict> for RuleAnswer {
    fn from(verdict: Verdict) -> Self {
        let fault = verdict.outcome.err();
        Self {
            rule: verdict.rule.name(),
            ok: fault.is_none(),
            error: fault.as_ref().map(crate::model::Error::code),
            detail: fault.map(|fault| fault.detail()),
        }
    }
}

/// Ask why a proof is refused
///
/// Takes what `POST /users/authenticate` takes and gives the verdict of every rule. It makes no session and uses up no
/// nonce, and is limited like a sign-in.
#[utoipa::path(
    post, path = "/users/authenticate/explain", tag = "wallet", operation_id = "explain",
    request_body = ProofRequest,
    responses(
        (status = 200, description = "The verdicts", body = ExplainAnswer),
        (status = 400, description = "`invalid_json`, `invalid_address`", body = ProblemBody),
        (status = 413, description = "`body_too_large`", body = ProblemBody),
        (status = 415, description = "`unsupported_media_type`", body = ProblemBody),
        (status = 422, description = "`invalid_request`", body = ProblemBody),
        (status = 429, description = "`too_many_requests`", body = ProblemBody),
        (status = 503, description = "`database_unavailable`", body = ProblemBody),
    )
)]
pub(super) async fn explain(
    State(core): State<Arc<Core>>,
    ClientOf(client): ClientOf,
    Json(request): Json<ProofRequest>,
) -> Result<Sensitive<ExplainAnswer>, Problem> {
    let explanation = core.explain(request.proof()?, &client).await?;
    Ok(Sensitive(explanation.into()))
}
