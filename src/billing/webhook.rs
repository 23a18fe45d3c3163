//! What Stripe tells by itself: who signed it, and whom it is about. A pure function of what came in.

use std::fmt;
use std::time::Duration;

use aws_lc_rs::hmac;
use serde::Deserialize;
use serde_json::Value;

use crate::clock::Timestamp;
use crate::secret::SecretText;

/// How far the time of a signature may be from ours, either way: what was overheard is worth nothing after that.
pub const TOLERANCE: Duration = Duration::from_mins(5);

/// The longest header that is looked at, and the most signatures in it: while a secret is replaced there are two.
const LONGEST: usize = 2_048;
const MOST: usize = 16;

/// The longest id of an event.
const ID: usize = 255;

/// Why a webhook is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// There is no `Stripe-Signature`, or it can't be read.
    Unsigned,
    /// Nobody who knows the secret has signed this.
    Forged,
    /// It was signed too long ago, or in the future.
    Stale,
}

/// What happened at Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Whose it is, if anybody's.
    pub customer: Option<String>,
}

/// Makes sure that Stripe signed `body` a moment ago: `header` is its `Stripe-Signature`.
///
/// # Errors
/// [`Doubt`] says why it is not believed.
pub fn verify(secret: &SecretText, header: Option<&[u8]>, body: &[u8], now: Timestamp) -> Result<(), Doubt> {
    let header = header.filter(|header| header.len() <= LONGEST).ok_or(Doubt::Unsigned)?;
    let header = std::str::from_utf8(header).map_err(|_| Doubt::Unsigned)?;
    let (at, signatures) = read(header).ok_or(Doubt::Unsigned)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let signed = [at.to_string().as_bytes(), b".", body].concat();
    // In constant time, each of them.
    if !signatures.iter().any(|signature| hmac::verify(&key, &signed, signature).is_ok()) {
        return Err(Doubt::Forged);
    }
    let at = Timestamp::from_seconds(i64::from(at));
    if at + TOLERANCE < now || now + TOLERANCE < at { Err(Doubt::Stale) } else { Ok(()) }
}

/// Time and signatures of the scheme `v1`. Other schemes are passed over: Stripe signs events of tests by a `v0`.
fn read(header: &str) -> Option<(u32, Vec<[u8; 32]>)> {
    let mut at = None;
    let mut signatures = Vec::new();
    for part in header.split(',') {
        match part.trim().split_once('=')? {
            ("t", digits) if at.is_none() && is_number(digits) => at = Some(digits.parse().ok()?),
            ("t", _) => return None,
            ("v1", hex) => {
                let mut signature = [0; 32];
                if hex::decode_to_slice(hex, &mut signature).is_ok() {
                    signatures.push(signature);
                }
            }
            _ => {}
        }
    }
    let at = at?;
    (1..=MOST).contains(&signatures.len()).then_some((at, signatures))
}

/// Whether these are digits alone, as they were signed.
fn is_number(digits: &str) -> bool {
    digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
}

#[derive(Deserialize)]
struct Said {
    id: String,
    r#type: String,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

/// Reads an event that was verified; `None` if it is none.
#[must_use]
pub fn read_event(body: &[u8]) -> Option<Event> {
    let Said { id, r#type, data } = serde_json::from_slice(body).ok()?;
    if !(1..=ID).contains(&id.len()) || id.chars().any(char::is_control) {
        return None;
    }
    let object = data.object;
    let is_customer = object["object"] == "customer" || r#type == "customer.created" || r#type == "customer.deleted";
    let named = if is_customer { &object["id"] } else { &object["customer"] };
    // An id, or the whole object.
    let customer = named.as_str().or_else(|| named["id"].as_str()).map(str::to_owned);
    Some(Event { id, customer })
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsigned => "it has no signature that can be read",
            Self::Forged => "its signature is not by the webhook's secret",
            Self::Stale => "it was signed too long ago, or by a clock that differs",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

    /// By Python: `hmac.new(b"whsec_test", b"1767225600." + BODY, hashlib.sha256).hexdigest()`.
    const SIGNATURE: &str = "5175a92270ecaa65b149acd94ce7a03068465ba61fc6bfb1a23254cb1e38fd56";
    const BODY: &[u8] = br#"{"id":"evt_1","type":"customer.deleted","data":{"object":{"id":"cus_1"}}}"#;

    fn check(header: &str) -> Result<(), Doubt> {
        check_at(header, NOW)
    }

    fn check_at(header: &str, now: Timestamp) -> Result<(), Doubt> {
        verify(&SecretText::new("whsec_test".to_owned()), Some(header.as_bytes()), BODY, now)
    }

    #[test]
    fn what_was_signed_elsewhere_is_believed() {
        let (zeros, others) = ("0".repeat(64), "v0=aa,v2=bb");
        for header in [
            format!("t=1767225600,v1={SIGNATURE}"),
            format!("v1={SIGNATURE}, t=1767225600"),
            format!("t=1767225600,v1={zeros},v1={SIGNATURE},{others}"),
            format!("t=1767225600,v1=short,v1={SIGNATURE}"),
        ] {
            assert_eq!(check(&header), Ok(()), "{header}");
        }
    }

    #[test]
    fn a_signature_is_good_for_five_minutes_either_way() {
        let header = format!("t=1767225600,v1={SIGNATURE}");
        let second = Duration::from_secs(1);
        for now in [NOW + TOLERANCE, NOW - TOLERANCE] {
            assert_eq!(check_at(&header, now), Ok(()));
        }
        for now in [NOW + TOLERANCE + second, NOW - TOLERANCE - second] {
            assert_eq!(check_at(&header, now), Err(Doubt::Stale));
        }
    }

    #[test]
    fn any_other_byte_is_a_forgery() {
        let secret = SecretText::new("whsec_test".to_owned());
        let header = format!("t=1767225600,v1={SIGNATURE}");
        for index in 0..BODY.len() {
            let mut body = BODY.to_vec();
            body[index] ^= 1;
            assert_eq!(verify(&secret, Some(header.as_bytes()), &body, NOW), Err(Doubt::Forged));
        }
        let other = SecretText::new("whsec_other".to_owned());
        assert_eq!(verify(&other, Some(header.as_bytes()), BODY, NOW), Err(Doubt::Forged));
        assert_eq!(check(&format!("t=1767225601,v1={SIGNATURE}")), Err(Doubt::Forged));
        assert_eq!(check(&format!("t=1767225600,v1={}", "0".repeat(64))), Err(Doubt::Forged));
    }

    #[test]
    fn a_header_that_can_not_be_read_is_no_signature() {
        let many = format!("t=1767225600{}", format!(",v1={SIGNATURE}").repeat(17));
        let long = format!("t=1767225600,v1={SIGNATURE},v0={}", "a".repeat(LONGEST));
        for header in [
            "",
            ",",
            "t=",
            "t",
            "v1",
            "t=1767225600",
            &format!("v1={SIGNATURE}"),
            &format!("t=-1,v1={SIGNATURE}"),
            &format!("t=+1767225600,v1={SIGNATURE}"),
            &format!("t=01767225600,v1={SIGNATURE}"),
            &format!("t=1767225600,t=1767225600,v1={SIGNATURE}"),
            &format!("t=99999999999999999999,v1={SIGNATURE}"),
            &format!("t=1767225600,v0={SIGNATURE}"),
            &format!("t=1767225600,v1={}", &SIGNATURE[2..]),
            &many,
            &long,
        ] {
            assert_eq!(check(header), Err(Doubt::Unsigned), "{header}");
        }
        let secret = SecretText::new("whsec_test".to_owned());
        for header in [None, Some(&b"\xff\xfe"[..])] {
            assert_eq!(verify(&secret, header, BODY, NOW), Err(Doubt::Unsigned));
        }
    }

    #[test]
    fn an_event_tells_whom_it_is_about() {
        let read = |text: &str| read_event(text.as_bytes()).map(|event| event.customer);
        let of = |id: &str| Some(Some(id.to_owned()));
        assert_eq!(read_event(BODY).unwrap(), Event { id: "evt_1".to_owned(), customer: Some("cus_1".to_owned()) });
        let about = |object: &str| format!(r#"{{"id":"evt_1","type":"invoice.paid","data":{{"object":{object}}}}}"#);
        assert_eq!(read(&about(r#"{"id":"in_1","customer":"cus_2"}"#)), of("cus_2"));
        assert_eq!(read(&about(r#"{"id":"in_1","customer":{"id":"cus_3"}}"#)), of("cus_3"));
        assert_eq!(read(&about(r#"{"id":"cus_4","object":"customer"}"#)), of("cus_4"));
        assert_eq!(read(&about(r#"{"id":"in_1"}"#)), Some(None));
        assert_eq!(read(&about("[]")), Some(None));
        for none in ["", "{}", "[]", r#"{"id":1}"#, r#"{"id":"","type":"a","data":{"object":{}}}"#] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
