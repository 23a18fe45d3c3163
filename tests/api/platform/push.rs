//! Notices to devices: who is told what, what of it is told, and what becomes of it while FCM does well, badly or nothing.

use std::time::Duration;

use countersign::clock::Timestamp;
use countersign::identity::Who;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::support::fcm::{ACCOUNT, Fcm, Reply, counted, deliver};
use crate::support::person::{PASSWORD, admin, call_as};
use crate::support::platform::{authenticate, join as register, with};
use crate::support::wallet::Wallet;
use crate::support::world::{START, World, on_both};

/// How many notices wait.
const LEFT: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE way = 'push'";
/// How often the only one was tried, in how many seconds after the start it is due, and whether a node has it.
const STATE: &str = "SELECT COALESCE((SELECT CAST(attempts AS TEXT) || ' ' || CAST((due_at - 1767225600000000) / 1000000 AS TEXT) || ' ' || \
                     CASE WHEN claimed_until > 0 THEN 'in hand' ELSE 'free' END FROM outbox WHERE way = 'push'), 'gone')";

/// Somebody who changes his password, which is told.
struct Owner {
    token: String,
    password: String,
    changes: u32,
}

impl Owner {
    async fn new(world: &World, name: &str) -> Self {
        Self { token: register(world, name).await, password: PASSWORD.to_owned(), changes: 0 }
    }

    /// The same, with a device.
    async fn with_device(world: &World, name: &str, device: &str) -> Self {
        let owner = Self::new(world, name).await;
        owner.claim(world, device).await;
        owner
    }

    async fn claim(&self, world: &World, device: &str) {
        with(world, &self.token, "POST", &format!("/v1/users/notifications/tokens/{device}"), json!({})).await.ok(200);
    }

    async fn update(&self, world: &World, device: &str, body: Value) {
        let path = format!("/v1/users/notifications/tokens/{device}/update");
        with(world, &self.token, "POST", &path, body).await.ok(200);
    }

    async fn change_password(&mut self, world: &World) {
        self.changes += 1;
        let next = format!("{PASSWORD} {}", self.changes);
        let body = json!({"currentPassword": self.password, "newPassword": next});
        with(world, &self.token, "PUT", "/v1/users/passwords", body).await.ok(200);
        self.password = next;
    }
}

async fn left(world: &World) -> String {
    world.data().await.text(LEFT).await
}

/// The state of the only notice: how often it was tried, and when it is due.
async fn state(world: &World) -> (u64, u64) {
    let text = world.data().await.text(STATE).await;
    let words: Vec<&str> = text.split(' ').collect();
    let [attempts, due, "free"] = words[..] else { panic!("{text}") };
    (attempts.parse().unwrap(), due.parse().unwrap())
}

/// Insists that the only notice was tried so often, and is due after so many seconds or, by chance, half as many more.
#[track_caller]
fn waits((attempts, due): (u64, u64), tried: u64, since: u64, seconds: u64) {
    let longest = since + seconds + seconds / 2 + 1;
    assert!(
        attempts == tried && (since + seconds..=longest).contains(&due),
        "{attempts} tries, due at {due}, not {seconds} after {since}"
    );
}

on_both! {
    async fn a_notice_reaches_every_device_that_wants_it_and_tells_nothing_of_the_person(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for device in ["phone", "tablet", "browser", "off"] {
            owner.claim(&world, device).await;
        }
        owner.update(&world, "tablet", json!({"security": false})).await;
        owner.update(&world, "browser", json!({"billing": false})).await;
        owner.update(&world, "off", json!({"enabled": false})).await;
        Owner::with_device(&world, "trader2", "other").await;
        world.post("/v1/devicetokens", json!({"deviceToken": "unclaimed", "os": "iOS"})).await.ok(200);
        owner.change_password(&world).await;
        assert!(fcm.asked().is_empty(), "nobody waits for it");
        deliver(&world).await;
        assert_eq!(fcm.reached(), ["browser", "phone"]);
        assert_eq!(left(&world).await, "0");
        // Nobody has proven the address, so there is no mail; the devices are his all the same.
        assert!(world.mails().await.iter().all(|mail| !mail.subject.contains("password")));
        let pushes = fcm.pushes();
        assert_ne!(pushes[0].id, pushes[1].id);
        for push in &pushes {
            assert_eq!(push.message["notification"]["title"], "Password changed");
            assert_eq!(push.message["data"], json!({"id": push.id, "kind": "security", "event": "password_changed"}));
            assert_eq!(push.message["android"]["ttl"], "86400s", "a day");
            assert_eq!(push.message["apns"]["headers"]["apns-expiration"], (START.seconds() + 86_400).to_string());
            let whole = push.message.to_string();
            for personal in ["trader1", "example.com", "127.0.0.1", "0.0.0.0", "2026", PASSWORD, "cst_", "csr_", "eyJ", "http"] {
                assert!(!whole.contains(personal), "{personal}: {whole}");
            }
        }
        let [assertion] = &fcm.assertions()[..] else { panic!("one access token does for all") };
        assert_eq!((&assertion["iss"], &assertion["iat"]), (&ACCOUNT.into(), &START.seconds().into()));
        assert_eq!(counted(&world.core.metrics_text(), "sent"), 2);
    }

    async fn what_is_told_by_mail_is_told_on_devices_in_short(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[("NOTICES__NEW_SIGN_IN", "true"), ("TRUSTED_PROXIES", "[\"0.0.0.0\"]")]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        let body = json!({"username": "trader1", "password": PASSWORD});
        world.call_from("198.51.100.7", "POST", "/v1/users/authenticate", &body).await.ok(200);
        Wallet::number(1).link(&world, &owner.token).await;
        let body = json!({"email": "new@example.com", "current_password": PASSWORD});
        call_as(&world, &owner.token, "PUT", "/api/users/profile", body).await.ok(200);
        let id = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
        let password = countersign::model::Password::choose("password", "another password", []).unwrap();
        world.core.reset_password(id, password).await.unwrap();
        owner.token = authenticate(&world, "trader1", "another password").await.ok(200).field("token").to_owned();
        deliver(&world).await;
        let mut told: Vec<String> = fcm.pushes().iter().map(|push| push.title().to_owned()).collect();
        told.sort();
        assert_eq!(told, ["E-mail address changed", "New sign-in", "Password changed", "Wallet linked"]);
        let whole = format!("{:?}", fcm.pushes());
        for personal in ["198.51.100.7", "new@example.com", &Wallet::number(1).address] {
            assert!(!whole.contains(personal), "{personal}: {whole}");
        }
    }

    async fn whoever_wants_no_notifications_gets_none_and_neither_does_anybody_of_what_is_switched_off(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        for (push, notices) in [(json!(false), "0"), (Value::Null, "1")] {
            let body = json!({"notifications": {"push": push}});
            with(&world, &owner.token, "PATCH", "/v1/users/settings", body).await.ok(200);
            owner.change_password(&world).await;
            assert_eq!(left(&world).await, notices);
        }
        let silent = fcm.behind(&world, &[("NOTICES__PASSWORD_CHANGED", "false")]).await;
        owner.change_password(&silent).await;
        assert_eq!(left(&world).await, "1");
    }

    async fn without_an_account_at_fcm_nothing_is_written(world: World) {
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        deliver(&world).await;
        assert_eq!(left(&world).await, "0");
    }

    async fn a_change_that_is_refused_is_told_nobody(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let owner = Owner::with_device(&world, "trader1", "phone").await;
        let body = json!({"currentPassword": "a wrong password", "newPassword": "another password"});
        with(&world, &owner.token, "PUT", "/v1/users/passwords", body).await.refused(401, "invalid_credentials");
        deliver(&world).await;
        assert_eq!((left(&world).await.as_str(), fcm.asked().len()), ("0", 0));
    }

    async fn what_was_meant_for_the_one_before_is_not_shown_on_a_device_that_changed_hands(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut first = Owner::new(&world, "trader1").await;
        for device in ["handed", "disabled", "silenced", "kept"] {
            first.claim(&world, device).await;
        }
        first.change_password(&world).await;
        let mut second = Owner::with_device(&world, "trader2", "handed").await;
        first.update(&world, "disabled", json!({"enabled": false})).await;
        first.update(&world, "silenced", json!({"security": false})).await;
        second.change_password(&world).await;
        deliver(&world).await;
        assert_eq!(fcm.reached(), ["handed", "kept"]);
        assert_eq!((counted(&world.core.metrics_text(), "unmeant"), left(&world).await.as_str()), (3, "0"));
        let second_id = world.core.find_person(Who::Name("trader2")).await.unwrap().id();
        // What is for nobody any more goes with the account.
        second.change_password(&world).await;
        assert_eq!(left(&world).await, "1");
        let root = admin(&world, "root").await;
        call_as(&world, &root, "DELETE", &format!("/v1/users/{second_id}"), Value::Null).await.ok(204);
        assert_eq!(left(&world).await, "0");
        deliver(&world).await;
        assert_eq!(fcm.asked().len(), 2);
    }

    async fn many_go_at_once_over_a_few_connections_that_are_kept_and_each_once(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for number in 0..50 {
            owner.claim(&world, &format!("device{number}")).await;
        }
        for _ in 0..3 {
            owner.change_password(&world).await;
        }
        fcm.be(Reply::After(Duration::from_millis(30)));
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (150, "0"));
        let mut ids: Vec<String> = fcm.pushes().into_iter().map(|push| push.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 150);
        let (at_once, connections) = fcm.load();
        assert!((5..=20).contains(&at_once) && connections <= 20, "{at_once} at once over {connections} connections");
        assert_eq!(fcm.assertions().len(), 1);
    }

    async fn two_nodes_share_the_work_and_send_each_once(world: World) {
        let fcm = Fcm::start();
        let nodes = [fcm.behind(&world, &[]).await, fcm.behind(&world, &[]).await];
        let mut owner = Owner::new(&nodes[0], "trader1").await;
        for number in 0..50 {
            owner.claim(&nodes[0], &format!("device{number}")).await;
        }
        for _ in 0..3 {
            owner.change_password(&nodes[0]).await;
        }
        fcm.be(Reply::After(Duration::from_millis(20)));
        join(deliver(&nodes[0]), deliver(&nodes[1])).await;
        let mut ids: Vec<String> = fcm.asked().into_iter().map(|push| push.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!((fcm.asked().len(), ids.len(), left(&world).await.as_str()), (150, 150, "0"));
        let sent = nodes.each_ref().map(|node| counted(&node.core.metrics_text(), "sent"));
        assert!(sent.iter().sum::<u64>() == 150 && sent.iter().all(|sent| *sent > 0), "{sent:?}");
    }

    async fn a_service_that_wants_to_be_left_alone_is_for_as_long_as_it_says(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[("TOKENS__ACCESS_TTL", "24h")]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        let mut tried = 0;
        let mut since = 0;
        // Seconds, then a date; then nothing, of which FCM says that it means a minute; and of its faults ten seconds, doubled.
        let in_five_minutes = Some("Thu, 01 Jan 2026 00:10:00 GMT".to_owned());
        for (reply, seconds) in [
            (Reply::Refused(429, Some("100".to_owned()), "QUOTA_EXCEEDED"), 100),
            (Reply::Refused(429, in_five_minutes.clone(), "QUOTA_EXCEEDED"), 0),
            (Reply::Refused(429, None, "QUOTA_EXCEEDED"), 60),
            (Reply::Refused(503, Some("200".to_owned()), "UNAVAILABLE"), 200),
            (Reply::Refused(500, None, "INTERNAL"), 160),
            (Reply::Raw(502, "<html>".to_owned()), 320),
        ] {
            let seconds = if seconds == 0 { 600 - since } else { seconds };
            fcm.be(reply);
            deliver(&world).await;
            tried += 1;
            let now = state(&world).await;
            waits(now, tried, since, seconds);
            // Nothing else is tried either, before it may be.
            owner.change_password(&world).await;
            let before = fcm.asked().len();
            world.pass(Duration::from_secs(seconds - 1));
            deliver(&world).await;
            assert_eq!(fcm.asked().len(), before, "the service rests");
            world.data().await.execute("DELETE FROM outbox WHERE attempts = 0").await;
            since = now.1 + 1;
            world.pass(Timestamp::from_seconds(START.seconds() + i64::try_from(since).unwrap()).since(world.clock.now()));
        }
        fcm.be(Reply::Taken);
        world.pass(Duration::from_mins(15));
        deliver(&world).await;
        assert_eq!((fcm.reached(), left(&world).await.as_str()), (vec!["phone".to_owned()], "0"));
        let ids: Vec<String> = fcm.asked().into_iter().map(|push| push.id).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "one that may come twice takes its own place: {ids:?}");
        let metrics = world.core.metrics_text();
        assert_eq!((counted(&metrics, "retried"), counted(&metrics, "sent")), (tried, 1));
    }

    async fn no_word_of_the_service_makes_anything_wait_for_longer_than_an_hour_and_a_half(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        fcm.be(Reply::Refused(503, Some("999999999999".to_owned()), "UNAVAILABLE"));
        deliver(&world).await;
        waits(state(&world).await, 1, 0, 3600);
        fcm.be(Reply::Taken);
        world.pass(Duration::from_secs(5401));
        deliver(&world).await;
        assert_eq!(left(&world).await, "0");
    }

    async fn while_the_service_is_down_little_is_asked_of_it_and_all_comes_afterwards(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for number in 0..50 {
            owner.claim(&world, &format!("device{number}")).await;
        }
        owner.change_password(&world).await;
        fcm.be(Reply::Refused(503, None, "UNAVAILABLE"));
        deliver(&world).await;
        assert!(fcm.asked().len() <= 20, "{}", fcm.asked().len());
        assert_eq!(world.data().await.text("SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE claimed_until > 0").await, "0");
        fcm.be(Reply::Taken);
        world.pass(Duration::from_secs(16));
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (50, "0"));
    }

    async fn devices_that_the_service_calls_dead_are_taken_out_and_no_others(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        let of_field = |field: &str| {
            let details = json!([{"fieldViolations": [{"field": field, "description": "Invalid registration token"}]}]);
            Reply::Raw(400, json!({"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": details}}).to_string())
        };
        for (device, reply) in [
            ("well", Reply::Taken),
            ("unregistered", Reply::Refused(404, None, "UNREGISTERED")),
            ("foreign", Reply::Refused(403, None, "SENDER_ID_MISMATCH")),
            ("malformed", of_field("message.token")),
            ("unlucky", of_field("message.data[0].value")),
            ("apple", Reply::Refused(401, None, "THIRD_PARTY_AUTH_ERROR")),
        ] {
            owner.claim(&world, device).await;
            fcm.reply_for(device, reply);
        }
        owner.change_password(&world).await;
        deliver(&world).await;
        let devices = "SELECT string_agg(token, ' ') FROM (SELECT token FROM devices ORDER BY token) AS known";
        assert_eq!(world.data().await.text(devices).await, "apple unlucky well");
        assert_eq!((fcm.reached(), left(&world).await.as_str()), (vec!["well".to_owned()], "2"));
        let metrics = world.core.metrics_text();
        assert_eq!([counted(&metrics, "sent"), counted(&metrics, "gone"), counted(&metrics, "retried")], [1, 3, 2]);
        assert!(metrics.contains("countersign_events_total{event=\"device_gone\"} 3"), "{metrics}");
        assert_eq!(fcm.assertions().len(), 1, "Apple's refusal is none of the access token");
        // They are asked for nothing any more; whoever claims one again is told again.
        let before = fcm.asked().len();
        owner.change_password(&world).await;
        deliver(&world).await;
        assert_eq!(fcm.asked().len(), before + 3);
        fcm.reply_for("unregistered", Reply::Taken);
        owner.claim(&world, "unregistered").await;
        owner.change_password(&world).await;
        deliver(&world).await;
        assert!(fcm.reached().contains(&"unregistered".to_owned()));
    }

    async fn a_device_that_was_claimed_by_another_meanwhile_stays_whatever_the_service_says_of_it(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut first = Owner::with_device(&world, "trader1", "shared").await;
        let second = Owner::new(&world, "trader2").await;
        first.change_password(&world).await;
        fcm.reply_for("shared", Reply::Refused(404, None, "UNREGISTERED"));
        // It changes hands between the claim of the row and the answer.
        fcm.be_about_tokens(Reply::After(Duration::from_millis(600)));
        join(deliver(&world), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            second.claim(&world, "shared").await;
        }).await;
        let owner = "SELECT COALESCE((SELECT a.username FROM devices d JOIN accounts a ON a.id = d.account_id), 'nobody')";
        assert_eq!((fcm.asked().len(), left(&world).await.as_str()), (1, "0"));
        assert_eq!(world.data().await.text(owner).await, "trader2");
    }

    async fn a_notice_that_is_refused_for_what_it_is_is_given_up_after_a_few_tries(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        fcm.be(Reply::Refused(400, None, "INVALID_ARGUMENT"));
        for tried in 1..5 {
            deliver(&world).await;
            assert_eq!(state(&world).await.0, tried);
            world.pass(Duration::from_mins(91));
        }
        deliver(&world).await;
        let metrics = world.core.metrics_text();
        assert_eq!((fcm.asked().len(), left(&world).await.as_str(), counted(&metrics, "failed")), (5, "0", 1));
    }

    async fn what_is_no_news_any_more_is_not_sent(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        fcm.be(Reply::Refused(503, None, "UNAVAILABLE"));
        deliver(&world).await;
        fcm.be(Reply::Taken);
        world.pass(Duration::from_hours(24));
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (0, "0"));
        assert_eq!(counted(&world.core.metrics_text(), "expired"), 1);
        // Where nobody sends any, they are swept away.
        owner.token = authenticate(&world, "trader1", &owner.password).await.ok(200).field("token").to_owned();
        owner.change_password(&world).await;
        assert_eq!(left(&world).await, "1");
        let without = world.again_with(&[("FCM__API_BASE", "https://fcm.example")]).await;
        world.pass(Duration::from_hours(24));
        without.core.sweep().await.unwrap();
        assert_eq!(left(&world).await, "1", "somebody may be about to note that");
        world.pass(Duration::from_hours(2));
        without.core.sweep().await.unwrap();
        assert_eq!(left(&world).await, "0");
    }

    async fn an_access_token_is_used_for_its_time_and_another_one_fetched_when_it_is_taken_back(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[("TOKENS__ACCESS_TTL", "24h")]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        let mut arrived = 0;
        let mut send = async |fetched: usize| {
            owner.change_password(&world).await;
            deliver(&world).await;
            arrived += 1;
            assert_eq!((fcm.reached().len(), fcm.assertions().len()), (arrived, fetched));
        };
        send(1).await;
        world.pass(Duration::from_mins(20));
        send(1).await;
        // A minute before its end it is as good as over.
        world.pass(Duration::from_secs(3599 - 60 - 1200));
        send(2).await;
        world.pass(Duration::from_mins(5));
        fcm.take_tokens_back();
        send(3).await;
        assert_eq!(fcm.asked().len(), arrived + 1, "one was refused, and sent again at once");
    }

    async fn an_operator_s_fault_loses_nothing_and_is_not_asked_about_again_and_again(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[("TOKENS__ACCESS_TTL", "24h")]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        let answers = [
            Reply::Raw(401, json!({"error": {"status": "UNAUTHENTICATED"}}).to_string()),
            Reply::Raw(403, json!({"error": {"status": "PERMISSION_DENIED"}}).to_string()),
            Reply::Raw(404, json!({"error": {"status": "NOT_FOUND"}}).to_string()),
            Reply::Elsewhere,
        ];
        for (tried, reply) in (1..).zip(answers) {
            fcm.be(reply);
            deliver(&world).await;
            let before = fcm.asked().len();
            deliver(&world).await;
            assert_eq!((fcm.asked().len(), state(&world).await.0), (before, tried));
            world.pass(Duration::from_secs(130));
        }
        fcm.be(Reply::Taken);
        for (tried, reply) in (5..).zip([
            Reply::Raw(400, r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#.to_owned()),
            Reply::Raw(401, "hunter2".to_owned()),
            Reply::Raw(500, String::new()),
            Reply::Raw(200, "{}".to_owned()),
            Reply::Raw(200, r#"{"access_token":"a\nb","token_type":"Bearer","expires_in":1}"#.to_owned()),
            Reply::Huge,
            Reply::Elsewhere,
        ]) {
            // The one that is kept is over by then.
            world.pass(Duration::from_mins(91));
            fcm.be_about_tokens(reply);
            deliver(&world).await;
            assert_eq!((state(&world).await.0, fcm.pushes().len()), (tried, 0));
        }
        fcm.be_about_tokens(Reply::Taken);
        world.pass(Duration::from_mins(91));
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (1, "0"));
    }

    async fn an_answer_that_is_huge_rubbish_leads_elsewhere_or_never_comes_sends_nothing_twice_nor_loses_it(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        let replies = [
            Reply::Raw(418, "[[[".to_owned()),
            Reply::Huge,
            Reply::Raw(200, "<html>\u{1b}[31m".to_owned()),
            Reply::Raw(200, "{}".to_owned()),
            Reply::Raw(200, String::new()),
            Reply::Elsewhere,
            Reply::Silence,
        ];
        for (tried, reply) in (1..).zip(replies) {
            fcm.be(reply);
            deliver(&world).await;
            assert_eq!(state(&world).await.0, tried);
            world.pass(Duration::from_mins(91));
        }
        fcm.be(Reply::Taken);
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (1, "0"));
    }

    async fn a_service_that_is_not_there_gets_it_later(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[("FCM__API_BASE", "http://127.0.0.1:1")]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        deliver(&world).await;
        waits(state(&world).await, 1, 0, 10);
        let back = fcm.behind(&world, &[]).await;
        back.pass(Duration::from_secs(16));
        deliver(&back).await;
        assert_eq!(fcm.reached(), ["phone"]);
    }

    async fn a_notice_that_a_node_was_killed_over_is_sent_by_another_when_its_time_is_over(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        // As a node that is killed leaves it: taken, and perhaps sent.
        fcm.be(Reply::Silence);
        let killed = tokio::time::timeout(Duration::from_millis(500), deliver(&world)).await;
        assert!(killed.is_err());
        fcm.be(Reply::Taken);
        let another = fcm.behind(&world, &[]).await;
        deliver(&another).await;
        world.pass(Duration::from_secs(179));
        deliver(&another).await;
        assert_eq!(fcm.reached().len(), 0);
        world.pass(Duration::from_secs(1));
        deliver(&another).await;
        assert_eq!((fcm.reached().len(), fcm.asked().len()), (1, 2));
        assert_eq!(fcm.asked()[0].id, fcm.asked()[1].id);
    }

    async fn a_stop_waits_for_what_the_service_may_have_and_puts_the_rest_back(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for number in 0..50 {
            owner.claim(&world, &format!("device{number}")).await;
        }
        owner.change_password(&world).await;
        fcm.be(Reply::After(Duration::from_millis(500)));
        let (stop, stopped) = watch::channel(false);
        let delivered = async { world.core.deliver_push(&stopped).await.unwrap() };
        join(delivered, async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            stop.send(true).unwrap();
        }).await;
        let sent = fcm.reached().len();
        assert!((1..=20).contains(&sent), "{sent}");
        assert_eq!((left(&world).await, fcm.asked().len()), ((50 - sent).to_string(), sent));
        let untouched = "SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE way = 'push' AND attempts = 0 AND claimed_until = 0";
        assert_eq!(world.data().await.text(untouched).await, (50 - sent).to_string());
        fcm.be(Reply::Taken);
        deliver(&world).await;
        assert_eq!(fcm.reached().len(), 50);
    }

    async fn mails_and_notices_take_nothing_of_each_other(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        owner.change_password(&world).await;
        assert_eq!(world.mails().await.iter().filter(|mail| mail.subject == "Your password was changed").count(), 1);
        assert_eq!((left(&world).await.as_str(), fcm.asked().len()), ("1", 0));
        owner.change_password(&world).await;
        deliver(&world).await;
        assert_eq!((left(&world).await.as_str(), fcm.reached().len()), ("0", 2));
        assert_eq!(world.data().await.text("SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE way = 'mail'").await, "1");
    }

    async fn who_reads_the_database_reads_no_notice_and_none_takes_the_place_of_another(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for device in ["one", "two"] {
            owner.claim(&world, device).await;
        }
        owner.change_password(&world).await;
        let whole = world.data().await.whole().await.to_lowercase();
        for told in ["was changed", "password changed"] {
            assert!(!whole.contains(told) && !whole.contains(&hex::encode(told)), "{told}: {whole}");
        }
        world.data().await.execute("UPDATE outbox SET sealed = (SELECT sealed FROM outbox WHERE way = 'push' ORDER BY id LIMIT 1)").await;
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (1, "1"));
        let world = world.under_new_secret([0x22; 32]).await;
        owner.change_password(&world).await;
        deliver(&world).await;
        assert_eq!(fcm.reached().len(), 3, "what an older root secret sealed opens all the same");
    }

    async fn of_many_changes_at_once_each_is_told_once(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let owner = Owner::with_device(&world, "trader1", "phone").await;
        let link = async |number: u32| Wallet::number(number).link(&world, &owner.token).await;
        join_all((1..=8).map(link)).await;
        let deliveries = (0..4).map(|_| deliver(&world));
        join_all(deliveries).await;
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), fcm.asked().len(), left(&world).await.as_str()), (8, 8, "0"));
    }
}
