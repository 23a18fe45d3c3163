//! Where the log goes: standard error, as text on a terminal and as JSON otherwise.

use std::io::IsTerminal as _;

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt, registry};

use crate::config::{Log, LogFormat, LogLevel};

/// Starts logging for the whole process.
pub(super) fn start(log: Log) {
    let level = match log.level {
        LogLevel::Error => Level::ERROR,
        LogLevel::Warn => Level::WARN,
        LogLevel::Info => Level::INFO,
        LogLevel::Debug => Level::DEBUG,
    };
    // Libraries tell of their inner life at `info`; an operator asked for ours.
    let filter = Targets::new().with_default(level.min(Level::WARN)).with_target(env!("CARGO_CRATE_NAME"), level);
    let terminal = std::io::stderr().is_terminal();
    let text = match log.format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let layer = fmt::layer().with_writer(std::io::stderr).with_target(false);
    let layer = if text {
        layer.with_ansi(terminal).boxed()
    } else {
        layer.json().flatten_event(true).with_current_span(false).with_span_list(false).boxed()
    };
    // The filter stands before the layer and is not its own: such a one remembers, for each thread, what it said to a
    // library that only asked whether it would be heard, and drops the next line of ours for it.
    // Fails only if logging was started before; then it goes where it went.
    let _started = registry().with(filter).with(layer).try_init();
}
