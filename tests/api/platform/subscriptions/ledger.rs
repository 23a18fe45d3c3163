//! What the gateway keeps by itself: which moves there are, what time does to them, and what happens at once.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{PATH, PLANS, change, list, offering, put, subscribe};
use crate::support::person::PASSWORD;
use crate::support::platform::{authenticate, join, named, with};
use crate::support::wallet::Wallet;
use crate::support::world::{Answer, START, World, on_both};

const COUNT: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM subscriptions";
const EVENTS: &str = "SELECT COALESCE(string_agg(told, ' '), '') FROM (SELECT event || COALESCE(':' || detail, '') AS told \
                      FROM audit_events WHERE event LIKE 'subscription%' ORDER BY id) AS events";

/// Signs in anew, as somebody does whose tokens are over.
async fn again(world: &World, name: &str) -> String {
    authenticate(world, name, PASSWORD).await.ok(200).field("token").to_owned()
}

fn shown(answer: &Value) -> (&str, &str, &str, bool) {
    let text = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("no text {name} in {answer}"));
    let ends = answer["cancelAtPeriodEnd"].as_bool().expect("a truth value");
    (text("status"), text("currentPeriodStart"), text("currentPeriodEnd"), ends)
}

on_both! {
    async fn a_plan_that_costs_nothing_is_had_at_once_and_one_that_costs_takes_a_provider(world: World) {
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        assert_eq!(list(&world, &token).await, Vec::<Value>::new());
        let paid = json!({"planId": "premium_monthly", "paymentMethodId": "pm_1MoBy5LkdIwHu7ix"});
        with(&world, &token, "POST", PATH, paid).await.refused(402, "payment_provider_not_configured");
        assert_eq!(world.data().await.text(COUNT).await, "0");
        let begun = subscribe(&world, &token, "basic_monthly").await.ok(201);
        assert_eq!(begun.headers["cache-control"], "no-store");
        assert_eq!(shown(&begun.json), ("active", "2026-01-01", "2026-02-01", false));
        assert_eq!((begun.field("plan"), begun.field("planId"), &begun.json["clientSecret"]), ("basic", "basic_monthly", &Value::Null));
        let id = begun.field("id");
        assert!(id.len() == 36 && id.starts_with("sub_") && id[4..].bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
        let mut told = begun.json.clone();
        told.as_object_mut().unwrap().remove("clientSecret");
        assert_eq!(list(&world, &token).await, [told.clone()]);
        // What a client sends twice changes nothing.
        subscribe(&world, &token, "basic_monthly").await.refused(409, "subscription_exists");
        subscribe(&world, &token, "club").await.refused(409, "subscription_exists");
        assert_eq!(change(&world, &token, id, "basic_monthly").await.ok(200).json, told);
        change(&world, &token, id, "premium_monthly").await.refused(402, "payment_provider_not_configured");
        assert_eq!(list(&world, &token).await, [told]);
        assert_eq!(world.data().await.text(EVENTS).await, "subscription_created:basic_monthly");
        let text = world.core.metrics_text();
        for line in ["{outcome=\"ok\"} 2", "{outcome=\"payment_provider_not_configured\"} 2", "{outcome=\"subscription_exists\"} 2"] {
            assert!(text.contains(&format!("countersign_subscription_moves_total{line}")), "{line} in {text}");
        }
    }

    async fn every_move_from_every_state_is_made_or_refused(world: World) {
        let world = offering(&world).await;
        let moves: [(&str, &[&str]); 5] = [
            // What leads to the state, and what is possible there.
            ("", &["change", "keep", "cancel", "pause"]),
            ("cancel", &["change", "keep", "cancel"]),
            ("pause", &["cancel", "unpause"]),
            ("pause cancel", &["cancel", "unpause"]),
            ("cancel over", &[]),
        ];
        for (at, (way, possible)) in moves.into_iter().enumerate() {
            for (number, wanted) in ["change", "keep", "cancel", "pause", "unpause"].into_iter().enumerate() {
                let name = format!("trader{at}{number}");
                let mut token = join(&world, &name).await;
                let begun = subscribe(&world, &token, "basic_monthly").await.ok(201);
                let id = begun.field("id").to_owned();
                for step in way.split(' ').filter(|step| !step.is_empty()) {
                    if step == "over" {
                        world.pass(Duration::from_hours(31 * 24));
                        token = again(&world, &name).await;
                    } else {
                        put(&world, &token, &id, step).await.ok(200);
                    }
                }
                let before = list(&world, &token).await;
                let answer = match wanted {
                    "change" => change(&world, &token, &id, "club").await,
                    "keep" => change(&world, &token, &id, "basic_monthly").await,
                    other => put(&world, &token, &id, other).await,
                };
                if possible.contains(&wanted) {
                    let answer = answer.ok(200);
                    assert_eq!(list(&world, &token).await, [answer.json], "{way} {wanted}");
                } else {
                    answer.refused(409, "subscription_move_impossible");
                    assert_eq!(list(&world, &token).await, before, "{way} {wanted}");
                }
            }
        }
    }

    async fn it_ends_with_its_period_unless_its_owner_takes_that_back(world: World) {
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "basic_monthly").await.ok(201).field("id").to_owned();
        let ends = put(&world, &token, &id, "cancel").await.ok(200);
        assert_eq!(shown(&ends.json), ("active", "2026-01-01", "2026-02-01", true));
        assert_eq!(put(&world, &token, &id, "cancel").await.ok(200).json, ends.json, "the same wish again");
        subscribe(&world, &token, "club").await.refused(409, "subscription_exists");
        let kept = change(&world, &token, &id, "basic_monthly").await.ok(200);
        assert_eq!(shown(&kept.json), ("active", "2026-01-01", "2026-02-01", false));
        put(&world, &token, &id, "cancel").await.ok(200);
        let changed = change(&world, &token, &id, "club").await.ok(200);
        assert_eq!((shown(&changed.json), changed.field("plan")), (("active", "2026-01-01", "2026-02-01", false), "club"));
        put(&world, &token, &id, "cancel").await.ok(200);
        world.pass(Duration::from_hours(31 * 24) - Duration::from_secs(1));
        let token = again(&world, "trader1").await;
        assert_eq!(shown(&list(&world, &token).await[0]), ("active", "2026-01-01", "2026-02-01", true));
        world.pass(Duration::from_secs(1));
        assert_eq!(shown(&list(&world, &token).await[0]), ("canceled", "2026-01-01", "2026-02-01", true));
        // What is over stays in the list, and makes room.
        let next = subscribe(&world, &token, "basic_monthly").await.ok(201);
        assert_eq!(shown(&next.json), ("active", "2026-02-01", "2026-03-01", false));
        let told = list(&world, &token).await;
        assert_eq!((told.len(), told[0]["id"].as_str(), told[1]["id"].as_str()), (2, Some(next.field("id")), Some(id.as_str())));
        let events = "subscription_created:basic_monthly subscription_canceled subscription_changed:basic_monthly \
                      subscription_canceled subscription_changed:club subscription_canceled subscription_created:basic_monthly";
        assert_eq!(world.data().await.text(EVENTS).await, events);
    }

    async fn periods_follow_the_calendar_over_the_ends_of_months(world: World) {
        // 2026-01-31T00:00:00Z.
        world.pass(Duration::from_hours(30 * 24));
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "basic_monthly").await.ok(201).field("id").to_owned();
        let mut days = 30;
        for (day, start, end) in [
            (30, "2026-01-31", "2026-02-28"), (57, "2026-01-31", "2026-02-28"), (58, "2026-02-28", "2026-03-31"),
            (88, "2026-02-28", "2026-03-31"), (89, "2026-03-31", "2026-04-30"), (119, "2026-04-30", "2026-05-31"),
            (424, "2027-02-28", "2027-03-31"),
        ] {
            world.pass(Duration::from_hours(24 * (day - days)));
            days = day;
            let token = again(&world, "trader1").await;
            assert_eq!(shown(&list(&world, &token).await[0]), ("active", start, end, false), "on day {day}");
            let until = world.get_as(&token, "/v1/users/details").await.ok(200).json["subscription"]["expiresAt"].clone();
            assert_eq!(until, format!("{end}T00:00:00Z"));
        }
        // A change to periods of another length begins them anew; to the same length it does not.
        let token = again(&world, "trader1").await;
        assert_eq!(shown(&change(&world, &token, &id, "club").await.ok(200).json), ("active", "2027-02-28", "2027-03-31", false));
        world.pass(Duration::from_hours(24));
        let token = again(&world, "trader1").await;
        assert_eq!(shown(&change(&world, &token, &id, "basic_yearly").await.ok(200).json), ("active", "2027-03-02", "2028-03-02", false));
        assert_eq!(shown(&change(&world, &token, &id, "weekly").await.ok(200).json), ("active", "2027-03-02", "2027-03-09", false));
        // One that is canceled late in its period ends with that period and no other.
        world.pass(Duration::from_hours(8 * 24));
        let token = again(&world, "trader1").await;
        assert_eq!(shown(&put(&world, &token, &id, "cancel").await.ok(200).json), ("active", "2027-03-09", "2027-03-16", true));
        world.pass(Duration::from_hours(60 * 24));
        let token = again(&world, "trader1").await;
        assert_eq!(shown(&list(&world, &token).await[0]), ("canceled", "2027-03-09", "2027-03-16", true));
    }

    async fn of_two_hundred_who_subscribe_at_once_over_two_nodes_one_does(world: World) {
        let world = offering(&world).await;
        let other = world.again_with(&[]).await;
        let token = join(&world, "trader1").await;
        let all = (0..200).map(|number| {
            let node = if number % 2 == 0 { &world } else { &other };
            subscribe(node, &token, if number % 3 == 0 { "club" } else { "basic_monthly" })
        });
        let answers = join_all(all).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        for refused in answers.into_iter().filter(|answer| answer.status != 201) {
            refused.refused(409, "subscription_exists");
        }
        assert_eq!(world.data().await.text(COUNT).await, "1");
    }

    async fn of_a_cancellation_and_a_pause_at_once_either_comes_first_and_nothing_is_lost(world: World) {
        let world = offering(&world).await;
        let other = world.again_with(&[]).await;
        for round in 0..12 {
            let token = join(&world, &format!("trader{round}")).await;
            let id = subscribe(&world, &token, "basic_monthly").await.ok(201).field("id").to_owned();
            let (canceled, paused) = tokio::join!(put(&world, &token, &id, "cancel"), put(&other, &token, &id, "pause"));
            canceled.ok(200);
            let told = list(&world, &token).await;
            if paused.status == 200 {
                assert_eq!(shown(&told[0]), ("paused", "2026-01-01", "2026-02-01", true), "paused first");
            } else {
                paused.refused(409, "subscription_move_impossible");
                assert_eq!(shown(&told[0]), ("active", "2026-01-01", "2026-02-01", true), "canceled first");
            }
            // The account says what the table says.
            let in_force = world.get_as(&token, "/v1/users/details").await.ok(200).json["subscription"].clone();
            assert_eq!(in_force.is_null(), told[0]["status"] == "paused");
        }
    }

    async fn one_that_is_somebody_elses_or_nobodys_is_not_found(world: World) {
        let world = offering(&world).await;
        let (first, second) = (join(&world, "trader1").await, join(&world, "trader2").await);
        let id = subscribe(&world, &first, "basic_monthly").await.ok(201).field("id").to_owned();
        let before = list(&world, &first).await;
        let upper = format!("sub_{}", id[4..].to_uppercase());
        for unknown in [id.as_str(), "sub_123", &id[4..], &upper, "sub_00000000000000000000000000000000", "%00", "subscriptions", "sub_%F0%9F%98%80"] {
            for wanted in ["cancel", "pause", "unpause"] {
                put(&world, &second, unknown, wanted).await.refused(404, "subscription_not_found");
            }
            change(&world, &second, unknown, "club").await.refused(404, "subscription_not_found");
        }
        put(&world, &second, "%ff", "cancel").await.refused(400, "invalid_path");
        assert_eq!(list(&world, &first).await, before);
        assert_eq!(list(&world, &second).await, Vec::<Value>::new());
    }

    async fn bad_input_is_named_and_stores_nothing(world: World) {
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        let good = json!({"planId": "club", "paymentMethodId": null});
        for (field, value) in [
            ("planId", Value::Null), ("planId", json!("")), ("planId", json!("gold")), ("planId", json!("CLUB")), ("planId", json!(7)),
            ("planId", json!(["club"])), ("planId", json!("club\u{0}")), ("planId", json!("x".repeat(10_000))),
            ("paymentMethodId", json!("")), ("paymentMethodId", json!("pm_")), ("paymentMethodId", json!("4242424242424242")),
            ("paymentMethodId", json!("tok_visa")), ("paymentMethodId", json!("pm_a b")), ("paymentMethodId", json!("pm_\u{0}")),
            ("paymentMethodId", json!(format!("pm_{}", "a".repeat(253)))), ("paymentMethodId", json!(7)), ("paymentMethodId", json!({})),
        ] {
            let mut body = good.clone();
            body[field] = value.clone();
            let refused = with(&world, &token, "POST", PATH, body).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), [field], "{value}");
            assert!(!refused.text.contains("4242"), "{}", refused.text);
        }
        for body in [json!({}), json!([]), json!("club")] {
            with(&world, &token, "POST", PATH, body).await.refused(400, "invalid_request");
        }
        assert_eq!(world.data().await.text(COUNT).await, "0");
        let id = subscribe(&world, &token, "club").await.ok(201).field("id").to_owned();
        let path = format!("{PATH}/{id}");
        for value in [Value::Null, json!(""), json!("gold"), json!(7), json!({"id": "club"})] {
            let refused = with(&world, &token, "PUT", &path, json!({"planId": value})).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), ["planId"], "{value}");
        }
        with(&world, &token, "PUT", &path, json!({})).await.refused(400, "invalid_request");
        let headers = [("x-auth-token", token.as_str()), ("content-type", "text/plain")];
        world.call("PUT", &path, &headers, &json!({"planId": "club"})).await.refused(415, "unsupported_media_type");
        // What has no body takes any.
        world.call("PUT", &format!("{path}/cancel"), &headers, &json!("rubbish")).await.ok(200);
        with(&world, &token, "DELETE", &path, Value::Null).await.refused(405, "method_not_allowed");
        with(&world, &token, "GET", &format!("{path}/cancel"), Value::Null).await.refused(405, "method_not_allowed");
        // Whose it is, its state and its end are no member of a body.
        let body = json!({"planId": "club", "status": "active", "plan": "premium", "account": "x", "currentPeriodEnd": "2099-01-01"});
        let told = with(&world, &token, "PUT", &path, body).await.ok(200);
        assert_eq!((told.field("plan"), shown(&told.json)), ("club", ("active", "2026-01-01", "2026-02-01", false)));
    }

    async fn a_key_reads_them_and_only_a_person_changes_them(world: World) {
        let world = offering(&world).await;
        let wallet = Wallet::number(1).sign_in(&world).await;
        let key = wallet.api_key(&world).await;
        let id = subscribe(&world, &wallet.token, "club").await.ok(201).field("id").to_owned();
        let headers = [("x-api-key", key.as_str())];
        let told = world.call("GET", PATH, &headers, &Value::Null).await.ok(200);
        assert_eq!(told.json["subscriptions"], json!(list(&world, &wallet.token).await));
        world.call("POST", PATH, &headers, &json!({"planId": "club"})).await.refused(403, "person_required");
        world.call("PUT", &format!("{PATH}/{id}"), &headers, &json!({"planId": "club"})).await.refused(403, "person_required");
        for wanted in ["cancel", "pause", "unpause"] {
            world.call("PUT", &format!("{PATH}/{id}/{wanted}"), &headers, &Value::Null).await.refused(403, "person_required");
            world.call("PUT", &format!("{PATH}/{id}/{wanted}"), &[], &Value::Null).await.refused(401, "not_authenticated");
        }
        world.get(PATH).await.refused(401, "not_authenticated");
        world.post(PATH, json!({"planId": "club"})).await.refused(401, "not_authenticated");
        world.data().await.execute("UPDATE accounts SET disabled_at = 1").await;
        put(&world, &wallet.token, &id, "cancel").await.refused(403, "account_disabled");
        world.call("GET", PATH, &headers, &Value::Null).await.refused(403, "account_disabled");
    }

    async fn a_plan_that_is_not_offered_any_more_goes_on_by_its_id_and_nobody_gets_it_anew(world: World) {
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "weekly").await.ok(201).field("id").to_owned();
        let without = world.again_with(&[("PLANS", r#"[{"id":"club"}]"#)]).await;
        world.pass(Duration::from_hours(8 * 24));
        let token = again(&without, "trader1").await;
        let told = &list(&without, &token).await[0];
        assert_eq!((&told["plan"], shown(told)), (&json!("weekly"), ("active", "2026-01-08", "2026-01-15", false)));
        change(&without, &token, &id, "weekly").await.refused(400, "invalid_request");
        put(&without, &token, &id, "cancel").await.ok(200);
        change(&without, &token, &id, "weekly").await.refused(400, "invalid_request");
        assert_eq!(change(&without, &token, &id, "club").await.ok(200).field("plan"), "club");
    }

    async fn what_stripe_keeps_is_shown_and_not_changed_where_stripe_is_not_configured_any_more(world: World) {
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "club").await.ok(201).field("id").to_owned();
        world.data().await.execute("UPDATE subscriptions SET provider = 'stripe', stripe_id = 'sub_1', every = NULL").await;
        world.pass(Duration::from_mins(10));
        assert_eq!(shown(&list(&world, &token).await[0]), ("active", "2026-01-01", "2026-02-01", false));
        for wanted in ["cancel", "pause", "unpause"] {
            put(&world, &token, &id, wanted).await.refused(402, "payment_provider_not_configured");
        }
        change(&world, &token, &id, "basic_monthly").await.refused(402, "payment_provider_not_configured");
        subscribe(&world, &token, "club").await.refused(409, "subscription_exists");
    }

    async fn nothing_of_it_outlives_the_account_but_that_a_customer_has_to_go(world: World) {
        let world = offering(&world).await;
        let root = crate::support::person::admin(&world, "root").await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "club").await.ok(201).field("id").to_owned();
        let person = world.core.find_person(countersign::identity::Who::Name("trader1")).await.unwrap().id();
        let mut tx = world.core.db().write().await.unwrap();
        assert!(countersign::store::billing::insert_customer(&mut tx, person, "cus_of_trader1", START).await.unwrap());
        tx.commit().await.unwrap();
        let gone = with(&world, &root, "DELETE", &format!("/v1/users/{person}"), Value::Null).await;
        gone.ok(204);
        let left = world.data().await.text("SELECT CAST((SELECT COUNT(*) FROM subscriptions) + (SELECT COUNT(*) FROM billing_customers) \
            + (SELECT COUNT(*) FROM billing_calls) AS TEXT)").await;
        assert_eq!(left, "0");
        assert_eq!(world.data().await.text("SELECT customer_id FROM billing_farewells").await, "cus_of_trader1");
        put(&world, &token, &id, "cancel").await.refused(401, "session_ended");
    }

    async fn who_is_signed_out_meanwhile_changes_nothing(world: World) {
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        let (made, out) = tokio::join!(subscribe(&world, &token, "club"), with(&world, &token, "POST", "/v1/users/logout", Value::Null));
        out.ok(204);
        let count = world.data().await.text(COUNT).await;
        let stored = |answer: &Answer| if answer.status == 201 { "1" } else { "0" };
        assert_eq!(count, stored(&made));
        if made.status != 201 {
            made.refused(401, "session_ended");
        }
        subscribe(&world, &token, "club").await.refused(401, "session_ended");
    }

    async fn a_session_changes_so_much_a_minute(world: World) {
        let world = world.again_with(&[("PLANS", PLANS), ("LIMITS__ENABLED", "true"), ("LIMITS__WRITES__BURST", "3")]).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "club").await.ok(201).field("id").to_owned();
        put(&world, &token, &id, "pause").await.ok(200);
        put(&world, &token, &id, "unpause").await.ok(200);
        let refused = put(&world, &token, &id, "cancel").await.refused(429, "too_many_requests");
        assert!(refused.headers["ratelimit"].to_str().unwrap().starts_with("\"writes\""));
        assert_eq!(shown(&list(&world, &token).await[0]), ("active", "2026-01-01", "2026-02-01", false));
    }
}
