//! What an outside provider says that an account is entitled to.

use std::time::Duration;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

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

    /// Takes over what the database holds; `None` for what was cleared.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        let data: Map<String, Value> = serde_json::from_str(text).ok()?;
        (!data.is_empty()).then_some(Self(data))
    }

    /// What it says in the words that everybody may read.
    #[must_use]
    pub fn entitlement(&self, now: Timestamp) -> Entitlement {
        let text = |names: &[&str]| {
            let mut values = names.iter().filter_map(|name| self.0.get(*name).and_then(Value::as_str));
            values.next().map(str::to_owned)
        };
        let valid_until = text(&["valid_until", "validUntil"]).and_then(|text| moment(&text));
        // What is over is over, whatever its provider said of it when it was not.
        let status = match valid_until {
            Some(end) if end <= now => "expired".to_owned(),
            _ => text(&["status"]).unwrap_or_else(|| "active".to_owned()),
        };
        Entitlement { plan: text(&["plan"]), status, valid_until }
    }
}

/// What somebody is entitled to, as everybody may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entitlement {
    /// The plan, as its provider calls it.
    pub plan: Option<String>,
    /// What its provider says of it; without a word of his `active`, and once it is over `expired`.
    pub status: String,
    /// Until when.
    pub valid_until: Option<Timestamp>,
}

/// A moment of RFC 3339, or the beginning of a day in UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let whole = if text.contains(['T', 't']) { text.to_owned() } else { format!("{text}T00:00:00Z") };
    let moment = OffsetDateTime::parse(&whole, &Rfc3339).ok()?;
    i64::try_from(moment.unix_timestamp_nanos() / 1_000).ok().map(Timestamp::from_micros)
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
    fn what_is_over_is_expired_and_a_date_is_the_beginning_of_its_day() {
        let of = |data: Value, now: i64| {
            let membership = Membership::from_stored(&data.to_string()).unwrap();
            let Entitlement { plan, status, valid_until } = membership.entitlement(Timestamp::from_seconds(now));
            (plan, status, valid_until.map(Timestamp::rfc3339))
        };
        let pro = || Some("pro".to_owned());
        let end = || Some("2027-01-01T00:00:00Z".to_owned());
        for (until, now, status) in [
            (json!("2027-01-01"), 1_798_761_599, "active"),
            (json!("2027-01-01"), 1_798_761_600, "expired"),
            (json!("2027-01-01T02:00:00+02:00"), 1_798_761_599, "active"),
        ] {
            let told = of(json!({"plan": "pro", "valid_until": until}), now);
            assert_eq!(told, (pro(), status.to_owned(), end()), "{until} at {now}");
        }
        let trial = json!({"plan": "pro", "status": "trialing", "validUntil": "2027-01-01"});
        assert_eq!(of(trial.clone(), 0), (pro(), "trialing".to_owned(), end()));
        assert_eq!(of(trial, 1_798_761_600).1, "expired");
        assert_eq!(of(json!({"plan": 7, "valid_until": "soon"}), 0), (None, "active".to_owned(), None));
        assert_eq!(Membership::from_stored("{}"), None);
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
