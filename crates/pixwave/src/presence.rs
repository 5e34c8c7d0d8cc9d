//! How commands find the server that uses the same database: a file beside it that holds its
//! address while it runs.
//!
//! The file may stay behind after a crash, and another server may listen there by then; so beside a
//! SQLite file the address is only believed while some process holds the database's lock. A database
//! on a server has no such lock: there the sandbox's own words have to do.

use std::collections::BTreeMap;
use std::fs::TryLockError;
use std::path::PathBuf;
use std::time::Duration;

use domain::gateway::Gateway;
use serde_json::Value;

use crate::config::{Config, beside};
use crate::wire::sandbox_folder;

const LIMIT: Duration = Duration::from_secs(3);
const FILE: &str = "address";

/// The file of a running server; it goes with this value.
pub struct Presence(PathBuf);

impl Presence {
    /// Writes where the sandbox's controls answer. Commands do without it where it cannot be
    /// written.
    pub fn announce(config: &Config, control_url: &str) -> Option<Presence> {
        let path = sandbox_folder(config)?.join(FILE);
        match std::fs::write(&path, control_url) {
            Ok(()) => Some(Presence(path)),
            Err(error) => {
                tracing::warn!(%error, path = %path.display(), "cannot be written");
                None
            }
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        // What stays behind points at a port where nobody answers.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What the running sandbox's gateways hold, in centavos; nothing when none runs on this database.
pub async fn sandbox_balances(config: &Config) -> BTreeMap<Gateway, i64> {
    let Some(answer) = ask(config).await else {
        return BTreeMap::new();
    };
    let known =
        |gateway: Gateway| Some((gateway, answer[gateway.as_str()]["balance_cents"].as_i64()?));
    Gateway::ALL.into_iter().filter_map(known).collect()
}

/// Whether a process has the SQLite file for itself; of a server's database nobody knows.
fn may_be_in_use(config: &Config) -> bool {
    if config.database.is_shared() {
        return true;
    }
    let lock = config.database.file().map(|file| beside(&file, ".lock"));
    let lock = lock.and_then(|path| std::fs::File::open(path).ok());
    lock.is_some_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

async fn ask(config: &Config) -> Option<Value> {
    if !may_be_in_use(config) {
        return None;
    }
    let path = sandbox_folder(config)?.join(FILE);
    let url = tokio::fs::read_to_string(path).await.ok()?;
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(LIMIT)
        .build()
        .ok()?;
    let answer = client
        .get(format!("{}/sandbox/balances", url.trim()))
        .send()
        .await
        .ok()?;
    answer.json().await.ok()
}
