//! What Stripe is asked, field by field.

use serde_json::{Value, json};

use super::{EVENTS, STATES, change, has, list, paid, put, subscribe, subscribe_bare};
use crate::support::platform::join;
use crate::support::stripe::{Asked, Stripe};
use crate::support::world::{World, on_both};

/// The lines of requests with their fields, with the ids of this run replaced by their kinds.
fn told(asked: &[Asked], known: &[(&str, &str)]) -> Vec<String> {
    let line = |asked: &Asked| {
        let mut line = [asked.line(), asked.told().join(" ")].join(" ").trim().to_owned();
        for (name, value) in known {
            line = line.replace(value, name);
        }
        line
    };
    asked.iter().map(line).collect()
}

on_both! {
    async fn what_is_subscribed_to_is_asked_for_once_and_whole(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let begun = subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        assert_eq!(begun.field("status"), "active");
        assert_eq!((begun.field("plan"), begun.field("planId")), ("premium", "premium_monthly"));
        assert_eq!((begun.field("currentPeriodStart"), begun.field("currentPeriodEnd")), ("2026-01-01", "2026-02-01"));
        assert_eq!((&begun.json["clientSecret"], &begun.json["cancelAtPeriodEnd"]), (&Value::Null, &json!(false)));
        assert_eq!(begun.headers["cache-control"], "no-store");
        let id = begun.field("id").to_owned();
        let account = world.get_as(&token, "/v1/users/details").await.ok(200).field("userId").to_owned();
        let asked = stripe.asked();
        let customer = stripe.with(|desk| desk.customers[0].id.clone());
        let known = [("CUSTOMER", customer.as_str()), ("ACCOUNT", &account), ("SUBSCRIPTION", &id)];
        assert_eq!(told(&asked, &known), [
            "GET /v1/plans/premium_monthly",
            "POST /v1/plans id=premium_monthly amount=999 currency=usd interval=month product[name]=premium",
            "POST /v1/customers metadata[countersign_account]=ACCOUNT email=trader1@example.com",
            "POST /v1/payment_methods/pm_good/attach customer=CUSTOMER",
            "POST /v1/customers/CUSTOMER invoice_settings[default_payment_method]=pm_good",
            "POST /v1/subscriptions customer=CUSTOMER items[0][plan]=premium_monthly metadata[countersign_account]=ACCOUNT \
             metadata[countersign_subscription]=SUBSCRIPTION expand[]=latest_invoice.payment_intent \
             payment_behavior=allow_incomplete",
        ]);
        // Each part of a call has a key of its own, which is that call's.
        let keys: Vec<&String> = asked.iter().filter_map(|asked| asked.key.as_ref()).skip(1).collect();
        assert!(keys.iter().all(|key| key.starts_with(keys[3].as_str())), "{keys:?}");
        let mut different = keys.clone();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), 4);
        // What is known of the plan and of the customer is not asked for again.
        let other = join(&world, "trader2").await;
        subscribe(&world, &other, "premium_monthly", "pm_other").await.ok(201);
        assert_eq!(stripe.lines(), [
            "POST /v1/customers",
            "POST /v1/payment_methods/pm_other/attach",
            &format!("POST /v1/customers/{}", stripe.with(|desk| desk.customers[1].id.clone())),
            "POST /v1/subscriptions",
        ]);
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(409, "subscription_exists");
        assert!(stripe.asked().is_empty());
        assert!(has(&world, &token).await);
        assert_eq!(stripe.with(|desk| desk.charges.len()), 2);
        let known = stripe.with(|desk| desk.customers[0].clone());
        assert_eq!((known.email.as_deref(), known.account), (Some("trader1@example.com"), Some(account)));
    }

    async fn without_anything_to_pay_with_the_person_pays_by_the_client_secret(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let begun = subscribe_bare(&world, &token, "gold").await.ok(201);
        assert_eq!(begun.field("status"), "incomplete");
        assert!(begun.field("clientSecret").starts_with("pi_sub_"), "{}", begun.text);
        assert!(!has(&world, &token).await);
        let posts = stripe.posts();
        let created = posts.last().unwrap().told();
        // A price of Stripe's own is named as one, and nobody makes it.
        assert!(created.contains(&"items[0][price]=price_gold".to_owned()), "{created:?}");
        let rest = ["payment_behavior=default_incomplete", "payment_settings[save_default_payment_method]=on_subscription"];
        assert_eq!(created[created.len() - 2..], rest);
        assert_eq!(posts.len(), 2);
        // Asked again, it is the same one; the secret is stored nowhere, so Stripe is asked for it.
        let again = subscribe_bare(&world, &token, "gold").await.ok(201);
        assert_eq!((again.field("id"), again.field("clientSecret")), (begun.field("id"), begun.field("clientSecret")));
        let lines = stripe.lines();
        assert_eq!(lines, [format!("GET /v1/subscriptions/{}", stripe.with(|desk| desk.only().id))]);
        subscribe_bare(&world, &token, "premium_monthly").await.refused(409, "subscription_exists");
        // Not wanted any more: over at once.
        let ended = put(&world, &token, begun.field("id"), "cancel").await.ok(200);
        assert_eq!(ended.field("status"), "canceled");
        assert!(stripe.lines()[0].starts_with("DELETE /v1/subscriptions/"));
        assert_eq!(stripe.with(|desk| desk.charges.len()), 0);
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        assert_eq!(world.data().await.text(STATES).await, "gold:canceled premium_monthly:active");
    }

    async fn a_payment_that_needs_the_person_and_one_that_the_bank_refuses_wait_for_him(world: World) {
        let (world, stripe) = paid(&world).await;
        for (name, method) in [("trader1", "pm_action"), ("trader2", "pm_fails")] {
            let token = join(&world, name).await;
            let begun = subscribe(&world, &token, "premium_monthly", method).await.ok(201);
            assert_eq!(begun.field("status"), "incomplete");
            assert!(begun.field("clientSecret").contains("_secret_"));
            assert!(!has(&world, &token).await);
        }
        assert_eq!(stripe.with(|desk| desk.charges.len()), 0);
    }

    async fn a_trial_is_had_at_once(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let begun = subscribe(&world, &token, "trial", "pm_good").await.ok(201);
        assert_eq!((begun.field("status"), begun.field("currentPeriodEnd")), ("trialing", "2026-01-15"));
        let posts = stripe.posts();
        assert_eq!(posts.last().unwrap().told().last().unwrap(), "trial_period_days=14");
        assert!(has(&world, &token).await);
        let free = join(&world, "trader2").await;
        assert_eq!(subscribe_bare(&world, &free, "free").await.ok(201).field("status"), "active");
    }

    async fn every_change_is_one_request_with_its_own_key(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201).field("id").to_owned();
        let there = stripe.with(|desk| desk.only().id);
        let known = [("THERE", there.as_str())];
        let mut keys: Vec<String> = stripe.asked().into_iter().filter_map(|asked| asked.key).collect();
        let mut asked = || {
            let asked = stripe.asked();
            keys.extend(asked.iter().filter_map(|asked| asked.key.clone()));
            told(&asked, &known)
        };
        let changed = change(&world, &token, &id, "premium_yearly").await.ok(200);
        assert_eq!((changed.field("planId"), changed.field("status")), ("premium_yearly", "active"));
        assert_eq!(asked(), [
            "GET /v1/plans/premium_yearly",
            "POST /v1/plans id=premium_yearly amount=9900 currency=usd interval=year product[name]=premium",
            "GET /v1/subscriptions/THERE expand[]=latest_invoice.payment_intent",
            "POST /v1/subscriptions/THERE items[0][id]=si_THERE items[0][plan]=premium_yearly \
             proration_behavior=always_invoice payment_behavior=error_if_incomplete cancel_at_period_end=false",
        ]);
        let paused = put(&world, &token, &id, "pause").await.ok(200);
        assert_eq!(paused.field("status"), "paused");
        assert!(!has(&world, &token).await);
        assert_eq!(asked(), ["POST /v1/subscriptions/THERE pause_collection[behavior]=void"]);
        put(&world, &token, &id, "pause").await.refused(409, "subscription_move_impossible");
        change(&world, &token, &id, "plus").await.refused(409, "subscription_move_impossible");
        let resumed = put(&world, &token, &id, "unpause").await.ok(200);
        assert_eq!(resumed.field("status"), "active");
        assert_eq!(asked(), [
            "GET /v1/subscriptions/THERE expand[]=latest_invoice.payment_intent",
            "POST /v1/subscriptions/THERE pause_collection=",
        ]);
        let ends = put(&world, &token, &id, "cancel").await.ok(200);
        assert_eq!((ends.field("status"), &ends.json["cancelAtPeriodEnd"]), ("active", &json!(true)));
        assert_eq!(asked(), ["POST /v1/subscriptions/THERE cancel_at_period_end=true"]);
        assert_eq!(put(&world, &token, &id, "cancel").await.ok(200).json, ends.json);
        assert!(asked().is_empty());
        // The same plan takes the cancellation back.
        let kept = change(&world, &token, &id, "premium_yearly").await.ok(200);
        assert_eq!(kept.json["cancelAtPeriodEnd"], json!(false));
        assert_eq!(asked().len(), 2);
        assert_eq!(list(&world, &token).await, [kept.json]);
        let all = keys.len();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), all, "no key is used for two things");
        assert_eq!(stripe.with(|desk| (desk.prorations, desk.charges.len())), (1, 2));
        let events = world.data().await.text(EVENTS).await;
        assert_eq!(events, "subscription_created:premium_monthly subscription_changed:premium_yearly subscription_paused \
                            subscription_resumed subscription_canceled subscription_changed:premium_yearly");
    }

    async fn one_that_stripe_itself_lets_rest_goes_on_in_stripes_way(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "trial", "pm_good").await.ok(201).field("id").to_owned();
        let there = stripe.with(|desk| desk.only().id);
        stripe.with(|desk| desk.change(&there, |kept| "paused".clone_into(&mut kept.status)));
        stripe.tell(&world).await;
        assert_eq!(list(&world, &token).await[0]["status"], "paused");
        stripe.asked();
        assert_eq!(put(&world, &token, &id, "unpause").await.ok(200).field("status"), "active");
        let path = format!("/v1/subscriptions/{there}");
        assert_eq!(stripe.lines(), [format!("GET {path}"), format!("POST {path}/resume")]);
    }

    async fn whoever_has_what_costs_nothing_here_gets_to_what_costs_something_there(bare: World) {
        let stripe = Stripe::start();
        let ledger = stripe.before_with(&bare, &[("STRIPE__SECRET_KEY", ""), ("STRIPE__WEBHOOK_SECRET", "")]).await;
        let token = join(&ledger, "trader1").await;
        let free = subscribe_bare(&ledger, &token, "free").await.ok(201).field("id").to_owned();
        let world = stripe.before(&bare).await;
        let begun = subscribe_bare(&world, &token, "gold").await.ok(201);
        // Until that is paid for, there is what there was.
        assert_eq!(world.data().await.text(STATES).await, "free:active gold:incomplete");
        let there = stripe.with(|desk| desk.only().id);
        stripe.with(|desk| desk.change(&there, |kept| "active".clone_into(&mut kept.status)));
        stripe.tell(&world).await;
        assert_eq!(world.data().await.text(STATES).await, "free:canceled gold:active");
        put(&world, &token, &free, "cancel").await.refused(409, "subscription_move_impossible");
        // Without Stripe, it is still told of, and nobody can change it.
        assert_eq!(list(&ledger, &token).await.len(), 2);
        put(&ledger, &token, begun.field("id"), "cancel").await.refused(402, "payment_provider_not_configured");
    }
}
