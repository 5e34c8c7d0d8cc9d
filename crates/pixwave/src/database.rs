//! Opens the database: its key first, then the schema, then the store.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use secrecy::{ExposeSecret, SecretString};
use store::{Keyring, MigrationReport, OpenError, SqlStore};
use tokio::time::Instant;

use crate::app_key;
use crate::clock;
use crate::config::Config;
use crate::runtime::SystemRuntime;

/// Between two looks at a database that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// A database in use, and the key that opened it.
pub struct Opened {
    pub store: Arc<SqlStore>,
    pub key: SecretString,
}

/// Opens a database that exists and is at this program's version.
pub async fn open(config: &Config, runtime: &SystemRuntime) -> Result<Opened> {
    open_within(config, runtime, Duration::ZERO).await
}

/// The same, waiting for as long for a server that is not there yet and for migrations that others
/// run.
pub async fn open_within(
    config: &Config,
    runtime: &SystemRuntime,
    wait: Duration,
) -> Result<Opened> {
    let key = app_key::load(config, runtime, false)?;
    let store = patiently(config, wait, async || {
        store::open(&config.database.store(), keyring(&key)?)
            .await
            .map_err(Trouble::Open)
    });
    let store = store.await?;
    settle_clock(&store, runtime).await?;
    Ok(Opened { store, key })
}

/// Opens it to read it beside a running server.
pub async fn open_for_reading(config: &Config, runtime: &SystemRuntime) -> Result<Opened> {
    let key = app_key::load(config, runtime, false)?;
    let store = store::open_for_reading(&config.database.store(), keyring(&key)?).await;
    Ok(Opened {
        store: store.map_err(|error| explained(config, &error))?,
        key,
    })
}

/// Opens it after making and migrating what is missing; waits as [`open_within`] does.
pub async fn open_migrated(
    config: &Config,
    runtime: &SystemRuntime,
    wait: Duration,
) -> Result<Opened> {
    let key = app_key::load(config, runtime, true)?;
    if !config.database.is_in_memory() {
        migrate_with(config, &key, wait).await?;
    }
    let store = store::open(&config.database.store(), keyring(&key)?).await;
    let store = store.map_err(|error| explained(config, &error))?;
    settle_clock(&store, runtime).await?;
    Ok(Opened { store, key })
}

async fn settle_clock(store: &SqlStore, runtime: &SystemRuntime) -> Result<()> {
    let settled = clock::settle(store, runtime).await;
    settled.context("the database does not tell the time")
}

/// Brings the schema to this program's version; waits for a server that is not there yet.
pub async fn migrate(
    config: &Config,
    runtime: &SystemRuntime,
    wait: Duration,
) -> Result<MigrationReport> {
    let key = app_key::load(config, runtime, true)?;
    migrate_with(config, &key, wait).await
}

async fn migrate_with(
    config: &Config,
    key: &SecretString,
    wait: Duration,
) -> Result<MigrationReport> {
    patiently(config, wait, async || {
        store::migrate(&config.database.store(), Some(keyring(key)?))
            .await
            .map_err(Trouble::Open)
    })
    .await
}

fn keyring(key: &SecretString) -> Result<Keyring> {
    Keyring::parse(key.expose_secret()).context("APP_KEY is no key")
}

/// Why a try did not succeed.
enum Trouble {
    Open(OpenError),
    Other(anyhow::Error),
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Trouble {
        Trouble::Other(error)
    }
}

/// Tries until it succeeds, fails in a way that time does not heal, or the time is over.
async fn patiently<T>(
    config: &Config,
    wait: Duration,
    attempt: impl AsyncFn() -> Result<T, Trouble>,
) -> Result<T> {
    let deadline = Instant::now() + wait;
    let mut told = String::new();
    loop {
        let error = match attempt().await {
            Ok(done) => return Ok(done),
            Err(Trouble::Other(error)) => return Err(error),
            Err(Trouble::Open(error)) => error,
        };
        let may_pass = matches!(
            error,
            OpenError::Unreachable(_) | OpenError::NotMigrated { .. }
        );
        if !may_pass || Instant::now() + LOOK_AGAIN > deadline {
            return Err(explained(config, &error));
        }
        let reason = error.to_string();
        if reason != told {
            let seconds = wait.as_secs();
            tracing::info!(%reason, seconds, "waiting for the database");
            told = reason;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The store's own words, with what to do about it where that is known.
fn explained(config: &Config, error: &OpenError) -> anyhow::Error {
    let advice = match error {
        OpenError::NotMigrated { .. } => " (`pixwave migrate`)",
        OpenError::InUse(_) => ": stop that one first",
        OpenError::NotDurable(_) => " (DB_DURABILITY=accepted takes it as it is)",
        OpenError::Address(_) => " (DATABASE_URL)",
        OpenError::Unreachable(_) if config.database.is_shared() => {
            " (DB_HOST and DB_PORT, or DATABASE_URL)"
        }
        OpenError::Tls(_) => " (DB_TLS, DB_TLS_CA)",
        OpenError::Denied(_) => " (DB_USERNAME and DB_PASSWORD, or DATABASE_URL)",
        OpenError::NoDatabase(_) => " (DB_DATABASE, or DATABASE_URL)",
        OpenError::ReadOnly(_) => {
            " (DB_USERNAME needs SELECT, INSERT, UPDATE and DELETE, on a server that writes)"
        }
        OpenError::Migration { reason, .. } if reason.contains("denied") => {
            " (DB_USERNAME needs CREATE, ALTER and INDEX, too)"
        }
        OpenError::Unwritable { .. }
        | OpenError::WrongKey
        | OpenError::NewerDatabase { .. }
        | OpenError::TooOld { .. }
        | OpenError::Unreachable(_)
        | OpenError::Migration { .. } => "",
    };
    anyhow::anyhow!("{error}{advice}")
}
