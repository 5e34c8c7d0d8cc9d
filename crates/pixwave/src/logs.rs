//! The log: to standard error, for people or as JSON, one line per event.

use anyhow::{Result, anyhow};
use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

/// Installs the log for the whole process.
///
/// # Errors
/// When one is installed already.
pub fn install(log: &Log) -> Result<()> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&log.filter))
        .with_writer(std::io::stderr);
    let installed = match log.format {
        LogFormat::Human => {
            let colored = std::io::IsTerminal::is_terminal(&std::io::stderr());
            builder.with_ansi(colored).try_init()
        }
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    installed.map_err(|error| anyhow!("the log cannot be installed: {error}"))
}
