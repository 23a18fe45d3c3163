//! The limits that the system sets to this process and to those that it starts.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Allows this many open files, connections among them, here and in every process that is started from now on.
///
/// # Panics
/// When the system does not allow it.
pub fn allow_open_files(count: u64) {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= count) {
        return;
    }
    let raised = Rlimit { current: Some(count), maximum: limit.maximum };
    setrlimit(Resource::Nofile, raised).unwrap_or_else(|_| {
        panic!("{count} open files are needed and at most {:?} are allowed: raise `ulimit -Hn`", limit.maximum)
    });
}
