//! `cargo xtask bench NAME`: measurements, built in release and no part of the gate. Each is an example of
//! `pixwave` that makes its own data, measures, and prints a table.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::process::{cargo, run};

/// What can be measured.
const NAMES: &[&str] = &["pages"];

/// The names, for the usage text.
pub fn names() -> String {
    NAMES.join(" ")
}

/// Runs the measurement of this name; the words after it are its own.
pub fn measure(name: &str, words: &[&str]) -> Result<ExitCode> {
    ensure!(
        NAMES.contains(&name),
        "no measurement is called {name}; there are: {}",
        names()
    );
    let mut measurement = cargo(&["run", "--release", "--locked", "--package", "pixwave"]);
    measurement.args(["--example", name, "--"]).args(words);
    let output = run(&mut measurement)?;
    Ok(match output.success {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}
