//! Many reads of one chain: together in as few calls as the node takes, of one block; what fails, or takes too long, is
//! asked in smaller parts and in the end apart.

use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{Either, join, select};
use futures_util::stream::FuturesUnordered;
use tokio::sync::Semaphore;
use tokio::time::{Sleep, sleep, timeout};

use super::apart::{Asked, Suspects};
use super::multicall::{Multicall, Read, word};
use super::nodes::{Nodes, Purpose};
use super::part::{Outcome, Part, Place, Turn, Way};
use super::rpc::{Answer, Call, NodeFault, quantity};
use crate::clock::Clock;

/// Into how many requests everything is split when one is too long or too late.
const GROUPS: usize = 8;

/// Reads one chain.
pub(super) struct Reader {
    pub(super) nodes: Nodes,
    /// The chain's Multicall3, if it has one.
    pub(super) multicall: Option<Multicall>,
    /// The most reads of one call.
    pub(super) batch: usize,
    /// How long all of it may take.
    pub(super) deadline: Duration,
    pub(super) suspects: Suspects,
    /// Held by whoever asks in several requests because one is late.
    pub(super) scattering: Semaphore,
}

/// What is asked together, and whom of the nodes not.
#[derive(Clone, Copy)]
struct Question<'a, 'q> {
    reads: &'a [Read],
    /// Which of them, by their positions.
    together: &'q [usize],
    /// The nodes that gave nothing, by theirs.
    useless: &'q [usize],
    clock: &'q Clock,
}

impl Reader {
    /// Does all reads; outcomes in their order. Contracts that failed lately are asked at the same time, in requests of
    /// their own, and what becomes of those takes nothing from the others.
    pub(super) async fn read(&self, reads: &[Read], clock: &Clock) -> Result<Vec<Outcome>, NodeFault> {
        let (together, suspects) = self.suspects.partition(reads, clock.now());
        let mut of_suspects = Asked::default();
        let apart = async {
            if let Some(multicall) = &self.multicall {
                let place = Place { reads, way: Way::Multicall(multicall) };
                let asked = self.ask_apart(place, &suspects, &[], clock, &mut of_suspects);
                // Its outcome is in what it was given.
                timeout(self.deadline / 2, asked).await.unwrap_or_default();
            }
        };
        let mut time = pin!(sleep(self.deadline));
        let main = self.read_main(reads, &together, &suspects, time.as_mut(), clock);
        let (main, ()) = join(main, apart).await;
        let (mut turn, mut asked) = main?;
        asked.outcomes.extend(of_suspects.outcomes);
        asked.silent.extend(of_suspects.silent);
        let mut failed = turn.failed;
        for (at, outcome) in asked.outcomes {
            failed.push(at);
            if turn.outcomes[at].returned.is_none() {
                turn.outcomes[at] = outcome;
            }
        }
        self.suspects.note(reads, &turn.outcomes, &failed, &asked.silent, clock.now());
        Ok(turn.outcomes)
    }

    /// Reads what may go together, and what fails of it apart. A node that answers and gives nothing at all is as good
    /// as one that does not answer: then the next one is asked.
    async fn read_main<'a>(
        &'a self,
        reads: &'a [Read],
        together: &[usize],
        suspects: &[usize],
        mut time: Pin<&mut Sleep>,
        clock: &Clock,
    ) -> Result<(Turn<'a>, Asked), NodeFault> {
        const NOTHING: NodeFault = NodeFault::Garbage("it refuses every call");
        let mut useless = Vec::new();
        for _ in self.nodes.each() {
            let question = Question { reads, together, useless: &useless, clock };
            let turn = before(time.as_mut(), self.read_once(question)).await;
            let mut turn = turn.unwrap_or(Err(NodeFault::Late))?;
            let mut apart = turn.failed.clone();
            if matches!(turn.way, Way::Block(_)) && turn.outcomes.iter().any(|outcome| outcome.returned.is_some()) {
                apart.extend_from_slice(suspects);
            }
            // The native coin is never among those that are left out.
            apart.sort_by_key(|at| reads[*at].target().is_some());
            let mut asked = Asked::default();
            let place = Place { reads, way: turn.way };
            // What was read is worth having without the rest.
            before(time.as_mut(), self.ask_apart(place, &apart, &useless, clock, &mut asked)).await;
            for (at, outcome) in &asked.outcomes {
                turn.outcomes[*at] = outcome.clone();
            }
            if is_of_use(reads, together, &turn.outcomes) {
                return Ok((turn, asked));
            }
            let Some(by) = turn.by else { break };
            self.nodes.note(by, NOTHING, clock);
            useless.push(by);
        }
        Err(NOTHING)
    }

    /// Everything in one request if it can be. If that is too long, or too late, one contract may be the reason: then
    /// everything is asked in several requests as well, and what those give is as good.
    async fn read_once<'a>(&'a self, question: Question<'a, '_>) -> Result<Turn<'a>, NodeFault> {
        let whole = pin!(self.read_whole(question));
        let has_contracts = question.together.iter().any(|at| question.reads[*at].target().is_some());
        let scattered = self.read_scattered(question);
        let whole = match select(whole, pin!(sleep(self.deadline / 2))).await {
            Either::Left((Err(NodeFault::TooLong), _)) if has_contracts => return scattered.await,
            Either::Left((answer, _)) => return answer,
            Either::Right(((), whole)) => whole,
        };
        // One at a time: a node that is late since it has too much to do must not have ten times as much to do.
        let Some(_permit) = self.scattering.try_acquire().ok().filter(|_| has_contracts) else { return whole.await };
        match select(whole, pin!(scattered)).await {
            Either::Left((Err(NodeFault::TooLong), scattered)) => scattered.await,
            Either::Left((answer, _)) | Either::Right((answer @ Ok(_), _)) => answer,
            Either::Right((Err(_), whole)) => whole.await,
        }
    }

    async fn read_whole<'a>(&'a self, question: Question<'a, '_>) -> Result<Turn<'a>, NodeFault> {
        if let Some(multicall) = &self.multicall {
            let mut turn = Turn::new(question.reads, Way::Multicall(multicall));
            if self.read_together(multicall, question, &mut turn).await? {
                return Ok(turn);
            }
            tracing::warn!(multicall = %multicall.address, "there is no Multicall3 at the configured address");
        }
        self.read_in_batches(question).await
    }

    /// By Multicall3: in one round trip, and in more if some of it fails. Says whether there is such a contract.
    async fn read_together(
        &self,
        multicall: &Multicall,
        question: Question<'_, '_>,
        turn: &mut Turn<'_>,
    ) -> Result<bool, NodeFault> {
        let Question { reads, together, useless, clock } = question;
        let place = Place { reads, way: Way::Multicall(multicall) };
        let even = (self.batch / 2 * 2).max(2);
        let mut pending: Vec<Part> = together.chunks(even).map(<[usize]>::to_vec).collect();
        while !pending.is_empty() {
            let calls: Vec<Call> = pending.iter().flat_map(|part| place.calls(part)).collect();
            let answers = match self.nodes.ask(Purpose::Everything, &calls, useless, clock).await {
                Ok((by, answers)) => {
                    turn.by.get_or_insert(by);
                    answers
                }
                Err(fault) if turn.by.is_none() => return Err(fault),
                // What was read is worth having without the rest.
                Err(_) => {
                    turn.failed.extend(pending.concat());
                    break;
                }
            };
            if answers.iter().any(is_of_no_contract) {
                return Ok(false);
            }
            let each = std::mem::take(&mut pending).into_iter().zip(&answers);
            pending = each.flat_map(|(part, answer)| turn.keep(place, part, std::slice::from_ref(answer))).collect();
        }
        Ok(true)
    }

    /// Without Multicall3: lists of calls, all of one block.
    async fn read_in_batches<'a>(&'a self, question: Question<'a, '_>) -> Result<Turn<'a>, NodeFault> {
        let Question { reads, together, useless, clock } = question;
        let (by, block) = self.latest_block(useless, clock).await?;
        let way = Way::Block(block.unwrap_or_default());
        let (place, mut turn) = (Place { reads, way }, Turn::new(reads, way));
        turn.by = Some(by);
        // A node that does not say which block is the latest has given nothing.
        if block.is_none() {
            return Ok(turn);
        }
        for part in together.chunks(self.batch) {
            match self.nodes.ask(Purpose::Everything, &place.calls(part), useless, clock).await {
                Ok((_, answers)) => turn.set(place, part, &answers),
                Err(_) => turn.failed.extend_from_slice(part),
            }
        }
        Ok(turn)
    }

    async fn latest_block(&self, useless: &[usize], clock: &Clock) -> Result<(usize, Option<u64>), NodeFault> {
        let latest = Call { method: "eth_blockNumber", params: "[]".to_owned() };
        let (by, answers) = self.nodes.ask(Purpose::Everything, &[latest], useless, clock).await?;
        Ok((by, answers.first().and_then(|answer| quantity(answer.as_ref().ok()?))))
    }

    /// Everything in several requests at the same time, the native coin in one of its own. What does not come in time is
    /// asked apart the next time.
    async fn read_scattered<'a>(&'a self, question: Question<'a, '_>) -> Result<Turn<'a>, NodeFault> {
        let Question { reads, together, useless, clock } = question;
        let way = if let Some(multicall) = &self.multicall {
            Way::Multicall(multicall)
        } else {
            let (_, block) = self.latest_block(useless, clock).await?;
            Way::Block(block.ok_or(NodeFault::Garbage("it does not say which block is the latest"))?)
        };
        let (place, mut turn) = (Place { reads, way }, Turn::new(reads, way));
        let (native, rest): (Part, Part) = together.iter().partition(|at| reads[**at].target().is_none());
        let size = rest.len().div_ceil(GROUPS).next_multiple_of(2);
        let groups = std::iter::once(native.as_slice()).chain(rest.chunks(size.max(2)));
        let ask = async |group| {
            let calls = place.calls(group);
            let asked = self.nodes.ask(Purpose::Part, &calls, useless, clock);
            (group, timeout(self.deadline * 3 / 8, asked).await.unwrap_or(Err(NodeFault::Late)))
        };
        let mut fault = None;
        let mut asked: FuturesUnordered<_> = groups.filter(|group| !group.is_empty()).map(ask).collect();
        while let Some((group, answered)) = asked.next().await {
            match answered {
                Ok((by, answers)) => {
                    turn.by.get_or_insert(by);
                    let unasked = turn.keep(place, group.to_vec(), &answers);
                    turn.failed.extend(unasked.concat());
                }
                Err(found) => {
                    fault = Some(found);
                    turn.failed.extend_from_slice(group);
                }
            }
        }
        drop(asked);
        match fault {
            Some(fault) if turn.by.is_none() => Err(fault),
            _ => Ok(turn),
        }
    }
}

/// What comes of `work` if it is done in time.
async fn before<T>(time: Pin<&mut Sleep>, work: impl Future<Output = T>) -> Option<T> {
    match select(pin!(work), time).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

/// Whether a node gave anything, and how much of the native coin there is if that was asked.
fn is_of_use(reads: &[Read], together: &[usize], outcomes: &[Outcome]) -> bool {
    let is_well = |at: &usize| reads[*at].target().is_some() || word(&outcomes[*at].returned).is_some();
    together.iter().any(|at| outcomes[*at].returned.is_some()) && together.iter().all(is_well)
}

/// An address without code answers every call, with nothing.
fn is_of_no_contract(answer: &Answer) -> bool {
    answer.as_ref().is_ok_and(|answer| answer == "0x")
}
