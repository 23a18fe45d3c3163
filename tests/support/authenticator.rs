//! An authenticator, and what a person does with one.

use std::time::Duration;

use countersign::crypto::totp;
use countersign::model::second_factor::{TotpSecret, step_at};
use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};

use super::person::{PASSWORD, call_as};
use super::world::{Answer, World};

/// Where codes go.
pub const VERIFY: &str = "/v1/auth/mfa/verify";

/// An authenticator that has scanned a secret.
pub struct Authenticator {
    secret: TotpSecret,
    /// The backup codes that came with it.
    pub backup: Vec<String>,
}

impl Authenticator {
    /// Scans what a setup answered.
    pub fn of(setup: &Answer) -> Self {
        let bytes = BASE32_NOPAD.decode(setup.field("secretKey").as_bytes()).expect("base32");
        let backup = setup.json["backupCodes"].as_array().expect("backup codes").iter();
        let backup = backup.map(|code| code.as_str().expect("text").to_owned()).collect();
        Self { secret: TotpSecret::new(bytes.try_into().expect("160 bits")), backup }
    }

    /// Sets one up for the owner of a token and puts it in force; the code of now is used up.
    pub async fn in_force(world: &World, bearer: &str) -> Self {
        let own = Self::of(&call_as(world, bearer, "POST", "/v1/auth/mfa/setup", Value::Null).await.ok(200));
        verify(world, bearer, &own.code(world)).await.ok(200);
        own
    }

    /// The code that it shows now.
    pub fn code(&self, world: &World) -> String {
        self.code_after(world, 0)
    }

    /// The code so many time steps later.
    pub fn code_after(&self, world: &World, steps: i64) -> String {
        let step = step_at(world.clock.now()) + steps;
        format!("{:06}", totp::code(&self.secret, u64::try_from(step).expect("after 1970")))
    }

    /// The code that it shows in half a minute, which has passed then: one that was not used yet.
    pub fn next(&self, world: &World) -> String {
        world.pass(Duration::from_secs(30));
        self.code(world)
    }

    /// Six digits that it does not show around now.
    pub fn wrong(&self, world: &World) -> String {
        let around: Vec<String> = (-2..=2).map(|steps| self.code_after(world, steps)).collect();
        let mut others = (0..1_000_000).map(|number| format!("{number:06}"));
        others.find(|code| !around.contains(code)).expect("another number")
    }
}

/// Posts a code with a token of either kind.
pub async fn verify(world: &World, bearer: &str, code: &str) -> Answer {
    call_as(world, bearer, "POST", VERIFY, json!({"code": code})).await
}

/// Posts a code, and asks to be remembered.
pub async fn verify_and_remember(world: &World, bearer: &str, code: &str) -> Answer {
    call_as(world, bearer, "POST", VERIFY, json!({"code": code, "rememberDevice": true})).await
}

/// What a first step gave: a token, and whether it is good for nothing but the code.
pub struct FirstStep {
    pub token: String,
    pub mfa_required: bool,
}

/// The first step of a sign-in by password.
pub async fn first_step(world: &World, name: &str, device: Option<&str>) -> FirstStep {
    let headers: Vec<_> = device.map(|device| ("x-device-token", device)).into_iter().collect();
    let body = json!({"username": name, "password": PASSWORD});
    let answer = world.call("POST", "/v1/users/authenticate", &headers, &body).await.ok(200);
    let mfa_required = answer.json["mfaRequired"].as_bool().expect("it says whether a code is due");
    assert_eq!(answer.json["refreshToken"].is_null(), mfa_required, "{}", answer.text);
    FirstStep { token: answer.field("token").to_owned(), mfa_required }
}

/// The ticket of a first step.
pub async fn ticket(world: &World, name: &str) -> String {
    let step = first_step(world, name, None).await;
    assert!(step.mfa_required, "a code was asked for");
    step.token
}
