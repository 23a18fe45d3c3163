//! A question that many have at once: it is asked for all of them, and its answer is good for a while.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;

use crate::clock::{Clock, Timestamp};

/// The last answer, and the way to the next one.
pub(crate) struct Shared<T> {
    last: Mutex<Option<(Timestamp, T)>>,
    /// How often it was answered.
    rounds: AtomicU64,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self { last: Mutex::new(None), rounds: AtomicU64::new(0) }
    }
}

impl<T: Clone> Shared<T> {
    /// The answer that came while waiting for one's turn, or the last one if it is still good; else `question` is asked.
    pub(crate) async fn ask(
        &self,
        clock: &Clock,
        good_for: fn(&T) -> Duration,
        question: impl Future<Output = T>,
    ) -> T {
        let round = self.rounds.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        if let Some((at, answer)) = &*last {
            let (now, came_meanwhile) = (clock.now(), self.rounds.load(Ordering::Acquire) != round);
            // A clock that was set back must not make it good for longer.
            if came_meanwhile || (*at <= now && now < *at + good_for(answer)) {
                return answer.clone();
            }
        }
        let answer = question.await;
        // By the time at which it came: a slow one is not asked again at once.
        *last = Some((clock.now(), answer.clone()));
        self.rounds.fetch_add(1, Ordering::Release);
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use futures_util::future::join_all;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn yielding(asked: &Cell<u32>, answer: bool) -> bool {
        asked.set(asked.get() + 1);
        tokio::task::yield_now().await;
        answer
    }

    /// Only a good answer is kept.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "most answers are bigger")]
    fn good_for(answer: &bool) -> Duration {
        if *answer { SECOND } else { Duration::ZERO }
    }

    #[tokio::test]
    async fn those_who_ask_at_once_share_an_answer_and_a_good_one_is_kept_for_its_time() {
        let (shared, asked) = (Shared::default(), Cell::new(0));
        let clock = Clock::manual(Timestamp::from_seconds(1_000));
        let ask = |answer| shared.ask(&clock, good_for, yielding(&asked, answer));
        assert_eq!(join_all((0..100).map(|_| ask(false))).await, [false; 100]);
        assert_eq!(asked.get(), 1);
        assert!(ask(true).await, "a bad answer is not kept");
        assert!(ask(false).await, "a good one is");
        assert_eq!(asked.get(), 2);
        clock.advance(SECOND);
        assert!(!ask(false).await);
    }

    #[tokio::test]
    async fn whoever_goes_away_while_he_asks_leaves_the_question_to_the_next() {
        let (shared, clock) = (Shared::default(), Clock::manual(Timestamp::from_seconds(1_000)));
        let hanging = shared.ask(&clock, good_for, std::future::pending());
        assert!(tokio::time::timeout(Duration::from_millis(1), hanging).await.is_err());
        assert!(shared.ask(&clock, good_for, async { true }).await);
    }
}
