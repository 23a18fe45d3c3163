//! Signs with alloy as a program of somebody else's would: `alloy-client version | address KEY | sign KEY TEXT`.

use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["version"] => println!("{}", version()),
        ["address", key] => println!("{}", wallet(key).address()),
        ["sign", key, text] => println!("{}", wallet(key).sign_message_sync(text.as_bytes()).expect("a signature")),
        _ => panic!("alloy-client version | address KEY | sign KEY TEXT"),
    }
}

fn wallet(key: &str) -> PrivateKeySigner {
    key.parse().expect("a private key")
}

/// The version that is locked, which the library itself does not tell.
fn version() -> &'static str {
    let lock = include_str!("../Cargo.lock");
    let (_, entry) = lock.split_once("name = \"alloy-signer-local\"\nversion = \"").expect("it is locked");
    entry.split('"').next().expect("a version")
}
