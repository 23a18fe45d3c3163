//! The ring of signing keys: one signs, all that are not retired verify, and all are published as a JWK set.

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::DecodingKey;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::config::Algorithm;
use crate::model::Error;
use crate::random::Random;

/// The private half of a signing key, parsed once: parsing it for each token doubles the cost of signing.
enum Pair {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

/// The public half of a signing key: all that it takes to verify.
pub struct PublicKey {
    algorithm: Algorithm,
    verifier: DecodingKey,
}

/// A signing key with all that is computed from it once.
pub struct SigningKey {
    kid: String,
    active_from: Timestamp,
    pair: Pair,
    /// The first segment of every token it signs; what has another one was not signed by it.
    header: String,
    public: PublicKey,
    jwk: PublicJwk,
}

/// A public key as RFC 7517 and RFC 8037 write it.
#[derive(Clone, Debug, Serialize)]
pub struct PublicJwk {
    kty: &'static str,
    crv: &'static str,
    x: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    kid: String,
    alg: &'static str,
    #[serde(rename = "use")]
    usage: &'static str,
}

/// A JWK set (RFC 7517 section 5).
#[derive(Clone, Debug, Serialize)]
pub struct Jwks {
    keys: Vec<PublicJwk>,
}

impl PublicKey {
    /// The key of a JWK's coordinates in base64url: `x` alone is one of Ed25519 (RFC 8037 section 2), `x` and `y` are
    /// one of P-256 (RFC 7518 section 6.2.1). A point that is none of the curve's verifies nothing.
    ///
    /// # Errors
    /// [`Error::Internal`] if they are not base64url.
    pub fn of_coordinates(x: &str, y: Option<&str>) -> Result<Self, Error> {
        let (algorithm, verifier) = match y {
            None => (Algorithm::EdDsa, DecodingKey::from_ed_components(x)),
            Some(y) => (Algorithm::Es256, DecodingKey::from_ec_components(x, y)),
        };
        let verifier = verifier.map_err(|error| Error::Internal(error.into()))?;
        Ok(Self { algorithm, verifier })
    }

    /// Whether `signature` (base64url) is this key's over `message`. The algorithm is the key's, never the token's.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        let algorithm = match self.algorithm {
            Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
            Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        };
        jsonwebtoken::crypto::verify(signature, message, &self.verifier, algorithm).unwrap_or(false)
    }
}

impl SigningKey {
    /// Makes a new private key; in PKCS#8, to be sealed.
    ///
    /// # Errors
    /// [`Error::Internal`] if the library can't make one.
    pub fn generate(algorithm: Algorithm, random: &Random) -> Result<Zeroizing<Vec<u8>>, Error> {
        let fault = |_| Error::internal("a signing key can't be made");
        match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_seed_unchecked(&random.bytes::<32>())
                    .map_err(|_| Error::internal("a signing key can't be made"))?;
                let pkcs8 = pair.to_pkcs8().map_err(fault)?;
                Ok(Zeroizing::new(pkcs8.as_ref().to_vec()))
            }
            // The library draws the randomness of ECDSA by itself, here and for each signature.
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(fault)?;
                let pkcs8 = pair.to_pkcs8v1().map_err(fault)?;
                Ok(Zeroizing::new(pkcs8.as_ref().to_vec()))
            }
        }
    }

    /// Parses a private key in PKCS#8 that signs from `active_from` on.
    ///
    /// # Errors
    /// [`Error::Internal`] if it is not a key of this algorithm.
    pub fn parse(algorithm: Algorithm, pkcs8: &[u8], active_from: Timestamp) -> Result<Self, Error> {
        const FAULT: &str = "a signing key in the database is not one of its algorithm";
        let (pair, kty, crv, x, y) = match algorithm {
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| Error::internal(FAULT))?;
                let x = URL_SAFE_NO_PAD.encode(pair.public_key());
                (Pair::Ed25519(pair), "OKP", "Ed25519", x, None)
            }
            Algorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
                    .map_err(|_| Error::internal(FAULT))?;
                // SEC 1 section 2.3.3: 04, then x and y of 32 bytes each.
                let point = pair.public_key().as_ref();
                let (x, y) = point.get(1..33).zip(point.get(33..65)).ok_or(Error::internal(FAULT))?;
                let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
                (Pair::P256(pair), "EC", "P-256", x, Some(y))
            }
        };
        let public = PublicKey::of_coordinates(&x, y.as_deref())?;
        let kid = thumbprint(kty, crv, &x, y.as_deref());
        let header = header(algorithm, &kid);
        let jwk = PublicJwk { kty, crv, x, y, kid: kid.clone(), alg: algorithm.name(), usage: "sig" };
        Ok(Self { kid, active_from, pair, header, public, jwk })
    }

    /// Its id: the thumbprint of its public half (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The first segment of every token it signs.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Signs `message`; the signature as base64url.
    ///
    /// # Errors
    /// [`Error::Internal`] if the library refuses.
    pub fn sign(&self, message: &[u8]) -> Result<String, Error> {
        let signature = match &self.pair {
            Pair::Ed25519(pair) => pair.sign(message),
            Pair::P256(pair) => pair
                .sign(&SystemRandom::new(), message)
                .map_err(|_| Error::internal("an ES256 signature can't be made"))?,
        };
        Ok(URL_SAFE_NO_PAD.encode(signature))
    }

    /// Whether its public half verifies `signature` (base64url) over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &str) -> bool {
        self.public.verifies(message, signature)
    }
}

/// The first segment of every token that the key of this id signs.
fn header(algorithm: Algorithm, kid: &str) -> String {
    let alg = algorithm.name();
    URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"{alg}","typ":"at+jwt","kid":"{kid}"}}"#))
}

/// Whether `segment` is what some key of ours would put on its tokens, whether or not there is such a key.
#[must_use]
pub fn is_header(segment: &str) -> bool {
    let decoded = URL_SAFE_NO_PAD.decode(segment).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let kid = decoded.as_deref().and_then(|text| text.strip_suffix("\"}")?.rsplit('"').next());
    let is_thumbprint = |kid: &str| URL_SAFE_NO_PAD.decode(kid).is_ok_and(|digest| digest.len() == 32);
    let is_header_of = |kid| [Algorithm::EdDsa, Algorithm::Es256].into_iter().any(|a| header(a, kid) == segment);
    kid.is_some_and(|kid| is_thumbprint(kid) && is_header_of(kid))
}

/// RFC 7638 section 3: SHA-256 over the required members in lexicographic order, without white space.
fn thumbprint(kty: &str, crv: &str, x: &str, y: Option<&str>) -> String {
    let y = y.map(|y| format!(r#","y":"{y}""#)).unwrap_or_default();
    let canonical = format!(r#"{{"crv":"{crv}","kty":"{kty}","x":"{x}"{y}}}"#);
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, canonical.as_bytes()))
}

/// The keys that are in use. Replaced as a whole when they change.
pub struct Keyring {
    /// By the time at which they begin to sign, the newest last.
    keys: Vec<SigningKey>,
}

impl Keyring {
    /// A ring of `keys`, the newest last.
    #[must_use]
    pub fn new(keys: Vec<SigningKey>) -> Self {
        Self { keys }
    }

    /// The key that signs at `now`: the newest active one of this algorithm, or, while that is only published yet, of
    /// any.
    ///
    /// # Errors
    /// [`Error::Internal`] if there is none, which the start makes sure of.
    pub fn signing(&self, algorithm: Algorithm, now: Timestamp) -> Result<&SigningKey, Error> {
        let facts = |key: &SigningKey| (key.public.algorithm == algorithm, key.active_from);
        signing(&self.keys, facts, now).ok_or(Error::internal("there is no active signing key"))
    }

    /// Whether there is a key of this algorithm, active or not.
    #[must_use]
    pub fn has(&self, algorithm: Algorithm) -> bool {
        self.keys.iter().any(|key| key.public.algorithm == algorithm)
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The key whose tokens begin with this segment.
    #[must_use]
    pub fn by_header(&self, header: &str) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.header == header)
    }

    /// The public halves, for whoever verifies elsewhere.
    #[must_use]
    pub fn jwks(&self) -> Jwks {
        Jwks { keys: self.keys.iter().map(|key| key.jwk.clone()).collect() }
    }
}

/// The one of `keys`, the newest last, that signs at `now`. `facts` tells whether a key is of the preferred algorithm,
/// and from when on it signs: that much is known of a key without opening it.
pub fn signing<T>(keys: &[T], facts: impl Fn(&T) -> (bool, Timestamp), now: Timestamp) -> Option<&T> {
    let active = || keys.iter().rev().filter(|key| facts(key).1 <= now);
    active().find(|key| facts(key).0).or_else(|| active().next())
}
