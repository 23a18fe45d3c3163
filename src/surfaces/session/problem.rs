//! Errors of this door: problem bodies as everywhere, and for the faults of a body the list of its document.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::error::Error;
use crate::transport::{Problem, Sensitive};

/// An error on its way out.
#[derive(Debug)]
pub(super) enum SessionProblem {
    /// As everywhere.
    Problem(Box<Problem>),
    /// Faults of the body.
    Faults(Vec<Fault>),
}

/// One fault of a body, in the words of Pydantic 2.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ValidationError)]
pub(super) struct Fault {
    /// Where it is: `body`, and the field.
    pub(super) loc: Vec<String>,
    /// What is wrong, for people.
    pub(super) msg: String,
    /// What is wrong, for programs: `missing`, `string_type`, `string_too_short`, `string_too_long`, `value_error`.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
}

impl Fault {
    /// A fault of a field, or, without one, of the whole body.
    pub(super) fn of(field: Option<&str>, kind: &'static str, msg: impl Into<String>) -> Self {
        let loc = std::iter::once("body").chain(field).map(str::to_owned).collect();
        Self { loc, msg: msg.into(), kind }
    }
}

/// Every fault of a body, in the order of its fields.
#[derive(Serialize, ToSchema)]
#[schema(as = HTTPValidationError)]
pub(super) struct Faults {
    /// The faults.
    detail: Vec<Fault>,
}

impl From<Error> for SessionProblem {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(violations) => Self::Faults(
                violations
                    .into_iter()
                    .map(|violation| match violation.field.as_str() {
                        "body" => Fault::of(
                            None,
                            "model_attributes_type",
                            "Input should be a valid dictionary or object to extract fields from",
                        ),
                        field => Fault::of(Some(field), "value_error", format!("Value error, {}", violation.message)),
                    })
                    .collect(),
            ),
            other => Self::Problem(Box::new(other.into())),
        }
    }
}

impl From<Problem> for SessionProblem {
    fn from(problem: Problem) -> Self {
        // The one that reading a body tells is that it is no object.
        if problem.code() == "invalid_request" {
            let msg = "Input should be a valid dictionary or object to extract fields from";
            return Self::Faults(vec![Fault::of(None, "model_attributes_type", msg)]);
        }
        Self::Problem(Box::new(problem))
    }
}

impl IntoResponse for SessionProblem {
    fn into_response(self) -> Response {
        match self {
            Self::Problem(problem) => problem.into_response(),
            Self::Faults(detail) => (StatusCode::UNPROCESSABLE_ENTITY, Sensitive(Faults { detail })).into_response(),
        }
    }
}
