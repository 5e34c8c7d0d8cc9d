//! `pixwave gateway …`: what operators set over the gateways.
//!
//! Listing reads the database, beside a running server or without one. Pausing, resuming and
//! preferring are asked of the running server, like any operator's request.

use std::process::ExitCode;

use anyhow::{Result, anyhow};
use app::ports::store::ControlRow;
use domain::gateway::{Gateway, Operation};
use serde_json::{Value, json};

use super::asking::{Question, ask};
use crate::config::Config;
use crate::{output, table, wire};

pub async fn list(config: &Config) -> Result<ExitCode> {
    let (app, store) = wire::app_for_reading(config).await?;
    let read = async {
        app.refresh_controls().await?;
        app.store.controls().await
    }
    .await;
    store.close().await;
    let primary = |operation| app.primary(operation);
    output::line(table::lines(&listed(&read?, primary)).join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn listed(rows: &[ControlRow], primary: impl Fn(Operation) -> Gateway) -> Vec<Vec<String>> {
    let head = ["gateway", "operation", "state", "preferred", "reason"];
    let rows = rows.iter().map(|row| {
        let state = if row.paused { "paused" } else { "open" };
        let preferred = match row.operation {
            Operation::Charge | Operation::Payout if primary(row.operation) == row.gateway => "yes",
            Operation::Charge | Operation::Payout | Operation::Refund | Operation::Lookup => "-",
        };
        let operation = row.operation.as_str();
        let reason = row.reason.as_deref().unwrap_or("-");
        [row.gateway.as_str(), operation, state, preferred, reason]
            .map(str::to_owned)
            .to_vec()
    });
    std::iter::once(head.map(str::to_owned).to_vec())
        .chain(rows)
        .collect()
}

/// Sets what `change` says over one operation.
pub async fn set(
    config: &Config,
    operator: &str,
    (gateway, operation): (&str, &str),
    mut change: Value,
    reason: Option<String>,
) -> Result<ExitCode> {
    let gateway = Gateway::parse(gateway)
        .ok_or_else(|| anyhow!("{gateway:?} is no gateway: efi or mercado_pago"))?;
    change["operation"] = operation.into();
    if let Some(reason) = reason {
        change["reason"] = reason.into();
    }
    let question = Question::patch(format!("/v1/gateways/{gateway}"), change);
    ask(config, operator, question, |view| {
        Ok(stands(view, operation))
    })
    .await
}

/// What is asked for with `pause`, `resume` and `primary`.
pub fn change(word: &str) -> Value {
    match word {
        "pause" => json!({"paused": true}),
        "resume" => json!({"paused": false}),
        _ => json!({"primary": true}),
    }
}

fn stands(view: &Value, operation: &str) -> String {
    let mut operations = view["operations"].as_array().into_iter().flatten();
    let found = operations.find(|found| found["operation"] == operation);
    let is = |name: &str| found.is_some_and(|found| found[name] == true);
    let name = view["name"].as_str().unwrap_or_default();
    let state = if is("paused") { "paused" } else { "open" };
    let preferred = if is("primary") { ", preferred" } else { "" };
    format!("{operation} at {name}: {state}{preferred}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_tells_what_holds() {
        let row = |gateway, operation, paused| ControlRow {
            gateway,
            operation,
            paused,
            primary: false,
            reason: paused.then(|| "their maintenance".to_owned()),
            changed: None,
        };
        let rows = [
            row(Gateway::Efi, Operation::Payout, true),
            row(Gateway::Efi, Operation::Refund, false),
        ];
        let lines = listed(&rows, |_| Gateway::Efi);
        assert_eq!(lines[1][2..], ["paused", "yes", "their maintenance"]);
        assert_eq!(lines[2][2..], ["open", "-", "-"]);
        let view = json!({"name": "efi", "operations": [
            {"operation": "payout", "paused": true, "primary": true},
            {"operation": "charge", "paused": false, "primary": false},
        ]});
        assert_eq!(stands(&view, "payout"), "payout at efi: paused, preferred");
        assert_eq!(stands(&view, "charge"), "charge at efi: open");
    }
}
