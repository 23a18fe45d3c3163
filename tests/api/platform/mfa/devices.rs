//! Devices that are trusted.

use std::time::Duration;

use countersign::model::Password;
use serde_json::{Value, json};

use crate::support::authenticator::{Authenticator, first_step, ticket, verify, verify_and_remember};
use crate::support::person::{PASSWORD, call_as, login, session};
use crate::support::world::{World, on_both};

const DEVICES: &str = "/v1/auth/mfa/devices";

/// Whether a device signs in without a code.
async fn is_trusted(world: &World, device: &str) -> bool {
    !first_step(world, "trader1", Some(device)).await.mfa_required
}

/// A device that is trusted by a sign-in of its own; with the access token of that.
async fn trusted(world: &World, own: &Authenticator) -> (String, String) {
    let ticket = ticket(world, "trader1").await;
    let done = verify_and_remember(world, &ticket, &own.next(world)).await.ok(200);
    (done.field("deviceToken").to_owned(), done.field("token").to_owned())
}

on_both! {
    async fn one_is_not_asked_for_thirty_days_from_any_node_and_is_nobody_elses(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let (device, _) = trusted(&world, &own).await;
        assert!(is_trusted(&world, &device).await && is_trusted(&world.again_with(&[]).await, &device).await);
        let another = session(&world, "trader2").await;
        Authenticator::in_force(&world, &another).await;
        let others = first_step(&world, "trader2", Some(&device)).await;
        assert!(others.mfa_required);
        for wrong in ["", "cdt_", &device[..46], &device.replace("cdt_", "crp_"), &device.to_uppercase()] {
            assert!(!is_trusted(&world, wrong).await, "{wrong}");
        }
        let whole = world.data().await.whole().await;
        assert!(!whole.contains(&device[4..]), "of its token there is a hash");
        world.pass(Duration::from_hours(30 * 24) - Duration::from_secs(31));
        assert!(is_trusted(&world, &device).await);
        world.pass(Duration::from_secs(31));
        assert!(!is_trusted(&world, &device).await);
        world.pass(Duration::from_hours(2));
        world.core.sweep().await.unwrap();
        assert_eq!(world.data().await.execute("DELETE FROM trusted_devices").await, 0);
    }

    async fn they_are_listed_and_each_is_trusted_no_more_when_its_owner_says_so(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let first = verify_and_remember(&world, &bearer, &own.next(&world)).await.ok(200).field("deviceToken").to_owned();
        let (second, _) = trusted(&world, &own).await;
        world.pass(Duration::from_mins(1));
        assert!(is_trusted(&world, &first).await);
        let listed = call_as(&world, &bearer, "GET", DEVICES, Value::Null).await.ok(200);
        let devices = listed.json["devices"].as_array().unwrap();
        assert_eq!(devices.len(), 2);
        assert_eq!(devices[1]["createdAt"], "2026-01-01T00:00:30Z");
        assert_eq!(devices[1]["lastUsedAt"], "2026-01-01T00:02:00Z");
        assert_eq!(devices[1]["expiresAt"], "2026-01-31T00:00:30Z");
        let path = format!("{DEVICES}/{}", devices[1]["id"].as_str().unwrap());
        let stranger = session(&world, "trader2").await;
        call_as(&world, &stranger, "DELETE", &path, Value::Null).await.refused(404, "trusted_device_not_found");
        call_as(&world, &bearer, "DELETE", &path, Value::Null).await.ok(204);
        call_as(&world, &bearer, "DELETE", &path, Value::Null).await.refused(404, "trusted_device_not_found");
        for id in ["x", "019b7600-0000-7000-8000-000000000001", "%ff"] {
            let path = format!("{DEVICES}/{id}");
            call_as(&world, &bearer, "DELETE", &path, Value::Null).await.refused(404, "trusted_device_not_found");
        }
        assert!(!is_trusted(&world, &first).await && is_trusted(&world, &second).await);
        let told = world.data().await.text("SELECT string_agg(event, ' ') FROM (SELECT event FROM audit_events \
            WHERE event LIKE 'device%' ORDER BY id) AS told").await;
        assert_eq!(told, "device_trusted device_trusted device_forgotten");
        let metrics = world.core.metrics_text();
        for line in ["{event=\"device_trusted\"} 2", "{event=\"device_forgotten\"} 1"] {
            assert!(metrics.contains(&format!("countersign_events_total{line}")), "{line} in {metrics}");
        }
        let used = metrics.lines().any(|line| line.starts_with("countersign_second_factors_total{outcome=\"device\"} "));
        assert!(used, "{metrics}");
    }

    async fn what_ends_all_sessions_ends_the_trust(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let id = world.core.find_person(countersign::identity::Who::Name("trader1")).await.unwrap().id();
        let (device, token) = trusted(&world, &own).await;
        assert!(is_trusted(&world, &device).await);
        let same = json!({"password": PASSWORD, "current_password": PASSWORD});
        call_as(&world, &token, "PUT", "/api/users/profile", same).await.ok(200);
        assert!(!is_trusted(&world, &device).await, "a new password");

        let (device, _) = trusted(&world, &own).await;
        let password = Password::choose("password", PASSWORD, []).unwrap();
        world.core.reset_password(id, password).await.unwrap();
        assert!(!is_trusted(&world, &device).await, "a reset by an operator");

        let (device, _) = trusted(&world, &own).await;
        world.mails().await;
        world.post("/auth/forgot-password", json!({"email": "trader1@example.com"})).await.ok(200);
        let token = world.mails().await.last().expect("a mail").token();
        world.post("/auth/reset-password", json!({"token": token, "new_password": PASSWORD})).await.ok(200);
        assert!(!is_trusted(&world, &device).await, "a reset");

        let (device, _) = trusted(&world, &own).await;
        world.core.disable_account(id).await.unwrap();
        world.core.enable_account(id).await.unwrap();
        assert!(!is_trusted(&world, &device).await, "disabling");

        let (device, token) = trusted(&world, &own).await;
        let code = json!({"code": own.next(&world)});
        call_as(&world, &token, "DELETE", "/v1/auth/mfa", code).await.ok(204);
        Authenticator::in_force(&world, &token).await;
        assert!(!is_trusted(&world, &device).await, "switching it off, and on again");
        let listed = call_as(&world, &token, "GET", DEVICES, Value::Null).await.ok(200);
        assert_eq!(listed.json, json!({"devices": []}));
    }

    async fn one_lets_its_owner_in_whatever_others_failures_are_and_needs_the_password(world: World) {
        let bearer = session(&world, "trader1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        let (device, _) = trusted(&world, &own).await;
        world.data().await.execute("DELETE FROM known_networks").await;
        for _ in 0..5 {
            login(&world, "trader1", "a wrong password").await.refused(401, "invalid_credentials");
        }
        login(&world, "trader1", PASSWORD).await.refused(429, "too_many_requests");
        assert!(is_trusted(&world, &device).await);
        let body = json!({"username": "trader1", "password": "a wrong password"});
        let headers = [("x-device-token", device.as_str())];
        world.call("POST", "/v1/users/authenticate", &headers, &body).await.refused(401, "invalid_credentials");
        verify(&world, &device, &own.next(&world)).await.refused(401, "invalid_token");
    }
}
