//! The root secret, and the key that each purpose derives from it (HKDF-SHA-256, RFC 5869): no two purposes share one.

use aws_lc_rs::{hkdf, hmac};

use crate::secret::SecretBytes;

/// The keys that one version of the root secret makes.
pub struct RootKeys {
    version: u8,
    /// Nonces that are bound to a wallet.
    pub bare_nonce: hmac::Key,
    /// Nonces that are bound to nothing.
    pub free_nonce: hmac::Key,
    /// Refresh tokens.
    pub refresh_token: hmac::Key,
    /// Session tokens.
    pub session_token: hmac::Key,
    /// API keys.
    pub api_key: hmac::Key,
    /// Codes that are mailed.
    pub mailed_code: hmac::Key,
    /// Tickets of sign-ins that lack the second factor.
    pub ticket: hmac::Key,
    /// Sign-ins that begin at an OpenID provider.
    pub started: hmac::Key,
    /// Keys at rest.
    pub seal: SecretBytes,
}

impl RootKeys {
    /// Derives the keys of `secret`, which the database knows as `version`.
    #[must_use]
    pub fn new(version: u8, secret: &SecretBytes) -> Self {
        let mac = |purpose| hmac::Key::new(hmac::HMAC_SHA256, derive(secret, purpose).expose());
        Self {
            version,
            bare_nonce: mac("bare nonce"),
            free_nonce: mac("free nonce"),
            refresh_token: mac("refresh token"),
            session_token: mac("session token"),
            api_key: mac("api key"),
            mailed_code: mac("mailed code"),
            ticket: mac("second factor ticket"),
            started: mac("openid sign-in"),
            seal: derive(secret, "seal"),
        }
    }

    /// The version by which the database knows this root secret.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }
}

/// A value by which a database recognises its root secret, and from which nothing can be learnt about it.
#[must_use]
pub fn check_value(secret: &SecretBytes) -> [u8; 32] {
    *derive(secret, "check value").expose()
}

#[expect(clippy::expect_used, reason = "HKDF fails only for more than 255 blocks of output; this is one")]
fn derive(secret: &SecretBytes, purpose: &str) -> SecretBytes {
    let mut key = [0; 32];
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, b"countersign v1").extract(secret.expose());
    extracted
        .expand(&[purpose.as_bytes()], hkdf::HKDF_SHA256)
        .and_then(|output| output.fill(&mut key))
        .expect("one block of output");
    SecretBytes::new(key)
}

/// All root secrets that verify; the newest one signs.
pub struct Keychain {
    current: RootKeys,
    previous: Vec<RootKeys>,
}

impl Keychain {
    /// A chain that signs with `current` and also verifies what `previous` signed.
    #[must_use]
    pub fn new(current: RootKeys, previous: Vec<RootKeys>) -> Self {
        Self { current, previous }
    }

    /// The keys that sign.
    #[must_use]
    pub fn current(&self) -> &RootKeys {
        &self.current
    }

    /// Every set of keys that verifies, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &RootKeys> {
        std::iter::once(&self.current).chain(&self.previous)
    }

    /// The keys of this version of the root secret.
    #[must_use]
    pub fn of_version(&self, version: u8) -> Option<&RootKeys> {
        self.all().find(|keys| keys.version == version)
    }
}
