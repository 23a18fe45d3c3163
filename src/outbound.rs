//! What all requests to others have in common: a client that is not led elsewhere, answers that are read to a certain
//! length and no further, and what is told of one that failed.

use std::error::Error as _;
use std::time::Duration;

/// Why an answer could not be read to its end.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It is longer than anybody reads.
    TooLong,
    /// The connection broke, or it took too long.
    Broken(reqwest::Error),
}

/// A client whose requests each take at most `deadline`, connecting (at most `connecting`) and reading included. It follows
/// no redirect, since what is sent goes where it was meant to go and nowhere else. `None` if the system has no TLS to offer.
pub(crate) fn client(deadline: Duration, connecting: Duration) -> Option<reqwest::Client> {
    let builder = || {
        let policy = reqwest::redirect::Policy::none();
        reqwest::Client::builder().redirect(policy).timeout(deadline).connect_timeout(connecting)
    };
    // A system without any root certificates can still ask a server on this machine.
    builder().build().or_else(|_| builder().tls_certs_only([]).build()).ok()
}

/// Reads the rest of an answer, of which at most `longest` bytes are taken.
///
/// # Errors
/// [`Unread`] says why not.
pub(crate) async fn read(response: &mut reqwest::Response, longest: usize) -> Result<Vec<u8>, Unread> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(Unread::Broken)? {
        if body.len() + chunk.len() > longest {
            return Err(Unread::TooLong);
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
