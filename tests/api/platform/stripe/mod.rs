//! Subscriptions that Stripe keeps, against a Stripe that checks every request: what it is asked, what becomes of failures,
//! what events bring, and what is cleared up afterwards.

mod charges;
mod mending;
mod races;
mod refusals;
mod requests;
mod retries;
mod webhooks;

use serde_json::{Value, json};

use crate::support::platform::with;
use crate::support::stripe::Stripe;
use crate::support::world::{Answer, World};

const PATH: &str = "/v1/users/subscriptions";

const STATES: &str = "SELECT COALESCE(string_agg(told, ' '), '') FROM (SELECT plan_id || ':' || state AS told FROM \
                      subscriptions ORDER BY plan_id) AS states";
const EVENTS: &str = "SELECT COALESCE(string_agg(told, ' '), '') FROM (SELECT event || COALESCE(':' || detail, '') AS told \
                      FROM audit_events WHERE event LIKE 'subscription%' ORDER BY id) AS events";
const CALLS: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM billing_calls";

/// A Stripe, and the same data behind a gateway that is paid by it.
async fn paid(world: &World) -> (World, Stripe) {
    let stripe = Stripe::start();
    (stripe.before(world).await, stripe)
}

async fn subscribe(world: &World, token: &str, plan: &str, method: &str) -> Answer {
    with(world, token, "POST", PATH, json!({"planId": plan, "paymentMethodId": method})).await
}

/// Subscribes without anything to pay with.
async fn subscribe_bare(world: &World, token: &str, plan: &str) -> Answer {
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

/// Whether the account has the plan, as every place says that tells of it.
async fn has(world: &World, token: &str) -> bool {
    world.get_as(token, "/v1/users/details").await.ok(200).json["subscription"].is_object()
}
