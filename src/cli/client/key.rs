//! The private key to sign in with: from a file, an encrypted key file or the environment, never from an argument.

use std::path::Path;

use zeroize::Zeroizing;

use super::super::arguments::LoginOptions;
use super::super::failure::Failure;
use super::variable;
use crate::wallet::keystore::{self, KeystoreFault};
use crate::wallet::signer::PrivateKey;

const VARIABLE: &str = "COUNTERSIGN_PRIVATE_KEY";

/// Finds the key where the options say.
pub(super) fn load(options: &LoginOptions) -> Result<PrivateKey, Failure> {
    if let Some(file) = &options.keystore {
        return open(file, options.password_file.as_deref());
    }
    if let Some(file) = &options.key_file {
        return parse(&read(file)?, &file.display().to_string());
    }
    let Some(text) = variable(VARIABLE)?.map(Zeroizing::new) else {
        let line = format!("there is no key: name one by --key-file or --keystore, or set {VARIABLE}");
        return Err(Failure::WrongUse(line));
    };
    parse(&text, VARIABLE)
}

fn parse(text: &str, source: &str) -> Result<PrivateKey, Failure> {
    let wrong = || Failure::WrongUse(format!("{source}: a private key of 64 hex digits is expected"));
    PrivateKey::parse(text).ok_or_else(wrong)
}

fn open(file: &Path, password_file: Option<&Path>) -> Result<PrivateKey, Failure> {
    let content = read(file)?;
    let password = match password_file {
        // Editors end a file with a line feed, which no one means to be part of a password.
        Some(file) => Zeroizing::new(read(file)?.trim_end_matches(['\r', '\n']).to_owned()),
        None => prompt(file)?,
    };
    keystore::open(&content, &password).map_err(|fault| {
        let reason = match fault {
            KeystoreFault::Format => {
                "this is no key file of version 3 (keystore V3): name one as geth and cast write it"
            }
            KeystoreFault::TooExpensive => {
                "this key file asks for more memory or time than any wallet's does: encrypt the key anew"
            }
            KeystoreFault::Password => "the password is wrong: try again with the one that the file was encrypted with",
        };
        Failure::WrongUse(format!("{}: {reason}", file.display()))
    })
}

fn prompt(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let question = format!("Password of {}: ", file.display());
    let hint = "the password can't be asked for; name a file that holds it by --password-file";
    rpassword::prompt_password(question)
        .map(Zeroizing::new)
        .map_err(|error| Failure::WrongUse(format!("{hint} ({error})")))
}

fn read(file: &Path) -> Result<Zeroizing<String>, Failure> {
    let hint = "name a file of text that you may read";
    let fault = |error| Failure::WrongUse(format!("{}: {error}: {hint}", file.display()));
    std::fs::read_to_string(file).map(Zeroizing::new).map_err(fault)
}
