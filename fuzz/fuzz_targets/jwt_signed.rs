//! Access tokens of any content under a signature of ours: claims that fit are read back, all else is refused.

#![no_main]

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use countersign::clock::Timestamp;
use countersign::config::Algorithm;
use countersign::crypto::jwt::{AccessClaims, Expected, Refusal, sign, verify};
use countersign::crypto::keyring::{Keyring, SigningKey};
use countersign::random::Random;
use libfuzzer_sys::fuzz_target;
use uuid::Uuid;

const NOW: Timestamp = Timestamp::from_seconds(1_767_225_600);
const SKEW: Duration = Duration::from_secs(30);
const EXPECTED: Expected<'static> =
    Expected { issuer: "https://id.example", audience: "https://api.example", skew: SKEW };

static RING: LazyLock<Keyring> = LazyLock::new(|| {
    let pkcs8 = SigningKey::generate(Algorithm::EdDsa, &Random::seeded(1)).expect("a key");
    Keyring::new(vec![SigningKey::parse(Algorithm::EdDsa, &pkcs8, NOW).expect("a key")])
});

fuzz_target!(|input: (&[u8], &str, (i64, i64), (u128, u128), (bool, bool, bool))| {
    let (payload, text, (iat, exp), (one, other), (right_issuer, right_audience, near)) = input;
    let key = RING.signing(Algorithm::EdDsa, NOW).expect("a key");

    let message = format!("{}.{}", key.header(), URL_SAFE_NO_PAD.encode(payload));
    let token = format!("{message}.{}", key.sign(message.as_bytes()).expect("a signature"));
    assert_eq!(
        verify(&RING, &token, EXPECTED, NOW).ok().map(|claims| claims.iss),
        None,
        "no payload of ours by chance"
    );

    let around = |seconds: i64| if near { NOW.seconds() + seconds % 120 } else { seconds };
    let claims = AccessClaims {
        iss: if right_issuer { EXPECTED.issuer } else { text }.to_owned(),
        sub: Uuid::from_u128(one),
        aud: if right_audience { EXPECTED.audience } else { text }.to_owned(),
        iat: around(iat),
        exp: around(exp),
        jti: Uuid::from_u128(other),
        sid: Uuid::from_u128(one ^ other),
        amr: vec![text.to_owned()],
        roles: text.split(' ').map(str::to_owned).collect(),
        evf: right_issuer,
        wallet: right_audience.then(|| text.to_owned()),
        address: near.then(|| text.to_owned()),
        plan: right_issuer.then(|| text.to_owned()),
    };
    let token = sign(key, &claims).expect("a token");
    let fits = claims.iss == EXPECTED.issuer
        && claims.aud == EXPECTED.audience
        && Timestamp::from_seconds(claims.iat) <= NOW + SKEW
        && token.len() <= 2048;
    let expected = match (fits, claims.exp > NOW.seconds()) {
        (false, _) => Err(Refusal::Invalid),
        (true, false) => Err(Refusal::Expired),
        (true, true) => Ok(claims),
    };
    assert_eq!(verify(&RING, &token, EXPECTED, NOW), expected);
});
