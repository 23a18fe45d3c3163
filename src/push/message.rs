//! A notice as FCM takes it (HTTP v1 API, `projects.messages`): on each kind of device one that comes twice takes the place
//! of itself, and what is no news any more is not shown.

use serde_json::{Value, json};

use super::Parcel;
use crate::clock::Timestamp;

/// The body of `messages:send`.
pub(super) fn written(parcel: &Parcel<'_>, now: Timestamp) -> Value {
    let Parcel { token, notice, expires_at, .. } = *parcel;
    let (id, seconds) = (parcel.id.to_string(), expires_at.since(now).as_secs());
    json!({"message": {
        "token": token.expose(),
        "notification": {"title": notice.title, "body": notice.body},
        // What a program needs to tell notices apart; all values have to be texts.
        "data": {"id": id, "kind": notice.topic.word(), "event": notice.event},
        "android": {
            "collapse_key": id,
            "priority": "HIGH",
            "ttl": format!("{seconds}s"),
            "notification": {"tag": id},
        },
        "apns": {
            "headers": {
                "apns-collapse-id": id,
                "apns-priority": "10",
                "apns-expiration": expires_at.seconds().to_string(),
            },
            "payload": {"aps": {"sound": "default"}},
        },
        "webpush": {
            // A topic has at most 32 characters (RFC 8030 section 5.4), as many as the id without its dashes.
            "headers": {"TTL": seconds.to_string(), "Topic": parcel.id.simple().to_string(), "Urgency": "high"},
            "notification": {"tag": id},
        },
    }})
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;
    use crate::model::device::PushToken;
    use crate::model::mail::Letter;
    use crate::model::notice::Notice;

    #[test]
    fn the_largest_message_is_far_below_what_the_service_takes_and_expires_in_time() {
        let token = PushToken::parse("", &"x".repeat(PushToken::MAX_CHARS)).unwrap();
        let notice = Notice::of(&Letter::SecondFactorOff { at: String::new() }).unwrap();
        let now = Timestamp::from_seconds(1_767_225_600);
        let parcel =
            Parcel { id: Uuid::max(), token: &token, notice: &notice, expires_at: now + Duration::from_hours(1) };
        let message = written(&parcel, now);
        assert!(message.to_string().len() < 4_096, "{message}");
        assert_eq!(message["message"]["android"]["ttl"], "3600s");
        assert_eq!(message["message"]["webpush"]["headers"]["TTL"], "3600");
        assert_eq!(message["message"]["webpush"]["headers"]["Topic"].as_str().unwrap().len(), 32);
        assert_eq!(message["message"]["apns"]["headers"]["apns-expiration"], "1767229200");
        // A moment too late it lives for no time at all, and not for ever.
        assert_eq!(written(&parcel, now + Duration::from_hours(2))["message"]["android"]["ttl"], "0s");
    }
}
