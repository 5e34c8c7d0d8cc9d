//! What the server says on standard output when it serves: where, and who may sign in.

use std::fmt::Write as _;

use anyhow::Result;
use sandbox::Sandbox;

use crate::output;
use crate::roles::Role;
use crate::sandbox_alone::SandboxAlone;
use crate::wire::Running;

/// Prints the addresses; the line `listening on URL` is what scripts wait for.
pub fn print(running: &Running) -> Result<()> {
    output::line(text(running)?)
}

/// The same for a sandbox that runs alone.
pub fn print_sandbox(alone: &SandboxAlone) -> Result<()> {
    let mut text = heading();
    let url = &alone.url;
    sandbox(&mut text, &alone.sandbox, url)?;
    writeln!(text)?;
    write!(text, "listening on {url}")?;
    output::line(text)
}

fn heading() -> String {
    format!("PixWave {}\n\n", env!("CARGO_PKG_VERSION"))
}

fn sandbox(text: &mut String, sandbox: &Sandbox, url: &str) -> Result<()> {
    let (efi, mercado_pago) = (sandbox.efi().base_url, sandbox.mercado_pago().base_url);
    let controls = sandbox.control_url();
    writeln!(
        text,
        "  gateways      played by the sandbox: no real money moves"
    )?;
    writeln!(text, "    efi            {efi}")?;
    writeln!(text, "    mercado_pago   {mercado_pago}")?;
    writeln!(text, "    fault panel    {url}/sandbox   {controls}")?;
    Ok(())
}

fn text(running: &Running) -> Result<String> {
    let mut text = heading();
    let (url, roles) = (&running.url, &running.roles);
    if !roles.is_all() {
        writeln!(text, "  roles         {}", roles.shown())?;
    }
    if roles.has(Role::Web) {
        writeln!(text, "  wallet        {url}/")?;
    }
    if roles.has(Role::Monitor) {
        writeln!(text, "  console       {url}/console")?;
    }
    if roles.has(Role::Payments) {
        writeln!(text, "  description   {url}/docs   {url}/openapi.json")?;
    }
    if let Some(played) = running.sandbox() {
        sandbox(&mut text, played, url)?;
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
