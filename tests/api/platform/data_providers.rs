//! `GET` and `PATCH /v1/users/dataproviders`.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::platform::{join, named, with};
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

const PATH: &str = "/v1/users/dataproviders";
const CATALOGUE: (&str, &str) = (
    "DATA_PROVIDERS",
    r#"[{"id":"odds","name":"Odds","settings":{"region":"eu"}},{"id":"scores","name":"Scores","enabled":true}]"#,
);

fn offered() -> Value {
    json!({"dataProviders": [
        {"id": "odds", "name": "Odds", "enabled": false, "settings": {"region": "eu"}},
        {"id": "scores", "name": "Scores", "enabled": true, "settings": {}},
    ]})
}

on_both! {
    async fn without_a_catalogue_there_are_none(world: World) {
        let token = join(&world, "trader1").await;
        assert_eq!(world.get_as(&token, PATH).await.ok(200).json, json!({"dataProviders": []}));
        with(&world, &token, "PATCH", PATH, json!({"dataProviders": []})).await.ok(200);
        let unknown = json!({"dataProviders": [{"id": "odds"}]});
        with(&world, &token, "PATCH", PATH, unknown).await.refused(400, "invalid_request");
    }

    async fn what_is_named_changes_and_null_is_what_the_operator_offers(world: World) {
        let world = world.again_with(&[CATALOGUE]).await;
        let token = join(&world, "trader1").await;
        assert_eq!(world.get_as(&token, PATH).await.ok(200).json, offered());
        let change = async |body: Value| with(&world, &token, "PATCH", PATH, json!({"dataProviders": body})).await.ok(200).json;
        let changed = change(json!([{"id": "odds", "enabled": true, "settings": {"key": ["a", {"b": 1.5}]}}])).await;
        assert_eq!(changed["dataProviders"][0], json!({"id": "odds", "name": "Odds", "enabled": true,
            "settings": {"region": "eu", "key": ["a", {"b": 1.5}]}}));
        assert_eq!(changed["dataProviders"][1], offered()["dataProviders"][1]);
        assert_eq!(world.get_as(&token, PATH).await.ok(200).json, changed);
        // What was answered can be sent back, and changes nothing.
        assert_eq!(with(&world, &token, "PATCH", PATH, changed.clone()).await.ok(200).json, changed);
        assert_eq!(change(json!([])).await, changed);
        let back = json!([{"id": "odds", "enabled": null, "settings": null}, {"id": "scores", "enabled": false}]);
        let changed = change(back).await;
        assert_eq!(changed["dataProviders"][0], offered()["dataProviders"][0]);
        assert_eq!(changed["dataProviders"][1]["enabled"], false);
        // What the operator takes out of the catalogue is not shown, and is there again with it.
        let less = world.again_with(&[("DATA_PROVIDERS", r#"[{"id":"odds"}]"#)]).await;
        assert_eq!(less.get_as(&token, PATH).await.ok(200).json["dataProviders"].as_array().unwrap().len(), 1);
        assert_eq!(world.get_as(&token, PATH).await.ok(200).json, changed);
    }

    async fn what_is_wrong_is_named_and_nothing_is_stored(world: World) {
        let world = world.again_with(&[CATALOGUE]).await;
        let token = join(&world, "trader1").await;
        let large = "x".repeat(4096);
        for (entries, field) in [
            (json!([{"id": "weather"}]), "dataProviders[0].id"),
            (json!([{"id": "odds", "enabled": true}, {"id": "ODDS"}]), "dataProviders[1].id"),
            (json!([{"id": null}]), "dataProviders[0].id"),
            (json!([{}]), "dataProviders[0].id"),
            (json!([{"id": "odds"}, {"id": "odds"}]), "dataProviders[1].id"),
            (json!([{"id": "odds", "name": 1}]), "dataProviders[0].name"),
            (json!([{"id": "odds", "enabled": "true"}]), "dataProviders[0].enabled"),
            (json!([{"id": "odds", "settings": []}]), "dataProviders[0].settings"),
            (json!([{"id": "odds", "settings": {"a": large}}]), "dataProviders[0].settings"),
            (json!([{"id": "odds", "userId": "x"}]), "dataProviders[0].userId"),
            (json!([7]), "dataProviders[0]"),
            (json!({}), "dataProviders"),
            (json!(null), "dataProviders"),
        ] {
            let body = json!({"dataProviders": entries});
            let refused = with(&world, &token, "PATCH", PATH, body).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), [field], "{entries}");
        }
        let refused = with(&world, &token, "PATCH", PATH, json!({})).await.refused(400, "invalid_request");
        assert_eq!(named(&refused), ["dataProviders"]);
        assert_eq!(world.get_as(&token, PATH).await.ok(200).json, offered());
        let nul = json!({"dataProviders": [{"id": "odds", "settings": {"a\u{0}": "b\u{0}\u{1f600}"}}]});
        let kept = with(&world, &token, "PATCH", PATH, nul).await.ok(200);
        assert_eq!(kept.json["dataProviders"][0]["settings"]["a\u{0}"], "b\u{0}\u{1f600}");
    }

    async fn changes_of_different_providers_at_once_all_hold_and_a_key_may_make_them(world: World) {
        let world = world.again_with(&[CATALOGUE]).await;
        let wallet = Wallet::number(1).sign_in(&world).await;
        let key = wallet.api_key(&world).await;
        let changes = (0..20).map(|number| {
            let id = if number % 2 == 0 { "odds" } else { "scores" };
            let member = format!("m{number}");
            let body = json!({"dataProviders": [{"id": id, "settings": {member: number}}]});
            let (world, key) = (&world, key.as_str());
            async move { world.call("PATCH", PATH, &[("x-api-key", key)], &body).await.ok(200) }
        });
        join_all(changes).await;
        let all = world.get_as(&wallet.token, PATH).await.ok(200).json;
        assert_eq!(all["dataProviders"][0]["settings"].as_object().unwrap().len(), 11);
        assert_eq!(all["dataProviders"][1]["settings"].as_object().unwrap().len(), 10);
        let events = "SELECT CAST(COUNT(*) AS TEXT) FROM audit_events WHERE event = 'data_providers_changed' AND detail = 'api_key'";
        assert_eq!(world.data().await.text(events).await, "20");
        world.get(PATH).await.refused(401, "not_authenticated");
    }
}
