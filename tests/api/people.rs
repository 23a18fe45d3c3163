//! Accounts as a whole: many who want the same, and what is left of one who goes.

use countersign::identity::Who;
use countersign::model::account::Role;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::person::{PASSWORD, admin, call_as, login, register, session, token};
use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

on_both! {
    async fn of_two_hundred_who_register_one_name_at_once_one_does(world: World) {
        let by_name = (0..200).map(|number| {
            let body = json!({"username": "trader1", "email": format!("t{number}@example.com"), "password": PASSWORD});
            world.post("/api/users/register", body)
        });
        let by_email = (0..200).map(|number| {
            let body = json!({"username": format!("other{number}"), "email": "same@example.com", "password": PASSWORD});
            world.post("/api/users/register", body)
        });
        for answers in [join_all(by_name).await, join_all(by_email).await] {
            assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
            for refused in answers.into_iter().filter(|answer| answer.status != 201) {
                refused.refused(409, "identity_already_used");
            }
        }
        let count = world.data().await.text("SELECT CAST(COUNT(*) AS TEXT) FROM accounts").await;
        assert_eq!(count, "2");
    }

    async fn of_many_accounts_that_link_one_wallet_at_once_one_does(world: World) {
        let wallet = Wallet::number(1);
        let mut proofs = Vec::new();
        for number in 0..20 {
            let token = session(&world, &format!("trader{number}")).await;
            let body = json!({"address": wallet.address});
            let asked = call_as(&world, &token, "POST", "/users/wallets/challenge", body).await.ok(200);
            let message = asked.field("message").to_owned();
            let proof = json!({"message": message, "signature": wallet.sign(&message)});
            proofs.push((token, proof));
        }
        let linked = proofs.iter().map(|(token, proof)| call_as(&world, token, "POST", "/users/wallets", proof.clone()));
        let answers = join_all(linked).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        for refused in answers.into_iter().filter(|answer| answer.status != 201) {
            refused.refused(409, "wallet_already_linked");
        }
    }

    async fn admins_who_take_each_other_away_at_once_leave_one(world: World) {
        for round in 0..5 {
            let mut admins = Vec::new();
            for number in 0..4 {
                let name = format!("root{round}-{number}");
                let token = admin(&world, &name).await;
                let id = world.core.find_person(Who::Name(&format!("{name}@example.com"))).await.unwrap().id();
                admins.push((token, id));
            }
            let deleted = admins.iter().zip(admins.iter().cycle().skip(1)).map(async |((token, _), (_, victim))| {
                call_as(&world, token, "DELETE", &format!("/v1/users/{victim}"), Value::Null).await.status.as_u16()
            });
            let demoted = admins.iter().map(async |(_, id)| world.core.set_role(*id, Role::User).await.is_ok());
            let disabled = admins.iter().map(async |(_, id)| world.core.disable_account(*id).await.is_ok());
            tokio::join!(join_all(deleted), join_all(demoted), join_all(disabled));
            let left = "SELECT CAST(COUNT(*) AS TEXT) FROM accounts WHERE role = 'ADMIN' AND disabled_at IS NULL";
            assert_eq!(world.data().await.text(left).await, "1", "in round {round}");
        }
    }

    async fn whoever_is_deleted_while_he_signs_in_is_not_in(world: World) {
        let root = admin(&world, "root").await;
        for round in 0..5 {
            let name = format!("trader{round}");
            register(&world, &name).await.ok(201);
            let id = world.core.find_person(Who::Name(&name)).await.unwrap().id();
            let path = format!("/v1/users/{id}");
            // No more than are free: whoever comes after that is one of those who guess at a name that is nobody's.
            let (signed_in, deleted) = tokio::join!(
                join_all((0..5).map(|_| login(&world, &name, PASSWORD))),
                call_as(&world, &root, "DELETE", &path, Value::Null),
            );
            deleted.ok(204);
            for answer in signed_in {
                let Some(token) = answer.json["session_token"].as_str() else {
                    answer.refused(401, "invalid_credentials");
                    continue;
                };
                call_as(&world, token, "GET", "/api/users/profile", Value::Null).await.refused(401, "session_ended");
            }
        }
    }

    async fn nothing_is_left_of_a_person_but_the_id_in_the_audit_trail(world: World) {
        let world = world.behind_proxy(&[]).await;
        let root = admin(&world, "root").await;
        let wallet = Wallet::number(1);
        let body = json!({"username": "vanishing", "email": "vanishing@secret.example", "password": PASSWORD});
        world.call_from("198.51.100.77", "POST", "/api/users/register", &body).await.ok(201);
        let body = json!({"username": "vanishing", "password": PASSWORD});
        let opened = world.call_from("198.51.100.77", "POST", "/api/users/login", &body).await.ok(200);
        let wrong = json!({"username": "vanishing", "password": "a wrong password"});
        world.call_from("198.51.100.78", "POST", "/api/users/login", &wrong).await.refused(401, "invalid_credentials");
        let own = opened.field("session_token").to_owned();
        let asked = call_as(&world, &own, "POST", "/users/wallets/challenge", json!({"address": wallet.address})).await;
        let message = asked.field("message").to_owned();
        let proof = json!({"message": message, "signature": wallet.sign(&message)});
        call_as(&world, &own, "POST", "/users/wallets", proof).await.ok(201);
        let path = format!("/users/{}/data", wallet.address);
        let profile = json!({"name": "Vanessa Vanish", "intendedUse": "to vanish"});
        call_as(&world, &own, "POST", &path, profile).await.ok(200);
        let membership = json!({"plan": "vanishing-plan"});
        call_as(&world, &own, "POST", "/api/users/sync-membership", membership).await.ok(200);
        call_as(&world, &own, "POST", "/api/users/exchange-config", json!({"selected_exchange": "binance"})).await.ok(200);
        let details = json!({"avatar": "https://vanish.example/me.png", "displayName": "Vanessa Vanish", "marketingOptIn": true});
        call_as(&world, &own, "PATCH", "/v1/users/details", details).await.ok(200);
        call_as(&world, &own, "PATCH", "/v1/users/settings", json!({"timezone": "Antarctica/Vostok"})).await.ok(200);
        let offered = world.again_with(&[("DATA_PROVIDERS", r#"[{"id":"odds"}]"#)]).await;
        let providers = json!({"dataProviders": [{"id": "odds", "settings": {"key": "vanishing-key"}}]});
        call_as(&offered, &own, "PATCH", "/v1/users/dataproviders", providers).await.ok(200);
        call_as(&world, &own, "POST", "/v1/users/notifications/tokens/vanishing-phone", json!({"os": "iOS"})).await.ok(200);
        let id = world.core.find_person(Who::Name("vanishing")).await.unwrap().id().to_string();

        let values = ["vanish", "Vanish", &wallet.address, "198.51.100.77", "198.51.100.78", "binance", "Antarctica", "argon2id"];
        let before = world.data().await.whole().await;
        for value in values {
            assert!(before.contains(value), "{value} is kept while the account is there");
        }
        call_as(&world, &root, "DELETE", &format!("/v1/users/{id}"), Value::Null).await.ok(204);
        let after = world.data().await.whole().await;
        for value in &values[..7] {
            assert!(!after.contains(value), "{value} is still kept");
        }
        // What he still holds opens nothing, and leaves no traces anew.
        call_as(&world, &own, "GET", "/api/users/profile", Value::Null).await.refused(401, "session_ended");
        assert!(!world.data().await.whole().await.contains("credential_refused"));
        let trail = "SELECT CAST(COUNT(*) AS TEXT) FROM audit_events WHERE event = 'account_deleted' \
                     AND account_id IS NOT NULL AND detail IS NOT NULL";
        assert_eq!(world.data().await.text(trail).await, "1", "who deleted it is known");
        token(&world, "root@example.com", PASSWORD).await.ok(200);
    }

    async fn an_erasure_that_was_not_finished_is_finished_by_the_sweep(world: World) {
        let world = world.behind_proxy(&[]).await;
        let root = admin(&world, "root").await;
        let body = json!({"username": "vanishing", "password": PASSWORD});
        world.call_from("198.51.100.77", "POST", "/api/users/register", &body).await.ok(201);
        let id = world.core.find_person(Who::Name("vanishing")).await.unwrap().id();
        call_as(&world, &root, "DELETE", &format!("/v1/users/{id}"), Value::Null).await.ok(204);
        // As a crash between the deletion and what follows it leaves it.
        world.data().await.execute("UPDATE audit_events SET client_address = '198.51.100.77' WHERE event = 'registered'").await;
        let mut tx = world.core.db().write().await.unwrap();
        countersign::store::erasures::insert(&mut tx, id, world.clock.now()).await.unwrap();
        tx.commit().await.unwrap();
        world.core.sweep().await.unwrap();
        let left = world.data().await.text("SELECT CAST(COUNT(*) AS TEXT) FROM audit_events WHERE client_address IS NOT NULL AND event = 'registered'").await;
        assert_eq!(left, "1", "that of the ADMIN, whom nobody deleted");
    }

    async fn an_admin_who_deletes_himself_leaves_no_address_either(world: World) {
        let world = world.behind_proxy(&[]).await;
        let (first, second) = (admin(&world, "root1").await, admin(&world, "root2").await);
        let id = world.core.find_person(Who::Name("root1@example.com")).await.unwrap().id();
        let bearer = format!("Bearer {first}");
        let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", "198.51.100.99")];
        world.call("DELETE", &format!("/v1/users/{id}"), &headers, &Value::Null).await.ok(204);
        assert!(!world.data().await.whole().await.contains("198.51.100.99"));
        call_as(&world, &second, "GET", "/v1/users", Value::Null).await.ok(200);
    }

    async fn sessions_that_are_over_go_whatever_began_before_them(world: World) {
        session(&world, "trader1").await;
        for _ in 0..3 {
            token(&world, "trader1", PASSWORD).await.ok(200);
        }
        world.pass(std::time::Duration::from_hours(2));
        world.core.sweep().await.unwrap();
        for (table, left) in [("SELECT CAST(COUNT(*) AS TEXT) FROM sessions", "1"),
                              ("SELECT CAST(COUNT(*) AS TEXT) FROM known_networks", "1")] {
            assert_eq!(world.data().await.text(table).await, left, "{table}");
        }
    }
}
