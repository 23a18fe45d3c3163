//! Tickets of sign-ins in two steps: proof that the first factor was right a moment ago, and good for nothing but to bring
//! the code of the second one. They are derived, so asking for them stores nothing.
//!
//! `cmf_`, then base64url of: root-secret version (1 byte), account (16), serial (16), epoch (8), expiry in seconds (8),
//! the first factor (1, and who is to be linked behind it), HMAC-SHA-256 tag (20).

use aws_lc_rs::{constant_time, hmac};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::root::{Keychain, RootKeys};
use crate::clock::Timestamp;

/// How tickets begin: what tells them from an access token.
pub const TICKET_PREFIX: &str = "cmf_";

/// Up to the first factor, of which they tell below.
const FIXED: usize = 1 + 16 + 16 + 8 + 8;
const TAG: usize = 20;

/// What a genuine ticket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// Whose first factor was right.
    pub account: Uuid,
    /// What tells it from others: it signs in once.
    pub serial: [u8; 16],
    /// The account's epoch: what ends all sessions ends this as well.
    pub epoch: i64,
    /// From when on it is refused; a whole second.
    pub expires_at: Timestamp,
    /// What was right.
    pub first: FirstFactor,
}

/// The first factor of a sign-in in two steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstFactor {
    /// The password.
    Password,
    /// An OpenID provider vouched for a person who is linked to the account.
    Provider,
    /// An OpenID provider vouched for a person who is to be linked to it once the code is right.
    Unlinked(Identity),
}

/// Who somebody is at an OpenID provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The provider, as it names itself.
    pub issuer: String,
    /// Who he is there.
    pub subject: String,
}

impl FirstFactor {
    const PASSWORD: u8 = 0;
    const PROVIDER: u8 = 1;
    const UNLINKED: u8 = 2;

    fn write(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Password => bytes.push(Self::PASSWORD),
            Self::Provider => bytes.push(Self::PROVIDER),
            Self::Unlinked(Identity { issuer, subject }) => {
                bytes.push(Self::UNLINKED);
                bytes.extend((issuer.len() as u64).to_be_bytes());
                bytes.extend(issuer.as_bytes());
                bytes.extend(subject.as_bytes());
            }
        }
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (&Self::PASSWORD, []) => Some(Self::Password),
            (&Self::PROVIDER, []) => Some(Self::Provider),
            (&Self::UNLINKED, identity) => {
                let (length, names) = identity.split_first_chunk()?;
                let (issuer, subject) = names.split_at_checked(u64::from_be_bytes(*length).try_into().ok()?)?;
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
                Some(Self::Unlinked(Identity { issuer: text(issuer)?, subject: text(subject)? }))
            }
            _ => None,
        }
    }
}

/// The ticket as text.
#[must_use]
pub fn mint(keys: &RootKeys, ticket: &Ticket) -> String {
    let mut bytes = Vec::with_capacity(FIXED + 1 + TAG);
    bytes.push(keys.version());
    bytes.extend(ticket.account.as_bytes());
    bytes.extend(ticket.serial);
    bytes.extend(ticket.epoch.to_be_bytes());
    bytes.extend(ticket.expires_at.seconds().to_be_bytes());
    ticket.first.write(&mut bytes);
    let tag = hmac::sign(&keys.ticket, &bytes);
    bytes.extend(&tag.as_ref()[..TAG]);
    let mut text = TICKET_PREFIX.to_owned();
    URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
    text
}

/// Checks form and tag; `None` if this gateway never made such a ticket. Whether it is still good, others know.
#[must_use]
pub fn verify(keychain: &Keychain, text: &str) -> Option<Ticket> {
    // This base64 has one spelling only: bits to spare have to be zero.
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(TICKET_PREFIX)?).ok()?;
    let (signed, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
    let keys = keychain.of_version(*signed.first()?)?;
    let expected = hmac::sign(&keys.ticket, signed);
    constant_time::verify_slices_are_equal(&expected.as_ref()[..TAG], tag).ok()?;
    let number = |at: usize| Some(i64::from_be_bytes(signed.get(at..at + 8)?.try_into().ok()?));
    Some(Ticket {
        account: Uuid::from_slice(signed.get(1..17)?).ok()?,
        serial: signed.get(17..33)?.try_into().ok()?,
        epoch: number(33)?,
        expires_at: Timestamp::from_seconds(number(41)?),
        first: FirstFactor::read(signed.get(FIXED..)?)?,
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
        let identity = Identity { issuer: "https://id.example".to_owned(), subject: "17".to_owned() };
        let factors = [FirstFactor::Password, FirstFactor::Provider, FirstFactor::Unlinked(identity)];
        let chain = keychain(1);
        for (keys, first) in chain.all().flat_map(|keys| factors.iter().map(move |first| (keys, first.clone()))) {
            let ticket = Ticket { account: Uuid::from_u128(7), serial: [9; 16], epoch: 3, expires_at, first };
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
