//! Directories for the length of one test. They are below `target`, where a killed test leaves nothing in the way.

use std::path::Path;

use tempfile::TempDir;

/// A fresh directory, removed when dropped.
pub fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a scratch directory")
}

/// Where downloaded parts are kept from one run to the next.
pub fn parts() -> &'static Path {
    Path::new(concat!(env!("CARGO_TARGET_TMPDIR"), "/../test-parts"))
}
