//! Usernames, e-mail addresses, sign-in names and passwords of any text: each is read or refused, and what is read has one
//! form.

#![no_main]

use countersign::model::name::canonical;
use countersign::model::{Email, Password, SignInName, Username};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if text.len() < 4096 {
        let form = canonical(text);
        assert_eq!(canonical(&form), form);
    }
    if let Ok(name) = Username::parse("username", text) {
        assert_eq!(SignInName::parse(text), SignInName::Username(name.key().to_owned()));
        assert!(Email::parse("email", name.as_str()).is_err());
    }
    if let Ok(email) = Email::parse("email", text) {
        assert_eq!(SignInName::parse(text), SignInName::Email(email.key().to_owned()));
        assert_eq!(email.key().matches('@').count(), 1);
    }
    if let Ok(password) = Password::choose("password", text, []) {
        assert!(Password::attempt(text).is_some_and(|attempt| attempt.expose() == password.expose()));
    }
});
