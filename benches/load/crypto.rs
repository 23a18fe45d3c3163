//! The floor of cryptography: what a sign-in can't do without, with nothing around it. Everything else is measured as
//! CPU time while all cores are busy, so this is too: cores that share a physical one slow each other down, and a host
//! gives each of them less when all work.

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

/// How often before the time is looked at.
const ROUND: u32 = 20;
/// How long each of the two is measured.
const TIME: Duration = Duration::from_secs(2);

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
    let recover = on_all_cores(|| {
        let hash = eip191::hash(black_box(NONCE.as_bytes()));
        VerifyingKey::recover_from_prehash(&hash, &signature, recovery).is_ok()
    })?;
    let ring = Ed25519KeyPair::from_seed_unchecked(&Random::system().bytes::<32>())?;
    let sign = on_all_cores(|| ring.sign(black_box(&TOKEN)))?;
    Ok(Costs { recover, sign })
}

/// The CPU time of one call, while each core makes them.
fn on_all_cores<T>(call: impl Fn() -> T + Sync) -> Result<Duration, Fault> {
    let cores = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(|| one_core(&call))).collect();
        let (mut time, mut calls) = (Duration::ZERO, 0);
        for thread in threads {
            let share = thread.join().map_err(|_| Fault("the crypto panicked".to_owned()))??;
            time += share.0;
            calls += share.1;
        }
        Ok(time / calls)
    })
}

/// The CPU time of this thread's calls, and how many they were.
fn one_core<T>(call: &impl Fn() -> T) -> Result<(Duration, u32), Fault> {
    let (watch, before, mut calls) = (Stopwatch::start(), thread_cpu()?, 0);
    while watch.elapsed() < TIME {
        for _ in 0..ROUND {
            black_box(call());
        }
        calls += ROUND;
    }
    Ok((thread_cpu()?.saturating_sub(before), calls))
}

/// The time that the calling thread has spent on a core so far.
fn thread_cpu() -> Result<Duration, Fault> {
    let schedule = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let on_core = schedule.split_whitespace().next().and_then(|nanoseconds| nanoseconds.parse().ok());
    on_core.map(Duration::from_nanos).ok_or_else(|| Fault("the kernel keeps no time of threads".to_owned()))
}
