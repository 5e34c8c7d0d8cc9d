//! How the log looks and what is in it.

use tracing_subscriber::EnvFilter;

use super::variables::Variables;

pub const DEFAULT_FILTER: &str = "info";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

#[derive(Clone, Debug)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

impl Log {
    pub(super) fn read(variables: &Variables<'_>) -> Log {
        let format = variables.parsed("LOG_FORMAT", "human or json", |text| match text {
            "human" => Some(LogFormat::Human),
            "json" => Some(LogFormat::Json),
            _ => None,
        });
        let expected = "a filter such as info or info,gateways=debug";
        let filter = variables.parsed("RUST_LOG", expected, |text| {
            EnvFilter::try_new(text).ok().map(|_| text.to_owned())
        });
        Log {
            format: format.unwrap_or(LogFormat::Human),
            filter: filter.unwrap_or(DEFAULT_FILTER.to_owned()),
        }
    }
}
