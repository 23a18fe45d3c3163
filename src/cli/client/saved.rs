//! The last session per server, kept in the user's state directory with mode 0600. Processes side by side change one
//! entry each, one after another.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::super::failure::Failure;
use super::api;
use super::session::Session;
use crate::clock::Stopwatch;

/// How long to wait for another process: twice what it may wait for the server.
const PATIENCE: Duration = Duration::from_secs(2 * api::PATIENCE.as_secs());

/// How often to look whether another process is done.
const GLANCE: Duration = Duration::from_millis(10);

type Sessions = BTreeMap<String, Session>;

/// The kept sessions, by the server's URL.
pub(super) struct Saved {
    directory: PathBuf,
}

/// Others wait until it is dropped. The file of the lock stays, since one that waits may have opened it.
pub(super) struct Turn {
    _locked: File,
}

impl Saved {
    /// In `$XDG_STATE_HOME/countersign`, else in `~/.local/state/countersign` (XDG Base Directory Specification).
    pub(super) fn here() -> Result<Self, Failure> {
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
        let missing = "there is no home directory that keeps sessions: set HOME or XDG_STATE_HOME, or do without: \
                       login --no-save, then COUNTERSIGN_TOKEN";
        let state = state.ok_or_else(|| Failure::WrongUse(missing.to_owned()))?;
        Ok(Self { directory: state.join("countersign") })
    }

    /// The session at this server.
    pub(super) fn find(&self, url: &str) -> Result<Option<Session>, Failure> {
        Ok(self.read()?.remove(url))
    }

    /// Makes sure that something can be kept, as far as that can be known.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        self.change(|_| {})
    }

    /// Keeps a session in the place of the one of before.
    pub(super) fn keep(&self, url: &str, session: &Session) -> Result<(), Failure> {
        self.change(|sessions| {
            sessions.insert(url.to_owned(), session.clone());
        })
    }

    /// Keeps the new tokens of a session, unless another process has signed out or in meanwhile.
    pub(super) fn renew(&self, url: &str, session: &Session) -> Result<(), Failure> {
        self.change(|sessions| {
            if let Some(kept) = sessions.get_mut(url).filter(|kept| kept.is(session)) {
                kept.clone_from(session);
            }
        })
    }

    /// Forgets this session; one that another process has begun at this server meanwhile stays.
    pub(super) fn forget(&self, url: &str, session: &Session) -> Result<(), Failure> {
        self.change(|sessions| {
            if sessions.get(url).is_some_and(|kept| kept.is(session)) {
                sessions.remove(url);
            }
        })
    }

    /// Waits for the turn to refresh the session at this server: a refresh token that two use ends the session.
    /// Not the lock of the file, so that a slow server does not keep anybody from another one.
    pub(super) fn turn(&self, url: &str) -> Result<Turn, Failure> {
        self.lock(&format!("refresh-{:08x}.lock", crc32fast::hash(url.as_bytes())))
    }

    fn file(&self) -> PathBuf {
        self.directory.join("sessions.json")
    }

    fn read(&self) -> Result<Sessions, Failure> {
        let file = self.file();
        match std::fs::read_to_string(&file) {
            // A file that can't be understood is replaced: it holds nothing that a login can't bring again.
            Ok(text) => Ok(serde_json::from_str(&text).unwrap_or_default()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Sessions::new()),
            Err(error) => Err(fault(&file, &error)),
        }
    }

    /// Reads, changes and writes while nobody else does, so that no entry of others is rolled back.
    fn change(&self, change: impl FnOnce(&mut Sessions)) -> Result<(), Failure> {
        let _turn = self.lock("sessions.lock")?;
        let mut sessions = self.read()?;
        let before = serde_json::to_string_pretty(&sessions).unwrap_or_default();
        change(&mut sessions);
        let after = serde_json::to_string_pretty(&sessions).unwrap_or_default();
        if before == after { Ok(()) } else { self.write(&after) }
    }

    /// Replaces the file as a whole, so that those who only read never see half of one.
    fn write(&self, content: &str) -> Result<(), Failure> {
        let (file, draft) = (self.file(), self.directory.join("sessions.json.new"));
        let written = || {
            // One that was left behind may have another mode.
            match std::fs::remove_file(&draft) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
            let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
            opened.write_all(content.as_bytes())?;
            opened.sync_all()?;
            std::fs::rename(&draft, &file)
        };
        written().map_err(|error| fault(&file, &error))
    }

    /// Waits until nobody else holds the lock of this name.
    fn lock(&self, name: &str) -> Result<Turn, Failure> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.directory);
        made.map_err(|error| fault(&self.directory, &error))?;
        let path = self.directory.join(name);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(|error| fault(&path, &error))?;
        let watch = Stopwatch::start();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Turn { _locked: file }),
                Err(TryLockError::WouldBlock) if watch.elapsed() < PATIENCE => std::thread::sleep(GLANCE),
                Err(TryLockError::WouldBlock) => {
                    let line = "another countersign has been at work on the kept session for a minute: end it, or try \
                                again when its server answers";
                    return Err(Failure::Unreachable(format!("{}: {line}", path.display())));
                }
                Err(TryLockError::Error(error)) => return Err(fault(&path, &error)),
            }
        }
    }
}

fn fault(path: &Path, error: &std::io::Error) -> Failure {
    let hint = "make it yours to read and write, name another state directory by XDG_STATE_HOME, or do without: login \
                --no-save, then COUNTERSIGN_TOKEN";
    Failure::WrongUse(format!("{}: {error}: {hint}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::session::tests::session;
    use super::*;

    const URL: &str = "https://id.example";

    fn scratch() -> (tempfile::TempDir, Saved) {
        let directory = tempfile::tempdir().unwrap();
        let saved = Saved { directory: directory.path().join("countersign") };
        (directory, saved)
    }

    #[test]
    fn sessions_that_are_kept_at_once_are_all_kept() {
        let (_directory, saved) = scratch();
        let url = |number: usize| format!("https://{number}.example");
        std::thread::scope(|scope| {
            for number in 0..20 {
                let (saved, url) = (&saved, url(number));
                scope.spawn(move || saved.keep(&url, &session(&url, 1, "first")).unwrap());
            }
        });
        for number in 0..20 {
            assert!(saved.find(&url(number)).unwrap().is_some_and(|kept| kept.is(&session(&url(number), 1, ""))));
        }
        assert_eq!(std::fs::metadata(saved.file()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_refresh_brings_back_neither_a_session_that_was_signed_out_nor_one_of_before() {
        let (_directory, saved) = scratch();
        let refresh_token = || saved.find(URL).unwrap().map(|session| session.refresh_token);
        saved.keep(URL, &session("1", 1, "a")).unwrap();
        saved.renew(URL, &session("1", 2, "b")).unwrap();
        assert_eq!(refresh_token().as_deref(), Some("b"));
        saved.forget(URL, &session("1", 1, "a")).unwrap();
        saved.renew(URL, &session("1", 3, "c")).unwrap();
        assert_eq!(refresh_token(), None);
        saved.keep(URL, &session("2", 1, "d")).unwrap();
        saved.renew(URL, &session("1", 3, "c")).unwrap();
        saved.forget(URL, &session("1", 3, "c")).unwrap();
        assert_eq!(refresh_token().as_deref(), Some("d"));
    }

    #[test]
    fn what_an_interrupted_write_left_behind_is_neither_read_nor_in_the_way() {
        let (_directory, saved) = scratch();
        saved.keep(URL, &session("1", 1, "a")).unwrap();
        let draft = saved.directory.join("sessions.json.new");
        std::fs::write(&draft, "{").unwrap();
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(saved.find(URL).unwrap().is_some());
        saved.keep(URL, &session("2", 1, "b")).unwrap();
        assert!(!draft.exists());
        assert_eq!(std::fs::metadata(saved.file()).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
