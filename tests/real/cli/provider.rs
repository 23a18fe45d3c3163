//! `doctor`, with an OpenID provider.

use serde_json::{Value, json};

use crate::real::{on_postgres, on_sqlite};
use crate::support::openid::{Mood, Provider, SECRET};
use crate::support::server::Gateway;

use super::done;

/// What it says of the provider: whether it is well, and how; `None` if it says nothing.
fn told(gateway: &Gateway, issuer: &str) -> Option<(bool, String)> {
    let told = gateway.run(&["doctor", "--json"]);
    assert!(!told.stdout.contains(SECRET) && !told.stderr.contains(SECRET), "{told:?}");
    let findings: Value = serde_json::from_str(&told.stdout).unwrap_or_else(|_| panic!("{told:?}"));
    let subject = format!("OpenID provider {issuer}");
    let finding = findings.as_array().unwrap().iter().find(|finding| finding["subject"] == subject.as_str())?;
    Some((finding["ok"] == true, finding["detail"].as_str().unwrap().to_owned()))
}

/// A gateway with nothing but this provider.
fn before(gateway: Gateway, provider: &Provider) -> Gateway {
    let gateway = gateway.with("COUNTERSIGN_CHAINS", "[{\"id\":1}]");
    let settings = provider.settings().into_iter();
    settings.fold(gateway, |gateway, (name, value)| gateway.with(&format!("COUNTERSIGN_{name}"), &value))
}

#[test]
fn the_doctor_looks_at_the_provider_that_is_configured_and_says_what_to_do() {
    for (_directory, gateway) in [on_sqlite(), on_postgres()] {
        done(&gateway.run(&["migrate"]));
        let provider = Provider::start();
        assert_eq!(told(&gateway.clone().with("COUNTERSIGN_CHAINS", "[{\"id\":1}]"), &provider.issuer), None);
        let gateway = before(gateway, &provider);
        let well = "it answers, is the configured issuer, and has 1 key".to_owned();
        assert_eq!(told(&gateway, &provider.issuer), Some((true, well)));
        let line = format!("ok     OpenID provider {}: it answers", provider.issuer);
        assert!(gateway.run(&["doctor"]).stdout.contains(&line), "a line of text");
        for (mood, said) in [
            (Mood::Failing, "it answers with status 500: correct google.issuer"),
            (Mood::Elsewhere, "it answers with status 307"),
            (Mood::Huge, "its answer is too long"),
            (Mood::Rubbish, "can't be read"),
            (Mood::Slow, "it takes too long"),
        ] {
            provider.be(mood);
            let (is_well, detail) = told(&gateway, &provider.issuer).unwrap();
            assert!(!is_well && detail.contains(said), "{mood:?}: {detail}");
        }
        assert_eq!(gateway.run(&["doctor"]).code, 1);
    }
}

#[test]
fn the_doctor_finds_a_provider_that_is_another_one_or_names_places_that_are_none() {
    let describe = |name: &str, value: Value| {
        let (_directory, gateway) = on_sqlite();
        let provider = Provider::start();
        provider.describe_as(name, value);
        told(&before(gateway, &provider), &provider.issuer).unwrap()
    };
    for (name, value, said) in [
        ("issuer", json!("https://another.example"), "it is another issuer than the configured one"),
        ("token_endpoint", Value::Null, "it names no place to exchange codes"),
        ("token_endpoint", json!("http://elsewhere.example/token"), "is not reached by https"),
        ("authorization_endpoint", json!("http://elsewhere.example/authorize"), "is not reached by https"),
        ("jwks_uri", json!("http://elsewhere.example/keys"), "is not reached by https"),
    ] {
        let (is_well, detail) = describe(name, value);
        assert!(!is_well && detail.contains(said), "{name}: {detail}");
    }
    let (_directory, gateway) = on_sqlite();
    let provider = Provider::start();
    provider.withdraw("first");
    let (is_well, detail) = told(&before(gateway.clone(), &provider), &provider.issuer).unwrap();
    assert!(!is_well && detail.contains("it publishes no keys"), "{detail}");
    let nobody = before(gateway, &provider).with("COUNTERSIGN_GOOGLE__ISSUER", "http://127.0.0.1:1");
    let (is_well, detail) = told(&nobody, "http://127.0.0.1:1").unwrap();
    assert!(!is_well && detail.contains("it can't be reached"), "{detail}");
}
