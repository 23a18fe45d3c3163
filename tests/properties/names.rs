//! Names of people: any text has one answer, and one that is accepted is the same name in all its spellings.

use countersign::model::name::canonical;
use countersign::model::{Email, Password, SignInName, Username};
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::sample::select;
use proptest::strategy::Strategy;
use proptest::{prop_assert, prop_assert_eq, prop_oneof};
use unicode_normalization::UnicodeNormalization as _;

use super::holds;

/// Letters that fold, decompose, look alike, join, turn around or are nothing at all.
fn texts() -> impl Strategy<Value = String> {
    let odd: Vec<char> =
        "aZ09_.-@ ßſİıΣςσſtéé\u{200b}\u{200d}\u{202e}\u{feff}\u{0}\u{7f}аоｔＴ①ﬁⅧẞǅ٣\u{301}".chars().collect();
    let of_odd = vec(select(odd), 0..12).prop_map(|chars| chars.into_iter().collect::<String>());
    let plain = "[a-z0-9._-]{1,20}(@[a-z0-9-]{1,12}(\\.[a-z]{1,8}){0,2})?";
    prop_oneof![of_odd, plain.prop_map(|text: String| text), any::<String>()]
}

#[test]
fn a_canonical_form_is_its_own_and_that_of_every_spelling() {
    holds(2_000, &texts(), |text| {
        let form = canonical(&text);
        prop_assert_eq!(&canonical(&form), &form);
        prop_assert_eq!(&canonical(&text.nfd().collect::<String>()), &form);
        prop_assert_eq!(&canonical(&text.nfkc().collect::<String>()), &form);
        Ok(())
    });
}

#[test]
fn an_accepted_username_is_found_by_every_spelling_and_is_of_no_other_kind() {
    holds(4_000, &texts(), |text| {
        let Ok(name) = Username::parse("username", &text) else { return Ok(()) };
        prop_assert!(Username::CHARS.contains(&name.as_str().chars().count()));
        prop_assert!(!name.key().contains(['@', ' ', '\0']) && !name.as_str().chars().any(char::is_control));
        prop_assert_eq!(SignInName::parse(&text), SignInName::Username(name.key().to_owned()));
        prop_assert!(Email::parse("email", name.as_str()).is_err());
        let again = Username::parse("username", name.as_str());
        prop_assert_eq!(again.as_ref().map(Username::key), Ok(name.key()), "what is stored is read alike");
        Ok(())
    });
}

#[test]
fn an_accepted_address_has_one_at_and_is_found_by_every_spelling() {
    holds(4_000, &texts(), |text| {
        let Ok(email) = Email::parse("email", &text) else { return Ok(()) };
        for form in [email.as_str(), email.key()] {
            prop_assert_eq!(form.matches('@').count(), 1);
            prop_assert!(form.len() <= Email::MAX_BYTES && !form.chars().any(|c| c.is_control() || c.is_whitespace()));
        }
        prop_assert_eq!(SignInName::parse(&text), SignInName::Email(email.key().to_owned()));
        prop_assert_eq!(
            Email::parse("", email.as_str()).map(|email| email.key().to_owned()),
            Ok(email.key().to_owned())
        );
        prop_assert!(Username::parse("username", email.as_str()).is_err(), "one namespace, two kinds");
        Ok(())
    });
}

#[test]
fn two_scripts_that_look_alike_are_two_names() {
    for (latin, other) in [("paypal", "pаypal"), ("scope", "ѕcope"), ("alpha", "αlpha"), ("io", "іo")] {
        let key = |text| Username::parse("username", text).map(|name| name.key().to_owned());
        assert_ne!(key(latin), key(other), "{latin}");
    }
}

#[test]
fn a_password_is_taken_whole_or_not_at_all() {
    holds(2_000, &texts(), |text| {
        let form: String = text.nfkc().collect();
        let chars = form.chars().count();
        match Password::attempt(&text) {
            Some(password) => prop_assert_eq!(password.expose(), form.as_bytes()),
            None => prop_assert!(chars > 128),
        }
        if Password::choose("password", &text, []).is_ok() {
            prop_assert!((8..=128).contains(&chars));
        }
        Ok(())
    });
}
