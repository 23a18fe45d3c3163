//! The examples of the door's document, as one conversation; of the answers every field.

use serde_json::{Value, json};

use crate::support::golden::Golden;
use crate::support::person::{PASSWORD, admin, basic};
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

const JSON: [(&str, &str); 1] = [("accept", "application/json")];

on_both! {
    async fn every_example_of_the_document_is_answered_as_it_says(world: World) {
        let root = admin(&world, "admin.gopher").await;
        let root = format!("Bearer {root}");
        let root = [("accept", "application/json"), ("authorization", root.as_str())];
        let mut golden = Golden::with(&world);
        // The document's password is too short to be accepted.
        let body = json!({"name": "Bob Smith", "email": "bob@example.com", "password": "bob123bob123",
                          "passwordConfirm": "bob123bob123"});
        let made = golden.call("POST", "/v1/users", &JSON, body).await;
        let id = made.field("id").to_owned();
        let own = basic("bob@example.com", "bob123bob123");
        golden.call("GET", "/v1/users/token", &[("authorization", &own)], Value::Null).await;
        golden.call("GET", "/v1/users", &root, Value::Null).await;
        golden.call("GET", &format!("/v1/users/{id}"), &root, Value::Null).await;
        golden.call("GET", &format!("/v1/users/{id}/addresses"), &root, Value::Null).await;
        golden.call("DELETE", &format!("/v1/users/{id}"), &root, Value::Null).await;
        golden.call("GET", &format!("/v1/users/{id}"), &root, Value::Null).await;
        golden.compare("users/document");
        let wallet = Wallet::number(1).sign_in(&world).await;
        let path = format!("/v1/users/{}/addresses", wallet.claims()["sub"].as_str().unwrap());
        let addresses = world.get_as(&wallet.token, &path).await.ok(200);
        assert_eq!(addresses.json, json!({"ethereum": wallet.address}));
        assert_ne!(PASSWORD, "bob123bob123");
    }
}
