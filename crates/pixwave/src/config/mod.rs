//! The configuration: environment variables and a `.env` file, read once at the start.
//!
//! [`Config::read`] takes the variables from a function, so that tests hand in theirs. Every
//! variable is always read, whatever the others say, and everything that is wrong is reported at
//! once. Without any variable the result is the embedded mode: a SQLite file in the current folder
//! and the sandbox in place of the gateways. Real variables win over the `.env` file.

mod behavior;
mod database;
mod events;
mod gateways;
mod http;
mod log;
mod parse;
mod process;
mod redis;
#[cfg(test)]
mod tests;
mod variables;
mod webhooks;

use std::collections::BTreeMap;
use std::path::Path;

use ::gateways::HttpLimits;
use app::context::Settings;

use secrecy::{ExposeSecret, SecretString};
use store::Keyring;

pub use behavior::{longest_pending, reais};
pub use database::{Database, beside};
pub use events::Events;
pub use gateways::{Efi, Gateways, MercadoPago, RealGateways, SandboxPorts};
pub use http::{Http, local_url};
pub use log::{Log, LogFormat};
pub use process::{Process, SandboxPlace};
pub use variables::{Problem, Problems};

use variables::Variables;

const DEFAULT_JOBS_AT_ONCE: u32 = 32;

/// Everything that the environment decides.
#[derive(Clone, Debug)]
pub struct Config {
    pub http: Http,
    pub database: Database,
    /// Shares hints between processes; `None`: each keeps its own.
    pub redis: Option<platform::RedisAddress>,
    /// `None`: the key is in a file beside the database.
    pub app_key: Option<SecretString>,
    pub gateways: Gateways,
    pub sandbox: SandboxPlace,
    pub process: Process,
    /// Bounds of one gateway call.
    pub gateway_http: HttpLimits,
    /// What the use cases are told. Addresses and secrets of webhooks are filled in at the start.
    pub settings: Settings,
    pub jobs_at_once: usize,
    /// Webhook endpoints that are sent to at once.
    pub webhooks_at_once: usize,
    /// Where events are published, and through which queue the monitor reads them.
    pub events: Events,
    pub log: Log,
}

/// The variables that name or open a real gateway and are set, from the environment or the `.env`
/// file.
///
/// # Errors
/// A `.env` file that cannot be read.
pub fn of_real_gateways() -> Result<Vec<String>, Problems> {
    let file = dot_env(Path::new(".env")).map_err(|problem| Problems(vec![problem]))?;
    let is_set = |name: &String| {
        let value = std::env::var(name).ok().or_else(|| file.get(name).cloned());
        value.is_some_and(|value| !value.trim().is_empty())
    };
    let names = gateways::CREDENTIALS.iter();
    let names = names.flat_map(|name| [(*name).to_owned(), format!("{name}_FILE")]);
    Ok(names.filter(is_set).collect())
}

impl Config {
    /// The configuration that these variables make.
    ///
    /// # Errors
    /// Every variable whose value cannot be used, or that is missing beside the others.
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Config, Problems> {
        let variables = Variables::new(lookup);
        let config = Config::gather(&variables);
        variables.finish(config)
    }

    /// From the process's environment and the `.env` file in the current folder.
    pub fn from_environment() -> Result<Config, Problems> {
        let file = dot_env(Path::new(".env")).map_err(|problem| Problems(vec![problem]))?;
        Config::read(&|name| std::env::var(name).ok().or_else(|| file.get(name).cloned()))
    }

    fn gather(variables: &Variables<'_>) -> Config {
        let gateway_http = gateways::read_limits(variables);
        let http = Http::read(variables);
        let mut config = Config {
            events: events::read(variables, http.public_url.as_deref()),
            http,
            database: Database::read(variables),
            redis: redis::read(variables),
            app_key: app_key(variables),
            gateways: gateways::read(variables),
            sandbox: SandboxPlace::read(variables),
            process: Process::read(variables),
            settings: behavior::read(variables, &gateway_http),
            gateway_http,
            jobs_at_once: variables
                .parsed("JOBS_AT_ONCE", "a number from 1 to 1000", parse::count)
                .unwrap_or(DEFAULT_JOBS_AT_ONCE) as usize,
            webhooks_at_once: webhooks::at_once(variables),
            log: Log::read(variables),
        };
        // Pretended money on this machine alone is development: whoever can ask is on it already.
        let is_development = config.is_embedded() && config.http.host.is_loopback();
        config.settings.webhooks = webhooks::read(variables, is_development);
        if config.app_key.is_none() && !config.keeps_own_key() && !variables.is_blamed("APP_KEY") {
            variables.complain(
                "APP_KEY",
                variables::NOT_SET,
                "the key that `pixwave key generate` prints (only a SQLite file with the sandbox makes its own)",
            );
        }
        config
    }

    /// Whether the sandbox plays the gateways.
    pub fn is_embedded(&self) -> bool {
        matches!(self.gateways, Gateways::Sandbox(_))
    }

    /// Whether a missing key may be made and kept beside the database.
    pub fn keeps_own_key(&self) -> bool {
        self.is_embedded() && (self.database.file().is_some() || self.database.is_in_memory())
    }
}

fn app_key(variables: &Variables<'_>) -> Option<SecretString> {
    let text = variables.secret("APP_KEY")?;
    match Keyring::parse(text.expose_secret()) {
        Ok(_) => Some(text),
        Err(error) => {
            variables.complain_of_secret(
                "APP_KEY",
                format!("what `pixwave key generate` prints ({error})"),
            );
            None
        }
    }
}

/// The variables of a `.env` file; none when there is no such file. What does not parse is not
/// shown: it may be a secret.
fn dot_env(path: &Path) -> Result<BTreeMap<String, String>, Problem> {
    let problem = |found: String| Problem {
        variable: path.display().to_string(),
        found,
        expected: "lines of NAME=value".to_owned(),
    };
    let lines = match dotenvy::from_path_iter(path) {
        Ok(lines) => lines,
        Err(dotenvy::Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(BTreeMap::new());
        }
        Err(_) => return Err(problem("a file that cannot be read".to_owned())),
    };
    let mut found = BTreeMap::new();
    for (index, line) in lines.enumerate() {
        let (name, value) =
            line.map_err(|_| problem(format!("unreadable after {index} variables")))?;
        found.insert(name, value);
    }
    Ok(found)
}
