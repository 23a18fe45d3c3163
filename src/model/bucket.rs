//! The token bucket behind every limit, as arithmetic on one number.

use std::time::Duration;

use crate::clock::Timestamp;

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many a minute, once the burst is spent.
    pub per_minute: u32,
    /// How many at once.
    pub burst: u32,
}

/// A bucket's fill, as the time at which it would be full again (the theoretical arrival time of GCRA,
/// ITU-T I.371): one number that needs no clock tick to refill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FullAt(pub Timestamp);

impl Rate {
    /// Takes one out of the bucket: its new fill, or how long to wait for the next one.
    ///
    /// # Errors
    /// The wait, if the bucket is empty at `now`.
    pub fn take(self, full_at: Option<FullAt>, now: Timestamp) -> Result<FullAt, Duration> {
        let interval = Duration::from_mins(1) / self.per_minute.max(1);
        let capacity = interval * self.burst.max(1);
        let from = full_at.map_or(now, |full| full.0.max(now));
        let next = from + interval;
        match next.since(now).checked_sub(capacity) {
            Some(wait) if !wait.is_zero() => Err(wait),
            Some(_) | None => Ok(FullAt(next)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_minute: 60, burst: 3 };

    #[test]
    fn a_burst_passes_then_one_a_second() {
        let start = Timestamp::from_seconds(100);
        let mut fill = None;
        for _ in 0..3 {
            fill = Some(RATE.take(fill, start).unwrap());
        }
        assert_eq!(RATE.take(fill, start), Err(Duration::from_secs(1)));
        let later = start + Duration::from_secs(1);
        fill = Some(RATE.take(fill, later).unwrap());
        assert_eq!(RATE.take(fill, later), Err(Duration::from_secs(1)));
    }

    #[test]
    fn a_long_rest_fills_no_more_than_the_burst() {
        let mut fill = Some(FullAt(Timestamp::from_seconds(0)));
        let now = Timestamp::from_seconds(1_000_000);
        for _ in 0..3 {
            fill = Some(RATE.take(fill, now).unwrap());
        }
        assert!(RATE.take(fill, now).is_err());
    }
}
