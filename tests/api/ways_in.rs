//! Every way to get a token, tried by accounts that must not: one table, so that no way is forgotten.

use std::sync::Arc;

use countersign::identity::Who;
use serde_json::{Value, json};

use crate::support::authenticator::{Authenticator, verify};
use crate::support::openid::{Provider, sign_in};
use crate::support::person::{PASSWORD, admin, basic, call_as, login, register, token};
use crate::support::platform::authenticate;
use crate::support::wallet::{Session, Wallet, refresh};
use crate::support::world::{Answer, World, on_both};

/// The ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Login,
    Basic,
    Cookie,
    Program,
    Platform,
    Code,
    Google,
    Wallet,
    Refresh,
    RefreshByCookie,
    RefreshByHeader,
    ApiKey,
    AccessToken,
    SessionToken,
}

const WAYS: [Way; 14] = [
    Way::Login,
    Way::Basic,
    Way::Cookie,
    Way::Program,
    Way::Platform,
    Way::Google,
    Way::Wallet,
    Way::Refresh,
    Way::RefreshByCookie,
    Way::RefreshByHeader,
    Way::ApiKey,
    Way::AccessToken,
    Way::SessionToken,
    Way::Code,
];

/// What is wrong with an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Disabled,
    Deleted,
    Locked,
    Unverified,
    SecondFactor,
}

/// What a way answers in this state: a status and a code, or that it lets in.
fn expected(way: Way, state: State) -> Option<(u16, &'static str)> {
    let by_password = matches!(way, Way::Login | Way::Basic | Way::Cookie | Way::Program | Way::Platform);
    let by_refresh_token = matches!(way, Way::Refresh | Way::RefreshByCookie | Way::RefreshByHeader);
    match (state, way) {
        (State::Disabled, _) => Some((403, "account_disabled")),
        (State::Deleted, Way::Code) => Some((401, "invalid_code")),
        (State::Deleted, Way::ApiKey) => Some((401, "invalid_api_key")),
        (State::Deleted, _) if by_refresh_token => Some((401, "invalid_refresh_token")),
        (State::Deleted, Way::AccessToken | Way::SessionToken) => Some((401, "session_ended")),
        (State::Deleted, _) if by_password => Some((401, "invalid_credentials")),
        (State::Locked, _) if by_password => Some((429, "too_many_requests")),
        (State::Unverified, Way::Google | Way::Wallet) => Some((403, "email_not_verified")),
        (State::Unverified, _) if by_password || by_refresh_token => Some((403, "email_not_verified")),
        // They say what is missing by their answer.
        (State::SecondFactor, Way::Platform | Way::Google) => None,
        (State::SecondFactor, Way::Code) => Some((401, "mfa_required")),
        (State::SecondFactor, _) if by_password => Some((401, "mfa_required")),
        // Of the sessions of before the one goes on that switched it on.
        (State::SecondFactor, Way::AccessToken) => Some((401, "session_ended")),
        (State::SecondFactor, _) if by_refresh_token => Some((401, "session_ended")),
        // A wallet comes back as somebody else, guesses at a password are nothing to whoever shows something else, an
        // address that is not verified takes nothing away that was given before, and the code verifies it. A wallet is
        // possession of a key, which asks for no code.
        (State::Deleted | State::Locked | State::Unverified | State::SecondFactor, _) => None,
    }
}

/// An account with everything that one may have.
struct Owner {
    wallet: Wallet,
    session: Session,
    key: String,
    opaque: String,
    code: String,
    provider: Arc<Provider>,
}

impl Owner {
    async fn of(world: &World, provider: &Arc<Provider>) -> Self {
        register(world, "trader1").await.ok(201);
        let opaque = login(world, "trader1", PASSWORD).await.ok(200).field("session_token").to_owned();
        let wallet = Wallet::number(1);
        wallet.link(world, &opaque).await;
        let session = wallet.sign_in(world).await;
        let key = session.api_key(world).await;
        let mails = world.mails().await;
        let code = mails.iter().find(|mail| mail.subject == "Confirm your e-mail address").expect("a mail").code();
        // Linked while the address was proven, which it is no more.
        world.data().await.execute("UPDATE accounts SET email_verified_at = 1 WHERE username = 'trader1'").await;
        sign_in(world, &provider.code("trader1", json!({}))).await.ok(200);
        world.data().await.execute("UPDATE accounts SET email_verified_at = NULL WHERE username = 'trader1'").await;
        Self { wallet, session, key, opaque, code, provider: Arc::clone(provider) }
    }

    async fn go(&self, world: &World, way: Way) -> Answer {
        match way {
            Way::Login => login(world, "trader1", PASSWORD).await,
            Way::Basic => token(world, "trader1@example.com", PASSWORD).await,
            Way::Wallet => {
                let nonce = self.wallet.nonce(world).await;
                self.wallet.post(world, &self.wallet.sign(&nonce)).await
            }
            Way::Google => sign_in(world, &self.provider.code("trader1", json!({}))).await,
            Way::Cookie => world.post("/auth/login", json!({"email": "trader1", "password": PASSWORD})).await,
            Way::Program => {
                let own = basic("trader1@example.com", PASSWORD);
                world.call("POST", "/auth/token", &[("authorization", &own)], &Value::Null).await
            }
            Way::Platform => authenticate(world, "trader1", PASSWORD).await,
            Way::RefreshByHeader => {
                let headers = [("sk-refresh-token", self.session.refresh.as_str())];
                world.call("POST", "/v1/users/refresh-token", &headers, &Value::Null).await
            }
            Way::Code => {
                let body = json!({"email": "trader1@example.com", "code": self.code});
                world.post("/auth/verify-email", body).await
            }
            Way::Refresh => refresh(world, &self.session.refresh).await,
            Way::RefreshByCookie => {
                let cookie = format!("refresh_token={}", self.session.refresh);
                let headers = [("cookie", cookie.as_str()), ("origin", "http://localhost:8080")];
                world.call("POST", "/auth/refresh", &headers, &Value::Null).await
            }
            Way::ApiKey => {
                world.call("GET", &self.session.profile_path(), &[("x-api-key", &self.key)], &Value::Null).await
            }
            Way::AccessToken => world.get_as(&self.session.token, "/users/wallets").await,
            Way::SessionToken => world.get(&format!("/api/users/profile?session_token={}", self.opaque)).await,
        }
    }
}

/// Ways that ask for a second factor, with a code of it.
async fn go_with(world: &World, way: Way, mailed: &str, otp: Option<&str>) -> Answer {
    let own = basic("trader1@example.com", PASSWORD);
    let mut headers = vec![("authorization", own.as_str())];
    headers.extend(otp.map(|otp| ("x-otp", otp)));
    match way {
        Way::Login => {
            let body = json!({"username": "trader1", "password": PASSWORD, "otp": otp});
            world.post("/api/users/login", body).await
        }
        Way::Basic => world.call("GET", "/v1/users/token", &headers, &Value::Null).await,
        Way::Cookie => world.post("/auth/login", json!({"email": "trader1", "password": PASSWORD, "otp": otp})).await,
        Way::Program => world.call("POST", "/auth/token", &headers, &Value::Null).await,
        Way::Code => {
            let body = json!({"email": "trader1@example.com", "code": mailed, "otp": otp});
            world.post("/auth/verify-email", body).await
        }
        // In two steps.
        Way::Platform
        | Way::Google
        | Way::Wallet
        | Way::Refresh
        | Way::RefreshByCookie
        | Way::RefreshByHeader
        | Way::ApiKey
        | Way::AccessToken
        | Way::SessionToken => panic!("{way:?} takes no code of a second factor"),
    }
}

async fn bring_about(world: &World, owner: &Owner, state: State) {
    let id = world.core.find_person(Who::Name("trader1")).await.unwrap().id();
    match state {
        State::Disabled => assert!(world.core.disable_account(id).await.unwrap()),
        State::Deleted => {
            let root = admin(world, "root").await;
            call_as(world, &root, "DELETE", &format!("/v1/users/{id}"), Value::Null).await.ok(204);
        }
        State::Locked => {
            // Whoever is signed in from here would get in all the same.
            world.data().await.execute("DELETE FROM known_networks").await;
            for _ in 0..5 {
                login(world, "trader1", "a wrong password").await.refused(401, "invalid_credentials");
            }
        }
        State::SecondFactor => {
            Authenticator::in_force(world, &owner.opaque).await;
        }
        State::Unverified => {}
    }
}

on_both! {
    async fn no_way_in_forgets_to_ask_what_the_others_ask(world: World) {
        // The last one changes what the gateway asks for, so each has accounts of its own.
        let provider = Arc::new(Provider::start());
        let world = provider.before(&world, &[]).await;
        for state in [State::Locked, State::Disabled, State::Deleted, State::SecondFactor, State::Unverified] {
            world.data().await.execute("DELETE FROM wallets").await;
            for table in ["DELETE FROM identities", "DELETE FROM passwords", "DELETE FROM failures", "DELETE FROM accounts"] {
                world.data().await.execute(table).await;
            }
            let owner = Owner::of(&world, &provider).await;
            let used_up = |way: &Way| matches!(way, Way::Refresh | Way::RefreshByCookie | Way::RefreshByHeader | Way::Code);
            for way in WAYS.into_iter().filter(|way| !used_up(way)) {
                let answer = owner.go(&world, way).await;
                assert_eq!(answer.status, 200, "{way:?} works while all is well: {}", answer.text);
            }
            bring_about(&world, &owner, state).await;
            let strict = [("REQUIRE_VERIFIED_EMAIL", "true")];
            let judge = world.again_with(if state == State::Unverified { &strict } else { &[] }).await;
            for way in WAYS {
                let answer = owner.go(&judge, way).await;
                let code = answer.json["error"].as_str().map(str::to_owned);
                let told = code.as_deref().map(|code| (answer.status.as_u16(), code));
                assert_eq!(told, expected(way, state), "{way:?} of an account that is {state:?}: {}", answer.text);
                if state == State::SecondFactor && matches!(way, Way::Platform | Way::Google) {
                    assert_eq!((&answer.json["mfaRequired"], &answer.json["refreshToken"]), (&json!(true), &Value::Null));
                    for path in ["/users/wallets", "/v1/users/details", "/api/users/profile"] {
                        call_as(&judge, answer.field("token"), "GET", path, Value::Null).await.refused(401, "invalid_token");
                    }
                }
            }
        }
    }

    async fn no_way_in_by_password_or_mail_goes_round_the_second_factor(world: World) {
        let provider = Arc::new(Provider::start());
        let world = provider.before(&world, &[]).await;
        let owner = Owner::of(&world, &provider).await;
        let own = Authenticator::in_force(&world, &owner.opaque).await;
        let other = world.again_with(&[]).await;
        let used = own.code(&world);
        for way in [Way::Login, Way::Basic, Way::Cookie, Way::Program, Way::Code] {
            world.data().await.execute("DELETE FROM failures").await;
            let go = async |node: &World, otp: Option<&str>| go_with(node, way, &owner.code, otp).await;
            for node in [&world, &other] {
                for (otp, code) in [(None, "mfa_required"), (Some("none"), "invalid_code"), (Some(used.as_str()), "invalid_code")] {
                    let answer = go(node, otp).await;
                    assert_eq!((answer.status.as_u16(), answer.field("error")), (401, code), "{way:?} with {otp:?}");
                    assert!(!answer.headers.contains_key("set-cookie"), "{way:?} with {otp:?}");
                }
            }
            let wrong = own.wrong(&world);
            assert_eq!(go(&world, Some(&wrong)).await.field("error"), "invalid_code", "{way:?}");
            world.data().await.execute("DELETE FROM failures").await;
            let right = own.next(&world);
            assert_eq!(go(&other, Some(&right)).await.status, 200, "{way:?}");
            let again = go(&world, Some(&right)).await;
            assert_eq!(again.field("error"), "invalid_code", "{way:?} with a code that was used");
        }
        // In two steps: what the first one gives is good for the second one alone.
        for way in [Way::Platform, Way::Google] {
            let first = owner.go(&world, way).await.ok(200).field("token").to_owned();
            world.get_as(&first, "/users/wallets").await.refused(401, "invalid_token");
            verify(&world, &first, &used).await.refused(401, "invalid_code");
            let right = own.next(&world);
            verify(&other, &first, &right).await.ok(200);
            verify(&world, owner.go(&world, way).await.ok(200).field("token"), &right).await.refused(401, "invalid_code");
        }
        // And a link of a mail signs nobody in.
        world.post("/auth/forgot-password", json!({"email": "trader1@example.com"})).await.ok(200);
        let token = world.mails().await.last().expect("a mail").token();
        let reset = json!({"token": token, "new_password": PASSWORD});
        world.post("/auth/reset-password", reset).await.ok(200);
        login(&world, "trader1", PASSWORD).await.refused(401, "mfa_required");
    }
}
