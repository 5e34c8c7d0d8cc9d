//! `pixwave migrate`: brings the schema to this program's version.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;

use crate::config::Config;
use crate::database;
use crate::output;
use crate::runtime::SystemRuntime;

pub async fn run(config: &Config, wait: Duration) -> Result<ExitCode> {
    let report = database::migrate(config, &SystemRuntime::default(), wait).await?;
    let shown = config.database.shown();
    let (from, to) = (report.from, report.to);
    if report.applied.is_empty() {
        output::line(format!("{shown} is at version {to} already"))?;
    } else {
        let names = report.applied.join(", ");
        output::line(format!("{shown} went from version {from} to {to}: {names}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
