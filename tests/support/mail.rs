//! Mails as files: whom they are for, and the code and the token that they carry.

use std::path::Path;
use std::time::Duration;

use super::process::poll;

/// How long a mail may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A mail.
#[derive(Clone, Debug)]
pub struct Mail {
    pub to: String,
    pub subject: String,
    /// All of it, with the encoding of its parts undone.
    pub text: String,
}

impl Mail {
    pub fn read(raw: &str) -> Self {
        // Quoted-printable (RFC 2045 section 6.7), as far as links need it.
        let text = raw.replace("=\r\n", "").replace("=3D", "=").replace("=3d", "=");
        let header = |name: &str| {
            let line = raw.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim().to_owned()
        };
        Self { to: header("To:"), subject: header("Subject:"), text }
    }

    /// The mail to this address that has this mark, once a gateway that runs has written it to its outbox.
    pub fn awaited(outbox: &Path, to: &str, mark: &str) -> Self {
        let look = || {
            let files = std::fs::read_dir(outbox).ok()?.map(|entry| entry.expect("a file").path());
            let mut mails = files
                .filter(|file| file.extension().is_some_and(|kind| kind == "eml"))
                .map(|file| Self::read(&std::fs::read_to_string(file).expect("a mail is text")));
            mails.find(|mail| mail.to.contains(to) && mail.text.contains(mark))
        };
        poll(PATIENCE, look).unwrap_or_else(|| panic!("no mail to {to} with {mark}"))
    }

    /// The six digits that stand by themselves.
    pub fn code(&self) -> String {
        let words = self.text.split(|c: char| !c.is_ascii_alphanumeric());
        let mut codes = words.filter(|word| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit()));
        codes.next().unwrap_or_else(|| panic!("no code in {}", self.text)).to_owned()
    }

    /// The token of the link.
    pub fn token(&self) -> String {
        let (_, rest) = self.text.split_once("#token=").unwrap_or_else(|| panic!("no link in {}", self.text));
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')).collect()
    }
}
