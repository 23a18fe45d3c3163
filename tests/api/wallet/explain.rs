//! `POST /users/authenticate/explain`: every rule's verdict, without a session and without using up a nonce.

use serde_json::{Value, json};

use crate::support::wallet::Wallet;
use crate::support::world::{Answer, World, on_both};

async fn explain(world: &World, body: Value) -> Answer {
    world.post("/users/authenticate/explain", body).await.ok(200)
}

/// The rules, each with its code if it is broken.
fn verdicts(answer: &Answer) -> Vec<(String, Option<String>)> {
    let of_rule = |rule: &Value| {
        assert_eq!(rule["ok"].as_bool().unwrap(), rule.get("error").is_none(), "{rule}");
        assert_eq!(rule.get("error").is_none(), rule.get("detail").is_none(), "{rule}");
        (rule["rule"].as_str().unwrap().to_owned(), rule["error"].as_str().map(str::to_owned))
    };
    let verdicts: Vec<_> = answer.json["rules"].as_array().unwrap().iter().map(of_rule).collect();
    assert_eq!(answer.json["accepted"].as_bool().unwrap(), verdicts.iter().all(|(_, error)| error.is_none()));
    verdicts
}

/// Those that are broken.
fn broken(answer: &Answer) -> Vec<(String, String)> {
    verdicts(answer).into_iter().filter_map(|(rule, error)| Some((rule, error?))).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(rule, error)| ((*rule).to_owned(), (*error).to_owned())).collect()
}

const ALL: [&str; 11] = [
    "grammar",
    "address",
    "version",
    "domain",
    "uri",
    "chain",
    "nonce",
    "issued_at",
    "expiration",
    "not_before",
    "signature",
];

async fn message(world: &World, wallet: &Wallet) -> String {
    world.post("/users/nonce", json!({"address": wallet.address})).await.ok(200).field("message").to_owned()
}

on_both! {
    async fn a_good_message_keeps_every_rule_and_is_still_good_afterwards(world: World) {
        let wallet = Wallet::number(1);
        let message = message(&world, &wallet).await;
        let body = json!({"message": message, "signature": wallet.sign(&message)});
        for _ in 0..2 {
            let answer = explain(&world, body.clone()).await;
            let rules: Vec<_> = verdicts(&answer).into_iter().map(|(rule, _)| rule).collect();
            assert_eq!(rules, ALL);
            assert_eq!(answer.json["accepted"], true, "{}", answer.text);
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
        world.post("/users/authenticate", body.clone()).await.ok(200);
        assert_eq!(broken(&explain(&world, body).await), pairs(&[("nonce", "nonce_used")]));
    }

    async fn all_that_is_wrong_is_told_at_once(world: World) {
        let wallet = Wallet::number(1);
        let message = message(&world, &wallet).await
            .replacen("localhost:8080 wants", "evil.example wants", 1)
            .replacen("URI: http://", "URI: https://", 1)
            .replacen("Chain ID: 1", "Chain ID: 5", 1)
            .replacen("Nonce: 0x", "Nonce: 1x", 1)
            .replacen("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", 1)
            + "\nExpiration Time: 2025-01-01T00:00:00Z\nNot Before: 2027-01-01T00:00:00Z";
        let other = Wallet::number(2);
        let answer = explain(&world, json!({"message": message, "signature": other.sign(&message)})).await;
        let expected = pairs(&[
            ("domain", "domain_not_allowed"),
            ("uri", "uri_not_allowed"),
            ("chain", "chain_not_configured"),
            ("nonce", "nonce_unknown"),
            ("issued_at", "issued_in_future"),
            ("expiration", "message_never_valid"),
            ("not_before", "message_not_yet_valid"),
            ("signature", "invalid_signature"),
        ]);
        assert_eq!(broken(&answer), expected);
        assert!(answer.text.contains(&other.address), "{}", answer.text);
    }

    async fn what_can_not_be_judged_is_left_out(world: World) {
        let wallet = Wallet::number(1);
        let good = message(&world, &wallet).await;
        let other_case = wallet.address.to_lowercase().replacen(|c: char| c.is_ascii_lowercase() && c != 'x', "A", 1);
        for (from, to, rules) in [
            ("Nonce: ", "Nonce:", vec![("grammar", Some("invalid_message"))]),
            (wallet.address.as_str(), other_case.as_str(), vec![("address", Some("invalid_address"))]),
            ("Version: 1", "Version: 2",
             vec![("grammar", None), ("address", None), ("version", Some("message_version_not_supported"))]),
        ] {
            let message = good.replacen(from, to, 1);
            let answer = explain(&world, json!({"message": message, "signature": wallet.sign(&message)})).await;
            let expected: Vec<_> =
                rules.into_iter().map(|(rule, error)| (rule.to_owned(), error.map(str::to_owned))).collect();
            assert_eq!(verdicts(&answer), expected);
        }
    }

    async fn a_nonce_by_itself_has_three_rules(world: World) {
        let wallet = Wallet::number(1);
        let nonce = wallet.nonce(&world).await;
        let free = world.get("/users/nonce").await.ok(200).field("nonce").to_owned();
        let bodies = [
            json!({"address": wallet.address, "signature": wallet.sign(&nonce)}),
            json!({"address": wallet.address, "signature": wallet.sign(&nonce), "nonce": nonce}),
            json!({"address": wallet.address, "signature": wallet.sign(&free), "nonce": free}),
        ];
        for body in &bodies {
            let rules: Vec<_> = verdicts(&explain(&world, body.clone()).await).into_iter().map(|(rule, _)| rule).collect();
            assert_eq!(rules, ["address", "nonce", "signature"]);
        }
        for body in [&bodies[0], &bodies[2]] {
            world.post("/users/authenticate", body.clone()).await.ok(200);
        }
        for body in bodies {
            assert_eq!(broken(&explain(&world, body).await), pairs(&[("nonce", "nonce_used")]));
        }
        let wrong = json!({"address": wallet.address, "signature": Wallet::number(2).sign(&nonce)});
        assert_eq!(broken(&explain(&world, wrong).await), pairs(&[("signature", "invalid_signature")]));
        let no_address = json!({"address": "0x12", "signature": "0x"});
        assert_eq!(broken(&explain(&world, no_address).await), pairs(&[("address", "invalid_address")]));
    }

    async fn a_signature_is_judged_also_where_nonces_by_themselves_are_not_accepted(world: World) {
        let strict = world.again_with(&[("WALLET__BARE_NONCE", "false")]).await;
        let wallet = Wallet::number(1);
        let body = |text: &str| json!({"address": wallet.address, "signature": wallet.sign(text)});
        let signed = explain(&strict, body(&wallet.nonce(&world).await)).await;
        assert_eq!(broken(&signed), pairs(&[("nonce", "bare_nonce_disabled")]));
        let other = explain(&strict, body("something else")).await;
        let both = pairs(&[("nonce", "bare_nonce_disabled"), ("signature", "invalid_signature")]);
        assert_eq!(broken(&other), both);
    }

    async fn explaining_is_limited_like_a_sign_in(world: World) {
        let limits = [("LIMITS__ENABLED", "true"), ("LIMITS__SIGN_INS__BURST", "3"), ("LIMITS__SIGN_INS__RATE", "1")];
        let world = world.again_with(&limits).await;
        let body = json!({"message": "x", "signature": "0x"});
        for _ in 0..3 {
            explain(&world, body.clone()).await;
        }
        world.post("/users/authenticate/explain", body).await.refused(429, "too_many_requests");
    }
}
