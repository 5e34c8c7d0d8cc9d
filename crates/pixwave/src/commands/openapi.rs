//! `pixwave openapi`: the API's description as JSON.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::output;

pub fn print() -> Result<ExitCode> {
    let document = api::openapi();
    let text = document
        .to_pretty_json()
        .context("the description is no JSON")?;
    output::line(text)?;
    Ok(ExitCode::SUCCESS)
}
