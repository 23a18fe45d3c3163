//! What people do at the platform door.

use serde_json::{Value, json};

use super::person::PASSWORD;
use super::world::{Answer, World};

/// The body of a registration.
pub fn registration(username: &str) -> Value {
    json!({"username": username, "email": format!("{username}@example.com"), "password": PASSWORD})
}

/// Registers, and gives the access token.
pub async fn join(world: &World, username: &str) -> String {
    world.post("/v1/users/register", registration(username)).await.ok(201).field("token").to_owned()
}

/// Signs in.
pub async fn authenticate(world: &World, name: &str, password: &str) -> Answer {
    world.post("/v1/users/authenticate", json!({"username": name, "password": password})).await
}

/// Puts without a credential.
pub async fn put(world: &World, path: &str, body: Value) -> Answer {
    world.call("PUT", path, &[("content-type", "application/json")], &body).await
}

/// Calls as the owner of an access token.
pub async fn with(world: &World, token: &str, method: &str, path: &str, body: Value) -> Answer {
    world.call(method, path, &[("content-type", "application/json"), ("x-auth-token", token)], &body).await
}

/// The fields that a refusal names, in their order.
#[track_caller]
pub fn named(refused: &Answer) -> Vec<&str> {
    let violations =
        refused.json["violations"].as_array().unwrap_or_else(|| panic!("no violations in {}", refused.text));
    violations.iter().map(|violation| violation["field"].as_str().expect("a field")).collect()
}
