//! What an outside provider says that an account is entitled to.

use std::time::Duration;

use serde_json::{Map, Value};

use super::error::{Error, Forbidden, Violation};
use crate::clock::Timestamp;

/// How old a signed statement may be.
pub const FRESH: Duration = Duration::from_mins(5);

/// Membership data, as its provider sent it.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership(Map<String, Value>);

/// A statement of a provider: for whom it is, and when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The number of the account.
    pub user: i64,
    /// When it was made.
    pub issued_at: Timestamp,
}

impl Membership {
    /// Reads a body: the data bare, or under `membership_data`. `user_id` and `issued_at` beside it are the statement's.
    ///
    /// # Errors
    /// A violation if there is no data, or it is no object.
    pub fn read(mut body: Map<String, Value>) -> Result<Self, Violation> {
        let field = "membership_data".to_owned();
        let data = match body.remove("membership_data") {
            Some(Value::Object(data)) => data,
            Some(_) => return Err(Violation { field, message: "an object is expected".to_owned() }),
            None => {
                body.remove("user_id");
                body.remove("issued_at");
                body
            }
        };
        if data.is_empty() {
            return Err(Violation { field, message: "it must not be empty".to_owned() });
        }
        Ok(Self(data))
    }

    /// As text to be stored.
    #[must_use]
    pub fn to_text(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

impl Statement {
    /// Insists that a signed statement is for this account, and was made at most [`FRESH`] ago.
    ///
    /// # Errors
    /// [`Forbidden::MembershipOutdated`].
    pub fn judge(self, account: i64, skew: Duration, now: Timestamp) -> Result<(), Error> {
        let in_time = self.issued_at <= now + skew && now <= self.issued_at + FRESH;
        let holds = self.user == account && in_time;
        holds.then_some(()).ok_or(Error::Forbidden(Forbidden::MembershipOutdated))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<String, Violation> {
        let Value::Object(body) = body else { panic!("a body is an object") };
        Membership::read(body).map(|membership| membership.to_text())
    }

    #[test]
    fn the_data_may_be_bare_or_under_its_name() {
        let data = json!({"plan": "pro", "valid_until": "2027-01-01"});
        let beside = json!({"plan": "pro", "valid_until": "2027-01-01", "user_id": 1, "issued_at": "x"});
        assert_eq!(read(data.clone()), read(beside));
        assert_eq!(read(data.clone()), read(json!({"membership_data": data, "user_id": 1})));
        for nothing in [json!({}), json!({"user_id": 1}), json!({"membership_data": {}}), json!({"membership_data": 1})]
        {
            assert!(read(nothing).is_err());
        }
    }

    #[test]
    fn a_statement_is_for_one_account_and_good_for_five_minutes() {
        let made = Timestamp::from_seconds(10_000);
        let statement = Statement { user: 7, issued_at: made };
        let skew = Duration::from_secs(30);
        let judge = |account, now| statement.judge(account, skew, now).is_ok();
        assert!(judge(7, made) && judge(7, made + FRESH) && judge(7, made - skew));
        assert!(!judge(8, made) && !judge(7, made + FRESH + skew) && !judge(7, made - 2 * skew));
    }
}
