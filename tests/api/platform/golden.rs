//! The examples of the door's document, as one conversation; of the answers every field.

use serde_json::{Value, json};

use crate::support::golden::Golden;
use crate::support::world::{World, on_both};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

on_both! {
    async fn every_example_of_the_document_is_answered_as_it_says(world: World) {
        let mut golden = Golden::with(&world);
        // The document's passwords are among the most common ones.
        let body = json!({"username": "newuser", "email": "newuser@example.com", "password": "securepassword of mine",
                          "marketingOptIn": true});
        golden.call("POST", "/v1/users/register", &JSON, body.clone()).await;
        golden.call("POST", "/v1/users/register", &JSON, body).await;
        let body = json!({"username": "newuser@example.com", "password": "securepassword of mine"});
        let signed_in = golden.call("POST", "/v1/users/authenticate", &JSON, body).await;
        let body = json!({"username": "newuser@example.com", "password": "securepassword123"});
        golden.call("POST", "/v1/users/authenticate", &JSON, body).await;
        let refresh = [("sk-refresh-token", signed_in.field("refreshToken"))];
        golden.call("POST", "/v1/users/refresh-token", &refresh, Value::Null).await;
        let code = world.mails().await[0].code();
        let body = json!({"email": "newuser@example.com", "code": code});
        golden.call("PUT", "/v1/users/confirm-email", &JSON, body).await;
        let bearer = format!("Bearer {}", signed_in.field("token"));
        let own = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        golden.call("GET", "/v1/users/details", &own, Value::Null).await;
        golden.call("PATCH", "/v1/users/details", &own, json!({"displayName": "John Doe", "avatar": "https://example.com/me.png"})).await;
        golden.call("GET", "/v1/users/settings", &own, Value::Null).await;
        let body = json!({"timezone": "America/Los_Angeles", "oddsFormat": "decimal", "notifications": {"email": true, "push": false}});
        golden.call("PATCH", "/v1/users/settings", &own, body).await;
        golden.call("PATCH", "/v1/users/settings", &own, json!({"timezone": "America/Chicago"})).await;
        golden.call("GET", "/v1/users/dataproviders", &own, Value::Null).await;
        golden.call("GET", "/v1/users/newuser@example.com/memberships", &JSON, Value::Null).await;
        let body = json!({"userId": "33bdf6ce-a26e-4b52-80d2-f26d12245cce", "deviceToken": "firebase-token-123", "os": "iOS"});
        golden.call("POST", "/v1/devicetokens", &JSON, body).await;
        golden.call("POST", "/v1/users/notifications/tokens/firebase-token-123", &own, json!({})).await;
        let body = json!({"enabled": true, "security": true, "billing": false});
        golden.call("POST", "/v1/users/notifications/tokens/firebase-token-123/update", &own, body).await;
        let body = json!({"currentPassword": "securepassword of mine", "newPassword": "newPassword of mine"});
        golden.call("PUT", "/v1/users/passwords", &own, body).await;
        golden.call("POST", "/v1/users/reset-password", &JSON, json!({"email": "newuser@example.com"})).await;
        let mut mails = world.mails().await;
        mails.retain(|mail| mail.text.contains("reset-password#token="));
        let body = json!({"token": mails[0].token(), "password": "newSecurePassword of mine"});
        golden.call("PUT", "/v1/users/update-password", &JSON, body).await;
        let body = json!({"username": "newuser", "password": "newSecurePassword of mine"});
        let signed_in = golden.call("POST", "/v1/users/authenticate", &JSON, body).await;
        let bearer = format!("Bearer {}", signed_in.field("token"));
        golden.call("POST", "/v1/users/logout", &[("authorization", bearer.as_str())], Value::Null).await;
        golden.compare("platform/document");
    }
}
