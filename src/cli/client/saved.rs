//! The last session per server, kept in the user's state directory with mode 0600.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::failure::Failure;
use super::text;
use crate::clock::{Clock, Timestamp};

/// A session, as the gateway answered it.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Session {
    pub(super) address: String,
    pub(super) token: String,
    pub(super) expires_at: String,
    pub(super) refresh_token: String,
}

impl Session {
    /// The session of an answer to a sign-in.
    pub(super) fn of(answer: &Value) -> Result<Self, Failure> {
        Ok(Self {
            address: text(answer, "address")?.to_owned(),
            token: text(answer, "token")?.to_owned(),
            expires_at: text(answer, "expiresAt")?.to_owned(),
            refresh_token: text(answer, "refreshToken")?.to_owned(),
        })
    }

    /// The session with the tokens of an answer to a refresh.
    pub(super) fn refreshed(self, answer: &Value) -> Result<Self, Failure> {
        Ok(Self {
            token: text(answer, "token")?.to_owned(),
            expires_at: text(answer, "expiresAt")?.to_owned(),
            refresh_token: text(answer, "refreshToken")?.to_owned(),
            ..self
        })
    }

    /// The session of `COUNTERSIGN_TOKEN`; the server says whether it is good.
    pub(super) fn of_environment() -> Result<Option<Self>, Failure> {
        let Ok(token) = std::env::var("COUNTERSIGN_TOKEN") else { return Ok(None) };
        let claims = claims(&token);
        let wrong = || Failure::WrongUse("COUNTERSIGN_TOKEN: this is no access token of a wallet".to_owned());
        let address = claims["address"].as_str().ok_or_else(wrong)?.to_owned();
        let expires_at = Timestamp::from_seconds(claims["exp"].as_i64().unwrap_or_default()).rfc3339();
        Ok(Some(Self { address, token, expires_at, refresh_token: String::new() }))
    }

    /// Whether the access token has expired, by our own clock.
    pub(super) fn is_over(&self) -> bool {
        claims(&self.token)["exp"].as_i64().is_none_or(|exp| Clock::System.now() >= Timestamp::from_seconds(exp))
    }
}

/// What an access token says, unverified: only the server needs to believe it.
fn claims(token: &str) -> Value {
    let payload = token.trim().split('.').nth(1).and_then(|payload| URL_SAFE_NO_PAD.decode(payload).ok());
    payload.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// The kept sessions, by the server's URL.
pub(super) struct Saved {
    file: PathBuf,
    sessions: BTreeMap<String, Session>,
}

impl Saved {
    /// Reads what is kept; nothing is no fault.
    pub(super) fn load() -> Result<Self, Failure> {
        let file = state_directory()?.join("sessions.json");
        let sessions = match std::fs::read_to_string(&file) {
            // A file that can't be understood is replaced: it holds nothing that a login can't bring again.
            Ok(text) => serde_json::from_str(&text).unwrap_or_default(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(Failure::io(&file.display().to_string())(error)),
        };
        Ok(Self { file, sessions })
    }

    /// The session at this server.
    pub(super) fn find(&self, url: &str) -> Option<Session> {
        self.sessions.get(url).cloned()
    }

    /// Keeps a session in the place of the one of before.
    pub(super) fn keep(&mut self, url: &str, session: &Session) -> Result<(), Failure> {
        self.sessions.insert(url.to_owned(), session.clone());
        self.write()
    }

    /// Forgets the session at this server.
    pub(super) fn forget(&mut self, url: &str) -> Result<(), Failure> {
        self.sessions.remove(url);
        self.write()
    }

    /// Replaces the file as a whole, so that scripts side by side never read half of one.
    fn write(&self) -> Result<(), Failure> {
        let name = self.file.display().to_string();
        let fault = Failure::io(&name);
        let directory = self.file.parent().unwrap_or(&self.file);
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(&fault)?;
        let draft = self.file.with_extension(format!("{}.new", std::process::id()));
        let content = serde_json::to_string_pretty(&self.sessions).unwrap_or_default();
        let mut opened =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft).map_err(&fault)?;
        opened.write_all(content.as_bytes()).and_then(|()| std::fs::rename(&draft, &self.file)).map_err(&fault)
    }
}

/// `$XDG_STATE_HOME/countersign`, else `~/.local/state/countersign` (XDG Base Directory Specification).
fn state_directory() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
    let missing = || Failure::WrongUse("there is no home directory to keep the session in: use --no-save".to_owned());
    Ok(state.ok_or_else(missing)?.join("countersign"))
}
