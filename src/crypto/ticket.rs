//! Tickets of sign-ins in two steps: proof that the password was right a moment ago, and good for nothing but to bring the
//! code of the second factor. They are derived, so asking for them stores nothing.
//!
//! `cmf_`, then base64url of: root-secret version (1 byte), account (16), serial (16), epoch (8), expiry in seconds (8),
//! HMAC-SHA-256 tag (20).

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::root::{Keychain, RootKeys};
use crate::clock::Timestamp;

/// How tickets begin: what tells them from an access token.
pub const TICKET_PREFIX: &str = "cmf_";

const SIGNED: usize = 1 + 16 + 16 + 8 + 8;
const TAG: usize = 20;
/// 69 bytes are 92 characters of base64 without a bit to spare: there is one spelling only.
const ENCODED: usize = (SIGNED + TAG) / 3 * 4;

/// What a genuine ticket says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Whose password was right.
    pub account: Uuid,
    /// What tells it from others: it signs in once.
    pub serial: [u8; 16],
    /// The account's epoch: what ends all sessions ends this as well.
    pub epoch: i64,
    /// From when on it is refused; a whole second.
    pub expires_at: Timestamp,
}

/// The ticket as text.
#[must_use]
pub fn mint(keys: &RootKeys, ticket: &Ticket) -> String {
    let mut bytes = Vec::with_capacity(SIGNED + TAG);
    bytes.push(keys.version());
    bytes.extend(ticket.account.as_bytes());
    bytes.extend(ticket.serial);
    bytes.extend(ticket.epoch.to_be_bytes());
    bytes.extend(ticket.expires_at.seconds().to_be_bytes());
    let tag = hmac::sign(&keys.ticket, &bytes);
    bytes.extend(&tag.as_ref()[..TAG]);
    let mut text = TICKET_PREFIX.to_owned();
    URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
    text
}

/// Checks form and tag; `None` if this gateway never made such a ticket. Whether it is still good, others know.
#[must_use]
pub fn verify(keychain: &Keychain, text: &str) -> Option<Ticket> {
    let encoded = text.strip_prefix(TICKET_PREFIX).filter(|encoded| encoded.len() == ENCODED)?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    let (signed, tag) = bytes.split_at_checked(SIGNED)?;
    let keys = keychain.of_version(*signed.first()?)?;
    let expected = hmac::sign(&keys.ticket, signed);
    constant_time::verify_slices_are_equal(&expected.as_ref()[..TAG], tag).ok()?;
    let number = |at: usize| Some(i64::from_be_bytes(signed.get(at..at + 8)?.try_into().ok()?));
    Some(Ticket {
        account: Uuid::from_slice(signed.get(1..17)?).ok()?,
        serial: signed.get(17..33)?.try_into().ok()?,
        epoch: number(33)?,
        expires_at: Timestamp::from_seconds(number(41)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;

    fn keychain(seed: u8) -> Keychain {
        let keys = |version, seed| RootKeys::new(version, &SecretBytes::new([seed; 32]));
        Keychain::new(keys(2, seed), vec![keys(1, seed + 1)])
    }

    #[test]
    fn a_ticket_says_what_it_was_made_of_and_any_changed_character_is_refused() {
        let expires_at = Timestamp::from_seconds(1_767_225_900);
        let ticket = Ticket { account: Uuid::from_u128(7), serial: [9; 16], epoch: 3, expires_at };
        let chain = keychain(1);
        for keys in chain.all() {
            let text = mint(keys, &ticket);
            assert_eq!(verify(&chain, &text), Some(ticket));
            assert_eq!(verify(&keychain(5), &text), None);
            for at in 0..text.len() {
                for other in ['A', 'z', '_', '='] {
                    let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                    assert!(changed == text || verify(&chain, &changed).is_none(), "{at} {other}");
                }
                assert_eq!(verify(&chain, &text[..at]), None);
            }
        }
        for text in ["", "cmf_", &"A".repeat(96), &format!("cmf_{}", "é".repeat(46))] {
            assert_eq!(verify(&chain, text), None, "{text}");
        }
    }
}
