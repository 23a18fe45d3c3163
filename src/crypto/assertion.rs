//! Assertions of a service account (RFC 7523): short JWTs that are signed by its RSA key (RS256), with which it shows at
//! another service who it is.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use crate::model::Error;

/// The key of a service account.
pub struct AssertionKey {
    pair: RsaKeyPair,
    /// The first segment of every assertion.
    header: String,
}

/// What an assertion says.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AssertionClaims<'a> {
    /// Who asserts it.
    pub iss: &'a str,
    /// What is asked for.
    pub scope: &'a str,
    /// Of whom.
    pub aud: &'a str,
    /// When, in seconds since the Unix epoch.
    pub iat: i64,
    /// Until when.
    pub exp: i64,
}

impl AssertionKey {
    /// Reads a key in PEM (RFC 7468), in PKCS#8 or PKCS#1, of 2048 bits or more; `None` for anything else.
    #[must_use]
    pub fn parse(pem: &str, id: Option<&str>) -> Option<Self> {
        let pair = match body(pem, "PRIVATE KEY") {
            Some(der) => RsaKeyPair::from_pkcs8(&der).ok()?,
            None => RsaKeyPair::from_der(&body(pem, "RSA PRIVATE KEY")?).ok()?,
        };
        let mut header = json!({"alg": "RS256", "typ": "JWT"});
        if let Some(id) = id {
            header["kid"] = id.into();
        }
        Some(Self { pair, header: URL_SAFE_NO_PAD.encode(header.to_string()) })
    }

    /// Signs the claims.
    ///
    /// # Errors
    /// [`Error::Internal`] if the library refuses.
    pub fn sign(&self, claims: &AssertionClaims<'_>) -> Result<String, Error> {
        let payload = serde_json::to_vec(claims).map_err(|error| Error::Internal(error.into()))?;
        let signed = format!("{}.{}", self.header, URL_SAFE_NO_PAD.encode(payload));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        // This padding takes no randomness; the library wants a source all the same.
        let done = self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature);
        done.map_err(|_| Error::internal("an assertion can't be signed"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// What stands between the lines of this label.
fn body(pem: &str, label: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (text, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let text: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| !c.is_ascii_whitespace()).collect());
    STANDARD.decode(text.as_str()).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::Value;

    use super::*;

    #[test]
    fn an_assertion_is_verified_by_the_public_key_and_by_no_other() {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let pem =
            format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()));
        let key = AssertionKey::parse(&pem, Some("k1")).unwrap();
        let claims = AssertionClaims { iss: "a", scope: "b", aud: "c", iat: 1, exp: 2 };
        let token = key.sign(&claims).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, payload) = signed.split_once('.').unwrap();
        let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
        assert_eq!(read(header), json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
        assert_eq!(read(payload), json!({"iss": "a", "scope": "b", "aud": "c", "iat": 1, "exp": 2}));
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let verified = |pair: &RsaKeyPair| {
            let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref().to_vec());
            public.verify(signed.as_bytes(), &signature).is_ok()
        };
        assert!(verified(&pair) && !verified(&RsaKeyPair::generate(KeySize::Rsa2048).unwrap()));
    }

    #[test]
    fn what_is_no_rsa_key_is_none() {
        let begin = "-----BEGIN PRIVATE KEY-----";
        for pem in [
            "",
            "hunter2",
            begin,
            &format!("{begin}AAAA-----END PRIVATE KEY-----"),
            &format!("{begin}%-----END PRIVATE KEY-----"),
        ] {
            assert!(AssertionKey::parse(pem, None).is_none(), "{pem}");
        }
    }
}
