//! Stripe slow, down, busy, or answering nothing that anybody hears: nothing is half made, and nothing is paid twice.

use std::time::Duration;

use countersign::clock::Stopwatch;

use super::{CALLS, EVENTS, STATES, change, list, paid, put, subscribe, subscribe_bare};
use crate::support::person::PASSWORD;
use crate::support::platform::{authenticate, join};
use crate::support::stripe::Fault;
use crate::support::world::{World, on_both};

/// Often enough that one request of ours gets no answer at all.
const TRIES: usize = 3;

on_both! {
    async fn what_goes_wrong_once_nobody_notices(world: World) {
        let (world, stripe) = paid(&world).await;
        let faults = [Fault::Lost, Fault::Broken, Fault::Busy(None), Fault::Busy(Some(1)), Fault::Locked];
        for (at, fault) in faults.into_iter().enumerate() {
            let token = join(&world, &format!("trader{at}")).await;
            stripe.fail("POST /v1/subscriptions", fault);
            subscribe(&world, &token, "premium_monthly", &format!("pm_good{at}")).await.ok(201);
            let posts: Vec<_> = stripe.posts().into_iter().filter(|asked| asked.path == "/v1/subscriptions").collect();
            assert_eq!(posts.len(), 2, "{fault:?}");
            assert_eq!(posts[0], posts[1], "the same, by the same key");
        }
        assert_eq!(stripe.with(|desk| (desk.charges.len(), desk.subscriptions.len())), (5, 5));
    }

    async fn whatever_a_client_repeats_it_has_and_pays_for_one(world: World) {
        let (world, stripe) = paid(&world).await;
        for (at, fault) in [Fault::Lost, Fault::FailingAfter(500), Fault::FailingAfter(502)].into_iter().enumerate() {
            let token = join(&world, &format!("trader{at}")).await;
            for _ in 0..TRIES {
                stripe.fail("POST /v1/subscriptions", fault);
            }
            let unknown = subscribe(&world, &token, "premium_monthly", &format!("pm_good{at}")).await;
            let unknown = unknown.refused(503, "billing_unavailable");
            assert!(unknown.headers.contains_key("retry-after"));
            assert!(list(&world, &token).await.is_empty());
            stripe.be_well();
            stripe.asked();
            let begun = subscribe(&world, &token, "premium_monthly", &format!("pm_good{at}")).await.ok(201);
            assert_eq!(begun.field("status"), "active");
            assert!(stripe.posts().is_empty(), "it was found, and not made again");
            subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(409, "subscription_exists");
            assert_eq!(list(&world, &token).await.len(), 1);
        }
        assert_eq!(stripe.with(|desk| (desk.charges.len(), desk.subscriptions.len())), (3, 3));
        assert_eq!(world.data().await.text(CALLS).await, "0");
    }

    async fn a_day_later_when_stripe_has_forgotten_the_key_nothing_is_made_twice(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        for _ in 0..TRIES {
            stripe.fail("POST /v1/subscriptions", Fault::Lost);
        }
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(503, "billing_unavailable");
        stripe.be_well();
        stripe.forget_keys();
        world.pass(Duration::from_hours(25));
        let token = authenticate(&world, "trader1", PASSWORD).await.ok(200).field("token").to_owned();
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        assert_eq!(stripe.with(|desk| (desk.charges.len(), desk.subscriptions.len())), (1, 1));
        stripe.asked();
    }

    async fn a_repetition_goes_by_the_same_key_also_with_another_card(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        stripe.be(Some(Fault::Broken));
        for _ in 0..2 {
            subscribe(&world, &token, "premium_monthly", "pm_one").await.refused(503, "billing_unavailable");
        }
        stripe.be_well();
        stripe.asked();
        for _ in 0..TRIES {
            stripe.fail("POST /v1/subscriptions", Fault::Broken);
        }
        subscribe(&world, &token, "premium_monthly", "pm_one").await.refused(503, "billing_unavailable");
        let first = stripe.posts().pop().unwrap();
        subscribe(&world, &token, "premium_monthly", "pm_two").await.ok(201);
        assert_eq!(stripe.posts().pop().unwrap(), first);
        assert_eq!(stripe.with(|desk| (desk.charges.len(), desk.customers.len())), (1, 1));
    }

    async fn a_repetition_that_fails_before_it_is_sent_again_forgets_nothing(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        for fault in [Fault::Later, Fault::Broken, Fault::Broken] {
            stripe.fail("POST /v1/subscriptions", fault);
        }
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(503, "billing_unavailable");
        // Of the first try nothing is known yet.
        for (method, status, code) in [("pm_declined", 402, "payment_failed"), ("pm_missing", 400, "invalid_request")] {
            subscribe(&world, &token, "premium_monthly", method).await.refused(status, code);
            assert_eq!(world.data().await.text(CALLS).await, "1", "{method}");
        }
        subscribe(&world, &token, "premium_monthly", "pm_other").await.ok(201);
        stripe.catch_up();
        stripe.tell(&world).await;
        assert_eq!(stripe.with(|desk| (desk.charges.len(), desk.subscriptions.len())), (1, 1));
        stripe.asked();
    }

    async fn what_may_still_come_is_as_young_as_its_last_try(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let send = async |last: Fault| {
            for fault in [last, Fault::Broken, Fault::Broken] {
                stripe.fail("POST /v1/subscriptions", fault);
            }
            subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(503, "billing_unavailable");
        };
        send(Fault::Broken).await;
        world.pass(Duration::from_mins(9));
        send(Fault::Later).await;
        world.pass(Duration::from_mins(3));
        world.core.mend_billing().await.unwrap();
        subscribe(&world, &token, "gold", "pm_good").await.refused(503, "billing_unavailable");
        stripe.catch_up();
        subscribe(&world, &token, "gold", "pm_good").await.refused(409, "subscription_exists");
        assert_eq!(stripe.with(|desk| (desk.charges.len(), desk.subscriptions.len())), (1, 1));
        stripe.asked();
    }

    async fn what_came_after_it_was_given_up_is_found_before_another_one_is_made(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        for fault in [Fault::Later, Fault::Broken, Fault::Broken] {
            stripe.fail("POST /v1/subscriptions", fault);
        }
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(503, "billing_unavailable");
        world.pass(Duration::from_mins(11));
        world.core.mend_billing().await.unwrap();
        assert_eq!(world.data().await.text(CALLS).await, "0");
        stripe.catch_up();
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(409, "subscription_exists");
        assert_eq!(stripe.with(|desk| (desk.charges.len(), desk.subscriptions.len())), (1, 1));
        stripe.asked();
    }

    async fn a_change_that_nobody_knows_of_is_sent_again_by_the_same_key(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201).field("id").to_owned();
        let there = format!("POST /v1/subscriptions/{}", stripe.with(|desk| desk.only().id));
        for _ in 0..TRIES {
            stripe.fail(&there, Fault::Broken);
        }
        change(&world, &token, &id, "premium_yearly").await.refused(503, "billing_unavailable");
        let first = stripe.posts().pop().unwrap();
        change(&world, &token, &id, "premium_yearly").await.ok(200);
        let posts = stripe.posts();
        assert_eq!(posts, [first]);
        assert_eq!(stripe.with(|desk| (desk.prorations, desk.charges.len())), (1, 2));
        assert_eq!(world.data().await.text(CALLS).await, "0");
    }

    async fn an_end_whose_answer_is_lost_is_an_end(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe_bare(&world, &token, "gold").await.ok(201).field("id").to_owned();
        // Repeated at once, Stripe has no such subscription any more.
        stripe.fail("DELETE /v1/subscriptions/", Fault::Lost);
        assert_eq!(put(&world, &token, &id, "cancel").await.ok(200).field("status"), "canceled");
        let events = world.data().await.text(EVENTS).await;
        assert_eq!(events, "subscription_created:gold subscription_canceled");
        assert_eq!(world.data().await.text(CALLS).await, "0");
        stripe.asked();
    }

    async fn another_wish_waits_until_it_is_known_what_became_of_the_first(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        for _ in 0..TRIES {
            stripe.fail("POST /v1/subscriptions", Fault::Broken);
        }
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(503, "billing_unavailable");
        subscribe(&world, &token, "gold", "pm_good").await.refused(503, "billing_unavailable");
        world.pass(Duration::from_mins(11));
        subscribe(&world, &token, "gold", "pm_good").await.ok(201);
        // If it was made, it is had.
        let other = join(&world, "trader2").await;
        for _ in 0..TRIES {
            stripe.fail("POST /v1/subscriptions", Fault::Lost);
        }
        subscribe(&world, &other, "premium_monthly", "pm_other").await.refused(503, "billing_unavailable");
        stripe.be_well();
        subscribe(&world, &other, "gold", "pm_other").await.refused(409, "subscription_exists");
        assert_eq!(world.data().await.text(STATES).await, "gold:active premium_monthly:active");
        assert_eq!(stripe.with(|desk| desk.charges.len()), 2);
        stripe.asked();
    }

    async fn a_failure_that_stripe_remembers_is_left_behind_after_a_while(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        stripe.fail("POST /v1/subscriptions", Fault::Failing(500));
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(503, "billing_unavailable");
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(503, "billing_unavailable");
        world.pass(Duration::from_mins(11));
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        assert_eq!(stripe.with(|desk| desk.charges.len()), 1);
        stripe.asked();
    }

    async fn a_change_whose_answer_is_lost_is_so_and_is_said_to_be_when_it_is_asked_for_again(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201).field("id").to_owned();
        let there = format!("POST /v1/subscriptions/{}", stripe.with(|desk| desk.only().id));
        for wanted in ["change", "pause", "unpause", "cancel"] {
            for _ in 0..TRIES {
                stripe.fail(&there, Fault::Lost);
            }
            let send = || async {
                if wanted == "change" {
                    change(&world, &token, &id, "premium_yearly").await
                } else {
                    put(&world, &token, &id, wanted).await
                }
            };
            send().await.refused(503, "billing_unavailable");
            stripe.be_well();
            stripe.asked();
            send().await.ok(200);
            assert!(stripe.posts().is_empty(), "{wanted} is found to be done");
        }
        let events = world.data().await.text(EVENTS).await;
        assert_eq!(events, "subscription_created:premium_monthly subscription_changed:premium_yearly subscription_paused \
                            subscription_resumed subscription_canceled");
        assert_eq!(stripe.with(|desk| (desk.prorations, desk.charges.len())), (1, 2));
        assert_eq!(world.data().await.text(CALLS).await, "0");
    }

    async fn a_change_whose_answer_is_lost_is_in_the_trail_also_when_something_else_is_wanted_next(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201).field("id").to_owned();
        let there = format!("POST /v1/subscriptions/{}", stripe.with(|desk| desk.only().id));
        for _ in 0..TRIES {
            stripe.fail(&there, Fault::Lost);
        }
        change(&world, &token, &id, "premium_yearly").await.refused(503, "billing_unavailable");
        stripe.be_well();
        put(&world, &token, &id, "cancel").await.ok(200);
        let events = world.data().await.text(EVENTS).await;
        assert_eq!(events, "subscription_created:premium_monthly subscription_changed:premium_yearly subscription_canceled");
        stripe.asked();
    }

    async fn answers_that_nobody_can_read_are_no_answers(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        for fault in [Fault::Rubbish, Fault::Huge, Fault::Hopeless, Fault::Elsewhere] {
            stripe.be(Some(fault));
            let refused = subscribe_bare(&world, &token, "gold").await;
            assert!([502, 503].contains(&refused.status.as_u16()), "{fault:?}: {}", refused.text);
            stripe.be_well();
            assert!(stripe.lines().iter().all(|line| !line.contains("elsewhere")));
        }
        subscribe_bare(&world, &token, "gold").await.ok(201);
        assert_eq!(stripe.with(|desk| desk.only().price), "price_gold");
        stripe.asked();
    }

    async fn a_stripe_that_hangs_is_waited_for_no_longer_than_a_request_may_take(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        stripe.fail("POST /v1/subscriptions", Fault::Slow(Duration::from_mins(2)));
        stripe.fail("POST /v1/subscriptions", Fault::Slow(Duration::from_mins(2)));
        let watch = Stopwatch::start();
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(503, "billing_unavailable");
        assert!(watch.elapsed() < Duration::from_secs(25), "{:?}", watch.elapsed());
        stripe.be_well();
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        assert_eq!(stripe.with(|desk| desk.charges.len()), 1);
        stripe.asked();
    }
}
