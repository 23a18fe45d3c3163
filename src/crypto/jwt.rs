//! Access tokens: JWTs in the profile of RFC 9068, with the claims of ours.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::keyring::{Keyring, SigningKey, is_header};
use crate::clock::Timestamp;
use crate::model::Error;

/// The longest token that is looked at; ours have less than half of it.
const LONGEST: usize = 2048;

/// Two dots, 64 bytes in base64url, and what rounding adds.
const LONGEST_SIGNATURE: usize = 2 + 86 + 3;

/// What an access token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// The gateway that issued it.
    pub iss: String,
    /// The account.
    pub sub: Uuid,
    /// For whom it is.
    pub aud: String,
    /// When it was issued, in seconds since the Unix epoch.
    pub iat: i64,
    /// From when on it is refused.
    pub exp: i64,
    /// Its own id.
    pub jti: Uuid,
    /// The session.
    pub sid: Uuid,
    /// How its owner was authenticated (RFC 8176); `pop` is proof of possession of a key.
    pub amr: Vec<String>,
    /// What its owner may do.
    pub roles: Vec<String>,
    /// Whether the e-mail address was proven.
    pub evf: bool,
    /// The wallet that signed in, in CAIP-10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wallet: Option<String>,
    /// The address of that wallet in EIP-55 form; for a key wallet only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// What the plan gives that its owner subscribes to, if one was in force when it was issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
}

/// Why an access token is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is genuine, and over.
    Expired,
    /// Anything else: the caller learns no more, since only a forger would gain by it.
    Invalid,
}

/// What a token must say to be for us.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The `iss` that it must have.
    pub issuer: &'a str,
    /// The `aud` that it must have.
    pub audience: &'a str,
    /// How far ahead the clock of the node that issued it may be.
    pub skew: Duration,
}

/// Signs the claims.
///
/// # Errors
/// [`Error::Internal`] if the library refuses.
pub fn sign(key: &SigningKey, claims: &AccessClaims) -> Result<String, Error> {
    // As long as they become, so that they are not moved while they grow.
    let mut payload = Vec::with_capacity(640);
    serde_json::to_writer(&mut payload, claims).map_err(|error| Error::Internal(error.into()))?;
    let mut token = String::with_capacity(key.header().len() + payload.len() * 4 / 3 + LONGEST_SIGNATURE);
    token.push_str(key.header());
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(payload, &mut token);
    let signature = key.sign(token.as_bytes())?;
    token.push('.');
    token.push_str(&signature);
    Ok(token)
}

/// Verifies a token and gives its claims.
///
/// The header must be, to the byte, the one that a key of the ring puts on its tokens: that fixes algorithm, type and
/// key, and leaves no room for `none`, a foreign `jwk`, `crit` or a name written twice (RFC 8725 sections 3.1, 3.11).
///
/// # Errors
/// [`Refusal`]; a token that is both over and wrong is [`Refusal::Invalid`].
pub fn verify(ring: &Keyring, token: &str, expected: Expected<'_>, now: Timestamp) -> Result<AccessClaims, Refusal> {
    if token.len() > LONGEST {
        return Err(Refusal::Invalid);
    }
    let (message, signature) = token.rsplit_once('.').ok_or(Refusal::Invalid)?;
    let (header, payload) = message.split_once('.').ok_or(Refusal::Invalid)?;
    let key = ring.by_header(header).ok_or(Refusal::Invalid)?;
    if !key.verifies(message.as_bytes(), signature) {
        return Err(Refusal::Invalid);
    }
    let payload = URL_SAFE_NO_PAD.decode(payload).map_err(|_| Refusal::Invalid)?;
    let claims: AccessClaims = serde_json::from_slice(&payload).map_err(|_| Refusal::Invalid)?;
    let not_yet = Timestamp::from_seconds(claims.iat) > now + expected.skew;
    if claims.iss != expected.issuer || claims.aud != expected.audience || not_yet {
        return Err(Refusal::Invalid);
    }
    if claims.is_over(now) { Err(Refusal::Expired) } else { Ok(claims) }
}

/// Whether a token looks like one of ours and names a key that the ring does not hold: one that another node made since,
/// or a made-up one.
#[must_use]
pub fn names_unknown_key(ring: &Keyring, token: &str) -> bool {
    let header = token.split_once('.').map(|(header, _)| header).filter(|_| token.len() <= LONGEST);
    header.is_some_and(|header| ring.by_header(header).is_none() && is_header(header))
}

impl AccessClaims {
    /// Whether its time is over. There is no leeway: the clock that set it is ours.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= Timestamp::from_seconds(self.exp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Algorithm;
    use crate::random::Random;

    const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
    const EXPECTED: Expected<'static> =
        Expected { issuer: "https://id.example", audience: "https://api.example", skew: Duration::from_secs(30) };

    fn ring(algorithm: Algorithm) -> Keyring {
        let pkcs8 = SigningKey::generate(algorithm, &Random::system()).unwrap();
        Keyring::new(vec![SigningKey::parse(algorithm, &pkcs8, NOW).unwrap()])
    }

    fn claims() -> AccessClaims {
        AccessClaims {
            iss: EXPECTED.issuer.to_owned(),
            sub: Uuid::from_u128(1),
            aud: EXPECTED.audience.to_owned(),
            iat: NOW.seconds(),
            exp: NOW.seconds() + 1800,
            jti: Uuid::from_u128(2),
            sid: Uuid::from_u128(3),
            amr: vec!["pop".to_owned()],
            roles: vec!["USER".to_owned()],
            evf: false,
            wallet: None,
            address: None,
            plan: None,
        }
    }

    fn signed(ring: &Keyring, algorithm: Algorithm, claims: &AccessClaims) -> String {
        sign(ring.signing(algorithm, NOW).unwrap(), claims).unwrap()
    }

    #[test]
    fn a_token_of_either_algorithm_verifies() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let ring = ring(algorithm);
            let token = signed(&ring, algorithm, &claims());
            assert_eq!(verify(&ring, &token, EXPECTED, NOW), Ok(claims()));
        }
    }

    #[test]
    fn time_issuer_and_audience_are_compared() {
        let ring = ring(Algorithm::EdDsa);
        let table = [
            (AccessClaims { exp: NOW.seconds(), ..claims() }, Refusal::Expired),
            (AccessClaims { iat: NOW.seconds() + 31, ..claims() }, Refusal::Invalid),
            (AccessClaims { iss: "https://evil.example".to_owned(), ..claims() }, Refusal::Invalid),
            (AccessClaims { aud: "https://other.example".to_owned(), ..claims() }, Refusal::Invalid),
            (AccessClaims { aud: "x".to_owned(), exp: 0, ..claims() }, Refusal::Invalid),
        ];
        for (claims, refusal) in table {
            let token = signed(&ring, Algorithm::EdDsa, &claims);
            assert_eq!(verify(&ring, &token, EXPECTED, NOW), Err(refusal), "{claims:?}");
        }
    }

    #[test]
    fn every_changed_character_is_refused() {
        let ring = ring(Algorithm::EdDsa);
        let token = signed(&ring, Algorithm::EdDsa, &claims());
        for at in 0..token.len() {
            for other in ['A', 'z', '.', '=', '-'] {
                let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                assert!(changed == token || verify(&ring, &changed, EXPECTED, NOW).is_err(), "{at} {other}");
            }
            assert!(verify(&ring, &token[..at], EXPECTED, NOW).is_err());
        }
        assert!(verify(&ring, &"a".repeat(5000), EXPECTED, NOW).is_err());
    }

    #[test]
    fn a_key_is_unknown_if_its_header_is_of_our_form_and_of_no_key_of_the_ring() {
        for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
            let (own, other) = (ring(algorithm), ring(algorithm));
            let token = signed(&own, algorithm, &claims());
            assert!(names_unknown_key(&other, &token) && !names_unknown_key(&own, &token));
            let (_, rest) = token.split_once('.').unwrap();
            for header in ["", "e30", "!", "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"short\"}"] {
                assert!(!names_unknown_key(&other, &format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header))));
            }
            assert!(!names_unknown_key(&other, &format!("{token}{}", "a".repeat(LONGEST))));
        }
    }

    #[test]
    fn a_payload_that_repeats_a_claim_is_refused_although_we_signed_it() {
        let ring = ring(Algorithm::EdDsa);
        let key = ring.signing(Algorithm::EdDsa, NOW).unwrap();
        let payload = serde_json::to_string(&claims()).unwrap().replacen('{', r#"{"iss":"https://id.example","#, 1);
        let message = format!("{}.{}", key.header(), URL_SAFE_NO_PAD.encode(payload));
        let token = format!("{message}.{}", key.sign(message.as_bytes()).unwrap());
        assert_eq!(verify(&ring, &token, EXPECTED, NOW), Err(Refusal::Invalid));
    }
}
