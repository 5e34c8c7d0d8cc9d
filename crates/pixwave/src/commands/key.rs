//! `pixwave key generate`: a new application key.

use std::process::ExitCode;

use anyhow::Result;

use crate::app_key;
use crate::output;
use crate::runtime::SystemRuntime;

pub fn generate() -> Result<ExitCode> {
    output::line(app_key::generate(&SystemRuntime::default()))?;
    Ok(ExitCode::SUCCESS)
}
