//! Keys, letters and secrets of authenticators at rest: AES-256-GCM (NIST SP 800-38D) under a key that the root secret
//! makes, or that lies sealed under one, bound to a purpose.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::root::{Keychain, RootKeys};
use crate::model::Error;
use crate::random::Random;
use crate::secret::SecretBytes;

/// Encrypts `plain` under the root secret of `keys`; it opens only for the same `purpose`.
///
/// # Errors
/// [`Error::Internal`] if the cipher refuses, which it does for no input of ours.
pub fn seal(keys: &RootKeys, purpose: &str, plain: &[u8], random: &Random) -> Result<Vec<u8>, Error> {
    seal_under(&keys.seal, purpose, plain, random)
}

/// Encrypts `plain` under `key`; it opens only for the same `purpose`.
///
/// # Errors
/// [`Error::Internal`] if the cipher refuses, which it does for no input of ours.
pub fn seal_under(key: &SecretBytes, purpose: &str, plain: &[u8], random: &Random) -> Result<Vec<u8>, Error> {
    // Random nonces: what is sealed in the life of a key, keys and letters and authenticators, is far from 2^32.
    let nonce = random.bytes::<NONCE_LEN>();
    let mut sealed = plain.to_vec();
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), &mut sealed)
        .map_err(|_| Error::internal("a key can't be sealed"))?;
    Ok([&nonce[..], &sealed].concat())
}

/// Decrypts what [`seal`] made for this `purpose` under the root secret of this version.
///
/// # Errors
/// [`Error::Internal`] if that root secret is not configured, or the row was tampered with.
pub fn open(keychain: &Keychain, version: i64, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    const MISSING: &str = "a key is sealed under a root secret that is not configured: add it to previous_secrets";
    let version = u8::try_from(version).map_err(|_| Error::internal(MISSING))?;
    let keys = keychain.of_version(version).ok_or(Error::internal(MISSING))?;
    open_under(&keys.seal, purpose, sealed)
}

/// Decrypts what [`seal_under`] made for this `purpose` under this `key`.
///
/// # Errors
/// [`Error::Internal`] if the row was tampered with.
pub fn open_under(key: &SecretBytes, purpose: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    const TAMPERED: &str = "a sealed key does not open: the row was damaged or replaced";
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(Error::internal(TAMPERED))?;
    let mut plain = Zeroizing::new(body.to_vec());
    let opened = cipher(key)?
        .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(purpose), &mut plain)
        .map_err(|_| Error::internal(TAMPERED))?
        .len();
    plain.truncate(opened);
    Ok(plain)
}

fn cipher(key: &SecretBytes) -> Result<LessSafeKey, Error> {
    let key = UnboundKey::new(&AES_256_GCM, key.expose());
    key.map(LessSafeKey::new).map_err(|_| Error::internal("the sealing key has a wrong length"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretBytes;

    fn chain(seed: u8) -> Keychain {
        Keychain::new(RootKeys::new(1, &SecretBytes::new([seed; 32])), Vec::new())
    }

    #[test]
    fn what_is_sealed_opens_for_its_purpose_and_its_secret_alone() {
        let chain_one = chain(1);
        let sealed = seal(chain_one.current(), "purpose", b"a key", &Random::system()).unwrap();
        assert_eq!(&*open(&chain_one, 1, "purpose", &sealed).unwrap(), b"a key");
        assert!(open(&chain_one, 1, "another", &sealed).is_err());
        assert!(open(&chain_one, 2, "purpose", &sealed).is_err());
        assert!(open(&chain(2), 1, "purpose", &sealed).is_err());
        assert!(open(&chain_one, 1, "purpose", &sealed[..11]).is_err());
        let mut flipped = sealed.clone();
        flipped[12] ^= 1;
        assert!(open(&chain_one, 1, "purpose", &flipped).is_err());
    }
}
