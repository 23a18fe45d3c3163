//! Who is told what, and what of it is told.

use countersign::identity::Who;
use serde_json::{Value, json};

use super::{Owner, left};
use crate::support::fcm::{ACCOUNT, Fcm, counted, deliver};
use crate::support::person::{PASSWORD, admin, call_as};
use crate::support::platform::with;
use crate::support::stripe::{self, Stripe};
use crate::support::wallet::Wallet;
use crate::support::world::{START, World, on_both};

on_both! {
    async fn a_notice_reaches_every_device_that_wants_it_and_tells_nothing_of_the_person(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::new(&world, "trader1").await;
        for device in ["phone", "tablet", "browser", "off"] {
            owner.claim(&world, device).await;
        }
        owner.update(&world, "tablet", json!({"security": false})).await;
        owner.update(&world, "browser", json!({"billing": false})).await;
        owner.update(&world, "off", json!({"enabled": false})).await;
        Owner::with_device(&world, "trader2", "other").await;
        world.post("/v1/devicetokens", json!({"deviceToken": "unclaimed", "os": "iOS"})).await.ok(200);
        owner.change_password(&world).await;
        assert!(fcm.asked().is_empty(), "nobody waits for it");
        deliver(&world).await;
        assert_eq!(fcm.reached(), ["browser", "phone"]);
        assert_eq!(left(&world).await, "0");
        // Nobody has proven the address, so there is no mail; the devices are his all the same.
        assert!(world.mails().await.iter().all(|mail| !mail.subject.contains("password")));
        let pushes = fcm.pushes();
        assert_ne!(pushes[0].id, pushes[1].id);
        for push in &pushes {
            assert_eq!(push.message["notification"]["title"], "Password changed");
            assert_eq!(push.message["data"], json!({"id": push.id, "kind": "security", "event": "password_changed"}));
            assert_eq!(push.message["android"]["ttl"], "86400s", "a day");
            assert_eq!(push.message["apns"]["headers"]["apns-expiration"], (START.seconds() + 86_400).to_string());
            let whole = push.message.to_string();
            for personal in ["trader1", "example.com", "127.0.0.1", "0.0.0.0", "2026", PASSWORD, "cst_", "csr_", "eyJ", "http"] {
                assert!(!whole.contains(personal), "{personal}: {whole}");
            }
        }
        let [assertion] = &fcm.assertions()[..] else { panic!("one access token does for all") };
        assert_eq!((&assertion["iss"], &assertion["iat"]), (&ACCOUNT.into(), &START.seconds().into()));
        assert_eq!(counted(&world.core.metrics_text(), "sent"), 2);
    }

    async fn what_is_told_by_mail_is_told_on_devices_in_short(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[("NOTICES__NEW_SIGN_IN", "true"), ("TRUSTED_PROXIES", "[\"0.0.0.0\"]")]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        let body = json!({"username": "trader1", "password": PASSWORD});
        world.call_from("198.51.100.7", "POST", "/v1/users/authenticate", &body).await.ok(200);
        Wallet::number(1).link(&world, &owner.token).await;
        let body = json!({"email": "new@example.com", "current_password": PASSWORD});
        call_as(&world, &owner.token, "PUT", "/api/users/profile", body).await.ok(200);
        owner.change_password(&world).await;
        deliver(&world).await;
        let mut told: Vec<String> = fcm.pushes().iter().map(|push| push.title().to_owned()).collect();
        told.sort();
        assert_eq!(told, ["E-mail address changed", "New sign-in", "Password changed", "Wallet linked"]);
        let whole = format!("{:?}", fcm.pushes());
        for personal in ["198.51.100.7", "new@example.com", &Wallet::number(1).address] {
            assert!(!whole.contains(personal), "{personal}: {whole}");
        }
    }

    async fn devices_of_before_a_recovery_are_told_nothing_of_it(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        let id = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
        let password = countersign::model::Password::choose("password", "another password", []).unwrap();
        world.core.reset_password(id, password).await.unwrap();
        deliver(&world).await;
        assert_eq!((left(&world).await.as_str(), fcm.asked().len()), ("0", 0));
    }

    async fn whoever_wants_no_notifications_gets_none_and_neither_does_anybody_of_what_is_switched_off(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        for (push, notices) in [(json!(false), "0"), (Value::Null, "1")] {
            let body = json!({"notifications": {"push": push}});
            with(&world, &owner.token, "PATCH", "/v1/users/settings", body).await.ok(200);
            owner.change_password(&world).await;
            assert_eq!(left(&world).await, notices);
        }
        let silent = fcm.behind(&world, &[("NOTICES__PASSWORD_CHANGED", "false")]).await;
        owner.change_password(&silent).await;
        assert_eq!(left(&world).await, "1");
    }

    async fn without_an_account_at_fcm_nothing_is_written(world: World) {
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        deliver(&world).await;
        assert_eq!(left(&world).await, "0");
    }

    async fn a_change_that_is_refused_is_told_nobody(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let owner = Owner::with_device(&world, "trader1", "phone").await;
        let body = json!({"currentPassword": "a wrong password", "newPassword": "another password"});
        with(&world, &owner.token, "PUT", "/v1/users/passwords", body).await.refused(401, "invalid_credentials");
        deliver(&world).await;
        assert_eq!((left(&world).await.as_str(), fcm.asked().len()), ("0", 0));
    }

    async fn what_was_meant_for_the_one_before_is_not_shown_on_a_device_that_changed_hands(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut first = Owner::new(&world, "trader1").await;
        for device in ["handed", "disabled", "silenced", "kept"] {
            first.claim(&world, device).await;
        }
        first.change_password(&world).await;
        let mut second = Owner::with_device(&world, "trader2", "handed").await;
        first.update(&world, "disabled", json!({"enabled": false})).await;
        first.update(&world, "silenced", json!({"security": false})).await;
        second.change_password(&world).await;
        deliver(&world).await;
        assert_eq!(fcm.reached(), ["handed", "kept"]);
        assert_eq!((counted(&world.core.metrics_text(), "unmeant"), left(&world).await.as_str()), (3, "0"));
        let second_id = world.core.find_person(Who::Name("trader2")).await.unwrap().id();
        // What is for nobody any more goes with the account.
        second.change_password(&world).await;
        assert_eq!(left(&world).await, "1");
        let root = admin(&world, "root").await;
        call_as(&world, &root, "DELETE", &format!("/v1/users/{second_id}"), Value::Null).await.ok(204);
        assert_eq!(left(&world).await, "0");
        deliver(&world).await;
        assert_eq!(fcm.asked().len(), 2);
    }

    async fn what_happens_to_payments_is_told_where_billing_is_wanted(world: World) {
        let (fcm, stripe) = (Fcm::start(), Stripe::start());
        let world = fcm.behind(&stripe.before(&world).await, &[]).await;
        let owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.claim(&world, "tablet").await;
        owner.claim(&world, "watch").await;
        owner.update(&world, "tablet", json!({"billing": false})).await;
        owner.update(&world, "watch", json!({"security": false})).await;
        Owner::with_device(&world, "trader2", "other").await;
        let body = json!({"planId": "premium_monthly", "paymentMethodId": "pm_good"});
        with(&world, &owner.token, "POST", "/v1/users/subscriptions", body).await.ok(201);
        let there = stripe.with(|desk| desk.only().id);
        for status in ["past_due", "canceled"] {
            stripe.with(|desk| desk.change(&there, |kept| status.clone_into(&mut kept.status)));
            // Told once, however often the service says it.
            for event in stripe.events() {
                for _ in 0..2 {
                    stripe::deliver(&world, &event).await.ok(200);
                }
            }
        }
        deliver(&world).await;
        assert_eq!(fcm.reached(), ["phone", "phone", "watch", "watch"]);
        let mut told: Vec<(&str, String)> = Vec::new();
        let pushes = fcm.pushes();
        for push in pushes.iter().filter(|push| push.device == "watch") {
            assert_eq!(push.message["data"]["kind"], "billing");
            assert_eq!(push.message["android"]["ttl"], "259200s", "three days");
            told.push((push.title(), push.message["data"]["event"].to_string()));
        }
        told.sort();
        let expected = [("Payment failed", "\"payment_failed\""), ("Subscription ended", "\"subscription_ended\"")];
        assert_eq!(told, expected.map(|(title, event)| (title, event.to_owned())));
        let whole = format!("{pushes:?}");
        for private in ["premium", "999", "9.99", "trader1", "example.com", &there, "cus_", "pm_good"] {
            assert!(!whole.contains(private), "{private}: {whole}");
        }
    }
}
