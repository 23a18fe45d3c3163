//! A profile of the gateway during one phase, taken by `perf`.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Fault;
use crate::options::Options;
use crate::server::Server;

/// The call stacks come from the unwind tables, since neither the libraries nor the standard library keep frame
/// pointers; so much of each stack is kept for that.
const CALL_GRAPH: &str = "dwarf,16384";

/// Samples a second of each core; not a divisor of the clock's ticks, which would be sampled alone.
const FREQUENCY: &str = "499";

pub struct Profile(Child);

impl Profile {
    /// Begins a profile that ends with the phase, if one was asked for.
    pub fn begin(options: &Options, gateway: &Server, name: &str) -> Result<Option<Self>, Fault> {
        let Some(directory) = &options.profile else { return Ok(None) };
        std::fs::create_dir_all(directory)?;
        let file = directory.join(format!("{}.perf", name.replace(' ', "-")));
        Ok(Some(Self(record(gateway, &file, options.seconds)?)))
    }

    /// Waits until it is written.
    pub fn end(mut self) -> Result<(), Fault> {
        if self.0.wait()?.success() {
            return Ok(());
        }
        Err(Fault("--profile: perf failed; what it may record, /proc/sys/kernel/perf_event_paranoid says".to_owned()))
    }
}

fn record(gateway: &Server, file: &Path, seconds: u64) -> Result<Child, Fault> {
    let mut perf = Command::new("perf");
    perf.args(["record", "--quiet", "--freq", FREQUENCY, "--call-graph", CALL_GRAPH]);
    perf.arg("--pid").arg(gateway.id().to_string()).arg("--output").arg(file);
    // perf ends with the command that it is given.
    perf.args(["--", "sleep", &seconds.to_string()]).stdin(Stdio::null());
    perf.spawn().map_err(|error| Fault(format!("--profile: perf: {error}")))
}
