//! A session as a script holds it: its tokens, and what can be told from them without the server.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::failure::Failure;
use super::{text, variable};
use crate::clock::{Clock, Timestamp};

/// A session, as the gateway answered it.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Session {
    pub(super) address: String,
    pub(super) token: String,
    pub(super) expires_at: String,
    pub(super) refresh_token: String,
}

impl Session {
    /// The session of an answer to a sign-in.
    pub(super) fn of(answer: &Value) -> Result<Self, Failure> {
        Ok(Self {
            address: text(answer, "address")?.to_owned(),
            token: text(answer, "token")?.to_owned(),
            expires_at: text(answer, "expiresAt")?.to_owned(),
            refresh_token: text(answer, "refreshToken")?.to_owned(),
        })
    }

    /// The session with the tokens of an answer to a refresh.
    pub(super) fn refreshed(self, answer: &Value) -> Result<Self, Failure> {
        Ok(Self {
            token: text(answer, "token")?.to_owned(),
            expires_at: text(answer, "expiresAt")?.to_owned(),
            refresh_token: text(answer, "refreshToken")?.to_owned(),
            ..self
        })
    }

    /// The session of `COUNTERSIGN_TOKEN`; the server says whether it is good.
    pub(super) fn of_environment() -> Result<Option<Self>, Failure> {
        // Empty is not absent: a script whose login failed must not go on as whoever is signed in here.
        variable("COUNTERSIGN_TOKEN")?.map(|token| Self::of_token(token.trim())).transpose()
    }

    fn of_token(token: &str) -> Result<Self, Failure> {
        let claims = claims(token);
        let address = claims["address"].as_str().filter(|address| address.bytes().all(|b| b.is_ascii_alphanumeric()));
        let wrong = "COUNTERSIGN_TOKEN: this is no access token of a wallet; set it to what countersign login prints, \
                     or unset it";
        let address = address.ok_or_else(|| Failure::WrongUse(wrong.to_owned()))?.to_owned();
        let expires_at = Timestamp::from_seconds(claims["exp"].as_i64().unwrap_or_default()).rfc3339();
        Ok(Self { address, token: token.to_owned(), expires_at, refresh_token: String::new() })
    }

    /// Whether the access token has expired, by our own clock.
    pub(super) fn is_over(&self) -> bool {
        claims(&self.token)["exp"].as_i64().is_none_or(|exp| Clock::System.now() >= Timestamp::from_seconds(exp))
    }

    /// Whether the other one is this session too, maybe with older or newer tokens.
    pub(super) fn is(&self, other: &Self) -> bool {
        let (ours, theirs) = (claims(&self.token), claims(&other.token));
        self.token == other.token || (ours["sid"].is_string() && ours["sid"] == theirs["sid"])
    }
}

/// What an access token says, unverified: only the server needs to believe it. Nothing, if it can't be one: three parts
/// of base64url (RFC 7515 section 3.1), which is also what may stand in a header.
fn claims(token: &str) -> Value {
    let is_part = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    let parts: Vec<&str> = token.split('.').collect();
    let [_, payload, _] = parts[..] else { return Value::Null };
    if !parts.iter().all(|part| is_part(part)) {
        return Value::Null;
    }
    let payload = URL_SAFE_NO_PAD.decode(payload).ok();
    payload.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// A session of this id with an unsigned token that expires at `exp`.
    pub(in super::super) fn session(sid: &str, exp: i64, refresh_token: &str) -> Session {
        let claims = json!({"sid": sid, "exp": exp, "address": "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"});
        let token = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let refresh_token = refresh_token.to_owned();
        Session { refresh_token, ..Session::of_token(&token).unwrap() }
    }

    #[test]
    fn what_can_be_no_access_token_is_wrong_use_and_not_an_absent_server() {
        let good = session("1", 0, "").token;
        assert!(Session::of_token(&good).is_ok());
        let inner = good.replacen('.', ". ", 1);
        let wrong = ["", "no token", "a.b", &inner, &format!("{good}\r\nx: y"), &format!("{good}é"), &good[..20]];
        for token in wrong {
            let failure = Session::of_token(token).map(|session| session.token).unwrap_err();
            assert_eq!(failure.code(), 2, "{token:?}");
        }
    }

    #[test]
    fn a_session_is_the_same_with_other_tokens() {
        let first = session("1", 1, "a");
        assert!(first.is(&session("1", 2, "b")));
        assert!(!first.is(&session("2", 1, "a")));
    }
}
