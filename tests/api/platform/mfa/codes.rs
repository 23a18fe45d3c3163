//! Setting the second factor up, using its codes, and switching it off.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::authenticator::{Authenticator, VERIFY, verify};
use crate::support::person::{PASSWORD, basic, call_as, login, session};
use crate::support::wallet::{Session, Wallet};
use crate::support::world::{Answer, World, on_both};

const SETUP: &str = "/v1/auth/mfa/setup";
const OFF: &str = "/v1/auth/mfa";
const RENEW: &str = "/v1/auth/mfa/backup-codes";

async fn login_with(world: &World, code: &str) -> Answer {
    world.post("/api/users/login", json!({"username": "trader1", "password": PASSWORD, "otp": code})).await
}

async fn set_up(world: &World, bearer: &str) -> Answer {
    call_as(world, bearer, "POST", SETUP, Value::Null).await
}

/// Asks for a message by which this wallet is linked, and signs it.
async fn link(world: &World, bearer: &str, wallet: &Wallet, otp: Option<&str>) -> Answer {
    let body = json!({"address": wallet.address});
    let asked = call_as(world, bearer, "POST", "/users/wallets/challenge", body).await.ok(200);
    let message = asked.field("message");
    let proof = json!({"message": message, "signature": wallet.sign(message), "otp": otp});
    call_as(world, bearer, "POST", "/users/wallets", proof).await
}

on_both! {
    async fn an_authenticator_is_in_force_from_its_first_code_on_and_not_before(world: World) {
        let bearer = session(&world, "trader1").await;
        verify(&world, &bearer, "123456").await.refused(409, "second_factor_not_set_up");
        let setup = set_up(&world, &bearer).await.ok(200);
        let secret = setup.field("secretKey");
        assert_eq!(secret.len(), 32, "160 bits");
        let url = "otpauth://totp/localhost:trader1?secret=".to_owned() + secret
            + "&issuer=localhost&algorithm=SHA1&digits=6&period=30";
        assert_eq!(setup.field("qrCodeUrl"), url);
        assert!(setup.field("qrCode").starts_with("data:image/svg+xml;base64,"));
        assert_eq!(setup.headers["cache-control"], "no-store");
        let own = Authenticator::of(&setup);
        assert_eq!(own.backup.len(), 10);
        login(&world, "trader1", PASSWORD).await.ok(200);
        verify(&world, &bearer, &own.wrong(&world)).await.refused(401, "invalid_code");
        verify(&world, &bearer, &own.backup[0]).await.refused(401, "invalid_code");
        login(&world, "trader1", PASSWORD).await.ok(200);
        let first = verify(&world, &bearer, &own.code(&world)).await.ok(200);
        assert_eq!(first.json, json!({"isValid": true, "deviceToken": null, "expiresAt": null}));
        login(&world, "trader1", PASSWORD).await.refused(401, "mfa_required");
        // It was used up by that.
        login_with(&world, &own.code(&world)).await.refused(401, "invalid_code");
        login_with(&world, &own.next(&world)).await.ok(200);
        verify(&world, &bearer, &own.next(&world)).await.ok(200);
    }

    async fn a_code_is_good_once_over_all_doors_and_nodes_and_never_after_a_later_one(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let other = world.again_with(&[]).await;
        world.pass(Duration::from_mins(5));
        let code = own.code(&world);
        login_with(&world, &code).await.ok(200);
        let own_basic = basic("trader1", PASSWORD);
        let headers = [("authorization", own_basic.as_str()), ("x-otp", code.as_str())];
        for node in [&world, &other] {
            login_with(node, &code).await.refused(401, "invalid_code");
            verify(node, &bearer, &code).await.refused(401, "invalid_code");
        }
        other.call("GET", "/v1/users/token", &headers, &Value::Null).await.refused(401, "invalid_code");
        world.data().await.execute("DELETE FROM failures").await;
        // A step either way, and none beyond or before the last one that was used.
        world.pass(Duration::from_mins(5));
        for steps in [-2, 2] {
            login_with(&world, &own.code_after(&world, steps)).await.refused(401, "invalid_code");
        }
        login_with(&world, &own.code_after(&world, -1)).await.ok(200);
        login_with(&other, &own.code_after(&world, 1)).await.ok(200);
        for steps in [-1, 0, 1] {
            login_with(&world, &own.code_after(&world, steps)).await.refused(401, "invalid_code");
        }
    }

    async fn backup_codes_work_once_each_in_any_spelling_and_are_replaced_with_a_fresh_code(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        login_with(&world, &own.backup[0]).await.ok(200);
        login_with(&world, &own.backup[0]).await.refused(401, "invalid_code");
        login_with(&world, &own.backup[1].replace('-', " ").to_uppercase()).await.ok(200);
        call_as(&world, &bearer, "POST", RENEW, Value::Null).await.refused(401, "mfa_required");
        call_as(&world, &bearer, "POST", RENEW, json!({"code": own.wrong(&world)})).await.refused(401, "invalid_code");
        login_with(&world, &own.backup[2]).await.ok(200);
        let renewed = call_as(&world, &bearer, "POST", RENEW, json!({"code": own.backup[3]})).await.ok(200);
        let codes = renewed.json["backupCodes"].as_array().unwrap();
        assert_eq!(codes.len(), 10);
        login_with(&world, &own.backup[4]).await.refused(401, "invalid_code");
        for code in codes {
            login_with(&world, code.as_str().unwrap()).await.ok(200);
        }
        login_with(&world, codes[9].as_str().unwrap()).await.refused(401, "invalid_code");
        // They are of this account.
        let another = session(&world, "trader2").await;
        let others = Authenticator::in_force(&world, &another).await;
        login_with(&world, &others.backup[0]).await.refused(401, "invalid_code");
    }

    async fn another_setup_replaces_one_that_waits_and_one_in_force_only_with_a_code_of_it(world: World) {
        let bearer = session(&world, "trader1").await;
        let forgotten = Authenticator::of(&set_up(&world, &bearer).await.ok(200));
        let own = Authenticator::of(&set_up(&world, &bearer).await.ok(200));
        verify(&world, &bearer, &forgotten.code(&world)).await.refused(401, "invalid_code");
        verify(&world, &bearer, &own.code(&world)).await.ok(200);
        set_up(&world, &bearer).await.refused(401, "mfa_required");
        let wrong = json!({"code": own.wrong(&world)});
        call_as(&world, &bearer, "POST", SETUP, wrong).await.refused(401, "invalid_code");
        let code = json!({"code": own.next(&world)});
        let next = Authenticator::of(&call_as(&world, &bearer, "POST", SETUP, code).await.ok(200));
        // The one in force stays until the next one has shown a code.
        login_with(&world, &next.code(&world)).await.refused(401, "invalid_code");
        login_with(&world, &own.next(&world)).await.ok(200);
        verify(&world, &bearer, &next.code(&world)).await.ok(200);
        login_with(&world, &own.next(&world)).await.refused(401, "invalid_code");
        login_with(&world, &own.backup[0]).await.refused(401, "invalid_code");
        login_with(&world, &next.code(&world)).await.ok(200);
        login_with(&world, &next.backup[0]).await.ok(200);
    }

    async fn a_setup_takes_a_sign_in_of_a_moment_ago_and_a_first_code_within_an_hour(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::of(&set_up(&world, &bearer).await.ok(200));
        world.pass(Duration::from_mins(10));
        set_up(&world, &bearer).await.refused(403, "fresh_sign_in_required");
        world.pass(Duration::from_mins(50) + Duration::from_micros(1));
        verify(&world, &bearer, &own.code(&world)).await.refused(409, "second_factor_not_set_up");
        world.pass(Duration::from_hours(2));
        world.core.sweep().await.unwrap();
        let left = world.data().await.execute("DELETE FROM second_factors").await;
        assert_eq!(left, 0);
    }

    async fn switching_it_off_takes_a_code_and_ends_the_other_sessions(world: World) {
        let bearer = session(&world, "trader1").await;
        call_as(&world, &bearer, "DELETE", OFF, Value::Null).await.refused(409, "second_factor_not_set_up");
        call_as(&world, &bearer, "POST", RENEW, Value::Null).await.refused(409, "second_factor_not_set_up");
        let own = Authenticator::in_force(&world, &bearer).await;
        let elsewhere = login_with(&world, &own.next(&world)).await.ok(200).field("session_token").to_owned();
        call_as(&world, &bearer, "DELETE", OFF, Value::Null).await.refused(401, "mfa_required");
        call_as(&world, &bearer, "DELETE", OFF, json!({"code": own.code(&world)})).await.refused(401, "invalid_code");
        let authorization = format!("Bearer {bearer}");
        let headers = [("authorization", authorization.as_str()), ("x-otp", own.backup[0].as_str())];
        world.call("DELETE", OFF, &headers, &Value::Null).await.ok(204);
        call_as(&world, &elsewhere, "GET", "/api/users/profile", Value::Null).await.refused(401, "session_ended");
        call_as(&world, &bearer, "GET", "/api/users/profile", Value::Null).await.ok(200);
        login(&world, "trader1", PASSWORD).await.ok(200);
        let mut data = world.data().await;
        let left = [
            data.execute("DELETE FROM second_factors").await,
            data.execute("DELETE FROM backup_codes").await,
        ];
        assert_eq!(left, [0, 0]);
    }

    async fn switching_it_on_ends_the_sessions_that_began_without(world: World) {
        let before = session(&world, "trader1").await;
        let bearer = login(&world, "trader1", PASSWORD).await.ok(200).field("session_token").to_owned();
        Authenticator::in_force(&world, &bearer).await;
        call_as(&world, &before, "GET", "/api/users/profile", Value::Null).await.refused(401, "session_ended");
        call_as(&world, &bearer, "GET", "/api/users/profile", Value::Null).await.ok(200);
    }

    async fn linking_a_wallet_takes_a_code_and_signing_in_by_it_none(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let wallet = Wallet::number(1);
        link(&world, &bearer, &wallet, None).await.refused(401, "mfa_required");
        link(&world, &bearer, &wallet, Some(&own.code(&world))).await.refused(401, "invalid_code");
        link(&world, &bearer, &wallet, Some(&own.next(&world))).await.ok(201);
        let signed_in = wallet.sign_in(&world).await;
        assert_eq!(signed_in.claims()["amr"], json!(["pop"]));
        // What that session may do besides, it may do with a code.
        set_up(&world, &signed_in.token).await.refused(401, "mfa_required");
        link(&world, &signed_in.token, &Wallet::number(2), None).await.refused(401, "mfa_required");
    }

    async fn tokens_say_by_what_their_owner_was_authenticated(world: World) {
        let bearer = session(&world, "trader1").await;
        let code_of_mail = world.mails().await[0].code();
        let own = Authenticator::in_force(&world, &bearer).await;
        let own_basic = basic("trader1", PASSWORD);
        let otp = own.next(&world);
        let headers = [("authorization", own_basic.as_str()), ("x-otp", otp.as_str())];
        let program = world.call("POST", "/auth/token", &headers, &Value::Null).await.ok(200);
        let of = |token: &str| Session { address: String::new(), token: token.to_owned(), refresh: String::new() }.claims();
        assert_eq!(of(program.field("access_token"))["amr"], json!(["pwd", "otp", "mfa"]));
        let refreshed = json!({"refreshToken": program.field("refresh_token")});
        let refreshed = world.post("/users/refresh", refreshed).await.ok(200);
        assert_eq!(of(refreshed.field("token"))["amr"], json!(["pwd", "otp", "mfa"]), "also after a refresh");
        let mailed = json!({"email": "trader1@example.com", "code": code_of_mail, "otp": own.next(&world)});
        let mailed = world.post("/auth/verify-email", mailed).await.ok(200);
        assert_eq!(of(mailed.field("access_token"))["amr"], json!(["mail", "otp", "mfa"]));
    }

    async fn a_wrong_code_beside_a_mailed_one_leaves_that_good(world: World) {
        let bearer = session(&world, "trader1").await;
        let code = world.mails().await[0].code();
        let own = Authenticator::in_force(&world, &bearer).await;
        let body = |otp: Value| json!({"email": "trader1@example.com", "code": code, "otp": otp});
        world.post("/auth/verify-email", body(Value::Null)).await.refused(401, "mfa_required");
        world.post("/auth/verify-email", body(own.wrong(&world).into())).await.refused(401, "invalid_code");
        world.post("/auth/verify-email", body(own.code(&world).into())).await.refused(401, "invalid_code");
        world.post("/auth/verify-email", body(own.next(&world).into())).await.ok(200);
        world.post("/auth/verify-email", body(own.next(&world).into())).await.refused(401, "invalid_code");
    }

    async fn it_outlives_the_root_secret_and_lies_nowhere_in_the_clear(world: World) {
        let bearer = session(&world, "trader1").await;
        let setup = set_up(&world, &bearer).await.ok(200);
        let own = Authenticator::of(&setup);
        verify(&world, &bearer, &own.code(&world)).await.ok(200);
        let secret = data_encoding::BASE32_NOPAD.decode(setup.field("secretKey").as_bytes()).unwrap();
        let whole = world.data().await.whole().await.to_lowercase();
        for clear in [&hex::encode(&secret), &setup.field("secretKey").to_lowercase(), &own.backup[0]] {
            assert!(!whole.contains(clear.as_str()), "{clear}");
        }
        let new = world.under_new_secret([0x22; 32]).await;
        login_with(&new, &own.next(&world)).await.ok(200);
        login_with(&new, &own.backup[0]).await.ok(200);
        // Nobody is locked out when the one of before is forgotten.
        let later = world.again_with(&[("SECRET", &hex::encode([0x22; 32]))]).await;
        login_with(&later, &own.next(&world)).await.ok(200);
        login_with(&later, &own.backup[1]).await.ok(200);
    }

    async fn it_is_a_persons_and_not_an_api_keys(world: World) {
        let bearer = session(&world, "trader1").await;
        let wallet = Wallet::number(1);
        link(&world, &bearer, &wallet, None).await.ok(201);
        let key = wallet.sign_in(&world).await.api_key(&world).await;
        for (method, path) in [
            ("POST", SETUP),
            ("POST", VERIFY),
            ("DELETE", OFF),
            ("POST", RENEW),
            ("GET", "/v1/auth/mfa/devices"),
            ("DELETE", "/v1/auth/mfa/devices/019b7600-0000-7000-8000-000000000001"),
        ] {
            let answer = world.call(method, path, &[("x-api-key", &key)], &json!({"code": "123456"})).await;
            answer.refused(403, "person_required");
            world.call(method, path, &[], &json!({"code": "123456"})).await.refused(401, "not_authenticated");
        }
    }

    async fn what_is_no_body_of_theirs_is_told(world: World) {
        let bearer = session(&world, "trader1").await;
        for body in [json!({}), json!({"code": null}), json!({"code": 123_456}), json!({"code": ["1"]}), json!([])] {
            call_as(&world, &bearer, "POST", VERIFY, body).await.refused(400, "invalid_request");
        }
        for remember in [json!("yes"), json!(1), json!({})] {
            let body = json!({"code": "123456", "rememberDevice": remember});
            call_as(&world, &bearer, "POST", VERIFY, body).await.refused(400, "invalid_request");
        }
        let own = Authenticator::in_force(&world, &bearer).await;
        for path in [SETUP, RENEW] {
            for body in [json!({"code": 1}), json!({"code": {}}), json!(["123456"])] {
                call_as(&world, &bearer, "POST", path, body).await.refused(400, "invalid_request");
            }
        }
        call_as(&world, &bearer, "DELETE", OFF, json!({"code": true})).await.refused(400, "invalid_request");
        let long = "1".repeat(60_000);
        for code in ["", " ", "12345", "1234567", "１２３４５６", "0x1234", "' OR 1=1", "\u{0}23456", &long] {
            verify(&world, &bearer, code).await.refused(401, "invalid_code");
            world.data().await.execute("DELETE FROM failures").await;
        }
        verify(&world, &bearer, &own.next(&world)).await.ok(200);
    }

    async fn every_step_is_in_the_audit_trail_the_metrics_and_the_mailbox(world: World) {
        let bearer = session(&world, "trader1").await;
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        world.mails().await;
        let own = Authenticator::in_force(&world, &bearer).await;
        login_with(&world, &own.wrong(&world)).await.refused(401, "invalid_code");
        login_with(&world, &own.next(&world)).await.ok(200);
        let renewed = json!({"code": own.backup[0]});
        call_as(&world, &bearer, "POST", RENEW, renewed).await.ok(200);
        call_as(&world, &bearer, "DELETE", OFF, json!({"code": own.next(&world)})).await.ok(204);
        let id = world.core.find_person(countersign::identity::Who::Name("trader1")).await.unwrap().id();
        let mut reader = world.core.db().read().await.unwrap();
        let events = countersign::store::audit::list(&mut reader, id).await.unwrap();
        let told: Vec<String> = events
            .into_iter()
            .map(|(name, detail)| detail.map_or(name.clone(), |detail| format!("{name} {detail}")))
            .skip_while(|event| event != "second_factor_set_up")
            .collect();
        assert_eq!(told, [
            "second_factor_set_up",
            "second_factor_on first",
            "second_factor_refused invalid_code",
            "second_factor_used totp",
            "signed_in password",
            "second_factor_used backup_code",
            "backup_codes_renewed",
            "second_factor_used totp",
            "second_factor_off",
        ]);
        let metrics = world.core.metrics_text();
        for line in [
            r#"countersign_second_factors_total{outcome="totp"} 2"#,
            r#"countersign_second_factors_total{outcome="backup_code"} 1"#,
            r#"countersign_second_factors_total{outcome="invalid_code"} 1"#,
        ] {
            assert!(metrics.contains(line), "{line} in {metrics}");
        }
        let subjects: Vec<String> = world.mails().await.into_iter().map(|mail| mail.subject).collect();
        assert_eq!(subjects, [
            "Signing in takes a code from now on",
            "You have new backup codes",
            "Signing in takes no code any more",
        ]);
    }

    async fn deleting_an_account_takes_all_of_it_away(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        crate::support::authenticator::verify_and_remember(&world, &bearer, &own.next(&world)).await.ok(200);
        login_with(&world, &own.wrong(&world)).await.refused(401, "invalid_code");
        let id = world.core.find_person(countersign::identity::Who::Name("trader1")).await.unwrap().id();
        let root = crate::support::person::admin(&world, "root").await;
        call_as(&world, &root, "DELETE", &format!("/v1/users/{id}"), Value::Null).await.ok(204);
        let mut data = world.data().await;
        for table in [
            "DELETE FROM second_factors",
            "DELETE FROM backup_codes",
            "DELETE FROM trusted_devices",
            "DELETE FROM failures",
        ] {
            assert_eq!(data.execute(table).await, 0, "{table}");
        }
    }
}
