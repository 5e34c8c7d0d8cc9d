//! What commands say on standard output. A reader that has gone away (`pixwave … | head`) is no
//! trouble of ours.

use std::io::{ErrorKind, Write as _};

use anyhow::{Context, Result};

/// Prints one line, or several.
pub fn line(text: impl AsRef<str>) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let written = out
        .write_all(text.as_ref().as_bytes())
        .and_then(|()| out.write_all(b"\n"))
        .and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output cannot be written"),
    }
}
