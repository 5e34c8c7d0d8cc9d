//! `pixwave explain <transaction>`: why a payment went where it went.

use std::process::ExitCode;

use anyhow::{Result, anyhow, bail};
use domain::ids::TransactionId;

use crate::config::Config;
use crate::output;
use crate::wire;

pub async fn run(config: &Config, transaction: &str) -> Result<ExitCode> {
    let id = TransactionId::parse(transaction.trim())
        .map_err(|error| anyhow!("{transaction:?} is no transaction: {error}"))?;
    let (app, store) = wire::app_for_reading(config).await?;
    let lines = app::explain::explain(&app, id).await;
    store.close().await;
    match lines? {
        Some(lines) => output::line(lines.join("\n"))?,
        None => bail!("there is no transaction {id}"),
    }
    Ok(ExitCode::SUCCESS)
}
