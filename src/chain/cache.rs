//! What was asked a moment ago is not asked again, and what is being asked is asked once.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache as Bounded;
use tokio::sync::OnceCell;

use super::balances::{Balance, Holdings};
use crate::clock::{Clock, Timestamp};
use crate::model::Address;

/// How long a chain that gave no answer is not asked again for a wallet: a flood of callers must not become one of
/// questions that wait for their deadline.
const FAILED: Duration = Duration::from_secs(1);

type Key = (u64, Address);

/// An answer that is there, or on its way.
#[derive(Default)]
struct Slot(OnceCell<Answered>);

struct Answered {
    balances: Option<Arc<Vec<Balance>>>,
    until: Timestamp,
}

/// Answers by chain and wallet, bounded in number.
pub(super) struct Cache {
    ttl: Duration,
    slots: Bounded<Key, Arc<Slot>>,
    /// Whoever finds an old answer puts a new slot in its place; two at once must not.
    replacing: Mutex<()>,
}

impl Cache {
    pub(super) fn new(ttl: Duration, entries: usize) -> Self {
        Self { ttl, slots: Bounded::new(entries), replacing: Mutex::new(()) }
    }

    /// What the wallet holds on the chain; `None` if the chain does not answer within its deadline.
    pub(super) async fn get(
        &self,
        holdings: Arc<Holdings>,
        owner: Address,
        clock: &Clock,
    ) -> Option<Arc<Vec<Balance>>> {
        let slot = self.slot((holdings.chain.id, owner), clock.now());
        // Whoever comes first asks, the others wait; if that one goes away, the next one asks.
        let answered = slot.0.get_or_init(|| self.ask(&holdings, owner, clock)).await;
        answered.balances.clone()
    }

    fn slot(&self, key: Key, now: Timestamp) -> Arc<Slot> {
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = |slot: &Arc<Slot>| slot.0.get().is_none_or(|answered| now < answered.until);
        if let Some(slot) = self.slots.get(&key).filter(is_good) {
            return slot;
        }
        let slot = Arc::new(Slot::default());
        self.slots.insert(key, Arc::clone(&slot));
        slot
    }

    async fn ask(&self, holdings: &Holdings, owner: Address, clock: &Clock) -> Answered {
        let chain = &holdings.chain;
        let read = tokio::time::timeout(chain.deadline, holdings.read(owner, clock)).await;
        let now = clock.now();
        match read {
            Ok(Ok(balances)) => Answered { balances: Some(Arc::new(balances)), until: now + self.ttl },
            Ok(Err(reason)) => {
                tracing::warn!(chain = chain.id, %reason, "no node of the chain gave balances");
                Answered { balances: None, until: now + FAILED.min(self.ttl) }
            }
            Err(_) => {
                tracing::warn!(chain = chain.id, "no node of the chain gave balances in time");
                Answered { balances: None, until: now + FAILED.min(self.ttl) }
            }
        }
    }
}
