//! `pixwave dispatch …`: whether payments leave, and letting them leave again after a restore.
//!
//! The status is read from the database, beside a running server or without one. Resuming is asked of
//! the running server: it compares the books with the gateways first.

use std::process::ExitCode;

use anyhow::{Context, Result};
use app::dispatch_epoch::Dispatch;
use serde_json::{Value, json};

use super::asking::{Question, ask};
use super::reconcile::differences;
use crate::config::Config;
use crate::{output, wire};

pub async fn status(config: &Config) -> Result<ExitCode> {
    let (app, store) = wire::app_for_reading(config).await?;
    let read = async {
        let stored = app.stored_epoch().await?;
        anyhow::Ok((stored, app.read_dispatch().await?))
    }
    .await;
    store.close().await;
    let (stored, standing) = read?;
    let configured = config.settings.dispatch_epoch.as_deref();
    output::line(story(stored.as_deref(), configured, &standing).join("\n"))?;
    Ok(match standing {
        Dispatch::Running => ExitCode::SUCCESS,
        Dispatch::Stopped { .. } => ExitCode::FAILURE,
    })
}

fn story(stored: Option<&str>, configured: Option<&str>, standing: &Dispatch) -> Vec<String> {
    let configured = configured.unwrap_or("not set: whichever the database holds");
    vec![
        format!("in the database: {}", stored.unwrap_or("none yet")),
        format!("DISPATCH_EPOCH:  {configured}"),
        standing.in_words(),
    ]
}

pub async fn resume(
    config: &Config,
    operator: &str,
    since: &str,
    accept: Vec<String>,
) -> Result<ExitCode> {
    let since: jiff::Timestamp = since
        .parse()
        .with_context(|| format!("{since:?} is no moment such as 2026-03-10T04:00:00Z"))?;
    let body = json!({"since": since.to_string(), "accept": accept});
    let question = Question::post("/v1/dispatch/resume", body);
    ask(config, operator, question, |resumed| Ok(told(resumed))).await
}

fn told(resumed: &Value) -> String {
    let epoch = resumed["epoch"].as_str().unwrap_or_default();
    let mut lines = differences(resumed);
    lines.push(format!(
        "payments are dispatched; the database holds the epoch {epoch}"
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_epochs_and_what_follows_are_told() {
        let stopped = Dispatch::of(Some("old".into()), Some("new"));
        let lines = story(Some("old"), Some("new"), &stopped);
        assert_eq!(lines[0], "in the database: old");
        assert!(lines[1].ends_with("new") && lines[2].contains("wait"));
        let lines = story(None, None, &Dispatch::Running);
        assert!(lines[0].ends_with("none yet") && lines[1].contains("not set"));
    }
}
