//! Who is told what, and what of it is told.

use std::time::Duration;

use countersign::identity::Who;
use futures_util::future::join;
use serde_json::{Value, json};

use super::{Owner, left};
use crate::support::authenticator::Authenticator;
use crate::support::fcm::{ACCOUNT, Fcm, Reply, counted, deliver};
use crate::support::person::{PASSWORD, admin, call_as};
use crate::support::platform::{authenticate, with};
use crate::support::stripe::{self, Stripe};
use crate::support::wallet::Wallet;
use crate::support::world::{START, World, on_both};

/// Gives somebody another password without the one of before.
async fn recover(world: &World, name: &str, by: &str) {
    if by == "operator" {
        let id = world.core.find_person(Who::Name(name)).await.unwrap().id();
        let password = countersign::model::Password::choose("password", "another password", []).unwrap();
        return world.core.reset_password(id, password).await.unwrap();
    }
    world.mails().await;
    world.post("/v1/users/reset-password", json!({"email": format!("{name}@example.com")})).await.ok(204);
    let token = world.mails().await.last().expect("a mail").token();
    let body = json!({"token": token, "password": "another password"});
    world.call("PUT", "/v1/users/update-password", &[("content-type", "application/json")], &body).await.ok(204);
}

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

    async fn devices_of_before_a_recovery_are_told_of_it_once_and_of_nothing_afterwards(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        for (number, by) in [(1, "mail"), (2, "operator")] {
            let name = format!("trader{number}");
            let before = fcm.asked().len();
            let owner = Owner::new(&world, &name).await;
            for device in ["phone", "tablet", "handed", "silent"] {
                owner.claim(&world, &format!("{device}{number}")).await;
            }
            owner.update(&world, &format!("silent{number}"), json!({"security": false})).await;
            recover(&world, &name, by).await;
            // Whose it is by now must not be shown it.
            let other = Owner::with_device(&world, &format!("other{number}"), &format!("handed{number}")).await;
            // Whoever took the account over can't take it back.
            let token = authenticate(&world, &name, "another password").await.ok(200).field("token").to_owned();
            let body = json!({"notifications": {"push": false}});
            with(&world, &token, "PATCH", "/v1/users/settings", body).await.ok(200);
            deliver(&world).await;
            let told: Vec<_> = fcm.pushes().split_off(before);
            let mut devices: Vec<&str> = told.iter().map(|push| push.device.as_str()).collect();
            devices.sort_unstable();
            assert_eq!(devices, [format!("phone{number}"), format!("tablet{number}")], "by {by}");
            assert!(told.iter().all(|push| push.title() == "Password changed" && !push.message.to_string().contains(&name)));
            let body = json!({"notifications": {"push": true}});
            with(&world, &token, "PATCH", "/v1/users/settings", body).await.ok(200);
            Wallet::number(number).link(&world, &token).await;
            Wallet::number(10 + number).link(&world, &other.token).await;
            deliver(&world).await;
            let last = fcm.pushes().pop().expect("the other one is told");
            assert_eq!((fcm.asked().len(), left(&world).await.as_str()), (before + 3, "0"));
            assert_eq!((last.device.as_str(), last.title()), (&*format!("handed{number}"), "Wallet linked"));
        }
    }

    async fn devices_of_before_the_second_factor_was_reset_are_told_of_that(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let owner = Owner::with_device(&world, "trader1", "phone").await;
        Authenticator::in_force(&world, &owner.token).await;
        deliver(&world).await;
        let id = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
        assert!(world.core.reset_second_factor(id).await.unwrap());
        deliver(&world).await;
        let told: Vec<String> = fcm.pushes().iter().map(|push| push.title().to_owned()).collect();
        assert_eq!((told, left(&world).await.as_str()), (vec!["Second factor on".to_owned(), "Second factor off".to_owned()], "0"));
    }

    async fn whoever_switches_notifications_off_takes_back_what_waits_and_the_devices_are_told_that_once(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        let mut other = Owner::with_device(&world, "trader2", "other").await;
        owner.change_password(&world).await;
        other.change_password(&world).await;
        let set = async |token: &str, push: Value| {
            let body = json!({"notifications": {"push": push}, "theme": "dark"});
            with(&world, token, "PATCH", "/v1/users/settings", body).await.ok(200);
        };
        set(&owner.token, json!(true)).await;
        assert_eq!(left(&world).await, "2", "nothing is switched");
        // A second time switches nothing off, and takes nothing back.
        for _ in 0..2 {
            set(&owner.token, json!(false)).await;
        }
        owner.change_password(&world).await;
        deliver(&world).await;
        let mut told: Vec<(String, String)> =
            fcm.pushes().iter().map(|push| (push.device.clone(), push.title().to_owned())).collect();
        told.sort();
        let expected = [("other", "Password changed"), ("phone", "Notices switched off")];
        assert_eq!(told, expected.map(|(device, title)| (device.to_owned(), title.to_owned())));
        let off = fcm.pushes().into_iter().find(|push| push.device == "phone").unwrap();
        assert_eq!(off.message["data"], json!({"id": off.id, "kind": "security", "event": "notifications_off"}));
        set(&owner.token, Value::Null).await;
        owner.change_password(&world).await;
        deliver(&world).await;
        assert_eq!((fcm.asked().len(), left(&world).await.as_str()), (3, "0"));
    }

    async fn one_that_is_on_its_way_while_notifications_are_switched_off_is_not_tried_again(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.change_password(&world).await;
        fcm.reply_for("phone", Reply::Refused(503, None, "UNAVAILABLE"));
        fcm.be_about_tokens(Reply::After(Duration::from_millis(600)));
        join(deliver(&world), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let body = json!({"notifications": {"push": false}});
            with(&world, &owner.token, "PATCH", "/v1/users/settings", body).await.ok(200);
        }).await;
        fcm.reply_for("phone", Reply::Taken);
        world.pass(Duration::from_mins(5));
        deliver(&world).await;
        let told: Vec<String> = fcm.pushes().iter().map(|push| push.title().to_owned()).collect();
        assert_eq!((told, left(&world).await.as_str()), (vec!["Notices switched off".to_owned()], "0"));
    }

    async fn a_device_that_makes_room_for_another_one_is_told_that_and_the_trail_tells_it_too(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let owner = Owner::with_device(&world, "trader1", "phone").await;
        owner.claim(&world, "off").await;
        owner.update(&world, "off", json!({"enabled": false})).await;
        world.pass(Duration::from_secs(1));
        // As somebody would who is inside and wants the phone to be silent.
        for number in 0..50 {
            owner.claim(&world, &format!("made-up{number}")).await;
        }
        let lost = "SELECT CAST(COUNT(*) AS TEXT) FROM audit_events WHERE event = 'device_lost'";
        assert_eq!((world.data().await.text(lost).await.as_str(), left(&world).await.as_str()), ("2", "1"));
        deliver(&world).await;
        let [push] = &fcm.pushes()[..] else { panic!("one is told: {:#?}", fcm.pushes()) };
        assert_eq!((push.device.as_str(), push.title()), ("phone", "Device removed"));
        assert_eq!(push.message["data"], json!({"id": push.id, "kind": "security", "event": "device_removed"}));
    }

    async fn a_first_payment_is_told_as_long_as_it_can_be_made(world: World) {
        let (fcm, stripe) = (Fcm::start(), Stripe::start());
        let world = fcm.behind(&stripe.before(&world).await, &[]).await;
        let owner = Owner::with_device(&world, "trader1", "phone").await;
        let body = json!({"planId": "premium_monthly", "paymentMethodId": "pm_action"});
        with(&world, &owner.token, "POST", "/v1/users/subscriptions", body).await.ok(201);
        deliver(&world).await;
        let [push] = &fcm.pushes()[..] else { panic!("one is told: {:#?}", fcm.pushes()) };
        assert_eq!((push.title(), &push.message["data"]["event"]), ("A payment waits for you", &json!("payment_needed")));
        assert_eq!(push.message["android"]["ttl"], "82800s", "23 hours");
    }

    async fn whoever_wants_no_notifications_gets_none_and_neither_does_anybody_of_what_is_switched_off(world: World) {
        let fcm = Fcm::start();
        let world = fcm.behind(&world, &[]).await;
        let mut owner = Owner::with_device(&world, "trader1", "phone").await;
        for (push, notices) in [(json!(false), "0"), (Value::Null, "1")] {
            let body = json!({"notifications": {"push": push}});
            with(&world, &owner.token, "PATCH", "/v1/users/settings", body).await.ok(200);
            // That they are switched off is the last that is told.
            world.data().await.execute("DELETE FROM outbox").await;
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
