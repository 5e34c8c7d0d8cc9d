//! `pixwave float …`: our own money moved from one gateway to the other.
//!
//! Listing reads the database. Proposing, approving and declining are asked of the running server like
//! any operator's request.

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use app::views::FloatMoveView;
use domain::ids::FloatMoveId;
use serde_json::{Value, json};

use super::asking::{Question, ask};
use crate::config::Config;
use crate::{output, table, wire};

/// Moves listed at most.
const ROWS: u32 = 50;

pub async fn list(config: &Config) -> Result<ExitCode> {
    let (app, store) = wire::app_for_reading(config).await?;
    let read = app.float_moves(None, ROWS).await;
    store.close().await;
    let all = read?;
    if all.is_empty() {
        output::line("no float was ever moved")?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(table::lines(&listed(&all)).join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn listed(all: &[FloatMoveView]) -> Vec<Vec<String>> {
    let head = [
        "move",
        "from",
        "to",
        "amount",
        "state",
        "in transit",
        "payout",
    ];
    let rows = all.iter().map(|view| {
        let row = &view.row;
        let payout = row.state.transaction();
        vec![
            row.id.to_string(),
            row.from.to_string(),
            row.to.to_string(),
            row.amount.to_string(),
            view.state.to_owned(),
            row.in_transit().to_string(),
            payout.map_or_else(|| "-".to_owned(), |id| id.to_string()),
        ]
    });
    std::iter::once(head.map(str::to_owned).to_vec())
        .chain(rows)
        .collect()
}

pub async fn propose(config: &Config, operator: &str, body: Value) -> Result<ExitCode> {
    let question = Question::post("/v1/float-moves", body);
    ask(config, operator, question, |made| {
        Ok(format!(
            "{} is proposed: another operator approves it",
            text(made, "id")
        ))
    })
    .await
}

/// `word` is `approve` or `decline`.
pub async fn decide(config: &Config, operator: &str, id: &str, word: &str) -> Result<ExitCode> {
    let id = FloatMoveId::parse(id.trim())
        .map_err(|error| anyhow!("{id:?} is no float move: {error}"))?;
    let question = Question::post(format!("/v1/float-moves/{id}/{word}"), json!({}));
    ask(config, operator, question, |decided| {
        let (id, state) = (text(decided, "id"), text(decided, "state"));
        Ok(match decided["transaction_id"].as_str() {
            Some(payout) => format!("{id} is {state} ({payout})"),
            None => format!("{id} is {state}"),
        })
    })
    .await
}

fn text(answer: &Value, name: &str) -> String {
    answer[name].as_str().unwrap_or_default().to_owned()
}
