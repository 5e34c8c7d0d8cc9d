//! `pixwave migrate`: brings the schema to this program's version.

use std::process::ExitCode;

use anyhow::Result;

use crate::config::Config;
use crate::database;
use crate::runtime::SystemRuntime;

pub async fn run(config: &Config) -> Result<ExitCode> {
    let report = database::migrate(config, &SystemRuntime::default()).await?;
    let shown = config.database.shown();
    match report.applied.as_slice() {
        [] => println!("{shown} is at version {} already", report.to),
        applied => {
            println!("{shown} went from version {} to {}", report.from, report.to);
            for name in applied {
                println!("  applied {name}");
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
