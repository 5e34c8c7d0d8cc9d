//! What a gateway client needs of the sandbox, and how it gets from a sandbox that runs apart to the
//! other processes: by a file in the folder that they share, readable by its owner alone.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use app::ports::runtime::Runtime;
use sandbox::{EfiAccess, MercadoPagoAccess, Sandbox};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::config::SandboxPorts;

const FILE: &str = "access.json";
/// Between two looks at a file that is waited for.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Both gateways' addresses and credentials.
pub struct Access {
    pub efi: EfiAccess,
    pub mercado_pago: MercadoPagoAccess,
    /// The secret part of the path that the fake Efí notifies.
    pub webhook_secret: SecretString,
    /// Where `/sandbox/…` answers.
    pub control_url: String,
}

impl Access {
    pub fn of(sandbox: &Sandbox, webhook_secret: SecretString, control_url: String) -> Access {
        Access {
            efi: sandbox.efi(),
            mercado_pago: sandbox.mercado_pago(),
            webhook_secret,
            control_url,
        }
    }

    /// Leaves it in the folder, in one step.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        let draft = path.with_extension("draft");
        let text = json!({
            "efi": self.efi,
            "mercado_pago": self.mercado_pago,
            "webhook_secret": self.webhook_secret.expose_secret(),
            "control_url": self.control_url,
        });
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)
            .and_then(|mut file| file.write_all(text.to_string().as_bytes()))
            .and_then(|()| std::fs::rename(&draft, &path));
        written.with_context(|| format!("{} cannot be written (SANDBOX_FOLDER)", path.display()))
    }

    /// What a sandbox left in the folder; `None` when none ever did.
    pub fn read(folder: &Path) -> Result<Option<Access>> {
        let path = folder.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                return Err(error).with_context(|| unreadable(&path));
            }
        };
        let access = parse(&text).ok_or_else(|| anyhow!(unreadable(&path)))?;
        Ok(Some(access))
    }

    /// The same, waiting for as long for a sandbox that has not begun yet.
    pub async fn await_in(folder: &Path, wait: Duration) -> Result<Access> {
        let deadline = Instant::now() + wait;
        let mut is_told = false;
        loop {
            if let Some(access) = Access::read(folder)? {
                return Ok(access);
            }
            let path = folder.join(FILE);
            if Instant::now() + LOOK_AGAIN > deadline {
                return Err(anyhow!(
                    "no sandbox has left {} (SANDBOX_FOLDER): start `pixwave sandbox` on the same folder",
                    path.display()
                ));
            }
            if !is_told {
                tracing::info!(path = %path.display(), seconds = wait.as_secs(), "waiting for the sandbox");
                is_told = true;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

fn unreadable(path: &Path) -> String {
    format!("{} cannot be read (SANDBOX_FOLDER)", path.display())
}

fn parse(text: &[u8]) -> Option<Access> {
    let mut value: Value = serde_json::from_slice(text).ok()?;
    let secret = value["webhook_secret"].as_str()?.to_owned();
    let control_url = value["control_url"].as_str()?.to_owned();
    Some(Access {
        efi: serde_json::from_value(value["efi"].take()).ok()?,
        mercado_pago: serde_json::from_value(value["mercado_pago"].take()).ok()?,
        webhook_secret: secret.into(),
        control_url,
    })
}

/// What must stay the same when a sandbox that runs apart starts again: where its gateways listen,
/// for the others know them by that, and the secret by which they know its notifications.
pub struct Kept {
    pub ports: SandboxPorts,
    pub webhook_secret: SecretString,
}

impl Kept {
    /// From the last start, or made now. Configured ports win.
    pub fn read_or_make(
        folder: &Path,
        configured: SandboxPorts,
        runtime: &dyn Runtime,
    ) -> Result<Kept> {
        let Some(last) = Access::read(folder)? else {
            let mut secret = [0; 16];
            runtime.random(&mut secret);
            return Ok(Kept {
                ports: configured,
                webhook_secret: hex::encode(secret).into(),
            });
        };
        let or_last = |port: u16, url: &str| match port {
            0 => port_of(url),
            port => port,
        };
        Ok(Kept {
            ports: SandboxPorts {
                efi: or_last(configured.efi, &last.efi.base_url),
                mercado_pago: or_last(configured.mercado_pago, &last.mercado_pago.base_url),
            },
            webhook_secret: last.webhook_secret,
        })
    }
}

fn port_of(url: &str) -> u16 {
    let url = url::Url::parse(url).ok();
    url.and_then(|url| url.port()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::SystemRuntime;
    use crate::testing::Folder;
    use sandbox::SandboxConfig;
    use std::os::unix::fs::PermissionsExt as _;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_left_is_found_and_stays_the_same() {
        crate::wire::install_tls();
        let folder = Folder::new();
        let none = SandboxPorts::default();
        let runtime = SystemRuntime::default();
        let first = Kept::read_or_make(folder.path(), none, &runtime).unwrap();
        assert_eq!(first.ports.efi, 0);
        let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
        let secret = first.webhook_secret.expose_secret().to_owned();
        let access = Access::of(&sandbox, first.webhook_secret, "http://127.0.0.1:1".into());
        access.write(folder.path()).unwrap();
        let mode = std::fs::metadata(folder.path().join(FILE)).unwrap();
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);

        let found = Access::await_in(folder.path(), Duration::ZERO)
            .await
            .unwrap();
        assert_eq!(found.efi.base_url, sandbox.efi().base_url);
        assert_eq!(found.efi.ca_pem, sandbox.efi().ca_pem);
        let seed = sandbox.mercado_pago().signing_seed;
        assert_eq!(found.mercado_pago.signing_seed, seed);
        let again = Kept::read_or_make(folder.path(), none, &runtime).unwrap();
        assert_eq!(again.webhook_secret.expose_secret(), secret);
        assert_eq!(
            format!("https://127.0.0.1:{}", again.ports.efi),
            sandbox.efi().base_url
        );
        sandbox.shutdown().await;
    }

    #[tokio::test]
    async fn an_empty_folder_is_told_and_a_torn_file_too() {
        let folder = Folder::new();
        let error = Access::await_in(folder.path(), Duration::ZERO).await;
        let line = error.err().unwrap().to_string();
        assert!(line.contains("start `pixwave sandbox`"), "{line}");
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        let error = Access::read(folder.path()).err().unwrap().to_string();
        assert!(error.contains("cannot be read"), "{error}");
    }
}
