//! Mails as files, where no server is configured: each whole or not there, and for the gateway's own user alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::{Failure, Mail};

/// Writes a mail into a file named by time and id. The same mail gets the same file.
pub(super) async fn write(directory: &Path, mail: Mail<'_>, content: &[u8]) -> Result<PathBuf, Failure> {
    // 20260101T000000Z: in the order of time, and without colons, which some systems don't take.
    let time: String = mail.written_at.whole_seconds().rfc3339().chars().filter(|c| !matches!(c, '-' | ':')).collect();
    let name = format!("{time}-{}.eml", mail.id);
    let (directory, content) = (directory.to_owned(), content.to_owned());
    let place = directory.clone();
    // A disk may take its time.
    let written = tokio::task::spawn_blocking(move || store(&directory, &name, &content)).await;
    let written = written.unwrap_or_else(|_| Err(io::Error::other("writing it was broken off")));
    written.map_err(|error| Failure::Away(format!("the directory {} can't be written ({error})", place.display())))
}

fn store(directory: &Path, name: &str, content: &[u8]) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    let (path, unfinished) = (directory.join(name), directory.join(format!(".{name}.{}", std::process::id())));
    let stored = fill(&unfinished, content).and_then(|()| fs::rename(&unfinished, &path));
    if stored.is_err() {
        // What is left of it is of no use; that it can't be removed either, is the same fault.
        let _ = fs::remove_file(&unfinished);
    }
    stored?;
    // The row goes when this returns, so the file has to outlive a power cut.
    File::open(directory)?.sync_all()?;
    Ok(path)
}

fn fill(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}
