//! What the server says on standard output when it serves: where, and who may sign in.

use std::fmt::Write as _;

use anyhow::Result;

use crate::output;
use crate::wire::Running;

/// Prints the addresses; the line `listening on URL` is what scripts wait for.
pub fn print(running: &Running) -> Result<()> {
    output::line(text(running)?)
}

fn text(running: &Running) -> Result<String> {
    let mut text = String::new();
    let url = &running.url;
    writeln!(text, "PixWave {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(text)?;
    writeln!(text, "  wallet        {url}/")?;
    writeln!(text, "  console       {url}/console")?;
    writeln!(text, "  description   {url}/docs   {url}/openapi.json")?;
    if let Some(sandbox) = running.sandbox() {
        writeln!(
            text,
            "  gateways      played by the sandbox: no real money moves"
        )?;
        writeln!(text, "    efi            {}", sandbox.efi().base_url)?;
        writeln!(
            text,
            "    mercado_pago   {}",
            sandbox.mercado_pago().base_url
        )?;
        writeln!(
            text,
            "    fault panel    {url}/sandbox   {}",
            sandbox.control_url()
        )?;
    }
    if let Some(demo) = &running.demo {
        writeln!(text, "  demo accounts")?;
        let operators = demo.operators.iter().map(|who| ("operator", who));
        let customers = [("customer", &demo.customer), ("customer", &demo.friend)];
        for (role, who) in customers.into_iter().chain(operators) {
            writeln!(text, "    {role}       {:<24} {}", who.email, who.password)?;
        }
    }
    writeln!(text)?;
    write!(text, "listening on {url}")?;
    Ok(text)
}
