//! What an answer of FCM means: sent, another time, or a device that is none any more. Its words are a stranger's: of them
//! only those are told on that are known here.

use std::time::Duration;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use super::Unsent;
use super::web::Answer;
use crate::clock::Timestamp;
use crate::model::delivery::Failure;

/// How long the service is left alone that was asked too often and does not say for how long: a minute at least, says FCM.
const ASKED_TOO_OFTEN: Duration = Duration::from_mins(1);

/// What a message names its device by.
const TOKEN: &str = "message.token";

/// By which FCM says that a text is no token, where it names no field.
const NO_TOKEN: &str = "not a valid FCM registration token";

#[derive(Deserialize)]
struct Sent {
    /// `projects/…/messages/…`
    name: String,
}

#[derive(Default, Deserialize)]
struct Refused {
    error: Said,
}

/// `google.rpc.Status`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Said {
    message: String,
    status: String,
    details: Vec<Detail>,
}

/// A detail of any type, of which there is only what is looked for.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Detail {
    /// Of `google.firebase.fcm.v1.FcmError`.
    error_code: String,
    /// Of `google.rpc.BadRequest`.
    field_violations: Vec<FieldViolation>,
    /// Of `google.rpc.QuotaFailure`.
    violations: Vec<QuotaViolation>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FieldViolation {
    field: String,
}

/// Which quota is used up. No words are documented for it, but that there is one for a device.
#[derive(Default, Deserialize)]
#[serde(default)]
struct QuotaViolation {
    subject: String,
    description: String,
}

impl Said {
    fn read(body: &[u8]) -> Self {
        serde_json::from_slice::<Refused>(body).unwrap_or_default().error
    }

    /// FCM's own code, one of those that are documented.
    fn code(&self) -> Option<&'static str> {
        const KNOWN: [&str; 8] = [
            "INVALID_ARGUMENT",
            "UNREGISTERED",
            "SENDER_ID_MISMATCH",
            "QUOTA_EXCEEDED",
            "UNAVAILABLE",
            "INTERNAL",
            "THIRD_PARTY_AUTH_ERROR",
            "UNSPECIFIED_ERROR",
        ];
        let told = |code: &str| self.details.iter().any(|detail| detail.error_code == code);
        KNOWN.into_iter().find(|code| told(code))
    }

    /// The same, or the code that all of Google's services share.
    fn word(&self) -> &'static str {
        const SHARED: [&str; 5] =
            ["UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION", "INTERNAL"];
        let shared = || SHARED.into_iter().find(|word| *word == self.status);
        self.code().or_else(shared).unwrap_or("it does not say why")
    }

    /// Whether it is one device that was told too much, and not the project that asks too often.
    fn is_about_one_device(&self) -> bool {
        let mut violations = self.details.iter().flat_map(|detail| &detail.violations);
        let names_a_device = |text: &str| text.to_ascii_lowercase().contains("device");
        violations.any(|violation| names_a_device(&violation.subject) || names_a_device(&violation.description))
    }

    fn is_about_the_token(&self) -> bool {
        let mut fields = self.details.iter().flat_map(|detail| &detail.field_violations);
        fields.any(|violation| violation.field == TOKEN) || self.message.contains(NO_TOKEN)
    }
}

/// Whether it says that Apple's service or a browser's takes nothing from the project.
pub(super) fn is_about_the_way_on(answer: &Answer) -> bool {
    Said::read(&answer.body).code() == Some("THIRD_PARTY_AUTH_ERROR")
}

/// Judges an answer to `messages:send`.
pub(super) fn judge(answer: &Answer, now: Timestamp) -> Result<(), Unsent> {
    let Answer { status, retry_after, body } = answer;
    if *status == 200 {
        let sent = serde_json::from_slice::<Sent>(body).is_ok_and(|sent| sent.name.starts_with("projects/"));
        // Something in between answers for it.
        let rubbish = || Unsent::failed(Failure::Away("its answer is none of FCM's".to_owned()));
        return sent.then_some(()).ok_or_else(rubbish);
    }
    let said = Said::read(body);
    let told = || format!("it answers with status {status}: {}", said.word());
    let retry_after = retry_after.as_deref().and_then(|text| span(text, now));
    Err(match (status, said.code()) {
        (404, Some(code @ "UNREGISTERED")) => Unsent::Gone(code),
        (403, Some(code @ "SENDER_ID_MISMATCH")) => Unsent::Foreign(code),
        (400, _) if said.is_about_the_token() => Unsent::Gone("INVALID_ARGUMENT"),
        (429, _) if said.is_about_one_device() => Unsent::Failed {
            failure: Failure::Later(told()),
            at_least: Some(retry_after.unwrap_or_default().max(ASKED_TOO_OFTEN)),
        },
        (429, _) => {
            Unsent::Failed { failure: Failure::Away(told()), at_least: Some(retry_after.unwrap_or(ASKED_TOO_OFTEN)) }
        }
        (408 | 500.., _) => Unsent::Unclear { why: told(), at_least: retry_after },
        // The operator has to give the project what Apple or browsers ask for; devices of other kinds are reached.
        (_, Some("THIRD_PARTY_AUTH_ERROR")) => Unsent::failed(Failure::Later(told())),
        (401, _) => Unsent::Misconfigured(told()),
        (403 | 404, _) => Unsent::Unnamed(told()),
        (300..400, _) => Unsent::Misconfigured(format!("it answers with status {status}, which leads elsewhere")),
        _ => Unsent::failed(Failure::Refused(told())),
    })
}

/// How long `Retry-After` says (RFC 9110 section 10.2.3): seconds, or until a date.
pub(super) fn span(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = OffsetDateTime::parse(text.trim(), &Rfc2822).ok()?;
    Some(Timestamp::from_seconds(date.unix_timestamp()).since(now))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

    fn refused(status: u16, error: &Value) -> Unsent {
        judge(&Answer { status, retry_after: None, body: json!({"error": error}).to_string().into_bytes() }, NOW)
            .unwrap_err()
    }

    fn with_code(code: &str) -> Value {
        json!({"status": "ANY", "details": [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]})
    }

    #[test]
    fn only_what_names_the_token_takes_a_device_away() {
        assert_eq!(refused(404, &with_code("UNREGISTERED")), Unsent::Gone("UNREGISTERED"));
        assert_eq!(refused(403, &with_code("SENDER_ID_MISMATCH")), Unsent::Foreign("SENDER_ID_MISMATCH"));
        let of_field = |field: &str| {
            json!({"status": "INVALID_ARGUMENT", "details": [
                {"errorCode": "INVALID_ARGUMENT"}, {"fieldViolations": [{"field": field, "description": "Invalid"}]},
            ]})
        };
        assert_eq!(refused(400, &of_field("message.token")), Unsent::Gone("INVALID_ARGUMENT"));
        let by_word = "The registration token is not a valid FCM registration token";
        assert_eq!(refused(400, &json!({"message": by_word})), Unsent::Gone("INVALID_ARGUMENT"));
        for (status, error) in [
            (400, of_field("message.data[0].value")),
            (400, with_code("INVALID_ARGUMENT")),
            (400, with_code("UNREGISTERED")),
            (413, json!({})),
        ] {
            assert!(matches!(refused(status, &error), Unsent::Failed { failure: Failure::Refused(_), .. }), "{status}");
        }
        // No access, no such place: a device can't help it.
        for (status, error) in [(401, json!({"status": "UNAUTHENTICATED"})), (302, Value::Null)] {
            assert!(matches!(refused(status, &error), Unsent::Misconfigured(_)), "{status}");
        }
        // No project, no rights, or a device of which FCM says no more.
        for (status, error) in
            [(404, json!({"status": "NOT_FOUND"})), (404, Value::Null), (403, json!({"status": "PERMISSION_DENIED"}))]
        {
            assert!(matches!(refused(status, &error), Unsent::Unnamed(_)), "{status}");
        }
        let apple = refused(401, &with_code("THIRD_PARTY_AUTH_ERROR"));
        assert!(matches!(apple, Unsent::Failed { failure: Failure::Later(_), at_least: None }), "{apple:?}");
    }

    #[test]
    fn a_service_that_can_t_says_for_how_long() {
        let away = |status, retry_after: Option<&str>| {
            let answer = Answer { status, retry_after: retry_after.map(str::to_owned), body: b"<html>".to_vec() };
            match judge(&answer, NOW) {
                Err(Unsent::Failed { failure: Failure::Away(_), at_least } | Unsent::Unclear { at_least, .. }) => {
                    at_least.map(|span| span.as_secs())
                }
                other => panic!("{other:?}"),
            }
        };
        for status in [408, 429, 500, 503] {
            assert_eq!(away(status, Some("30")), Some(30));
            assert_eq!(away(status, Some("Thu, 01 Jan 2026 00:02:00 GMT")), Some(120));
            assert_eq!(away(status, Some("Thu, 01 Jan 2025 00:00:00 GMT")), Some(0));
        }
        for nonsense in [None, Some(""), Some("soon"), Some("-1"), Some("1.5")] {
            assert_eq!((away(429, nonsense), away(503, nonsense)), (Some(60), None), "{nonsense:?}");
        }
    }

    #[test]
    fn a_quota_of_one_device_is_told_from_those_that_all_share() {
        let over = |retry_after: Option<&str>, violation: &Value| {
            let details = json!([
                {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "QUOTA_EXCEEDED"},
                {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]},
            ]);
            let body = json!({"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}});
            let retry_after = retry_after.map(str::to_owned);
            judge(&Answer { status: 429, retry_after, body: body.to_string().into_bytes() }, NOW).unwrap_err()
        };
        for violation in [
            json!({"subject": "device:dW5r", "description": "Quota exceeded"}),
            json!({"description": "Device message rate exceeded."}),
        ] {
            for (retry_after, seconds) in [(None, 60), (Some("5"), 60), (Some("100"), 100)] {
                let Unsent::Failed { failure: Failure::Later(_), at_least } = over(retry_after, &violation) else {
                    panic!("{violation}")
                };
                assert_eq!(at_least, Some(Duration::from_secs(seconds)));
            }
        }
        let of_project = json!({"subject": "project:7", "description": "Message rate exceeded"});
        for violation in [of_project, json!({}), json!(7)] {
            let unsent = over(None, &violation);
            assert!(matches!(unsent, Unsent::Failed { failure: Failure::Away(_), .. }), "{violation}: {unsent:?}");
        }
    }

    #[test]
    fn sent_is_what_fcm_says_that_it_is_and_strangers_words_are_not_told_on() {
        let answer = |status, body: &str| judge(&Answer { status, body: body.into(), ..Answer::default() }, NOW);
        assert_eq!(answer(200, r#"{"name":"projects/p/messages/0:1"}"#), Ok(()));
        for body in ["", "<html>", "{}", "[]", r#"{"name":7}"#, r#"{"name":"welcome to this hotel"}"#] {
            assert!(matches!(answer(200, body), Err(Unsent::Failed { failure: Failure::Away(_), .. })), "{body}");
        }
        for body in
            [r#"{"error":{"message":"hunter2","status":"hunter2","details":[{"errorCode":"hunter2"}]}}"#, "hunter2"]
        {
            for status in [400, 401, 403, 404, 418, 429, 500, 503] {
                assert!(!format!("{:?}", answer(status, body)).contains("hunter2"), "{status}");
            }
        }
    }
}
