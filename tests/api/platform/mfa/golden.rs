//! The second factor's examples of the door's document, as one conversation; of the answers every field.

use serde_json::{Value, json};

use crate::support::authenticator::{Authenticator, VERIFY, ticket};
use crate::support::golden::Golden;
use crate::support::person::session;
use crate::support::world::{World, on_both};

on_both! {
    async fn the_second_factor_answers_as_the_document_says(world: World) {
        let bearer = format!("Bearer {}", session(&world, "trader1").await);
        let mut golden = Golden::with(&world);
        let own = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        let setup = golden.call("POST", "/v1/auth/mfa/setup", &own, Value::Null).await;
        let authenticator = Authenticator::of(&setup);
        let code = json!({"code": authenticator.wrong(&world), "rememberDevice": true});
        golden.call("POST", VERIFY, &own, code).await;
        let code = json!({"code": authenticator.code(&world), "rememberDevice": true});
        golden.call("POST", VERIFY, &own, code).await;
        let limited = format!("Bearer {}", ticket(&world, "trader1").await);
        let headers = [("authorization", limited.as_str()), ("content-type", "application/json")];
        let code = json!({"code": authenticator.next(&world), "rememberDevice": true});
        golden.call("POST", VERIFY, &headers, code).await;
        let listed = golden.call("GET", "/v1/auth/mfa/devices", &own, Value::Null).await;
        let device = format!("/v1/auth/mfa/devices/{}", listed.json["devices"][0]["id"].as_str().unwrap());
        golden.call("DELETE", &device, &own, Value::Null).await;
        let code = json!({"code": authenticator.next(&world)});
        golden.call("POST", "/v1/auth/mfa/backup-codes", &own, code).await;
        golden.call("DELETE", "/v1/auth/mfa", &own, Value::Null).await;
        let code = json!({"code": authenticator.next(&world)});
        golden.call("DELETE", "/v1/auth/mfa", &own, code).await;
        golden.compare("platform/mfa");
    }
}
