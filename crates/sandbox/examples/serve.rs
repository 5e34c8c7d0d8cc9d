//! Runs a sandbox until standard input closes, for programs that are not written in Rust.
//!
//! ```text
//! serve [directory for the PEM and P12 files]
//! ```
//!
//! Prints one line of JSON with everything a client needs: addresses, credentials, file paths.

use std::path::PathBuf;

use anyhow::Result;
use sandbox::{Sandbox, SandboxConfig};
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> Result<()> {
    let directory = std::env::args()
        .nth(1)
        .map_or_else(std::env::temp_dir, PathBuf::from);
    std::fs::create_dir_all(&directory)?;
    let sandbox = Sandbox::start(SandboxConfig::default()).await?;
    let (efi, mercado_pago) = (sandbox.efi(), sandbox.mercado_pago());
    let write = |name: &str, bytes: &[u8]| -> Result<String> {
        let path = directory.join(name);
        std::fs::write(&path, bytes)?;
        Ok(path.display().to_string())
    };
    let identity = format!("{}{}", efi.certificate_pem, efi.private_key_pem);
    let access = serde_json::json!({
        "control_url": sandbox.control_url(),
        "efi": {
            "base_url": efi.base_url,
            "client_id": efi.client_id,
            "client_secret": efi.client_secret,
            "pix_key": efi.pix_key,
            "ca_pem": write("efi-ca.pem", efi.ca_pem.as_bytes())?,
            "certificate_pem": write("efi-client.pem", identity.as_bytes())?,
            "certificate_p12": write("efi-client.p12", &efi.p12)?,
        },
        "mercado_pago": {
            "base_url": mercado_pago.base_url,
            "access_token": mercado_pago.access_token,
            "webhook_secret": mercado_pago.webhook_secret,
        },
    });
    println!("{access}");
    let mut rest = Vec::new();
    tokio::io::stdin().read_to_end(&mut rest).await?;
    sandbox.shutdown().await;
    Ok(())
}
