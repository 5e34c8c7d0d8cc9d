//! `pixwave key generate`: a new application key.

use std::process::ExitCode;

use anyhow::Result;

use crate::app_key;
use crate::runtime::SystemRuntime;

pub fn generate() -> Result<ExitCode> {
    println!("{}", app_key::generate(&SystemRuntime::default()));
    Ok(ExitCode::SUCCESS)
}
