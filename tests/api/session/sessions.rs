//! Sessions as this door begins and goes on with them: a new one at each sign-in, and one successor of each refresh
//! token, however many ask at once.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::cookies::{PAGE, cookies, header, login, post};
use crate::support::person::{PASSWORD, basic, register};
use crate::support::wallet::claims;
use crate::support::world::{Answer, World, on_both};

const DAY: Duration = Duration::from_hours(24);

async fn refresh(world: &World, token: &str) -> Answer {
    world.post("/auth/refresh", json!({"refresh_token": token})).await
}

/// All have to be given the one successor, in the body and in the cookie; it is returned.
fn the_successor(answers: Vec<Answer>) -> String {
    let successor = |answer: Answer| {
        let answer = answer.ok(200);
        let set: Vec<_> = cookies(&answer).into_iter().map(|(name, value, _)| (name, value)).collect();
        let field = |name: &str| (name.to_owned(), answer.field(name).to_owned());
        assert_eq!(set, [field("access_token"), field("refresh_token")]);
        answer.field("refresh_token").to_owned()
    };
    let successors: BTreeSet<_> = answers.into_iter().map(successor).collect();
    assert_eq!(successors.len(), 1);
    successors.into_iter().next().unwrap()
}

/// Every way to begin a session here, with these headers besides.
async fn begin(world: &World, way: &str, headers: &[(&str, &str)]) -> Answer {
    let own = basic("trader1", PASSWORD);
    let mut headers = headers.to_vec();
    let (path, body) = match way {
        "login" => ("/auth/login", json!({"email": "trader1", "password": PASSWORD})),
        "register" => ("/auth/register", json!({"email": "new@example.com", "password": PASSWORD})),
        "code" => {
            let code = world.mails().await.into_iter().find(|mail| mail.to.contains("trader1@")).unwrap().code();
            ("/auth/verify-email", json!({"email": "trader1@example.com", "code": code}))
        }
        _ => {
            headers.push(("authorization", &own));
            ("/auth/token", Value::Null)
        }
    };
    let answer = world.call("POST", path, &headers, &body).await;
    answer.ok(if way == "register" { 201 } else { 200 })
}

on_both! {
    async fn two_hundred_refreshes_by_body_at_once_give_one_successor(world: World) {
        register(&world, "trader1").await.ok(201);
        let signed_in = login(&world, &[]).await.ok(200);
        let used = signed_in.field("refresh_token");
        let successor = the_successor(join_all((0..200).map(|_| refresh(&world, used))).await);
        assert_ne!(successor, used);
        world.get_as(signed_in.field("access_token"), "/users/wallets").await.ok(200);
        refresh(&world, &successor).await.ok(200);
    }

    async fn two_hundred_refreshes_by_cookie_at_once_give_one_successor(world: World) {
        register(&world, "trader1").await.ok(201);
        let signed_in = login(&world, &[]).await.ok(200);
        let cookie = header(&signed_in);
        let all = (0..200).map(|_| post(&world, "/auth/refresh", &cookie, Some(PAGE)));
        let successor = the_successor(join_all(all).await);
        let next = format!("refresh_token={successor}");
        let next = post(&world, "/auth/refresh", &next, Some(PAGE)).await.ok(200);
        world.get_as(next.field("access_token"), "/users/wallets").await.ok(200);
        // Who comes with the token of before by now ends the session, and still leaves the jar alone.
        for code in ["refresh_token_reused", "session_ended"] {
            let late = post(&world, "/auth/refresh", &cookie, Some(PAGE)).await.refused(401, code);
            assert!(cookies(&late).is_empty());
        }
    }

    async fn refreshes_by_body_and_cookie_on_two_nodes_at_once_give_one_successor(world: World) {
        let second = world.again_with(&[]).await;
        register(&world, "trader1").await.ok(201);
        let signed_in = login(&world, &[]).await.ok(200);
        let (used, cookie) = (signed_in.field("refresh_token"), header(&signed_in));
        let nodes = [&world, &second];
        let answers = join_all((0..40).map(async |turn| match turn / 2 % 2 {
            0 => refresh(nodes[turn % 2], used).await,
            _ => post(nodes[turn % 2], "/auth/refresh", &cookie, Some(PAGE)).await,
        }));
        let successor = the_successor(answers.await);
        refresh(&second, &successor).await.ok(200);
    }

    async fn a_sign_in_begins_a_session_of_its_own_whatever_cookies_come_with_it(world: World) {
        for name in ["trader1", "trader2"] {
            register(&world, name).await.ok(201);
        }
        let own = login(&world, &[]).await.ok(200);
        let body = json!({"email": "trader2", "password": PASSWORD});
        let others = world.post("/auth/login", body).await.ok(200);
        let of = |answer: &Answer, claim: &str| claims(answer.field("access_token"))[claim].as_str().unwrap().to_owned();
        let mut seen = BTreeSet::from([of(&own, "sid"), of(&others, "sid")]);
        assert_eq!(seen.len(), 2);
        for (way, planted) in [
            ("login", &own),
            ("login", &others),
            ("token", &own),
            ("token", &others),
            ("code", &others),
            ("register", &others),
        ] {
            let cookie = header(planted);
            let begun = begin(&world, way, &[("cookie", &cookie), ("origin", PAGE)]).await;
            assert!(seen.insert(of(&begun, "sid")), "{way}: the session of before");
            assert_ne!(of(&begun, "sub"), of(&others, "sub"), "{way}: who signed in");
            assert_eq!(of(&begun, "sub") == of(&own, "sub"), way != "register", "{way}: who signed in");
            assert!(cookies(&begun).iter().all(|(_, value, _)| !cookie.contains(value)), "{way}: a token of before");
        }
        // Nor is anything of it another person's by now.
        let theirs = refresh(&world, others.field("refresh_token")).await.ok(200);
        assert_eq!((of(&theirs, "sid"), of(&theirs, "sub")), (of(&others, "sid"), of(&others, "sub")));
    }

    async fn a_sign_in_goes_on_with_no_session_of_before(world: World) {
        register(&world, "trader1").await.ok(201);
        let before = login(&world, &[]).await.ok(200);
        world.pass(29 * DAY);
        let begun = login(&world, &[("cookie", &header(&before)), ("origin", PAGE)]).await.ok(200);
        world.pass(DAY);
        refresh(&world, before.field("refresh_token")).await.refused(401, "session_ended");
        refresh(&world, begun.field("refresh_token")).await.ok(200);
    }

    async fn a_database_that_fails_begins_and_refreshes_nothing_and_leaves_the_cookies_alone(world: World) {
        register(&world, "trader1").await.ok(201);
        let code = world.mails().await.pop().unwrap().code();
        let signed_in = login(&world, &[]).await.ok(200);
        let (token, cookie) = (signed_in.field("refresh_token"), header(&signed_in));
        let by_code = json!({"email": "trader1@example.com", "code": code});
        let me = [("cookie", cookie.as_str())];
        let mut data = world.data().await;
        data.execute("ALTER TABLE sessions RENAME TO sessions_away").await;
        for answer in [
            refresh(&world, token).await,
            post(&world, "/auth/refresh", &cookie, Some(PAGE)).await,
            login(&world, &me).await,
            world.post("/auth/verify-email", by_code.clone()).await,
            world.post("/auth/register", json!({"email": "new@example.com", "password": PASSWORD})).await,
            world.call("GET", "/auth/me", &me, &Value::Null).await,
        ] {
            assert!(answer.status.is_server_error() && cookies(&answer).is_empty(), "{answer:?}");
        }
        data.execute("ALTER TABLE sessions_away RENAME TO sessions").await;
        let next = refresh(&world, token).await.ok(200);
        world.get_as(next.field("access_token"), "/users/wallets").await.ok(200);
        world.post("/auth/verify-email", by_code).await.ok(200);
        world.post("/auth/register", json!({"email": "new@example.com", "password": PASSWORD})).await.ok(201);
    }
}
