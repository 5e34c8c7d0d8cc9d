//! `pixwave health`: whether the server of this configuration is ready, for container probes.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::config::{Config, local_url};
use crate::output;

const LIMIT: Duration = Duration::from_secs(3);

pub async fn run(config: &Config) -> Result<ExitCode> {
    if config.http.port == 0 {
        bail!("HTTP_PORT is 0, so nobody knows where the server listens");
    }
    let url = format!("{}/readyz", local_url(config.http.address()));
    let client = reqwest::Client::builder().no_proxy().timeout(LIMIT).build();
    let answer = client.context("no HTTP client")?.get(&url).send().await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) if error.is_timeout() => bail!("{url} does not answer in time"),
        Err(_) => bail!("nothing answers at {url}"),
    };
    let status = answer.status();
    if !status.is_success() {
        let problem: serde_json::Value = answer.json().await.unwrap_or_default();
        let detail = problem["detail"].as_str().unwrap_or("no reason given");
        bail!("{url} answers {}: {detail}", status.as_u16());
    }
    output::line("ready")?;
    Ok(ExitCode::SUCCESS)
}
