//! `POST /v1/devicetokens`, `POST /v1/users/notifications/tokens/{token}` and `…/update`.

use std::time::Duration;

use countersign::identity::Who;
use countersign::model::Password;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::person::{admin, call_as};
use crate::support::platform::{join, named, with};
use crate::support::wallet::Wallet;
use crate::support::world::{Answer, World, on_both};

const PATH: &str = "/v1/devicetokens";
const COUNT: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM devices";

async fn note(world: &World, token: &str, os: &str) -> Answer {
    world.post(PATH, json!({"deviceToken": token, "os": os})).await
}

async fn claim(world: &World, caller: &str, token: &str) -> Answer {
    with(world, caller, "POST", &format!("/v1/users/notifications/tokens/{token}"), json!({})).await
}

async fn update(world: &World, caller: &str, token: &str, body: Value) -> Answer {
    with(world, caller, "POST", &format!("/v1/users/notifications/tokens/{token}/update"), body).await
}

on_both! {
    async fn a_token_is_told_claimed_and_set(world: World) {
        // The document's example: its account is no claim.
        let body = json!({"userId": "33bdf6ce-a26e-4b52-80d2-f26d12245cce", "deviceToken": "firebase-token-123", "os": "iOS"});
        let noted = world.post(PATH, body).await.ok(200);
        assert_eq!((noted.text.as_str(), &noted.headers["cache-control"]), ("{}", &"no-store".parse::<axum::http::HeaderValue>().unwrap()));
        let token = join(&world, "trader1").await;
        let claimed = claim(&world, &token, "firebase-token-123").await.ok(200);
        assert_eq!(claimed.json, json!({"token": "firebase-token-123", "os": "iOS", "enabled": true, "security": true, "billing": true}));
        let set = update(&world, &token, "firebase-token-123", json!({"billing": false})).await.ok(200);
        assert_eq!(set.json, json!({"token": "firebase-token-123", "os": "iOS", "enabled": true, "security": true, "billing": false}));
        assert_eq!(update(&world, &token, "firebase-token-123", json!({})).await.ok(200).json, set.json);
        assert_eq!(claim(&world, &token, "firebase-token-123").await.ok(200).json, set.json, "who has it keeps what it is sent");
        // One that nobody told is claimed as well, with or without a body.
        let path = "/v1/users/notifications/tokens/other";
        let none = world.call("POST", path, &[("x-auth-token", &token)], &Value::Null).await.ok(200);
        assert_eq!(none.json["os"], Value::Null);
        let web = with(&world, &token, "POST", path, json!({"os": "Web"})).await.ok(200);
        assert_eq!(web.json["os"], "Web");
        assert_eq!(claim(&world, &token, "other").await.ok(200).json["os"], "Web", "what was said stays");
        // A token may have any sign in it.
        let odd = with(&world, &token, "POST", "/v1/users/notifications/tokens/a%2Fb%3A%25%3F%23%2B", json!({})).await.ok(200);
        assert_eq!(odd.field("token"), "a/b:%?#+");
        let told = world.data().await.text("SELECT string_agg(event, ' ') FROM (SELECT event FROM audit_events \
            WHERE event LIKE 'device%' ORDER BY id) AS told").await;
        assert_eq!(told, "device_claimed device_changed device_changed device_claimed device_claimed");
        assert!(world.core.metrics_text().contains("countersign_events_total{event=\"device_claimed\"} 3"));
    }

    async fn what_nobody_claims_is_gone_after_a_day_and_what_somebody_did_stays(world: World) {
        note(&world, "kept", "iOS").await.ok(200);
        note(&world, "renewed", "Android").await.ok(200);
        note(&world, "gone", "Web").await.ok(200);
        claim(&world, &join(&world, "trader1").await, "kept").await.ok(200);
        world.pass(Duration::from_hours(23));
        note(&world, "renewed", "Android").await.ok(200);
        world.core.sweep().await.unwrap();
        assert_eq!(world.data().await.text(COUNT).await, "3");
        world.pass(Duration::from_hours(1) + Duration::from_secs(1));
        world.core.sweep().await.unwrap();
        let left = "SELECT string_agg(token, ' ') FROM (SELECT token FROM devices ORDER BY token) AS kept";
        assert_eq!(world.data().await.text(left).await, "kept renewed");
    }

    async fn so_many_unclaimed_ones_are_kept_of_one_network_whatever_comes_at_once(world: World) {
        let proxied = world.behind_proxy(&[]).await;
        let tell = async |address: &str, number: u32| {
            let body = json!({"deviceToken": format!("token-{address}-{number}"), "os": "Web"});
            proxied.call_from(address, "POST", PATH, &body).await
        };
        let answers = join_all((0..120).map(|number| tell("192.0.2.1", number))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 100);
        let refused = answers.into_iter().find(|answer| answer.status != 200).unwrap().refused(429, "too_many_requests");
        assert_eq!((refused.headers["retry-after"].to_str().unwrap(), refused.headers["ratelimit"].to_str().unwrap()),
                   ("86400", "\"devices\";r=0;t=86400"));
        assert_eq!(world.data().await.text(COUNT).await, "100");
        // One of them may be told again; others have room of their own, and an IPv6 customer is one.
        tell("192.0.2.1", 1000).await.refused(429, "too_many_requests");
        let known = "SELECT token FROM devices ORDER BY token LIMIT 1";
        let known = world.data().await.text(known).await;
        proxied.call_from("192.0.2.1", "POST", PATH, &json!({"deviceToken": known, "os": "iOS"})).await.ok(200);
        tell("192.0.2.2", 1).await.ok(200);
        for host in 0..100 {
            tell(&format!("2001:db8::{host:x}"), host).await.ok(200);
        }
        tell("2001:db8::ffff", 1).await.refused(429, "too_many_requests");
        // Claiming one makes room, and so does a day.
        claim(&world, &join(&world, "trader1").await, &known).await.ok(200);
        tell("192.0.2.1", 2000).await.ok(200);
        world.pass(Duration::from_hours(24) + Duration::from_secs(1));
        world.core.sweep().await.unwrap();
        tell("192.0.2.1", 3000).await.ok(200);
    }

    async fn a_device_that_changes_hands_is_the_last_claimers_and_both_are_told(world: World) {
        let (first, second) = (join(&world, "trader1").await, join(&world, "trader2").await);
        with(&world, &first, "POST", "/v1/users/notifications/tokens/shared", json!({"os": "Android"})).await.ok(200);
        update(&world, &first, "shared", json!({"enabled": false, "security": false})).await.ok(200);
        update(&world, &second, "shared", json!({"enabled": true})).await.refused(404, "device_not_found");
        let claimed = claim(&world, &second, "shared").await.ok(200);
        assert_eq!(claimed.json, json!({"token": "shared", "os": "Android", "enabled": true, "security": true, "billing": true}),
                   "what the one before chose is his own");
        let other = update(&world, &first, "shared", json!({"enabled": true})).await.refused(404, "device_not_found");
        let unknown = update(&world, &first, "unknown", json!({"enabled": true})).await.refused(404, "device_not_found");
        assert_eq!(other.field("detail"), unknown.field("detail"));
        // Nobody takes it away, or learns whose it is, without signing in.
        let answer = note(&world, "shared", "iOS").await.ok(200);
        assert_eq!((answer.text, note(&world, "fresh", "iOS").await.ok(200).text), ("{}".to_owned(), "{}".to_owned()));
        assert_eq!(update(&world, &second, "shared", json!({})).await.ok(200).json["os"], "Android");
        let told = "SELECT string_agg(event, ' ') FROM (SELECT e.event FROM audit_events e JOIN accounts a ON a.id = e.account_id \
                    WHERE a.username = 'trader1' AND e.event LIKE 'device%' ORDER BY e.id) AS told";
        assert_eq!(world.data().await.text(told).await, "device_claimed device_changed device_lost");
    }

    async fn of_many_who_claim_one_device_at_once_exactly_one_has_it(world: World) {
        let mut people = Vec::new();
        for number in 0..8 {
            people.push(join(&world, &format!("trader{number}")).await);
        }
        let second = world.again_with(&[]).await;
        for round in 0..5 {
            let token = format!("token{round}");
            let nodes = [&world, &second];
            let claims = people.iter().enumerate().map(|(at, person)| claim(nodes[at % 2], person, &token));
            for answer in join_all(claims).await {
                assert_eq!(answer.ok(200).json["enabled"], true);
            }
            let mut owners = 0;
            for person in &people {
                match update(&world, person, &token, json!({"billing": false})).await {
                    answer if answer.status == 200 => owners += 1,
                    answer => drop(answer.refused(404, "device_not_found")),
                }
            }
            assert_eq!(owners, 1, "in round {round}");
        }
        // Each claim but the first of each round took it from somebody.
        let count = |event: &str| format!("countersign_events_total{{event=\"{event}\"}}");
        let text = world.core.metrics_text() + &second.core.metrics_text();
        let sum = |event: &str| text.lines().filter_map(|line| line.strip_prefix(&count(event))?.trim().parse::<u32>().ok()).sum::<u32>();
        assert_eq!((sum("device_claimed"), sum("device_lost")), (40, 35));
    }

    async fn an_account_has_so_many_devices_and_loses_the_oldest(world: World) {
        let token = join(&world, "trader1").await;
        for number in 0..52 {
            claim(&world, &token, &format!("token{number}")).await.ok(200);
            world.pass(Duration::from_secs(1));
        }
        assert_eq!(world.data().await.text(COUNT).await, "50");
        update(&world, &token, "token1", json!({})).await.refused(404, "device_not_found");
        update(&world, &token, "token2", json!({})).await.ok(200);
    }

    async fn bad_input_is_named_and_stores_nothing(world: World) {
        let good = json!({"userId": null, "deviceToken": "t", "os": "iOS"});
        for (field, value) in [
            ("userId", json!("7")), ("userId", json!(7)), ("userId", json!({})),
            ("deviceToken", json!("")), ("deviceToken", json!("a b")), ("deviceToken", json!("a\u{0}")), ("deviceToken", json!("é")),
            ("deviceToken", json!("x".repeat(1025))), ("deviceToken", Value::Null), ("deviceToken", json!(["t"])),
            ("os", json!("ios")), ("os", json!("Windows")), ("os", json!("")), ("os", Value::Null), ("os", json!(1)),
        ] {
            let mut body = good.clone();
            body[field] = value.clone();
            let refused = world.post(PATH, body).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), [field], "{value}");
        }
        for body in [json!({}), json!([]), json!("t")] {
            world.post(PATH, body).await.refused(400, "invalid_request");
        }
        world.call("POST", PATH, &[("content-type", "text/plain")], &good).await.refused(415, "unsupported_media_type");
        world.get(PATH).await.refused(405, "method_not_allowed");
        let token = join(&world, "trader1").await;
        for (path, field) in [("a%20b", "token"), ("%C3%A9", "token"), (&"x".repeat(1025), "token")] {
            assert_eq!(named(&claim(&world, &token, path).await.refused(400, "invalid_request")), [field]);
            assert_eq!(named(&update(&world, &token, path, json!({})).await.refused(400, "invalid_request")), [field]);
        }
        claim(&world, &token, "%ff").await.refused(400, "invalid_path");
        for body in [json!({"os": "ios"}), json!({"os": 7}), json!({"os": ["iOS"]})] {
            let path = "/v1/users/notifications/tokens/t";
            assert_eq!(named(&with(&world, &token, "POST", path, body).await.refused(400, "invalid_request")), ["os"]);
        }
        with(&world, &token, "POST", "/v1/users/notifications/tokens/t", json!([])).await.refused(400, "invalid_request");
        assert_eq!(world.data().await.text(COUNT).await, "0");
        claim(&world, &token, "t").await.ok(200);
        for (field, value) in [("enabled", json!("no")), ("security", json!(1)), ("billing", json!([]))] {
            let mut body = json!({});
            body[field] = value;
            assert_eq!(named(&update(&world, &token, "t", body).await.refused(400, "invalid_request")), [field]);
        }
        update(&world, &token, "t", json!([])).await.refused(400, "invalid_request");
        assert_eq!(update(&world, &token, "t", json!({"enabled": null})).await.ok(200).json["enabled"], true);
    }

    async fn what_takes_an_account_back_takes_the_devices_of_whoever_had_it(world: World) {
        let left = async || world.data().await.text(COUNT).await;
        let token = join(&world, "trader1").await;
        claim(&world, &token, "planted").await.ok(200);
        world.mails().await;
        world.post("/v1/users/reset-password", json!({"email": "trader1@example.com"})).await.ok(204);
        let link = world.mails().await.last().expect("a mail").token();
        let body = json!({"token": link, "password": "another password"});
        call_as(&world, &token, "PUT", "/v1/users/update-password", body).await.ok(204);
        assert_eq!(left().await, "0", "a reset by mail");
        for (name, what) in [("trader2", "disabling"), ("trader3", "a reset by an operator"), ("trader4", "a lost second factor")] {
            let token = join(&world, name).await;
            claim(&world, &token, name).await.ok(200);
            let account = world.core.find_person(Who::Name(name)).await.unwrap().id();
            match what {
                "disabling" => assert!(world.core.disable_account(account).await.unwrap()),
                "a reset by an operator" => {
                    let password = Password::choose("password", "another password", []).unwrap();
                    world.core.reset_password(account, password).await.unwrap();
                }
                _ => {
                    call_as(&world, &token, "POST", "/v1/auth/mfa/setup", Value::Null).await.ok(200);
                    assert!(world.core.reset_second_factor(account).await.unwrap());
                }
            }
            assert_eq!(left().await, "0", "{what}");
        }
    }

    async fn devices_are_a_persons_and_go_with_him(world: World) {
        let wallet = Wallet::number(1).sign_in(&world).await;
        let key = wallet.api_key(&world).await;
        for path in ["/v1/users/notifications/tokens/t", "/v1/users/notifications/tokens/t/update"] {
            world.call("POST", path, &[("x-api-key", &key)], &json!({})).await.refused(403, "person_required");
            world.call("POST", path, &[], &json!({})).await.refused(401, "not_authenticated");
        }
        claim(&world, &wallet.token, "t").await.ok(200);
        let root = admin(&world, "root").await;
        let path = format!("/v1/users/{}", wallet.claims()["sub"].as_str().unwrap());
        call_as(&world, &root, "DELETE", &path, Value::Null).await.ok(204);
        assert_eq!(world.data().await.text(COUNT).await, "0");
        claim(&world, &wallet.token, "t").await.refused(401, "session_ended");
    }
}
