//! One run on one kind of database: a gateway on a fresh one and, if asked for, another on a filled one, taking turns,
//! so that what is compared was measured at one time.

use std::time::Duration;

use crate::Fault;
use crate::options::Options;
use crate::place::{Kind, Place};
use crate::postgres::{self, Cluster};
use crate::profile::Profile;
use crate::report::{Figures, Floor, Growth, Report, Round, Row};
use crate::server::Server;
use crate::workload::{self, Bound, Wallet, Worker};
use crate::{crypto, fill};

/// For how long a gateway does nothing before its memory counts as idle.
const IDLING: Duration = Duration::from_secs(2);

/// How often a gateway is started again; the median counts.
const RESTARTS: usize = 5;

/// In how many turns each operation is measured at one number of connections. What is compared takes turns, because what
/// else happens on a machine lasts longer than a turn.
const TURNS: u32 = 4;

/// The part of the nonces that is asked for before memory is read the first time: what the same load takes once.
const WARM_UP: usize = 20;

pub async fn measure(options: &Options, bare: &Server, kind: &Kind) -> Result<Report, Fault> {
    let cluster = match kind {
        Kind::Cluster => Some(Cluster::start().await?),
        Kind::Sqlite | Kind::Named(_) => None,
    };
    let mut subjects = vec![Subject::fresh(options, Place::new(kind, cluster.as_ref(), "fresh")?).await?];
    if let Some(accounts) = options.million {
        let place = Place::new(kind, cluster.as_ref(), "filled")?;
        subjects.push(Subject::filled(options, place, accounts).await?);
    }
    let mut floors = Vec::new();
    for &connections in &options.connections {
        floors.push(round(options, bare, &mut subjects, connections).await?);
    }
    let mut subjects = subjects.into_iter();
    let fresh = subjects.next().ok_or_else(|| Fault("nothing was measured".to_owned()))?;
    let growth = match options.million {
        Some(count) => Some(fresh.nonces(options, count).await?),
        None => None,
    };
    let filled = match subjects.next() {
        Some(filled) => Some(filled.finish(options).await?),
        None => None,
    };
    Ok(Report { database: kind.name(), floors, fresh: fresh.finish(options).await?, filled, growth })
}

/// Everything at one number of connections: the bare route and each gateway in turns. Answers with what nothing can do
/// without; what was measured of a gateway stays with it.
async fn round(options: &Options, bare: &Server, subjects: &mut [Subject], connections: usize) -> Result<Floor, Fault> {
    let crypto = crypto::measure()?;
    let mut subjects: Vec<&mut Subject> = subjects.iter_mut().collect();
    let mut echoing = Worker::crew(&bare.authority, connections, Vec::new()).await?;
    let mut echo = Row::none("bare route", connections);
    for subject in &mut subjects {
        subject.open(connections).await?;
    }
    let turns = turns(options);
    for _ in 0..turns {
        let time = Bound::time(options.phase() / turns);
        Worker::reopen(&mut echoing, &bare.authority).await?;
        echo.add(workload::run("bare route", bare, &mut echoing, time, workload::echo).await?);
        each(options, &mut subjects, workload::sign_in, |round| &mut round.sign_in).await?;
        each(options, &mut subjects, workload::sign_in_by_message, |round| &mut round.message).await?;
        each(options, &mut subjects, workload::read, |round| &mut round.read).await?;
        each(options, &mut subjects, workload::read_by_api_key, |round| &mut round.key_read).await?;
        // Whoever went first goes last.
        subjects.reverse();
    }
    subjects.into_iter().for_each(Subject::close);
    Ok(Floor { crypto, echo })
}

/// A profile is of all of an operation.
fn turns(options: &Options) -> u32 {
    if options.profile.is_some() { 1 } else { TURNS }
}

/// One operation on one gateway after the other.
async fn each<S>(
    options: &Options,
    subjects: &mut [&mut Subject],
    step: S,
    row: fn(&mut Round) -> &mut Row,
) -> Result<(), Fault>
where
    S: AsyncFn(&mut Worker) -> Result<(), Fault> + Copy + 'static,
{
    for subject in subjects {
        subject.turn(options, step, row).await?;
    }
    Ok(())
}

/// A gateway, the wallets that use it, and what was measured of it so far.
struct Subject {
    place: Place,
    gateway: Server,
    wallets: Vec<Wallet>,
    /// The connections of a round, which have the wallets as long as it lasts.
    crew: Vec<Worker>,
    start: Duration,
    idle_kib: u32,
    first: Row,
    rounds: Vec<Round>,
}

impl Subject {
    /// On a database that it has to make. The wallets of its first sign-ins go on to use it.
    async fn fresh(options: &Options, place: Place) -> Result<Self, Fault> {
        let gateway = start(options, &place).await?;
        Self::begin(options, place, gateway).await
    }

    /// On a database with many accounts. Its wallets are among them, and newcomers make the first sign-ins.
    async fn filled(options: &Options, place: Place, accounts: usize) -> Result<Self, Fault> {
        // It makes the database's tables and keys; nobody but a gateway can.
        drop(start(options, &place).await?);
        let residents = Wallet::make(options.wallets)?;
        let addresses: Vec<_> = residents.iter().map(Wallet::address).collect();
        fill::fill(&place.database()?, accounts, &addresses).await?;
        if let Some(url) = place.url() {
            postgres::settle(url).await?;
        }
        let gateway = start(options, &place).await?;
        let mut subject = Self::begin(options, place, gateway).await?;
        let (returned, _) = first_sign_ins(options, &subject.gateway, residents).await?;
        subject.wallets = returned;
        Ok(subject)
    }

    async fn begin(options: &Options, place: Place, gateway: Server) -> Result<Self, Fault> {
        tokio::time::sleep(IDLING).await;
        let (start, idle_kib) = (gateway.started_in, gateway.resident_kib()?);
        let (wallets, first) = first_sign_ins(options, &gateway, Wallet::make(options.wallets)?).await?;
        Ok(Self { place, gateway, wallets, crew: Vec::new(), start, idle_kib, first, rounds: Vec::new() })
    }

    /// Opens the connections of a round, and settles whose profiles are read in it.
    async fn open(&mut self, connections: usize) -> Result<(), Fault> {
        let wallets = std::mem::take(&mut self.wallets);
        self.crew = Worker::crew(&self.gateway.authority, connections, wallets).await?;
        for worker in &mut self.crew {
            worker.choose_readers(connections).await?;
        }
        self.rounds.push(Round::none(connections));
        Ok(())
    }

    /// Closes them.
    fn close(&mut self) {
        self.wallets = Worker::dismiss(std::mem::take(&mut self.crew));
    }

    /// One turn of one operation, which is added to its row of this round.
    async fn turn<S>(&mut self, options: &Options, step: S, row: fn(&mut Round) -> &mut Row) -> Result<(), Fault>
    where
        S: AsyncFn(&mut Worker) -> Result<(), Fault> + Copy + 'static,
    {
        let round = self.rounds.last_mut().ok_or_else(|| Fault("no round has begun".to_owned()))?;
        let row = row(round);
        Worker::reopen(&mut self.crew, &self.gateway.authority).await?;
        let name = format!("{}-{}-{}", self.place.name(), row.what, self.crew.len());
        let profile = Profile::begin(options, &self.gateway, &name)?;
        let time = Bound::time(options.phase() / turns(options));
        row.add(workload::run(row.what, &self.gateway, &mut self.crew, time, step).await?);
        profile.map_or(Ok(()), Profile::end)
    }

    /// Asks for the nonces of so many wallets that nobody has heard of.
    async fn nonces(&self, options: &Options, count: usize) -> Result<Growth, Fault> {
        let mut crew = Worker::crew(&self.gateway.authority, options.most_connections(), Vec::new()).await?;
        let bound = |count: usize| Bound { steps: count.div_ceil(crew.len()), time: options.longest_nonces() };
        let (warm_up, all) = (bound(count / WARM_UP), bound(count));
        workload::run("nonce, to warm up", &self.gateway, &mut crew, warm_up, workload::nonce).await?;
        let before_kib = self.gateway.resident_kib()?;
        let nonces = workload::run("nonce", &self.gateway, &mut crew, all, workload::nonce).await?;
        Ok(Growth { nonces, before_kib, after_kib: self.gateway.resident_kib()? })
    }

    /// Starts the gateway again, after it was killed.
    async fn finish(self, options: &Options) -> Result<Figures, Fault> {
        let Self { place, gateway, start: first_start, idle_kib, first, rounds, .. } = self;
        let loaded_kib = gateway.resident_kib()?;
        drop(gateway);
        let mut restarts = Vec::new();
        for _ in 0..RESTARTS {
            restarts.push(start(options, &place).await?.started_in);
        }
        restarts.sort_unstable();
        Ok(Figures { start: first_start, restart: restarts[RESTARTS / 2], idle_kib, loaded_kib, first, rounds })
    }
}

async fn start(options: &Options, place: &Place) -> Result<Server, Fault> {
    let started = Server::start(options.countersign(place)?).await;
    started.map_err(|Fault(reason)| Fault(format!("{reason}\n{}", place.last_words())))
}

/// Every wallet once, at the most connections.
async fn first_sign_ins(
    options: &Options,
    gateway: &Server,
    wallets: Vec<Wallet>,
) -> Result<(Vec<Wallet>, Row), Fault> {
    let mut crew = Worker::crew(&gateway.authority, options.most_connections(), wallets).await?;
    let everyone = Bound { steps: options.wallets.div_ceil(crew.len()), time: options.longest_first_sign_ins() };
    let first = workload::run("first sign-in", gateway, &mut crew, everyone, workload::sign_in).await?;
    Ok((Worker::dismiss(crew), first))
}
