//! The application's key: from `APP_KEY`, or made once and kept beside the database.
//!
//! A key is made only for a database that does not exist yet: beside an existing one a missing key
//! file is a loss to be told, not something to replace.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use app::ports::runtime::Runtime;
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretString};
use store::Keyring;

use crate::config::{Config, beside};

const FILE: &str = "pixwave.key";

/// Where the key of a database file is kept.
pub fn path_beside(database: &Path) -> PathBuf {
    database.with_file_name(FILE)
}

/// The key; with `may_create` it is made when there is neither key nor database.
///
/// # Errors
/// When there is none, it cannot be read, or it is no key.
pub fn load(config: &Config, runtime: &dyn Runtime, may_create: bool) -> Result<SecretString> {
    if let Some(key) = &config.app_key {
        return Ok(key.clone());
    }
    let Some(database) = config.database.file() else {
        return Ok(generate(runtime).into());
    };
    let path = path_beside(&database);
    if path.exists() {
        return read(&path);
    }
    if database.exists() {
        bail!(
            "the database {} has no key: {} is missing (restore it, or set APP_KEY)",
            database.display(),
            path.display()
        );
    }
    if !may_create {
        bail!("there is no database {} yet", database.display());
    }
    create(&path, &generate(runtime))
        .with_context(|| format!("the database {} cannot be made", database.display()))?;
    read(&path)
}

/// A new `APP_KEY`.
pub fn generate(runtime: &dyn Runtime) -> String {
    Keyring::generate(&mut |buffer| runtime.random(buffer))
}

fn read(path: &Path) -> Result<SecretString> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the key file {} cannot be read", path.display()))?;
    let text = text.trim().to_owned();
    if let Err(error) = Keyring::parse(&text) {
        bail!("the key file {} holds no key: {error}", path.display());
    }
    Ok(text.into())
}

/// Writes the key for its owner alone. Of two processes that start at once one wins, and the file
/// is never seen half written.
fn create(path: &Path, key: &str) -> Result<()> {
    let written = beside(path, &format!(".{}", std::process::id()));
    let outcome =
        write_new(&written, key).and_then(|()| match std::fs::hard_link(&written, path) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
    // What is left over is told by the outcome.
    let _ = std::fs::remove_file(&written);
    outcome.with_context(|| format!("the key file {} cannot be written", path.display()))
}

fn write_new(path: &Path, key: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(format!("{key}\n").as_bytes())?;
    file.sync_all()
}

/// A secret of this installation for another purpose, the same at every start: as 32 hex digits.
/// It follows the oldest key of the list, which stays when a new one is put in front.
pub fn derived(key: &SecretString, purpose: &str) -> SecretString {
    let text = key.expose_secret();
    let oldest = text.rsplit(',').find(|part| !part.trim().is_empty());
    let secret = oldest.unwrap_or(text).trim();
    let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&secret, format!("pixwave {purpose}").as_bytes());
    hex::encode(&tag.as_ref()[..16]).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::SystemRuntime;
    use crate::testing::{Folder, config};
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = Folder::new();
        let config = config(&folder, &[]);
        let runtime = SystemRuntime::default();
        let first = load(&config, &runtime, true).unwrap();
        let path = path_beside(&config.database.file().unwrap());
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = load(&config, &runtime, true).unwrap();
        assert_eq!(first.expose_secret(), again.expose_secret());
        // Nothing is left over beside it.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_lost_key_is_not_replaced() {
        let folder = Folder::new();
        let config = config(&folder, &[]);
        std::fs::write(config.database.file().unwrap(), "").unwrap();
        let error = load(&config, &SystemRuntime::default(), true).unwrap_err();
        assert!(
            error.to_string().contains("pixwave.key is missing"),
            "{error}"
        );
    }

    #[test]
    fn a_file_without_a_key_is_told() {
        let folder = Folder::new();
        let config = config(&folder, &[]);
        let path = path_beside(&config.database.file().unwrap());
        std::fs::write(&path, "not a key").unwrap();
        let error = load(&config, &SystemRuntime::default(), true).unwrap_err();
        assert!(error.to_string().contains("holds no key"), "{error}");
        assert!(!error.to_string().contains("not a key"), "{error}");
    }

    #[test]
    fn derived_secrets_outlive_a_new_key_and_differ_by_purpose() {
        let old: SecretString = "k1:aaaa".to_owned().into();
        let rotated: SecretString = "k2:bbbb,k1:aaaa".to_owned().into();
        let shown = |key: &SecretString, purpose| derived(key, purpose).expose_secret().to_owned();
        assert_eq!(shown(&old, "x"), shown(&rotated, "x"));
        assert_ne!(shown(&old, "x"), shown(&old, "y"));
    }
}
