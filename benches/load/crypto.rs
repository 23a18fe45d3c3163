//! The floor of cryptography: what a sign-in can't do without, on one thread and with nothing around it.

use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use countersign::clock::Stopwatch;
use countersign::random::Random;
use countersign::wallet::eip191;
use k256::ecdsa::{SigningKey, VerifyingKey};

use crate::Fault;

/// As long as the text of a derived nonce: `0x` and 24 bytes in hex.
const NONCE: &str = "0x000102030405060708090a0b0c0d0e0f1011121314151617";

/// As long as header and payload of an access token.
const TOKEN: [u8; 512] = [b'a'; 512];

/// So short that most rounds pass without an interruption, also on a busy machine.
const ROUND: u32 = 10;
const ROUNDS: usize = 400;

/// What one of each takes.
#[derive(Clone, Copy)]
pub struct Costs {
    /// One recovery of the key that signed an EIP-191 text.
    pub recover: Duration,
    /// One Ed25519 signature of a token.
    pub sign: Duration,
}

impl Costs {
    pub fn both(self) -> Duration {
        self.recover + self.sign
    }
}

pub fn measure() -> Result<Costs, Fault> {
    let wallet = SigningKey::from_slice(&[1; 32])?;
    let (signature, recovery) = wallet.sign_prehash_recoverable(&eip191::hash(NONCE.as_bytes()));
    let recover = undisturbed(|| {
        let hash = eip191::hash(black_box(NONCE.as_bytes()));
        VerifyingKey::recover_from_prehash(&hash, &signature, recovery).is_ok()
    });
    let ring = Ed25519KeyPair::from_seed_unchecked(&Random::system().bytes::<32>())?;
    let sign = undisturbed(|| ring.sign(black_box(&TOKEN)));
    Ok(Costs { recover, sign })
}

/// What one call takes undisturbed: of many rounds the one that only a tenth undercut. Others were interrupted, and a
/// floor that is too high would flatter what stands on it.
fn undisturbed<T>(call: impl Fn() -> T) -> Duration {
    let mut rounds = [Duration::ZERO; ROUNDS];
    for round in &mut rounds {
        let watch = Stopwatch::start();
        for _ in 0..ROUND {
            black_box(call());
        }
        *round = watch.elapsed() / ROUND;
    }
    rounds.sort_unstable();
    rounds[ROUNDS / 10]
}
