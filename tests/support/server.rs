//! The built gateway as a process of its own, on free ports of loopback, configured by nothing but the test.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::process::{Finished, Lines, Watchdog, code, poll, run};

/// How long a start or an end may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A configuration to start the gateway with.
#[derive(Clone, Debug)]
pub struct Gateway {
    environment: Vec<(String, String)>,
    /// The program and arguments that run the binary; empty if nothing does.
    through: Vec<String>,
}

impl Gateway {
    /// A gateway that keeps everything in `data_dir`.
    pub fn on_sqlite(data_dir: &Path) -> Self {
        let free_ports = [("COUNTERSIGN_LISTEN", "127.0.0.1:0"), ("COUNTERSIGN_INTERNAL_LISTEN", "127.0.0.1:0")];
        let gateway = Self { environment: Vec::new(), through: Vec::new() };
        let gateway = free_ports.into_iter().fold(gateway, |gateway, (name, value)| gateway.with(name, value));
        gateway.with("COUNTERSIGN_DATA_DIR", data_dir.to_str().expect("a path in UTF-8"))
    }

    /// A gateway on the PostgreSQL database at `url`, with a root secret of 32 times `secret`.
    pub fn on_postgres(data_dir: &Path, url: &str, secret: u8) -> Self {
        let secret = hex::encode([secret; 32]);
        Self::on_sqlite(data_dir).with("COUNTERSIGN_DATABASE_URL", url).with("COUNTERSIGN_SECRET", &secret)
    }

    /// The same with one environment variable more, or with another value.
    #[must_use]
    pub fn with(self, name: &str, value: &str) -> Self {
        let mut gateway = self.without(name);
        gateway.environment.push((name.to_owned(), value.to_owned()));
        gateway
    }

    /// The same without one environment variable.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(known, _)| known != name);
        self
    }

    /// The same, run by another program, which has to become it.
    #[must_use]
    pub fn through(mut self, program: &[&str]) -> Self {
        self.through = program.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// The same at a port that is known before it starts, and with a public URL that leads there: links of mails do, and
    /// its own pages are pages of its own.
    #[must_use]
    pub fn at_home(self) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port").port();
        let url = format!("http://localhost:{port}");
        self.with("COUNTERSIGN_LISTEN", &format!("127.0.0.1:{port}")).with("COUNTERSIGN_PUBLIC_URL", &url)
    }

    /// The value of an environment variable.
    pub fn value(&self, name: &str) -> &str {
        let found = self.environment.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).expect("a variable that was set")
    }

    /// All of its environment variables.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// Where its database is.
    pub fn database_url(&self) -> String {
        match self.environment.iter().find(|(name, _)| name == "COUNTERSIGN_DATABASE_URL") {
            Some((_, url)) => url.clone(),
            None => format!("sqlite://{}/countersign.db", self.value("COUNTERSIGN_DATA_DIR")),
        }
    }

    /// Starts it and waits until it has said where it listens.
    pub fn start(&self) -> Server {
        let mut command = self.command(&[]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary can be run");
        let watchdog = Some(Watchdog::over(&child));
        let stdout = Lines::of(child.stdout.take().expect("stdout is piped"));
        let stderr = Lines::of(child.stderr.take().expect("stderr is piped"));
        let mut server = Server { child, watchdog, stdout, stderr, url: String::new(), internal_url: String::new() };
        let told = poll(PATIENCE, || server.where_it_listens());
        let Some((url, internal_url)) = told else { panic!("the gateway did not start:\n{}", server.said()) };
        (server.url, server.internal_url) = (url, internal_url);
        server
    }

    /// Runs it with `arguments` until it ends by itself.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        run(&mut self.command(arguments), PATIENCE).expect("the binary can be run")
    }

    /// Runs it, expects that it refuses to start, and returns the one line with which it does.
    pub fn refused(&self) -> String {
        self.refused_with(&[])
    }

    /// The same with `arguments`.
    pub fn refused_with(&self, arguments: &[&str]) -> String {
        let Finished { code, stdout, stderr } = self.run(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "one line is expected:\n{stderr}");
        stderr
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut words = self.through.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_countersign")]);
        let mut command = Command::new(words.next().expect("at least the binary"));
        command.args(words);
        let ours = std::env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name| name.to_string_lossy().starts_with("COUNTERSIGN_")) {
            command.env_remove(name);
        }
        // Away from the repository, where a developer's own countersign.toml may lie.
        command.current_dir(env!("CARGO_TARGET_TMPDIR")).envs(self.environment.iter().cloned()).args(arguments);
        command
    }
}

/// A running gateway. Dropping it kills it.
pub struct Server {
    /// Where its doors are: `http://127.0.0.1:PORT`.
    pub url: String,
    /// Where its metrics are.
    pub internal_url: String,
    child: Child,
    watchdog: Option<Watchdog>,
    stdout: Lines,
    stderr: Lines,
}

impl Server {
    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends SIGTERM, the polite request to end.
    pub fn terminate(&self) {
        // The shell's own `kill`, for machines that have no other.
        let pid = self.child.id().to_string();
        let status = Command::new("sh").args(["-c", "kill -TERM \"$0\"", &pid]).status().expect("sh runs");
        assert!(status.success(), "the gateway had ended before it was asked to:\n{}", self.said());
    }

    /// Waits until it has ended by itself and returns its exit code.
    pub fn wait(mut self) -> i32 {
        let ended = poll(PATIENCE, || self.child.try_wait().expect("the state of a child"));
        code(ended.unwrap_or_else(|| panic!("the gateway did not end:\n{}", self.said())))
    }

    /// Everything that it has printed so far, for messages of failing tests.
    pub fn said(&self) -> String {
        [self.stdout.so_far(), self.stderr.so_far()].concat().join("\n")
    }

    fn where_it_listens(&mut self) -> Option<(String, String)> {
        let ended = self.child.try_wait().expect("the state of a child");
        assert!(ended.is_none(), "the gateway ended at its start:\n{}", self.said());
        let lines = self.stdout.so_far();
        let doors = lines.iter().find_map(|line| loopback_url(line))?;
        let internal = lines.iter().filter(|line| line.contains("metrics")).find_map(|line| loopback_url(line))?;
        Some((doors, internal))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing in here may panic: a test that fails is unwinding already.
        self.child.kill().ok();
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.dismiss();
        }
        self.child.wait().ok();
    }
}

/// The first `http://127.0.0.1:PORT` of a line.
fn loopback_url(line: &str) -> Option<String> {
    const START: &str = "http://127.0.0.1:";
    let rest = &line[line.find(START)? + START.len()..];
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!port.is_empty()).then(|| format!("{START}{port}"))
}
