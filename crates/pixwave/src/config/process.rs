//! What a process does beside serving: how it leaves, how often it checks, and the sandbox that runs
//! apart from the others.

use std::path::PathBuf;
use std::time::Duration;

use domain::time::Span;

use super::parse;
use super::variables::Variables;
use crate::runtime::duration;

/// Longer would leave too little of the whole stop (25 s) to the work under way.
const LONGEST_DRAIN_DELAY: Span = Span::from_seconds(20);
const DEFAULT_CHECK_INTERVAL: Span = Span::from_seconds(15 * 60);
const DEFAULT_SANDBOX_HOST: &str = "127.0.0.1";

#[derive(Clone, Debug)]
pub struct Process {
    /// Between the first signal and the end of listening: `/readyz` is 503 meanwhile.
    pub drain_delay: Duration,
    /// Between two runs of the checks by the monitor.
    pub check_interval: Span,
}

impl Process {
    pub(super) fn read(variables: &Variables<'_>) -> Process {
        let delay = variables.parsed("DRAIN_DELAY", "a length of time from 0s to 20s", |text| {
            parse::delay(text).filter(|delay| *delay <= LONGEST_DRAIN_DELAY)
        });
        let interval = variables.parsed("CHECK_INTERVAL", parse::SPAN, parse::span);
        Process {
            drain_delay: duration(delay.unwrap_or(Span::ZERO)),
            check_interval: interval.unwrap_or(DEFAULT_CHECK_INTERVAL),
        }
    }
}

/// The sandbox as the other processes meet it.
#[derive(Clone, Debug)]
pub struct SandboxPlace {
    /// Where it keeps its books; `None`: beside the database.
    pub folder: Option<PathBuf>,
    /// The name by which other processes reach its gateways.
    pub host: String,
    /// Where its gateways notify when it runs apart.
    pub webhook_url: Option<String>,
}

impl SandboxPlace {
    pub(super) fn read(variables: &Variables<'_>) -> SandboxPlace {
        let host = variables.parsed("SANDBOX_HOST", "a host name or an IP address", |text| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
            text.bytes().all(fits).then(|| text.to_owned())
        });
        SandboxPlace {
            folder: variables.text("SANDBOX_FOLDER").map(PathBuf::from),
            host: host.unwrap_or(DEFAULT_SANDBOX_HOST.to_owned()),
            webhook_url: variables.parsed(
                "SANDBOX_WEBHOOK_URL",
                "an address such as http://payments:8080",
                parse::sandbox_url,
            ),
        }
    }

    /// Whether the sandbox is reached from this machine alone.
    pub fn is_local(&self) -> bool {
        self.host == DEFAULT_SANDBOX_HOST || self.host == "localhost"
    }
}
