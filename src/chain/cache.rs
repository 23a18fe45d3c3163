//! What was asked a moment ago is not asked again, what is being asked is asked once, and a chain that lets its deadline
//! pass is waited for by nobody until it answers again.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache as Bounded;
use tokio::sync::OnceCell;

use super::balances::{Balance, Holdings};
use super::rpc::NodeFault;
use crate::clock::{Clock, Timestamp};
use crate::model::Address;
use crate::tasks;

/// How long a chain that gave no answer is not asked again for a wallet: a flood of callers must not become one of
/// questions.
const FAILED: Duration = Duration::from_secs(1);

/// How long a chain that let its deadline pass is left alone before somebody looks whether it is back.
const REST: Duration = Duration::from_secs(5);

type Key = (u64, Address);

/// What a wallet holds; `None` if the chain did not answer.
pub(super) type Answer = Option<Arc<Vec<Balance>>>;

/// An answer that is there, or on its way.
#[derive(Default)]
struct Slot(OnceCell<Answered>);

struct Answered {
    balances: Answer,
    until: Timestamp,
}

/// Whether a chain is worth waiting for.
#[derive(Default)]
pub(super) struct Circuit {
    /// Until when nobody asks, in microseconds; 0 while it answers.
    rests_until: AtomicI64,
}

/// What to do about a chain.
enum Turn {
    Ask,
    /// Nobody waits, and one looks whether it is back.
    Look,
    Rest,
}

impl Circuit {
    fn turn(&self, now: Timestamp) -> Turn {
        match self.rests_until.load(Ordering::Acquire) {
            0 => Turn::Ask,
            until if now.micros() < until => Turn::Rest,
            until => {
                let next = (now + REST).micros();
                let won = self.rests_until.compare_exchange(until, next, Ordering::AcqRel, Ordering::Relaxed);
                if won.is_ok() { Turn::Look } else { Turn::Rest }
            }
        }
    }

    fn note(&self, answers: bool, now: Timestamp) {
        self.rests_until.store(if answers { 0 } else { (now + REST).micros() }, Ordering::Release);
    }
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

    /// What the wallet holds on the chain; `None` if the chain does not answer within its deadline, or did not lately.
    pub(super) async fn get(&self, holdings: Arc<Holdings>, owner: Address, clock: &Clock) -> Answer {
        let now = clock.now();
        let key = (holdings.chain.id, owner);
        if let Some(answered) = self.slots.get(&key).as_ref().and_then(|slot| fresh(slot, now)) {
            return answered;
        }
        match holdings.circuit.turn(now) {
            Turn::Ask => {}
            Turn::Rest => return None,
            Turn::Look => {
                let clock = clock.clone();
                tasks::spawn(async move { ask(&holdings, owner, &clock).await });
                return None;
            }
        }
        let slot = self.slot(key, now);
        // Whoever comes first asks, the others wait; if that one goes away, the next one asks.
        let answered = slot.0.get_or_init(|| async {
            let balances = ask(&holdings, owner, clock).await;
            let ttl = if balances.is_some() { self.ttl } else { FAILED.min(self.ttl) };
            Answered { balances, until: clock.now() + ttl }
        });
        answered.await.balances.clone()
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
}

/// The answer of a slot, if it is there and not too old.
fn fresh(slot: &Arc<Slot>, now: Timestamp) -> Option<Answer> {
    slot.0.get().filter(|answered| now < answered.until).map(|answered| answered.balances.clone())
}

/// Asks the chain, for no longer than its deadline.
async fn ask(holdings: &Holdings, owner: Address, clock: &Clock) -> Answer {
    let chain = &holdings.chain;
    let read = holdings.read(owner, clock).await;
    holdings.circuit.note(!matches!(read, Err(NodeFault::Late)), clock.now());
    match read {
        Ok(balances) => return Some(Arc::new(balances)),
        Err(NodeFault::Late) => tracing::warn!(chain = chain.id, "no node of the chain gave balances in time"),
        Err(reason) => tracing::warn!(chain = chain.id, %reason, "no node of the chain gave balances"),
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_that_let_its_deadline_pass_is_looked_at_by_one_at_a_time() {
        let (circuit, start) = (Circuit::default(), Timestamp::from_seconds(1_000));
        assert!(matches!(circuit.turn(start), Turn::Ask));
        circuit.note(false, start);
        assert!(matches!(circuit.turn(start), Turn::Rest));
        let later = start + REST;
        assert!(matches!(circuit.turn(later), Turn::Look));
        assert!(matches!(circuit.turn(later), Turn::Rest));
        circuit.note(true, later);
        assert!(matches!(circuit.turn(later), Turn::Ask));
    }
}
