//! Providers that break the rules, and tokens that somebody else has made: nobody gets in, and nothing is half made.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::openid::{
    Asked, CLIENT, Key, Mood, PAGE, Provider, SECRET, finish, sign_in, signed_by_secret, start, unsigned,
};
use crate::support::world::{START, World, on_both};

const NOTHING: &str = "SELECT CAST((SELECT COUNT(*) FROM accounts) + (SELECT COUNT(*) FROM identities) \
                       + (SELECT COUNT(*) FROM sessions) + (SELECT COUNT(*) FROM spent_nonces) AS TEXT)";

/// A provider, and a gateway over the same data that it is configured at.
async fn before_a_provider(world: &World) -> (Provider, World) {
    let provider = Provider::start();
    let world = provider.before(world, &[]).await;
    (provider, world)
}

async fn nothing_is_made(world: &World) {
    assert_eq!(world.data().await.text(NOTHING).await, "0");
}

on_both! {
    async fn a_token_that_breaks_a_rule_lets_nobody_in(world: World) {
        let (provider, world) = before_a_provider(&world).await;
        let now = START.seconds();
        let broken = [
            json!({"iss": "https://accounts.google.com"}),
            json!({"iss": format!("{}/", provider.issuer)}),
            json!({"aud": "another-app"}),
            json!({"aud": []}),
            json!({"aud": [CLIENT, "another-app"]}),
            json!({"aud": [CLIENT, "another-app"], "azp": "another-app"}),
            json!({"azp": "another-app"}),
            json!({"exp": now - 60}),
            json!({"exp": now - 3600}),
            json!({"iat": now + 61}),
            json!({"sub": ""}),
            json!({"sub": "a".repeat(256)}),
            json!({"sub": "a\u{0}b"}),
        ];
        for changes in broken {
            sign_in(&world, &provider.code("jane", changes.clone())).await.refused(401, "invalid_id_token");
        }
        for missing in ["iss", "aud", "sub", "exp", "iat"] {
            let answer = sign_in(&world, &provider.code("jane", json!({missing: null}))).await;
            assert!([401, 502].contains(&answer.status.as_u16()), "without {missing}: {}", answer.text);
        }
        nothing_is_made(&world).await;
        let good = [
            json!({"exp": now - 59, "iat": now + 60}),
            json!({"aud": [CLIENT]}),
            json!({"azp": CLIENT}),
            json!({"aud": [CLIENT, "another-app"], "azp": CLIENT}),
        ];
        for changes in good {
            sign_in(&world, &provider.code("jane", changes)).await.ok(200);
        }
    }

    async fn what_is_not_signed_by_a_key_of_the_provider_lets_nobody_in(world: World) {
        let (provider, world) = before_a_provider(&world).await;
        let rsa = Key::rsa("rsa");
        let (public, kid) = (rsa.public().to_vec(), rsa.id.clone());
        provider.rotate(rsa);
        let claims = provider.claims("jane", json!({}));
        let good = provider.code("jane", json!({}));
        let header = |alg: &str| json!({"alg": alg, "kid": kid, "typ": "JWT"});
        let hmac = |alg: &str, secret: &[u8]| signed_by_secret(&header(alg), &claims, secret);
        let forged = [
            format!("{}.", unsigned(&header("none"), &claims)),
            format!("{}.AAAA", unsigned(&header("none"), &claims)),
            format!("{}.", unsigned(&json!({"alg": "none"}), &claims)),
            hmac("HS256", &public),
            hmac("HS256", SECRET.as_bytes()),
            hmac("RS256", &public),
            hmac("ES256", &public),
            format!("{}.AAAA", unsigned(&header("RS256"), &claims)),
            Key::rsa(&kid).sign(&claims),
            Key::p256(&kid).sign(&claims),
            Key::ed25519("first").sign(&claims),
            Key::ed25519("nobody's").sign(&claims),
        ];
        for token in forged {
            sign_in(&world, &provider.code_for(token.clone())).await.refused(401, "invalid_id_token");
        }
        for token in [String::new(), "a".to_owned(), "a.b.c".to_owned(), "....".to_owned()] {
            sign_in(&world, &provider.code_for(token)).await.refused(502, "provider_unavailable");
        }
        nothing_is_made(&world).await;
        sign_in(&world, &good).await.ok(200);
    }

    async fn every_algorithm_of_the_list_is_understood(world: World) {
        let (provider, world) = before_a_provider(&world).await;
        let mut ids = Vec::new();
        for key in [Key::rsa("a"), Key::p256("b"), Key::ed25519("c")] {
            provider.rotate(key);
            world.pass(Duration::from_secs(10));
            ids.push(sign_in(&world, &provider.code("jane", json!({}))).await.ok(200).field("userId").to_owned());
        }
        assert!(ids.iter().all(|id| *id == ids[0]));
    }

    async fn a_new_key_is_looked_for_and_not_again_and_again(world: World) {
        let (provider, world) = before_a_provider(&world).await;
        let enter = async || sign_in(&world, &provider.code("jane", json!({}))).await;
        enter().await.ok(200);
        enter().await.ok(200);
        assert_eq!(provider.asked(), Asked { discovery: 1, keys: 1, tokens: 2 });
        provider.rotate(Key::ed25519("second"));
        // Its keys are but a moment old.
        enter().await.refused(401, "invalid_id_token");
        assert_eq!(provider.asked().keys, 1);
        world.pass(Duration::from_secs(10));
        let codes: Vec<_> = (0..10).map(|_| provider.code("jane", json!({}))).collect();
        for answer in join_all(codes.iter().map(|code| sign_in(&world, code))).await {
            answer.ok(200);
        }
        assert_eq!(provider.asked().keys, 2, "one asks for all");
        world.pass(Duration::from_secs(10));
        provider.sign_secretly_with(Key::ed25519("unknown"));
        for _ in 0..5 {
            enter().await.refused(401, "invalid_id_token");
        }
        assert_eq!(provider.asked().keys, 3);
        // A key that was taken back is good for an hour at most.
        let withdrawn = Key::ed25519("third");
        provider.rotate(withdrawn);
        world.pass(Duration::from_secs(10));
        enter().await.ok(200);
        provider.withdraw("third");
        world.pass(Duration::from_secs(3590));
        enter().await.ok(200);
        world.pass(Duration::from_secs(10));
        enter().await.refused(401, "invalid_id_token");
    }

    async fn those_who_come_at_once_share_one_question(world: World) {
        let (provider, world) = before_a_provider(&world).await;
        for answer in join_all((0..30).map(|_| start(&world, PAGE))).await {
            answer.ok(200);
        }
        assert_eq!(provider.asked(), Asked { discovery: 1, keys: 1, tokens: 0 });
        provider.be(Mood::Failing);
        world.pass(Duration::from_hours(1));
        for answer in join_all((0..30).map(|_| start(&world, PAGE))).await {
            answer.refused(502, "provider_unavailable");
        }
        assert!(provider.asked().discovery < 10, "{:?}", provider.asked());
    }

    async fn a_code_is_good_once_and_for_us_alone(world: World) {
        let (provider, world) = before_a_provider(&world).await;
        let code = provider.code("jane", json!({}));
        sign_in(&world, &code).await.ok(200);
        sign_in(&world, &code).await.refused(401, "invalid_grant");
        sign_in(&world, "made up").await.refused(401, "invalid_grant");
        provider.be(Mood::Strangers);
        sign_in(&world, &provider.code("jane", json!({}))).await.refused(502, "provider_unavailable");
    }

    async fn the_client_proves_itself_as_the_provider_wants_it(world: World) {
        for (methods, status) in [
            (json!(["client_secret_basic"]), 200),
            (json!(["client_secret_post"]), 200),
            (json!(["client_secret_post", "client_secret_basic"]), 200),
            (Value::Null, 200),
        ] {
            let (provider, world) = before_a_provider(&world).await;
            if !methods.is_null() {
                provider.describe_as("token_endpoint_auth_methods_supported", methods);
            }
            sign_in(&world, &provider.code("jane", json!({}))).await.ok(status);
        }
    }

    async fn a_provider_that_says_what_is_not_so_is_not_used(world: World) {
        let lies = [
            ("issuer", json!("https://accounts.google.com")),
            ("token_endpoint", json!("http://192.0.2.1/token")),
            ("token_endpoint", Value::Null),
            ("jwks_uri", json!("http://192.0.2.1/keys")),
            ("jwks_uri", json!("file:///etc/passwd")),
            ("jwks_uri", Value::Null),
        ];
        for (name, value) in lies {
            let (provider, world) = before_a_provider(&world).await;
            provider.describe_as(name, value.clone());
            let answer = sign_in(&world, &provider.code("jane", json!({}))).await;
            answer.refused(502, "provider_unavailable");
            assert_eq!(provider.asked().tokens, 0, "the code and the secret went nowhere: {name} {value}");
            nothing_is_made(&world).await;
        }
        let (provider, world) = before_a_provider(&world).await;
        provider.describe_as("authorization_endpoint", json!("http://192.0.2.1/authorize"));
        start(&world, PAGE).await.refused(502, "provider_unavailable");
    }

    async fn a_provider_that_fails_leaves_nothing_half_made_and_the_sign_in_can_be_finished_later(world: World) {
        let provider = Provider::start();
        let world = provider.before(&world, &[]).await;
        let started = start(&world, PAGE).await.ok(200);
        let state = started.field("state");
        for mood in [Mood::Failing, Mood::Huge, Mood::Rubbish, Mood::Elsewhere, Mood::Strangers, Mood::Slow] {
            // Both a provider that is asked for the first time, and one that was well a moment ago.
            let fresh = provider.before(&world, &[]).await;
            let code = provider.visit(started.field("authorizationUrl"), "jane", json!({}));
            provider.be(mood);
            let refused = finish(&world, &code, state).await.refused(502, "provider_unavailable");
            assert!(refused.headers.contains_key("retry-after"));
            if mood != Mood::Strangers {
                start(&fresh, PAGE).await.refused(502, "provider_unavailable");
            }
            nothing_is_made(&world).await;
            provider.be(Mood::Well);
        }
        let code = provider.visit(started.field("authorizationUrl"), "jane", json!({}));
        finish(&world, &code, state).await.ok(200);
    }
}
