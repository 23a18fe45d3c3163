//! `GET` and `PATCH /v1/users/settings`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::platform::{join, named, with};
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

const PATH: &str = "/v1/users/settings";

fn default() -> Value {
    json!({"timezone": "UTC", "oddsFormat": "american", "notifications": {"email": true, "push": true, "sms": false},
           "theme": "system", "language": "en"})
}

on_both! {
    async fn a_merge_patch_changes_what_it_names_and_answers_all(world: World) {
        let token = join(&world, "trader1").await;
        assert_eq!(world.get_as(&token, PATH).await.ok(200).json, default());
        let change = async |body: Value| with(&world, &token, "PATCH", PATH, body).await.ok(200).json;
        // The document's example.
        let changed = change(json!({"timezone": "America/Los_Angeles", "oddsFormat": "decimal",
                                    "notifications": {"email": true, "push": false}})).await;
        assert_eq!(changed, json!({"timezone": "America/Los_Angeles", "oddsFormat": "decimal",
            "notifications": {"email": true, "push": false, "sms": false}, "theme": "system", "language": "en"}));
        assert_eq!(world.get_as(&token, PATH).await.ok(200).json, changed);
        assert_eq!(change(json!({})).await, changed);
        let changed = change(json!({"notifications": {"sms": true, "push": null}, "language": "pt-br", "theme": "dark"})).await;
        assert_eq!((&changed["notifications"], &changed["language"]), (&json!({"email": true, "push": true, "sms": true}), &json!("pt-BR")));
        let all_null = json!({"timezone": null, "oddsFormat": null, "notifications": null, "theme": null, "language": null});
        assert_eq!(change(all_null).await, default());
        // Of another person nothing has changed, and a body of the patch's own type is one.
        let other = join(&world, "trader2").await;
        assert_eq!(world.get_as(&other, PATH).await.ok(200).json, default());
        let headers = [("x-auth-token", other.as_str()), ("content-type", "application/merge-patch+json")];
        world.call("PATCH", PATH, &headers, &json!({"oddsFormat": "fractional"})).await.ok(200);
    }

    async fn what_there_is_not_is_refused_by_its_name_and_nothing_is_stored(world: World) {
        let token = join(&world, "trader1").await;
        for (body, field) in [
            (json!({"timezone": "Mars/Olympus"}), "timezone"),
            (json!({"timezone": "america/chicago"}), "timezone"),
            (json!({"timezone": 1, "theme": "dark"}), "timezone"),
            (json!({"oddsFormat": "roman"}), "oddsFormat"),
            (json!({"oddsFormat": ["decimal"]}), "oddsFormat"),
            (json!({"theme": "Dark"}), "theme"),
            (json!({"theme": false}), "theme"),
            (json!({"language": "xx"}), "language"),
            (json!({"language": "en_US"}), "language"),
            (json!({"language": {}}), "language"),
            (json!({"notifications": true}), "notifications"),
            (json!({"notifications": {"email": "yes"}}), "notifications.email"),
            (json!({"notifications": {"push": 0}}), "notifications.push"),
            (json!({"notifications": {"sms": []}}), "notifications.sms"),
            (json!({"notifications": {"fax": null}}), "notifications.fax"),
            (json!({"plan": "premium"}), "plan"),
            (json!({"plan": null}), "plan"),
            (json!({"": ""}), ""),
        ] {
            let refused = with(&world, &token, "PATCH", PATH, body.clone()).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), [field], "{body}");
        }
        for body in [json!([]), json!("x"), json!([{"op": "replace", "path": "/theme", "value": "dark"}])] {
            with(&world, &token, "PATCH", PATH, body).await.refused(400, "invalid_request");
        }
        let headers = [("x-auth-token", token.as_str()), ("content-type", "text/plain")];
        world.call("PATCH", PATH, &headers, &json!({})).await.refused(415, "unsupported_media_type");
        assert_eq!(world.get_as(&token, PATH).await.ok(200).json, default());
    }

    async fn changes_of_different_members_at_once_all_hold(world: World) {
        let token = join(&world, "trader1").await;
        let second = world.again_with(&[]).await;
        for round in 0..5 {
            let patches = [
                json!({"timezone": "America/Chicago"}), json!({"oddsFormat": "decimal"}), json!({"theme": "dark"}),
                json!({"language": "de"}), json!({"notifications": {"email": false}}), json!({"notifications": {"push": false}}),
                json!({"notifications": {"sms": true}}),
            ];
            let nodes = [&world, &second];
            let sent = patches.iter().enumerate().map(|(at, patch)| with(nodes[at % 2], &token, "PATCH", PATH, patch.clone()));
            for answer in join_all(sent).await {
                answer.ok(200);
            }
            let all = json!({"timezone": "America/Chicago", "oddsFormat": "decimal", "theme": "dark", "language": "de",
                             "notifications": {"email": false, "push": false, "sms": true}});
            assert_eq!(world.get_as(&token, PATH).await.ok(200).json, all, "in round {round}");
            let back = json!({"timezone": null, "oddsFormat": null, "notifications": null, "theme": null, "language": null});
            with(&world, &token, "PATCH", PATH, back).await.ok(200);
        }
    }

    async fn a_key_writes_them_and_the_trail_tells_by_what_it_was_done(world: World) {
        let wallet = Wallet::number(1).sign_in(&world).await;
        let key = wallet.api_key(&world).await;
        world.call("PATCH", PATH, &[("x-api-key", &key)], &json!({"theme": "dark"})).await.ok(200);
        with(&world, &wallet.token, "PATCH", PATH, json!({"theme": "light"})).await.ok(200);
        assert_eq!(world.call("GET", PATH, &[("x-api-key", &key)], &Value::Null).await.ok(200).field("theme"), "light");
        let told = world.data().await.text("SELECT string_agg(detail, ' ') FROM (SELECT detail FROM audit_events \
            WHERE event = 'settings_changed' ORDER BY id) AS told").await;
        assert_eq!(told, "api_key session");
        assert!(world.core.metrics_text().contains("countersign_events_total{event=\"settings_changed\"} 2"));
        for method in ["GET", "PATCH"] {
            world.call(method, PATH, &[], &json!({})).await.refused(401, "not_authenticated");
        }
        world.call("PUT", PATH, &[("x-api-key", &key)], &json!({})).await.refused(405, "method_not_allowed");
    }
}
