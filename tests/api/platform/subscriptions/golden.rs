//! The examples of the door's document that are about subscriptions, as one conversation; of the answers every field.

use serde_json::{Value, json};

use super::{PATH, PLANS};
use crate::support::golden::Golden;
use crate::support::platform::join;
use crate::support::world::{Backend, World};

async fn every_example_of_the_document_is_answered_as_it_says(backend: Backend) {
    let world = World::on_with(backend, &[("PLANS", PLANS.to_owned())]).await;
    let token = join(&world, "newuser").await;
    let mut golden = Golden::with(&world);
    let bearer = format!("Bearer {token}");
    let own = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    golden.call("GET", PATH, &own, Value::Null).await;
    let premium = json!({"planId": "premium_monthly", "paymentMethodId": "pm_..."});
    golden.call("POST", PATH, &own, premium).await;
    let begun = golden.call("POST", PATH, &own, json!({"planId": "basic_monthly"})).await;
    let id = begun.field("id").to_owned();
    golden.call("POST", PATH, &own, json!({"planId": "basic_monthly"})).await;
    golden.call("GET", PATH, &own, Value::Null).await;
    let path = format!("{PATH}/{id}");
    golden.call("PUT", &path, &own, json!({"planId": "basic_yearly"})).await;
    golden.call("PUT", &format!("{path}/pause"), &own, Value::Null).await;
    golden.call("PUT", &format!("{path}/unpause"), &own, Value::Null).await;
    golden.call("PUT", &format!("{path}/cancel"), &own, Value::Null).await;
    golden.call("PUT", &format!("{path}/pause"), &own, Value::Null).await;
    golden.call("PUT", &format!("{PATH}/sub_123/cancel"), &own, Value::Null).await;
    let body = json!({"username": "newuser", "password": crate::support::person::PASSWORD});
    golden.call("POST", "/v1/users/authenticate", &[("content-type", "application/json")], body).await;
    golden.call("GET", "/v1/users/details", &own, Value::Null).await;
    golden.call("GET", "/v1/users/newuser@example.com/memberships", &[], Value::Null).await;
    golden.compare("platform/subscriptions");
}

#[tokio::test]
async fn the_examples_of_the_document_on_sqlite() {
    every_example_of_the_document_is_answered_as_it_says(Backend::Sqlite).await;
}

#[tokio::test]
async fn the_examples_of_the_document_on_postgres() {
    every_example_of_the_document_is_answered_as_it_says(Backend::Postgres).await;
}
