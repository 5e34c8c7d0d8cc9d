//! `pixwave review …`: payments whose outcome is not known, decided by two people.
//!
//! Listing and showing read the database, beside a running server or without one. Proposing and
//! approving are asked of the running server at HTTP_HOST:HTTP_PORT like any operator's request:
//! it verifies the password, asks the gateway once more, and commits. What it refuses is one line on
//! standard error and the exit code 3.

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use app::ports::store::ProposalRow;
use app::views::{ReviewSummary, ReviewView, ReviewedAttempt};
use domain::ids::{ProposalId, TransactionId};
use domain::time::Moment;
use serde_json::{Value, json};

use super::asking::{Question, ask};
use crate::config::Config;
use crate::{output, table, wire};

/// Payments read at once.
const PAGE: u32 = 200;

pub async fn list(config: &Config) -> Result<ExitCode> {
    let (app, store) = wire::app_for_reading(config).await?;
    let read = async {
        let mut all: Vec<ReviewSummary> = Vec::new();
        loop {
            let after = all.last().map(|last| last.transaction_id);
            let page = app.reviews(after, PAGE).await?;
            let full = page.len() == PAGE as usize;
            all.extend(page);
            if !full {
                return anyhow::Ok(all);
            }
        }
    }
    .await;
    store.close().await;
    let all = read?;
    if all.is_empty() {
        output::line("no payment is in review")?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(table::lines(&listed(&all, app.now())).join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn listed(all: &[ReviewSummary], now: Moment) -> Vec<Vec<String>> {
    let head = [
        "transaction",
        "kind",
        "amount",
        "gateway",
        "minutes",
        "proposed",
    ];
    let rows = all.iter().map(|one| {
        vec![
            one.transaction_id.to_string(),
            one.kind.as_str().to_owned(),
            one.amount.to_string(),
            one.gateway
                .map_or("-", |gateway| gateway.as_str())
                .to_owned(),
            (now.since(one.in_review_since).millis() / 60_000).to_string(),
            one.proposal
                .as_ref()
                .map_or_else(|| "-".to_owned(), proposed),
        ]
    });
    std::iter::once(head.map(str::to_owned).to_vec())
        .chain(rows)
        .collect()
}

fn proposed(row: &ProposalRow) -> String {
    format!(
        "{} by {} ({})",
        row.outcome.as_str(),
        row.proposed_by,
        row.id
    )
}

pub async fn show(config: &Config, transaction: &str) -> Result<ExitCode> {
    let id = transaction_id(transaction)?;
    let (mut app, store) = wire::app_for_reading(config).await?;
    // Whether absence at a gateway says anything depends on how the gateway is doing.
    wire::share_availability(config, &mut app).await;
    let view = app.review(id).await;
    store.close().await;
    let view = view.map_err(|_| anyhow!("there is no payout or refund {id}"))?;
    output::line(story(&view).join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn story(view: &ReviewView) -> Vec<String> {
    let shown = &view.transaction;
    let mut lines = vec![format!(
        "{} is a {} of {} and stands at {} ({})",
        shown.id,
        shown.kind.as_str(),
        shown.amount,
        shown.stage,
        shown.status.as_str()
    )];
    for attempt in &view.attempts {
        lines.extend(attempt_story(attempt));
    }
    for row in &view.proposals {
        lines.push(format!(
            "{} proposed for attempt {} at evidence version {}: {}",
            proposed(row),
            row.attempt_number,
            row.evidence_version,
            row.state.as_str()
        ));
        lines.push(format!("  evidence: {}", row.evidence));
        lines.push(format!("  reason: {}", row.reason));
    }
    lines
}

fn attempt_story(reviewed: &ReviewedAttempt) -> Vec<String> {
    let attempt = &reviewed.attempt;
    let mark = if reviewed.in_review {
        ", in review"
    } else {
        ""
    };
    let mut lines = vec![format!(
        "attempt {} at {}: {}{mark}, evidence version {}",
        attempt.number, attempt.gateway, attempt.outcome, reviewed.evidence_version
    )];
    if let Some(licence) = &attempt.licence {
        lines.push(format!("  licence: {}", licence.in_words));
    }
    if let Some(decision) = &attempt.decision {
        lines.push(format!("  decided: {decision}"));
    }
    for send in &attempt.sends {
        let verdict = send.verdict.as_deref().unwrap_or("no answer yet");
        lines.push(format!("  send {}: {verdict}", send.number));
    }
    let evidence = reviewed.evidence.iter();
    lines.extend(evidence.map(|item| format!("  {}: {}", item.source, item.in_words)));
    lines.push(format!("  absence: {}", reviewed.absence.in_words));
    lines
}

pub async fn propose(
    config: &Config,
    operator: &str,
    transaction: &str,
    body: &Value,
) -> Result<ExitCode> {
    let path = format!("/v1/transactions/{}/resolve", transaction_id(transaction)?);
    let question = Question::post(path, body.clone());
    ask(config, operator, question, |made| {
        let text = |name: &str| made[name].as_str().unwrap_or_default().to_owned();
        Ok(format!(
            "{} proposes {}: another operator approves it",
            text("id"),
            text("outcome")
        ))
    })
    .await
}

pub async fn approve(
    config: &Config,
    operator: &str,
    transaction: &str,
    proposal: &str,
) -> Result<ExitCode> {
    let id = transaction_id(transaction)?;
    let proposal = ProposalId::parse(proposal.trim())
        .map_err(|error| anyhow!("{proposal:?} is no proposal: {error}"))?;
    let path = format!("/v1/transactions/{id}/resolve/{proposal}/approve");
    let question = Question::post(path, json!({}));
    ask(config, operator, question, |decided| {
        let text = |name: &str| decided[name].as_str().unwrap_or_default().to_owned();
        Ok(format!(
            "{} is {} ({})",
            text("id"),
            text("stage"),
            text("status")
        ))
    })
    .await
}

fn transaction_id(text: &str) -> Result<TransactionId> {
    TransactionId::parse(text.trim())
        .map_err(|error| anyhow!("{text:?} is no transaction: {error}"))
}
