//! Reading the fields of a body one by one, so that all their faults are told, in their order.

use std::ops::RangeInclusive;

use axum::extract::{FromRequest, Request};
use serde_json::{Map, Value};

use super::problem::{Fault, SessionProblem};
use crate::model::{Email, Password};
use crate::transport::{Json, OptionalJson};

/// The object of a body.
pub(super) struct Body(pub(super) Map<String, Value>);

/// The object of a body that may be missing.
pub(super) struct OptionalBody(pub(super) Map<String, Value>);

impl<S: Sync> FromRequest<S> for Body {
    type Rejection = SessionProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, SessionProblem> {
        let Json(body) = Json::<Map<String, Value>>::from_request(request, state).await?;
        Ok(Self(body))
    }
}

impl<S: Sync> FromRequest<S> for OptionalBody {
    type Rejection = SessionProblem;

    async fn from_request(request: Request, state: &S) -> Result<Self, SessionProblem> {
        let OptionalJson(body) = OptionalJson::from_request(request, state).await?;
        Ok(Self(body))
    }
}

/// A body that is being read.
pub(super) struct Fields<'a> {
    body: &'a Map<String, Value>,
    faults: Vec<Fault>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(body: &'a Map<String, Value>) -> Self {
        Self { body, faults: Vec::new() }
    }

    /// A text that has to be there, of so many characters.
    pub(super) fn text(&mut self, name: &str, chars: RangeInclusive<usize>) -> Option<&'a str> {
        let Some(value) = self.body.get(name) else {
            self.faults.push(Fault::of(Some(name), "missing", "Field required"));
            return None;
        };
        let text = self.string(name, value)?;
        self.fits(name, text.chars().count(), &chars).then_some(text)
    }

    /// A password, new or tried. Its characters are those of the form that is hashed.
    pub(super) fn password(&mut self, name: &str, chars: RangeInclusive<usize>) -> Option<&'a str> {
        let text = self.text(name, 0..=usize::MAX)?;
        self.fits(name, Password::count(text), &chars).then_some(text)
    }

    fn fits(&mut self, name: &str, count: usize, chars: &RangeInclusive<usize>) -> bool {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        if count < *chars.start() {
            let least = *chars.start();
            let msg = format!("String should have at least {least} character{}", plural(least));
            self.faults.push(Fault::of(Some(name), "string_too_short", msg));
            return false;
        }
        if count > *chars.end() {
            let most = *chars.end();
            let msg = format!("String should have at most {most} character{}", plural(most));
            self.faults.push(Fault::of(Some(name), "string_too_long", msg));
            return false;
        }
        true
    }

    /// Notes a fault that only its route knows.
    pub(super) fn fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// A text that may be missing, null or empty.
    pub(super) fn optional(&mut self, name: &str) -> Option<&'a str> {
        match self.body.get(name) {
            None | Some(Value::Null) => None,
            Some(value) => self.string(name, value).filter(|text| !text.is_empty()),
        }
    }

    /// An e-mail address.
    pub(super) fn email(&mut self, name: &str) -> Option<Email> {
        let text = self.text(name, 0..=usize::MAX)?;
        let read = Email::parse(name, text);
        if read.is_err() {
            let msg = "value is not a valid email address: it has to be of the form name@example.com";
            self.faults.push(Fault::of(Some(name), "value_error", msg));
        }
        read.ok()
    }

    /// A password that is chosen by somebody who signs in by these names.
    pub(super) fn new_password(&mut self, name: &str, names: &[&str]) -> Option<Password> {
        let text = self.password(name, Password::CHARS)?;
        match Password::choose(name, text, names.iter().copied()) {
            Ok(password) => Some(password),
            Err(violation) => {
                let msg = format!("Value error, {}", violation.message);
                self.faults.push(Fault::of(Some(name), "value_error", msg));
                None
            }
        }
    }

    fn string(&mut self, name: &str, value: &'a Value) -> Option<&'a str> {
        let text = value.as_str();
        if text.is_none() {
            self.faults.push(Fault::of(Some(name), "string_type", "Input should be a valid string"));
        }
        text
    }

    /// What was read, if nothing is wrong.
    ///
    /// # Errors
    /// Every fault.
    pub(super) fn finish<T>(self, read: Option<T>) -> Result<T, SessionProblem> {
        match read {
            Some(read) if self.faults.is_empty() => Ok(read),
            _ => Err(SessionProblem::Faults(self.faults)),
        }
    }
}
