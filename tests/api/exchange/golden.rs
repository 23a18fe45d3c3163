//! The examples of the door's document, as one conversation; of the answers every field.

use serde_json::{Value, json};

use crate::support::golden::Golden;
use crate::support::world::{World, on_both};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

on_both! {
    async fn every_example_of_the_document_is_answered_as_it_says(world: World) {
        let mut golden = Golden::with(&world);
        // The document's password is too short to be accepted.
        let body = json!({"username": "trader1", "email": "trader@example.com", "password": "a secret of mine"});
        golden.call("POST", "/api/users/register", &JSON, body).await;
        let body = json!({"username": "trader1", "password": "a secret of mine"});
        let opened = golden.call("POST", "/api/users/login", &JSON, body).await;
        let query = format!("?session_token={}", opened.field("session_token"));
        let path = |route: &str| format!("/api/users/{route}{query}");
        golden.call("GET", &path("profile"), &[], Value::Null).await;
        golden.call("PUT", &path("profile"), &JSON, json!({"email": "newemail@example.com"})).await;
        golden.call("GET", "/api/users/", &[], Value::Null).await;
        golden.call("GET", "/api/users/exchange-config", &[], Value::Null).await;
        golden.call("POST", &path("exchange-config"), &JSON, json!({"selected_exchange": "binance"})).await;
        golden.call("GET", &path("exchange-config"), &[], Value::Null).await;
        golden.call("POST", &path("sync-membership"), &JSON, json!({"plan": "pro", "valid_until": "2027-01-01"})).await;
        golden.call("POST", &path("clear-membership"), &[], Value::Null).await;
        golden.compare("exchange/document");
    }
}
