//! What all requests to others have in common: a client that is not led elsewhere, answers that are read to a certain
//! length and no further, and what is told of one that failed.

use std::error::Error as _;
use std::fmt;

use reqwest::ClientBuilder;

/// Why there is no answer, or none that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It can't be reached, the connection broke, or it took too long.
    Unreachable(String),
    /// It is longer than anybody reads.
    TooLong,
}

/// A client within these limits. It follows no redirect, since what is sent goes where it was meant to go and nowhere else.
/// `None` if the system has no TLS to offer.
pub(crate) fn client(limited: impl Fn(ClientBuilder) -> ClientBuilder) -> Option<reqwest::Client> {
    let builder = || limited(reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()));
    // A system without any root certificates, such as a bare container, can still ask a server over plain http.
    builder().build().or_else(|_| builder().tls_certs_only([]).build()).ok()
}

/// Reads the rest of an answer, of which at most `longest` bytes are taken.
///
/// # Errors
/// [`Fault`] says why not.
pub(crate) async fn read(response: &mut reqwest::Response, longest: usize) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > longest {
            return Err(Fault::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// The innermost reason of a failure in a few words. The outermost error alone names the URL, which may carry a secret.
pub(crate) fn reason(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    match error.source() {
        _ if error.is_timeout() => "it takes too long".to_owned(),
        Some(_) => reason.to_string(),
        None => "the request failed".to_owned(),
    }
}

impl Fault {
    /// That of a system with which no client can be built.
    pub(crate) fn without_tls() -> Self {
        Self::Unreachable("this system has no TLS to offer".to_owned())
    }
}

impl From<reqwest::Error> for Fault {
    fn from(error: reqwest::Error) -> Self {
        Self::Unreachable(reason(&error))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(reason) => write!(f, "it can't be reached ({reason})"),
            Self::TooLong => f.write_str("its answer is too long"),
        }
    }
}
