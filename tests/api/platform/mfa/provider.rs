//! Signing in by an OpenID provider to an account with a second factor: what it says is the first step, and the code the
//! second one.

use std::time::Duration;

use countersign::identity::Who;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::authenticator::{Authenticator, verify, verify_and_remember};
use crate::support::openid::{PAGE, Provider, finish, sign_in, start};
use crate::support::person::{PASSWORD, call_as, session};
use crate::support::wallet::{Session, refresh};
use crate::support::world::{Answer, World, on_both};

const GOOGLE: &str = "/v1/auth/google";
const IDENTITIES: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM identities";
const SESSIONS: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM sessions";

async fn count(world: &World, sql: &'static str) -> String {
    world.data().await.text(sql).await
}

/// Somebody whose account has a second factor, whose address is verified, and who is not linked yet.
struct Owner {
    world: World,
    provider: Provider,
    bearer: String,
    own: Authenticator,
}

impl Owner {
    async fn of(world: &World) -> Self {
        let provider = Provider::start();
        let world = provider.before(world, &[]).await;
        let bearer = session(&world, "trader1").await;
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
        let own = Authenticator::in_force(&world, &bearer).await;
        world.mails().await;
        Self { world, provider, bearer, own }
    }

    /// The first step.
    async fn step(&self) -> Answer {
        sign_in(&self.world, &self.provider.code("trader1", json!({}))).await
    }

    /// The ticket of the first step.
    async fn ticket(&self) -> String {
        let step = self.step().await.ok(200);
        assert_eq!(step.json["mfaRequired"], true, "{}", step.text);
        step.field("token").to_owned()
    }
}

/// What the access token of an answer claims.
fn amr(answer: &Answer) -> Value {
    let token = answer.field("token").to_owned();
    Session { address: String::new(), token, refresh: String::new() }.claims()["amr"].clone()
}

on_both! {
    async fn the_code_is_due_after_what_the_provider_says_and_links_with_it(world: World) {
        let owner = Owner::of(&world).await;
        let (world, own) = (&owner.world, &owner.own);
        let before = count(world, SESSIONS).await;
        let step = owner.step().await.ok(200);
        assert_eq!(step.headers["cache-control"], "no-store");
        assert_eq!((&step.json["mfaRequired"], &step.json["refreshToken"]), (&json!(true), &Value::Null));
        assert_eq!((step.field("message"), step.field("username")), ("Code required", "trader1"));
        assert_eq!(step.field("expiresAt"), "2026-01-01T00:05:00Z");
        let ticket = step.field("token");
        for path in ["/users/wallets", "/v1/users/details", "/api/users/profile", "/auth/me"] {
            call_as(world, ticket, "GET", path, Value::Null).await.refused(401, "invalid_token");
        }
        assert_eq!((count(world, IDENTITIES).await, count(world, SESSIONS).await), ("0".to_owned(), before));
        assert_eq!(world.mails().await.len(), 0);
        verify(world, ticket, &own.wrong(world)).await.refused(401, "invalid_code");
        assert_eq!(count(world, IDENTITIES).await, "0");
        let done = verify(world, ticket, &own.next(world)).await.ok(200);
        assert_eq!(amr(&done), json!(["fed", "otp", "mfa"]));
        let refreshed = refresh(world, done.field("refreshToken")).await.ok(200);
        assert_eq!(amr(&refreshed), json!(["fed", "otp", "mfa"]), "also after a refresh");
        assert_eq!(count(world, IDENTITIES).await, "1");
        let subjects: Vec<_> = world.mails().await.into_iter().map(|mail| mail.subject).collect();
        assert_eq!(subjects, ["A sign-in was linked to your account"]);
        verify(world, ticket, &own.next(world)).await.refused(401, "invalid_token");
        // He is linked from then on, whatever is said of his address, and asked all the same.
        let again = sign_in(world, &owner.provider.code("trader1", json!({"email_verified": false}))).await.ok(200);
        assert_eq!(again.json["mfaRequired"], true);
        verify(world, again.field("token"), &own.next(world)).await.ok(200);
        assert_eq!((count(world, IDENTITIES).await.as_str(), world.mails().await.len()), ("1", 0));
    }

    async fn each_step_is_in_the_audit_trail_and_the_metrics(world: World) {
        let owner = Owner::of(&world).await;
        let (world, own) = (&owner.world, &owner.own);
        let ticket = owner.ticket().await;
        verify(world, &ticket, &own.wrong(world)).await.refused(401, "invalid_code");
        verify(world, &ticket, &own.next(world)).await.ok(200);
        let id = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
        let mut reader = world.core.db().read().await.unwrap();
        let events = countersign::store::audit::list(&mut reader, id).await.unwrap();
        let told: Vec<String> = events
            .into_iter()
            .map(|(name, detail)| detail.map_or(name.clone(), |detail| format!("{name} {detail}")))
            .skip_while(|event| event != "second_factor_on first")
            .skip(1)
            .collect();
        assert_eq!(told, [
            "sign_in_refused mfa_required",
            "second_factor_refused invalid_code",
            "second_factor_used totp",
            "identity_linked",
            "signed_in provider",
        ]);
        let metrics = world.core.metrics_text();
        for outcome in ["mfa_required", "invalid_code", "ok"] {
            let line = format!("countersign_sign_ins_total{{outcome=\"{outcome}\"}} ");
            assert!(metrics.contains(&line), "{line} in {metrics}");
        }
    }

    async fn a_device_that_is_trusted_is_not_asked(world: World) {
        let owner = Owner::of(&world).await;
        let (world, own) = (&owner.world, &owner.own);
        let trusted = verify_and_remember(world, &owner.ticket().await, &own.next(world)).await.ok(200);
        let device = trusted.field("deviceToken");
        let with = async |device: &str| {
            let code = json!({"code": owner.provider.code("trader1", json!({}))});
            world.call("POST", GOOGLE, &[("x-device-token", device)], &code).await
        };
        let known = with(device).await.ok(200);
        assert_eq!((&known.json["mfaRequired"], amr(&known)), (&json!(false), json!(["fed"])), "no code was shown");
        refresh(world, known.field("refreshToken")).await.ok(200);
        for stranger in ["", "cdt_", "no token"] {
            assert_eq!(with(stranger).await.ok(200).json["mfaRequired"], true, "{stranger:?}");
        }
        let headers = [("x-device-token", device), ("x-device-token", "another")];
        world.call("POST", GOOGLE, &headers, &json!({"code": "a"})).await.refused(400, "ambiguous_credentials");
        world.pass(Duration::from_hours(30 * 24));
        let late = owner.provider.claims("trader1", json!({"iat": world.clock.now().seconds(), "exp": world.clock.now().seconds() + 60}));
        let late = json!({"code": owner.provider.code("trader1", late)});
        assert_eq!(world.call("POST", GOOGLE, &[("x-device-token", device)], &late).await.ok(200).json["mfaRequired"], true);
    }

    async fn the_first_step_uses_up_state_and_code(world: World) {
        let owner = Owner::of(&world).await;
        let world = &owner.world;
        let started = start(world, PAGE).await.ok(200);
        let (page, state) = (started.field("authorizationUrl"), started.field("state"));
        let step = finish(world, &owner.provider.visit(page, "trader1", json!({})), state).await.ok(200);
        assert_eq!(step.json["mfaRequired"], true);
        finish(world, &owner.provider.visit(page, "trader1", json!({})), state).await.refused(401, "state_used");
        verify(world, step.field("token"), &owner.own.next(world)).await.ok(200);
    }

    async fn what_it_stands_on_may_not_change_between_the_steps(world: World) {
        let owner = Owner::of(&world).await;
        let (world, own) = (&owner.world, &owner.own);
        let id = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
        // Whom the provider vouched for was linked to another account meanwhile.
        let before = owner.ticket().await;
        let elsewhere = owner.provider.code("trader1", json!({"email": "another@example.com"}));
        sign_in(world, &elsewhere).await.ok(200);
        verify(world, &before, &own.next(world)).await.refused(401, "session_ended");
        world.data().await.execute("DELETE FROM identities").await;
        // The address is another one, so nothing says any more that the account is his.
        let before = owner.ticket().await;
        let change = json!({"email": "new@example.com", "current_password": PASSWORD, "otp": own.next(world)});
        call_as(world, &owner.bearer, "PUT", "/api/users/profile", change).await.ok(200);
        verify(world, &before, &own.next(world)).await.refused(401, "session_ended");
        let made = owner.step().await.ok(200);
        assert_ne!(made.field("userId"), id.to_string(), "his address is nobody's by now");
        world.data().await.execute("DELETE FROM identities").await;
        let back = json!({"email": "trader1@example.com", "current_password": PASSWORD, "otp": own.next(world)});
        call_as(world, &owner.bearer, "PUT", "/api/users/profile", back).await.refused(409, "identity_already_used");
        assert_eq!(count(world, IDENTITIES).await, "0");
    }

    async fn a_disabled_account_is_refused_in_both_steps(world: World) {
        let owner = Owner::of(&world).await;
        let (world, own) = (&owner.world, &owner.own);
        let id = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
        let before = owner.ticket().await;
        world.core.disable_account(id).await.unwrap();
        verify(world, &before, &own.next(world)).await.refused(403, "account_disabled");
        owner.step().await.refused(403, "account_disabled");
        assert_eq!(count(world, IDENTITIES).await, "0");
    }

    async fn of_many_codes_at_once_that_come_with_one_ticket_one_signs_in_and_links(world: World) {
        let owner = Owner::of(&world).await;
        let world = &owner.world;
        let ticket = owner.ticket().await;
        let other = world.again_with(&[]).await;
        let both = [world, &other];
        let answers = owner.own.backup.iter().enumerate().map(|(at, code)| verify(both[at % 2], &ticket, code));
        let answers = join_all(answers).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            answer.refused(401, "invalid_token");
        }
        assert_eq!(count(world, IDENTITIES).await, "1");
        assert_eq!(world.mails().await.len(), 1);
    }

    async fn no_session_by_a_provider_lives_without_it_that_began_while_it_was_switched_on(world: World) {
        let provider = Provider::start();
        let world = provider.before(&world, &[]).await;
        for round in 0..3 {
            let name = format!("trader{round}");
            let bearer = session(&world, &name).await;
            world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
            let setup = call_as(&world, &bearer, "POST", "/v1/auth/mfa/setup", Value::Null).await.ok(200);
            let code = Authenticator::of(&setup).code(&world);
            let codes: Vec<_> = (0..10).map(|_| provider.code(&name, json!({}))).collect();
            let sign_ins = join_all(codes.iter().map(|code| sign_in(&world, code)));
            let (on, steps) = tokio::join!(verify(&world, &bearer, &code), sign_ins);
            on.ok(200);
            for step in steps {
                let step = step.ok(200);
                let refusal = if step.json["mfaRequired"] == true { "invalid_token" } else { "session_ended" };
                let used = call_as(&world, step.field("token"), "GET", "/api/users/profile", Value::Null).await;
                used.refused(401, refusal);
            }
        }
    }

    async fn many_sign_ins_at_once_link_once_whichever_is_finished_first(world: World) {
        let owner = Owner::of(&world).await;
        let world = &owner.world;
        let tickets = join_all((0..10).map(|_| owner.ticket())).await;
        let answers = tickets.iter().zip(&owner.own.backup).map(|(ticket, code)| verify(world, ticket, code));
        for answer in join_all(answers).await {
            answer.ok(200);
        }
        assert_eq!((count(world, IDENTITIES).await.as_str(), world.mails().await.len()), ("1", 1));
    }
}
