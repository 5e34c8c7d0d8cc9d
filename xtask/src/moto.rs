//! moto, which plays SNS and SQS: kept in a Python environment of its own below the target folder.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::process::{command, run};

/// Another version may answer otherwise.
const PACKAGE: &str = "moto[server]==5.2.5";

/// The program `moto_server`, installed on the first run.
pub fn ensure(target: &Path) -> Result<PathBuf> {
    let folder = target.join("moto");
    let program = folder.join("bin/moto_server");
    let done = folder.join(PACKAGE);
    if !done.is_file() {
        // What an interrupted run has left is made anew.
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let made = run(command("python3").args(["-m", "venv"]).arg(&folder))?;
        ensure!(made.success, "python3 cannot make an environment");
        let mut pip = command(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", PACKAGE]);
        ensure!(run(&mut pip)?.success, "pip cannot install {PACKAGE}");
        std::fs::write(&done, "")?;
    }
    ensure!(program.is_file(), "{PACKAGE} brings no moto_server");
    Ok(program)
}
