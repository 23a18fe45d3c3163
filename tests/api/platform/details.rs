//! `GET` and `PATCH /v1/users/details`.

use serde_json::{Value, json};

use crate::support::platform::{join, named, registration, with};
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

const PATH: &str = "/v1/users/details";

on_both! {
    async fn every_documented_field_is_there_and_null_without_a_value(world: World) {
        let token = join(&world, "trader1").await;
        let details = world.get_as(&token, PATH).await.ok(200);
        assert_eq!(details.headers["cache-control"], "no-store");
        let id = details.field("userId").to_owned();
        assert_eq!(details.json, json!({
            "userId": id, "username": "trader1", "email": "trader1@example.com", "displayName": null, "avatar": null,
            "createdAt": "2026-01-01T00:00:00Z", "subscription": null, "marketingOptIn": false,
        }));
        world.get(PATH).await.refused(401, "not_authenticated");
        let wallet = Wallet::number(1).sign_in(&world).await;
        let details = world.get_as(&wallet.token, PATH).await.ok(200);
        assert_eq!((details.field("username"), &details.json["email"]), (wallet.address.as_str(), &Value::Null));
    }

    async fn what_is_named_changes_null_clears_and_the_rest_stays(world: World) {
        let token = join(&world, "trader1").await;
        let change = async |body: Value| with(&world, &token, "PATCH", PATH, body).await.ok(200).json;
        let changed = change(json!({"displayName": "John Doe", "avatar": "https://example.com/me.png"})).await;
        assert_eq!((&changed["displayName"], &changed["avatar"]), (&json!("John Doe"), &json!("https://example.com/me.png")));
        assert_eq!(world.get_as(&token, PATH).await.ok(200).json, changed);
        let changed = change(json!({"displayName": null})).await;
        assert_eq!((&changed["displayName"], &changed["avatar"]), (&Value::Null, &json!("https://example.com/me.png")));
        assert_eq!(change(json!({})).await, changed);
        let changed = change(json!({"avatar": null, "displayName": "J"})).await;
        assert_eq!((&changed["displayName"], &changed["avatar"]), (&json!("J"), &Value::Null));
    }

    async fn consent_is_kept_with_its_time_and_can_be_withdrawn(world: World) {
        let mut body = registration("trader1");
        body["marketingOptIn"] = json!(true);
        let token = world.post("/v1/users/register", body).await.ok(201).field("token").to_owned();
        assert_eq!(world.get_as(&token, PATH).await.ok(200).json["marketingOptIn"], true);
        let since = "SELECT CAST(marketing_opt_in_at AS TEXT) FROM accounts";
        let given = world.data().await.text(since).await;
        world.pass(std::time::Duration::from_mins(1));
        with(&world, &token, "PATCH", PATH, json!({"marketingOptIn": true})).await.ok(200);
        assert_eq!(world.data().await.text(since).await, given, "saying it again is no new consent");
        let details = with(&world, &token, "PATCH", PATH, json!({"marketingOptIn": false})).await.ok(200);
        assert_eq!(details.json["marketingOptIn"], false);
        assert_ne!(world.data().await.text(since).await, given);
        let told = world.data().await.text("SELECT string_agg(detail, ' ') FROM (SELECT detail FROM audit_events \
            WHERE event = 'marketing_consent' ORDER BY id) AS told").await;
        assert_eq!(told, "given withdrawn");
        let text = world.core.metrics_text();
        assert!(text.contains("countersign_events_total{event=\"marketing_consent\"} 2"), "{text}");
    }

    async fn what_is_wrong_is_named_and_nothing_of_it_is_stored(world: World) {
        let token = join(&world, "trader1").await;
        for (body, field) in [
            (json!({"displayName": 7}), "displayName"),
            (json!({"displayName": "x".repeat(256)}), "displayName"),
            (json!({"displayName": "a\u{0}b"}), "displayName"),
            (json!({"avatar": "javascript:alert(1)"}), "avatar"),
            (json!({"avatar": "http://example.com/me.png"}), "avatar"),
            (json!({"avatar": "https://user@example.com/"}), "avatar"),
            (json!({"avatar": "me.png", "displayName": "J"}), "avatar"),
            (json!({"avatar": format!("https://example.com/{}", "a".repeat(2048))}), "avatar"),
            (json!({"avatar": ["https://example.com/"]}), "avatar"),
            (json!({"marketingOptIn": "no", "displayName": "J"}), "marketingOptIn"),
        ] {
            let refused = with(&world, &token, "PATCH", PATH, body.clone()).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), [field], "{body}");
        }
        with(&world, &token, "PATCH", PATH, json!([])).await.refused(400, "invalid_request");
        assert_eq!(world.get_as(&token, PATH).await.ok(200).json["displayName"], Value::Null);
    }

    async fn ids_roles_and_flags_in_a_body_change_nothing(world: World) {
        let token = join(&world, "trader1").await;
        let before = world.get_as(&token, PATH).await.ok(200).json;
        let body = json!({"userId": "33bdf6ce-a26e-4b52-80d2-f26d12245cce", "username": "root", "email": "root@example.com",
                          "roles": ["admin"], "role": "ADMIN", "emailVerified": true, "subscription": {"plan": "premium", "status": "active"},
                          "createdAt": "2000-01-01T00:00:00Z"});
        assert_eq!(with(&world, &token, "PATCH", PATH, body).await.ok(200).json, before);
        world.get_as(&token, "/auth/me").await.refused(403, "email_not_verified");
        world.get_as(&token, "/v1/users").await.refused(403, "admin_required");
    }

    async fn a_key_reads_and_writes_them_and_a_disabled_account_does_not(world: World) {
        let wallet = Wallet::number(1).sign_in(&world).await;
        let key = wallet.api_key(&world).await;
        let headers = [("x-api-key", key.as_str())];
        world.call("PATCH", PATH, &headers, &json!({"displayName": "By key"})).await.ok(200);
        assert_eq!(world.call("GET", PATH, &headers, &Value::Null).await.ok(200).field("displayName"), "By key");
        world.data().await.execute("UPDATE accounts SET disabled_at = 1").await;
        world.call("PATCH", PATH, &headers, &json!({"displayName": "x"})).await.refused(403, "account_disabled");
        with(&world, &wallet.token, "PATCH", PATH, json!({"displayName": "x"})).await.refused(403, "account_disabled");
    }
}
