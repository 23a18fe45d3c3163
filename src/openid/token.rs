//! The rules for an ID token (OpenID Connect Core section 3.1.3.7), and what it says once they are kept.

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use openidconnect::core::{CoreIdToken, CoreIdTokenVerifier, CoreJwsSigningAlgorithm, CoreProviderMetadata};
use openidconnect::{ClaimsVerificationError, ClientId, Nonce, SignatureVerificationError};

use super::Profile;
use crate::clock::Timestamp;

/// How far the provider's clock and ours may be apart.
const SKEW: Duration = Duration::from_mins(1);

/// The longest subject there is (section 2).
const SUBJECT: usize = 255;

/// How an ID token may be signed: by a key that only the provider has. So neither `none`, nor an HMAC whose key would be
/// something that others know as well.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 3] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// Which rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No key that is known has signed it.
    UnknownKey,
    /// Another one.
    Rule(&'static str),
}

/// Whom the token is about. With a `nonce`, it has to be in there.
pub(super) fn verify(
    token: &CoreIdToken,
    known: &CoreProviderMetadata,
    client: &ClientId,
    nonce: Option<&str>,
    now: Timestamp,
) -> Result<Profile, Refusal> {
    let expected = nonce.map(|nonce| Nonce::new(nonce.to_owned()));
    let judge_nonce = |given: Option<&Nonce>| match &expected {
        Some(expected) => openidconnect::NonceVerifier::verify(expected, given),
        None => Ok(()),
    };
    // As of a client without a secret: its secret is no key here.
    let verifier = CoreIdTokenVerifier::new_public_client(client.clone(), known.issuer().clone(), known.jwks().clone())
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || moment(now - SKEW))
        .set_issue_time_verifier_fn(move |issued| {
            if issued <= moment(now + SKEW) { Ok(()) } else { Err("issued in the future".to_owned()) }
        })
        // Judged below, with `azp`.
        .set_other_audience_verifier_fn(|_| true);
    let claims = token.claims(&verifier, judge_nonce).map_err(|error| refusal(&error))?;
    let presented_by = claims.authorized_party();
    let is_for_others_too = claims.audiences().len() > 1;
    if presented_by.map_or(is_for_others_too, |party| party != client) {
        return Err(Refusal::Rule("azp"));
    }
    let subject = claims.subject().as_str();
    if subject.is_empty() || subject.len() > SUBJECT || !subject.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Err(Refusal::Rule("sub"));
    }
    Ok(Profile {
        subject: subject.to_owned(),
        email: claims.email().map(|email| email.as_str().to_owned()),
        // What it does not say it has not verified.
        email_verified: claims.email_verified() == Some(true),
        name: claims.name().and_then(|name| name.get(None)).map(|name| name.as_str().to_owned()),
    })
}

fn moment(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.micros()).unwrap_or_default()
}

/// The claim or the part that is wrong, without what it says: that may be anything.
fn refusal(error: &ClaimsVerificationError) -> Refusal {
    Refusal::Rule(match error {
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey) => {
            return Refusal::UnknownKey;
        }
        ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoSignature) => "alg: none",
        ClaimsVerificationError::SignatureVerification(
            SignatureVerificationError::DisallowedAlg(_) | SignatureVerificationError::UnsupportedAlg(_),
        ) => "alg",
        ClaimsVerificationError::SignatureVerification(_) => "signature",
        ClaimsVerificationError::Expired(_) => "exp",
        ClaimsVerificationError::InvalidAudience(_) => "aud",
        ClaimsVerificationError::InvalidIssuer(_) => "iss",
        ClaimsVerificationError::InvalidNonce(_) => "nonce",
        ClaimsVerificationError::InvalidSubject(_) => "sub",
        _ => "its form, or iat",
    })
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => f.write_str("it is signed by a key that the provider does not publish"),
            Self::Rule(rule) => f.write_str(rule),
        }
    }
}
