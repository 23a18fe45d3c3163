//! Bad input: a clear error in the contract's shape, and nothing spent by it.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::wallet::Wallet;
use crate::support::world::{Answer, World, on_both};

async fn post_raw(world: &World, path: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(path).header("content-type", "application/json");
    world.send(request.body(body.into()).unwrap()).await
}

/// The order of secp256k1.
const ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";

on_both! {
    async fn malformed_signatures_say_what_is_wrong_and_spend_nothing(world: World) {
        let wallet = Wallet::number(1);
        let nonce = wallet.nonce(&world).await;
        let good = wallet.sign(&nonce);
        let (r, s) = (&good[2..66], &good[66..130]);
        let zero = "0".repeat(64);
        let high_s = {
            use k256::elliptic_curve::PrimeField;
            let bytes: [u8; 32] = hex::decode(s).unwrap().try_into().unwrap();
            let twin = -k256::Scalar::from_repr(bytes.into()).unwrap();
            let v = if good.ends_with("1b") { "1c" } else { "1b" };
            format!("0x{r}{}{v}", hex::encode(twin.to_bytes()))
        };
        let table = [
            ("not hex".to_owned(), "hex"),
            (good[2..].to_owned(), "hex"),
            (format!("0x{}zz", &good[2..130]), "hex"),
            (good[..good.len() - 1].to_owned(), "hex"),
            (format!("{good}0"), "hex"),
            (String::new(), "hex"),
            ("0x".to_owned(), "65 bytes"),
            (good[..128].to_owned(), "65 bytes"),
            (format!("{good}00"), "65 bytes"),
            (format!("0x{}", "ab".repeat(20_000)), "65 bytes"),
            (format!("{}02", &good[..130]), "(v)"),
            (format!("{}1d", &good[..130]), "(v)"),
            (format!("{}25", &good[..130]), "(v)"),
            (format!("0x{zero}{s}1b"), "zero"),
            (format!("0x{r}{zero}1b"), "zero"),
            (format!("0x{ORDER}{s}1b"), "order"),
            (format!("0x{r}{ORDER}1b"), "order"),
            (format!("0x{}{s}1b", "f".repeat(64)), "order"),
            (high_s, "high s"),
            (wallet.sign("another text"), "did not sign"),
            (Wallet::number(2).sign(&nonce), "did not sign"),
            (wallet.sign(&Wallet::number(2).nonce(&world).await), "did not sign"),
            (format!("{}{}", &good[..130], if good.ends_with("1b") { "1c" } else { "1b" }), "did not sign"),
        ];
        for (signature, reason) in table {
            let answer = wallet.post(&world, &signature).await.refused(401, "invalid_signature");
            assert!(answer.field("detail").contains(reason), "{reason}: {}", answer.text);
        }
        wallet.post(&world, &good).await.ok(200);
    }

    async fn addresses_are_checked_everywhere(world: World) {
        let mistyped = "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
        for address in ["", "0x", "0x12", mistyped, "vitalik.eth", "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"] {
            world.post("/users/nonce", json!({"address": address})).await.refused(400, "invalid_address");
            let proof = json!({"address": address, "signature": "0x"});
            world.post("/users/authenticate", proof).await.refused(400, "invalid_address");
        }
        let answer = world.post("/users/nonce", json!({"address": mistyped})).await;
        assert!(answer.field("detail").contains("checksum"));
    }

    async fn what_is_no_json_is_400_and_what_has_the_wrong_shape_is_422(world: World) {
        let deep = format!("{{\"address\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        let deep_unknown = format!("{{\"x\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
        let unreadable: [&[u8]; 7] = [
            b"", b"{", b"{\"address\":}", b"{\"address\":\"a\"}x", b"address=0x", b"{\"address\":\"\xff\xfe\"}",
            b"{\"address\":\"\\ud800\"}",
        ];
        for body in unreadable {
            post_raw(&world, "/users/nonce", body.to_vec()).await.refused(400, "invalid_json");
        }
        let misshapen: [&[u8]; 10] = [
            b"{}", b"[]", b"null", b"1", b"\"x\"", b"{\"address\":1}", b"{\"address\":null}", deep.as_bytes(), deep_unknown.as_bytes(),
            b"{\"address\":\"a\",\"address\":\"b\"}",
        ];
        for body in misshapen {
            let answer = post_raw(&world, "/users/nonce", body.to_vec()).await.refused(422, "invalid_request");
            assert!(answer.json["violations"].as_array().is_some_and(|violations| !violations.is_empty()));
        }
    }

    async fn a_violation_names_the_field(world: World) {
        let table = [
            ("/users/authenticate", json!({"signature": "0x"}), "address"),
            ("/users/authenticate", json!({"address": "0x"}), "signature"),
            ("/users/authenticate", json!({"address": "0x", "signature": "0x", "nonce": 5}), "nonce"),
            ("/users/refresh", json!({}), "refreshToken"),
            ("/users/refresh", json!({"refreshToken": ["x"]}), "refreshToken"),
        ];
        for (path, body, field) in table {
            let answer = world.post(path, body).await.refused(422, "invalid_request");
            assert_eq!(answer.json["violations"][0]["field"], field, "{}", answer.text);
        }
    }

    async fn a_body_of_a_mebibyte_is_413_whether_or_not_it_says_so(world: World) {
        let body = json!({"address": "a".repeat(1 << 20)}).to_string();
        for path in ["/users/nonce", "/users/authenticate", "/users/refresh"] {
            post_raw(&world, path, body.clone()).await.refused(413, "body_too_large");
            let chunks = body.as_bytes().chunks(1000).map(|chunk| Ok::<_, std::io::Error>(chunk.to_vec()));
            let stream = Body::from_stream(futures_util::stream::iter(chunks.collect::<Vec<_>>()));
            post_raw(&world, path, stream).await.refused(413, "body_too_large");
        }
        let padded = format!("{{\"address\":\"{}\"{}}}", Wallet::number(1).address, " ".repeat(64_000));
        post_raw(&world, "/users/nonce", padded).await.ok(200);
    }

    async fn the_type_of_a_body_may_be_missing_but_not_wrong(world: World) {
        let body = json!({"address": Wallet::number(1).address});
        let with = async |kind: &str| world.call("POST", "/users/nonce", &[("content-type", kind)], &body).await;
        world.call("POST", "/users/nonce", &[], &body).await.ok(200);
        with("application/json; charset=utf-8").await.ok(200);
        for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "json"] {
            with(kind).await.refused(415, "unsupported_media_type");
        }
    }

    async fn unknown_routes_and_methods_are_problems_too(world: World) {
        for path in ["/", "/users", "/users/", "/users/nonce/", "/users/x/y/z", "/admin"] {
            let answer = world.get(path).await;
            assert!([404, 405].contains(&answer.status.as_u16()), "{path}: {}", answer.text);
        }
        let table = [
            ("/users/nonce", "PUT", "GET"),
            ("/users/authenticate", "GET", "POST"),
            ("/users/logout", "DELETE", "POST"),
            ("/users/api-key", "POST", "GET"),
            ("/.well-known/jwks.json", "POST", "GET"),
        ];
        for (path, method, allowed) in table {
            let answer = world.call(method, path, &[], &Value::Null).await.refused(405, "method_not_allowed");
            assert!(answer.headers["allow"].to_str().unwrap().contains(allowed), "{path}");
        }
    }
}
