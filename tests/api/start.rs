//! Starts over data of before: changed root secrets, second nodes.

use countersign::app::App;
use countersign::clock::Clock;
use countersign::config::{Config, Environment};
use countersign::random::Random;

use crate::support::wallet::{Session, Wallet, refresh};
use crate::support::world::{START, World, on_both};

on_both! {
    async fn a_new_root_secret_keeps_what_the_old_one_signed(world: World) {
        let wallet = Wallet::number(1);
        let session = wallet.sign_in(&world).await;
        let key = session.api_key(&world).await;
        let pending = wallet.nonce(&world).await;
        let free = world.get("/users/nonce").await.ok(200).field("nonce").to_owned();
        let renewed = world.under_new_secret([0x22; 32]).await;
        session.read(&renewed).await.ok(200);
        renewed.call("GET", &session.profile_path(), &[("x-api-key", &key)], &serde_json::Value::Null).await.ok(200);
        refresh(&renewed, &session.refresh).await.ok(200);
        wallet.post_named(&renewed, &free).await.ok(200);
        wallet.post(&renewed, &wallet.sign(&pending)).await.ok(200);
        // The count of before goes on: what was used before the change stays used.
        wallet.post(&renewed, &wallet.sign(&pending)).await.refused(401, "nonce_used");
        assert_ne!(session.api_key(&renewed).await, key, "new keys are signed by the new secret");
    }

    async fn the_old_secret_can_be_dropped_once_it_is_replaced(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let free = world.get("/users/nonce").await.ok(200).field("nonce").to_owned();
        world.under_new_secret([0x22; 32]).await;
        let alone = world.again_with(&[("SECRET", &"22".repeat(32))]).await;
        session.read(&alone).await.ok(200);
        refresh(&alone, &session.refresh).await.refused(401, "invalid_refresh_token");
        Wallet::number(1).post_named(&alone, &free).await.refused(401, "nonce_unknown");
        Wallet::number(1).sign_in(&alone).await;
    }

    async fn a_root_secret_is_replaced_node_by_node_without_a_refusal(world: World) {
        let second = world.again_with(&[]).await;
        let announced = format!("[\"{}\"]", "22".repeat(32));
        let world = world.again_with(&[("PREVIOUS_SECRETS", &announced)]).await;
        let second = second.again_with(&[("PREVIOUS_SECRETS", &announced)]).await;
        let renewed = second.under_new_secret([0x22; 32]).await;
        let wallet = Wallet::number(1);
        for (asked, posted) in [(&world, &renewed), (&renewed, &world)] {
            let nonce = wallet.nonce(asked).await;
            let session = Session::of(&wallet.post(posted, &wallet.sign(&nonce)).await.ok(200));
            refresh(asked, &session.refresh).await.ok(200);
            session.read(asked).await.ok(200);
        }
        // A node of the first step may still be restarted after the second has begun.
        world.again_with(&[]).await.get("/readyz").await.ok(200);
    }

    async fn a_wrong_root_secret_stops_the_start(world: World) {
        let fault = start_with(&world, &[("SECRET", "33".repeat(32))]).await;
        assert!(fault.contains("not the one of this database"), "{fault}");
        let strangers = format!("[\"{}\"]", "44".repeat(32));
        let fault = start_with(&world, &[("SECRET", "33".repeat(32)), ("PREVIOUS_SECRETS", strangers)]).await;
        assert!(fault.contains("not the one of this database"), "{fault}");
        Wallet::number(1).sign_in(&world).await;
    }
}

async fn start_with(world: &World, changes: &[(&str, String)]) -> String {
    let config = Config::load(&[], &Environment(world.variables_with(changes))).unwrap();
    let started = App::open(config, Clock::manual(START), Random::seeded(3)).await;
    let fault = started.err().expect("the start is refused").to_string();
    assert!(!fault.contains('\n'), "{fault}");
    fault
}
