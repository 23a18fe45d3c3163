//! The audit trail: what is recorded, what is not, and for how long.

use std::time::Duration;

use countersign::model::AccountId;
use countersign::store::audit;
use serde_json::{Value, json};

use crate::support::wallet::{Session, Wallet, refresh};
use crate::support::world::{World, on_both};

const DAY: Duration = Duration::from_hours(24);

fn account(session: &Session) -> AccountId {
    AccountId(session.claims()["sub"].as_str().unwrap().parse().unwrap())
}

/// The events of an account since its first session began: names, with what else there is to say.
async fn events(world: &World, session: &Session) -> Vec<String> {
    let mut reader = world.core.db().read().await.unwrap();
    let events = audit::list(&mut reader, account(session)).await.unwrap();
    let told = |(name, detail): (String, Option<String>)| match detail {
        Some(detail) => format!("{name} {detail}"),
        None => name,
    };
    events.into_iter().map(told).filter(|event| !["account_created", "signed_in"].contains(&event.as_str())).collect()
}

async fn count(world: &World) -> i64 {
    audit::count(&mut world.core.db().read().await.unwrap()).await.unwrap()
}

async fn with_key(world: &World, session: &Session, key: &str) -> crate::support::world::Answer {
    world.call("GET", &session.profile_path(), &[("x-api-key", key)], &Value::Null).await
}

on_both! {
    async fn refusals_of_credentials_that_were_good_once_are_recorded(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        world.post_as(&session.token, "/users/api-key/rotate", Value::Null).await.ok(200);
        with_key(&world, &session, &key).await.refused(401, "invalid_api_key");
        let key = session.api_key(&world).await;
        world.post_as(&session.token, "/users/logout", Value::Null).await.ok(204);
        session.read(&world).await.refused(401, "session_ended");
        refresh(&world, &session.refresh).await.refused(401, "session_ended");
        world.core.disable_account(account(&session)).await.unwrap();
        with_key(&world, &session, &key).await.refused(403, "account_disabled");
        refresh(&world, &session.refresh).await.refused(403, "account_disabled");
        assert_eq!(events(&world, &session).await, [
            "api_key_rotated",
            "credential_refused invalid_api_key",
            "signed_out",
            "credential_refused session_ended",
            "refresh_refused session_ended",
            "account_disabled",
            "credential_refused account_disabled",
            "refresh_refused account_disabled",
        ]);
    }

    async fn what_nobody_issued_and_what_expired_as_it_should_leave_nothing(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let before = count(&world).await;
        for token in ["", "made.up.token", &session.refresh, &session.token[..session.token.len() - 1]] {
            world.get_as(token, &session.profile_path()).await.refused(401, "invalid_token");
            refresh(&world, token.trim_start_matches("csr_")).await.refused(401, "invalid_refresh_token");
        }
        with_key(&world, &session, "csk_made-up").await.refused(401, "invalid_api_key");
        world.pass(Duration::from_mins(30));
        session.read(&world).await.refused(401, "token_expired");
        assert_eq!(count(&world).await, before);
    }

    async fn what_a_limit_refuses_writes_no_row(world: World) {
        let limited = [("LIMITS__ENABLED", "true"), ("LIMITS__REFUSED_CREDENTIALS__BURST", "3")];
        let world = world.again_with(&limited).await;
        let session = Wallet::number(1).sign_in(&world).await;
        world.post_as(&session.token, "/users/logout", Value::Null).await.ok(204);
        let before = count(&world).await;
        for _ in 0..3 {
            session.read(&world).await.refused(401, "session_ended");
        }
        for _ in 0..20 {
            session.read(&world).await.refused(429, "too_many_requests");
            refresh(&world, &session.refresh).await.refused(429, "too_many_requests");
        }
        assert_eq!(count(&world).await, before + 3);
        let counted = "countersign_limited_total{policy=\"refused_credentials\"} 40";
        assert!(world.core.metrics_text().contains(counted), "{}", world.core.metrics_text());
    }

    async fn a_change_of_the_profile_tells_by_what_it_was_made(world: World) {
        let session = Wallet::number(1).sign_in(&world).await;
        let key = session.api_key(&world).await;
        world.post_as(&session.token, &session.profile_path(), json!({"name": "a"})).await.ok(200);
        world.call("POST", &session.profile_path(), &[("x-api-key", &key)], &json!({"name": "b"})).await.ok(200);
        assert_eq!(events(&world, &session).await, ["profile_changed session", "profile_changed api_key"]);
    }

    async fn a_rotation_of_the_signing_key_tells_which_one_goes_and_which_one_comes(world: World) {
        let before = count(&world).await;
        world.rotate_signing_key().await;
        assert_eq!(count(&world).await, before + 2);
        world.rotate_signing_key().await;
        assert_eq!(count(&world).await, before + 4);
    }

    async fn events_are_kept_for_a_year_or_as_long_as_is_configured(world: World) {
        let kept = world.again_with(&[("AUDIT__RETENTION", "0")]).await;
        let brief = world.again_with(&[("AUDIT__RETENTION", "30days")]).await;
        // More than one step of the sweep.
        for _ in 0..251 {
            world.rotate_signing_key().await;
        }
        let all = count(&world).await;
        assert!(all > 500, "{all}");
        world.pass(29 * DAY);
        Wallet::number(1).sign_in(&world).await;
        brief.core.sweep().await.unwrap();
        assert_eq!(count(&world).await, all + 2);
        world.pass(336 * DAY);
        kept.core.sweep().await.unwrap();
        world.core.sweep().await.unwrap();
        assert_eq!(count(&world).await, all + 2);
        world.pass(DAY);
        kept.core.sweep().await.unwrap();
        assert_eq!(count(&world).await, all + 2);
        world.core.sweep().await.unwrap();
        assert_eq!(count(&world).await, 2);
        brief.core.sweep().await.unwrap();
        assert_eq!(count(&world).await, 0);
    }
}
