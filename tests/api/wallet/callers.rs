//! Who calls: every way to carry a credential, and every way to get it wrong.

use serde_json::{Value, json};

use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

on_both! {
    async fn an_access_token_is_carried_in_either_header(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let bearer = format!("Bearer {}", session.token);
        let lower = format!("bearer {}", session.token);
        for headers in [("x-auth-token", session.token.as_str()), ("authorization", &bearer), ("authorization", &lower)] {
            world.call("GET", &session.profile_path(), &[headers], &Value::Null).await.ok(200);
        }
    }

    async fn credentials_of_one_account_go_together_and_of_two_do_not(world: World) {
        let (one, other) = (Wallet::number(1).sign_in(&world).await, Wallet::number(2).sign_in(&world).await);
        let bearer = format!("Bearer {}", Wallet::number(1).sign_in(&world).await.token);
        let (own_key, other_key) = (one.api_key(&world).await, other.api_key(&world).await);
        let token = ("x-auth-token", one.token.as_str());
        let call = async |headers: &[(&str, &str)]| {
            world.call("GET", "/users/api-key", headers, &Value::Null).await
        };
        call(&[token, ("authorization", &bearer)]).await.ok(200);
        call(&[("x-api-key", &own_key), token]).await.ok(200);
        call(&[token, ("x-api-key", &other_key)]).await.refused(400, "ambiguous_credentials");
        call(&[("x-auth-token", &other.token), ("authorization", &bearer)]).await.refused(400, "ambiguous_credentials");
        call(&[token, token]).await.ok(200);
        call(&[token, ("x-auth-token", &other.token)]).await.refused(400, "ambiguous_credentials");
    }

    async fn a_credential_that_is_wrong_is_never_ignored(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let token = ("x-auth-token", session.token.as_str());
        let call = async |headers: &[(&str, &str)]| {
            world.call("GET", &session.profile_path(), headers, &Value::Null).await
        };
        call(&[]).await.refused(401, "not_authenticated");
        call(&[token, ("x-api-key", "")]).await.refused(401, "invalid_api_key");
        for value in ["", "Bearer", "Bearer ", "Basic dTpw", "Bearer x.y.z", "Bearer \u{fc}"] {
            call(&[("authorization", value)]).await.refused(401, "invalid_token");
            call(&[token, ("authorization", value)]).await.refused(401, "invalid_token");
        }
        call(&[("x-auth-token", &session.refresh)]).await.refused(401, "invalid_token");
        call(&[("x-auth-token", &session.api_key(&world).await)]).await.refused(401, "invalid_token");
    }

    async fn credentials_in_the_query_or_a_cookie_are_none(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        for name in ["session_token", "access_token", "x-auth-token", "token"] {
            let path = format!("{}?{name}={}", session.profile_path(), session.token);
            world.get(&path).await.refused(401, "not_authenticated");
        }
        let cookie = format!("access_token={}", session.token);
        let answer = world.call("GET", &session.profile_path(), &[("cookie", &cookie)], &Value::Null).await;
        answer.refused(401, "not_authenticated");
    }

    async fn a_route_without_a_body_ignores_one(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let headers = [("x-auth-token", session.token.as_str()), ("content-type", "text/plain")];
        world.call("POST", "/users/api-key/rotate", &headers, &json!("not for me")).await.ok(200);
        world.call("POST", "/users/logout", &headers, &json!("not for me")).await.ok(204);
    }
}
