//! `GET` and `POST /api/users/exchange-config`.

use serde_json::{Value, json};

use crate::support::person::session;
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

const ROUTE: &str = "/api/users/exchange-config";

on_both! {
    async fn each_has_a_choice_and_strangers_the_gateways(world: World) {
        let owner = session(&world, "trader1").await;
        let own = format!("{ROUTE}?session_token={owner}");
        assert_eq!(world.get(&own).await.ok(200).json, json!({"selected_exchange": "hyperliquid"}));
        world.post(&own, json!({"selected_exchange": "binance"})).await.ok(200);
        assert_eq!(world.get(&own).await.ok(200).field("selected_exchange"), "binance");
        assert_eq!(world.get(ROUTE).await.ok(200).field("selected_exchange"), "hyperliquid");
        let other = world.again_with(&[("EXCHANGE__DEFAULT", "binance")]).await;
        assert_eq!(other.get(ROUTE).await.ok(200).field("selected_exchange"), "binance");
    }

    async fn only_the_two_exchanges_are_taken_and_only_from_somebody(world: World) {
        let own = format!("{ROUTE}?session_token={}", session(&world, "trader1").await);
        for exchange in ["", "Binance", "kraken", "binance "] {
            world.post(&own, json!({"selected_exchange": exchange})).await.refused(422, "invalid_request");
        }
        world.post(&own, json!({})).await.refused(422, "invalid_request");
        world.post(ROUTE, json!({"selected_exchange": "binance"})).await.refused(401, "not_authenticated");
        world.get(&format!("{ROUTE}?session_token=cst_x")).await.refused(401, "invalid_token");
    }

    async fn an_api_key_may_choose(world: World) {
        let wallet = Wallet::number(1).sign_in(&world).await;
        let key = wallet.api_key(&world).await;
        let headers = [("x-api-key", key.as_str())];
        world.call("POST", ROUTE, &headers, &json!({"selected_exchange": "binance"})).await.ok(200);
        let answer = world.call("GET", ROUTE, &headers, &Value::Null).await.ok(200);
        assert_eq!(answer.field("selected_exchange"), "binance");
    }
}
