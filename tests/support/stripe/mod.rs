//! An honest little Stripe in the hands of a test: it writes down every request, takes only what Stripe's documentation has,
//! does a thing once under a key, fails as it is told to, and tells of what happened by signed events that can be sent in
//! any order.
//!
//! Fields and versions are those of <https://docs.stripe.com/api> at `2024-06-20`.

mod desk;

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::world::{Answer, START, World};
pub use desk::{Kept, Price};

use desk::Desk;

/// What the gateway is known by.
pub const KEY: &str = "sk_test_not_a_secret_of_anybody";

/// By what events are signed.
pub const WEBHOOK_SECRET: &str = "whsec_not_a_secret_of_anybody";

/// The version that every request has to name.
const VERSION: &str = "2024-06-20";

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub key: Option<String>,
    /// In their order.
    pub fields: Vec<(String, String)>,
}

impl Asked {
    /// `POST /v1/customers`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// `name=value` in their order.
    pub fn told(&self) -> Vec<String> {
        self.fields.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is done, and the connection breaks before the answer is there.
    Lost,
    /// The connection breaks before anything is done.
    Broken,
    /// The connection breaks, and it is done as soon as [`Stripe::catch_up`] says.
    Later,
    /// It is done, and nobody answers for so long.
    Slow(Duration),
    /// It fails with this status within, which is remembered under its key: nothing is done.
    Failing(u16),
    /// It is done, and what is answered (and remembered) is this status.
    FailingAfter(u16),
    /// There are too many: nothing is done, and nothing remembered.
    Busy(Option<u64>),
    /// Somebody else works on the object.
    Locked,
    /// The answer is no JSON.
    Rubbish,
    /// The answer is longer than anybody reads.
    Huge,
    /// It is sent elsewhere.
    Elsewhere,
    /// It fails, and says that trying again is of no use.
    Hopeless,
}

struct Office {
    desk: Desk,
    asked: Vec<Asked>,
    /// What was wrong with requests, which no gateway should send.
    wrong: Vec<String>,
    /// What goes wrong next with requests whose line begins so.
    scripted: Vec<(String, Fault)>,
    /// What goes wrong with all of them.
    mood: Option<Fault>,
    remembered: HashMap<String, Remembered>,
    /// What is still to be done.
    late: Vec<Asked>,
}

struct Remembered {
    asked: Asked,
    status: u16,
    answer: Value,
}

type Shared = Arc<Mutex<Office>>;

/// A Stripe that runs until the tests have ended.
#[derive(Clone)]
pub struct Stripe {
    pub base: String,
    office: Shared,
}

impl Stripe {
    /// By the clock of every world.
    pub fn start() -> Self {
        Self::start_at(START.seconds())
    }

    pub fn start_at(now: i64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let base = format!("http://{}", listener.local_addr().expect("the address of a listener"));
        let office = Arc::new(Mutex::new(Office {
            desk: Desk::new(now),
            asked: Vec::new(),
            wrong: Vec::new(),
            scripted: Vec::new(),
            mood: None,
            remembered: HashMap::new(),
            late: Vec::new(),
        }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&office));
        std::thread::spawn(move || {
            super::block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, router).await.expect("a server");
            });
        });
        Self { base, office }
    }

    fn office(&self) -> MutexGuard<'_, Office> {
        self.office.lock().expect("no panic while locked")
    }

    /// The settings of a gateway that is paid by this one.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("STRIPE__API_BASE", self.base.clone()),
            ("STRIPE__SECRET_KEY", KEY.to_owned()),
            ("STRIPE__WEBHOOK_SECRET", WEBHOOK_SECRET.to_owned()),
            ("PLANS", plans().to_string()),
        ]
    }

    /// The same data behind a gateway that is paid by this one.
    pub async fn before(&self, world: &World) -> World {
        self.before_with(world, &[]).await
    }

    /// The same with some settings changed; an empty one is left out.
    pub async fn before_with(&self, world: &World, changes: &[(&str, &str)]) -> World {
        let own = self.settings();
        let is_kept = |name: &str| !changes.iter().any(|(changed, _)| *changed == name);
        let own = own.iter().filter(|(name, _)| is_kept(name)).map(|(name, value)| (*name, value.as_str()));
        let changes = changes.iter().copied().filter(|(_, value)| !value.is_empty());
        world.again_with(&own.chain(changes).collect::<Vec<_>>()).await
    }

    /// What it was asked since the last look. Nothing of it may have been what no gateway should send.
    #[track_caller]
    pub fn asked(&self) -> Vec<Asked> {
        let mut office = self.office();
        assert!(office.wrong.is_empty(), "{:#?}", office.wrong);
        std::mem::take(&mut office.asked)
    }

    /// The lines of what it was asked since the last look.
    #[track_caller]
    pub fn lines(&self) -> Vec<String> {
        self.asked().iter().map(Asked::line).collect()
    }

    /// What it was asked to change since the last look.
    #[track_caller]
    pub fn posts(&self) -> Vec<Asked> {
        self.asked().into_iter().filter(|asked| asked.method != "GET").collect()
    }

    /// The next request whose line begins so goes wrong.
    pub fn fail(&self, line: &str, fault: Fault) {
        self.office().scripted.push((line.to_owned(), fault));
    }

    /// All requests go wrong so from now on, or none.
    pub fn be(&self, mood: Option<Fault>) {
        self.office().mood = mood;
    }

    /// Forgets what was to go wrong.
    pub fn be_well(&self) {
        let mut office = self.office();
        office.mood = None;
        office.scripted.clear();
    }

    /// Works on what it keeps, as somebody does at its desk.
    pub fn with<T>(&self, work: impl FnOnce(&mut Desk) -> T) -> T {
        work(&mut self.office().desk)
    }

    /// Does what it was to do later.
    pub fn catch_up(&self) {
        let mut office = self.office();
        for asked in std::mem::take(&mut office.late) {
            office.serve(&asked, None);
        }
    }

    /// Forgets all keys, as after a day.
    pub fn forget_keys(&self) {
        self.office().remembered.clear();
    }

    /// The events that were not taken yet, in their order.
    pub fn events(&self) -> Vec<Value> {
        std::mem::take(&mut self.office().desk.events)
    }

    /// Sends all events that were not taken yet.
    pub async fn tell(&self, world: &World) {
        for event in self.events() {
            deliver(world, &event).await.ok(200);
        }
    }
}

/// The plans of every world with a Stripe.
pub fn plans() -> Value {
    json!([
        {"id": "premium_monthly", "plan": "premium", "price": 999, "currency": "usd", "interval": "month"},
        {"id": "premium_yearly", "plan": "premium", "price": 9900, "interval": "year"},
        {"id": "gold", "price": 2900, "currency": "eur", "interval": "month", "stripe_price": "price_gold"},
        {"id": "plus", "price": 1900, "interval": "month", "stripe_price": "price_plus"},
        {"id": "trial", "price": 500, "interval": "month", "trial_days": 14},
        {"id": "free", "interval": "month"},
    ])
}

/// The header that proves an event.
pub fn signature(secret: &str, body: &[u8], at: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signed = [format!("{at}.").as_bytes(), body].concat();
    format!("t={at},v1={}", hex::encode(hmac::sign(&key, &signed)))
}

/// Sends an event as Stripe does.
pub async fn deliver(world: &World, event: &Value) -> Answer {
    let header = signature(WEBHOOK_SECRET, event.to_string().as_bytes(), world.clock.now().seconds());
    deliver_signed(world, event, &header).await
}

/// Sends an event with this signature.
pub async fn deliver_signed(world: &World, event: &Value, signature: &str) -> Answer {
    let headers = [("content-type", "application/json; charset=utf-8"), ("stripe-signature", signature)];
    world.call("POST", "/webhooks/stripe", &headers, event).await
}

async fn answer(
    State(office): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let sent = if method == Method::POST { &body[..] } else { uri.query().unwrap_or_default().as_bytes() };
    let header = |name: &str| headers.get(name).map(|value| value.to_str().expect("a header in ASCII").to_owned());
    let asked = Asked {
        method: method.to_string(),
        path: uri.path().to_owned(),
        key: header("idempotency-key"),
        fields: form_urlencoded::parse(sent).into_owned().collect(),
    };
    let (fault, status, answer) = {
        let mut office = office.lock().expect("no panic while locked");
        office.asked.push(asked.clone());
        office.check(&asked, &header);
        if header("authorization").as_deref() != Some(&format!("Bearer {KEY}")) {
            let error =
                json!({"error": {"type": "invalid_request_error", "message": format!("Invalid API Key {KEY}")}});
            return respond(401, &error, &[]);
        }
        let fault = office.next_fault(&asked.line());
        let (status, answer) = office.serve(&asked, fault);
        (fault, status, answer)
    };
    match fault {
        Some(Fault::Lost | Fault::Broken | Fault::Later) => broken(),
        Some(Fault::Slow(span)) => {
            tokio::time::sleep(span).await;
            respond(status, &answer, &[])
        }
        Some(Fault::Busy(wait)) => {
            let wait = wait.map(|seconds| seconds.to_string());
            let headers: Vec<(&str, &str)> = wait.iter().map(|wait| ("retry-after", wait.as_str())).collect();
            respond(status, &answer, &headers)
        }
        Some(Fault::Hopeless) => respond(status, &answer, &[("stripe-should-retry", "false")]),
        Some(Fault::Elsewhere) => respond(status, &answer, &[("location", "/v1/elsewhere")]),
        Some(Fault::Rubbish) => Response::new(Body::from("<html>\u{1b}[31m")),
        Some(Fault::Huge) => Response::new(Body::from(format!(r#"{{"a":"{}"}}"#, "a".repeat(3 * 1024 * 1024)))),
        Some(Fault::Failing(_) | Fault::FailingAfter(_) | Fault::Locked) | None => respond(status, &answer, &[]),
    }
}

fn respond(status: u16, body: &Value, headers: &[(&str, &str)]) -> Response<Body> {
    let status = StatusCode::from_u16(status).expect("a status");
    let mut answer = Response::builder().status(status).header("content-type", "application/json");
    answer = answer.header("request-id", "req_test");
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(Body::from(body.to_string())).expect("an answer")
}

/// An answer that begins and never ends.
fn broken() -> Response<Body> {
    let pieces = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("cut off"))]);
    Response::new(Body::from_stream(pieces))
}

fn error(kind: &str, code: &str) -> Value {
    // Sentences of Stripe's repeat what it was asked: none of them may get anywhere.
    json!({"error": {"type": kind, "code": code, "message": "hunter2 is in this sentence"}})
}

impl Office {
    /// Writes down what no request should be.
    fn check(&mut self, asked: &Asked, header: &dyn Fn(&str) -> Option<String>) {
        let is_post = asked.method == "POST";
        let mut insist = |holds: bool, what: &str| {
            if !holds {
                self.wrong.push(format!("{what}: {asked:?}"));
            }
        };
        insist(header("stripe-version").as_deref() == Some(VERSION), "Stripe-Version");
        insist(asked.key.is_some() == is_post, "Idempotency-Key: on every POST, and on nothing else");
        insist(asked.key.as_ref().is_none_or(|key| (1..=255).contains(&key.len())), "the length of its key");
        let form = header("content-type").as_deref() == Some("application/x-www-form-urlencoded");
        insist(!is_post || form, "Content-Type");
        let mut names: Vec<&String> = asked.fields.iter().map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        insist(names.len() == asked.fields.len(), "a field twice");
        let digits = |value: &String| value.chars().filter(char::is_ascii_digit).count();
        insist(!asked.fields.iter().any(|(name, value)| name.contains("card") && digits(value) > 11), "a card");
    }

    fn next_fault(&mut self, line: &str) -> Option<Fault> {
        let scripted = self.scripted.iter().position(|(begins, _)| line.starts_with(begins));
        scripted.map(|at| self.scripted.remove(at).1).or(self.mood)
    }

    fn serve(&mut self, asked: &Asked, fault: Option<Fault>) -> (u16, Value) {
        match fault {
            Some(Fault::Busy(_)) => return (429, error("invalid_request_error", "rate_limit")),
            Some(Fault::Locked) => return (409, error("invalid_request_error", "lock_timeout")),
            Some(Fault::Elsewhere) => return (307, json!({})),
            Some(Fault::Later) => {
                self.late.push(asked.clone());
                return (200, json!({}));
            }
            Some(Fault::Broken | Fault::Rubbish | Fault::Huge) => return (200, json!({})),
            Some(Fault::Hopeless) => return (500, error("api_error", "broken")),
            _ => {}
        }
        if let Some(remembered) = asked.key.as_ref().and_then(|key| self.remembered.get(key)) {
            let Remembered { asked: first, status, answer } = remembered;
            let is_same = (&first.path, &first.fields) == (&asked.path, &asked.fields);
            return if is_same {
                (*status, answer.clone())
            } else {
                self.wrong.push(format!("a key for two things: {first:?}, {asked:?}"));
                (400, error("idempotency_error", "idempotency_key_reused"))
            };
        }
        let (status, answer) = match fault {
            Some(Fault::Failing(status)) => (status, error("api_error", "broken")),
            Some(Fault::FailingAfter(status)) => {
                self.desk.serve(asked);
                (status, error("api_error", "broken"))
            }
            _ => self.desk.serve(asked),
        };
        if status == 400 && answer["error"]["code"] == "parameter_unknown" {
            self.wrong.push(format!("{answer}: {asked:?}"));
        }
        if let Some(key) = &asked.key {
            let remembered = Remembered { asked: asked.clone(), status, answer: answer.clone() };
            self.remembered.insert(key.clone(), remembered);
        }
        (status, answer)
    }
}
