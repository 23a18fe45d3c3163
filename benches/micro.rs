//! What the parts of a sign-in and of an authenticated request cost by themselves, without HTTP and without a database,
//! beside the libraries' bare crypto. `docs/performance.md` says how to run it.

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use countersign::clock::Timestamp;
use countersign::config::Algorithm;
use countersign::crypto::derived::{self, Kind};
use countersign::crypto::jwt::{self, AccessClaims, Expected};
use countersign::crypto::keyring::{Keyring, SigningKey};
use countersign::crypto::root::{Keychain, RootKeys};
use countersign::model::{Address, Origin};
use countersign::random::Random;
use countersign::secret::SecretBytes;
use countersign::wallet::nonce::{self, FREE_TTL, FreeNonce, Purpose};
use countersign::wallet::signer::PrivateKey;
use countersign::wallet::siwe::{self, Message};
use countersign::wallet::{self, eip191};
use criterion::Criterion;
use k256::ecdsa::VerifyingKey;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);

const SECRET: [u8; 32] = [7; 32];

const EXPECTED: Expected<'static> =
    Expected { issuer: "https://id.example", audience: "https://api.example", skew: Duration::from_secs(30) };

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    bare(&mut criterion)?;
    signatures(&mut criterion)?;
    messages(&mut criterion)?;
    nonces(&mut criterion)?;
    access_tokens(&mut criterion)?;
    derived_tokens(&mut criterion);
    criterion.final_summary();
    Ok(())
}

/// The libraries alone, on inputs as long as ours: the floor that the others stand on.
fn bare(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("bare");
    let hash = eip191::hash(a_nonce(&keychain()).as_bytes());
    let (signature, recovery) = k256::ecdsa::SigningKey::from_slice(&SECRET)?.sign_prehash_recoverable(&hash);
    group.bench_function("k256 recover", |b| {
        b.iter(|| VerifyingKey::recover_from_prehash(black_box(&hash), &signature, recovery).is_ok());
    });
    let token = sign(&ring(Algorithm::EdDsa)?, Algorithm::EdDsa)?;
    let message = token.rsplit_once('.').map_or("", |(message, _)| message).as_bytes();
    let pair = Ed25519KeyPair::from_seed_unchecked(&SECRET)?;
    group.bench_function("Ed25519 sign", |b| b.iter(|| pair.sign(black_box(message))));
    let (pair, random) = (EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?, SystemRandom::new());
    group.bench_function("P-256 sign", |b| b.iter(|| pair.sign(&random, black_box(message)).is_ok()));
    group.finish();
    Ok(())
}

/// From what a client posts to the wallet that signed it.
fn signatures(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("wallet");
    let wallet = a_wallet()?;
    let (checksummed, nonce) = (wallet.address().checksummed(), a_nonce(&keychain()));
    let lower_case = checksummed.to_ascii_lowercase();
    group.bench_function("parse an address, lower case", |b| b.iter(|| Address::parse(black_box(&lower_case)).is_ok()));
    group.bench_function("parse an address, EIP-55", |b| b.iter(|| Address::parse(black_box(&checksummed)).is_ok()));
    group.bench_function("hash by EIP-191", |b| b.iter(|| eip191::hash(black_box(nonce.as_bytes()))));
    let signature = wallet.sign_message(&nonce);
    let recover =
        || Some(eip191::Signature::parse(black_box(&signature)).ok()?.recover(&eip191::hash(nonce.as_bytes())));
    if recover() != Some(Some(wallet.address())) {
        return Err("the wallet's signature recovers to another".into());
    }
    group.bench_function("recover an address", |b| b.iter(recover));
    let (address, nonces) = (wallet.address(), [nonce.clone()]);
    let expected = wallet::Expected::Bare { address, nonces: &nonces };
    group.bench_function("verify a sign-in", |b| b.iter(|| wallet::verify(black_box(&signature), expected).is_ok()));
    group.finish();
    Ok(())
}

/// A message (EIP-4361) as this gateway writes it: reading and printing it, its rules, and its signature.
fn messages(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("message");
    let wallet = a_wallet()?;
    let (address, nonce) = (wallet.address(), a_nonce(&keychain()));
    let text = format!(
        "id.example wants you to sign in with your Ethereum account:\n{address}\n\n\nURI: https://id.example\nVersion: 1\n\
         Chain ID: 1\nNonce: {nonce}\nIssued At: 2026-01-01T00:00:00Z"
    );
    let message = Message::parse(&text)?;
    let origins = [Origin::new("https", "id.example", None).ok_or("an origin")?];
    let (skew, max_age) = (Duration::from_secs(30), Duration::from_mins(10));
    let expected = siwe::Expected { origins: &origins, chains: &[1], skew, max_age, now: NOW };
    let rules = || {
        let message = black_box(&message);
        let site = message.judge_domain(&expected).and_then(|()| message.judge_uri(&expected));
        let times = || message.judge_issued_at(&expected).and_then(|()| message.judge_expiration(&expected));
        site.and_then(|()| message.judge_chain(&expected)).and_then(|()| times()).is_ok()
    };
    if !rules() {
        return Err("the message breaks a rule".into());
    }
    let signature = wallet.sign_message(&text);
    let signed = wallet::Expected::Message { message: &message, text: &text };
    group.bench_function("parse", |b| b.iter(|| Message::parse(black_box(&text)).is_ok()));
    group.bench_function("print", |b| b.iter(|| black_box(&message).to_string()));
    group.bench_function("judge its rules", |b| b.iter(rules));
    group.bench_function("verify its signature", |b| b.iter(|| wallet::verify(black_box(&signature), signed).is_ok()));
    group.finish();
    Ok(())
}

fn nonces(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("nonce");
    let (chain, address) = (keychain(), a_wallet()?.address());
    let (keys, window) = (chain.current(), nonce::window(NOW));
    group.bench_function("derive a wallet's", |b| {
        b.iter(|| nonce::bare(keys, Purpose::SignIn, black_box(address), window, 7));
    });
    let free = FreeNonce { id: [9; 16], expires_at: NOW + FREE_TTL };
    group.bench_function("encode a free one", |b| b.iter(|| black_box(free).encode(keys, Purpose::SignIn)));
    let text = free.encode(keys, Purpose::SignIn);
    let decode = || FreeNonce::decode(&chain, Purpose::SignIn, black_box(&text), NOW);
    if decode() != Ok(free) {
        return Err("a free nonce does not survive the round trip".into());
    }
    group.bench_function("decode a free one", |b| b.iter(decode));
    group.finish();
    Ok(())
}

fn access_tokens(criterion: &mut Criterion) -> Result<(), Box<dyn Error>> {
    let mut group = criterion.benchmark_group("access token");
    for algorithm in [Algorithm::EdDsa, Algorithm::Es256] {
        let (ring, name) = (ring(algorithm)?, algorithm.name());
        let key = ring.signing(algorithm, NOW).map_err(|error| format!("{error:?}"))?;
        let claims = claims();
        group.bench_function(format!("sign, {name}"), |b| b.iter(|| jwt::sign(key, black_box(&claims)).is_ok()));
        let token = sign(&ring, algorithm)?;
        let verify = || jwt::verify(&ring, black_box(&token), EXPECTED, NOW);
        if verify() != Ok(claims) {
            return Err("an access token does not verify".into());
        }
        group.bench_function(format!("verify, {name}"), |b| b.iter(verify));
    }
    group.finish();
    Ok(())
}

/// What is checked of them before the database is asked.
fn derived_tokens(criterion: &mut Criterion) {
    let chain = keychain();
    for (kind, name) in [(Kind::ApiKey, "API key"), (Kind::Refresh, "refresh token")] {
        let mut group = criterion.benchmark_group(name);
        let mint = || derived::mint(kind, chain.current(), black_box(Uuid::from_u128(7)), 1);
        let token = mint();
        group.bench_function("derive", |b| b.iter(mint));
        group.bench_function("verify", |b| b.iter(|| derived::verify(kind, &chain, black_box(&token)).is_ok()));
        group.finish();
    }
}

fn keychain() -> Keychain {
    Keychain::new(RootKeys::new(1, &SecretBytes::new(SECRET)), Vec::new())
}

fn a_wallet() -> Result<PrivateKey, &'static str> {
    PrivateKey::new(&SECRET).ok_or("not a private key")
}

fn a_nonce(chain: &Keychain) -> String {
    nonce::bare(chain.current(), Purpose::SignIn, Address::new([7; 20]), nonce::window(NOW), 7)
}

fn ring(algorithm: Algorithm) -> Result<Keyring, String> {
    let key = SigningKey::generate(algorithm, &Random::system())
        .and_then(|pkcs8| SigningKey::parse(algorithm, &pkcs8, NOW))
        .map_err(|error| format!("{error:?}"))?;
    Ok(Keyring::new(vec![key]))
}

fn sign(ring: &Keyring, algorithm: Algorithm) -> Result<String, String> {
    ring.signing(algorithm, NOW).and_then(|key| jwt::sign(key, &claims())).map_err(|error| format!("{error:?}"))
}

/// All that the token of a wallet's sign-in says.
fn claims() -> AccessClaims {
    let address = Address::new([7; 20]);
    AccessClaims {
        iss: EXPECTED.issuer.to_owned(),
        sub: Uuid::from_u128(1),
        aud: EXPECTED.audience.to_owned(),
        iat: NOW.seconds(),
        exp: NOW.seconds() + 1800,
        jti: Uuid::from_u128(2),
        sid: Uuid::from_u128(3),
        amr: vec!["pop".to_owned()],
        roles: vec!["USER".to_owned()],
        evf: false,
        wallet: Some(address.caip10()),
        address: Some(address.checksummed()),
        plan: None,
    }
}
