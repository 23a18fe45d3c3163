//! How long somebody waits who guesses at a secret: a few tries are free, then each one costs twice the wait of the last.

use std::time::Duration;

use crate::clock::Timestamp;

/// How many failures cost nothing: people mistype.
pub const FREE_FAILURES: u32 = 5;

/// The longest wait. No lock-out: whoever knows the secret gets in after it at the latest.
pub const LONGEST_WAIT: Duration = Duration::from_mins(15);

/// How long after the last failure it is forgotten that there were any.
pub const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// Failures at one secret from one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// How many, since the last success.
    pub count: u32,
    /// When the last one was.
    pub last_at: Timestamp,
}

impl Failures {
    /// How long from `now` on nothing is tried; `None` if something may be.
    #[must_use]
    pub fn wait(self, now: Timestamp) -> Option<Duration> {
        self.wait_beyond(FREE_FAILURES, now)
    }

    /// The same where other than [`FREE_FAILURES`] cost nothing.
    #[must_use]
    pub fn wait_beyond(self, free: u32, now: Timestamp) -> Option<Duration> {
        let beyond = self.count.checked_sub(free)?;
        // 2^10 s are longer than the longest wait.
        let wait = Duration::from_secs(1 << beyond.min(10)).min(LONGEST_WAIT);
        let over = self.last_at + wait;
        (now < over).then(|| over.since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAST: Timestamp = Timestamp::from_seconds(1_000);

    #[test]
    fn five_are_free_and_then_the_wait_doubles_up_to_a_quarter_of_an_hour() {
        let wait = |count| Failures { count, last_at: LAST }.wait(LAST).map_or(0, |wait| wait.as_secs());
        assert_eq!([0, 1, 4, 5, 6, 7, 14, 15, 16, u32::MAX].map(wait), [0, 0, 0, 1, 2, 4, 512, 900, 900, 900]);
    }

    #[test]
    fn the_wait_is_over_when_it_is_over() {
        let failures = Failures { count: 7, last_at: LAST };
        assert_eq!(failures.wait(LAST + Duration::from_secs(1)), Some(Duration::from_secs(3)));
        assert_eq!(failures.wait(LAST + Duration::from_secs(4)), None);
    }
}
