//! A gateway on a database of its own in which one person is signed in, for targets that go through the router.

use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode};
use countersign::app::App;
use countersign::clock::{Clock, Timestamp};
use countersign::config::{Config, Environment};
use countersign::random::Random;
use countersign::wallet::signer::PrivateKey;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// When it is, always: credentials do not expire in the middle of a run.
const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

/// The one gateway of this process.
pub static GATEWAY: LazyLock<Gateway> = LazyLock::new(Gateway::start);

pub struct Gateway {
    runtime: Runtime,
    router: Router,
    /// Of the person who is signed in.
    pub address: String,
    pub token: String,
    #[allow(dead_code, reason = "not every target asks for it")]
    pub key: String,
    _directory: TempDir,
}

impl Gateway {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let directory = tempfile::tempdir().expect("a directory");
        let variables = [
            ("COUNTERSIGN_DATA_DIR", directory.path().to_str().expect("a path in UTF-8")),
            ("COUNTERSIGN_LIMITS__ENABLED", "false"),
        ];
        let environment = Environment(variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        let config = Config::load(&[], &environment).expect("valid settings");
        let app = runtime.block_on(App::open(config, Clock::manual(NOW), Random::seeded(1))).expect("it opens");
        let router = countersign::http::router(&app.core);
        let empty = String::new;
        let mut gateway =
            Self { runtime, router, address: empty(), token: empty(), key: empty(), _directory: directory };
        gateway.sign_in();
        gateway
    }

    fn sign_in(&mut self) {
        let wallet = PrivateKey::new(&[0x42; 32]).expect("a key");
        self.address = wallet.address().checksummed();
        let nonce = self.post("/users/nonce", json!({"address": self.address}));
        let signature = wallet.sign_message(nonce["nonce"].as_str().expect("a nonce"));
        let session = self.post("/users/authenticate", json!({"address": self.address, "signature": signature}));
        self.token = session["token"].as_str().expect("a token").to_owned();
        let request = Request::get("/users/api-key").header("x-auth-token", &self.token).body(Body::empty());
        let (_, answer) = self.send(request.expect("a request"));
        self.key = answer["apiKey"].as_str().expect("a key").to_owned();
    }

    fn post(&self, path: &str, body: Value) -> Value {
        let request = Request::builder().method(Method::POST).uri(path).body(Body::from(body.to_string()));
        self.send(request.expect("a request")).1
    }

    /// Sends a request and reads the answer.
    pub fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.expect("an answer");
            let status = response.status();
            let body = to_bytes(response.into_body(), usize::MAX).await.expect("a whole body");
            (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
        })
    }
}
