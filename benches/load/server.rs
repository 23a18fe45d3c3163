//! A server under measurement: a child process that is killed with its owner, and what the kernel says of it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use countersign::clock::Stopwatch;
use tokio::sync::oneshot;

use crate::Fault;
use crate::http::Connection;

const LONGEST_START: Duration = Duration::from_secs(20);

/// What one tick of the kernel's CPU accounting is, on every Linux that this may run on (`getconf CLK_TCK`).
const TICK: Duration = Duration::from_millis(10);

pub struct Server {
    child: Child,
    /// Host and port of its first listener.
    pub authority: String,
    /// From its start to its first answer that it is ready.
    pub started_in: Duration,
}

impl Server {
    /// Starts a server that prints where it listens, and waits until it says that it is ready.
    pub async fn start(mut command: Command) -> Result<Self, Fault> {
        let watch = Stopwatch::start();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take();
        let mut server = Self { child, authority: String::new(), started_in: Duration::ZERO };
        let address = stdout.map(first_address).ok_or_else(|| Fault("no standard output".to_owned()))?;
        let ready = async {
            server.authority = address.await.map_err(|_| Fault("the server ended, or named no address".to_owned()))?;
            while !is_ready(&server.authority).await {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            Ok::<_, Fault>(watch.elapsed())
        };
        let ready = tokio::time::timeout(LONGEST_START, ready).await;
        server.started_in = ready.map_err(|_| Fault("the server did not get ready".to_owned()))??;
        Ok(server)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// User and system time of all its threads so far.
    pub fn cpu(&self) -> Result<Duration, Fault> {
        cpu(self.id())
    }

    /// How much memory it holds now, in KiB.
    pub fn resident_kib(&self) -> Result<u32, Fault> {
        memory_kib(self.id(), "VmRSS:")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which was noticed where it mattered.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// User and system time of all threads of a process so far.
pub fn cpu(process: u32) -> Result<Duration, Fault> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The second field is the name in parentheses, which may hold spaces; utime and stime are fields 14 and 15.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: Vec<u32> = fields.split_whitespace().skip(11).take(2).flat_map(str::parse).collect();
    Ok(TICK * ticks.iter().sum())
}

/// How much memory a process has by the line of this name in its status, in KiB.
pub fn memory_kib(process: u32, name: &str) -> Result<u32, Fault> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let figure = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    figure.ok_or_else(|| Fault(format!("the kernel names no memory by {name}")))
}

async fn is_ready(authority: &str) -> bool {
    let Ok(mut connection) = Connection::open(authority).await else { return false };
    connection.get("/readyz", None).await.is_ok()
}

/// The first `http://…` that the server prints. Its output is read to the end, so that it never blocks on it.
fn first_address(stdout: ChildStdout) -> oneshot::Receiver<String> {
    let (found, address) = oneshot::channel();
    std::thread::spawn(move || {
        let mut found = Some(found);
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let Some((_, rest)) = line.split_once("http://") else { continue };
            let end = rest.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(rest.len());
            if let Some(found) = found.take() {
                // Whoever waited has given up; the output is still read.
                let _ = found.send(rest[..end].to_owned());
            }
        }
    });
    address
}
