//! The one place that draws randomness. Everything else is handed a [`Random`], so a test can repeat itself.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest;
use uuid::{Builder, Uuid};

use crate::clock::Timestamp;

/// Where randomness comes from. Cloning shares it.
#[derive(Clone)]
pub struct Random {
    source: Source,
    /// Orders the ids that are made within one millisecond.
    sequence: Arc<AtomicU16>,
}

#[derive(Clone)]
enum Source {
    /// The operating system's generator.
    System,
    /// SHA-256 of a seed and a counter: repeatable, and worthless for a real key.
    Seeded(Arc<Mutex<Seed>>),
}

/// The state of a seeded generator.
struct Seed {
    seed: u64,
    block: u64,
}

/// How many bytes a thread draws at a time for names.
const DRAWN_AT_ONCE: usize = 256;

/// Random bytes, of which the first `left` are still to be used.
struct Drawn {
    bytes: [u8; DRAWN_AT_ONCE],
    left: usize,
}

impl Drawn {
    /// `N` bytes that nobody gets again.
    fn take<const N: usize>(&mut self, fresh: impl FnOnce() -> [u8; DRAWN_AT_ONCE]) -> [u8; N] {
        const { assert!(N <= DRAWN_AT_ONCE) };
        if self.left < N {
            self.bytes = fresh();
            self.left = DRAWN_AT_ONCE;
        }
        let mut taken = [0; N];
        taken.copy_from_slice(&self.bytes[self.left - N..self.left]);
        self.left -= N;
        taken
    }
}

impl Random {
    /// The operating system's randomness.
    #[must_use]
    pub fn system() -> Self {
        Self { source: Source::System, sequence: Arc::default() }
    }

    /// A generator that gives the same bytes in the same order for the same `seed`: for tests alone.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self { source: Source::Seeded(Arc::new(Mutex::new(Seed { seed, block: 0 }))), sequence: Arc::default() }
    }

    /// `N` fresh random bytes.
    ///
    /// # Panics
    /// If the operating system has no randomness to give: nothing in this program is safe without it.
    #[must_use]
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        match &self.source {
            // Not the crypto library's generator, which gathers jitter of its own for 50 ms before its first byte.
            #[expect(clippy::disallowed_methods, reason = "this is the one place that draws randomness")]
            #[expect(clippy::expect_used, reason = "going on without randomness would hand out guessable secrets")]
            Source::System => getrandom::fill(&mut bytes).expect("the operating system gives random bytes"),
            Source::Seeded(seed) => seed.lock().unwrap_or_else(PoisonError::into_inner).fill(&mut bytes),
        }
        bytes
    }

    /// `N` random bytes for what has to be unlike any other and is no secret: names of requests, rows and tokens. They are
    /// drawn many at a time, since a call for a few bytes costs as much as one for hundreds.
    ///
    /// # Panics
    /// As [`Self::bytes`].
    #[must_use]
    pub fn name<const N: usize>(&self) -> [u8; N] {
        thread_local!(static DRAWN: RefCell<Drawn> = const { RefCell::new(Drawn { bytes: [0; DRAWN_AT_ONCE], left: 0 }) });
        match &self.source {
            Source::System => DRAWN.with_borrow_mut(|drawn| drawn.take(|| self.bytes())),
            Source::Seeded(_) => self.bytes(),
        }
    }

    /// A UUIDv7 (RFC 9562 section 5.7) made at `now`: it grows with time, so a primary key of them is appended to.
    /// Within a millisecond a counter orders those of one process (section 6.2, method 1); 62 bits stay random.
    #[must_use]
    pub fn uuid(&self, now: Timestamp) -> Uuid {
        let mut bytes = self.name::<10>();
        bytes[..2].copy_from_slice(&self.sequence.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Builder::from_unix_timestamp_millis(now.millis(), &bytes).into_uuid()
    }
}

impl Seed {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(digest::SHA256_OUTPUT_LEN) {
            let mut input = [0; 16];
            input[..8].copy_from_slice(&self.seed.to_be_bytes());
            input[8..].copy_from_slice(&self.block.to_be_bytes());
            self.block += 1;
            let block = digest::digest(&digest::SHA256, &input);
            chunk.copy_from_slice(&block.as_ref()[..chunk.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_and_two_seeds_differ() {
        assert_eq!(Random::seeded(1).bytes::<40>(), Random::seeded(1).bytes::<40>());
        assert_ne!(Random::seeded(1).bytes::<40>(), Random::seeded(2).bytes::<40>());
    }

    #[test]
    fn names_are_unlike_each_other_on_all_threads_and_beyond_what_is_drawn_at_once() {
        let random = Random::system();
        let name = || (0..100).map(|_| random.name::<10>()).collect::<Vec<_>>();
        let names: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(name)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(names.iter().collect::<std::collections::HashSet<_>>().len(), 400);
        assert_eq!(Random::seeded(1).name::<40>(), Random::seeded(1).bytes::<40>());
    }

    #[test]
    fn a_uuid_carries_its_version_and_its_time() {
        let moment = Timestamp::from_seconds(1_767_225_600);
        let random = Random::system();
        let id = random.uuid(moment);
        assert!(random.uuid(moment) > id, "ids of one moment are in order too");
        assert_eq!(id.get_version_num(), 7);
        assert_eq!(id.get_timestamp().map(|t| t.to_unix().0), Some(1_767_225_600));
    }
}
