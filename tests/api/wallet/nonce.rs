//! Nonces: what they are good for, how long, how often.

use std::time::Duration;

use serde_json::json;

use crate::support::wallet::Wallet;
use crate::support::world::{World, on_both};

const MINUTE: Duration = Duration::from_mins(1);

on_both! {
    async fn a_nonce_is_given_for_any_spelling_of_an_address_and_is_the_same_until_it_is_used(world: World) {
        let wallet = Wallet::number(1);
        let upper = format!("0x{}", wallet.address[2..].to_uppercase());
        let mut nonces = Vec::new();
        for spelling in [wallet.address.clone(), wallet.address.to_lowercase(), upper] {
            let answer = world.post("/users/nonce", json!({"address": spelling})).await.ok(200);
            assert_eq!(answer.field("address"), wallet.address);
            assert_eq!(answer.headers["cache-control"], "no-store");
            nonces.push(answer.field("nonce").to_owned());
        }
        assert!(nonces[0].starts_with("0x") && nonces[0].len() == 50 && nonces.iter().all(|nonce| *nonce == nonces[0]));
        wallet.sign_in(&world).await;
        assert_ne!(wallet.nonce(&world).await, nonces[0]);
    }

    async fn a_nonce_is_good_for_the_rest_of_its_window_and_the_next_one(world: World) {
        let wallet = Wallet::number(1);
        for (age, rest) in [(4 * MINUTE, 6 * MINUTE), (9 * MINUTE, MINUTE)] {
            let nonce = wallet.nonce(&world).await;
            world.pass(age);
            wallet.post(&world, &wallet.sign(&nonce)).await.ok(200);
            world.pass(rest);
        }
    }

    async fn a_nonce_of_an_earlier_window_is_expired_and_a_much_earlier_one_is_just_wrong(world: World) {
        let wallet = Wallet::number(1);
        let signature = wallet.sign(&wallet.nonce(&world).await);
        world.pass(10 * MINUTE);
        wallet.post(&world, &signature).await.refused(401, "nonce_expired");
        world.pass(10 * MINUTE);
        wallet.post(&world, &signature).await.refused(401, "invalid_signature");
    }

    async fn the_next_window_counts_while_clocks_may_differ(world: World) {
        let wallet = Wallet::number(1);
        world.pass(5 * MINUTE);
        let of_a_node_that_is_ahead = wallet.nonce(&world).await;
        let behind = World::on(crate::support::world::Backend::Sqlite).await;
        for (wait, status) in [(4 * MINUTE, 401), (Duration::from_secs(31), 200)] {
            behind.pass(wait);
            let answer = wallet.post(&behind, &wallet.sign(&of_a_node_that_is_ahead)).await;
            assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        }
    }

    async fn a_free_nonce_signs_in_any_wallet_once(world: World) {
        let wallet = Wallet::number(1);
        let before = wallet.nonce(&world).await;
        let issued = world.get("/users/nonce").await.ok(200);
        assert_eq!(issued.field("expiresAt"), "2026-01-01T00:10:00Z");
        let free = issued.field("nonce");
        wallet.post_named(&world, free).await.ok(200);
        wallet.post_named(&world, free).await.refused(401, "nonce_used");
        Wallet::number(2).post_named(&world, free).await.refused(401, "nonce_used");
        assert_eq!(wallet.nonce(&world).await, before, "a free nonce leaves the wallet's own alone");
    }

    async fn a_free_nonce_has_to_be_named(world: World) {
        let wallet = Wallet::number(1);
        let free = world.get("/users/nonce").await.ok(200).field("nonce").to_owned();
        wallet.post(&world, &wallet.sign(&free)).await.refused(401, "invalid_signature");
        wallet.post_named(&world, &free).await.ok(200);
    }

    async fn a_free_nonce_expires(world: World) {
        let wallet = Wallet::number(1);
        let free = world.get("/users/nonce").await.ok(200).field("nonce").to_owned();
        world.pass(10 * MINUTE);
        wallet.post_named(&world, &free).await.refused(401, "nonce_expired");
    }

    async fn a_named_nonce_has_to_be_ours_and_the_signed_one(world: World) {
        let wallet = Wallet::number(1);
        let own = wallet.nonce(&world).await;
        wallet.post_named(&world, "0xdeadbeefdeadbeef").await.refused(401, "nonce_unknown");
        wallet.post_named(&world, "").await.refused(401, "nonce_unknown");
        wallet.post_named(&world, &own.to_uppercase()).await.refused(401, "nonce_unknown");
        wallet.post_named(&world, &Wallet::number(2).nonce(&world).await).await.refused(401, "nonce_unknown");
        let body = json!({"address": wallet.address, "signature": wallet.sign("another text"), "nonce": own});
        world.post("/users/authenticate", body).await.refused(401, "invalid_signature");
        wallet.post_named(&world, &own).await.ok(200);
        wallet.post_named(&world, &own).await.refused(401, "nonce_used");
    }

    async fn used_free_nonces_are_forgotten_once_they_have_expired(world: World) {
        let free = world.get("/users/nonce").await.ok(200).field("nonce").to_owned();
        Wallet::number(1).post_named(&world, &free).await.ok(200);
        world.core.sweep().await.unwrap();
        Wallet::number(1).post_named(&world, &free).await.refused(401, "nonce_used");
        world.pass(2 * 60 * MINUTE);
        world.core.sweep().await.unwrap();
        Wallet::number(1).post_named(&world, &free).await.refused(401, "nonce_expired");
    }
}
