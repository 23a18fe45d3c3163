//! What people pay: nothing is in force that was not paid for.

use serde_json::json;

use super::{CALLS, EVENTS, PATH, STATES, change, list, paid, put, subscribe, subscribe_bare};
use crate::support::platform::{join, named, with};
use crate::support::stripe::{Fault, Stripe};
use crate::support::world::{Answer, World, on_both};

/// Somebody with an active subscription: his token, its id, and its id at Stripe.
async fn subscribed(world: &World, stripe: &Stripe, plan: &str) -> (String, String, String) {
    let token = join(world, "trader1").await;
    let id = subscribe(world, &token, plan, "pm_good").await.ok(201).field("id").to_owned();
    stripe.asked();
    stripe.events();
    (token, id, stripe.with(|desk| desk.only().id))
}

async fn change_with(world: &World, token: &str, id: &str, plan: &str, method: &str) -> Answer {
    with(world, token, "PUT", &format!("{PATH}/{id}"), json!({"planId": plan, "paymentMethodId": method})).await
}

/// What was charged since the last look.
fn charged(stripe: &Stripe) -> Vec<u64> {
    stripe.with(|desk| std::mem::take(&mut desk.charges)).into_iter().map(|(_, amount)| amount).collect()
}

/// The bank will not take the next payment so easily.
fn pays_with(stripe: &Stripe, method: &str) {
    stripe.with(|desk| desk.customers[0].pays_with = Some(method.to_owned()));
}

on_both! {
    async fn a_change_of_plan_that_is_not_paid_changes_nothing(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, id, _) = subscribed(&world, &stripe, "premium_monthly").await;
        for method in ["pm_fails", "pm_action"] {
            pays_with(&stripe, method);
            for plan in ["premium_yearly", "plus"] {
                change(&world, &token, &id, plan).await.refused(402, "payment_failed");
                let told = list(&world, &token).await.remove(0);
                assert_eq!((&told["planId"], &told["status"]), (&"premium_monthly".into(), &"active".into()));
            }
        }
        assert_eq!(stripe.with(|desk| desk.only().price), "premium_monthly");
        assert_eq!(world.data().await.text(CALLS).await, "0");
        assert_eq!(world.data().await.text(EVENTS).await, "subscription_created:premium_monthly");
        assert_eq!(charged(&stripe), [999]);
        // What costs more is paid at once, and what costs less is not.
        pays_with(&stripe, "pm_good");
        for (plan, due) in [("plus", vec![901]), ("premium_monthly", vec![]), ("premium_yearly", vec![9900])] {
            change(&world, &token, &id, plan).await.ok(200);
            assert_eq!(charged(&stripe), due, "{plan}");
        }
        stripe.asked();
    }

    async fn whoever_rests_over_a_renewal_pays_when_he_goes_on(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, id, there) = subscribed(&world, &stripe, "premium_monthly").await;
        assert_eq!(charged(&stripe), [999]);
        let rest = async || {
            put(&world, &token, &id, "pause").await.ok(200);
            stripe.with(|desk| desk.renew(&there));
            stripe.tell(&world).await;
            stripe.asked();
        };
        rest().await;
        assert_eq!((charged(&stripe), list(&world, &token).await[0]["status"].as_str()), (vec![], Some("paused")));
        // Not paid, it goes on resting.
        for method in ["pm_fails", "pm_action"] {
            pays_with(&stripe, method);
            put(&world, &token, &id, "unpause").await.refused(402, "payment_failed");
            assert_eq!(list(&world, &token).await[0]["status"], "paused");
            assert_eq!(stripe.with(|desk| desk.only().pause).as_deref(), Some("void"));
        }
        pays_with(&stripe, "pm_good");
        stripe.asked();
        assert_eq!(put(&world, &token, &id, "unpause").await.ok(200).field("status"), "active");
        let anew = ["pause_collection=", "billing_cycle_anchor=now", "proration_behavior=none", "payment_behavior=error_if_incomplete"];
        assert_eq!(stripe.posts()[0].told(), anew);
        assert_eq!(charged(&stripe), [999]);
        let kept = stripe.with(|desk| (desk.now, desk.only()));
        assert_eq!((kept.0, kept.0 + 31 * 86_400), (kept.1.start, kept.1.end));
        // Month after month it is the same; within a period that is paid it costs nothing.
        rest().await;
        put(&world, &token, &id, "unpause").await.ok(200);
        assert_eq!(charged(&stripe), [999]);
        put(&world, &token, &id, "pause").await.ok(200);
        stripe.asked();
        put(&world, &token, &id, "unpause").await.ok(200);
        assert_eq!((charged(&stripe), stripe.posts()[0].told()), (vec![], vec!["pause_collection=".to_owned()]));
        stripe.with(|desk| desk.renew(&there));
        assert_eq!(charged(&stripe), [999]);
    }

    async fn going_on_that_costs_something_is_paid_once_whatever_is_repeated(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, id, there) = subscribed(&world, &stripe, "premium_monthly").await;
        put(&world, &token, &id, "pause").await.ok(200);
        stripe.with(|desk| desk.renew(&there));
        charged(&stripe);
        for fault in [Fault::Lost, Fault::Broken] {
            for _ in 0..3 {
                stripe.fail(&format!("POST /v1/subscriptions/{there}"), fault);
            }
        }
        put(&world, &token, &id, "unpause").await.refused(503, "billing_unavailable");
        put(&world, &token, &id, "unpause").await.ok(200);
        stripe.be_well();
        assert_eq!(put(&world, &token, &id, "unpause").await.refused(409, "subscription_move_impossible").status, 409);
        assert_eq!(charged(&stripe), [999]);
        stripe.asked();
    }

    async fn nothing_is_tried_for_nothing_twice(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe_bare(&world, &token, "trial").await.ok(201).field("id").to_owned();
        put(&world, &token, &id, "cancel").await.ok(200);
        let there = stripe.with(|desk| desk.only().id);
        stripe.with(|desk| desk.change(&there, |kept| "canceled".clone_into(&mut kept.status)));
        stripe.tell(&world).await;
        assert_eq!(subscribe(&world, &token, "trial", "pm_good").await.ok(201).field("status"), "active");
        assert_eq!(charged(&stripe), [500]);
        stripe.asked();
    }

    async fn a_trial_is_one_of_the_plan_that_has_it(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe_bare(&world, &token, "trial").await.ok(201).field("id").to_owned();
        stripe.asked();
        // With nothing to pay with, there is nothing to have.
        let refused = change(&world, &token, &id, "premium_yearly").await.refused(402, "payment_failed");
        assert!(refused.text.contains("payment_method_missing"), "{}", refused.text);
        assert_eq!(list(&world, &token).await[0]["planId"], "trial");
        let changed = change_with(&world, &token, &id, "premium_yearly", "pm_good").await.ok(200);
        assert_eq!((changed.field("planId"), changed.field("status")), ("premium_yearly", "active"));
        assert_eq!(stripe.posts().pop().unwrap().told().pop().unwrap(), "trial_end=now");
        assert_eq!(charged(&stripe), [9900]);
    }

    async fn whoever_has_a_plan_for_nothing_pays_for_another_one_with_what_he_gives(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe_bare(&world, &token, "free").await.ok(201).field("id").to_owned();
        let refused = change(&world, &token, &id, "premium_monthly").await.refused(402, "payment_failed");
        assert!(refused.text.contains("payment_method_missing"), "{}", refused.text);
        for method in ["pm_missing", "4242424242424242", ""] {
            let refused = change_with(&world, &token, &id, "premium_monthly", method).await;
            assert_eq!(named(&refused.refused(400, "invalid_request")), ["paymentMethodId"]);
        }
        for method in ["pm_declined", "pm_fails"] {
            change_with(&world, &token, &id, "premium_monthly", method).await.refused(402, "payment_failed");
        }
        assert_eq!(world.data().await.text(STATES).await, "free:active");
        assert_eq!(world.data().await.text(CALLS).await, "0");
        change_with(&world, &token, &id, "premium_monthly", "pm_good").await.ok(200);
        assert_eq!(charged(&stripe), [999]);
        // The plan that it has, and another card.
        stripe.asked();
        change_with(&world, &token, &id, "premium_monthly", "pm_new").await.ok(200);
        assert_eq!(stripe.with(|desk| desk.customers[0].pays_with.clone()).as_deref(), Some("pm_new"));
        assert_eq!(stripe.with(|desk| desk.only().method).as_deref(), Some("pm_new"));
        assert_eq!((charged(&stripe), stripe.posts().len()), (vec![], 3));
    }

    async fn what_waits_for_a_payment_is_paid_with_something_else(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let begun = subscribe(&world, &token, "premium_monthly", "pm_fails").await.ok(201);
        assert_eq!(begun.field("status"), "incomplete");
        for method in ["pm_fails2", "pm_declined"] {
            subscribe(&world, &token, "premium_monthly", method).await.refused(402, "payment_failed");
        }
        subscribe(&world, &token, "premium_monthly", "pm_missing").await.refused(400, "invalid_request");
        let waits = subscribe(&world, &token, "premium_monthly", "pm_action").await.ok(201);
        assert_eq!((waits.field("status"), waits.field("id")), ("incomplete", begun.field("id")));
        assert!(waits.field("clientSecret").contains("_secret_"));
        let paid = subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        assert_eq!((paid.field("status"), &paid.json["clientSecret"]), ("active", &json!(null)));
        assert_eq!(list(&world, &token).await[0]["status"], "active");
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(409, "subscription_exists");
        assert_eq!(stripe.with(|desk| desk.only().method).as_deref(), Some("pm_good"));
        // A renewal that fails is the same.
        let there = stripe.with(|desk| desk.only().id);
        pays_with(&stripe, "pm_fails");
        stripe.with(|desk| desk.renew(&there));
        stripe.tell(&world).await;
        let owed = subscribe_bare(&world, &token, "premium_monthly").await.ok(201);
        assert_eq!(owed.field("status"), "past_due");
        assert!(owed.field("clientSecret").contains("_secret_"));
        subscribe(&world, &token, "plus", "pm_good").await.refused(409, "subscription_exists");
        assert_eq!(subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201).field("status"), "active");
        assert_eq!(charged(&stripe), [999, 999]);
        assert_eq!(world.data().await.text(CALLS).await, "0");
        stripe.asked();
    }

    async fn what_was_paid_meanwhile_is_said_to_be_paid(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        subscribe_bare(&world, &token, "gold").await.ok(201);
        let there = stripe.with(|desk| desk.only().id);
        stripe.with(|desk| desk.change(&there, |kept| {
            "active".clone_into(&mut kept.status);
            kept.payment = Some("succeeded".to_owned());
        }));
        let again = subscribe_bare(&world, &token, "gold").await.ok(201);
        assert_eq!((again.field("status"), &again.json["clientSecret"]), ("active", &json!(null)));
        assert_eq!(world.data().await.text(STATES).await, "gold:active");
        stripe.asked();
    }

    async fn a_trial_without_anything_to_pay_with_asks_for_it(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let begun = subscribe_bare(&world, &token, "trial").await.ok(201);
        assert!(begun.field("clientSecret").starts_with("seti_"), "{}", begun.text);
        let again = subscribe_bare(&world, &token, "trial").await.ok(201);
        assert_eq!(again.json, begun.json);
        let given = subscribe(&world, &token, "trial", "pm_good").await.ok(201);
        assert_eq!((given.field("status"), &given.json["clientSecret"]), ("trialing", &json!(null)));
        assert_eq!(stripe.with(|desk| desk.customers[0].pays_with.clone()).as_deref(), Some("pm_good"));
        stripe.asked();
    }

    async fn a_plan_in_other_money_is_another_subscription(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, id, _) = subscribed(&world, &stripe, "premium_monthly").await;
        assert_eq!(named(&change(&world, &token, &id, "gold").await.refused(400, "invalid_request")), ["planId"]);
        assert!(stripe.asked().is_empty());
        assert_eq!(world.data().await.text(CALLS).await, "0");
    }

    async fn what_the_gateway_keeps_for_nothing_does_not_become_what_is_paid(bare: World) {
        let stripe = Stripe::start();
        let ledger = stripe.before_with(&bare, &[("STRIPE__SECRET_KEY", ""), ("STRIPE__WEBHOOK_SECRET", "")]).await;
        let token = join(&ledger, "trader1").await;
        let free = subscribe_bare(&ledger, &token, "free").await.ok(201).field("id").to_owned();
        change(&ledger, &token, &free, "premium_monthly").await.refused(402, "payment_provider_not_configured");
        let world = stripe.before(&bare).await;
        let refused = change(&world, &token, &free, "premium_monthly").await;
        refused.refused(409, "subscription_begins_anew");
        assert!(stripe.asked().is_empty());
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        assert_eq!(world.data().await.text(STATES).await, "free:canceled premium_monthly:active");
        stripe.asked();
    }
}
