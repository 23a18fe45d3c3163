//! What is mailed to prove a mailbox: a code of six digits that the root secret derives, and tokens that are random. The
//! token that a trusted device keeps is made alike.

use aws_lc_rs::{digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::root::RootKeys;
use crate::model::recovery::MailedToken;

/// What a token is for: it goes into the hash, so one of another purpose is not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To prove an e-mail address.
    ConfirmEmail,
    /// To set a new password.
    ResetPassword,
    /// To take the place of a code of the second factor.
    TrustDevice,
}

impl Purpose {
    const fn prefix(self) -> &'static str {
        match self {
            Self::ConfirmEmail => "cce_",
            Self::ResetPassword => "crp_",
            Self::TrustDevice => "cdt_",
        }
    }
}

/// The code for this account, address and serial: six digits, each as likely as any other to one in ten billion.
#[must_use]
pub fn code(keys: &RootKeys, account: Uuid, email_key: &str, serial: &[u8; 16]) -> String {
    let mut mac = hmac::Context::with_key(&keys.mailed_code);
    mac.update(account.as_bytes());
    mac.update(serial);
    mac.update(email_key.as_bytes());
    let tag = mac.sign();
    let mut first = [0; 8];
    first.copy_from_slice(&tag.as_ref()[..8]);
    format!("{:06}", u64::from_be_bytes(first) % 1_000_000)
}

/// A token as it is mailed.
#[must_use]
pub fn print(purpose: Purpose, token: &MailedToken) -> String {
    format!("{}{}", purpose.prefix(), URL_SAFE_NO_PAD.encode(token.0))
}

/// The hash under which a token of this purpose is kept; `None` for what can't be one.
#[must_use]
pub fn hash_of_text(purpose: Purpose, text: &str) -> Option<[u8; 32]> {
    let encoded = text.strip_prefix(purpose.prefix()).filter(|encoded| encoded.len() == 43)?;
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    Some(hash(purpose, &MailedToken(bytes.try_into().ok()?)))
}

/// The hash under which a token of this purpose is kept. Its 256 bits are random, so it needs neither salt nor time.
#[must_use]
pub fn hash(purpose: Purpose, token: &MailedToken) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(purpose.prefix().as_bytes());
    context.update(&token.0);
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;

    #[test]
    fn a_token_is_found_by_its_text_and_for_its_purpose_alone() {
        let token = MailedToken([7; 32]);
        let text = print(Purpose::ResetPassword, &token);
        assert_eq!(hash_of_text(Purpose::ResetPassword, &text), Some(hash(Purpose::ResetPassword, &token)));
        assert_eq!(hash_of_text(Purpose::ConfirmEmail, &text), None);
        let renamed = text.replace("crp_", "cce_");
        assert_ne!(hash_of_text(Purpose::ConfirmEmail, &renamed), Some(hash(Purpose::ResetPassword, &token)));
        for bad in ["", "crp_", &text[..46], &format!("{text}A"), &text.replace('B', "=")] {
            assert_eq!(hash_of_text(Purpose::ResetPassword, bad), None, "{bad}");
        }
    }

    #[test]
    fn a_code_is_six_digits_and_of_one_account_address_and_serial() {
        let keys = RootKeys::new(1, &SecretBytes::new([1; 32]));
        let of = |account, email, serial| code(&keys, Uuid::from_u128(account), email, &[serial; 16]);
        let first = of(1, "a@b.example", 1);
        assert!(first.len() == 6 && first.bytes().all(|byte| byte.is_ascii_digit()), "{first}");
        assert_eq!(first, of(1, "a@b.example", 1));
        for other in [of(2, "a@b.example", 1), of(1, "b@b.example", 1), of(1, "a@b.example", 2)] {
            assert_ne!(first, other);
        }
    }
}
