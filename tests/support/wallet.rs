//! Wallets with known keys, and what a person does with one.

use countersign::model::Address;
use countersign::wallet::eip191;
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};
use sha3::{Digest, Keccak256};

use super::person::call_as;
use super::world::{Answer, World};

/// A wallet whose key is known.
#[derive(Clone)]
pub struct Wallet {
    key: SigningKey,
    pub address: String,
}

/// A session, as the wallet door gave it.
#[derive(Clone, Debug)]
pub struct Session {
    pub address: String,
    pub token: String,
    pub refresh: String,
}

impl Wallet {
    /// The wallet of this number.
    pub fn number(number: u32) -> Self {
        let mut secret = [0x42; 32];
        secret[28..].copy_from_slice(&number.to_be_bytes());
        let key = SigningKey::from_slice(&secret).expect("the number makes a key");
        let point = key.verifying_key().to_sec1_point(false);
        let digest = Keccak256::digest(&point.as_bytes()[1..]);
        let address = Address::new(digest[12..].try_into().expect("20 bytes")).checksummed();
        Self { key, address }
    }

    /// r, s and the parity of y over the EIP-191 hash of `message`.
    pub fn sign_parts(&self, message: &[u8]) -> ([u8; 64], u8) {
        let (signature, recovery) = self.key.sign_prehash_recoverable(&eip191::hash(message));
        (signature.to_bytes().into(), recovery.to_byte())
    }

    /// Signs a text as ethers and viem do: v is 27 or 28.
    pub fn sign(&self, text: &str) -> String {
        self.sign_bytes(text.as_bytes())
    }

    /// Signs bytes, as web3.js does with the bytes that a 0x string encodes.
    pub fn sign_bytes(&self, message: &[u8]) -> String {
        let (rs, parity) = self.sign_parts(message);
        format!("0x{}{:02x}", hex::encode(rs), 27 + parity)
    }

    /// Asks for this wallet's nonce.
    pub async fn nonce(&self, world: &World) -> String {
        let answer = world.post("/users/nonce", json!({"address": self.address})).await.ok(200);
        answer.field("nonce").to_owned()
    }

    /// Posts a signature.
    pub async fn post(&self, world: &World, signature: &str) -> Answer {
        world.post("/users/authenticate", json!({"address": self.address, "signature": signature})).await
    }

    /// Signs and posts a nonce, naming it.
    pub async fn post_named(&self, world: &World, nonce: &str) -> Answer {
        let signature = self.sign(nonce);
        let body = json!({"address": self.address, "signature": signature, "nonce": nonce});
        world.post("/users/authenticate", body).await
    }

    /// Signs in as a person does.
    pub async fn sign_in(&self, world: &World) -> Session {
        let nonce = self.nonce(world).await;
        Session::of(&self.post(world, &self.sign(&nonce)).await.ok(200))
    }

    /// Is linked to the account whose token this is.
    pub async fn link(&self, world: &World, bearer: &str) {
        let asked = json!({"address": self.address});
        let asked = call_as(world, bearer, "POST", "/users/wallets/challenge", asked).await.ok(200);
        let message = asked.field("message");
        let proof = json!({"message": message, "signature": self.sign(message)});
        call_as(world, bearer, "POST", "/users/wallets", proof).await.ok(201);
    }
}

impl Session {
    /// The session in an answer of sign-in.
    pub fn of(answer: &Answer) -> Self {
        let field = |name| answer.field(name).to_owned();
        Self { address: field("address"), token: field("token"), refresh: field("refreshToken") }
    }

    /// The path of the profile.
    pub fn profile_path(&self) -> String {
        format!("/users/{}/data", self.address)
    }

    /// Reads the profile with the access token.
    pub async fn read(&self, world: &World) -> Answer {
        world.get_as(&self.token, &self.profile_path()).await
    }

    /// The API key.
    pub async fn api_key(&self, world: &World) -> String {
        world.get_as(&self.token, "/users/api-key").await.ok(200).field("apiKey").to_owned()
    }

    /// The claims of the access token, unverified.
    pub fn claims(&self) -> Value {
        claims(&self.token)
    }
}

/// The claims of an access token, unverified.
pub fn claims(token: &str) -> Value {
    use base64::Engine;
    let payload = token.split('.').nth(1).expect("a token has a payload");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).expect("base64url");
    serde_json::from_slice(&bytes).expect("claims are JSON")
}

/// Posts a refresh token.
pub async fn refresh(world: &World, token: &str) -> Answer {
    world.post("/users/refresh", json!({"refreshToken": token})).await
}
