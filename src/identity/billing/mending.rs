//! What is done without anybody's asking: calls of a gateway that was killed are cleared up, what no event told of is found,
//! and those whose accounts were deleted are deleted at Stripe.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;

use super::super::Core;
use super::calls::is_new;
use super::sync::Along;
use super::{CLAIM, GIVEN_UP_AFTER, REPAIRED_AFTER, Trouble};
use crate::billing::Stripe;
use crate::model::Error;
use crate::store::billing::{self, Call, Customer, Farewell};
use crate::store::subscriptions;

/// How many calls and farewells are looked at in one round.
const STEP: i64 = 50;

/// How many customers are asked for at the same time, and how many one after the other in one round.
const LANES: usize = 4;
const RECONCILED: usize = 250;

/// After how many times of silence, one after the other, Stripe is left alone until the next round.
const SILENT: u32 = 3;

/// How long a farewell waits after its first failure, and at most.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_hours(6);

/// How often Stripe has been silent one time after the other. That one customer can't be asked for is no reason to leave out
/// those behind it; that nobody can is one to wait for the next round.
#[derive(Default)]
struct Silence(AtomicU32);

impl Silence {
    fn note<T>(&self, outcome: &Result<T, Trouble>) {
        match outcome {
            Err(trouble) if trouble.is_silence() => self.0.fetch_add(1, Ordering::Relaxed),
            Ok(_) | Err(_) => self.0.swap(0, Ordering::Relaxed),
        };
    }

    fn is_long(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= SILENT
    }
}

impl Core {
    /// Clears up what others left: to be called at the start and now and then. Safe to run on several nodes at once. Whatever
    /// becomes of one part, the others are done.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer; the next round makes up for it.
    pub async fn mend_billing(&self) -> Result<(), Error> {
        let Some(stripe) = &self.stripe else { return Ok(()) };
        let repaired = self.repair_calls(stripe).await;
        let reconciled = self.reconcile(stripe).await;
        let parted = self.say_farewells(stripe).await;
        repaired.and(reconciled).and(parted)
    }

    /// Finds out what became of calls that nobody comes back for.
    async fn repair_calls(&self, stripe: &Stripe) -> Result<(), Error> {
        let (before, silence) = (self.clock.now() - REPAIRED_AFTER, Silence::default());
        for call in billing::list_due_calls(&mut self.db.read().await?, before, STEP).await? {
            let Some(call) = self.claim(call).await? else { continue };
            let synced = self.sync(stripe, call.account, Along::default()).await;
            silence.note(&synced);
            match synced {
                Ok(()) => self.clear_up(&call).await?,
                Err(_) => self.release(&call).await,
            }
            if silence.is_long() {
                break;
            }
        }
        Ok(())
    }

    /// What was changed is so now, or was never done. What was to be made and is not there may still come, for a while; but
    /// whoever is no customer yet has nothing under way.
    async fn clear_up(&self, call: &Call) -> Result<(), Error> {
        let mut reader = self.db.read().await?;
        let found = subscriptions::find(&mut reader, call.account, call.subscription).await?;
        let is_customer = billing::find_customer(&mut reader, call.account).await?.is_some();
        drop(reader);
        let is_old = self.clock.now() >= call.begun_at + GIVEN_UP_AFTER;
        if !is_new(call) || found.is_some() || !is_customer || is_old {
            return self.settle_known(call, found.as_ref(), None).await;
        }
        self.release(call).await;
        Ok(())
    }

    /// Asks for customers of whom nothing was heard for long, some at a time.
    async fn reconcile(&self, stripe: &Stripe) -> Result<(), Error> {
        let silence = Silence::default();
        let lanes = join_all((0..LANES).map(|_| self.reconcile_some(stripe, &silence))).await;
        lanes.into_iter().collect()
    }

    /// Whoever is taken has that noted, and counts as asked for until it is over: no other node asks as well, and whoever never
    /// gets an answer comes last.
    async fn reconcile_some(&self, stripe: &Stripe, silence: &Silence) -> Result<(), Error> {
        for _ in 0..RECONCILED {
            let before = self.clock.now() - self.config.stripe.reconcile_every;
            let mut tx = self.db.write().await?;
            let customer = billing::claim_unsynced(&mut tx, before, self.claim_end(before)).await?;
            tx.commit().await?;
            let Some(customer) = customer else { break };
            let synced = self.sync(stripe, customer.account, Along::default()).await;
            silence.note(&synced);
            if synced.is_err_and(|trouble| !trouble.is_silence()) {
                self.put_off(&customer).await?;
            }
            if silence.is_long() {
                break;
            }
        }
        Ok(())
    }

    /// Lets a customer wait for the next time, since to ask again soon is of no use.
    async fn put_off(&self, customer: &Customer) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        billing::raise_revision(&mut tx, customer, self.clock.now()).await?;
        tx.commit().await
    }

    /// Deletes customers at Stripe whose accounts were deleted, which ends what they pay for.
    async fn say_farewells(&self, stripe: &Stripe) -> Result<(), Error> {
        let silence = Silence::default();
        for _ in 0..STEP {
            let now = self.clock.now();
            let mut tx = self.db.write().await?;
            let farewell = billing::claim_farewell(&mut tx, now + CLAIM + self.config.wallet.clock_skew, now).await?;
            tx.commit().await?;
            let Some(Farewell { customer_id, attempts }) = farewell else { break };
            let deletion = async { Ok(stripe.delete_customer(&customer_id).await?) };
            let deleted = self.errand("delete a customer", deletion).await;
            let mut tx = self.db.write().await?;
            match &deleted {
                Ok(()) => billing::delete_farewell(&mut tx, &customer_id).await?,
                Err(_) => billing::postpone_farewell(&mut tx, &customer_id, now + pause(attempts)).await?,
            }
            tx.commit().await?;
            silence.note(&deleted);
            if silence.is_long() {
                break;
            }
        }
        Ok(())
    }
}

/// How long a farewell waits after so many tries.
fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1).max(0)).unwrap_or(u32::MAX).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_farewell_waits_twice_as_long_each_time_and_never_longer_than_six_hours() {
        let waits: Vec<u64> = (1..=10).map(|attempts| pause(attempts).as_secs() / 60).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 360]);
        assert_eq!([pause(0), pause(i64::MAX)], [FIRST_PAUSE, LONGEST_PAUSE]);
    }
}
