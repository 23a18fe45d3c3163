//! `GET /v1/users`.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::person::{PASSWORD, admin, register, token};
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

/// The names that a page has, or its e-mail addresses where there are none.
async fn page(world: &World, root: &str, query: &str) -> (Vec<String>, i64) {
    let answer = world.get_as(root, &format!("/v1/users{query}")).await.ok(200);
    let items = answer.json["items"].as_array().unwrap().iter();
    let of = |user: &Value| user["email"].as_str().unwrap_or("-").split('@').next().unwrap_or_default().to_owned();
    (items.map(of).collect(), answer.json["total"].as_i64().unwrap())
}

async fn three(world: &World) -> String {
    let root = admin(world, "root").await;
    for (name, email) in [("beta", "c@example.com"), ("Alpha", "b@example.com"), ("ALPHA", "a@example.com")] {
        world.pass(Duration::from_secs(1));
        let body = json!({"name": name, "email": email, "password": PASSWORD, "passwordConfirm": PASSWORD});
        world.post("/v1/users", body).await.ok(201);
    }
    root
}

on_both! {
    async fn every_order_is_the_same_on_both_databases(world: World) {
        let root = three(&world).await;
        Wallet::number(1).sign_in(&world).await;
        for (order, expected) in [
            ("", ["root", "c", "b", "a", "-"]),
            ("?orderBy=name", ["root", "-", "b", "a", "c"]),
            ("?orderBy=-name", ["c", "a", "b", "-", "root"]),
            ("?orderBy=email", ["-", "a", "b", "c", "root"]),
            ("?orderBy=-email", ["root", "c", "b", "a", "-"]),
            ("?orderBy=dateCreated", ["root", "c", "b", "a", "-"]),
            ("?orderBy=-dateCreated", ["-", "a", "b", "c", "root"]),
            ("?orderBy=dateUpdated", ["root", "c", "b", "a", "-"]),
            ("?orderBy=-dateUpdated", ["-", "a", "b", "c", "root"]),
        ] {
            assert_eq!(page(&world, &root, order).await.0, expected, "{order}");
        }
    }

    async fn pages_and_filters_find_what_they_say(world: World) {
        let root = three(&world).await;
        for (query, expected, total) in [
            ("?rows=2", vec!["root", "c"], 4),
            ("?rows=2&page=2", vec!["b", "a"], 4),
            ("?rows=2&page=3", vec![], 4),
            ("?page=1000000&rows=100", vec![], 4),
            ("?name=alpha&orderBy=email", vec!["a", "b"], 2),
            ("?name=ALP&rows=1", vec!["b"], 2),
            ("?name=lph", vec![], 0),
            ("?email=B%40EX", vec!["b"], 1),
            ("?name=alpha&email=a", vec!["a"], 1),
            ("?email=A%40Example.com", vec!["a"], 1),
            ("?name=%25", vec![], 0),
            ("?email=%27%20OR%201%3D1--", vec![], 0),
        ] {
            let found = page(&world, &root, query).await;
            assert_eq!((found.0.iter().map(String::as_str).collect(), found.1), (expected, total), "{query}");
        }
    }

    async fn any_other_parameter_is_a_bad_request(world: World) {
        let root = admin(&world, "root").await;
        for query in [
            "page=0", "page=-1", "page=1.5", "page=", "page=99999999999", "rows=0", "rows=101", "rows=x", "orderBy=",
            "orderBy=id", "orderBy=Name", "orderBy=--name", "orderBy=name,email", "sort=name", "page=1&page=2", "x",
            "name=%00", "session_token=cst_x",
        ] {
            world.get_as(&root, &format!("/v1/users?{query}")).await.refused(400, "invalid_request");
        }
    }

    async fn it_is_for_admins_alone_by_the_account_and_not_by_the_token(world: World) {
        world.get("/v1/users").await.refused(401, "not_authenticated");
        register(&world, "trader1").await.ok(201);
        let own = token(&world, "trader1", PASSWORD).await.ok(200).field("token").to_owned();
        world.get_as(&own, "/v1/users").await.refused(403, "admin_required");
        world.data().await.execute("UPDATE accounts SET role = 'ADMIN'").await;
        world.get_as(&own, "/v1/users").await.ok(200);
        let now = token(&world, "trader1", PASSWORD).await.ok(200).field("token").to_owned();
        world.data().await.execute("UPDATE accounts SET role = 'USER'").await;
        world.get_as(&now, "/v1/users").await.refused(403, "admin_required");
    }
}
