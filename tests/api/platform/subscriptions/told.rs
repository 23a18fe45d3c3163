//! Where the subscription in force is told: at sign-ins, in the claim `plan`, in details and memberships.

use std::time::Duration;

use serde_json::{Value, json};

use super::{PLANS, change, offering, put, subscribe};
use crate::support::person::{PASSWORD, token as users_token};
use crate::support::platform::{authenticate, join, with};
use crate::support::wallet::{Wallet, claims, refresh};
use crate::support::world::{Answer, World, on_both};

/// What the access token of an answer claims of a plan.
fn claimed(answer: &Answer) -> Value {
    claims(answer.field("token"))["plan"].clone()
}

async fn signed_in(world: &World) -> Answer {
    authenticate(world, "trader1", PASSWORD).await.ok(200)
}

async fn memberships(world: &World) -> Value {
    world.get("/v1/users/trader1@example.com/memberships").await.ok(200).json["memberships"].clone()
}

on_both! {
    async fn it_is_told_everywhere_while_it_is_in_force_and_nowhere_else(world: World) {
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        let details = async |token: &str| world.get_as(token, "/v1/users/details").await.ok(200).json["subscription"].clone();
        let nothing = async || {
            let answer = signed_in(&world).await;
            assert_eq!((&answer.json["subscription"], claimed(&answer)), (&Value::Null, Value::Null));
            assert!(!claims(answer.field("token")).as_object().unwrap().contains_key("plan"), "a claim without a value is left out");
            assert_eq!((details(answer.field("token")).await, memberships(&world).await), (Value::Null, json!([])));
        };
        let everything = async |plan: &str, end: &str| {
            let answer = signed_in(&world).await;
            assert_eq!((&answer.json["subscription"], claimed(&answer)), (&json!({"plan": plan, "status": "active"}), json!(plan)));
            let own = details(answer.field("token")).await;
            assert_eq!(own, json!({"plan": plan, "status": "active", "expiresAt": end}));
            assert_eq!(memberships(&world).await, json!([{"plan": plan, "status": "active", "validUntil": end}]));
        };
        nothing().await;
        let id = subscribe(&world, &token, "basic_monthly").await.ok(201).field("id").to_owned();
        everything("basic", "2026-02-01T00:00:00Z").await;
        put(&world, &token, &id, "pause").await.ok(200);
        nothing().await;
        put(&world, &token, &id, "unpause").await.ok(200);
        change(&world, &token, &id, "club").await.ok(200);
        everything("club", "2026-02-01T00:00:00Z").await;
        put(&world, &token, &id, "cancel").await.ok(200);
        world.pass(Duration::from_hours(31 * 24) - Duration::from_secs(1));
        everything("club", "2026-02-01T00:00:00Z").await;
        // It is over without anybody's doing.
        world.pass(Duration::from_secs(1));
        nothing().await;
    }

    async fn a_token_says_what_was_so_when_it_was_issued_and_the_next_one_what_is_so_then(world: World) {
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        let before = signed_in(&world).await;
        let id = subscribe(&world, &token, "basic_monthly").await.ok(201).field("id").to_owned();
        let renewed = refresh(&world, before.field("refreshToken")).await.ok(200);
        assert_eq!((claimed(&before), claimed(&renewed)), (Value::Null, json!("basic")));
        let headers = [("sk-refresh-token", renewed.field("refreshToken"))];
        change(&world, renewed.field("token"), &id, "club").await.ok(200);
        let renewed = world.call("POST", "/v1/users/refresh-token", &headers, &Value::Null).await.ok(200);
        assert_eq!(claimed(&renewed), json!("club"));
        put(&world, renewed.field("token"), &id, "pause").await.ok(200);
        let renewed = refresh(&world, renewed.field("refreshToken")).await.ok(200);
        assert_eq!(claimed(&renewed), Value::Null);
        put(&world, renewed.field("token"), &id, "unpause").await.ok(200);
        put(&world, renewed.field("token"), &id, "cancel").await.ok(200);
        let mut renewed = refresh(&world, renewed.field("refreshToken")).await.ok(200);
        assert_eq!(claimed(&renewed), json!("club"));
        for _ in 0..2 {
            world.pass(Duration::from_hours(16 * 24));
            renewed = refresh(&world, renewed.field("refreshToken")).await.ok(200);
        }
        assert_eq!(claimed(&renewed), Value::Null);
    }

    async fn every_door_that_issues_access_tokens_says_it(world: World) {
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        subscribe(&world, &token, "club").await.ok(201);
        let by_users = users_token(&world, "trader1", PASSWORD).await.ok(200);
        assert_eq!(claimed(&by_users), json!("club"));
        let body = json!({"email": "trader1@example.com", "password": PASSWORD});
        let by_session = world.post("/auth/login", body).await.ok(200);
        assert_eq!(claims(by_session.field("access_token"))["plan"], "club");
        // By a wallet, whose sign-ins are read and stored together with others.
        let wallet = Wallet::number(1);
        let own = wallet.sign_in(&world).await;
        assert_eq!(own.claims()["plan"], Value::Null);
        subscribe(&world, &own.token, "basic_yearly").await.ok(201);
        assert_eq!(wallet.sign_in(&world).await.claims()["plan"], "basic");
        // And who has one is told from who has none.
        join(&world, "trader2").await;
        assert_eq!(claimed(&users_token(&world, "trader2", PASSWORD).await.ok(200)), Value::Null);
    }

    async fn as_long_as_the_second_factor_is_due_it_is_not_told(world: World) {
        use crate::support::authenticator::Authenticator;
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        subscribe(&world, &token, "club").await.ok(201);
        let own = Authenticator::in_force(&world, &token).await;
        let due = signed_in(&world).await;
        assert_eq!((&due.json["mfaRequired"], &due.json["subscription"]), (&json!(true), &Value::Null));
        let code = own.next(&world);
        let done = with(&world, due.field("token"), "POST", "/v1/auth/mfa/verify", json!({"code": code})).await.ok(200);
        assert_eq!(claimed(&done), json!("club"));
    }

    async fn a_plan_that_is_gone_is_told_by_its_id_and_one_that_gets_another_name_by_that(world: World) {
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        subscribe(&world, &token, "basic_monthly").await.ok(201);
        let without = world.again_with(&[("PLANS", "[]")]).await;
        let answer = signed_in(&without).await;
        assert_eq!((&answer.json["subscription"]["plan"], claimed(&answer)), (&json!("basic_monthly"), json!("basic_monthly")));
        assert_eq!(memberships(&without).await[0]["plan"], "basic_monthly");
        let renamed = world.again_with(&[("PLANS", r#"[{"id":"basic_monthly","plan":"starter"}]"#)]).await;
        assert_eq!(claimed(&signed_in(&renamed).await), json!("starter"));
    }

    async fn memberships_tell_it_beside_what_a_provider_signed_and_nothing_of_who_is_disabled(world: World) {
        let world = world.again_with(&[("PLANS", PLANS), ("MEMBERSHIP__SECRET", "shared with the provider")]).await;
        let token = join(&world, "trader1").await;
        subscribe(&world, &token, "club").await.ok(201);
        world.data().await.execute("INSERT INTO memberships (account_id, data, verified, issued_at, updated_at) \
            SELECT id, '{\"plan\":\"pro\"}', TRUE, 1, 1 FROM accounts").await;
        let signed = json!({"plan": "pro", "status": "active", "validUntil": null});
        let own = json!({"plan": "club", "status": "active", "validUntil": "2026-02-01T00:00:00Z"});
        assert_eq!(memberships(&world).await, json!([signed, own]));
        world.data().await.execute("UPDATE accounts SET disabled_at = 1").await;
        assert_eq!(memberships(&world).await, json!([]));
    }

    async fn every_state_is_in_force_or_not_as_the_rule_says(world: World) {
        let world = offering(&world).await;
        let token = join(&world, "trader1").await;
        subscribe(&world, &token, "club").await.ok(201);
        let states: [(&str, &'static str, bool); 6] = [
            ("incomplete", "UPDATE subscriptions SET state = 'incomplete'", false),
            ("trialing", "UPDATE subscriptions SET state = 'trialing'", true),
            ("active", "UPDATE subscriptions SET state = 'active'", true),
            ("past_due", "UPDATE subscriptions SET state = 'past_due'", true),
            ("paused", "UPDATE subscriptions SET state = 'paused'", false),
            ("canceled", "UPDATE subscriptions SET state = 'canceled'", false),
        ];
        for (state, sql, in_force) in states {
            world.data().await.execute(sql).await;
            world.data().await.execute("UPDATE accounts SET plan_state = (SELECT state FROM subscriptions)").await;
            let answer = signed_in(&world).await;
            let told = if in_force { json!({"plan": "club", "status": state}) } else { Value::Null };
            assert_eq!(answer.json["subscription"], told);
            assert_eq!((claimed(&answer).is_null(), memberships(&world).await == json!([])), (!in_force, !in_force), "{state}");
        }
        // What is damaged gives nothing, and lets its owner in.
        world.data().await.execute("UPDATE accounts SET plan_state = 'golden'").await;
        assert_eq!(signed_in(&world).await.json["subscription"], Value::Null);
    }
}
