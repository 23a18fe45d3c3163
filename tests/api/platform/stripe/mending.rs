//! What is cleared up without anybody's asking: after a kill, after events that never came, after a deletion.

use std::time::Duration;

use serde_json::Value;

use super::{CALLS, STATES, list, paid, put, subscribe, subscribe_bare};
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
        // Down now, it is asked at the next round.
        stripe.be(Some(Fault::Hopeless));
        world.core.mend_billing().await.unwrap();
        stripe.be_well();
        world.core.mend_billing().await.unwrap();
        assert_eq!(stripe.lines(), ["GET /v1/subscriptions", "GET /v1/subscriptions"]);
        let token = again(&world).await;
        assert_eq!(list(&world, &token).await[0]["status"], "canceled");
        // Nothing more can happen to what is over.
        world.pass(Duration::from_hours(2));
        world.core.mend_billing().await.unwrap();
        assert!(stripe.asked().is_empty());
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
