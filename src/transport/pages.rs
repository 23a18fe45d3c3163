//! Requests that stand on cookies. A browser sends those by itself, so such a request has to come from a page that may send
//! it.

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, ORIGIN};

use crate::identity::Core;
use crate::model::error::{Error, Forbidden};

/// The value of the cookie of this name, unless it is empty. Two that differ are as good as none: a page of a sibling
/// domain may have put one of them there (RFC 6265 section 8.6), and which one is ours does not show.
#[must_use]
pub fn cookie<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    let mut values = cookies(headers, name);
    let first = values.next()?;
    values.all(|other| other == first).then_some(first)
}

/// The values of all cookies of this name but for those that are empty.
pub fn cookies<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    let pairs = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(';'));
    let values = pairs.filter_map(|pair| pair.trim().split_once('=')).filter(move |(given, _)| *given == name);
    values.map(|(_, value)| value).filter(|value| !value.is_empty())
}

/// Insists that a request that stands on cookies comes from a page that may send it.
///
/// # Errors
/// [`Forbidden::Origin`], also if it names no page.
pub fn require_page(core: &Core, headers: &HeaderMap) -> Result<(), Error> {
    if headers.contains_key(ORIGIN) {
        refuse_foreign_page(core, headers)
    } else {
        Err(Error::Forbidden(Forbidden::Origin))
    }
}

/// Refuses a request of a page that may not send it. One that names no page is a program's: it has no cookies to lose.
///
/// # Errors
/// [`Forbidden::Origin`].
pub fn refuse_foreign_page(core: &Core, headers: &HeaderMap) -> Result<(), Error> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let config = core.config();
    let is_ours = |origin: &str| origin == config.public_url || config.cors_origins.iter().any(|own| own == origin);
    if origins.all(|origin| origin.to_str().is_ok_and(is_ours)) {
        Ok(())
    } else {
        Err(Error::Forbidden(Forbidden::Origin))
    }
}
