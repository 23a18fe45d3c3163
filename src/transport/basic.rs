//! Basic authentication (RFC 7617): a name and a password in a header.

use std::fmt;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::Problem;
use crate::identity::PasswordAttempt;
use crate::model::error::{Error, Unauthenticated};

/// How a client is asked for it.
const BASIC: &str = "Basic realm=\"countersign\", charset=\"UTF-8\"";

/// A name and a password as they came in, with the code of the second factor, which has a header of its own.
pub struct Basic {
    /// The name, up to the first colon.
    name: String,
    /// All that follows.
    password: Zeroizing<String>,
    /// What `X-OTP` says.
    otp: Option<String>,
}

impl Basic {
    /// The sign-in that is asked for.
    #[must_use]
    pub fn attempt(&self) -> PasswordAttempt<'_> {
        let Self { name, password, otp } = self;
        PasswordAttempt { name, password, otp: otp.as_deref(), device: None }
    }

    /// What a sign-in of this kind that was refused is answered with: if by 401, it asks for the same again.
    #[must_use]
    pub fn refuse(error: Error) -> Problem {
        let asks_again = matches!(error, Error::NotAuthenticated(_));
        let problem = Problem::from(error);
        if asks_again { problem.challenging(BASIC) } else { problem }
    }
}

impl fmt::Debug for Basic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Basic(…)")
    }
}

impl<S: Sync> FromRequestParts<S> for Basic {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(&parts.headers).map_err(|reason| Self::refuse(Error::NotAuthenticated(reason)))
    }
}

fn read(headers: &HeaderMap) -> Result<Basic, Unauthenticated> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Unauthenticated::Missing)?;
    if values.next().is_some() {
        return Err(Unauthenticated::InvalidCredentials);
    }
    let text = value.to_str().map_err(|_| Unauthenticated::InvalidCredentials)?;
    let (scheme, encoded) = text.split_once(' ').ok_or(Unauthenticated::InvalidCredentials)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Unauthenticated::InvalidCredentials);
    }
    let decoded = STANDARD.decode(encoded.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let decoded = Zeroizing::new(decoded.ok_or(Unauthenticated::InvalidCredentials)?);
    let (name, password) = decoded.split_once(':').ok_or(Unauthenticated::InvalidCredentials)?;
    // Bytes beyond ASCII are in no code; the empty text fails as one in its place.
    let otp = headers.get("x-otp").map(|value| value.to_str().unwrap_or_default().to_owned());
    Ok(Basic { name: name.to_owned(), password: Zeroizing::new(password.to_owned()), otp })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn of(value: &[u8]) -> Result<(String, String), Unauthenticated> {
        let mut headers = HeaderMap::new();
        headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        read(&headers).map(|basic| (basic.name, basic.password.to_string()))
    }

    #[test]
    fn a_password_may_hold_colons_and_any_letters() {
        assert_eq!(of(b"Basic dXNlckBleGFtcGxlLmNvbTpwYXNzd29yZA==").unwrap().1, "password");
        let encoded = STANDARD.encode("a:b:ü\u{1f600}");
        assert_eq!(of(format!("bAsIc {encoded}").as_bytes()).unwrap(), ("a".to_owned(), "b:ü\u{1f600}".to_owned()));
    }

    #[test]
    fn any_other_bytes_are_refused() {
        assert!(matches!(read(&HeaderMap::new()), Err(Unauthenticated::Missing)));
        for value in
            [&b""[..], b"Basic", b"Basic ", b"Basic !!!", b"Basic YQ==", b"Basic /////w==", b"Bearer abc", b"\xff \xfe"]
        {
            assert!(matches!(of(value), Err(Unauthenticated::InvalidCredentials)), "{value:?}");
        }
    }
}
