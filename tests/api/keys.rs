//! The signing keys: how a new one takes over, on every node, without a refusal.

use std::time::Duration;

use crate::support::wallet::{Session, Wallet};
use crate::support::world::{World, on_both};

const SECOND: Duration = Duration::from_secs(1);
/// How long a key is published before it signs: 15 seconds, and the skew of clocks.
const PUBLISHED: Duration = Duration::from_secs(45);

fn header(session: &Session) -> &str {
    session.token.split('.').next().unwrap()
}

async fn published(world: &World) -> usize {
    world.get("/.well-known/jwks.json").await.ok(200).json["keys"].as_array().unwrap().len()
}

on_both! {
    async fn a_rotated_key_signs_once_every_clock_and_cache_has_had_its_time(world: World) {
        let wallet = Wallet::number(1);
        let old = wallet.sign_in(&world).await;
        world.rotate_signing_key().await;
        let answer = world.get("/.well-known/jwks.json").await.ok(200);
        assert_eq!(answer.headers["cache-control"], "public, max-age=10");
        assert_eq!(published(&world).await, 2);
        world.pass(44 * SECOND);
        assert_eq!(header(&wallet.sign_in(&world).await), header(&old));
        world.pass(SECOND);
        let new = wallet.sign_in(&world).await;
        assert_ne!(header(&new), header(&old));
        for session in [&old, &new] {
            session.read(&world).await.ok(200);
        }
    }

    async fn keys_wait_for_clocks_that_may_be_further_apart(world: World) {
        let wallet = Wallet::number(1);
        let world = world.again_with(&[("WALLET__CLOCK_SKEW", "300")]).await;
        let old = wallet.sign_in(&world).await;
        world.rotate_signing_key().await;
        world.pass(314 * SECOND);
        assert_eq!(header(&wallet.sign_in(&world).await), header(&old));
        world.pass(SECOND);
        assert_ne!(header(&wallet.sign_in(&world).await), header(&old));
    }

    async fn a_node_looks_for_a_key_that_it_missed(world: World) {
        let second = world.again_with(&[]).await;
        world.rotate_signing_key().await;
        world.pass(PUBLISHED);
        let session = Wallet::number(1).sign_in(&world).await;
        assert_eq!(published(&second).await, 1);
        session.read(&second).await.ok(200);
        assert_eq!(published(&second).await, 2);
    }

    async fn many_tokens_of_a_missed_key_at_once_are_all_verified(world: World) {
        let second = world.again_with(&[]).await;
        world.rotate_signing_key().await;
        world.pass(PUBLISHED);
        let sessions = futures_util::future::join_all((1..9).map(|n| {
            let world = &world;
            async move { Wallet::number(n).sign_in(world).await }
        }))
        .await;
        for answer in futures_util::future::join_all(sessions.iter().map(|session| session.read(&second))).await {
            answer.ok(200);
        }
    }
}
