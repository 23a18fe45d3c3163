//! What is done without anybody's asking: calls of a gateway that was killed are cleared up, what no event told of is found,
//! and those whose accounts were deleted are deleted at Stripe.

use std::time::Duration;

use super::super::Core;
use super::calls::is_new;
use super::sync::Along;
use super::{CLAIM, GIVEN_UP_AFTER, REPAIRED_AFTER, Trouble};
use crate::billing::{Failure, Stripe};
use crate::model::Error;
use crate::store::billing::{self, Call, Customer, Farewell};
use crate::store::subscriptions;

/// How many are looked at in one round.
const STEP: i64 = 50;

/// How long a farewell waits after its first failure, and at most.
const FIRST_PAUSE: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_hours(6);

/// Whether it makes sense to go on with the next one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stripes {
    Up,
    Down,
}

impl Stripes {
    const fn after(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Stripe(Failure::Unknown(_)) | Trouble::Own(_) => Self::Down,
            Trouble::Stripe(Failure::Declined(_) | Failure::Missing(_) | Failure::Refused(_)) => Self::Up,
        }
    }
}

impl Core {
    /// Clears up what others left: to be called at the start and now and then. Safe to run on several nodes at once.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the database does not answer; the next round makes up for it.
    pub async fn mend_billing(&self) -> Result<(), Error> {
        let Some(stripe) = &self.stripe else { return Ok(()) };
        if self.repair_calls(stripe).await? == Stripes::Up && self.reconcile(stripe).await? == Stripes::Up {
            self.say_farewells(stripe).await?;
        }
        Ok(())
    }

    /// Finds out what became of calls that nobody comes back for.
    async fn repair_calls(&self, stripe: &Stripe) -> Result<Stripes, Error> {
        let before = self.clock.now() - REPAIRED_AFTER;
        for call in billing::list_due_calls(&mut self.db.read().await?, before, STEP).await? {
            let Some(call) = self.claim(call).await? else { continue };
            match self.sync(stripe, call.account, Along::default()).await {
                Ok(()) => self.clear_up(&call).await?,
                Err(trouble) => {
                    self.release(&call).await;
                    if Stripes::after(&trouble) == Stripes::Down {
                        return Ok(Stripes::Down);
                    }
                }
            }
        }
        Ok(Stripes::Up)
    }

    /// What was changed is so now, or was never done. What was to be made and is not there may still come, for a while; but
    /// whoever is no customer yet has nothing under way.
    async fn clear_up(&self, call: &Call) -> Result<(), Error> {
        let mut reader = self.db.read().await?;
        let is_there = subscriptions::find(&mut reader, call.account, call.subscription).await?.is_some();
        let is_customer = billing::find_customer(&mut reader, call.account).await?.is_some();
        drop(reader);
        let is_old = self.clock.now() >= call.begun_at + GIVEN_UP_AFTER;
        if !is_new(call) || is_there || !is_customer || is_old {
            return self.forget(call).await;
        }
        self.release(call).await;
        Ok(())
    }

    /// Asks for customers of whom nothing was heard for long, one after the other.
    async fn reconcile(&self, stripe: &Stripe) -> Result<Stripes, Error> {
        let before = self.clock.now() - self.config.stripe.reconcile_every;
        for customer in billing::list_unsynced(&mut self.db.read().await?, before, STEP).await? {
            if let Err(trouble) = self.sync(stripe, customer.account, Along::default()).await {
                if Stripes::after(&trouble) == Stripes::Down {
                    return Ok(Stripes::Down);
                }
                self.put_off(&customer).await?;
            }
        }
        Ok(Stripes::Up)
    }

    /// Lets a customer wait for the next time, so that it does not keep the others from their turn.
    async fn put_off(&self, customer: &Customer) -> Result<(), Error> {
        let mut tx = self.db.write().await?;
        billing::raise_revision(&mut tx, customer, self.clock.now()).await?;
        tx.commit().await
    }

    /// Deletes customers at Stripe whose accounts were deleted, which ends what they pay for.
    async fn say_farewells(&self, stripe: &Stripe) -> Result<(), Error> {
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
            if deleted.is_err_and(|trouble| Stripes::after(&trouble) == Stripes::Down) {
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
