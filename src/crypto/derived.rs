//! Refresh tokens, session tokens and API keys: derived from the root secret, an id and a counter, so that nothing secret is stored.
//!
//! `csr_`, `cst_` or `csk_`, then base64url of: root-secret version (1 byte), id (16), counter (4), HMAC-SHA-256 tag (18);
//! an API key ends in a checksum, so that a mistyped one is told from a revoked one without asking anybody.

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::root::{Keychain, RootKeys};

/// What a derived token is for. Each kind has a key of its own, so one never passes for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A refresh token: the id is the session's.
    Refresh,
    /// A session token of the exchange door: the id is the session's.
    Session,
    /// An API key: the id is the account's.
    ApiKey,
}

/// How session tokens begin: what tells them from an access token.
pub const SESSION_PREFIX: &str = "cst_";

impl Kind {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Refresh => "csr_",
            Self::Session => SESSION_PREFIX,
            Self::ApiKey => "csk_",
        }
    }

    fn key(self, keys: &RootKeys) -> &hmac::Key {
        match self {
            Self::Refresh => &keys.refresh_token,
            Self::Session => &keys.session_token,
            Self::ApiKey => &keys.api_key,
        }
    }
}

/// What a genuine token says. Whether its counter is still the current one, only the database knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The session or account.
    pub id: Uuid,
    /// The generation of the token.
    pub counter: u32,
}

/// Why a token is not genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its checksum is wrong: mistyped or cut off.
    Mistyped,
    /// Anything else.
    Foreign,
}

const SIGNED: usize = 1 + 16 + 4;
const TAG: usize = 18;
/// 39 bytes are 52 characters of base64 without a bit to spare: there is one spelling only.
const ENCODED: usize = (SIGNED + TAG) / 3 * 4;

/// The token of this kind, id and counter.
#[must_use]
pub fn mint(kind: Kind, keys: &RootKeys, id: Uuid, counter: u32) -> String {
    let mut bytes = [0; SIGNED + TAG];
    bytes[0] = keys.version();
    bytes[1..17].copy_from_slice(id.as_bytes());
    bytes[17..SIGNED].copy_from_slice(&counter.to_be_bytes());
    let tag = hmac::sign(kind.key(keys), &bytes[..SIGNED]);
    bytes[SIGNED..].copy_from_slice(&tag.as_ref()[..TAG]);
    let mut token = kind.prefix().to_owned();
    URL_SAFE_NO_PAD.encode_string(bytes, &mut token);
    if kind == Kind::ApiKey {
        let checksum = checksum(&token);
        token.push_str(&checksum);
    }
    token
}

/// Checks form, checksum and tag, without asking the database.
///
/// # Errors
/// [`Fault`] if this gateway never made such a token of this kind.
pub fn verify(kind: Kind, keychain: &Keychain, token: &str) -> Result<Verified, Fault> {
    let body = match kind {
        Kind::Refresh | Kind::Session => token,
        Kind::ApiKey => strip_checksum(token)?,
    };
    let encoded = body.strip_prefix(kind.prefix()).filter(|text| text.len() == ENCODED).ok_or(Fault::Foreign)?;
    let mut bytes = [0; SIGNED + TAG];
    URL_SAFE_NO_PAD.decode_slice_unchecked(encoded, &mut bytes).map_err(|_| Fault::Foreign)?;
    let (signed, tag) = bytes.split_at(SIGNED);
    let keys = keychain.of_version(signed[0]).ok_or(Fault::Foreign)?;
    let expected = hmac::sign(kind.key(keys), signed);
    constant_time::verify_slices_are_equal(&expected.as_ref()[..TAG], tag).map_err(|_| Fault::Foreign)?;
    let id = Uuid::from_slice(&signed[1..17]).map_err(|_| Fault::Foreign)?;
    let counter = signed[17..].try_into().map(u32::from_be_bytes).map_err(|_| Fault::Foreign)?;
    Ok(Verified { id, counter })
}

/// CRC-32 of all that stands before it, as six characters of base64url.
fn checksum(body: &str) -> String {
    URL_SAFE_NO_PAD.encode(crc32fast::hash(body.as_bytes()).to_be_bytes())
}

fn strip_checksum(token: &str) -> Result<&str, Fault> {
    if !token.starts_with(Kind::ApiKey.prefix()) {
        return Err(Fault::Foreign);
    }
    let at = token.len().checked_sub(6).ok_or(Fault::Mistyped)?;
    let (body, given) = token.split_at_checked(at).ok_or(Fault::Mistyped)?;
    if checksum(body) == given { Ok(body) } else { Err(Fault::Mistyped) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;

    fn keychain(seed: u8) -> Keychain {
        let keys = |version, seed| RootKeys::new(version, &SecretBytes::new([seed; 32]));
        Keychain::new(keys(2, seed), vec![keys(1, seed + 1)])
    }

    const ID: Uuid = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001);

    #[test]
    fn a_token_verifies_to_what_it_was_made_of() {
        let chain = keychain(1);
        for kind in [Kind::Refresh, Kind::Session, Kind::ApiKey] {
            for keys in chain.all() {
                let token = mint(kind, keys, ID, 7);
                assert_eq!(verify(kind, &chain, &token), Ok(Verified { id: ID, counter: 7 }), "{token}");
            }
        }
    }

    #[test]
    fn every_changed_character_is_refused() {
        let chain = keychain(1);
        for kind in [Kind::Refresh, Kind::Session, Kind::ApiKey] {
            let token = mint(kind, chain.current(), ID, 7);
            for at in 0..token.len() {
                for other in "AZaz09-_=.+/ é".chars() {
                    let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
                    assert!(changed == token || verify(kind, &chain, &changed).is_err(), "{changed}");
                }
                assert!(verify(kind, &chain, &token[..at]).is_err());
            }
            assert!(verify(kind, &chain, &format!("{token}A")).is_err());
        }
    }

    #[test]
    fn one_kind_does_not_pass_for_another_nor_one_gateways_for_anothers() {
        let chain = keychain(1);
        let refresh = mint(Kind::Refresh, chain.current(), ID, 7);
        let body = refresh.replace("csr_", "csk_");
        let renamed = format!("{body}{}", checksum(&body));
        assert_eq!(verify(Kind::ApiKey, &chain, &renamed), Err(Fault::Foreign));
        assert_eq!(verify(Kind::Session, &chain, &refresh.replace("csr_", "cst_")), Err(Fault::Foreign));
        let foreign = mint(Kind::ApiKey, keychain(9).current(), ID, 7);
        assert_eq!(verify(Kind::ApiKey, &chain, &foreign), Err(Fault::Foreign));
    }

    #[test]
    fn a_mistyped_api_key_is_told_from_a_foreign_one() {
        let chain = keychain(1);
        let mut key = mint(Kind::ApiKey, chain.current(), ID, 7);
        key.pop();
        assert_eq!(verify(Kind::ApiKey, &chain, &key), Err(Fault::Mistyped));
        assert_eq!(verify(Kind::ApiKey, &chain, "csk_"), Err(Fault::Mistyped));
        assert_eq!(verify(Kind::ApiKey, &chain, ""), Err(Fault::Foreign));
    }
}
