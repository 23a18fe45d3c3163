//! Where the key of a login comes from: files, encrypted files of other programs, a password that is typed.

use super::{ADDRESS, done, failed, file, script};
use crate::real::{KEY, on_sqlite};
use crate::support::parts::{self, python, python_program};
use crate::support::scratch;

/// The PBKDF2 example of the Web3 Secret Storage definition; its password is `testpassword`.
const KEYSTORE: &str = r#"{"crypto":{"cipher":"aes-128-ctr","cipherparams":{"iv":"6087dab2f9fdbbfaddc31a909735c1e6"},
    "ciphertext":"5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46","kdf":"pbkdf2","kdfparams":
    {"c":262144,"dklen":32,"prf":"hmac-sha256","salt":"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd"},
    "mac":"517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2"},"version":3}"#;

#[test]
fn a_key_comes_from_a_file_or_an_encrypted_one_and_its_secrets_are_never_shown() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let home = scratch::directory();
    let script = script(&server.url, home.path()).without("COUNTERSIGN_PRIVATE_KEY");
    let file = |name: &str, content: &str| file(home.path(), name, content);
    done(&script.run(&["login", "--key-file", &file("key", KEY)]));
    let (keystore, password) = (file("keystore.json", KEYSTORE), file("password", "testpassword\n"));
    done(&script.run(&["login", "--keystore", &keystore, "--password-file", &password]));
    assert_eq!(done(&script.run(&["whoami"])), "0x008AeEda4D805471dF9b2A5B0f38A0C3bCBA786b");
    let wrong = file("wrong", "hunter2");
    let refused = script.run(&["login", "--keystore", &keystore, "--password-file", &wrong]);
    failed(&refused, 2, "password is wrong");
    assert!(!refused.stderr.contains("hunter2"));
    failed(&script.run(&["login"]), 2, "COUNTERSIGN_PRIVATE_KEY");
    failed(&script.run(&["login", "--key-file", &file("short", "59c6995e")]), 2, "64 hex digits");
    failed(&script.run(&["login", "--key-file", "/nowhere/key"]), 2, "/nowhere/key");
    failed(&script.clone().with("COUNTERSIGN_PRIVATE_KEY", "0x1234").run(&["login"]), 2, "64 hex digits");
}

#[test]
fn key_files_of_cast_and_of_eth_account_open_with_their_password() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let home = scratch::directory();
    let script = script(&server.url, home.path()).without("COUNTERSIGN_PRIVATE_KEY");
    let (directory, secret) = (home.path().to_str().unwrap(), "correct horse 🐎");
    let options = ["--private-key", KEY, "--keystore-dir", directory, "--unsafe-password", secret];
    parts::cast(&[&["wallet", "import", "of-cast"], &options[..]].concat());
    let of_eth_account = python(&parts::script("keystore.py"), &[KEY, secret]);
    let keystores = [format!("{directory}/of-cast"), file(home.path(), "of-eth-account", &of_eth_account)];
    let password = file(home.path(), "password", secret);
    for keystore in keystores {
        assert!(std::fs::read_to_string(&keystore).unwrap().contains("\"scrypt\""), "{keystore}");
        done(&script.run(&["login", "--keystore", &keystore, "--password-file", &password]));
        assert_eq!(done(&script.run(&["whoami"])), ADDRESS);
        done(&script.run(&["logout"]));
    }
}

#[test]
fn a_password_is_asked_for_on_the_terminal_and_not_shown() {
    let (_directory, gateway) = on_sqlite();
    let server = gateway.start();
    let home = scratch::directory();
    let script = script(&server.url, home.path()).without("COUNTERSIGN_PRIVATE_KEY");
    let keystore = file(home.path(), "keystore.json", KEYSTORE);
    let (python, prompt) = (python_program(), parts::script("prompt.py"));
    let typing = |password: &str| {
        let program = [python.to_str().unwrap(), prompt.to_str().unwrap(), password];
        script.clone().through(&program).run(&["login", "--keystore", &keystore])
    };
    let login = typing("testpassword");
    assert_eq!((login.code, login.stdout.trim_end().split('.').count()), (0, 3), "{login:?}");
    assert!(login.stderr.starts_with(&format!("Password of {keystore}: \n")), "{login:?}");
    assert!(!login.stderr.contains("testpassword"), "{login:?}");
    let wrong = typing("hunter2");
    assert_eq!((wrong.code, wrong.stdout.as_str()), (2, ""), "{wrong:?}");
    assert!(wrong.stderr.contains("the password is wrong") && !wrong.stderr.contains("hunter2"), "{wrong:?}");
}
