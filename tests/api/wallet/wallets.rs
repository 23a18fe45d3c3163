//! The wallets of an account: linked by a message of their own purpose, unlinked, chosen; and what that ends.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::wallet::{Session, Wallet};
use crate::support::world::{Answer, World, on_both};

async fn challenge(world: &World, session: &Session, wallet: &Wallet) -> Answer {
    world.post_as(&session.token, "/users/wallets/challenge", json!({"address": wallet.address})).await
}

/// Asks for a link message, signs it with `signer` and posts it.
async fn link(world: &World, session: &Session, wallet: &Wallet, signer: &Wallet) -> Answer {
    let message = challenge(world, session, wallet).await.ok(200).field("message").to_owned();
    post(world, session, &message, signer).await
}

async fn post(world: &World, session: &Session, message: &str, signer: &Wallet) -> Answer {
    let body = json!({"message": message, "signature": signer.sign(message)});
    world.post_as(&session.token, "/users/wallets", body).await
}

async fn call(world: &World, session: &Session, method: &str, path: &str) -> Answer {
    world.call(method, path, &[("x-auth-token", &session.token)], &Value::Null).await
}

/// The addresses of the account, the primary one marked.
async fn list(world: &World, session: &Session) -> Vec<(String, bool)> {
    let answer = world.get_as(&session.token, "/users/wallets").await.ok(200);
    let wallets = answer.json.as_array().unwrap().clone();
    wallets.iter().map(|w| (w["address"].as_str().unwrap().to_owned(), w["primary"].as_bool().unwrap())).collect()
}

fn of(wallet: &Wallet) -> String {
    format!("/users/wallets/{}", wallet.address)
}

on_both! {
    async fn a_linked_wallet_signs_in_to_the_same_account(world: World) {
        let (first, second) = (Wallet::number(1), Wallet::number(2));
        let session = first.sign_in(&world).await;
        let answer = link(&world, &session, &second, &second).await.ok(201);
        assert_eq!(answer.json, json!({"address": second.address, "primary": false, "linkedAt": "2026-01-01T00:00:00Z"}));
        assert_eq!(list(&world, &session).await, [(first.address.clone(), true), (second.address.clone(), false)]);
        let by_second = second.sign_in(&world).await;
        assert_eq!(by_second.claims()["sub"], session.claims()["sub"]);
        assert_eq!(by_second.claims()["address"], second.address);
        by_second.read(&world).await.ok(200);
        // Again, it changes nothing.
        link(&world, &session, &second, &second).await.ok(201);
        assert_eq!(list(&world, &session).await.len(), 2);
    }

    async fn a_link_message_names_the_account_and_serves_nothing_else(world: World) {
        let (first, second) = (Wallet::number(1), Wallet::number(2));
        let session = first.sign_in(&world).await;
        let message = challenge(&world, &session, &second).await.ok(200).field("message").to_owned();
        let account = session.claims()["sub"].as_str().unwrap().to_owned();
        assert!(message.contains(&account) && message.contains(&second.address), "{message}");
        // It does not sign in.
        let body = json!({"message": message, "signature": second.sign(&message)});
        world.post("/users/authenticate", body).await.refused(401, "nonce_unknown");
        // A sign-in message does not link.
        let sign_in = world.post("/users/nonce", json!({"address": second.address})).await.ok(200);
        let sign_in = sign_in.field("message");
        post(&world, &session, sign_in, &second).await.refused(401, "statement_not_ours");
        let statement = message.lines().nth(3).unwrap();
        let dressed = sign_in.replacen("\n\n\n", &format!("\n\n{statement}\n\n"), 1);
        post(&world, &session, &dressed, &second).await.refused(401, "nonce_unknown");
        // It is for this account and this wallet alone, and works once.
        let stranger = Wallet::number(3).sign_in(&world).await;
        post(&world, &stranger, &message, &second).await.refused(401, "statement_not_ours");
        post(&world, &session, &message, &first).await.refused(401, "invalid_signature");
        let swapped = message.replace(&second.address, &Wallet::number(4).address);
        post(&world, &session, &swapped, &Wallet::number(4)).await.refused(401, "nonce_unknown");
        post(&world, &session, &message, &second).await.ok(201);
        post(&world, &session, &message, &second).await.refused(401, "nonce_used");
    }

    async fn a_wallet_of_another_account_is_not_taken_from_it(world: World) {
        let (first, second) = (Wallet::number(1), Wallet::number(2));
        let owner = second.sign_in(&world).await;
        let session = first.sign_in(&world).await;
        link(&world, &session, &second, &second).await.refused(409, "wallet_already_linked");
        owner.read(&world).await.ok(200);
        assert_eq!(list(&world, &session).await.len(), 1);
    }

    async fn unlinking_ends_the_sessions_of_that_wallet_and_no_other(world: World) {
        let (first, second) = (Wallet::number(1), Wallet::number(2));
        let session = first.sign_in(&world).await;
        link(&world, &session, &second, &second).await.ok(201);
        let by_second = second.sign_in(&world).await;
        call(&world, &session, "DELETE", &of(&second)).await.ok(204);
        by_second.read(&world).await.refused(401, "session_ended");
        session.read(&world).await.ok(200);
        call(&world, &session, "DELETE", &of(&second)).await.refused(403, "not_your_wallet");
        // It starts anew, with an account of its own, and its count does not begin again.
        let anew = second.sign_in(&world).await;
        assert_ne!(anew.claims()["sub"], session.claims()["sub"]);
    }

    async fn the_last_way_to_sign_in_stays_and_the_primary_one_has_an_heir(world: World) {
        let (first, second) = (Wallet::number(1), Wallet::number(2));
        let session = first.sign_in(&world).await;
        call(&world, &session, "DELETE", &of(&first)).await.refused(409, "last_sign_in_method");
        link(&world, &session, &second, &second).await.ok(201);
        let by_second = second.sign_in(&world).await;
        call(&world, &session, "DELETE", &of(&first)).await.ok(204);
        session.read(&world).await.refused(401, "session_ended");
        assert_eq!(list(&world, &by_second).await, [(second.address.clone(), true)]);
        call(&world, &by_second, "DELETE", &of(&second)).await.refused(409, "last_sign_in_method");
    }

    async fn two_that_unlink_each_other_at_once_leave_one(world: World) {
        let (first, second) = (Wallet::number(1), Wallet::number(2));
        let session = first.sign_in(&world).await;
        link(&world, &session, &second, &second).await.ok(201);
        let by_second = second.sign_in(&world).await;
        let (one, two) = (of(&first), of(&second));
        let calls = (0..20).map(|n| if n % 2 == 0 { (&by_second, &one) } else { (&session, &two) });
        let answers = join_all(calls.map(|(caller, path)| call(&world, caller, "DELETE", path))).await;
        let done = answers.iter().filter(|answer| answer.status == 204).count();
        assert_eq!(done, 1, "{:?}", answers.iter().map(|answer| &answer.text).collect::<Vec<_>>());
        let alive = [session.read(&world).await.status == 200, by_second.read(&world).await.status == 200];
        assert_eq!(alive.iter().filter(|alive| **alive).count(), 1);
    }

    async fn one_wallet_that_two_accounts_link_at_once_becomes_ones(world: World) {
        let wallet = Wallet::number(9);
        let mut sessions = Vec::new();
        for number in 1..=10 {
            sessions.push(Wallet::number(number + 10).sign_in(&world).await);
        }
        let answers = join_all(sessions.iter().map(|session| link(&world, session, &wallet, &wallet))).await;
        let won = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(won, 1);
        assert!(answers.iter().all(|answer| answer.status == 201 || answer.json["error"] == "wallet_already_linked"));
    }

    async fn the_primary_wallet_is_what_an_api_key_goes_by(world: World) {
        let (first, second) = (Wallet::number(1), Wallet::number(2));
        let session = first.sign_in(&world).await;
        link(&world, &session, &second, &second).await.ok(201);
        let chosen = call(&world, &session, "PUT", &format!("{}/primary", of(&second))).await.ok(200);
        assert_eq!((chosen.field("address"), &chosen.json["primary"]), (second.address.as_str(), &json!(true)));
        assert_eq!(list(&world, &session).await, [(first.address.clone(), false), (second.address.clone(), true)]);
        let stranger = Wallet::number(3);
        call(&world, &session, "PUT", &format!("{}/primary", of(&stranger))).await.refused(403, "not_your_wallet");
        call(&world, &session, "PUT", "/users/wallets/0x12/primary").await.refused(400, "invalid_address");
    }

    async fn what_protects_an_account_changes_only_shortly_after_a_sign_in(world: World) {
        let (first, second) = (Wallet::number(1), Wallet::number(2));
        let session = first.sign_in(&world).await;
        let message = challenge(&world, &session, &second).await.ok(200).field("message").to_owned();
        world.pass(Duration::from_mins(10));
        challenge(&world, &session, &second).await.refused(403, "fresh_sign_in_required");
        post(&world, &session, &message, &second).await.refused(403, "fresh_sign_in_required");
        call(&world, &session, "DELETE", &of(&first)).await.refused(403, "fresh_sign_in_required");
        let fresh = first.sign_in(&world).await;
        link(&world, &fresh, &second, &second).await.ok(201);
    }

    async fn wallets_are_a_persons_and_not_an_api_keys(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        for (method, path) in [
            ("POST", "/users/wallets/challenge"), ("POST", "/users/wallets"), ("GET", "/users/wallets"),
            ("DELETE", of(&Wallet::number(1)).as_str()), ("PUT", &format!("{}/primary", of(&Wallet::number(1)))),
        ] {
            let body = json!({"address": session.address, "message": "x", "signature": "0x"});
            world.call(method, path, &[("x-api-key", &key)], &body).await.refused(403, "person_required");
            world.call(method, path, &[], &body).await.refused(401, "not_authenticated");
        }
    }

    async fn every_change_of_wallets_is_in_the_audit_trail(world: World) {
        let (first, second) = (Wallet::number(1), Wallet::number(2));
        let session = first.sign_in(&world).await;
        link(&world, &session, &second, &first).await.refused(401, "invalid_signature");
        link(&world, &session, &second, &second).await.ok(201);
        call(&world, &session, "PUT", &format!("{}/primary", of(&second))).await.ok(200);
        call(&world, &session, "DELETE", &of(&second)).await.ok(204);
        let account = session.claims()["sub"].as_str().unwrap().parse().unwrap();
        let account = countersign::model::AccountId(account);
        let mut reader = world.core.db().read().await.unwrap();
        let events = countersign::store::audit::list(&mut reader, account).await.unwrap();
        let events: Vec<_> = events.iter().map(|(event, detail)| (event.as_str(), detail.as_deref())).collect();
        assert_eq!(events[2..], [
            ("wallet_link_refused", Some("invalid_signature")),
            ("wallet_linked", None),
            ("primary_wallet_chosen", None),
            ("wallet_unlinked", None),
        ]);
    }
}
