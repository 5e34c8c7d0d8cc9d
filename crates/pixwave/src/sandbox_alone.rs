//! `pixwave sandbox`: both gateways in a process of their own, which knows of no database.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::routing::get;
use http::header::CONTENT_TYPE;
use sandbox::Sandbox;
use tokio::sync::watch;

use crate::config::{Config, local_url};
use crate::lifecycle::Service;
use crate::metrics;
use crate::presence::Presence;
use crate::roles::{Role, Roles};
use crate::runtime::SystemRuntime;
use crate::serve::{self, Stage};
use crate::wire;

/// What is open when the process stops is cut after so long: nothing of it is money.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A sandbox that runs alone.
pub struct SandboxAlone {
    /// Where its controls answer.
    pub url: String,
    pub sandbox: Sandbox,
    presence: Option<Presence>,
    drain_delay: Duration,
    stage: watch::Sender<Stage>,
    server: tokio::task::JoinHandle<()>,
}

/// Starts it and leaves in its folder what the other roles need.
///
/// # Errors
/// `config::Problems` when it does not fit the configuration, else one line that says what it
/// cannot have.
pub async fn start(config: Config) -> Result<SandboxAlone> {
    wire::install_tls();
    Roles::one(Role::Sandbox).fit(&config)?;
    let listener = wire::listen(&config).await?;
    let url = local_url(listener.local_addr()?);
    let runtime = Arc::new(SystemRuntime::default());
    let (sandbox, access) = wire::start_shared_sandbox(&config, &url, None, &*runtime).await?;
    let (stage, stages) = watch::channel(Stage::Serving);
    let router = sandbox.control_router().merge(health());
    Ok(SandboxAlone {
        server: tokio::spawn(serve::serve(listener, router, stages)),
        presence: Presence::announce(&config, &access.control_url),
        drain_delay: config.process.drain_delay,
        url,
        sandbox,
        stage,
    })
}

/// It has nothing that could be missing: who answers is ready.
fn health() -> Router {
    let metrics = metrics::exposition(None);
    let json = |body: &'static str| {
        get(move || async move { ([(CONTENT_TYPE, "application/json")], body) })
    };
    Router::new()
        .route("/healthz", json(r#"{"status":"alive"}"#))
        .route("/readyz", json(r#"{"status":"ready"}"#))
        .route("/metrics", get(move || async move { metrics() }))
}

impl Service for SandboxAlone {
    async fn part_ended(&mut self) -> &'static str {
        let _ended = (&mut self.server).await;
        "server"
    }

    async fn shutdown(mut self) {
        self.stage.send_replace(Stage::Leaving);
        tokio::time::sleep(self.drain_delay).await;
        self.stage.send_replace(Stage::Stopping);
        if !self.server.is_finished()
            && tokio::time::timeout(STOP_LIMIT, &mut self.server)
                .await
                .is_err()
        {
            self.server.abort();
        }
        drop(self.presence.take());
        self.sandbox.shutdown().await;
    }
}
