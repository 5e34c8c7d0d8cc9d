//! `docs/openapi.json`, written from the program itself.

use anyhow::{Context, Result};

use crate::process::{capture, cargo, root};

/// Where the committed description of the API lies.
const PATH: &str = "docs/openapi.json";

/// Asks the program for its description, checks that it is JSON and writes it, one key per line.
pub fn write() -> Result<()> {
    let text = capture(&mut cargo(&[
        "run",
        "--quiet",
        "--locked",
        "--package",
        "pixwave",
        "--",
        "openapi",
    ]))?;
    let value: serde_json::Value =
        serde_json::from_str(&text).context("pixwave openapi prints JSON")?;
    let path = root().join(PATH);
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    std::fs::write(&path, serde_json::to_string_pretty(&value)? + "\n")
        .with_context(|| format!("{} cannot be written", path.display()))?;
    println!("wrote {PATH}");
    Ok(())
}
