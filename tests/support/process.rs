//! Child processes that are waited for with a deadline, and that never outlive the test process.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use countersign::clock::Stopwatch;

/// What a process that has ended left behind.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; 128 and the signal, as a shell says it, for a process that was killed.
    pub code: i32,
    /// All that it wrote to stdout.
    pub stdout: String,
    /// All that it wrote to stderr.
    pub stderr: String,
}

/// Runs `command` to its end, without input.
///
/// # Errors
/// When it can't be started.
///
/// # Panics
/// When it has not ended after `limit`.
pub fn run(command: &mut Command, limit: Duration) -> std::io::Result<Finished> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let guard = Watchdog::over(&child);
    let stdout = Lines::of(child.stdout.take().expect("stdout is piped"));
    let stderr = Lines::of(child.stderr.take().expect("stderr is piped"));
    let ended = poll(limit, || child.try_wait().expect("the state of a child"));
    if ended.is_none() {
        child.kill().expect("a running child can be killed");
    }
    guard.dismiss();
    let (stdout, stderr) = (stdout.all(), stderr.all());
    let status = ended.unwrap_or_else(|| panic!("{command:?} did not end within {limit:?}:\n{stdout}\n{stderr}"));
    Ok(Finished { code: code(status), stdout, stderr })
}

/// The exit code as a shell says it.
pub fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
}

/// Asks again and again until there is an answer, or `limit` has passed.
pub fn poll<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let watch = Stopwatch::start();
    loop {
        let answer = ask();
        if answer.is_some() || watch.elapsed() > limit {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Kills one child if the test process goes without having dismissed it: SIGKILL runs no destructor.
pub struct Watchdog(Child);

impl Watchdog {
    /// Watches over `child`.
    pub fn over(child: &Child) -> Self {
        // Its stdin is a pipe from this process, which closes however this process ends.
        const SCRIPT: &str = "read -r _ || kill -KILL \"$0\"";
        let pid = child.id().to_string();
        let mut shell = Command::new("sh");
        shell.args(["-c", SCRIPT, &pid]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        // In a group of its own it survives the Ctrl-C that ends the tests.
        Self(shell.process_group(0).spawn().expect("sh is part of every system"))
    }

    /// Calls it off. To be done before the child's end is waited for, so that its id can't be another's by then.
    pub fn dismiss(mut self) {
        // Nothing in here may panic: it runs while failing tests unwind.
        self.0.stdin.as_mut().and_then(|stdin| writeln!(stdin).ok());
        self.0.wait().ok();
    }
}

/// The lines that a child writes, collected as they come so that it never blocks on a full pipe.
pub struct Lines {
    seen: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
}

impl Lines {
    /// Collects from `pipe` until it closes.
    pub fn of(pipe: impl Read + Send + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n') {
                let Ok(line) = line else { return };
                sink.lock().expect("no panic while locked").push(String::from_utf8_lossy(&line).into_owned());
            }
        });
        Self { seen, reader }
    }

    /// What has come so far, a line each.
    pub fn so_far(&self) -> Vec<String> {
        self.seen.lock().expect("no panic while locked").clone()
    }

    /// Everything, once the pipe is closed.
    pub fn all(self) -> String {
        self.reader.join().expect("the reader does not panic");
        let mut text = self.seen.lock().expect("no panic while locked").join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        text
    }
}
