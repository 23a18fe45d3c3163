//! What becomes of notices while FCM does badly or nothing, and of devices that it calls dead.

use std::time::Duration;

use countersign::clock::Timestamp;
use futures_util::future::join;
use serde_json::json;

use super::{Owner, left, state, waits};
use crate::support::database::Data;
use crate::support::fcm::{Fcm, Reply, counted, deliver, too_much_for_one_device};
use crate::support::wallet::Wallet;
use crate::support::world::{START, World, on_both};

/// Returns when notices are taken out of the outbox, and wait for an access token.
async fn until_taken(fcm: &Fcm) {
    while fcm.assertions().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

on_both! {
    async fn a_service_that_wants_to_be_left_alone_is_for_as_long_as_it_says(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[("TOKENS__ACCESS_TTL", "24h")]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        let mut tried = 0;
        let mut since = 0;
        // Seconds, then a date; then nothing, of which FCM says that it means a minute.
        let in_five_minutes = Some("Thu, 01 Jan 2026 00:10:00 GMT".to_owned());
        for (reply, seconds) in [
            (Reply::Refused(429, Some("100".to_owned()), "QUOTA_EXCEEDED"), 100),
            (Reply::Refused(429, in_five_minutes.clone(), "QUOTA_EXCEEDED"), 0),
            (Reply::Refused(429, None, "QUOTA_EXCEEDED"), 60),
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
        // Those that are on their way, and two more until three in a row are known to have failed.
        assert!(fcm.asked().len() <= 22, "{}", fcm.asked().len());
        assert_eq!(world.data().await.text("SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE claimed_until > 0").await, "0");
        fcm.be(Reply::Taken);
        world.pass(Duration::from_secs(16));
        deliver(&world).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (50, "0"));
    }

    async fn a_service_that_fails_at_several_devices_in_a_row_is_left_alone_for_all(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[("TOKENS__ACCESS_TTL", "24h")]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for device in ["one", "two", "three"] {
            owner.claim(&world, device).await;
        }
        for (reply, seconds) in [
            (Reply::Refused(503, Some("200".to_owned()), "UNAVAILABLE"), 200),
            (Reply::Refused(500, None, "INTERNAL"), 10),
            (Reply::Raw(502, "<html>".to_owned()), 10),
            (Reply::Raw(408, String::new()), 10),
            (Reply::Raw(404, json!({"error": {"status": "NOT_FOUND"}}).to_string()), 10),
            (Reply::Raw(403, json!({"error": {"status": "PERMISSION_DENIED"}}).to_string()), 10),
        ] {
            fcm.be(reply);
            owner.change_password(&world).await;
            let before = fcm.asked().len();
            deliver(&world).await;
            assert_eq!(fcm.asked().len(), before + 3);
            // Nothing else is tried either, before it may be.
            owner.change_password(&world).await;
            world.pass(Duration::from_secs(seconds - 1));
            deliver(&world).await;
            assert_eq!(fcm.asked().len(), before + 3, "the service rests");
            fcm.be(Reply::Taken);
            world.pass(Duration::from_secs(seconds / 2 + 2));
            deliver(&world).await;
            assert_eq!((fcm.asked().len(), left(&world).await.as_str()), (before + 9, "0"));
        }
    }

    async fn what_the_service_says_of_one_device_keeps_no_other_waiting(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "well").await;
        let other = Owner::with_device(&world, "trader2", "bad").await;
        for (reply, seconds) in [
            (too_much_for_one_device(), 60),
            (Reply::Refused(500, None, "INTERNAL"), 10),
            (Reply::Refused(503, Some("200".to_owned()), "UNAVAILABLE"), 200),
            (Reply::Raw(408, String::new()), 10),
            (Reply::Raw(404, json!({"error": {"status": "NOT_FOUND"}}).to_string()), 10),
            (Reply::Raw(403, json!({"error": {"status": "PERMISSION_DENIED"}}).to_string()), 10),
            (Reply::Refused(401, None, "THIRD_PARTY_AUTH_ERROR"), 10),
        ] {
            let (start, sent) = (world.clock.now().seconds() - START.seconds(), fcm.reached().len());
            fcm.reply_for("bad", reply);
            Wallet::number(u32::try_from(sent).unwrap() + 1).link(&world, &other.token).await;
            deliver(&world).await;
            waits(state(&world).await, 1, u64::try_from(start).unwrap(), seconds);
            owner.change_password(&world).await;
            deliver(&world).await;
            assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (sent + 1, "1"));
            world.data().await.execute("DELETE FROM outbox").await;
        }
    }

    async fn with_the_account_of_another_project_no_device_is_taken_out(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for device in ["one", "two", "three", "four"] {
            owner.claim(&world, device).await;
        }
        fcm.be(Reply::Refused(403, None, "SENDER_ID_MISMATCH"));
        for waited in [0, 16, 32] {
            owner.change_password(&world).await;
            world.pass(Duration::from_secs(waited));
            deliver(&world).await;
        }
        let devices = "SELECT CAST(COUNT(*) AS TEXT) FROM devices";
        assert_eq!((world.data().await.text(devices).await.as_str(), left(&world).await.as_str()), ("4", "12"));
        assert_eq!(counted(&world.core.metrics_text(), "gone"), 0);
        // It is corrected, and the gateway started again. One device is of another project all the same.
        fcm.be(Reply::Taken);
        let again = fcm.behind(&world, &[]).await;
        again.pass(Duration::from_mins(5));
        deliver(&again).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (12, "0"));
        fcm.reply_for("two", Reply::Refused(403, None, "SENDER_ID_MISMATCH"));
        owner.change_password(&again).await;
        deliver(&again).await;
        assert_eq!((world.data().await.text(devices).await.as_str(), left(&world).await.as_str()), ("3", "0"));
    }

    async fn a_dead_device_goes_in_the_order_in_which_those_of_an_account_do(world: World) {
        let mut data = world.data().await;
        if matches!(data, Data::Sqlite(_)) {
            // It has one writer, who waits for nobody.
            return;
        }
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        fcm.be(Reply::Refused(404, None, "UNREGISTERED"));
        fcm.be_about_tokens(Reply::After(Duration::from_millis(600)));
        join(deliver(&world), async {
            until_taken(&fcm).await;
            data.execute("BEGIN").await;
            data.execute("DELETE FROM outbox").await;
            // By now it is noted what came of it, which waits for this. After a second PostgreSQL would look who waits for whom.
            tokio::time::sleep(Duration::from_millis(700)).await;
            data.execute("SET LOCAL lock_timeout = '200ms'").await;
            data.execute("DELETE FROM devices").await;
            data.execute("COMMIT").await;
        }).await;
        assert_eq!((fcm.asked().len(), left(&world).await.as_str()), (1, "0"));
    }

    async fn what_came_of_many_is_noted_by_a_few_at_once_so_that_sign_ins_find_a_connection(world: World) {
        let mut data = world.data().await;
        if matches!(data, Data::Sqlite(_)) {
            return;
        }
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for number in 0..20 {
            owner.claim(&world, &format!("device{number}")).await;
        }
        owner.change_password(&world).await;
        fcm.be_about_tokens(Reply::After(Duration::from_millis(600)));
        let waiting = "SELECT CAST(COUNT(*) AS TEXT) FROM pg_stat_activity \
                       WHERE datname = current_database() AND wait_event_type = 'Lock'";
        join(deliver(&world), async {
            until_taken(&fcm).await;
            data.execute("BEGIN").await;
            data.execute("SELECT id FROM outbox FOR UPDATE").await;
            for _ in 0..100 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                if fcm.reached().len() == 20 && world.data().await.text(waiting).await.as_str() >= "4" {
                    break;
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
            assert_eq!(world.data().await.text(waiting).await, "4");
            data.execute("COMMIT").await;
        }).await;
        assert_eq!((fcm.reached().len(), left(&world).await.as_str()), (20, "0"));
    }

    async fn devices_that_the_service_calls_dead_are_taken_out_and_no_others(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "well").await;
        // So that the account is known to be the one of these devices.
        owner.change_password(&world).await;
        deliver(&world).await;
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
        assert_eq!((fcm.reached(), left(&world).await.as_str()), (vec!["well".to_owned(), "well".to_owned()], "2"));
        let metrics = world.core.metrics_text();
        assert_eq!([counted(&metrics, "sent"), counted(&metrics, "gone"), counted(&metrics, "retried")], [2, 3, 2]);
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
}
