//! The tour's own server: the embedded mode in a temporary folder, on free ports.
//!
//! The environment is not read: a tour is the same everywhere, and never touches a real gateway or
//! database, whatever is configured around it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use app::context::App;
use domain::money::Money;

use crate::config::Config;
use crate::wire::{self, Running};

/// Removes the folder, also when the tour panics.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Folder> {
        let name = format!("pixwave-demo-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)
            .with_context(|| format!("the tour's folder {} cannot be made", path.display()))?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "the tour's folder stays behind");
        }
    }
}

pub struct Server {
    running: Running,
    folder: Folder,
}

impl Server {
    pub async fn start() -> Result<Server> {
        let folder = Folder::new()?;
        let database = folder.0.join("pixwave.db").display().to_string();
        let mut config = Config::read(&|name| match name {
            "DB_DATABASE" => Some(database.clone()),
            "HTTP_PORT" => Some("0".to_owned()),
            _ => None,
        })
        .context("the tour's own configuration")?;
        // A tour is given at night, too, when people may send less.
        config.settings.default_limits.per_night = Money::from_cents(2_000_000)?;
        let running = wire::start(config)
            .await
            .context("the tour's server cannot start")?;
        Ok(Server { running, folder })
    }

    pub fn url(&self) -> &str {
        &self.running.url
    }

    pub fn app(&self) -> App {
        self.running.app.clone()
    }

    /// Stops in good order and removes everything.
    pub async fn stop(self) {
        self.running.shutdown().await;
        drop(self.folder);
    }
}
