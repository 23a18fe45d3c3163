//! `GET /api/users/`.

use serde_json::{Value, json};

use crate::support::person::{admin, register, session};
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

on_both! {
    async fn strangers_see_no_address_and_admins_see_all(world: World) {
        let wallet = Wallet::number(1).sign_in(&world).await;
        let owner = session(&world, "trader1").await;
        let public = world.get("/api/users/").await.ok(200);
        assert_eq!(public.json, json!([
            {"id": 1, "username": "user-1", "email": null, "is_active": true},
            {"id": 2, "username": "trader1", "email": null, "is_active": true},
        ]));
        let own = world.get(&format!("/api/users/?session_token={owner}")).await.ok(200);
        assert_eq!(own.json, public.json, "an owner is no ADMIN");
        let root = admin(&world, "root").await;
        let whole = world.get_as(&root, "/api/users/").await.ok(200);
        assert_eq!(whole.json, json!([
            {"id": 1, "username": wallet.address, "email": null, "is_active": true},
            {"id": 2, "username": "trader1", "email": "trader1@example.com", "is_active": true},
            {"id": 3, "username": "root@example.com", "email": "root@example.com", "is_active": true},
        ]));
    }

    async fn it_is_paged_and_says_what_is_no_page(world: World) {
        for number in 1..=5 {
            register(&world, &format!("trader{number}")).await.ok(201);
        }
        let ids = async |query: &str| {
            let answer = world.get(&format!("/api/users/{query}")).await.ok(200);
            answer.json.as_array().unwrap().iter().map(|user| user["id"].as_i64().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(ids("?page=2&limit=2").await, [3, 4]);
        assert_eq!(ids("?page=3&limit=2").await, [5]);
        assert_eq!(ids("?page=1000000&limit=100").await, [0_i64; 0]);
        for query in ["?page=0", "?limit=0", "?limit=101", "?page=-1", "?page=x", "?page=%2B1", "?limit=1&limit=2", "?page="] {
            world.get(&format!("/api/users/{query}")).await.refused(422, "invalid_request");
        }
    }

    async fn it_can_be_closed_to_all_but_admins(world: World) {
        let closed = world.again_with(&[("EXCHANGE__PUBLIC_LISTING", "false")]).await;
        closed.get("/api/users/").await.refused(403, "listing_closed");
        let owner = session(&closed, "trader1").await;
        closed.get(&format!("/api/users/?session_token={owner}")).await.refused(403, "listing_closed");
        let root = admin(&closed, "root").await;
        closed.get_as(&root, "/api/users/").await.ok(200);
        closed.call("POST", "/api/users/", &[], &Value::Null).await.refused(405, "method_not_allowed");
    }
}
