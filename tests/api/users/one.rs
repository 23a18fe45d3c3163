//! `GET` and `DELETE /v1/users/{id}`, `GET /v1/users/{id}/addresses`.

use serde_json::{Value, json};

use crate::support::person::{PASSWORD, admin, login, register, session, token};
use crate::support::wallet::{Wallet, refresh};
use crate::support::world::{Answer, World, on_both};

/// An access token, and the id that it is of.
async fn person(world: &World, name: &str) -> (String, String) {
    register(world, name).await.ok(201);
    let token = token(world, name, PASSWORD).await.ok(200).field("token").to_owned();
    let id = id_of(&token);
    (token, id)
}

fn id_of(token: &str) -> String {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims["sub"].as_str().unwrap().to_owned()
}

async fn delete(world: &World, token: &str, id: &str) -> Answer {
    world.call("DELETE", &format!("/v1/users/{id}"), &[("x-auth-token", token)], &Value::Null).await
}

on_both! {
    async fn an_account_is_its_owners_and_admins_to_see(world: World) {
        let (own, id) = person(&world, "trader1").await;
        let (other, _) = person(&world, "trader2").await;
        let root = admin(&world, "root").await;
        for route in [format!("/v1/users/{id}"), format!("/v1/users/{id}/addresses")] {
            world.get_as(&own, &route).await.ok(200);
            world.get_as(&root, &route).await.ok(200);
            world.get_as(&other, &route).await.refused(403, "not_your_account");
            world.get(&route).await.refused(401, "not_authenticated");
        }
        // Nobody learns which accounts there are.
        for id in ["33bdf6ce-a26e-4b52-80d2-f26d12245cce", "1", "x", "%00", &id.replace('-', ""), &format!("{{{id}}}")] {
            world.get_as(&other, &format!("/v1/users/{id}")).await.refused(403, "not_your_account");
            world.get_as(&root, &format!("/v1/users/{id}")).await.refused(404, "account_not_found");
            world.get_as(&root, &format!("/v1/users/{id}/addresses")).await.refused(404, "account_not_found");
            delete(&world, &root, id).await.refused(404, "account_not_found");
        }
        world.get_as(&own, &format!("/v1/users/{}", id.to_uppercase())).await.ok(200);
    }

    async fn only_admins_who_signed_in_delete(world: World) {
        let (own, id) = person(&world, "trader1").await;
        delete(&world, &own, &id).await.refused(403, "admin_required");
        let wallet = Wallet::number(1).sign_in(&world).await;
        let key = wallet.api_key(&world).await;
        world.data().await.execute("UPDATE accounts SET role = 'ADMIN' WHERE primary_wallet_id IS NOT NULL").await;
        let by_key = world.call("DELETE", &format!("/v1/users/{id}"), &[("x-api-key", &key)], &Value::Null).await;
        by_key.refused(403, "person_required");
        delete(&world, &wallet.token, &id).await.ok(204);
        delete(&world, &wallet.token, &id).await.refused(404, "account_not_found");
    }

    async fn deleting_ends_everything_at_once_and_leaves_the_name_free(world: World) {
        let root = admin(&world, "root").await;
        let opaque = session(&world, "trader1").await;
        let access = token(&world, "trader1", PASSWORD).await.ok(200).field("token").to_owned();
        let wallet = Wallet::number(1);
        let body = json!({"address": wallet.address});
        let asked = world.post_as(&access, "/users/wallets/challenge", body).await.ok(200);
        let message = asked.field("message");
        let proof = json!({"message": message, "signature": wallet.sign(message)});
        world.post_as(&access, "/users/wallets", proof).await.ok(201);
        let by_wallet = wallet.sign_in(&world).await;
        let key = by_wallet.api_key(&world).await;
        delete(&world, &root, &id_of(&access)).await.ok(204);
        world.get(&format!("/api/users/profile?session_token={opaque}")).await.refused(401, "session_ended");
        world.get_as(&access, "/users/wallets").await.refused(401, "session_ended");
        by_wallet.read(&world).await.refused(401, "session_ended");
        refresh(&world, &by_wallet.refresh).await.refused(401, "invalid_refresh_token");
        let answer = world.call("GET", &by_wallet.profile_path(), &[("x-api-key", &key)], &Value::Null).await;
        answer.refused(401, "invalid_api_key");
        login(&world, "trader1", PASSWORD).await.refused(401, "invalid_credentials");
        // Whoever comes back is somebody else.
        let again = wallet.sign_in(&world).await;
        assert_ne!(again.claims()["sub"], by_wallet.claims()["sub"]);
        register(&world, "trader1").await.ok(201);
    }

    async fn the_last_admin_stays(world: World) {
        let root = admin(&world, "root").await;
        delete(&world, &root, &id_of(&root)).await.refused(409, "last_admin");
        let second = admin(&world, "second").await;
        delete(&world, &root, &id_of(&root)).await.ok(204);
        delete(&world, &root, &id_of(&second)).await.refused(401, "session_ended");
        delete(&world, &second, &id_of(&second)).await.refused(409, "last_admin");
    }
}
