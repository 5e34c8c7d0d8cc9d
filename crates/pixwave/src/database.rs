//! Opens the database: its key first, then the schema, then the store.

use std::sync::Arc;

use anyhow::{Context, Result};
use secrecy::{ExposeSecret, SecretString};
use store::{Keyring, MigrationReport, OpenError, SqlStore};

use crate::app_key;
use crate::config::Config;
use crate::runtime::SystemRuntime;

/// A database in use, and the key that opened it.
pub struct Opened {
    pub store: Arc<SqlStore>,
    pub key: SecretString,
}

/// Opens a database that exists and is at this program's version.
pub async fn open(config: &Config, runtime: &SystemRuntime) -> Result<Opened> {
    let key = app_key::load(config, runtime, false)?;
    let store = store::open(&config.database.store(), keyring(&key)?).await;
    Ok(Opened {
        store: store.map_err(explained)?,
        key,
    })
}

/// Opens it to read it beside a running server.
pub async fn open_for_reading(config: &Config, runtime: &SystemRuntime) -> Result<Opened> {
    let key = app_key::load(config, runtime, false)?;
    let store = store::open_for_reading(&config.database.store(), keyring(&key)?).await;
    Ok(Opened {
        store: store.map_err(explained)?,
        key,
    })
}

/// Opens it after making and migrating what is missing.
pub async fn open_migrated(config: &Config, runtime: &SystemRuntime) -> Result<Opened> {
    let key = app_key::load(config, runtime, true)?;
    if !config.database.is_in_memory() {
        migrate_with(config, &key).await?;
    }
    let store = store::open(&config.database.store(), keyring(&key)?).await;
    Ok(Opened {
        store: store.map_err(explained)?,
        key,
    })
}

/// Brings the schema to this program's version.
pub async fn migrate(config: &Config, runtime: &SystemRuntime) -> Result<MigrationReport> {
    let key = app_key::load(config, runtime, true)?;
    migrate_with(config, &key).await
}

async fn migrate_with(config: &Config, key: &SecretString) -> Result<MigrationReport> {
    let report = store::migrate(&config.database.store(), Some(keyring(key)?)).await;
    report.map_err(explained)
}

fn keyring(key: &SecretString) -> Result<Keyring> {
    Keyring::parse(key.expose_secret()).context("APP_KEY is no key")
}

/// The store's own words, with what to do about it where that is known.
fn explained(error: OpenError) -> anyhow::Error {
    let advice = match &error {
        OpenError::NotMigrated { .. } => Some(" (`pixwave migrate`)"),
        OpenError::InUse(_) => Some(": stop that one first"),
        OpenError::NotDurable(_) => Some(" (DB_DURABILITY=accepted takes it as it is)"),
        OpenError::Address(_) => Some(" (DATABASE_URL)"),
        OpenError::Tls(_) => Some(" (DB_TLS, DB_TLS_CA)"),
        OpenError::Denied(_) => Some(" (DB_USERNAME and DB_PASSWORD, or DATABASE_URL)"),
        OpenError::NoDatabase(_) => Some(" (DB_DATABASE, or DATABASE_URL)"),
        OpenError::ReadOnly(_) => {
            Some(" (DB_USERNAME needs SELECT, INSERT, UPDATE and DELETE, on a server that writes)")
        }
        OpenError::Unwritable { .. }
        | OpenError::WrongKey
        | OpenError::NewerDatabase { .. }
        | OpenError::Unreachable(_)
        | OpenError::TooOld { .. }
        | OpenError::Migration { .. } => None,
    };
    anyhow::anyhow!("{error}{}", advice.unwrap_or_default())
}
