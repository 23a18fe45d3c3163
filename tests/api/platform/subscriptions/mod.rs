//! `/v1/users/subscriptions` and what is told of a subscription elsewhere.

mod golden;
mod ledger;
mod told;

use serde_json::{Value, json};

use crate::support::platform::with;
use crate::support::world::{Answer, World};

const PATH: &str = "/v1/users/subscriptions";

/// What people may subscribe to.
const PLANS: &str = r#"[{"id":"basic_monthly","plan":"basic"},{"id":"basic_yearly","plan":"basic","interval":"year"},
    {"id":"club","plan":"club"},{"id":"weekly","interval":"week"},{"id":"premium_monthly","plan":"premium","price":999}]"#;

/// The same gateway with these plans.
async fn offering(world: &World) -> World {
    world.again_with(&[("PLANS", PLANS)]).await
}

async fn subscribe(world: &World, token: &str, plan: &str) -> Answer {
    with(world, token, "POST", PATH, json!({"planId": plan})).await
}

async fn change(world: &World, token: &str, id: &str, plan: &str) -> Answer {
    with(world, token, "PUT", &format!("{PATH}/{id}"), json!({"planId": plan})).await
}

/// Cancels, pauses or unpauses.
async fn put(world: &World, token: &str, id: &str, wanted: &str) -> Answer {
    world.call("PUT", &format!("{PATH}/{id}/{wanted}"), &[("x-auth-token", token)], &Value::Null).await
}

async fn list(world: &World, token: &str) -> Vec<Value> {
    let told = world.get_as(token, PATH).await.ok(200);
    told.json["subscriptions"].as_array().expect("a list").clone()
}
