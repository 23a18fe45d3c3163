//! An OpenID provider in the hands of a test: it vouches for whom the test says, signs what the test wants, and fails as
//! the test wants. What a well-behaved provider does is proven against a real one in `tests/real`.

use std::collections::{BTreeMap, HashMap};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use aws_lc_rs::{digest, hmac};
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::world::{Answer, START, World};

/// What the gateway is known by at the provider.
pub const CLIENT: &str = "the-app";
/// By what it proves that it is.
pub const SECRET: &str = "the secret of the app";
/// The page that people come back to.
pub const PAGE: &str = "https://app.example/signed-in";
/// Another one.
pub const OTHER_PAGE: &str = "https://app.example/other";

/// A private key.
enum Private {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key that the provider signs with.
pub struct Key {
    pub id: String,
    private: Private,
}

impl Key {
    pub fn rsa(id: &str) -> Self {
        let private = Private::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).expect("a key"));
        Self { id: id.to_owned(), private }
    }

    pub fn p256(id: &str) -> Self {
        let private = Private::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key"));
        Self { id: id.to_owned(), private }
    }

    pub fn ed25519(id: &str) -> Self {
        Self { id: id.to_owned(), private: Private::Ed25519(Ed25519KeyPair::generate().expect("a key")) }
    }

    pub fn algorithm(&self) -> &'static str {
        match self.private {
            Private::Rsa(_) => "RS256",
            Private::P256(_) => "ES256",
            Private::Ed25519(_) => "EdDSA",
        }
    }

    /// The public key as an HMAC key would have it, for those who confuse the two.
    pub fn public(&self) -> &[u8] {
        match &self.private {
            Private::Rsa(pair) => pair.public_key().as_ref(),
            Private::P256(pair) => pair.public_key().as_ref(),
            Private::Ed25519(pair) => pair.public_key().as_ref(),
        }
    }

    /// RFC 7517, RFC 7518 section 6, RFC 8037 section 2.
    fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (public, alg) = (self.public(), self.algorithm());
        let mut jwk = match &self.private {
            // DER of modulus and exponent: both have the one length that these keys have.
            Private::Rsa(_) => {
                let (modulus, exponent) = (&public[public.len() - 261..public.len() - 5], &public[public.len() - 3..]);
                json!({"kty": "RSA", "n": text(modulus), "e": text(exponent)})
            }
            Private::P256(_) => {
                json!({"kty": "EC", "crv": "P-256", "x": text(&public[1..33]), "y": text(&public[33..])})
            }
            Private::Ed25519(_) => json!({"kty": "OKP", "crv": "Ed25519", "x": text(public)}),
        };
        for (name, value) in [("kid", self.id.as_str()), ("alg", alg), ("use", "sig")] {
            jwk[name] = value.into();
        }
        jwk
    }

    /// A token of these claims, as this key signs it.
    pub fn sign(&self, claims: &Value) -> String {
        let header = json!({"alg": self.algorithm(), "kid": self.id, "typ": "JWT"});
        let signed = unsigned(&header, claims);
        let signature = match &self.private {
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).expect("signed");
                signature
            }
            Private::P256(pair) => {
                pair.sign(&SystemRandom::new(), signed.as_bytes()).expect("signed").as_ref().to_vec()
            }
            Private::Ed25519(pair) => pair.sign(signed.as_bytes()).as_ref().to_vec(),
        };
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// Header and claims, without a signature.
pub fn unsigned(header: &Value, claims: &Value) -> String {
    [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".")
}

/// A token that is signed by a secret.
pub fn signed_by_secret(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let signed = unsigned(header, claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// How the provider does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// It answers.
    Well,
    /// It answers that it can't.
    Failing,
    /// It does not answer.
    Slow,
    /// It answers without an end.
    Huge,
    /// It answers what nobody asked.
    Rubbish,
    /// It sends whoever asks elsewhere.
    Elsewhere,
    /// It does not take the gateway for what it says that it is.
    Strangers,
}

/// What it was asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub discovery: u32,
    pub keys: u32,
    pub tokens: u32,
}

/// What a code is good for.
struct Granted {
    token: String,
    challenge: Option<String>,
    redirect_uri: String,
}

struct Desk {
    issuer: String,
    /// What of its description is another one, or (null) missing.
    described: Map<String, Value>,
    published: Vec<Value>,
    signer: Key,
    granted: HashMap<String, Granted>,
    codes: u32,
    /// Whether a code is good again and again, as at no provider that keeps the rules.
    forgetful: bool,
    mood: Mood,
    asked: Asked,
}

type Shared = Arc<Mutex<Desk>>;

/// A running provider, until the tests have ended.
pub struct Provider {
    pub issuer: String,
    desk: Shared,
}

impl Provider {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener");
        let issuer = format!("http://{}", listener.local_addr().expect("the address of a listener"));
        let signer = Key::ed25519("first");
        let desk = Arc::new(Mutex::new(Desk {
            issuer: issuer.clone(),
            described: Map::new(),
            published: vec![signer.jwk()],
            signer,
            granted: HashMap::new(),
            codes: 0,
            forgetful: false,
            mood: Mood::Well,
            asked: Asked::default(),
        }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/keys", get(publish))
            .route("/token", post(redeem))
            .with_state(Arc::clone(&desk));
        std::thread::spawn(move || {
            super::block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, router).await.expect("a server");
            });
        });
        Self { issuer, desk }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().expect("no panic while locked")
    }

    /// The settings of a gateway whose provider this is.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("GOOGLE__ISSUER", self.issuer.clone()),
            ("GOOGLE__CLIENT_ID", CLIENT.to_owned()),
            ("GOOGLE__CLIENT_SECRET", SECRET.to_owned()),
            ("GOOGLE__REDIRECT_URIS", json!([PAGE, OTHER_PAGE]).to_string()),
        ]
    }

    /// The same data behind a gateway whose provider this is.
    pub async fn before(&self, world: &World, changes: &[(&str, &str)]) -> World {
        let own = self.settings();
        let is_kept = |name: &str| !changes.iter().any(|(changed, _)| *changed == name);
        let own = own.iter().filter(|(name, _)| is_kept(name)).map(|(name, value)| (*name, value.as_str()));
        world.again_with(&own.chain(changes.iter().copied()).collect::<Vec<_>>()).await
    }

    pub fn be(&self, mood: Mood) {
        self.desk().mood = mood;
    }

    pub fn be_forgetful(&self) {
        self.desk().forgetful = true;
    }

    /// Describes itself otherwise from now on.
    pub fn describe_as(&self, name: &str, value: Value) {
        self.desk().described.insert(name.to_owned(), value);
    }

    pub fn asked(&self) -> Asked {
        self.desk().asked
    }

    /// Signs with this key from now on, and publishes it beside the others.
    pub fn rotate(&self, key: Key) {
        let mut desk = self.desk();
        desk.published.push(key.jwk());
        desk.signer = key;
    }

    /// Signs with this key from now on, and tells nobody.
    pub fn sign_secretly_with(&self, key: Key) {
        self.desk().signer = key;
    }

    /// Takes this key back.
    pub fn withdraw(&self, id: &str) {
        self.desk().published.retain(|jwk| jwk["kid"] != id);
    }

    /// What it says of this person, with these claims changed, or (null) left out.
    pub fn claims(&self, subject: &str, changes: Value) -> Value {
        let now = START.seconds();
        let mut claims = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": subject, "iat": now, "exp": now + 3600,
            "email": format!("{subject}@example.com"), "email_verified": true, "name": "Jane Doe",
        });
        let Value::Object(changes) = changes else { panic!("claims are an object") };
        for (name, value) in changes {
            claims[name.as_str()] = value;
        }
        claims.as_object_mut().expect("an object").retain(|_, value| !value.is_null());
        claims
    }

    /// A code for this person, with these claims changed.
    pub fn code(&self, subject: &str, changes: Value) -> String {
        let claims = self.claims(subject, changes);
        let token = self.desk().signer.sign(&claims);
        self.code_for(token)
    }

    /// A code for this token.
    pub fn code_for(&self, token: String) -> String {
        self.grant(Granted { token, challenge: None, redirect_uri: PAGE.to_owned() })
    }

    /// Does what a person does at the page of the provider: signs in; gives the code that comes back.
    pub fn visit(&self, authorization_url: &str, subject: &str, changes: Value) -> String {
        let query = parameters(authorization_url.split_once('?').expect("a query").1);
        assert!(authorization_url.starts_with(&format!("{}/authorize?", self.issuer)), "{authorization_url}");
        let expected = [
            ("response_type", "code"),
            ("client_id", CLIENT),
            ("code_challenge_method", "S256"),
            ("scope", "openid email profile"),
        ];
        for (name, value) in expected {
            assert_eq!(query[name], value, "{name} of {authorization_url}");
        }
        let mut claims = self.claims(subject, changes);
        if claims["nonce"].is_null() {
            claims["nonce"] = query["nonce"].clone().into();
        }
        let token = self.desk().signer.sign(&claims);
        let challenge = Some(query["code_challenge"].clone());
        self.grant(Granted { token, challenge, redirect_uri: query["redirect_uri"].clone() })
    }

    fn grant(&self, granted: Granted) -> String {
        let mut desk = self.desk();
        desk.codes += 1;
        let code = format!("code-{}", desk.codes);
        desk.granted.insert(code.clone(), granted);
        code
    }
}

/// The parameters of a query or a form.
pub fn parameters(text: &str) -> BTreeMap<String, String> {
    form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

/// Begins a sign-in for this page.
pub async fn start(world: &World, page: &str) -> Answer {
    let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("redirectUri", page).finish();
    world.get(&format!("/v1/auth/google/start?{query}")).await
}

/// Posts a code.
pub async fn sign_in(world: &World, code: &str) -> Answer {
    world.post("/v1/auth/google", json!({"code": code})).await
}

/// Posts a code with its state.
pub async fn finish(world: &World, code: &str, state: &str) -> Answer {
    world.post("/v1/auth/google", json!({"code": code, "state": state})).await
}

/// The answer of a provider in this mood; `None` if it does well.
async fn moody(mood: Mood) -> Option<Response<Body>> {
    let of = |status: StatusCode, body: Body| {
        let answer = Response::builder().status(status).header("content-type", "application/json");
        Some(answer.header("location", "/elsewhere").body(body).expect("an answer"))
    };
    match mood {
        Mood::Well | Mood::Strangers => None,
        Mood::Failing => {
            // So that those who ask at once find the question under way, also on a busy machine.
            tokio::time::sleep(Duration::from_millis(200)).await;
            of(StatusCode::INTERNAL_SERVER_ERROR, Body::from(r#"{"error":"server_error"}"#))
        }
        Mood::Slow => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            of(StatusCode::OK, Body::from("{}"))
        }
        Mood::Huge => of(StatusCode::OK, Body::from(format!(r#"{{"a":"{}"}}"#, "a".repeat(1024 * 1024)))),
        Mood::Rubbish => of(StatusCode::OK, Body::from("<html>\u{1b}[31m")),
        Mood::Elsewhere => of(StatusCode::TEMPORARY_REDIRECT, Body::empty()),
    }
}

fn json_answer(status: StatusCode, body: &Value) -> Response<Body> {
    let answer = Response::builder().status(status).header("content-type", "application/json");
    answer.body(Body::from(body.to_string())).expect("an answer")
}

fn lock(desk: &Shared) -> MutexGuard<'_, Desk> {
    desk.lock().expect("no panic while locked")
}

async fn describe(State(desk): State<Shared>) -> Response<Body> {
    let mood = {
        let mut desk = lock(&desk);
        desk.asked.discovery += 1;
        desk.mood
    };
    if let Some(answer) = moody(mood).await {
        return answer;
    }
    let desk = lock(&desk);
    let issuer = &desk.issuer;
    let mut description = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // All that there is, so that only the gateway's own rules refuse some.
        "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "HS256", "none"],
    });
    for (name, value) in &desk.described {
        description[name.as_str()] = value.clone();
    }
    json_answer(StatusCode::OK, &description)
}

async fn publish(State(desk): State<Shared>) -> Response<Body> {
    let mood = {
        let mut desk = lock(&desk);
        desk.asked.keys += 1;
        desk.mood
    };
    if let Some(answer) = moody(mood).await {
        return answer;
    }
    json_answer(StatusCode::OK, &json!({"keys": lock(&desk).published}))
}

async fn redeem(State(desk): State<Shared>, headers: HeaderMap, body: String) -> Response<Body> {
    let mood = {
        let mut desk = lock(&desk);
        desk.asked.tokens += 1;
        desk.mood
    };
    if let Some(answer) = moody(mood).await {
        return answer;
    }
    let refuse = |error: &str| json_answer(StatusCode::BAD_REQUEST, &json!({"error": error}));
    let form = parameters(&body);
    if mood == Mood::Strangers || !is_known(&headers, &form) {
        return json_answer(StatusCode::UNAUTHORIZED, &json!({"error": "invalid_client"}));
    }
    let mut desk = lock(&desk);
    let code = form.get("code").map(String::as_str).unwrap_or_default();
    let Some(granted) = desk.granted.get(code) else { return refuse("invalid_grant") };
    let verifier = form
        .get("code_verifier")
        .map(|verifier| URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes())));
    if form.get("redirect_uri") != Some(&granted.redirect_uri) || granted.challenge != verifier {
        return refuse("invalid_grant");
    }
    let answer = json!({"access_token": "opaque", "token_type": "Bearer", "expires_in": 60, "id_token": granted.token});
    if !desk.forgetful {
        desk.granted.remove(code);
    }
    json_answer(StatusCode::OK, &answer)
}

/// RFC 6749 section 2.3.1: name and secret are encoded as in a form before they go into the header.
fn is_known(headers: &HeaderMap, form: &BTreeMap<String, String>) -> bool {
    let in_body = form.get("client_id").zip(form.get("client_secret"));
    if in_body.is_some_and(|(id, secret)| id == CLIENT && secret == SECRET) {
        return true;
    }
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let expected = format!("Basic {}", STANDARD.encode(format!("{}:{}", encoded(CLIENT), encoded(SECRET))));
    headers.get("authorization").is_some_and(|given| given == expected.as_str())
}
