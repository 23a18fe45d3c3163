//! The dialect of the doors under `/v1`, whose documents list 400 for what breaks a rule.

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Json, OptionalJson, Problem};
use crate::model::AccountId;
use crate::model::error::{Error, Malformed};

/// A problem in this dialect.
#[derive(Clone, Debug)]
pub struct V1Problem(Problem);

impl V1Problem {
    /// This error as other doors tell it, for a route whose document asks for no 400.
    #[must_use]
    pub fn as_elsewhere(error: Error) -> Self {
        Self(Problem::from(error))
    }
}

impl From<Problem> for V1Problem {
    fn from(problem: Problem) -> Self {
        let is_fault_of_request = matches!(problem.code(), "invalid_request" | "identity_already_used");
        Self(if is_fault_of_request { problem.with_status(StatusCode::BAD_REQUEST) } else { problem })
    }
}

impl From<Error> for V1Problem {
    fn from(error: Error) -> Self {
        Self::from(Problem::from(error))
    }
}

impl IntoResponse for V1Problem {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

/// A JSON body whose faults are told in this dialect.
#[derive(Clone, Copy, Debug)]
pub struct V1Json<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for V1Json<T> {
    type Rejection = V1Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, V1Problem> {
        Ok(Self(Json::from_request(request, state).await?.0))
    }
}

/// A JSON body that may be missing, then an empty object, whose faults are told in this dialect.
#[derive(Clone, Debug)]
pub struct V1OptionalJson(pub Map<String, Value>);

impl<S: Sync> FromRequest<S> for V1OptionalJson {
    type Rejection = V1Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, V1Problem> {
        Ok(Self(OptionalJson::from_request(request, state).await?.0))
    }
}

/// A text in a path.
#[derive(Clone)]
pub struct TextPath(pub String);

impl<S: Send + Sync> FromRequestParts<S> for TextPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        text.map(|Path(text)| Self(text)).map_err(|_| Error::Malformed(Malformed::Path).into())
    }
}

/// The id of an account in a path; `None` for what can't be one.
#[derive(Clone, Copy, Debug)]
pub struct AccountPath(pub Option<AccountId>);

impl<S: Send + Sync> FromRequestParts<S> for AccountPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let IdPath(id) = IdPath::from_request_parts(parts, state).await?;
        Ok(Self(id.map(AccountId)))
    }
}

/// An id in a path; `None` for what can't be one.
#[derive(Clone, Copy, Debug)]
pub struct IdPath(pub Option<Uuid>);

impl<S: Send + Sync> FromRequestParts<S> for IdPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await.map(|Path(text)| text).unwrap_or_default();
        // One spelling, that of our answers, in either case.
        Ok(Self(Uuid::try_parse(&text).ok().filter(|id| id.hyphenated().to_string() == text.to_ascii_lowercase())))
    }
}
