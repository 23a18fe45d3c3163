//! What people pay: nothing is in force that was not paid for.

use super::{CALLS, EVENTS, change, list, paid, put, subscribe};
use crate::support::platform::join;
use crate::support::stripe::Stripe;
use crate::support::world::{World, on_both};

/// Somebody with an active subscription: his token, its id, and its id at Stripe.
async fn subscribed(world: &World, stripe: &Stripe, plan: &str) -> (String, String, String) {
    let token = join(world, "trader1").await;
    let id = subscribe(world, &token, plan, "pm_good").await.ok(201).field("id").to_owned();
    stripe.asked();
    stripe.events();
    (token, id, stripe.with(|desk| desk.only().id))
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
        for fault in [crate::support::stripe::Fault::Lost, crate::support::stripe::Fault::Broken] {
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
}
