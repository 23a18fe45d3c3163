//! What was asked a moment ago is not asked again, what is being asked is asked once, and a chain that lets its deadline
//! pass is waited for by nobody until it answers again.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::Weighter;
use quick_cache::sync::Cache as Bounded;
use tokio::sync::watch;
use tokio::time::timeout;

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

/// For how many wallets a chain is asked at the same time; the others wait for their turn.
pub(super) const AT_ONCE: usize = 32;

type Key = (u64, Address);

/// What a wallet holds; `None` if the chain did not answer.
pub(super) type Answer = Option<Arc<Vec<Balance>>>;

/// An answer that is there, or on its way.
struct Slot {
    /// The most rows that it can have.
    rows: usize,
    told: watch::Receiver<Option<Answered>>,
}

struct Answered {
    balances: Answer,
    until: Timestamp,
}

impl Slot {
    /// The answer, if it is there and not too old.
    fn fresh(&self, now: Timestamp) -> Option<Answer> {
        self.told.borrow().as_ref().filter(|answered| now < answered.until).map(|answered| answered.balances.clone())
    }

    /// Whether the answer is there and not too old, or can still come.
    fn is_good(&self, now: Timestamp) -> bool {
        match &*self.told.borrow() {
            Some(answered) => now < answered.until,
            None => self.told.has_changed().is_ok(),
        }
    }
}

/// A slot weighs as much as it has rows.
#[derive(Clone)]
struct Rows {
    most: u64,
}

impl Weighter<Key, Arc<Slot>> for Rows {
    fn weight(&self, _: &Key, slot: &Arc<Slot>) -> u64 {
        // One that is too heavy would not be kept, and whoever asks meanwhile would ask anew.
        u64::try_from(slot.rows).unwrap_or(u64::MAX).clamp(1, self.most / 2)
    }
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

/// Answers by chain and wallet, bounded by their rows.
pub(super) struct Cache {
    ttl: Duration,
    slots: Bounded<Key, Arc<Slot>, Rows>,
    /// Whoever finds an old answer puts a new slot in its place; two at once must not.
    replacing: Mutex<()>,
}

impl Cache {
    pub(super) fn new(ttl: Duration, rows: usize) -> Self {
        let most = u64::try_from(rows).unwrap_or(u64::MAX).max(2);
        // So few are expected that the cache is of one piece: of several, each would have its part of the rows.
        Self { ttl, slots: Bounded::with_weighter(16, most, Rows { most }), replacing: Mutex::new(()) }
    }

    /// What the wallet holds on the chain; `None` if the chain does not answer within its deadline, or did not lately.
    pub(super) async fn get(&self, holdings: &Arc<Holdings>, owner: Address, clock: &Clock) -> Answer {
        let now = clock.now();
        let key = (holdings.chain.id, owner);
        if let Some(answered) = self.slots.get(&key).and_then(|slot| slot.fresh(now)) {
            return answered;
        }
        match holdings.circuit.turn(now) {
            Turn::Ask => {}
            Turn::Rest => return None,
            Turn::Look => {
                let (holdings, clock) = (Arc::clone(holdings), clock.clone());
                tasks::spawn(async move { ask(&holdings, owner, &clock).await });
                return None;
            }
        }
        let mut told = self.slot(key, holdings, now, clock).told.clone();
        // It fails if the one that asks has come to nothing.
        let answered = told.wait_for(Option::is_some).await.ok()?;
        answered.as_ref()?.balances.clone()
    }

    /// The slot of this wallet and chain. Whoever comes first has it filled, beside him: those who wait have the answer
    /// when it is there, also if he goes away.
    fn slot(&self, key: Key, holdings: &Arc<Holdings>, now: Timestamp, clock: &Clock) -> Arc<Slot> {
        let _replacing = self.replacing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = self.slots.get(&key).filter(|slot| slot.is_good(now)) {
            return slot;
        }
        let (tell, told) = watch::channel(None);
        let slot = Arc::new(Slot { rows: holdings.tokens.len() + 1, told });
        self.slots.insert(key, Arc::clone(&slot));
        let (ttl, holdings, clock) = (self.ttl, Arc::clone(holdings), clock.clone());
        tasks::spawn(async move {
            let balances = ask(&holdings, key.1, &clock).await;
            let ttl = if balances.is_some() { ttl } else { FAILED.min(ttl) };
            tell.send_replace(Some(Answered { balances, until: clock.now() + ttl }));
        });
        slot
    }
}

/// Asks the chain when it is this wallet's turn, for no longer than its deadline.
async fn ask(holdings: &Holdings, owner: Address, clock: &Clock) -> Answer {
    let chain = &holdings.chain;
    let Ok(Ok(_turn)) = timeout(chain.deadline / 4, holdings.turns.acquire()).await else {
        tracing::warn!(chain = chain.id, "the chain is asked for too many wallets at once");
        return None;
    };
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

    #[test]
    fn what_is_kept_is_bounded_by_rows_and_the_longest_answer_is_kept_too() {
        let cache = Cache::new(REST, 1_000);
        let insert = |wallet: u8, rows| {
            let slot = Slot { rows, told: watch::channel(None).1 };
            cache.slots.insert((1, Address::new([wallet; 20])), Arc::new(slot));
        };
        for wallet in 0..100 {
            insert(wallet, 90);
        }
        assert!(cache.slots.weight() <= 1_000 && cache.slots.len() >= 8, "{}", cache.slots.len());
        insert(200, 5_000);
        assert!(cache.slots.get(&(1, Address::new([200; 20]))).is_some());
    }

    #[test]
    fn a_slot_whose_asker_came_to_nothing_is_filled_anew() {
        let (tell, told) = watch::channel(None);
        let (slot, now) = (Slot { rows: 1, told }, Timestamp::from_seconds(1_000));
        assert!(slot.is_good(now) && slot.fresh(now).is_none());
        drop(tell);
        assert!(!slot.is_good(now));
    }
}
