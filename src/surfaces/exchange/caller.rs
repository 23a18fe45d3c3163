//! Who calls this door: by a header as everywhere, or by a session token in the query, as its document says.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use crate::identity::{Caller, Core, PersonPresent};
use crate::model::error::{Error, Malformed};
use crate::transport::{Problem, Query, authenticate, carries_credential};

/// The parameter of the document.
pub(super) const SESSION_TOKEN: &str = "session_token";

/// An authenticated account.
pub(super) struct Known(pub(super) Caller);

/// A person who signed in.
pub(super) struct Person(pub(super) PersonPresent);

/// An authenticated account, or a stranger: somebody who sends no credential at all.
pub(super) struct Anybody(pub(super) Option<Caller>);

impl FromRequestParts<Arc<Core>> for Known {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Problem> {
        let in_query = in_query(parts)?;
        authenticate(parts, core, in_query.as_slice()).await.map(Self)
    }
}

/// The token of the query. Twice the same is one, as in a header; two are nobody's.
fn in_query(parts: &Parts) -> Result<Option<String>, Error> {
    let query = Query::of(&parts.uri);
    let mut tokens = query.all(SESSION_TOKEN);
    let first = tokens.next();
    if tokens.any(|other| Some(other) != first) {
        return Err(Error::Malformed(Malformed::AmbiguousCredentials));
    }
    Ok(first.map(str::to_owned))
}

impl FromRequestParts<Arc<Core>> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Problem> {
        Ok(Self(Known::from_request_parts(parts, core).await?.0.require_person()?))
    }
}

impl FromRequestParts<Arc<Core>> for Anybody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, core: &Arc<Core>) -> Result<Self, Problem> {
        let says_who = carries_credential(&parts.headers) || Query::of(&parts.uri).all(SESSION_TOKEN).next().is_some();
        if !says_who {
            return Ok(Self(None));
        }
        Ok(Self(Some(Known::from_request_parts(parts, core).await?.0)))
    }
}
