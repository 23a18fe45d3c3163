//! The threads that hash passwords: one a core, each with its own memory, behind a line of bounded length. A hash takes
//! as long as two hundred wallet sign-ins, so it never runs on a thread that serves requests, and yields to those.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use flume::{Receiver, RecvTimeoutError, Sender};
use tokio::sync::oneshot;

use super::password::{self, Buffer, SALT, Verdict};
use crate::config::Cost;
use crate::model::Password;
use crate::model::error::{Dependency, Error};

/// How many may wait for each thread: about two seconds' worth. Whoever comes then is told at once to come back.
const WAITING_PER_THREAD: usize = 128;

/// How long a thread without work keeps its memory.
const KEEPS_MEMORY: Duration = Duration::from_secs(30);

/// By how much the threads yield to others (`nice`): under contention they get a few percent of a core, which
/// is still some sign-ins a second.
const NICENESS: i32 = 15;

/// The way to the threads. Dropping the last one ends them.
#[derive(Clone)]
pub struct Hashers {
    line: Sender<Job>,
    cost: Cost,
}

struct Job {
    password: Password,
    salt: [u8; SALT],
    what: What,
}

enum What {
    Hash(oneshot::Sender<Result<String, Error>>),
    Verify { stored: Option<String>, tell: oneshot::Sender<Result<Verdict, Error>> },
}

impl Hashers {
    /// Starts the threads, which make new hashes at this cost.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn start(cost: Cost) -> std::io::Result<Self> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        Self::with(cost, threads, WAITING_PER_THREAD * threads)
    }

    fn with(cost: Cost, threads: usize, waiting: usize) -> std::io::Result<Self> {
        let (line, jobs) = flume::bounded(waiting);
        for number in 0..threads {
            let jobs = jobs.clone();
            thread::Builder::new().name(format!("hasher-{number}")).spawn(move || work(&jobs, cost))?;
        }
        Ok(Self { line, cost })
    }

    /// What a new hash costs.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.cost
    }

    /// The hash of a password.
    ///
    /// # Errors
    /// [`Dependency::Passwords`] if too many wait.
    pub async fn hash(&self, password: Password, salt: [u8; SALT]) -> Result<String, Error> {
        let (tell, told) = oneshot::channel();
        self.line_up(Job { password, salt, what: What::Hash(tell) })?;
        told.await.map_err(|_| GONE)?
    }

    /// Compares a password with a stored hash, or, to take as long, with nobody's.
    ///
    /// # Errors
    /// [`Dependency::Passwords`] if too many wait.
    pub async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
        fresh_salt: [u8; SALT],
    ) -> Result<Verdict, Error> {
        let (tell, told) = oneshot::channel();
        self.line_up(Job { password, salt: fresh_salt, what: What::Verify { stored, tell } })?;
        told.await.map_err(|_| GONE)?
    }

    fn line_up(&self, job: Job) -> Result<(), Error> {
        self.line.try_send(job).map_err(|_| GONE)
    }
}

const GONE: Error = Error::Unavailable(Dependency::Passwords);

fn work(jobs: &Receiver<Job>, cost: Cost) {
    // Best effort: a system that refuses it hashes all the same.
    let _ = rustix::process::nice(NICENESS);
    let mut buffer = Buffer::default();
    loop {
        match jobs.recv_timeout(KEEPS_MEMORY) {
            Ok(job) => {
                job.run(cost, &mut buffer);
                buffer.shrink_to(cost);
            }
            Err(RecvTimeoutError::Timeout) => buffer = Buffer::default(),
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

impl Job {
    /// Does the work, unless whoever wanted it has gone away.
    fn run(self, cost: Cost, buffer: &mut Buffer) {
        let Self { password, salt, what } = self;
        match what {
            What::Hash(tell) if tell.is_closed() => {}
            What::Verify { tell, .. } if tell.is_closed() => {}
            What::Hash(tell) => drop(tell.send(password::hash(&password, &salt, cost, buffer))),
            What::Verify { stored, tell } => {
                drop(tell.send(password::verify(&password, stored.as_deref(), &salt, cost, buffer)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost { memory: 64, passes: 1 };

    fn some_password() -> Password {
        Password::attempt("correct horse").unwrap()
    }

    #[tokio::test]
    async fn many_at_once_are_all_answered() {
        let hashers = Hashers::with(COST, 2, 64).unwrap();
        let hash = hashers.hash(some_password(), [1; SALT]).await.unwrap();
        let checks = (0..64).map(|_| hashers.verify(some_password(), Some(hash.clone()), [2; SALT]));
        for verdict in futures_util::future::join_all(checks).await {
            assert_eq!(verdict.unwrap(), Verdict::Right);
        }
    }

    #[tokio::test]
    async fn past_the_line_whoever_comes_is_told_at_once() {
        let slow = Cost { memory: 64 * 1024, passes: 4 };
        let hashers = Hashers::with(slow, 1, 2).unwrap();
        let asked = (0..20).map(|_| hashers.verify(some_password(), None, [2; SALT]));
        let answers = futures_util::future::join_all(asked).await;
        let refused = answers.iter().filter(|a| matches!(a, Err(Error::Unavailable(Dependency::Passwords)))).count();
        assert!((17..=18).contains(&refused), "two wait, and maybe one is being served: {refused}");
    }

    #[tokio::test]
    async fn nobody_works_for_those_who_have_gone_away() {
        let hashers = Hashers::with(Cost { memory: 64 * 1024, passes: 8 }, 1, 64).unwrap();
        for _ in 0..64 {
            let gone = hashers.hash(some_password(), [1; SALT]);
            assert!(tokio::time::timeout(Duration::ZERO, gone).await.is_err());
        }
        // 64 hashes of this cost would take far longer than a test may.
        hashers.hash(some_password(), [1; SALT]).await.unwrap();
    }
}
