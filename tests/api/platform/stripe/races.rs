//! Many at once, on one gateway and on two: one subscription, one charge, and a state that is Stripe's.

use std::time::Duration;

use futures_util::future::join_all;

use super::{CALLS, list, paid, put, subscribe};
use crate::support::platform::join;
use crate::support::stripe::{Fault, deliver};
use crate::support::world::{World, on_both};

on_both! {
    async fn of_many_who_subscribe_at_once_one_does(world: World) {
        let (world, stripe) = paid(&world).await;
        let second = stripe.before(&world).await;
        let token = join(&world, "trader1").await;
        let on = |at: usize| if at.is_multiple_of(2) { &world } else { &second };
        let answers = join_all((0..200).map(|at| subscribe(on(at), &token, "premium_monthly", "pm_good"))).await;
        let with = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
        assert_eq!((with(201), with(409)), (1, 199), "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
        assert_eq!(stripe.with(|desk| (desk.subscriptions.len(), desk.charges.len(), desk.customers.len())), (1, 1, 1));
        assert_eq!(list(&world, &token).await.len(), 1);
        assert_eq!(world.data().await.text(CALLS).await, "0");
        stripe.asked();
    }

    async fn of_two_changes_at_once_one_waits_for_another_day(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201).field("id").to_owned();
        let there = stripe.with(|desk| desk.only().id);
        stripe.fail(&format!("POST /v1/subscriptions/{there}"), Fault::Slow(Duration::from_millis(700)));
        let later = async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            put(&world, &token, &id, "pause").await
        };
        let (ends, pause) = tokio::join!(put(&world, &token, &id, "cancel"), later);
        ends.ok(200);
        pause.refused(409, "subscription_change_under_way");
        let kept = stripe.with(|desk| desk.only());
        assert!(kept.ends && kept.pause.is_none());
        put(&world, &token, &id, "pause").await.refused(409, "subscription_move_impossible");
        stripe.asked();
    }

    async fn an_event_during_our_own_call_and_its_answer_agree(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        stripe.fail("POST /v1/subscriptions", Fault::Slow(Duration::from_secs(1)));
        let told = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            // It was done there already, and by now it is past due.
            let there = stripe.with(|desk| desk.only().id);
            stripe.with(|desk| desk.change(&there, |kept| "past_due".clone_into(&mut kept.status)));
            for event in stripe.events() {
                deliver(&world, &event).await.ok(200);
            }
            list(&world, &token).await
        };
        let (begun, seen) = tokio::join!(subscribe(&world, &token, "premium_monthly", "pm_good"), told);
        assert_eq!(seen[0]["status"], "past_due");
        // The answer says "active", and is older than what the event brought.
        assert_eq!(begun.ok(201).field("status"), "past_due");
        assert_eq!(list(&world, &token).await, seen);
        assert_eq!(world.data().await.text(CALLS).await, "0");
        stripe.asked();
    }

    async fn many_events_at_once_end_in_what_is_so(world: World) {
        let (world, stripe) = paid(&world).await;
        let second = stripe.before(&world).await;
        let token = join(&world, "trader1").await;
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        let there = stripe.with(|desk| desk.only().id);
        for status in ["past_due", "active", "past_due", "active", "past_due", "canceled"] {
            stripe.with(|desk| desk.change(&there, |kept| status.clone_into(&mut kept.status)));
        }
        let events = stripe.events();
        let on = |at: usize| if at.is_multiple_of(2) { &world } else { &second };
        let answers = join_all(events.iter().enumerate().map(|(at, event)| deliver(on(at), event))).await;
        for answer in answers {
            answer.ok(200);
        }
        assert_eq!(list(&world, &token).await[0]["status"], "canceled");
        stripe.asked();
    }
}
