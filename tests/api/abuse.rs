//! Abuse that is not of one route alone. The table in `docs/security.md` says which test stands for which case.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Request};
use countersign::random::Random;
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection, SqliteConnection};

use crate::support::wallet::{Wallet, refresh};
use crate::support::world::{Answer, World, on_both};

/// Small limits, behind the proxy whose peer address tests have.
const LIMITED: [(&str, &str); 6] = [
    ("LIMITS__ENABLED", "true"),
    ("TRUSTED_PROXIES", "[\"0.0.0.0\"]"),
    ("LIMITS__NONCES__BURST", "3"),
    ("LIMITS__NONCES__RATE", "60"),
    ("LIMITS__WALLET_FAILURES__BURST", "2"),
    ("LIMITS__WALLET_FAILURES__RATE", "60"),
];

async fn post_from(world: &World, client: &str, path: &str, body: &Value) -> Answer {
    let request = Request::post(path).header("x-forwarded-for", client);
    world.send(request.body(Body::from(body.to_string())).unwrap()).await
}

/// Changes the database behind the gateway's back.
async fn damage(world: &World, sql: &'static str) {
    let variables = world.variables_with(&[]);
    let value = |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value);
    if let Some(url) = value("COUNTERSIGN_DATABASE_URL") {
        let mut connection = PgConnection::connect(url).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    } else {
        let file = format!("sqlite://{}/countersign.db", value("COUNTERSIGN_DATA_DIR").unwrap());
        let mut connection = SqliteConnection::connect(&file).await.unwrap();
        sqlx::query(sql).execute(&mut connection).await.unwrap();
    }
}

/// Each byte that a header may hold by HTTP's own rules, and then many together.
fn header_values() -> impl Iterator<Item = Vec<u8>> {
    let allowed = |byte: &u8| *byte == b'\t' || (*byte >= b' ' && *byte != 0x7f);
    let random = Random::seeded(30);
    let many = move |_| random.bytes::<40>().into_iter().filter(allowed).collect();
    (0..=u8::MAX).filter(allowed).map(|byte| vec![byte]).chain((0..500).map(many))
}

on_both! {
    async fn one_client_has_one_bucket_however_his_address_is_spelt(world: World) {
        let world = world.again_with(&LIMITED).await;
        let body = json!({"address": Wallet::number(1).address});
        for spelling in ["192.0.2.1", "::ffff:192.0.2.1", "::FFFF:C000:201"] {
            post_from(&world, spelling, "/users/nonce", &body).await.ok(200);
        }
        for spelling in ["192.0.2.1:4711", "[::ffff:c000:0201]:80", " 192.0.2.1 ", "198.51.100.7, 192.0.2.1"] {
            post_from(&world, spelling, "/users/nonce", &body).await.refused(429, "too_many_requests");
        }
    }

    async fn those_without_an_address_share_one_bucket(world: World) {
        let world = world.again_with(&LIMITED).await;
        let body = json!({"address": Wallet::number(1).address});
        for nobody in ["unknown", "_hidden", "192.0.2.300"] {
            post_from(&world, nobody, "/users/nonce", &body).await.ok(200);
        }
        for nobody in ["", "192.0.2.9, x", "for=192.0.2.9", "\u{fc}"] {
            post_from(&world, nobody, "/users/nonce", &body).await.refused(429, "too_many_requests");
        }
    }

    async fn failures_count_for_a_wallet_however_it_is_spelt(world: World) {
        let world = world.again_with(&LIMITED).await;
        let address = Wallet::number(1).address;
        let signature = Wallet::number(2).sign("anything");
        let upper = format!("0x{}", address[2..].to_uppercase());
        let spellings = [address.to_lowercase(), upper, address];
        for (spelling, (status, code)) in spellings.iter().zip([
            (401, "invalid_signature"),
            (401, "invalid_signature"),
            (429, "too_many_requests"),
        ]) {
            let body = json!({"address": spelling, "signature": signature});
            post_from(&world, "192.0.2.1", "/users/authenticate", &body).await.refused(status, code);
        }
    }

    async fn a_nonce_within_another_text_signs_nobody_in(world: World) {
        let wallet = Wallet::number(1);
        let own = wallet.nonce(&world).await;
        let free = world.get("/users/nonce").await.ok(200).field("nonce").to_owned();
        for nonce in [&own, &free] {
            for text in [
                format!(" {nonce}"), format!("{nonce}\n"), format!("{nonce}{nonce}"), format!("Sign in: {nonce}"),
                format!("{nonce}\0"), nonce.to_uppercase(), nonce[2..].to_owned(), format!("{own}{free}"),
            ] {
                let signature = wallet.sign(&text);
                let unnamed = json!({"address": wallet.address, "signature": signature});
                world.post("/users/authenticate", unnamed).await.refused(401, "invalid_signature");
                for named in [nonce, &text] {
                    let named = json!({"address": wallet.address, "signature": signature, "nonce": named});
                    let answer = world.post("/users/authenticate", named).await;
                    assert_eq!(answer.status, 401, "{text:?}: {}", answer.text);
                }
            }
        }
        wallet.post_named(&world, &own).await.ok(200);
        wallet.post_named(&world, &free).await.ok(200);
    }

    async fn credentials_of_any_length_are_refused_as_what_they_are(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        let longer = |text: &str| format!("{text}{}", "A".repeat(50_000));
        let read = async |name: &str, value: &str| {
            world.call("GET", &session.profile_path(), &[(name, value)], &Value::Null).await
        };
        for token in [longer(&session.token), longer(&format!("{}.", session.token)), longer("")] {
            read("x-auth-token", &token).await.refused(401, "invalid_token");
            read("authorization", &format!("Bearer {token}")).await.refused(401, "invalid_token");
        }
        read("x-api-key", &longer(&key)).await.refused(401, "invalid_api_key");
        refresh(&world, &longer(&session.refresh)).await.refused(401, "invalid_refresh_token");
        let nonce = Wallet::number(1).nonce(&world).await;
        Wallet::number(1).post_named(&world, &longer(&nonce)).await.refused(401, "nonce_unknown");
        session.read(&world).await.ok(200);
    }

    async fn any_bytes_in_a_credential_header_are_refused_and_never_a_fault_of_ours(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        let prefixes = ["", "Bearer ", "Bearer  Bearer ", "Basic ", "csr_", "csk_", &session.token[..20], &key[..40]];
        let routes = [
            ("GET", session.profile_path()),
            ("POST", session.profile_path()),
            ("GET", "/users/api-key".to_owned()),
            ("POST", "/users/api-key/rotate".to_owned()),
            ("POST", "/users/logout".to_owned()),
        ];
        for (round, value) in header_values().enumerate() {
            let prefix = prefixes[round % prefixes.len()];
            let value = HeaderValue::from_bytes(&[prefix.as_bytes(), &value].concat()).unwrap();
            let (method, path) = &routes[round % routes.len()];
            for name in ["x-auth-token", "authorization", "x-api-key"] {
                let alone = Request::builder().method(*method).uri(path).header(name, &value);
                let beside = Request::builder().method(*method).uri(path).header(name, &value);
                for request in [alone, beside.header("x-auth-token", &session.token)] {
                    let answer = world.send(request.body(Body::empty()).unwrap()).await;
                    assert!(matches!(answer.status.as_u16(), 400 | 401), "{name}: {value:?}: {}", answer.text);
                }
            }
        }
        session.read(&world).await.ok(200);
    }

    async fn a_damaged_row_is_a_fault_of_ours_for_its_owner_and_nothing_for_others(world: World) {
        let wallet = Wallet::number(1);
        for (sql, other) in [
            ("UPDATE sessions SET refresh_counter = -1", 2),
            ("UPDATE accounts SET api_key_counter = 4294967296", 3),
            ("UPDATE wallets SET address = 'x' || address", 4),
        ] {
            let session = wallet.sign_in(&world).await;
            damage(&world, sql).await;
            session.read(&world).await.refused(500, "internal_error");
            refresh(&world, &session.refresh).await.refused(500, "internal_error");
            Wallet::number(other).sign_in(&world).await;
            damage(&world, "UPDATE sessions SET refresh_counter = 0").await;
            damage(&world, "UPDATE accounts SET api_key_counter = 0").await;
        }
        damage(&world, "UPDATE wallet_counts SET count = -1").await;
        world.post("/users/nonce", json!({"address": wallet.address})).await.refused(500, "internal_error");
        Wallet::number(5).sign_in(&world).await;
    }

    async fn sql_within_a_text_is_text(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let text = "'); DROP TABLE accounts; --\\\"";
        let body = json!({"name": text, "intendedUse": text});
        world.post_as(&session.token, &session.profile_path(), body).await.ok(200);
        assert_eq!(session.read(&world).await.ok(200).field("intendedUse"), text);
        refresh(&world, &format!("csr_{text}")).await.refused(401, "invalid_refresh_token");
        world.post("/users/nonce", json!({"address": text})).await.refused(400, "invalid_address");
    }

    async fn a_sign_out_that_ends_nothing_is_no_success(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        let logout = async |method: &str, headers: &[(&str, &str)]| {
            world.call(method, "/users/logout", headers, &Value::Null).await
        };
        logout("POST", &[]).await.refused(401, "not_authenticated");
        logout("POST", &[("cookie", &format!("token={}", session.token))]).await.refused(401, "not_authenticated");
        logout("POST", &[("x-api-key", &key)]).await.refused(403, "person_required");
        logout("POST", &[("x-auth-token", &session.refresh)]).await.refused(401, "invalid_token");
        logout("GET", &[("x-auth-token", &session.token)]).await.refused(405, "method_not_allowed");
        session.read(&world).await.ok(200);
        logout("POST", &[("x-auth-token", &session.token)]).await.ok(204);
        logout("POST", &[("x-auth-token", &session.token)]).await.refused(401, "session_ended");
    }

    async fn a_session_that_reuse_ended_stays_ended_after_a_restart(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let next = refresh(&world, &session.refresh).await.ok(200);
        world.pass(Duration::from_secs(11));
        let restarted = world.again_with(&[]).await;
        refresh(&restarted, &session.refresh).await.refused(401, "refresh_token_reused");
        let again = restarted.again_with(&[]).await;
        for gateway in [&world, &restarted, &again] {
            session.read(gateway).await.refused(401, "session_ended");
            refresh(gateway, next.field("refreshToken")).await.refused(401, "session_ended");
        }
    }
}
