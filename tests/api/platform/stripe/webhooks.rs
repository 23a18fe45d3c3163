//! `POST /webhooks/stripe`: events in any order, twice, late, of strangers, and by strangers.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::{EVENTS, STATES, has, list, paid, put, subscribe, subscribe_bare};
use crate::support::person::PASSWORD;
use crate::support::platform::{authenticate, join};
use crate::support::stripe::{Fault, Kept, Stripe, WEBHOOK_SECRET, deliver, deliver_signed, signature};
use crate::support::world::{Backend, START, World, on_both};

const KNOWN: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM billing_events";
const VERIFY: &str = "UPDATE accounts SET email_verified_at = 1";

/// Somebody with an active subscription, and its id at Stripe.
async fn subscribed(world: &World, stripe: &Stripe) -> (String, String) {
    let token = join(world, "trader1").await;
    subscribe(world, &token, "premium_monthly", "pm_good").await.ok(201);
    stripe.events();
    stripe.asked();
    (token, stripe.with(|desk| desk.only().id))
}

on_both! {
    async fn what_happens_at_stripe_is_so_here(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, there) = subscribed(&world, &stripe).await;
        world.data().await.execute(VERIFY).await;
        world.mails().await;
        let be = |status: &'static str| stripe.with(|desk| desk.change(&there, |kept| status.clone_into(&mut kept.status)));
        be("past_due");
        stripe.tell(&world).await;
        assert_eq!(list(&world, &token).await[0]["status"], "past_due");
        assert!(has(&world, &token).await, "it is dunned, and not taken away yet");
        be("active");
        stripe.tell(&world).await;
        stripe.with(|desk| desk.change(&there, |kept| {
            kept.ends = true;
            kept.end += 5 * 86_400;
            "price_plus".clone_into(&mut kept.price);
        }));
        stripe.tell(&world).await;
        let told = list(&world, &token).await.remove(0);
        assert_eq!(told["planId"], "plus");
        assert_eq!((&told["currentPeriodEnd"], &told["cancelAtPeriodEnd"]), (&json!("2026-02-06"), &json!(true)));
        be("canceled");
        stripe.tell(&world).await;
        assert_eq!(list(&world, &token).await[0]["status"], "canceled");
        assert!(!has(&world, &token).await);
        let events = world.data().await.text(EVENTS).await;
        assert_eq!(events, "subscription_created:premium_monthly subscription_past_due subscription_ended");
        let mails = world.mails().await;
        let subjects: Vec<String> = mails.iter().map(|mail| mail.subject.clone()).collect();
        assert_eq!(subjects, ["A payment failed", "Your subscription has ended"]);
    }

    async fn a_plan_that_gets_another_price_is_kept_by_those_who_pay_the_old_one(world: World) {
        let (before, stripe) = paid(&world).await;
        let token = join(&before, "trader1").await;
        subscribe(&before, &token, "gold", "pm_good").await.ok(201);
        stripe.events();
        let there = stripe.with(|desk| desk.only().id);
        let plans = json!([
            {"id": "gold", "plan": "golden", "price": 3900, "currency": "eur", "stripe_price": "price_dear"},
            {"id": "silver", "price": 100, "currency": "eur", "stripe_price": "price_silver"},
        ]);
        let world = stripe.before_with(&world, &[("PLANS", &plans.to_string())]).await;
        stripe.with(|desk| {
            for id in ["price_dear", "price_silver", "price_by_hand"] {
                let price = desk.prices["price_gold"].clone();
                desk.prices.insert(id.to_owned(), price);
            }
        });
        let told = |ends: bool, price: Option<&'static str>| {
            stripe.with(|desk| desk.change(&there, |kept| {
                kept.ends = ends;
                if let Some(price) = price {
                    price.clone_into(&mut kept.price);
                }
            }));
        };
        let has = async || {
            stripe.tell(&world).await;
            let listed = list(&world, &token).await.remove(0);
            let shown = world.get_as(&token, "/v1/users/details").await.ok(200);
            assert_eq!(shown.json["subscription"]["plan"], listed["plan"]);
            [&listed["planId"], &listed["plan"]].map(|told| told.as_str().unwrap().to_owned())
        };
        for ends in [true, false] {
            told(ends, None);
            assert_eq!(has().await, ["gold", "golden"], "he pays what he paid, and has what he had");
        }
        told(false, Some("price_silver"));
        assert_eq!(has().await, ["silver", "silver"]);
        told(false, Some("price_by_hand"));
        assert_eq!(has().await, ["price_by_hand", "price_by_hand"]);
        told(false, Some("price_dear"));
        assert_eq!(has().await, ["gold", "golden"]);
        stripe.asked();
    }

    async fn what_stays_unpaid_is_not_in_force_any_more(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, _) = subscribed(&world, &stripe).await;
        world.data().await.execute(VERIFY).await;
        world.mails().await;
        let mut id = list(&world, &token).await[0]["id"].as_str().unwrap().to_owned();
        for end in ["by its owner", "by Stripe"] {
            let there = stripe.with(|desk| desk.subscriptions.last().unwrap().id.clone());
            let be = |status: &'static str| stripe.with(|desk| desk.change(&there, |kept| status.clone_into(&mut kept.status)));
            for (status, told, is_had) in
                [("past_due", "past_due", true), ("unpaid", "past_due", false), ("active", "active", true), ("unpaid", "past_due", false)]
            {
                be(status);
                stripe.tell(&world).await;
                assert_eq!(list(&world, &token).await[0]["status"], told);
                assert_eq!(has(&world, &token).await, is_had, "{status}");
                let signed = authenticate(&world, "trader1", PASSWORD).await.ok(200);
                assert_eq!(signed.json["subscription"].is_object(), is_had, "{status}");
                let public = world.get("/v1/users/trader1@example.com/memberships").await.ok(200);
                assert_eq!(public.json["memberships"].as_array().unwrap().len(), usize::from(is_had), "{status}");
            }
            put(&world, &token, &id, "pause").await.refused(409, "subscription_move_impossible");
            put(&world, &token, &id, "unpause").await.refused(409, "subscription_move_impossible");
            if end == "by Stripe" {
                be("canceled");
                stripe.tell(&world).await;
            } else {
                stripe.asked();
                put(&world, &token, &id, "cancel").await.ok(200);
                assert_eq!(stripe.lines(), [format!("DELETE /v1/subscriptions/{there}")]);
                let anew = subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
                anew.field("id").clone_into(&mut id);
                stripe.tell(&world).await;
            }
        }
        let turn = "subscription_created:premium_monthly subscription_past_due subscription_unpaid subscription_unpaid";
        let events = world.data().await.text(EVENTS).await;
        assert_eq!(events, format!("{turn} subscription_canceled {turn} subscription_ended"));
        let mails = world.mails().await;
        let subjects: Vec<String> = mails.iter().map(|mail| mail.subject.clone()).collect();
        let [failed, ended] = ["A payment failed", "Your subscription has ended"];
        assert_eq!(subjects, [failed, ended, ended, failed, ended, ended], "when it ends at last, that is no news");
    }

    async fn an_event_that_comes_again_changes_nothing_and_asks_nothing(world: World) {
        let (world, stripe) = paid(&world).await;
        let (_, there) = subscribed(&world, &stripe).await;
        stripe.with(|desk| desk.change(&there, |kept| kept.ends = true));
        let event = stripe.events().remove(0);
        for _ in 0..3 {
            assert_eq!(deliver(&world, &event).await.ok(200).json, json!({"received": true}));
        }
        assert_eq!(stripe.lines(), ["GET /v1/subscriptions"]);
        assert_eq!(world.data().await.text(KNOWN).await, "1");
        let text = world.core.metrics_text();
        assert!(text.contains("countersign_stripe_webhooks_total{outcome=\"seen\"} 2"), "{text}");
        // They are not remembered for ever.
        world.pass(Duration::from_hours(8 * 24));
        world.core.sweep().await.unwrap();
        assert_eq!(world.data().await.text(KNOWN).await, "0");
    }

    async fn an_old_event_does_not_bring_back_what_was(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, there) = subscribed(&world, &stripe).await;
        for status in ["past_due", "active", "canceled"] {
            stripe.with(|desk| desk.change(&there, |kept| status.clone_into(&mut kept.status)));
        }
        let events = stripe.events();
        for event in events.iter().rev() {
            deliver(&world, event).await.ok(200);
            assert_eq!(list(&world, &token).await[0]["status"], "canceled");
        }
    }

    async fn events_of_others_are_taken_and_change_nothing(world: World) {
        let (world, stripe) = paid(&world).await;
        subscribed(&world, &stripe).await;
        let of = |id: &str, kind: &str, object: Value| json!({"id": id, "type": kind, "data": {"object": object}});
        for event in [
            of("evt_a", "customer.subscription.deleted", json!({"id": "sub_x", "customer": "cus_stranger"})),
            of("evt_b", "customer.deleted", json!({"id": "cus_stranger", "object": "customer"})),
            of("evt_c", "balance.available", json!({"object": "balance"})),
            of("evt_d", "invoice.paid", json!({"customer": null})),
            of("evt_e", "a.kind.of.tomorrow", json!([1, 2])),
        ] {
            deliver(&world, &event).await.ok(200);
        }
        assert!(stripe.asked().is_empty());
        assert_eq!(world.data().await.text(KNOWN).await, "0");
        assert_eq!(world.data().await.text(STATES).await, "premium_monthly:active");
    }

    async fn what_stripe_did_not_sign_is_not_believed(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, there) = subscribed(&world, &stripe).await;
        stripe.with(|desk| desk.change(&there, |kept| "canceled".clone_into(&mut kept.status)));
        let event = stripe.events().remove(0);
        let text = event.to_string();
        let now = START.seconds();
        let good = signature(WEBHOOK_SECRET, text.as_bytes(), now);
        let hex = good.split("v1=").nth(1).unwrap();
        for header in [
            String::new(),
            "t=,v1=".to_owned(),
            signature("whsec_of_somebody_else", text.as_bytes(), now),
            signature(WEBHOOK_SECRET, format!("{text} ").as_bytes(), now),
            signature(WEBHOOK_SECRET, text.as_bytes(), now - 301),
            signature(WEBHOOK_SECRET, text.as_bytes(), now + 301),
            format!("t={},v1={hex}", now + 1),
            format!("t={now},v0={hex}"),
            format!("t={now},v1={}", hex.to_uppercase().replace('A', "B")),
        ] {
            deliver_signed(&world, &event, &header).await.refused(403, "webhook_signature_invalid");
        }
        let bare = [("content-type", "application/json")];
        world.call("POST", "/webhooks/stripe", &bare, &event).await.refused(403, "webhook_signature_invalid");
        let twice = [("stripe-signature", good.as_str()), ("stripe-signature", good.as_str())];
        world.call("POST", "/webhooks/stripe", &twice, &event).await.refused(403, "webhook_signature_invalid");
        assert!(stripe.asked().is_empty());
        assert_eq!(list(&world, &token).await[0]["status"], "active");
        // What was overheard is worth nothing after five minutes, also if it never came.
        world.pass(Duration::from_secs(301));
        deliver_signed(&world, &event, &good).await.refused(403, "webhook_signature_invalid");
        deliver(&world, &event).await.ok(200);
    }

    async fn a_body_is_taken_as_it_came_and_bounded(world: World) {
        let (world, stripe) = paid(&world).await;
        subscribed(&world, &stripe).await;
        let now = START.seconds();
        for body in ["", "{}", "[]", "nul", r#"{"id":"evt_1","type":"a"}"#, "\u{0}"] {
            let header = signature(WEBHOOK_SECRET, body.as_bytes(), now);
            let request = axum::http::Request::post("/webhooks/stripe").header("stripe-signature", header);
            let answer = world.send(request.body(body.to_owned().into()).unwrap()).await;
            answer.refused(400, "invalid_request");
        }
        let large = json!({"id": "evt_1", "type": "a", "data": {"object": {}}, "a": "a".repeat(200 * 1024)});
        deliver(&world, &large).await.ok(200);
        let larger = json!({"a": "a".repeat(300 * 1024)});
        deliver(&world, &larger).await.refused(413, "body_too_large");
        world.get("/webhooks/stripe").await.refused(405, "method_not_allowed");
    }

    async fn while_stripe_does_not_answer_the_event_is_wanted_again(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, there) = subscribed(&world, &stripe).await;
        stripe.with(|desk| desk.change(&there, |kept| "canceled".clone_into(&mut kept.status)));
        let event = stripe.events().remove(0);
        stripe.be(Some(Fault::Hopeless));
        deliver(&world, &event).await.refused(503, "billing_unavailable");
        assert_eq!(world.data().await.text(KNOWN).await, "0");
        stripe.be_well();
        deliver(&world, &event).await.ok(200);
        assert_eq!(list(&world, &token).await[0]["status"], "canceled");
        stripe.asked();
    }

    async fn a_state_that_nobody_knows_changes_nothing(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, there) = subscribed(&world, &stripe).await;
        stripe.with(|desk| desk.change(&there, |kept| "of_tomorrow".clone_into(&mut kept.status)));
        deliver(&world, &stripe.events().remove(0)).await.refused(502, "billing_refused");
        assert_eq!(list(&world, &token).await[0]["status"], "active");
        stripe.with(|desk| desk.change(&there, |kept| "past_due".clone_into(&mut kept.status)));
        deliver(&world, &stripe.events().remove(0)).await.ok(200);
        assert_eq!(list(&world, &token).await[0]["status"], "past_due");
    }

    async fn without_a_secret_of_the_webhook_none_is_taken(world: World) {
        let stripe = Stripe::start();
        let world = stripe.before_with(&world, &[("STRIPE__WEBHOOK_SECRET", "")]).await;
        let event = json!({"id": "evt_1", "type": "a", "data": {"object": {}}});
        deliver(&world, &event).await.refused(501, "stripe_not_configured");
        let closed = stripe.before_with(&world, &[("DOORS__PLATFORM", "false")]).await;
        deliver(&closed, &event).await.refused(404, "unknown_route");
    }

    async fn what_somebody_made_by_hand_at_the_dashboard_is_left_to_him(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, there) = subscribed(&world, &stripe).await;
        let foreign = join(&world, "trader2").await;
        let other = world.get_as(&foreign, "/v1/users/details").await.ok(200).field("userId").to_owned();
        stripe.with(|desk| {
            let kept = desk.only();
            let (mut bare, mut lying) = (kept.clone(), kept.clone());
            bare.id = "sub_by_hand".to_owned();
            bare.metadata.clear();
            lying.id = "sub_lying".to_owned();
            lying.metadata.insert("countersign_account".to_owned(), other);
            desk.subscriptions.extend([bare, lying]);
            desk.change(&there, |kept| kept.ends = true);
        });
        stripe.tell(&world).await;
        assert_eq!(list(&world, &token).await.len(), 1);
        assert!(list(&world, &foreign).await.is_empty());
        assert_eq!(list(&world, &token).await[0]["cancelAtPeriodEnd"], true);
    }

    async fn a_customer_who_had_thousands_costs_no_more_than_one_who_had_one(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, there) = subscribed(&world, &stripe).await;
        stripe.with(|desk| {
            let kept = desk.only();
            for number in 0..1000 {
                let (id, status, metadata) = (format!("sub_of_yore_{number}"), "canceled".to_owned(), BTreeMap::new());
                desk.subscriptions.push(Kept { id, status, metadata, ..kept.clone() });
            }
            desk.change(&there, |kept| "past_due".clone_into(&mut kept.status));
        });
        stripe.tell(&world).await;
        // What is newest, and what is known here as not over.
        assert_eq!(stripe.lines(), ["GET /v1/subscriptions".to_owned(), format!("GET /v1/subscriptions/{there}")]);
        assert_eq!(list(&world, &token).await[0]["status"], "past_due");
        stripe.with(|desk| desk.change(&there, |kept| "canceled".clone_into(&mut kept.status)));
        stripe.tell(&world).await;
        assert_eq!(list(&world, &token).await[0]["status"], "canceled");
        stripe.asked();
    }

    async fn nobody_makes_and_ends_subscriptions_without_end(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        for _ in 0..10 {
            let begun = subscribe_bare(&world, &token, "gold").await.ok(201);
            put(&world, &token, begun.field("id"), "cancel").await.ok(200);
        }
        stripe.asked();
        let refused = subscribe_bare(&world, &token, "gold").await.refused(429, "too_many_requests");
        assert_eq!(refused.headers["retry-after"], "86400");
        assert!(stripe.posts().is_empty());
        // That is one person's affair.
        let other = join(&world, "trader2").await;
        subscribe_bare(&world, &other, "gold").await.ok(201);
        world.pass(Duration::from_hours(24));
        let token = authenticate(&world, "trader1", PASSWORD).await.ok(200).field("token").to_owned();
        subscribe_bare(&world, &token, "gold").await.ok(201);
        stripe.asked();
    }
}

/// What may happen to a subscription, with the state that we know it by.
const HAPPENINGS: [(&str, &str); 6] = [
    ("active", "active"),
    ("past_due", "past_due"),
    ("unpaid", "past_due"),
    ("trialing", "trialing"),
    ("incomplete", "incomplete"),
    ("canceled", "canceled"),
];

/// What may be paid, with the plan that we know it by.
const PRICES: [(&str, &str); 2] = [("premium_monthly", "premium_monthly"), ("price_plus", "plus")];

#[test]
fn any_order_and_repetition_of_events_ends_in_the_state_of_the_newest() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (world, stripe) = runtime.block_on(async {
        let world = World::on(Backend::Sqlite).await;
        paid(&world).await
    });
    let count = std::cell::Cell::new(0);
    let happening = (0..HAPPENINGS.len(), any::<bool>(), any::<bool>(), prop::sample::select(PRICES.to_vec()));
    let happenings = prop::collection::vec(happening, 1..6);
    let order = prop::collection::vec(any::<prop::sample::Index>(), 1..10);
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let checked = runner.run(&(happenings, order), |(happenings, order)| {
        count.set(count.get() + 1);
        runtime.block_on(async {
            let token = join(&world, &format!("trader{}", count.get())).await;
            subscribe(&world, &token, "premium_monthly", &format!("pm_good{}", count.get())).await.ok(201);
            let there = stripe.with(|desk| desk.subscriptions.last().unwrap().id.clone());
            stripe.events();
            let mut events = Vec::new();
            for (which, ends, rests, (price, _)) in &happenings {
                stripe.with(|desk| {
                    desk.change(&there, |kept| {
                        HAPPENINGS[*which].0.clone_into(&mut kept.status);
                        kept.ends = *ends;
                        kept.pause = rests.then(|| "void".to_owned());
                        (*price).clone_into(&mut kept.price);
                    });
                });
                events.extend(stripe.events());
                // Some come while others happen.
                if let Some(index) = order.first() {
                    deliver(&world, index.get(&events)).await.ok(200);
                }
            }
            for index in &order {
                deliver(&world, index.get(&events)).await.ok(200);
            }
            deliver(&world, events.last().unwrap()).await.ok(200);
            let (which, ends, rests, (_, plan)) = happenings.last().unwrap();
            let told = list(&world, &token).await.remove(0);
            let state = HAPPENINGS[*which].1;
            let can_rest = !["incomplete", "unpaid", "canceled"].contains(&HAPPENINGS[*which].0);
            let state = if *rests && can_rest { "paused" } else { state };
            prop_assert_eq!(&told["status"], state);
            prop_assert_eq!(&told["planId"], plan);
            prop_assert_eq!(&told["cancelAtPeriodEnd"], &json!(ends));
            Ok(())
        })
    });
    checked.unwrap();
}
