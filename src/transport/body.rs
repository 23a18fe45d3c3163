//! Bodies in and out, and the address in a path. What does not fit leaves as a problem that names the field.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use serde_json::{Map, Value};

use super::Problem;
use crate::model::Address;
use crate::model::error::{Error, Malformed, Violation};

/// The longest body that any route takes from a person.
pub(super) const LONGEST: usize = 64 * 1024;

/// A JSON body, in or out.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// A JSON answer that carries a nonce, a token, a key or personal data: no cache may keep it.
#[derive(Clone, Copy, Debug)]
pub struct Sensitive<T>(pub T);

/// An answer without a body.
#[derive(Clone, Copy, Debug)]
pub struct NoContent;

/// A JSON body with the bytes in which it came, for those who sign them.
#[derive(Clone, Debug)]
pub struct SignedJson<T> {
    /// What it says.
    pub value: T,
    /// The body.
    pub bytes: Bytes,
}

/// A body as it came, of whatever type, for those who sign it. What others send by themselves may be longer than what a
/// person does.
#[derive(Clone, Debug)]
pub struct SignedBytes(pub Bytes);

/// The longest body that somebody signed.
const LONGEST_SIGNED: usize = 256 * 1024;

impl<S: Sync> FromRequest<S> for SignedBytes {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        read(request, LONGEST_SIGNED).await.map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        SignedJson::from_request(request, state).await.map(|signed| Self(signed.value))
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for SignedJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        if !claims_json(request.headers()) {
            return Err(Problem::unsupported_media_type());
        }
        let bytes = read(request, LONGEST).await?;
        let value = parse(&bytes)?;
        Ok(Self { value, bytes })
    }
}

/// Whether the body is JSON by its type; none at all counts as JSON, since many clients send none.
fn claims_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE) else { return true };
    let essence = value.to_str().ok().and_then(|text| text.split(';').next()).unwrap_or_default();
    let essence = essence.trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

async fn read(request: Request, longest: usize) -> Result<Bytes, Problem> {
    // A body that says that it is too long is refused before it is read.
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > longest as u64) {
        return Err(Problem::body_too_large(longest));
    }
    to_bytes(request.into_body(), longest).await.map_err(|error| {
        let source = std::error::Error::source(&error);
        let too_long = source.is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if too_long {
            Problem::body_too_large(longest)
        } else {
            Problem::from(Error::Malformed(Malformed::Json("the body broke off".to_owned())))
        }
    })
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    // Serde would read an object's fields from a list in their order, which no document of ours promises.
    let begins = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if begins != Some(&b'{') && serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        let message = "a JSON object is expected".to_owned();
        return Err(Error::Invalid(vec![Violation { field: "body".to_owned(), message }]));
    }
    // To follow where in the body one is costs as much again as reading it, and only what is refused has to say so.
    if let Ok(value) = serde_json::from_slice(bytes) {
        return Ok(value);
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let path = error.path().to_string();
        let inner = error.into_inner();
        match inner.classify() {
            Category::Data => Error::Invalid(vec![violation(&path, &inner)]),
            Category::Syntax | Category::Eof | Category::Io => Error::Malformed(Malformed::Json(inner.to_string())),
        }
    })?;
    deserializer.end().map_err(|error| Error::Malformed(Malformed::Json(error.to_string())))?;
    Ok(value)
}

/// The fault in words, without the position, which helps nobody who sent an object.
fn violation(path: &str, error: &serde_json::Error) -> Violation {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    // A missing field has no path of its own: its name is in the message.
    let named = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    match (named, path) {
        (Some(field), _) => Violation { field: field.to_owned(), message: "this field is required".to_owned() },
        (None, ".") => Violation { field: "body".to_owned(), message: message.to_owned() },
        (None, path) => Violation { field: path.to_owned(), message: message.to_owned() },
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        // Room for most answers, so that they are not moved while they grow.
        let mut body = Vec::with_capacity(1024);
        match serde_json::to_writer(&mut body, &self.0) {
            Ok(()) => {
                let json = HeaderValue::from_static("application/json");
                ([(CONTENT_TYPE, json)], Body::from(body)).into_response()
            }
            Err(error) => Problem::from(Error::Internal(error.into())).into_response(),
        }
    }
}

impl<T: Serialize> IntoResponse for Sensitive<T> {
    fn into_response(self) -> Response {
        let mut response = Json(self.0).into_response();
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

impl IntoResponse for NoContent {
    fn into_response(self) -> Response {
        StatusCode::NO_CONTENT.into_response()
    }
}

/// An answer that something was made.
#[derive(Clone, Copy, Debug)]
pub struct Created<T>(pub T);

impl<T: IntoResponse> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        if response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::CREATED;
        }
        response
    }
}

/// A JSON body that may be missing: then it is an empty object.
#[derive(Clone, Debug)]
pub struct OptionalJson(pub Map<String, Value>);

impl<S: Sync> FromRequest<S> for OptionalJson {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_json = claims_json(request.headers());
        let bytes = read(request, LONGEST).await?;
        if bytes.is_empty() {
            return Ok(Self(Map::new()));
        }
        if is_json { Ok(Self(parse(&bytes)?)) } else { Err(Problem::unsupported_media_type()) }
    }
}

/// The EVM address in a path.
#[derive(Clone, Copy, Debug)]
pub struct AddressPath(pub Address);

impl<S: Send + Sync> FromRequestParts<S> for AddressPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let undecodable = || Problem::from(Error::Malformed(Malformed::Path));
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| undecodable())?;
        Ok(Self(Address::parse(&text)?))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Sample {
        #[expect(dead_code, reason = "only whether it parses matters")]
        address: String,
        #[expect(dead_code, reason = "only whether it parses matters")]
        tokens: Option<Vec<u8>>,
    }

    fn fault(body: &[u8]) -> Error {
        parse::<Sample>(body).unwrap_err()
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        let bodies: [&[u8]; 7] = [
            b"",
            b"{",
            b"nul",
            b"{\"address\":\"a\"} {}",
            b"{\"address\":\"\\ud800\"}",
            b"{\"address\":\"\xff\"}",
            b"{\"address\":\"a\",}",
        ];
        for body in bodies {
            assert!(matches!(fault(body), Error::Malformed(Malformed::Json(_))), "{body:?}");
        }
    }

    #[test]
    fn nesting_without_end_is_refused_and_not_followed() {
        let nested = [&b"{\"tokens\":"[..], &b"[".repeat(60_000)].concat();
        assert!(matches!(fault(&nested), Error::Invalid(_)));
        let unknown = [&b"{\"x\":"[..], &b"[".repeat(60_000)].concat();
        assert!(matches!(fault(&unknown), Error::Malformed(Malformed::Json(_))));
    }

    #[test]
    fn a_violation_names_its_field() {
        let table: [(&[u8], &str, &str); 5] = [
            (b"{}", "address", "this field is required"),
            (b"{\"address\":1}", "address", "invalid type: integer `1`, expected a string"),
            (b"{\"address\":\"a\",\"tokens\":[1,\"x\"]}", "tokens[1]", "invalid type: string \"x\", expected u8"),
            (b"{\"address\":\"a\",\"address\":\"b\"}", "body", "duplicate field `address`"),
            (b"[\"a\"]", "body", "a JSON object is expected"),
        ];
        for (body, field, message) in table {
            let expected = Violation { field: field.to_owned(), message: message.to_owned() };
            assert!(matches!(fault(body), Error::Invalid(violations) if violations == [expected]), "{field}");
        }
    }

    #[test]
    fn the_type_of_a_body_may_be_missing_but_not_wrong() {
        let with = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            claims_json(&headers)
        };
        assert!(claims_json(&HeaderMap::new()));
        assert!(with("application/json") && with("Application/JSON; charset=utf-8") && with("application/ld+json"));
        assert!(!with("text/plain") && !with("application/x-www-form-urlencoded") && !with("") && !with("json"));
    }
}
