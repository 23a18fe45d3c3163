//! People who sign in by password, and what they do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use countersign::identity::{Registration, Vouched};
use countersign::model::account::Role;
use countersign::model::{Email, Password};
use serde_json::{Value, json};

use super::world::{Answer, World};

/// A password that is good enough.
pub const PASSWORD: &str = "correct horse battery";

/// Registers at the exchange door.
pub async fn register(world: &World, username: &str) -> Answer {
    let body = json!({"username": username, "email": format!("{username}@example.com"), "password": PASSWORD});
    world.post("/api/users/register", body).await
}

/// Posts a password to the exchange door.
pub async fn login(world: &World, name: &str, password: &str) -> Answer {
    world.post("/api/users/login", json!({"username": name, "password": password})).await
}

/// Registers, signs in, and gives the session token.
pub async fn session(world: &World, username: &str) -> String {
    register(world, username).await.ok(201);
    login(world, username, PASSWORD).await.ok(200).field("session_token").to_owned()
}

/// The header of Basic authentication.
pub fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

/// Asks the users door for an access token.
pub async fn token(world: &World, name: &str, password: &str) -> Answer {
    world.call("GET", "/v1/users/token", &[("authorization", &basic(name, password))], &Value::Null).await
}

/// Calls with a bearer token of either kind.
pub async fn call_as(world: &World, bearer: &str, method: &str, path: &str, body: Value) -> Answer {
    let bearer = format!("Bearer {bearer}");
    world.call(method, path, &[("content-type", "application/json"), ("authorization", &bearer)], &body).await
}

/// Makes an ADMIN, and gives an access token of his.
pub async fn admin(world: &World, name: &str) -> String {
    let email = format!("{name}@example.com");
    let registration = Registration {
        email: Some(Email::parse("email", &email).expect("an e-mail address")),
        password: Some(Password::choose("password", PASSWORD, []).expect("a password")),
        ..Registration::default()
    };
    let vouched = Vouched { role: Role::Admin, email: true };
    world.core.create_person(registration, vouched).await.expect("the account is made");
    token(world, &email, PASSWORD).await.ok(200).field("token").to_owned()
}
