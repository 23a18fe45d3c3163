//! FCM and the place of access tokens in the hands of a test: it holds every request against Google's documentation,
//! remembers it, and answers as the test wants.

use std::collections::{BTreeSet, HashMap};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::openid::parameters;
use super::process::poll;
use super::server::Gateway;
use super::world::World;

/// The project of the service account.
pub const PROJECT: &str = "my-app-12345";
/// The name of the service account.
pub const ACCOUNT: &str = "push@my-app-12345.iam.gserviceaccount.com";
/// The id of its key.
const KEY_ID: &str = "a1b2c3";

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A message that was posted.
#[derive(Clone, Debug)]
pub struct Push {
    /// The device.
    pub device: String,
    /// The notice.
    pub id: String,
    /// All of it.
    pub message: Value,
    /// Whether it was taken.
    pub taken: bool,
}

impl Push {
    pub fn title(&self) -> &str {
        self.message["notification"]["title"].as_str().expect("a title")
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// It is taken.
    Taken,
    /// It is taken after a while.
    After(Duration),
    /// This status, this `Retry-After` and this code of FCM's.
    Refused(u16, Option<String>, &'static str),
    /// This status and this body.
    Raw(u16, String),
    /// Nothing, for longer than anybody waits.
    Silence,
    /// Megabytes.
    Huge,
    /// A place elsewhere.
    Elsewhere,
}

struct Desk {
    url: String,
    key: RsaKeyPair,
    /// The access tokens that are good.
    granted: BTreeSet<String>,
    /// The claims of every assertion.
    assertions: Vec<Value>,
    pushes: Vec<Push>,
    /// The devices of messages that were only to be looked at.
    looked_at: Vec<String>,
    /// What is answered to this device, and else.
    devices: HashMap<String, Reply>,
    always: Reply,
    /// What the place of access tokens answers.
    tokens: Reply,
    /// How many are under way, and how many were at the most.
    under_way: (usize, usize),
    peers: BTreeSet<SocketAddr>,
    /// What was not as the documentation has it.
    faults: Vec<String>,
}

type Shared = Arc<Mutex<Desk>>;

/// A running service, until the tests have ended.
pub struct Fcm {
    pub url: String,
    desk: Shared,
}

impl Fcm {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let url = format!("http://{}", listener.local_addr().expect("the address of a listener"));
        let desk = Arc::new(Mutex::new(Desk {
            url: url.clone(),
            key: RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"),
            granted: BTreeSet::new(),
            assertions: Vec::new(),
            pushes: Vec::new(),
            looked_at: Vec::new(),
            devices: HashMap::new(),
            always: Reply::Taken,
            tokens: Reply::Taken,
            under_way: (0, 0),
            peers: BTreeSet::new(),
            faults: Vec::new(),
        }));
        let router = Router::new()
            .route("/token", post(grant))
            .route(&format!("/v1/projects/{PROJECT}/messages:send"), post(send))
            .with_state(Arc::clone(&desk))
            .into_make_service_with_connect_info::<SocketAddr>();
        std::thread::spawn(move || {
            super::block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, router).await.expect("a server");
            });
        });
        Self { url, desk }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        lock(&self.desk)
    }

    /// The file of the service account.
    pub fn account(&self) -> Value {
        let desk = self.desk();
        let der: Pkcs8V1Der<'_> = desk.key.as_der().expect("the key in PKCS#8");
        let text = STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
        json!({
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": KEY_ID,
            "private_key": format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n")),
            "client_email": ACCOUNT,
            "client_id": "100000000000000000000",
            "token_uri": format!("{}/token", self.url),
        })
    }

    /// The settings of a gateway that sends by it.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        [("FCM__SERVICE_ACCOUNT", self.account().to_string()), ("FCM__API_BASE", self.url.clone())]
    }

    /// The same data behind a gateway that sends by it.
    pub async fn behind(&self, world: &World, changes: &[(&str, &str)]) -> World {
        let own = self.settings();
        let is_kept = |name: &str| !changes.iter().any(|(changed, _)| *changed == name);
        let own = own.iter().filter(|(name, _)| is_kept(name)).map(|(name, value)| (*name, value.as_str()));
        world.again_with(&own.chain(changes.iter().copied()).collect::<Vec<_>>()).await
    }

    /// A gateway that sends by it.
    pub fn reached_by(&self, gateway: Gateway) -> Gateway {
        let [(account, text), (base, url)] = self.settings();
        let gateway = gateway.with("COUNTERSIGN_LIMITS__ENABLED", "false");
        gateway.with(&format!("COUNTERSIGN_{account}"), &text).with(&format!("COUNTERSIGN_{base}"), &url)
    }

    /// Answers this to all for one device.
    pub fn reply_for(&self, device: &str, reply: Reply) {
        self.desk().devices.insert(device.to_owned(), reply);
    }

    /// Answers this to all else from now on.
    pub fn be(&self, reply: Reply) {
        self.desk().always = reply;
    }

    /// Answers this to whoever wants an access token from now on.
    pub fn be_about_tokens(&self, reply: Reply) {
        self.desk().tokens = reply;
    }

    /// Takes all access tokens back.
    pub fn take_tokens_back(&self) {
        self.desk().granted.clear();
    }

    /// The claims of every assertion that came.
    pub fn assertions(&self) -> Vec<Value> {
        self.desk().assertions.clone()
    }

    /// The devices of messages that were only to be looked at.
    pub fn looked_at(&self) -> Vec<String> {
        self.desk().looked_at.clone()
    }

    /// How many messages were under way at once at the most, and over how many connections all came.
    pub fn load(&self) -> (usize, usize) {
        let desk = self.desk();
        (desk.under_way.1, desk.peers.len())
    }

    /// Every message that came, taken or not.
    #[track_caller]
    pub fn asked(&self) -> Vec<Push> {
        let desk = self.desk();
        assert!(desk.faults.is_empty(), "{:#?}", desk.faults);
        desk.pushes.clone()
    }

    /// The messages that were taken.
    #[track_caller]
    pub fn pushes(&self) -> Vec<Push> {
        self.asked().into_iter().filter(|push| push.taken).collect()
    }

    /// The devices of the messages that were taken, in order.
    #[track_caller]
    pub fn reached(&self) -> Vec<String> {
        let mut devices: Vec<String> = self.pushes().into_iter().map(|push| push.device).collect();
        devices.sort();
        devices
    }

    /// Waits for so many messages that are taken.
    #[track_caller]
    pub fn wait_for(&self, count: usize) -> Vec<Push> {
        let all = poll(PATIENCE, || Some(self.pushes()).filter(|pushes| pushes.len() >= count));
        all.unwrap_or_else(|| panic!("{count} are expected: {:#?}", self.asked()))
    }
}

/// Sends what is due.
pub async fn deliver(world: &World) {
    world.core.deliver_push(&watch::channel(false).1).await.expect("the outbox can be looked into");
}

/// How often a gateway counted this outcome.
pub fn counted(metrics: &str, outcome: &str) -> u64 {
    let start = format!("countersign_pushes_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&start)).map_or(0, |count| count.parse().expect("a number"))
}

fn lock(desk: &Shared) -> MutexGuard<'_, Desk> {
    desk.lock().expect("no panic while locked")
}

fn answer(status: u16, body: impl Into<Body>) -> Response<Body> {
    let answer = Response::builder().status(status).header("content-type", "application/json");
    answer.body(body.into()).expect("an answer")
}

/// The answer of one who does not do what he should; `None` if he does.
async fn moody(reply: &Reply) -> Option<Response<Body>> {
    match reply {
        Reply::Taken => None,
        Reply::After(span) => {
            tokio::time::sleep(*span).await;
            None
        }
        Reply::Refused(status, retry_after, code) => {
            let error = json!({"error": {"code": status, "message": "refused", "status": code, "details": [
                {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code},
            ]}});
            let mut refusal = answer(*status, error.to_string());
            if let Some(text) = retry_after {
                refusal.headers_mut().insert("retry-after", text.parse().expect("a header"));
            }
            Some(refusal)
        }
        Reply::Raw(status, body) => Some(answer(*status, body.clone())),
        Reply::Silence => {
            tokio::time::sleep(Duration::from_mins(2)).await;
            None
        }
        Reply::Huge => Some(answer(200, format!(r#"{{"name":"projects/{}"}}"#, "a".repeat(4 * 1024 * 1024)))),
        Reply::Elsewhere => {
            let mut redirect = answer(307, "");
            redirect.headers_mut().insert("location", "/elsewhere".parse().expect("a header"));
            Some(redirect)
        }
    }
}

/// RFC 7523 section 2.1, and what Google asks for in the assertion.
async fn grant(State(desk): State<Shared>, headers: HeaderMap, body: String) -> Response<Body> {
    let reply = {
        let mut desk = lock(&desk);
        match asserted(&desk, &headers, &body) {
            Ok(claims) => desk.assertions.push(claims),
            Err(fault) => desk.faults.push(fault),
        }
        desk.tokens.clone()
    };
    if let Some(refusal) = moody(&reply).await {
        return refusal;
    }
    let mut desk = lock(&desk);
    let token = format!("ya29.token-{}", desk.assertions.len());
    desk.granted.insert(token.clone());
    answer(200, json!({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}).to_string())
}

fn asserted(desk: &Desk, headers: &HeaderMap, body: &str) -> Result<Value, String> {
    let form = parameters(body);
    let fault = |what: &str| format!("{what}: {headers:?} {body}");
    if headers["content-type"] != "application/x-www-form-urlencoded" || headers.contains_key("authorization") {
        return Err(fault("it is no form"));
    }
    if form.len() != 2 || form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
        return Err(fault("another kind of exchange"));
    }
    let (signed, signature) = form["assertion"].rsplit_once('.').ok_or_else(|| fault("no JWT"))?;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, desk.key.public_key().as_ref().to_vec());
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| fault("no base64url"))?;
    public.verify(signed.as_bytes(), &signature).map_err(|_| fault("the signature is wrong"))?;
    let part = |place: usize| {
        let text = signed.split('.').nth(place).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
        text.and_then(|text| serde_json::from_slice::<Value>(&text).ok()).ok_or_else(|| fault("no JSON"))
    };
    if part(0)? != json!({"alg": "RS256", "typ": "JWT", "kid": KEY_ID}) {
        return Err(fault("another header"));
    }
    let claims = part(1)?;
    let iat = claims["iat"].as_i64().ok_or_else(|| fault("no iat"))?;
    let expected = json!({
        "iss": ACCOUNT, "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": format!("{}/token", desk.url), "iat": iat, "exp": iat + 3600,
    });
    if claims == expected { Ok(claims) } else { Err(fault("other claims")) }
}

async fn send(
    State(desk): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: String,
) -> Response<Body> {
    if let Some(device) = only_looked_at(&headers, &body) {
        let always = {
            let mut desk = lock(&desk);
            desk.looked_at.push(device);
            desk.always.clone()
        };
        return moody(&always).await.unwrap_or_else(|| answer(400, no_token().to_string()));
    }
    let (place, reply) = {
        let mut desk = lock(&desk);
        desk.peers.insert(peer);
        desk.under_way.0 += 1;
        desk.under_way.1 = desk.under_way.1.max(desk.under_way.0);
        let message = match posted(&headers, &body) {
            Ok(message) => message,
            Err(fault) => {
                desk.faults.push(fault);
                return answer(400, "{}");
            }
        };
        let field = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (device, id) = (field(&message["token"]), field(&message["data"]["id"]));
        let bearer = headers["authorization"].to_str().expect("ASCII").strip_prefix("Bearer ").unwrap_or_default();
        let reply = if desk.granted.contains(bearer) {
            desk.devices.get(&device).unwrap_or(&desk.always).clone()
        } else {
            Reply::Raw(401, json!({"error": {"code": 401, "status": "UNAUTHENTICATED"}}).to_string())
        };
        desk.pushes.push(Push { device, id, message, taken: false });
        (desk.pushes.len() - 1, reply)
    };
    let refusal = moody(&reply).await;
    let mut desk = lock(&desk);
    desk.under_way.0 -= 1;
    refusal.unwrap_or_else(|| {
        desk.pushes[place].taken = true;
        answer(200, json!({"name": format!("projects/{PROJECT}/messages/0:{place}")}).to_string())
    })
}

/// The device of a message that is only to be looked at; `None` if it is to be sent.
fn only_looked_at(headers: &HeaderMap, body: &str) -> Option<String> {
    let whole: Value = serde_json::from_str(body).ok()?;
    let is_whole = headers.contains_key("authorization") && headers["content-type"] == "application/json";
    let device = whole["message"]["token"].as_str().filter(|_| is_whole && whole["validate_only"] == true);
    device.map(str::to_owned)
}

/// What is answered where the device is made up.
fn no_token() -> Value {
    let message = "The registration token is not a valid FCM registration token";
    json!({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": [
        {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "INVALID_ARGUMENT"},
    ]}})
}

/// What is answered where one device was told too much.
pub fn too_much_for_one_device() -> Reply {
    let details = json!([
        {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "QUOTA_EXCEEDED"},
        {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [
            {"subject": "device", "description": "Device message rate exceeded"},
        ]},
    ]);
    let error =
        json!({"error": {"code": 429, "message": "refused", "status": "RESOURCE_EXHAUSTED", "details": details}});
    Reply::Raw(429, error.to_string())
}

/// `projects.messages:send`: every member that is sent is one that there is, and of its type.
fn posted(headers: &HeaderMap, body: &str) -> Result<Value, String> {
    let fault = |what: &str| format!("{what}: {headers:?} {body}");
    if headers["content-type"] != "application/json" || !headers.contains_key("authorization") {
        return Err(fault("no JSON by somebody"));
    }
    let whole: Value = serde_json::from_str(body).map_err(|_| fault("no JSON"))?;
    let message = &whole["message"];
    let (id, seconds) = (message["data"]["id"].clone(), message["webpush"]["headers"]["TTL"].clone());
    let (Some(id), Some(seconds)) = (id.as_str(), seconds.as_str()) else { return Err(fault("no id, or no TTL")) };
    let expected = json!({"message": {
        "token": message["token"],
        "notification": {"title": message["notification"]["title"], "body": message["notification"]["body"]},
        "data": {"id": id, "kind": message["data"]["kind"], "event": message["data"]["event"]},
        "android": {"collapse_key": id, "priority": "HIGH", "ttl": format!("{seconds}s"), "notification": {"tag": id}},
        "apns": {
            "headers": {
                "apns-collapse-id": id, "apns-priority": "10",
                "apns-expiration": message["apns"]["headers"]["apns-expiration"],
            },
            "payload": {"aps": {"sound": "default"}},
        },
        "webpush": {
            "headers": {"TTL": seconds, "Topic": id.replace('-', ""), "Urgency": "high"},
            "notification": {"tag": id},
        },
    }});
    let texts = [
        "/token",
        "/notification/title",
        "/notification/body",
        "/data/kind",
        "/data/event",
        "/apns/headers/apns-expiration",
    ];
    let all_texts = texts.iter().all(|place| message.pointer(place).is_some_and(|value| value.as_str() > Some("")));
    let is_number = seconds.parse::<u32>().is_ok();
    if whole == expected && all_texts && is_number && body.len() <= 4096 {
        Ok(message.clone())
    } else {
        Err(fault("another shape"))
    }
}
