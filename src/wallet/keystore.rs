//! Encrypted key files (Web3 Secret Storage, version 3), as geth, `cast` and most wallets write them.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{AES_128, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, pbkdf2};
use serde::Deserialize;
use sha3::{Digest, Keccak256};
use zeroize::Zeroizing;

use super::signer::PrivateKey;

/// Why a key file does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeystoreFault {
    /// It is not a key file of version 3, or uses a method that no common wallet writes.
    Format,
    /// It would take more memory or time than any honest file does.
    TooExpensive,
    /// The password is wrong, or the file was changed.
    Password,
}

#[derive(Deserialize)]
struct Keystore {
    version: u8,
    // Some wallets of old write it with a capital.
    #[serde(alias = "Crypto")]
    crypto: Crypto,
}

#[derive(Deserialize)]
struct Crypto {
    cipher: String,
    cipherparams: CipherParams,
    ciphertext: String,
    kdf: String,
    kdfparams: KdfParams,
    mac: String,
}

#[derive(Deserialize)]
struct CipherParams {
    iv: String,
}

#[derive(Deserialize)]
struct KdfParams {
    dklen: usize,
    salt: String,
    /// scrypt.
    n: Option<u64>,
    r: Option<u32>,
    p: Option<u32>,
    /// PBKDF2.
    c: Option<NonZeroU32>,
    prf: Option<String>,
}

/// The most memory that scrypt may take, in bytes: geth's standard takes a quarter of it.
const MOST_MEMORY: u64 = 1 << 30;
/// The most rounds of PBKDF2.
const MOST_ROUNDS: u32 = 10_000_000;

/// Opens a key file with its password. This takes about a second, which is its purpose.
///
/// # Errors
/// [`KeystoreFault`].
pub fn open(file: &str, password: &str) -> Result<PrivateKey, KeystoreFault> {
    let keystore: Keystore = serde_json::from_str(file).map_err(|_| KeystoreFault::Format)?;
    let crypto = keystore.crypto;
    if keystore.version != 3 || crypto.cipher != "aes-128-ctr" || crypto.kdfparams.dklen != 32 {
        return Err(KeystoreFault::Format);
    }
    let derived = derive(&crypto, password)?;
    let mut secret = Zeroizing::new(decode(&crypto.ciphertext)?);
    let mac = Keccak256::new().chain_update(&derived[16..]).chain_update(&*secret).finalize();
    constant_time::verify_slices_are_equal(&mac, &decode(&crypto.mac)?).map_err(|_| KeystoreFault::Password)?;
    let iv: [u8; 16] = decode(&crypto.cipherparams.iv)?.try_into().map_err(|_| KeystoreFault::Format)?;
    let key = UnboundCipherKey::new(&AES_128, &derived[..16]).and_then(DecryptingKey::ctr);
    let context = DecryptionContext::Iv128(FixedLength::from(iv));
    let key = key.map_err(|_| KeystoreFault::Format)?;
    let plain = key.decrypt(&mut secret, context).map_err(|_| KeystoreFault::Format)?;
    PrivateKey::new(plain).ok_or(KeystoreFault::Format)
}

fn derive(crypto: &Crypto, password: &str) -> Result<Zeroizing<[u8; 32]>, KeystoreFault> {
    let params = &crypto.kdfparams;
    let salt = decode(&params.salt)?;
    let mut derived = Zeroizing::new([0; 32]);
    match (crypto.kdf.as_str(), params) {
        ("scrypt", KdfParams { n: Some(n), r: Some(r), p: Some(p), .. }) => {
            let memory = n.saturating_mul(128).saturating_mul(u64::from(*r)).saturating_mul(u64::from(*p).max(1));
            if !n.is_power_of_two() || memory > MOST_MEMORY {
                return Err(KeystoreFault::TooExpensive);
            }
            let log_n = u8::try_from(n.ilog2()).map_err(|_| KeystoreFault::Format)?;
            let params = scrypt::Params::new(log_n, *r, *p).map_err(|_| KeystoreFault::Format)?;
            scrypt::scrypt(password.as_bytes(), &salt, &params, &mut *derived).map_err(|_| KeystoreFault::Format)?;
        }
        ("pbkdf2", KdfParams { c: Some(rounds), prf: Some(prf), .. }) if prf == "hmac-sha256" => {
            if rounds.get() > MOST_ROUNDS {
                return Err(KeystoreFault::TooExpensive);
            }
            pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, *rounds, &salt, password.as_bytes(), &mut *derived);
        }
        _ => return Err(KeystoreFault::Format),
    }
    Ok(derived)
}

fn decode(digits: &str) -> Result<Vec<u8>, KeystoreFault> {
    hex::decode(digits.strip_prefix("0x").unwrap_or(digits)).map_err(|_| KeystoreFault::Format)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The PBKDF2 test vector of the Web3 Secret Storage definition; its password is `testpassword`.
    const PBKDF2: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
        "ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":
        {"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
        "mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},
        "id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;

    /// The scrypt test vector of the same definition, of the same key and password.
    const SCRYPT: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"83dbcc02d8ccb40e466191a123791e0e"},
        "ciphertext":"d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c","kdf":"scrypt","kdfparams":
        {"dklen":32,"n":262144,"p":8,"r":1,"salt":"ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19"},
        "mac":"2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097"},
        "id":"3198bc9c-6672-5ab3-d995-4942343ae5b6","version":3}"#;

    #[test]
    fn the_published_vectors_open_with_their_password_alone() {
        let expected = PrivateKey::parse("7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d").unwrap();
        for vector in [PBKDF2, SCRYPT] {
            assert_eq!(open(vector, "testpassword").unwrap().address(), expected.address());
            assert_eq!(open(vector, "testpasswore").unwrap_err(), KeystoreFault::Password);
        }
    }

    #[test]
    fn files_that_are_none_or_ask_for_too_much_are_refused() {
        for file in ["", "{}", "[]", &PBKDF2.replace("\"version\":3", "\"version\":1"), &PBKDF2.replace("-ctr", "-cbc")]
        {
            assert_eq!(open(file, "x").unwrap_err(), KeystoreFault::Format);
        }
        let endless = PBKDF2.replace("262144", "4000000000");
        assert_eq!(open(&endless, "x").unwrap_err(), KeystoreFault::TooExpensive);
        let huge = SCRYPT.replace("262144", "1073741824");
        assert_eq!(open(&huge, "x").unwrap_err(), KeystoreFault::TooExpensive);
    }

    /// Found by fuzzing: the library takes 24 bytes or more for a key.
    #[test]
    fn a_file_with_less_than_a_whole_key_is_refused_although_its_checksum_fits() {
        let mut derived = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, NonZeroU32::MIN, b"salt", b"x", &mut derived);
        let opened = |length: usize| {
            let secret = vec![0x42; length];
            let mac = hex::encode(Keccak256::new().chain_update(&derived[16..]).chain_update(&secret).finalize());
            let kdf = r#""kdf":"pbkdf2","kdfparams":{"c":1,"dklen":32,"prf":"hmac-sha256","salt":"73616c74"}"#;
            let iv = "00".repeat(16);
            let cipher = format!(r#""cipher":"aes-128-ctr","cipherparams":{{"iv":"{iv}"}}"#);
            let secret = hex::encode(secret);
            let crypto = format!(r#"{{{cipher},"ciphertext":"{secret}",{kdf},"mac":"{mac}"}}"#);
            open(&format!(r#"{{"version":3,"crypto":{crypto}}}"#), "x").map(|_| ())
        };
        assert_eq!(opened(32), Ok(()));
        for length in [0, 23, 24, 31, 33] {
            assert_eq!(opened(length), Err(KeystoreFault::Format), "{length}");
        }
    }
}
