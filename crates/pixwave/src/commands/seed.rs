//! `pixwave seed`: the first content of an embedded database, once.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::config::Config;
use crate::runtime::SystemRuntime;
use crate::{database, demo_data, output, wire};

pub async fn run(config: &Config) -> Result<ExitCode> {
    if !config.is_embedded() {
        bail!("real gateways are configured: demo data has no place there");
    }
    let runtime = Arc::new(SystemRuntime::default());
    let opened = database::open_migrated(config, &runtime, Duration::ZERO).await?;
    let app = wire::build_app(config, opened.store.clone(), Default::default(), runtime);
    let before = app.is_seeded().await?;
    let credentials = demo_data::seed(&app, &opened.key).await?;
    opened.store.close().await;
    output::line(if before {
        "it was seeded before"
    } else {
        "seeded"
    })?;
    let operators = credentials.operators.iter().map(|who| ("operator", who));
    for (role, who) in std::iter::once(("customer", &credentials.customer)).chain(operators) {
        output::line(format!("{role}  {}  {}", who.email, who.password))?;
    }
    Ok(ExitCode::SUCCESS)
}
