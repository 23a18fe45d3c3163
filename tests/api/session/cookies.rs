//! Cookies: how they are set and taken away, and which pages may use them.

use serde_json::{Value, json};

use crate::support::person::{PASSWORD, register, session};
use crate::support::world::{Answer, World, on_both};

/// The gateway's own.
pub(super) const PAGE: &str = "http://localhost:8080";

/// Name and attributes of each cookie, without its value.
pub(super) fn cookies(answer: &Answer) -> Vec<(String, String, String)> {
    let lines = answer.headers.get_all("set-cookie").iter().map(|line| line.to_str().unwrap());
    let of = |line: &str| {
        let (pair, attributes) = line.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        (name.to_owned(), value.to_owned(), attributes.to_owned())
    };
    lines.map(of).collect()
}

/// The header by which a browser sends them back.
pub(super) fn header(answer: &Answer) -> String {
    cookies(answer).into_iter().map(|(name, value, _)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

pub(super) async fn login(world: &World, headers: &[(&str, &str)]) -> Answer {
    world.call("POST", "/auth/login", headers, &json!({"email": "trader1", "password": PASSWORD})).await
}

pub(super) async fn post(world: &World, path: &str, cookie: &str, origin: Option<&str>) -> Answer {
    let origin = origin.map(|origin| ("origin", origin));
    let headers: Vec<_> = [("cookie", cookie)].into_iter().chain(origin).collect();
    world.call("POST", path, &headers, &Value::Null).await
}

on_both! {
    async fn they_are_set_and_cleared_with_the_same_attributes(world: World) {
        register(&world, "trader1").await.ok(201);
        let https = world.again_with(&[("PUBLIC_URL", "https://id.example")]).await;
        for (world, secure, page) in [(&world, "", PAGE), (&https, "; Secure", "https://id.example")] {
            let signed_in = login(world, &[]).await.ok(200);
            let set = cookies(&signed_in);
            let attributes = |path: &str, age: u64| format!("Path={path}; Max-Age={age}; HttpOnly; SameSite=Lax{secure}");
            assert_eq!(set[0], ("access_token".to_owned(), signed_in.field("access_token").to_owned(), attributes("/", 1800)));
            assert_eq!(set[1], ("refresh_token".to_owned(), signed_in.field("refresh_token").to_owned(), attributes("/auth", 2_592_000)));
            let cleared = post(world, "/auth/logout", &header(&signed_in), Some(page)).await.ok(204);
            assert_eq!(cookies(&cleared), [
                ("access_token".to_owned(), String::new(), attributes("/", 0)),
                ("refresh_token".to_owned(), String::new(), attributes("/auth", 0)),
            ]);
        }
    }

    async fn a_request_that_stands_on_them_comes_from_a_page_that_may_send_it(world: World) {
        let world = world.again_with(&[("CORS_ORIGINS", "[\"https://app.example\"]")]).await;
        register(&world, "trader1").await.ok(201);
        for origin in [None, Some("null"), Some("https://evil.example"), Some("https://app.example.evil.example"), Some("http://app.example"), Some("")] {
            let signed_in = login(&world, &[]).await.ok(200);
            for path in ["/auth/refresh", "/auth/logout"] {
                let refused = post(&world, path, &header(&signed_in), origin).await.refused(403, "origin_not_allowed");
                assert!(cookies(&refused).is_empty());
            }
            let bearer = signed_in.field("access_token");
            world.get_as(bearer, "/users/wallets").await.ok(200);
            if let Some(origin) = origin {
                login(&world, &[("origin", origin)]).await.refused(403, "origin_not_allowed");
            }
        }
        for origin in [PAGE, "https://app.example"] {
            let signed_in = login(&world, &[("origin", origin)]).await.ok(200);
            let next = post(&world, "/auth/refresh", &header(&signed_in), Some(origin)).await.ok(200);
            post(&world, "/auth/logout", &header(&next), Some(origin)).await.ok(204);
            world.get_as(next.field("access_token"), "/users/wallets").await.refused(401, "session_ended");
        }
    }

    async fn a_header_beats_them_and_a_stale_one_at_a_sign_in_is_ignored(world: World) {
        register(&world, "trader1").await.ok(201);
        let stale = "access_token=old; refresh_token=older";
        let signed_in = login(&world, &[("cookie", stale)]).await.ok(200);
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        let bearer = format!("Bearer {}", signed_in.field("access_token"));
        let me = world.call("GET", "/auth/me", &[("cookie", stale), ("authorization", &bearer)], &Value::Null).await;
        me.ok(200);
        world.call("GET", "/auth/me", &[("cookie", stale)], &Value::Null).await.refused(401, "invalid_token");
        world.call("GET", "/auth/me", &[("cookie", &header(&signed_in))], &Value::Null).await.ok(200);
        world.get("/auth/me").await.refused(401, "not_authenticated");
        // Elsewhere they are nothing.
        world.call("GET", "/users/wallets", &[("cookie", &header(&signed_in))], &Value::Null).await.refused(401, "not_authenticated");
    }

    async fn a_refresh_that_fails_leaves_the_winners_cookies_alone(world: World) {
        register(&world, "trader1").await.ok(201);
        let signed_in = login(&world, &[]).await.ok(200);
        post(&world, "/auth/refresh", &header(&signed_in), Some(PAGE)).await.ok(200);
        world.pass(std::time::Duration::from_secs(10));
        let refused = post(&world, "/auth/refresh", &header(&signed_in), Some(PAGE)).await;
        assert!(cookies(&refused.refused(401, "refresh_token_reused")).is_empty());
    }

    async fn signing_out_ends_every_session_whose_cookies_it_takes_away(world: World) {
        register(&world, "trader1").await.ok(201);
        let page = |cookie: &str, body: Value| {
            let headers = [("cookie", cookie.to_owned()), ("origin", PAGE.to_owned()), ("content-type", "application/json".to_owned())];
            (headers, body)
        };
        let out = async |(headers, body): ([(&str, String); 3], Value)| {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
            world.call("POST", "/auth/logout", &headers, &body).await.ok(204)
        };
        let is_over = async |session: &Answer| {
            world.get_as(session.field("access_token"), "/users/wallets").await.refused(401, "session_ended");
        };
        let access = |session: &Answer| format!("access_token={}", session.field("access_token"));
        let (first, second) = (login(&world, &[]).await.ok(200), login(&world, &[]).await.ok(200));
        // A token that names nothing hides nothing that does.
        out(page(&header(&first), json!({"refresh_token": "none of ours"}))).await;
        is_over(&first).await;
        out(page(&format!("refresh_token=none; {}", access(&second)), Value::Null)).await;
        is_over(&second).await;
        let first = login(&world, &[]).await.ok(200);
        // A program that names no page can't use cookies; they stay as they are.
        let headers = [("cookie", header(&first)), ("content-type", "application/json".to_owned())];
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let by = world.call("POST", "/auth/logout", &headers, &json!({"refresh_token": "none of ours"})).await.ok(204);
        assert!(cookies(&by).is_empty());
        world.get_as(first.field("access_token"), "/users/wallets").await.ok(200);
        let (first, second) = (login(&world, &[]).await.ok(200), login(&world, &[]).await.ok(200));
        out(page(&header(&second), json!({"refresh_token": first.field("refresh_token")}))).await;
        is_over(&first).await;
        is_over(&second).await;
        let (first, second) = (login(&world, &[]).await.ok(200), login(&world, &[]).await.ok(200));
        out(page(&format!("refresh_token={}; {}", first.field("refresh_token"), access(&second)), Value::Null)).await;
        is_over(&first).await;
        is_over(&second).await;
    }

    async fn of_two_cookies_of_one_name_none_is_taken_for_ours(world: World) {
        register(&world, "trader1").await.ok(201);
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        let (own, planted) = (login(&world, &[]).await.ok(200), login(&world, &[]).await.ok(200));
        for both in [format!("{}; {}", header(&planted), header(&own)), format!("{}; {}", header(&own), header(&planted))] {
            post(&world, "/auth/refresh", &both, Some(PAGE)).await.refused(401, "not_authenticated");
            world.call("GET", "/auth/me", &[("cookie", &both)], &Value::Null).await.refused(401, "not_authenticated");
        }
        let twice = format!("refresh_token=; {}; {}", header(&own), header(&own));
        let next = post(&world, "/auth/refresh", &twice, Some(PAGE)).await.ok(200);
        post(&world, "/auth/logout", &format!("{}; {}", header(&planted), header(&next)), Some(PAGE)).await.ok(204);
        for session in [&planted, &next] {
            world.get_as(session.field("access_token"), "/users/wallets").await.refused(401, "session_ended");
        }
    }

    async fn an_address_that_is_not_verified_sees_nothing_of_itself(world: World) {
        let token = session(&world, "trader1").await;
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        world.call("GET", "/auth/me", &headers, &Value::Null).await.refused(403, "email_not_verified");
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        let me = world.call("GET", "/auth/me", &headers, &Value::Null).await.ok(200);
        let fields: Vec<&str> = me.json.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["created_at", "email", "email_verified", "id", "name", "roles", "username", "wallets"]);
    }
}
