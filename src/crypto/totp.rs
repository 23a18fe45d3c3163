//! Codes of authenticators: HOTP (RFC 4226) over HMAC-SHA-1, and TOTP (RFC 6238) over its time steps. SHA-1 because it is
//! what every authenticator knows, and what HMAC needs of a hash it still gives.

use std::fmt::Write as _;

use aws_lc_rs::{constant_time, hmac};
use data_encoding::BASE32_NOPAD;

use crate::model::second_factor::{BACKUP_LENGTH, DRIFT, TotpSecret};

/// The code of this counter or time step: six digits as a number (RFC 4226 section 5.3).
#[must_use]
pub fn code(secret: &TotpSecret, step: u64) -> u32 {
    truncated(secret.expose(), step) % 1_000_000
}

/// The dynamic truncation of RFC 4226 section 5.3: 31 bits.
fn truncated(secret: &[u8], counter: u64) -> u32 {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[19] & 0x0F);
    let word = [tag[offset], tag[offset + 1], tag[offset + 2], tag[offset + 3]];
    u32::from_be_bytes(word) & 0x7FFF_FFFF
}

/// The time step whose code this is, of those around `now_step` that come after `last_step`. Every one is compared,
/// whatever the others said.
#[must_use]
pub fn find_step(secret: &TotpSecret, typed: u32, now_step: i64, last_step: i64) -> Option<i64> {
    let mut found = None;
    for step in now_step.saturating_sub(DRIFT)..=now_step.saturating_add(DRIFT) {
        let Ok(counter) = u64::try_from(step) else { continue };
        let expected = code(secret, counter).to_be_bytes();
        let is_right = constant_time::verify_slices_are_equal(&expected, &typed.to_be_bytes()).is_ok();
        // The earliest one, so that as few as possible are used up with it.
        if is_right && step > last_step && found.is_none() {
            found = Some(step);
        }
    }
    found
}

/// The secret as people type it in: base32 without padding (RFC 4648 section 6), which is what authenticators read.
#[must_use]
pub fn print(secret: &TotpSecret) -> String {
    BASE32_NOPAD.encode(secret.expose())
}

/// The address that an authenticator reads from a picture or a link:
/// `otpauth://totp/Issuer:account?secret=…&issuer=Issuer&…`. All is said, also what is usual, since some know no other.
#[must_use]
pub fn otpauth(secret: &TotpSecret, issuer: &str, account: &str) -> String {
    let (issuer, account) = (escaped(issuer), escaped(account));
    let secret = print(secret);
    format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period=30")
}

/// Escapes all but the unreserved characters of RFC 3986 section 2.3: a colon would end the issuer, and a plus is a space
/// to some.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            written.push(char::from(byte));
        } else {
            // Writing to a text does not fail.
            let _ = write!(written, "%{byte:02X}");
        }
    }
    written
}

/// A backup code of random bytes, in the one spelling that is hashed: 60 of the bits, in base32 and lower case.
#[must_use]
pub fn backup_code(random: &[u8; 8]) -> String {
    let mut code = BASE32_NOPAD.encode(random).to_ascii_lowercase();
    code.truncate(BACKUP_LENGTH);
    code
}

/// A backup code as it is shown: in groups of four.
#[must_use]
pub fn grouped(code: &str) -> String {
    let mut shown = String::with_capacity(code.len() + code.len() / 4);
    for (at, letter) in code.chars().enumerate() {
        if at > 0 && at % 4 == 0 {
            shown.push('-');
        }
        shown.push(letter);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::second_factor::TypedCode;

    fn secret() -> TotpSecret {
        TotpSecret::new(*b"12345678901234567890")
    }

    #[test]
    fn hotp_gives_the_values_of_rfc_4226_appendix_d() {
        let truncations = [
            1_284_755_224,
            1_094_287_082,
            137_359_152,
            1_726_969_429,
            1_640_338_314,
            868_254_676,
            1_918_287_922,
            82_162_583,
            673_399_871,
            645_520_489,
        ];
        let codes = [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
        for (counter, (truncation, expected)) in truncations.into_iter().zip(codes).enumerate() {
            let counter = counter as u64;
            assert_eq!((truncated(secret().expose(), counter), code(&secret(), counter)), (truncation, expected));
        }
    }

    #[test]
    fn totp_gives_the_values_of_rfc_6238_appendix_b() {
        // The table has eight digits; ours are the last six.
        let table: [(i64, u32); 6] = [
            (59, 94_287_082),
            (1_111_111_109, 7_081_804),
            (1_111_111_111, 14_050_471),
            (1_234_567_890, 89_005_924),
            (2_000_000_000, 69_279_037),
            (20_000_000_000, 65_353_130),
        ];
        for (seconds, eight) in table {
            let step = u64::try_from(seconds / 30).unwrap();
            assert_eq!(truncated(secret().expose(), step) % 100_000_000, eight, "{seconds}");
            assert_eq!(code(&secret(), step), eight % 1_000_000, "{seconds}");
        }
    }

    #[test]
    fn a_code_counts_one_step_either_way_and_never_before_the_last_one() {
        let of = |step: u64| code(&secret(), step);
        for (step, last, found) in [
            (98, 0, None),
            (99, 0, Some(99)),
            (100, 0, Some(100)),
            (101, 0, Some(101)),
            (102, 0, None),
            (100, 99, Some(100)),
            (100, 100, None),
            (99, 100, None),
            (101, 100, Some(101)),
        ] {
            assert_eq!(find_step(&secret(), of(step), 100, last), found, "{step} after {last}");
        }
        assert_eq!(find_step(&secret(), of(0), 0, -1), Some(0));
        assert_eq!(find_step(&secret(), 1_000_000, i64::MAX, 0), None);
    }

    #[test]
    fn an_otpauth_address_escapes_what_would_end_its_parts() {
        let url = otpauth(&secret(), "Example & Söhne: x", "a+b@example.com/?#%");
        let expected = "otpauth://totp/Example%20%26%20S%C3%B6hne%3A%20x:a%2Bb%40example.com%2F%3F%23%25\
                        ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Example%20%26%20S%C3%B6hne%3A%20x\
                        &algorithm=SHA1&digits=6&period=30";
        assert_eq!(url, expected);
    }

    #[test]
    fn a_backup_code_has_sixty_bits_and_is_read_as_it_is_shown() {
        let bare = backup_code(&[0xFF; 8]);
        assert_eq!((bare.as_str(), grouped(&bare).as_str()), ("777777777777", "7777-7777-7777"));
        assert_eq!(backup_code(&[0; 8]), "aaaaaaaaaaaa");
        // Each of the first 60 bits counts, and is in one letter of five bits.
        for bit in 0..60 {
            let flipped = (1_u64 << (63 - bit)).to_be_bytes();
            let code = backup_code(&flipped);
            assert_eq!(code.chars().filter(|letter| *letter != 'a').count(), 1, "{bit}: {code}");
            assert_eq!(TypedCode::read(&grouped(&code).to_uppercase()), TypedCode::Backup(code));
        }
    }
}
