//! Notices to devices: who is told what, how it leaves, and what becomes of it while FCM does well, badly or nothing.

mod delivery;
mod events;
mod service;
mod told;

use serde_json::{Value, json};

use crate::support::person::PASSWORD;
use crate::support::platform::{join as register, with};
use crate::support::world::World;

/// How many notices wait.
const LEFT: &str = "SELECT CAST(COUNT(*) AS TEXT) FROM outbox WHERE way = 'push'";
/// How often the only one was tried, in how many seconds after the start it is due, and whether a node has it.
const STATE: &str = "SELECT COALESCE((SELECT CAST(attempts AS TEXT) || ' ' || CAST((due_at - 1767225600000000) / 1000000 AS TEXT) || ' ' || \
                     CASE WHEN claimed_until > 0 THEN 'in hand' ELSE 'free' END FROM outbox WHERE way = 'push'), 'gone')";

/// Somebody who changes his password, which is told.
struct Owner {
    token: String,
    password: String,
    changes: u32,
}

impl Owner {
    async fn new(world: &World, name: &str) -> Self {
        Self { token: register(world, name).await, password: PASSWORD.to_owned(), changes: 0 }
    }

    /// The same, with a device.
    async fn with_device(world: &World, name: &str, device: &str) -> Self {
        let owner = Self::new(world, name).await;
        owner.claim(world, device).await;
        owner
    }

    async fn claim(&self, world: &World, device: &str) {
        with(world, &self.token, "POST", &format!("/v1/users/notifications/tokens/{device}"), json!({})).await.ok(200);
    }

    async fn update(&self, world: &World, device: &str, body: Value) {
        let path = format!("/v1/users/notifications/tokens/{device}/update");
        with(world, &self.token, "POST", &path, body).await.ok(200);
    }

    async fn change_password(&mut self, world: &World) {
        self.changes += 1;
        let next = format!("{PASSWORD} {}", self.changes);
        let body = json!({"currentPassword": self.password, "newPassword": next});
        with(world, &self.token, "PUT", "/v1/users/passwords", body).await.ok(200);
        self.password = next;
    }
}

async fn left(world: &World) -> String {
    world.data().await.text(LEFT).await
}

/// The state of the only notice: how often it was tried, and when it is due.
async fn state(world: &World) -> (u64, u64) {
    let text = world.data().await.text(STATE).await;
    let words: Vec<&str> = text.split(' ').collect();
    let [attempts, due, "free"] = words[..] else { panic!("{text}") };
    (attempts.parse().unwrap(), due.parse().unwrap())
}

/// Insists that the only notice was tried so often, and is due after so many seconds or, by chance, half as many more.
#[track_caller]
fn waits((attempts, due): (u64, u64), tried: u64, since: u64, seconds: u64) {
    let longest = since + seconds + seconds / 2 + 1;
    assert!(
        attempts == tried && (since + seconds..=longest).contains(&due),
        "{attempts} tries, due at {due}, not {seconds} after {since}"
    );
}
