//! The door's own examples, as whole conversations.

use serde_json::{Value, json};

use crate::support::golden::Golden;
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

on_both! {
    async fn a_first_visit_from_nonce_to_sign_out(world: World) {
        let mut golden = Golden::with(&world);
        let wallet = Wallet::number(1);
        let asked = golden.call("POST", "/users/nonce", &JSON, json!({"address": wallet.address.to_lowercase()})).await;
        let signature = wallet.sign(asked.field("nonce"));
        let proof = json!({"address": wallet.address, "signature": signature});
        let signed_in = golden.call("POST", "/users/authenticate", &JSON, proof.clone()).await;
        let token = signed_in.field("token").to_owned();
        let auth = [("x-auth-token", token.as_str())];
        let data = format!("/users/{}/data", wallet.address);
        golden.call("GET", &data, &auth, Value::Null).await;
        let change = json!({"name": "Ada", "intendedUse": "trading bots"});
        golden.call("POST", &data, &auth, change).await;
        golden.call("GET", "/users/api-key", &auth, Value::Null).await;
        golden.call("POST", "/users/api-key/rotate", &auth, Value::Null).await;
        let refresh = json!({"refreshToken": signed_in.field("refreshToken")});
        golden.call("POST", "/users/refresh", &JSON, refresh).await;
        golden.call("POST", "/users/logout", &auth, Value::Null).await;
        golden.call("GET", &data, &auth, Value::Null).await;
        golden.call("POST", "/users/authenticate", &JSON, proof).await;
        golden.call("GET", "/users/nonce", &[], Value::Null).await;
        golden.compare("wallet/first_visit");
    }

    async fn refusals_of_http_itself(world: World) {
        let mut golden = Golden::with(&world);
        golden.call("GET", "/users/nowhere", &[], Value::Null).await;
        golden.call("DELETE", "/users/nonce", &[], Value::Null).await;
        golden.call("POST", "/users/nonce", &[("content-type", "text/plain")], json!({})).await;
        golden.call("POST", "/users/nonce", &JSON, json!({})).await;
        golden.call("POST", "/users/nonce", &JSON, json!({"address": "0x12"})).await;
        golden.call("GET", "/users/api-key", &[], Value::Null).await;
        golden.compare("wallet/refusals");
    }
}
