//! A gateway in this process, over either database, with a clock that stands still and randomness that repeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use countersign::app::App;
use countersign::clock::{Clock, Timestamp};
use countersign::config::{Config, Environment};
use countersign::identity::{Core, rotate_signing_key};
use countersign::random::Random;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::watch;
use tower::ServiceExt as _;

use super::database::Data;
use super::mail::Mail;
use super::{postgres, scratch};

/// When every world begins: 2026-01-01T00:00:00Z.
pub const START: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// The root secret of every world.
pub const SECRET: [u8; 32] = [0x11; 32];

/// The databases that every test of data runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    Sqlite,
    Postgres,
}

/// Writes a test once and runs it on both databases.
macro_rules! on_both {
    ($($(#[$meta:meta])* async fn $name:ident($world:ident: $kind:ident) $body:block)+) => {$(
        mod $name {
            use super::*;

            async fn check($world: $kind) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                check($crate::support::world::World::on($crate::support::world::Backend::Sqlite).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                check($crate::support::world::World::on($crate::support::world::Backend::Postgres).await).await;
            }
        }
    )+};
}
pub(crate) use on_both;

/// A gateway under test.
pub struct World {
    pub core: Arc<Core>,
    pub clock: Clock,
    router: Router,
    /// What a second gateway over the same data needs.
    variables: Vec<(String, String)>,
    data: Arc<TempDir>,
}

impl World {
    /// A gateway over a fresh database, with limits switched off.
    pub async fn on(backend: Backend) -> Self {
        Self::on_with(backend, &[]).await
    }

    /// The same with these settings: each such gateway gives the same answers.
    pub async fn on_with(backend: Backend, settings: &[(&str, String)]) -> Self {
        let data = Arc::new(scratch::directory());
        let mut variables = vec![
            ("DATA_DIR".to_owned(), data.path().display().to_string()),
            ("SECRET".to_owned(), hex::encode(SECRET)),
            ("LIMITS__ENABLED".to_owned(), "false".to_owned()),
        ];
        if backend == Backend::Postgres {
            variables.push(("DATABASE_URL".to_owned(), postgres::create_database()));
        }
        variables.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Self::start(variables, data, Clock::manual(START), 1).await
    }

    /// Another installation: its own data, keys and root secret.
    pub async fn elsewhere() -> Self {
        let data = Arc::new(scratch::directory());
        let variables = vec![
            ("DATA_DIR".to_owned(), data.path().display().to_string()),
            ("SECRET".to_owned(), hex::encode([0x77; 32])),
        ];
        Self::start(variables, data, Clock::manual(START), next_seed()).await
    }

    /// The same data behind another gateway, with these settings (without `COUNTERSIGN_`) changed: a second node, or
    /// the first one after a restart. It shares the clock.
    pub async fn again_with(&self, changes: &[(&str, &str)]) -> Self {
        let mut variables = self.variables.clone();
        variables.retain(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        variables.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self::start(variables, Arc::clone(&self.data), self.clock.clone(), next_seed()).await
    }

    /// The same data behind a gateway whose clock stands at `start`.
    pub async fn again_at(&self, start: Timestamp) -> Self {
        Self::start(self.variables.clone(), Arc::clone(&self.data), Clock::manual(start), next_seed()).await
    }

    /// The same data behind a gateway whose root secret has replaced that of before.
    pub async fn under_new_secret(&self, secret: [u8; 32]) -> Self {
        let previous = format!("[\"{}\"]", hex::encode(SECRET));
        self.again_with(&[("SECRET", &hex::encode(secret)), ("PREVIOUS_SECRETS", &previous)]).await
    }

    /// The environment of this gateway with some settings changed, for a start of the test's own.
    pub fn variables_with(&self, changes: &[(&str, String)]) -> Vec<(String, String)> {
        let kept = self.variables.iter().filter(|(name, _)| !changes.iter().any(|(changed, _)| changed == name));
        let new = changes.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        prefixed(kept.cloned().chain(new))
    }

    async fn start(variables: Vec<(String, String)>, data: Arc<TempDir>, clock: Clock, seed: u64) -> Self {
        let environment = Environment(prefixed(variables.iter().cloned()));
        let config = Config::load(&[], &environment).expect("the settings are valid");
        let app = Box::pin(App::open(config, clock.clone(), Random::seeded(seed))).await.expect("the gateway starts");
        Self { router: countersign::http::router(&app.core), core: app.core, clock, variables, data }
    }

    /// Rotates the signing key, and lets this node see it.
    pub async fn rotate_signing_key(&self) {
        let (core, config) = (&self.core, self.core.config());
        let secret = config.secret.as_ref().expect("every world has a configured secret");
        let rotated = rotate_signing_key(core.db(), config, secret, core.random(), self.clock.now()).await;
        rotated.expect("the key is rotated");
        core.reload_keys().await.expect("the keys are reloaded");
    }

    /// The data itself, beside the gateway.
    pub async fn data(&self) -> Data {
        let url = self.variables.iter().find(|(name, _)| name == "DATABASE_URL").map(|(_, url)| url.as_str());
        Data::open(url, &self.data.path().join("countersign.db")).await
    }

    /// The mails that were written since the last look, as the outbox's files have them, the oldest first.
    pub async fn mails(&self) -> Vec<Mail> {
        self.core.deliver_mail(&watch::channel(false).1).await.expect("mail is delivered");
        let directory = self.data.path().join("outbox");
        let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
        let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
        files.sort();
        let read = |file: std::path::PathBuf| {
            let mail = Mail::read(&std::fs::read_to_string(&file).expect("a mail is text"));
            std::fs::remove_file(file).expect("it is read once");
            mail
        };
        files.into_iter().map(read).collect()
    }

    /// Sends a request as a client at this address, which a trusted proxy vouches for: see [`World::behind_proxy`].
    pub async fn call_from(&self, address: &str, method: &str, path: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("x-forwarded-for", address)];
        self.call(method, path, &headers, body).await
    }

    /// The same data behind a gateway that believes its peer about clients.
    pub async fn behind_proxy(&self, changes: &[(&str, &str)]) -> Self {
        let proxies = [("TRUSTED_PROXIES", "[\"0.0.0.0\"]")];
        self.again_with(&proxies.into_iter().chain(changes.iter().copied()).collect::<Vec<_>>()).await
    }

    /// Turns the clock.
    pub fn pass(&self, span: Duration) {
        self.clock.advance(span);
    }

    /// Sends a request as it is.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.expect("the router answers");
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("the body is whole");
        let text = String::from_utf8(bytes.to_vec()).expect("the body is text");
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status, headers: parts.headers, text, json }
    }

    /// Sends a request with these headers; `body` of `Value::Null` is none.
    pub async fn call(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(request.body(body).expect("the request is well formed")).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, &[("content-type", "application/json")], &body).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], &Value::Null).await
    }

    /// Reads a path as the owner of an access token.
    pub async fn get_as(&self, token: &str, path: &str) -> Answer {
        self.call("GET", path, &[("x-auth-token", token)], &Value::Null).await
    }

    /// Posts as the owner of an access token.
    pub async fn post_as(&self, token: &str, path: &str, body: Value) -> Answer {
        self.call("POST", path, &[("x-auth-token", token)], &body).await
    }
}

/// A seed that no other world of this process has: two of one seed over the same data would make the same ids.
fn next_seed() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(2);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn prefixed(variables: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    variables.map(|(name, value)| (format!("COUNTERSIGN_{name}"), value)).collect()
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
    pub json: Value,
}

impl Answer {
    /// The answer, which has to be a success of this status.
    #[track_caller]
    pub fn ok(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }

    /// Insists on a problem of the contract's shape with this status and code.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Self {
        assert_eq!((self.status.as_u16(), self.field("error")), (status, code), "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.json["status"], status);
        assert_eq!(self.field("request_id"), self.headers["x-request-id"]);
        assert!(self.field("type").ends_with(&format!("/docs/errors#{code}")), "{}", self.text);
        assert!(!self.field("title").is_empty() && !self.field("detail").is_empty(), "{}", self.text);
        assert_eq!(self.headers.contains_key("www-authenticate"), status == 401);
        self
    }

    /// A member of the body that has to be text.
    #[track_caller]
    pub fn field(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_else(|| panic!("no text {name} in {}", self.text))
    }
}
