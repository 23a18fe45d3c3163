//! Refreshing and ending sessions.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use crate::support::wallet::{Wallet, refresh};
use crate::support::world::{World, on_both};

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_hours(24);

on_both! {
    async fn a_refresh_gives_the_next_tokens_of_the_same_session(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        world.pass(60 * SECOND);
        let answer = refresh(&world, &session.refresh).await.ok(200);
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.field("expiresAt"), "2026-01-01T00:31:00Z");
        assert_ne!(answer.field("refreshToken"), session.refresh);
        world.get_as(answer.field("token"), &session.profile_path()).await.ok(200);
        session.read(&world).await.ok(200);
    }

    async fn within_the_grace_the_last_token_gets_the_same_successor(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let first = refresh(&world, &session.refresh).await.ok(200);
        world.pass(9 * SECOND);
        let again = refresh(&world, &session.refresh).await.ok(200);
        assert_eq!(again.field("refreshToken"), first.field("refreshToken"));
        refresh(&world, first.field("refreshToken")).await.ok(200);
    }

    async fn refresh_reuse_ends_the_session(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let next = refresh(&world, &session.refresh).await.ok(200);
        world.pass(10 * SECOND);
        refresh(&world, &session.refresh).await.refused(401, "refresh_token_reused");
        refresh(&world, next.field("refreshToken")).await.refused(401, "session_ended");
        refresh(&world, &session.refresh).await.refused(401, "session_ended");
        session.read(&world).await.refused(401, "session_ended");
        world.get_as(next.field("token"), &session.profile_path()).await.refused(401, "session_ended");
    }

    async fn a_token_two_generations_old_ends_the_session_even_within_the_grace(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let next = refresh(&world, &session.refresh).await.ok(200);
        refresh(&world, next.field("refreshToken")).await.ok(200);
        refresh(&world, &session.refresh).await.refused(401, "refresh_token_reused");
        session.read(&world).await.refused(401, "session_ended");
    }

    async fn two_hundred_refreshes_at_once_give_one_successor(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let answers = join_all((0..200).map(|_| refresh(&world, &session.refresh))).await;
        let successors: std::collections::BTreeSet<_> =
            answers.into_iter().map(|answer| answer.ok(200).field("refreshToken").to_owned()).collect();
        assert_eq!(successors.len(), 1);
        let successor = successors.first().unwrap();
        refresh(&world, successor).await.ok(200);
    }

    async fn refreshes_on_two_nodes_at_once_give_one_successor(world: World) {
        let second = world.again_with(&[]).await;
        let session = Wallet::number(1).sign_in(&world).await;
        let nodes = [&world, &second];
        let answers = join_all((0..40).map(|turn| refresh(nodes[turn % 2], &session.refresh))).await;
        let successors: std::collections::BTreeSet<_> =
            answers.into_iter().map(|answer| answer.ok(200).field("refreshToken").to_owned()).collect();
        assert_eq!(successors.len(), 1);
    }

    async fn a_restart_remembers_the_rotation(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        refresh(&world, &session.refresh).await.ok(200);
        world.pass(11 * SECOND);
        let restarted = world.again_with(&[]).await;
        refresh(&restarted, &session.refresh).await.refused(401, "refresh_token_reused");
    }

    async fn a_session_ends_after_thirty_idle_days_and_after_ninety_at_the_latest(world: World) {
        let idle = Wallet::number(1).sign_in(&world).await;
        let mut busy = Wallet::number(2).sign_in(&world).await.refresh;
        world.pass(30 * DAY);
        refresh(&world, &idle.refresh).await.refused(401, "session_ended");
        refresh(&world, &busy).await.refused(401, "session_ended");
        busy = Wallet::number(2).sign_in(&world).await.refresh;
        for _ in 0..4 {
            world.pass(20 * DAY);
            busy = refresh(&world, &busy).await.ok(200).field("refreshToken").to_owned();
        }
        world.pass(10 * DAY);
        refresh(&world, &busy).await.refused(401, "session_ended");
    }

    async fn an_access_token_never_outlives_its_session(world: World) {
        let mut token = Wallet::number(1).sign_in(&world).await.refresh;
        for _ in 0..4 {
            world.pass(20 * DAY);
            token = refresh(&world, &token).await.ok(200).field("refreshToken").to_owned();
        }
        world.pass(9 * DAY);
        world.pass(Duration::from_mins(24 * 60 - 1));
        let last = refresh(&world, &token).await.ok(200);
        assert_eq!(last.field("expiresAt"), "2026-04-01T00:00:00Z");
    }

    async fn signing_out_ends_the_session_and_no_other(world: World) {
        let wallet = Wallet::number(1);
        let (one, other) = (wallet.sign_in(&world).await, wallet.sign_in(&world).await);
        world.post_as(&one.token, "/users/logout", json!(null)).await.ok(204);
        one.read(&world).await.refused(401, "session_ended");
        world.post_as(&one.token, "/users/logout", json!(null)).await.refused(401, "session_ended");
        refresh(&world, &one.refresh).await.refused(401, "session_ended");
        other.read(&world).await.ok(200);
    }

    async fn what_is_no_refresh_token_is_refused(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        let truncated = &session.refresh[..session.refresh.len() - 1];
        for token in ["", "csr_", truncated, &session.token, &key, &session.refresh.replace("csr_", "csk_")] {
            refresh(&world, token).await.refused(401, "invalid_refresh_token");
        }
        refresh(&world, &session.refresh).await.ok(200);
    }

    async fn expired_sessions_are_swept_and_live_ones_are_not(world: World) {
        let old = Wallet::number(1).sign_in(&world).await;
        world.pass(60 * DAY);
        let young = Wallet::number(2).sign_in(&world).await;
        world.pass(30 * DAY + 1800 * SECOND);
        world.core.sweep().await.unwrap();
        refresh(&world, &old.refresh).await.refused(401, "session_ended");
        world.pass(2 * 3600 * SECOND);
        world.core.sweep().await.unwrap();
        refresh(&world, &old.refresh).await.refused(401, "invalid_refresh_token");
        refresh(&world, &young.refresh).await.refused(401, "session_ended");
    }
}
