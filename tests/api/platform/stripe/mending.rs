//! What is cleared up without anybody's asking: after a kill, after events that never came, after a deletion.

use std::time::Duration;

use serde_json::Value;

use super::{CALLS, EVENTS, STATES, change, list, paid, put, subscribe, subscribe_bare};
use crate::support::person::{PASSWORD, admin};
use crate::support::platform::{authenticate, join, with};
use crate::support::stripe::{Fault, Stripe};
use crate::support::world::{World, on_both};

const CUSTOMERS: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM billing_customers";
const FAREWELLS: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM billing_farewells";

/// Breaks a request off as a kill does: nobody hears what becomes of it.
async fn killed<T>(stripe: &Stripe, line: &str, request: impl Future<Output = T>) {
    stripe.fail(line, Fault::Slow(Duration::from_mins(1)));
    assert!(tokio::time::timeout(Duration::from_millis(1500), request).await.is_err(), "it is under way");
}

async fn again(world: &World) -> String {
    authenticate(world, "trader1", PASSWORD).await.ok(200).field("token").to_owned()
}

on_both! {
    async fn a_kill_between_our_note_and_stripes_answer_is_repaired_by_the_next_start(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        killed(&stripe, "POST /v1/subscriptions", subscribe(&world, &token, "premium_monthly", "pm_good")).await;
        assert!(list(&world, &token).await.is_empty());
        assert_eq!(world.data().await.text(CALLS).await, "1");
        let next = stripe.before(&world).await;
        // Until its time is over it may be in somebody's hands.
        next.core.mend_billing().await.unwrap();
        assert_eq!(world.data().await.text(CALLS).await, "1");
        subscribe(&next, &token, "premium_monthly", "pm_good").await.refused(409, "subscription_change_under_way");
        next.pass(Duration::from_mins(3));
        next.core.mend_billing().await.unwrap();
        assert_eq!(list(&next, &token).await[0]["status"], "active");
        assert_eq!(next.data().await.text(CALLS).await, "0");
        subscribe(&next, &token, "premium_monthly", "pm_good").await.refused(409, "subscription_exists");
        assert_eq!(stripe.with(|desk| (desk.subscriptions.len(), desk.charges.len())), (1, 1));
        stripe.asked();
    }

    async fn a_change_that_was_killed_is_so_or_not_as_stripe_has_it(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201).field("id").to_owned();
        let there = stripe.with(|desk| desk.only().id);
        killed(&stripe, &format!("POST /v1/subscriptions/{there}"), put(&world, &token, &id, "cancel")).await;
        assert_eq!(list(&world, &token).await[0]["cancelAtPeriodEnd"], false);
        let next = stripe.before(&world).await;
        next.pass(Duration::from_mins(3));
        next.core.mend_billing().await.unwrap();
        assert_eq!(list(&next, &token).await[0]["cancelAtPeriodEnd"], true);
        assert_eq!(next.data().await.text(CALLS).await, "0");
        // The trail has it once, and nothing of what was not done.
        let canceled = "subscription_created:premium_monthly subscription_canceled";
        assert_eq!(next.data().await.text(EVENTS).await, canceled);
        stripe.fail(&format!("POST /v1/subscriptions/{there}"), Fault::Hopeless);
        change(&next, &token, &id, "premium_yearly").await.refused(503, "billing_unavailable");
        next.pass(Duration::from_mins(3));
        next.core.mend_billing().await.unwrap();
        assert_eq!(next.data().await.text(CALLS).await, "0");
        assert_eq!(next.data().await.text(EVENTS).await, canceled);
        killed(&stripe, &format!("POST /v1/subscriptions/{there}"), change(&next, &token, &id, "premium_yearly")).await;
        next.pass(Duration::from_mins(3));
        next.core.mend_billing().await.unwrap();
        let changed = format!("{canceled} subscription_changed:premium_yearly");
        assert_eq!(next.data().await.text(EVENTS).await, changed);
        stripe.asked();
    }

    async fn what_never_came_to_stripe_is_forgotten_and_not_done_later(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        subscribe(&world, &token, "premium_monthly", "pm_declined").await.refused(402, "payment_failed");
        for _ in 0..3 {
            stripe.fail("POST /v1/subscriptions", Fault::Broken);
        }
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(503, "billing_unavailable");
        stripe.asked();
        world.pass(Duration::from_mins(2));
        world.core.mend_billing().await.unwrap();
        assert_eq!(world.data().await.text(CALLS).await, "1", "it may still come");
        world.pass(Duration::from_mins(10));
        world.core.mend_billing().await.unwrap();
        assert_eq!(world.data().await.text(CALLS).await, "0");
        assert!(stripe.posts().is_empty() && stripe.with(|desk| desk.charges.is_empty()));
    }

    async fn whoever_is_no_customer_yet_has_nothing_under_way(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        stripe.be(Some(Fault::Broken));
        subscribe(&world, &token, "gold", "pm_good").await.refused(503, "billing_unavailable");
        world.pass(Duration::from_mins(2));
        world.core.mend_billing().await.unwrap();
        assert_eq!(world.data().await.text(CALLS).await, "0");
        stripe.asked();
    }

    async fn what_no_event_told_of_is_found_at_intervals(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        let there = stripe.with(|desk| desk.only().id);
        stripe.with(|desk| desk.change(&there, |kept| "canceled".clone_into(&mut kept.status)));
        stripe.asked();
        world.pass(Duration::from_mins(59));
        world.core.mend_billing().await.unwrap();
        assert!(stripe.asked().is_empty());
        world.pass(Duration::from_mins(2));
        // Down now, it is asked a little later.
        stripe.be(Some(Fault::Hopeless));
        world.core.mend_billing().await.unwrap();
        stripe.be_well();
        world.core.mend_billing().await.unwrap();
        world.pass(Duration::from_mins(2));
        world.core.mend_billing().await.unwrap();
        assert_eq!(stripe.lines(), ["GET /v1/subscriptions", "GET /v1/subscriptions"]);
        let token = again(&world).await;
        assert_eq!(list(&world, &token).await[0]["status"], "canceled");
        // Nothing more can happen to what is over.
        world.pass(Duration::from_hours(2));
        world.core.mend_billing().await.unwrap();
        assert!(stripe.asked().is_empty());
    }

    async fn one_who_cannot_be_asked_for_keeps_nobody_from_his_turn(world: World) {
        let (world, stripe) = paid(&world).await;
        for name in ["trader1", "trader2", "trader3", "trader4"] {
            let token = join(&world, name).await;
            subscribe(&world, &token, "premium_monthly", &format!("pm_of_{name}")).await.ok(201);
        }
        stripe.with(|desk| {
            for at in 0..4 {
                let id = desk.subscriptions[at].id.clone();
                desk.change(&id, |kept| "past_due".clone_into(&mut kept.status));
            }
        });
        let root = admin(&world, "root").await;
        let leaving = join(&world, "trader5").await;
        subscribe(&world, &leaving, "premium_monthly", "pm_of_trader5").await.ok(201);
        let leaver = world.get_as(&leaving, "/v1/users/details").await.ok(200).field("userId").to_owned();
        with(&world, &root, "DELETE", &format!("/v1/users/{leaver}"), Value::Null).await.ok(204);
        stripe.asked();
        world.pass(Duration::from_hours(2));
        for fault in [Fault::Rubbish, Fault::Hopeless] {
            stripe.fail("GET /v1/subscriptions", fault);
        }
        world.core.mend_billing().await.unwrap();
        let lists = |lines: Vec<String>| lines.iter().filter(|line| *line == "GET /v1/subscriptions").count();
        assert_eq!(lists(stripe.lines()), 4);
        let states = world.data().await.text(STATES).await;
        assert_eq!((states.matches("past_due").count(), states.matches("active").count()), (2, 2), "{states}");
        assert_eq!(world.data().await.text(FAREWELLS).await, "0");
        // Those two come again before the others do, and several nodes ask once for each.
        world.pass(Duration::from_mins(2));
        let other = stripe.before(&world).await;
        let (one, another) = tokio::join!(world.core.mend_billing(), other.core.mend_billing());
        one.and(another).unwrap();
        assert_eq!(lists(stripe.lines()), 2);
        assert_eq!(world.data().await.text(STATES).await.matches("past_due").count(), 4);
    }

    async fn one_who_cannot_be_taken_over_waits_for_the_next_time_and_keeps_nobody_from_his_turn(world: World) {
        let (world, stripe) = paid(&world).await;
        for name in ["trader1", "trader2"] {
            let token = join(&world, name).await;
            subscribe(&world, &token, "premium_monthly", &format!("pm_of_{name}")).await.ok(201);
        }
        // Somebody wrote another id of ours at the dashboard, so that one there would be two here.
        stripe.with(|desk| {
            for at in 0..2 {
                let id = desk.subscriptions[at].id.clone();
                desk.change(&id, |kept| "past_due".clone_into(&mut kept.status));
            }
            let other = "sub_00000000000000000000000000000001".to_owned();
            desk.subscriptions[0].metadata.insert("countersign_subscription".to_owned(), other);
        });
        stripe.asked();
        world.pass(Duration::from_hours(2));
        world.core.mend_billing().await.unwrap();
        assert_eq!(stripe.asked().len(), 2);
        assert_eq!(world.data().await.text(STATES).await.matches("past_due").count(), 1);
        world.pass(Duration::from_mins(2));
        world.core.mend_billing().await.unwrap();
        assert!(stripe.asked().is_empty());
    }

    async fn whoever_cannot_be_asked_for_anybody_leaves_it_until_later(world: World) {
        let (world, stripe) = paid(&world).await;
        for at in 0..12 {
            let token = join(&world, &format!("trader{at}")).await;
            subscribe(&world, &token, "premium_monthly", &format!("pm_good{at}")).await.ok(201);
        }
        stripe.asked();
        world.pass(Duration::from_hours(2));
        stripe.be(Some(Fault::Hopeless));
        world.core.mend_billing().await.unwrap();
        assert!(stripe.asked().len() < 10);
        stripe.be_well();
        world.pass(Duration::from_mins(2));
        world.core.mend_billing().await.unwrap();
        assert_eq!(stripe.asked().len(), 12);
    }

    async fn the_key_of_another_account_takes_nothing_from_anybody(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        let another = Stripe::start();
        let mistaken = another.before(&world).await;
        mistaken.pass(Duration::from_hours(2));
        mistaken.core.mend_billing().await.unwrap();
        assert_eq!(another.lines().len(), 2);
        assert_eq!(world.data().await.text(STATES).await, "premium_monthly:active");
        // It does not keep others from their turn.
        mistaken.core.mend_billing().await.unwrap();
        assert!(another.asked().is_empty());
        // One that was deleted there has nothing any more.
        stripe.with(|desk| desk.customers[0].is_deleted = true);
        world.pass(Duration::from_hours(2));
        world.core.mend_billing().await.unwrap();
        assert_eq!(world.data().await.text(STATES).await, "premium_monthly:canceled");
        stripe.asked();
    }

    async fn whoever_is_deleted_here_pays_nothing_any_more_there(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        let root = admin(&world, "root").await;
        let listed = world.get_as(&token, "/v1/users/details").await.ok(200);
        let deleted = with(&world, &root, "DELETE", &format!("/v1/users/{}", listed.field("userId")), Value::Null).await;
        deleted.ok(204);
        assert_eq!(world.data().await.text(CUSTOMERS).await, "0");
        stripe.asked();
        stripe.be(Some(Fault::Hopeless));
        world.core.mend_billing().await.unwrap();
        assert_eq!(world.data().await.text(FAREWELLS).await, "1");
        world.core.mend_billing().await.unwrap();
        assert_eq!(stripe.asked().len(), 1, "not again at once");
        stripe.be_well();
        world.pass(Duration::from_mins(2));
        world.core.mend_billing().await.unwrap();
        assert_eq!(world.data().await.text(FAREWELLS).await, "0");
        assert!(stripe.with(|desk| desk.customers[0].is_deleted));
        assert_eq!(stripe.with(|desk| desk.only().status), "canceled");
        // What that caused is told of somebody whom nobody knows any more.
        stripe.tell(&world).await;
        assert_eq!(world.data().await.text(STATES).await, "");
    }

    async fn whoever_was_deleted_under_the_key_of_another_account_is_not_forgotten(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        let root = admin(&world, "root").await;
        let leaver = world.get_as(&token, "/v1/users/details").await.ok(200).field("userId").to_owned();
        with(&world, &root, "DELETE", &format!("/v1/users/{leaver}"), Value::Null).await.ok(204);
        let another = Stripe::start();
        let mistaken = another.before(&world).await;
        mistaken.core.mend_billing().await.unwrap();
        assert_eq!(another.lines().len(), 2);
        assert_eq!(world.data().await.text(FAREWELLS).await, "1");
        let text = mistaken.core.metrics_text();
        assert!(text.contains("countersign_stripe_calls_total{outcome=\"refused\"} 1"), "{text}");
        world.pass(Duration::from_mins(2));
        // The right key again; and that somebody deleted it by hand meanwhile is as good.
        stripe.with(|desk| {
            desk.customers[0].is_deleted = true;
            "canceled".clone_into(&mut desk.subscriptions[0].status);
        });
        world.core.mend_billing().await.unwrap();
        assert_eq!(world.data().await.text(FAREWELLS).await, "0");
        stripe.asked();
    }

    async fn whoever_is_deleted_while_he_subscribes_pays_nothing_either(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let account = world.get_as(&token, "/v1/users/details").await.ok(200).field("userId").to_owned();
        let root = admin(&world, "root").await;
        stripe.fail("POST /v1/customers", Fault::Slow(Duration::from_secs(1)));
        let deletion = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            with(&world, &root, "DELETE", &format!("/v1/users/{account}"), Value::Null).await.ok(204)
        };
        let (begun, _) = tokio::join!(subscribe_bare(&world, &token, "gold"), deletion);
        begun.refused(401, "session_ended");
        world.core.mend_billing().await.unwrap();
        assert!(stripe.with(|desk| desk.customers[0].is_deleted && desk.subscriptions.is_empty()));
        assert_eq!(world.data().await.text(CALLS).await, "0");
        stripe.asked();
    }
}
