//! What Stripe refuses, and what it must not be sent.

use serde_json::json;

use super::{CALLS, PATH, STATES, change, paid, put, subscribe, subscribe_bare};
use crate::support::platform::{join, named, with};
use crate::support::stripe::{Fault, Price, Stripe};
use crate::support::world::{World, on_both};

on_both! {
    async fn a_card_that_is_declined_is_a_402_and_nothing_is_had(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let refused = subscribe(&world, &token, "premium_monthly", "pm_declined").await.refused(402, "payment_failed");
        assert!(refused.text.contains("insufficient_funds") && !refused.text.contains("hunter2"), "{}", refused.text);
        assert_eq!(world.data().await.text(CALLS).await, "0");
        assert!(stripe.with(|desk| desk.subscriptions.is_empty() && desk.charges.is_empty()));
        // With another card it is another call, of the same customer.
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        assert_eq!(stripe.with(|desk| (desk.customers.len(), desk.charges.len())), (1, 1));
        stripe.asked();
    }

    async fn whoever_holds_a_stolen_card_is_not_told_that_it_is_known(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let refused = subscribe(&world, &token, "premium_monthly", "pm_stolen").await.refused(402, "payment_failed");
        assert!(refused.text.contains("(card_declined)") && !refused.text.contains("stolen"), "{}", refused.text);
        stripe.asked();
    }

    async fn a_means_of_payment_that_is_not_the_persons_is_named(world: World) {
        let (world, stripe) = paid(&world).await;
        let (token, other) = (join(&world, "trader1").await, join(&world, "trader2").await);
        subscribe(&world, &other, "premium_monthly", "pm_others").await.ok(201);
        for method in ["pm_missing", "pm_others"] {
            let refused = subscribe(&world, &token, "premium_monthly", method).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), ["paymentMethodId"]);
            assert_eq!(world.data().await.text(CALLS).await, "0");
        }
        // One that is attached already, as by the page, will do.
        let customer = stripe.with(|desk| desk.customers[1].id.clone());
        stripe.with(|desk| desk.methods.insert("pm_mine".to_owned(), customer));
        stripe.fail("POST /v1/payment_methods/pm_mine/attach", Fault::Failing(400));
        subscribe(&world, &token, "premium_monthly", "pm_mine").await.ok(201);
        stripe.asked();
    }

    async fn no_card_gets_anywhere(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        for method in ["4242424242424242", "4242 4242 4242 4242", "pm_4242 4242", "../customers", "pm_ä", ""] {
            let refused = subscribe(&world, &token, "premium_monthly", method).await.refused(400, "invalid_request");
            assert_eq!(named(&refused), ["paymentMethodId"]);
            assert!(method.is_empty() || !refused.text.contains(method), "{}", refused.text);
        }
        for method in [json!(4242), json!({"number": "4242424242424242"}), json!([])] {
            let body = json!({"planId": "premium_monthly", "paymentMethodId": method});
            let refused = with(&world, &token, "POST", PATH, body).await.refused(400, "invalid_request");
            assert!(!refused.text.contains("4242424242424242"), "{}", refused.text);
        }
        assert!(stripe.asked().is_empty());
        // What nobody asked for is not read, and not passed on: Stripe's desk takes no field that it does not know.
        let card = json!({"number": "4242424242424242", "cvc": "123"});
        let body = json!({"planId": "premium_monthly", "paymentMethodId": "pm_good", "card": card, "number": "4242424242424242"});
        with(&world, &token, "POST", PATH, body).await.ok(201);
        assert!(!format!("{:?}", stripe.asked()).contains("4242424242424242"));
    }

    async fn an_id_leads_nowhere_but_to_a_means_of_payment(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        for method in ["pm_../..", "pm_a/b", "pm_?x", "pm_#x", "pm_%2e%2e", "pm_a&customer=b", "pm_\\"] {
            let answer = subscribe(&world, &token, "premium_monthly", method).await;
            let refused = answer.refused(400, "invalid_request");
            assert_eq!(named(&refused), ["paymentMethodId"], "{method}");
            assert!(!refused.text.contains(method), "{}", refused.text);
        }
        assert!(stripe.asked().is_empty());
    }

    async fn a_key_that_is_refused_is_the_operators_affair_and_is_not_told(world: World) {
        let stripe = Stripe::start();
        let world = stripe.before_with(&world, &[("STRIPE__SECRET_KEY", "sk_test_wrong_key_hunter3")]).await;
        let token = join(&world, "trader1").await;
        let refused = subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(502, "billing_refused");
        assert!(refused.headers.contains_key("retry-after"));
        for secret in ["hunter3", "hunter2", "sk_test"] {
            assert!(!refused.text.contains(secret), "{}", refused.text);
        }
        assert_eq!(world.data().await.text(CALLS).await, "0");
        let text = world.core.metrics_text();
        assert!(text.contains("countersign_stripe_calls_total{outcome=\"refused\"} 1"), "{text}");
    }

    async fn nothing_is_sold_for_something_else_than_the_configuration_says(world: World) {
        let stripe = Stripe::start();
        let plans = |price: u64, stripe_price: &str| {
            let plan = json!({"id": "gold", "price": price, "currency": "eur", "interval": "month", "stripe_price": stripe_price});
            json!([plan, {"id": "premium_monthly", "price": 999, "currency": "eur"}, {"id": "premium_yearly", "price": 9900, "interval": "year"}])
                .to_string()
        };
        let first = stripe.before_with(&world, &[("PLANS", &plans(2900, "price_gold"))]).await;
        let token = join(&first, "trader1").await;
        let id = subscribe(&first, &token, "premium_monthly", "pm_good").await.ok(201).field("id").to_owned();
        // One that has a price of Stripe's own, one that costs nothing by what is written, one that is not there, and one that was
        // made by its own id and costs something else by now.
        for (price, stripe_price) in [(2800, "price_gold"), (0, "price_gold"), (2900, "price_none"), (999, "premium_yearly_2")] {
            let amount = if stripe_price == "premium_yearly_2" { 5 } else { 2900 };
            let made = stripe.with(|desk| desk.prices["price_gold"].clone());
            stripe.with(|desk| desk.prices.insert("premium_yearly_2".to_owned(), Price { amount, ..made }));
            let changed = stripe.before_with(&world, &[("PLANS", &plans(price, stripe_price))]).await;
            change(&changed, &token, &id, "gold").await.refused(502, "billing_refused");
            let other = join(&changed, &format!("trader_{price}_{}", stripe_price.len())).await;
            subscribe(&changed, &other, "gold", "pm_other").await.refused(502, "billing_refused");
        }
        assert_eq!(world.data().await.text(STATES).await, "premium_monthly:active");
        assert_eq!(world.data().await.text(CALLS).await, "0");
        assert_eq!(stripe.with(|desk| (desk.subscriptions.len(), desk.charges.len())), (1, 1));
        change(&first, &token, &id, "gold").await.ok(200);
        stripe.asked();
    }

    async fn a_customer_that_is_not_there_any_more_is_made_anew_by_the_next_try(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe_bare(&world, &token, "gold").await.ok(201).field("id").to_owned();
        put(&world, &token, &id, "cancel").await.ok(200);
        // As with a key for tests that became one for earnest.
        stripe.with(|desk| desk.customers.clear());
        subscribe(&world, &token, "premium_monthly", "pm_good").await.refused(502, "billing_refused");
        subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201);
        assert_eq!(stripe.with(|desk| (desk.customers.len(), desk.charges.len())), (1, 1));
        assert_eq!(world.data().await.text(STATES).await, "gold:canceled premium_monthly:active");
        stripe.asked();
    }

    async fn what_is_over_there_is_so_here_as_soon_as_somebody_wants_something_of_it(world: World) {
        let (world, stripe) = paid(&world).await;
        let token = join(&world, "trader1").await;
        let id = subscribe(&world, &token, "premium_monthly", "pm_good").await.ok(201).field("id").to_owned();
        let there = stripe.with(|desk| desk.only().id);
        stripe.with(|desk| desk.change(&there, |kept| "canceled".clone_into(&mut kept.status)));
        put(&world, &token, &id, "pause").await.refused(409, "subscription_move_impossible");
        assert_eq!(world.data().await.text(STATES).await, "premium_monthly:canceled");
        assert_eq!(world.data().await.text(CALLS).await, "0");
        stripe.asked();
    }
}
