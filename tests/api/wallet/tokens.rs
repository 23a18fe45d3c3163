//! Access tokens: what they say, and what is no token of ours.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use crate::support::wallet::{Session, Wallet};
use crate::support::world::{World, on_both};

/// A token of other parts than those that were signed together.
fn assembled(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let segment = |value: &Value| BASE64.encode(value.to_string());
    format!("{}.{}.{}", segment(header), segment(claims), BASE64.encode(signature))
}

fn header_of(session: &Session) -> Value {
    let segment = session.token.split('.').next().unwrap();
    serde_json::from_slice(&BASE64.decode(segment).unwrap()).unwrap()
}

on_both! {
    async fn a_token_says_what_the_contract_lists(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let header = header_of(&session);
        let jwks = world.get("/.well-known/jwks.json").await.ok(200).json;
        assert_eq!((&header["alg"], &header["typ"]), (&json!("EdDSA"), &json!("at+jwt")));
        assert_eq!(header["kid"], jwks["keys"][0]["kid"]);
        let claims = session.claims();
        let expected = json!({
            "iss": "http://localhost:8080", "aud": "http://localhost:8080", "sub": claims["sub"], "jti": claims["jti"],
            "sid": claims["sid"], "iat": 1_767_225_600, "exp": 1_767_225_600 + 1800, "amr": ["pop"], "roles": ["USER"],
            "evf": false, "address": session.address, "wallet": format!("eip155:1:{}", session.address),
        });
        assert_eq!(claims, expected);
    }

    async fn a_token_expires(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        world.pass(Duration::from_secs(1799));
        session.read(&world).await.ok(200);
        world.pass(Duration::from_secs(1));
        session.read(&world).await.refused(401, "token_expired");
    }

    async fn algorithms_and_headers_of_forgers_are_refused(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let (header, claims) = (header_of(&session), session.claims());
        let signature = BASE64.decode(session.token.rsplit('.').next().unwrap()).unwrap();
        let public = world.get("/.well-known/jwks.json").await.ok(200).json["keys"][0]["x"].as_str().unwrap().to_owned();
        let with = |name: &str, value: Value| {
            let mut changed = header.clone();
            changed[name] = value;
            changed
        };
        let mut forged = vec![
            assembled(&json!({"alg": "none", "typ": "at+jwt"}), &claims, b""),
            assembled(&with("alg", json!("none")), &claims, b""),
            assembled(&with("alg", json!("none")), &claims, &signature),
            assembled(&with("alg", json!("ES256")), &claims, &signature),
            assembled(&with("typ", json!("JWT")), &claims, &signature),
            assembled(&with("kid", json!("unknown")), &claims, &signature),
            assembled(&with("crit", json!(["exp"])), &claims, &signature),
            assembled(&with("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": public})), &claims, &signature),
            format!("{}.", session.token),
            session.token.rsplit_once('.').unwrap().0.to_owned(),
            session.token.replace('.', ""),
        ];
        let key_bytes = [BASE64.decode(&public).unwrap(), public.clone().into_bytes()];
        for key in key_bytes {
            let header = BASE64.encode(with("alg", json!("HS256")).to_string());
            let message = format!("{header}.{}", BASE64.encode(claims.to_string()));
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), message.as_bytes());
            forged.push(format!("{message}.{}", BASE64.encode(tag)));
        }
        for token in forged {
            world.get_as(&token, &session.profile_path()).await.refused(401, "invalid_token");
        }
    }

    async fn a_token_for_another_issuer_or_audience_is_refused(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        for (name, value) in [("TOKENS__AUDIENCE", "https://other.example"), ("PUBLIC_URL", "https://id.example")] {
            let other = world.again_with(&[(name, value)]).await;
            session.read(&other).await.refused(401, "invalid_token");
            let theirs = Wallet::number(1).sign_in(&other).await;
            theirs.read(&other).await.ok(200);
            theirs.read(&world).await.refused(401, "invalid_token");
        }
    }

    async fn a_token_of_the_future_is_refused(world: World) {
        let session = {
            world.pass(Duration::from_mins(2));
            Wallet::number(1).sign_in(&world).await
        };
        let behind = world.again_at(crate::support::world::START).await;
        session.read(&behind).await.refused(401, "invalid_token");
        behind.pass(Duration::from_secs(95));
        session.read(&behind).await.ok(200);
    }

    async fn a_token_of_another_installation_is_refused(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let other = World::elsewhere().await;
        let foreign = Wallet::number(1).sign_in(&other).await;
        world.get_as(&foreign.token, &session.profile_path()).await.refused(401, "invalid_token");
    }

    async fn es256_can_be_configured_and_old_tokens_still_verify(world: World) {
        let old = Wallet::number(1).sign_in(&world).await;
        let changed = world.again_with(&[("TOKENS__ALGORITHM", "ES256")]).await;
        let early = Wallet::number(1).sign_in(&changed).await;
        assert_eq!(header_of(&early)["alg"], "EdDSA", "the new key is published before it signs");
        world.pass(Duration::from_secs(45));
        let new = Wallet::number(1).sign_in(&changed).await;
        assert_eq!(header_of(&new)["alg"], "ES256");
        new.read(&changed).await.ok(200);
        old.read(&changed).await.ok(200);
        let keys = changed.get("/.well-known/jwks.json").await.ok(200).json["keys"].clone();
        let of = |algorithm: &str| keys.as_array().unwrap().iter().filter(|key| key["alg"] == algorithm).count();
        assert_eq!((of("EdDSA"), of("ES256")), (1, 1));
        world.core.reload_keys().await.unwrap();
        new.read(&world).await.ok(200);
    }
}
