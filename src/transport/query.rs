//! Query strings: what a route knows of them, each at most once.

use axum::http::Uri;
use url::form_urlencoded;

use crate::model::error::{Error, Violation};

/// The parameters of a query in their order.
#[derive(Debug)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads the query of a request.
    #[must_use]
    pub fn of(uri: &Uri) -> Self {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Self(pairs.into_owned().collect())
    }

    /// Every value of this parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// The value of this parameter, brought to what it means.
    ///
    /// # Errors
    /// A violation if it is given twice, or `parse` does not understand it; `expected` says what it should be.
    pub fn one<T>(
        &self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Violation> {
        let violation = |message: &str| Violation { field: name.to_owned(), message: message.to_owned() };
        let mut values = self.all(name);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(violation("it may be given once"));
        }
        parse(value).map(Some).ok_or_else(|| violation(expected))
    }

    /// Insists that there is no parameter but these.
    ///
    /// # Errors
    /// A violation for each other one.
    pub fn only(&self, known: &[&str]) -> Result<(), Error> {
        let unknown = self.0.iter().filter(|(name, _)| !known.contains(&name.as_str()));
        let violations: Vec<_> = unknown
            .map(|(name, _)| Violation { field: name.clone(), message: "there is no such parameter".to_owned() })
            .collect();
        if violations.is_empty() { Ok(()) } else { Err(Error::Invalid(violations)) }
    }
}

/// A whole number of at least one and at most `most`.
#[must_use]
pub fn count(text: &str, most: u32) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && (1..=most).contains(number))
}
