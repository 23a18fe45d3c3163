//! A mail server in the hands of a test, and people whose changes cause mails.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::database::Data;
use super::http::send;
use super::process::{Lines, Watchdog, poll, run};
use super::server::{Gateway, Server};
use super::{block_on, parts, scratch};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// How the way to the server is protected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    None,
    StartTls,
    Whole,
}

/// Where a server is, whether it runs or not.
pub struct Place {
    directory: TempDir,
    pub port: u16,
    protection: Protection,
}

impl Place {
    pub fn new(protection: Protection) -> Self {
        let directory = scratch::directory();
        if protection != Protection::None {
            certify(directory.path());
        }
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let place = Self { directory, port, protection };
        place.be("well");
        place
    }

    /// What the server does from now on.
    pub fn be(&self, mood: &str) {
        let (file, next) = (self.file("mood"), self.file("next"));
        std::fs::write(&next, mood).and_then(|()| std::fs::rename(next, file)).expect("a scratch directory");
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn start(&self) -> MailServer {
        let mut command = Command::new(parts::python_program());
        command.arg(parts::script("mail_server.py")).arg(self.port.to_string()).arg(self.file("mood"));
        let kind = match self.protection {
            Protection::None => None,
            Protection::StartTls => Some("starttls"),
            Protection::Whole => Some("whole"),
        };
        if let Some(kind) = kind {
            command.args([self.file("server.pem"), self.file("server.key")]).arg(kind);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("python can be run");
        let watchdog = Some(Watchdog::over(&child));
        let lines = Lines::of(child.stdout.take().expect("stdout is piped"));
        let errors = Lines::of(child.stderr.take().expect("stderr is piped"));
        let server = MailServer { child, watchdog, lines, errors };
        server.wait_for("it listens", |told| !told.is_empty());
        server
    }
}

/// A certificate for localhost of an authority that only `ca.pem` knows.
fn certify(directory: &Path) {
    const SCRIPT: &str = "\
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=Test \
            -keyout ca.key -out ca.pem && \
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key -out server.csr && \
        printf 'subjectAltName=DNS:localhost\\nextendedKeyUsage=serverAuth\\nbasicConstraints=CA:FALSE\\n' > extensions && \
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out server.pem";
    let mut shell = Command::new("sh");
    let made = run(shell.args(["-euc", SCRIPT]).current_dir(directory), PATIENCE).expect("sh is part of every system");
    assert_eq!(made.code, 0, "openssl is missing, or fails (Debian: apt install openssl): {made:?}");
}

/// A server that runs. Dropping it kills it.
pub struct MailServer {
    child: Child,
    watchdog: Option<Watchdog>,
    lines: Lines,
    errors: Lines,
}

impl MailServer {
    /// What it has told so far.
    pub fn told(&self) -> Vec<Value> {
        let lines = self.lines.so_far();
        lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
    }

    /// The mails that it took, but for those that ask to confirm an address, which nobody here waits for.
    pub fn mails(&self) -> Vec<Value> {
        self.told().into_iter().filter(is_awaited).collect()
    }

    /// How often it refused something this way.
    pub fn refused(&self, how: &str) -> usize {
        self.told().iter().filter(|told| told["refused"] == how).count()
    }

    #[track_caller]
    pub fn wait_for(&self, what: &str, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let told = poll(PATIENCE, || Some(self.told()).filter(|told| is_so(told)));
        told.unwrap_or_else(|| panic!("{what}: {:?}\n{}", self.told(), self.errors.so_far().join("\n")))
    }

    /// Waits for so many mails.
    #[track_caller]
    pub fn wait_for_mails(&self, count: usize) -> Vec<Value> {
        self.wait_for("mails", |told| told.iter().filter(|told| is_awaited(told)).count() >= count);
        self.mails()
    }
}

fn is_awaited(told: &Value) -> bool {
    told.get("content").is_some() && header(told, "Subject") != "Confirm your e-mail address"
}

impl Drop for MailServer {
    fn drop(&mut self) {
        // Nothing in here may panic: a test that fails is unwinding already.
        self.child.kill().ok();
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.dismiss();
        }
        self.child.wait().ok();
    }
}

/// The header of a mail, as it was sent.
pub fn header(mail: &Value, name: &str) -> String {
    let content = mail["content"].as_str().expect("a mail");
    let line = content.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name}: {content}")).trim().to_owned()
}

/// A gateway that sends by this server.
pub fn sending(gateway: Gateway, url: &str) -> Gateway {
    gateway
        .with("COUNTERSIGN_SMTP__URL", url)
        .with("COUNTERSIGN_SMTP__FROM", "Example <no-reply@example.com>")
        .with("COUNTERSIGN_LIMITS__ENABLED", "false")
}

/// Runs a statement on the gateway's database.
pub fn execute(gateway: &Gateway, sql: &'static str) -> u64 {
    block_on(async { open(gateway).await.execute(sql).await })
}

/// What a query on the gateway's database answers.
pub fn text(gateway: &Gateway, sql: &'static str) -> String {
    block_on(async { open(gateway).await.text(sql).await })
}

async fn open(gateway: &Gateway) -> Data {
    let url = gateway.database_url();
    let file = url.strip_prefix("sqlite://").unwrap_or_default();
    Data::open(url.starts_with("postgres").then_some(url.as_str()), Path::new(file)).await
}

/// Somebody whose address is verified.
pub struct Person {
    token: String,
    password: String,
    changes: usize,
}

impl Person {
    pub fn new(gateway: &Gateway, server: &Server, name: &str) -> Self {
        let password = "correct horse battery".to_owned();
        let body = json!({"username": name, "email": format!("{name}@example.com"), "password": password});
        let registered = send(&server.url, "POST", "/api/users/register", &[], &body.to_string());
        assert_eq!(registered.status, 201, "{registered:?}");
        let body = json!({"username": name, "password": password});
        let opened = send(&server.url, "POST", "/api/users/login", &[], &body.to_string());
        let opened: Value = serde_json::from_str(&opened.body).unwrap_or_else(|_| panic!("{opened:?}"));
        execute(gateway, "UPDATE accounts SET email_verified_at = 1");
        execute(gateway, "DELETE FROM outbox");
        Self { token: opened["session_token"].as_str().expect("a token").to_owned(), password, changes: 0 }
    }

    /// Claims a device.
    pub fn claim(&self, server: &Server, device: &str) {
        let bearer = format!("authorization: Bearer {}", self.token);
        let path = format!("/v1/users/notifications/tokens/{device}");
        let answer = send(&server.url, "POST", &path, &[&bearer], "{}");
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    /// Changes the password, which causes a mail.
    pub fn change_password(&mut self, server: &Server) {
        self.changes += 1;
        let next = format!("correct horse battery {}", self.changes);
        let body = json!({"password": next, "current_password": self.password});
        self.put(server, &body);
        self.password = next;
    }

    /// Changes the address, which causes a mail to the one of before.
    pub fn change_email(&mut self, server: &Server, email: &str) {
        self.put(server, &json!({"email": email, "current_password": self.password}));
    }

    fn put(&self, server: &Server, body: &Value) {
        let bearer = format!("authorization: Bearer {}", self.token);
        let answer = send(&server.url, "PUT", "/api/users/profile", &[&bearer], &body.to_string());
        assert_eq!(answer.status, 200, "{answer:?}");
    }
}
