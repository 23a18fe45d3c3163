//! What a flood of sign-ins by password costs those who have a token already, how much memory it takes, and whether a name
//! that is nobody's is told from a wrong password by time. It asserts no times: compare the ratios.
//! `docs/performance.md` says how to run it.

#[path = "../load/http.rs"]
mod http;
#[path = "../load/server.rs"]
mod server;

use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser;
use countersign::clock::Stopwatch;
use tokio::task::{JoinSet, LocalSet};

use http::{Connection, Credential};
use server::Server;

/// The password of every account.
const PASSWORD: &str = "correct horse battery";

/// How often an account may be guessed at before it makes wait.
const FREE: usize = 5;

/// Why a run ended early, in the words that are shown.
#[derive(Debug)]
struct Fault(String);

impl<E: std::error::Error> From<E> for Fault {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// How much is measured.
#[derive(Parser)]
struct Options {
    /// For how long each phase goes on
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// How many connections read
    #[arg(long, default_value_t = 16)]
    readers: usize,
    /// How many connections sign in all the time
    #[arg(long, default_value_t = 64)]
    flood: usize,
    /// How many accounts are guessed at, five times each
    #[arg(long, default_value_t = 80)]
    accounts: usize,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let measured = runtime.map_err(Fault::from).and_then(|runtime| {
        let local = LocalSet::new();
        local.block_on(&runtime, measure(&options))
    });
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(Fault(reason)) => {
            eprintln!("passwords: {reason}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(options: &Options) -> Result<(), Fault> {
    let directory = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_countersign"));
    let log = std::fs::File::create(directory.path().join("log"))?;
    command.current_dir(directory.path()).stderr(log).envs([
        ("COUNTERSIGN_LISTEN", "127.0.0.1:0"),
        ("COUNTERSIGN_INTERNAL_LISTEN", "127.0.0.1:0"),
        ("COUNTERSIGN_LIMITS__ENABLED", "false"),
        ("COUNTERSIGN_LOG__LEVEL", "warn"),
    ]);
    let server = Server::start(command).await?;
    let mut connection = Connection::open(&server.authority).await?;
    for number in 0..options.accounts.max(1) {
        let body = format!(r#"{{"username":"trader{number}","password":"{PASSWORD}"}}"#);
        // It answers 201, which the connection, made for 200, tells as a fault.
        let _ = connection.post("/api/users/register", &body).await;
    }
    let answer = connection.post("/api/users/login", &login("trader0", PASSWORD)).await?;
    let answer: serde_json::Value = serde_json::from_slice(answer)?;
    let token = format!("Bearer {}", answer["session_token"].as_str().unwrap_or_default());
    // Threads that hash keep their memory for half a minute.
    println!("| | reads/s | sign-ins/s | refused/s | cores | resident MiB |\n|---|---|---|---|---|---|");
    let alone = phase(options, &server, &token, 0).await?;
    alone.print("reads alone");
    let flooded = phase(options, &server, &token, options.flood).await?;
    flooded.print(&format!("beside {} connections that sign in", options.flood));
    let kept = 100.0 * flooded.reads / alone.reads;
    println!("\nReads keep {kept:.0} % of their rate. Hashing threads: {}.\n", std::thread::available_parallelism()?);
    // The one of before has rested for too long.
    let mut connection = Connection::open(&server.authority).await?;
    let (wrong, nobody) = guesses(options, &mut connection).await?;
    println!("| | p25 | p50 | p75 |\n|---|---|---|---|");
    wrong.print("a wrong password");
    nobody.print("a name that is nobody's");
    println!("\nThe medians differ by {:.2} %.", 100.0 * (nobody.at(0.5) / wrong.at(0.5) - 1.0));
    Ok(())
}

fn login(name: &str, password: &str) -> String {
    format!(r#"{{"username":"{name}","password":"{password}"}}"#)
}

/// What came of a phase, a second each.
struct Phase {
    reads: f64,
    sign_ins: f64,
    refused: f64,
    cores: f64,
    resident_mib: f64,
}

impl Phase {
    fn print(&self, what: &str) {
        let Self { reads, sign_ins, refused, cores, resident_mib } = self;
        println!("| {what} | {reads:.0} | {sign_ins:.0} | {refused:.0} | {cores:.2} | {resident_mib:.1} |");
    }
}

/// Reads on some connections while others sign in.
async fn phase(options: &Options, server: &Server, token: &str, flood: usize) -> Result<Phase, Fault> {
    let (span, before, watch) = (Duration::from_secs(options.seconds), server.cpu()?, Stopwatch::start());
    let (mut readers, mut signers) = (JoinSet::new(), JoinSet::new());
    for _ in 0..options.readers {
        let (mut connection, token) = (Connection::open(&server.authority).await?, token.to_owned());
        readers.spawn_local(async move {
            let mut count = 0_u32;
            while watch.elapsed() < span {
                let credential = Credential { header: "authorization", value: &token };
                connection.get("/api/users/profile", Some(credential)).await?;
                count += 1;
            }
            Ok::<_, Fault>((count, 0))
        });
    }
    for _ in 0..flood {
        let mut connection = Connection::open(&server.authority).await?;
        signers.spawn_local(async move {
            let (mut entered, mut refused) = (0_u32, 0_u32);
            while watch.elapsed() < span {
                // Past the line it answers 503, which is what it should.
                match connection.post("/api/users/login", &login("trader0", PASSWORD)).await {
                    Ok(_) => entered += 1,
                    Err(_) => refused += 1,
                }
            }
            Ok::<_, Fault>((entered, refused))
        });
    }
    let (reads, _) = total(readers).await?;
    let cores = server.cpu()?.saturating_sub(before).as_secs_f64() / watch.elapsed().as_secs_f64();
    let resident_mib = f64::from(server.resident_kib()?) / 1024.0;
    let (sign_ins, refused) = total(signers).await?;
    let seconds = span.as_secs_f64();
    let a_second = |count: u32| f64::from(count) / seconds;
    Ok(Phase { reads: a_second(reads), sign_ins: a_second(sign_ins), refused: a_second(refused), cores, resident_mib })
}

async fn total(mut crew: JoinSet<Result<(u32, u32), Fault>>) -> Result<(u32, u32), Fault> {
    let mut sum = (0, 0);
    while let Some(ended) = crew.join_next().await {
        let (first, second) = ended??;
        sum = (sum.0 + first, sum.1 + second);
    }
    Ok(sum)
}

/// How long answers took, in order.
struct Times(Vec<f64>);

impl Times {
    fn of(mut seconds: Vec<f64>) -> Self {
        seconds.sort_by(f64::total_cmp);
        Self(seconds)
    }

    fn at(&self, part: f64) -> f64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "few times"
        )]
        let at = ((self.0.len().saturating_sub(1)) as f64 * part).round() as usize;
        self.0.get(at).copied().unwrap_or_default()
    }

    fn print(&self, what: &str) {
        let [low, middle, high] = [0.25, 0.5, 0.75].map(|part| 1_000.0 * self.at(part));
        println!("| {what} | {low:.2} ms | {middle:.2} ms | {high:.2} ms |");
    }
}

/// Guesses at accounts that there are and at names that are nobody's, in turn, so that both see the same machine.
async fn guesses(options: &Options, connection: &mut Connection) -> Result<(Times, Times), Fault> {
    let (mut wrong, mut nobody) = (Vec::new(), Vec::new());
    for _ in 0..FREE {
        for number in 0..options.accounts {
            for (name, times) in [("trader", &mut wrong), ("nobody", &mut nobody)] {
                let watch = Stopwatch::start();
                // It answers 401, which the connection, made for 200, tells as a fault.
                match connection.post("/api/users/login", &login(&format!("{name}{number}"), "a wrong password")).await
                {
                    Err(Fault(answer)) if answer.contains("invalid_credentials") => {}
                    Err(fault) => return Err(fault),
                    Ok(_) => return Err(Fault("a wrong password signs in".to_owned())),
                }
                times.push(watch.elapsed().as_secs_f64());
            }
        }
    }
    Ok((Times::of(wrong), Times::of(nobody)))
}
