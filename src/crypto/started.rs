//! What a sign-in at an OpenID provider begins with: `state`, `nonce` and the PKCE verifier, all derived from the root
//! secret, so that beginning one stores nothing.

use std::time::Duration;

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::root::{Keychain, RootKeys};
use crate::clock::Timestamp;

/// How long somebody has to sign in at the provider: with a second factor there, and a password that is looked for.
pub const LIFETIME: Duration = Duration::from_mins(10);

const PREFIX: &str = "cgs_";
const SIGNED: usize = 1 + 5 + 16;
const TAG: usize = 20;
/// 42 bytes are 56 characters of base64 without a bit to spare: there is one spelling only.
const ENCODED: usize = (SIGNED + TAG) / 3 * 4;

/// A sign-in that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// What tells it from others.
    pub id: [u8; 16],
    /// From when on it is refused.
    pub expires_at: Timestamp,
    /// The version of the root secret that it is derived from.
    version: u8,
}

/// What goes to the provider and comes back.
pub struct Secrets {
    /// What the provider puts into the ID token (OpenID Connect Core section 3.1.2.1).
    pub nonce: String,
    /// What proves to the provider that the code is ours (RFC 7636 section 4.1).
    pub verifier: String,
}

impl Started {
    /// A sign-in with this id, under the newest root secret.
    #[must_use]
    pub fn new(keys: &RootKeys, id: [u8; 16], expires_at: Timestamp) -> Self {
        Self { id, expires_at: expires_at.whole_seconds(), version: keys.version() }
    }

    /// The `state` for the page `redirect_uri`: `cgs_` and base64url of root-secret version (1 byte), expiry in seconds
    /// (5), id (16) and tag (20). `None` if the keychain has not made it.
    #[must_use]
    pub fn state(&self, keychain: &Keychain, redirect_uri: &str) -> Option<String> {
        let signed = self.signed();
        let tag = tag(&keychain.of_version(self.version)?.started, &signed, redirect_uri);
        Some(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([&signed[..], &tag].concat())))
    }

    /// The sign-in of a `state` that came back, and the page of `redirect_uris` that it was for; `None` if none of ours.
    /// Whether its time is over, or it was used, is another question.
    #[must_use]
    pub fn read<'a>(keychain: &Keychain, state: &str, redirect_uris: &'a [String]) -> Option<(Self, &'a str)> {
        let encoded = state.strip_prefix(PREFIX).filter(|encoded| encoded.len() == ENCODED)?;
        let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let (signed, given) = bytes.split_at_checked(SIGNED)?;
        let keys = keychain.of_version(signed[0])?;
        let fits =
            |uri: &&String| constant_time::verify_slices_are_equal(&tag(&keys.started, signed, uri), given).is_ok();
        let redirect_uri = redirect_uris.iter().find(fits)?;
        let mut seconds = [0; 8];
        seconds[3..].copy_from_slice(&signed[1..6]);
        let expires_at = Timestamp::from_seconds(i64::from_be_bytes(seconds));
        let id = signed[6..].try_into().ok()?;
        Some((Self { id, expires_at, version: signed[0] }, redirect_uri))
    }

    /// What goes to the provider with it; `None` if its root secret is not known any more.
    #[must_use]
    pub fn secrets(&self, keychain: &Keychain) -> Option<Secrets> {
        let key = &keychain.of_version(self.version)?.started;
        let derive = |purpose: &str| URL_SAFE_NO_PAD.encode(mac(key, purpose, &self.signed(), ""));
        Some(Secrets { nonce: derive("nonce"), verifier: derive("verifier") })
    }

    fn signed(&self) -> [u8; SIGNED] {
        let mut signed = [0; SIGNED];
        signed[0] = self.version;
        signed[1..6].copy_from_slice(&self.expires_at.seconds().to_be_bytes()[3..]);
        signed[6..].copy_from_slice(&self.id);
        signed
    }
}

fn tag(key: &hmac::Key, signed: &[u8], redirect_uri: &str) -> [u8; TAG] {
    let mut tag = [0; TAG];
    tag.copy_from_slice(&mac(key, "state", signed, redirect_uri).as_ref()[..TAG]);
    tag
}

/// No two purposes make the same bytes: none of them has a zero byte, and what follows it is of one length but for the
/// last part.
fn mac(key: &hmac::Key, purpose: &str, signed: &[u8], rest: &str) -> hmac::Tag {
    let mut mac = hmac::Context::with_key(key);
    for part in [purpose.as_bytes(), &[0], signed, rest.as_bytes()] {
        mac.update(part);
    }
    mac.sign()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;

    fn keychain(seed: u8) -> Keychain {
        let keys = |version, seed| RootKeys::new(version, &SecretBytes::new([seed; 32]));
        Keychain::new(keys(2, seed), vec![keys(1, seed + 1)])
    }

    fn pages() -> Vec<String> {
        ["https://one.example/in", "https://two.example/in"].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_state_says_what_it_was_made_of_and_every_changed_character_is_refused() {
        let (chain, pages) = (keychain(1), pages());
        for keys in chain.all() {
            let started = Started::new(keys, [7; 16], Timestamp::from_seconds(1_767_225_600));
            let state = started.state(&chain, &pages[1]).unwrap();
            assert_eq!(Started::read(&chain, &state, &pages), Some((started, pages[1].as_str())));
            assert_eq!(Started::read(&chain, &state, &pages[..1]), None, "of a page that is not configured");
            assert_eq!(Started::read(&keychain(8), &state, &pages), None, "of another gateway");
            for at in 0..state.len() {
                for other in "AZaz09-_=.+/ é".chars() {
                    let changed = format!("{}{other}{}", &state[..at], &state[at + 1..]);
                    assert!(changed == state || Started::read(&chain, &changed, &pages).is_none(), "{changed}");
                }
                assert!(Started::read(&chain, &state[..at], &pages).is_none());
            }
            assert!(Started::read(&chain, &format!("{state}A"), &pages).is_none());
        }
    }

    #[test]
    fn nonce_and_verifier_are_of_one_sign_in_and_are_not_in_its_state() {
        let chain = keychain(1);
        let of = |id| Started::new(chain.current(), [id; 16], Timestamp::from_seconds(1_000)).secrets(&chain).unwrap();
        let (one, two) = (of(1), of(2));
        assert_eq!((&one.nonce, &one.verifier), (&of(1).nonce, &of(1).verifier));
        assert!(one.nonce != two.nonce && one.verifier != two.verifier && one.nonce != one.verifier);
        // RFC 7636 section 4.1: 43 to 128 characters that no URL has to escape.
        assert!(one.verifier.len() == 43 && one.nonce.len() == 43);
    }
}
