//! Whoever registered at one door signs in at all of them: one table of where people come from, one of where they go.

use serde_json::{Value, json};

use crate::support::person::{PASSWORD, basic, call_as, login, register, session, token};
use crate::support::wallet::Wallet;
use crate::support::world::{Answer, World, on_both};

/// Where somebody registers.
#[derive(Clone, Copy, Debug)]
enum Origin {
    Wallet,
    Exchange,
    Users,
    Session,
}

const ORIGINS: [Origin; 4] = [Origin::Wallet, Origin::Exchange, Origin::Users, Origin::Session];

/// Where a password is taken.
#[derive(Clone, Copy, Debug)]
enum Door {
    Exchange,
    Users,
    SessionLogin,
    SessionToken,
}

/// Every door with a password. A new one is a row here, and an arm in [`Door::enter`].
const DOORS: [Door; 4] = [Door::Exchange, Door::Users, Door::SessionLogin, Door::SessionToken];

/// Somebody who has registered, and linked a wallet.
struct Registered {
    email: &'static str,
    username: Option<&'static str>,
    wallet: Wallet,
}

impl Origin {
    /// Registers, and links a wallet unless it began with one.
    async fn register(self, world: &World) -> Registered {
        match self {
            Self::Wallet => {
                let wallet = Wallet::number(1);
                let bearer = wallet.sign_in(world).await.token;
                let names = json!({"email": "ada@example.com", "username": "ada", "password": PASSWORD});
                call_as(world, &bearer, "PUT", "/api/users/profile", names).await.ok(200);
                Registered { email: "ada@example.com", username: Some("ada"), wallet }
            }
            Self::Exchange => {
                let wallet = Wallet::number(2);
                wallet.link(world, &session(world, "trader1").await).await;
                Registered { email: "trader1@example.com", username: Some("trader1"), wallet }
            }
            Self::Users => {
                let (email, wallet) = ("bob@example.com", Wallet::number(3));
                let body = json!({"name": "Bob", "email": email, "password": PASSWORD, "passwordConfirm": PASSWORD});
                world.post("/v1/users", body).await.ok(201);
                wallet.link(world, token(world, email, PASSWORD).await.ok(200).field("token")).await;
                Registered { email, username: None, wallet }
            }
            Self::Session => {
                let (email, wallet) = ("eve@example.com", Wallet::number(4));
                let made = world.post("/auth/register", json!({"email": email, "password": PASSWORD})).await.ok(201);
                wallet.link(world, made.field("access_token")).await;
                Registered { email, username: None, wallet }
            }
        }
    }
}

impl Door {
    async fn enter(self, world: &World, name: &str, password: &str) -> Answer {
        match self {
            Self::Exchange => login(world, name, password).await,
            Self::Users => token(world, name, password).await,
            Self::SessionLogin => world.post("/auth/login", json!({"email": name, "password": password})).await,
            Self::SessionToken => {
                let own = basic(name, password);
                world.call("POST", "/auth/token", &[("authorization", &own)], &Value::Null).await
            }
        }
    }

    /// What this door calls the credential that it gives.
    const fn gives(self) -> &'static str {
        match self {
            Self::Exchange => "session_token",
            Self::Users => "token",
            Self::SessionLogin | Self::SessionToken => "access_token",
        }
    }
}

/// Whose credential it is, as every door is told.
async fn whose(world: &World, bearer: &str) -> String {
    call_as(world, bearer, "GET", "/auth/me", Value::Null).await.ok(200).field("id").to_owned()
}

on_both! {
    async fn who_registered_at_any_door_signs_in_at_all_doors(world: World) {
        for origin in ORIGINS {
            let person = origin.register(&world).await;
            world.data().await.execute("UPDATE accounts SET email_verified_at = 1").await;
            let by_wallet = whose(&world, &person.wallet.sign_in(&world).await.token).await;
            for door in DOORS {
                for name in [Some(person.email), person.username].into_iter().flatten() {
                    let entered = door.enter(&world, name, PASSWORD).await;
                    assert_eq!(entered.status, 200, "{origin:?} at {door:?} as {name}: {}", entered.text);
                    let by_password = whose(&world, entered.field(door.gives())).await;
                    assert_eq!(by_password, by_wallet, "{origin:?} at {door:?} as {name}");
                    let refused = door.enter(&world, name, "a wrong password").await;
                    assert_eq!(refused.status, 401, "{origin:?} at {door:?} as {name}: {}", refused.text);
                }
            }
        }
        let accounts = "SELECT CAST(COUNT(*) AS TEXT) FROM accounts";
        assert_eq!(world.data().await.text(accounts).await, ORIGINS.len().to_string());
    }

    async fn a_name_that_one_door_gave_is_taken_at_all_of_them(world: World) {
        for origin in ORIGINS {
            let email = origin.register(&world).await.email;
            let body = json!({"username": "another", "email": email, "password": PASSWORD});
            world.post("/api/users/register", body).await.refused(409, "identity_already_used");
            let body = json!({"name": "X", "email": email, "password": PASSWORD, "passwordConfirm": PASSWORD});
            assert_eq!(world.post("/v1/users", body).await.ok(400).field("error"), "identity_already_used");
            let body = json!({"email": email, "password": PASSWORD});
            world.post("/auth/register", body).await.refused(409, "identity_already_used");
        }
        register(&world, "ada").await.refused(409, "identity_already_used");
    }
}
