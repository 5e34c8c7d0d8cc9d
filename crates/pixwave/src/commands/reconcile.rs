//! `pixwave reconcile`: a period compared with what the gateways list, by the running server.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::asking::{Question, Session, told_or_refused};
use crate::config::Config;

/// Between two looks at a comparison under way.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Begins a comparison, waits for its end, and tells what it found; fails when something differs.
pub async fn run(
    config: &Config,
    operator: &str,
    gateway: Option<String>,
    (from, to): (&str, &str),
) -> Result<ExitCode> {
    let moment = |text: &str| -> Result<String> {
        let parsed: jiff::Timestamp = text
            .parse()
            .with_context(|| format!("{text:?} is no moment such as 2026-03-10T04:00:00Z"))?;
        Ok(parsed.to_string())
    };
    let mut body = json!({"from": moment(from)?, "to": moment(to)?});
    if let Some(gateway) = gateway {
        body["gateway"] = gateway.into();
    }
    let session = match Session::open(config, operator).await? {
        Ok(session) => session,
        Err(problem) => return told_or_refused(Err(problem), |_| Ok(String::new())),
    };
    let outcome = follow(&session, body).await;
    session.close().await;
    let outcome = outcome?;
    let is_clean = outcome
        .as_ref()
        .is_ok_and(|ended| ended["state"] == "done" && ended["differences"] == 0);
    let code = told_or_refused(outcome, |ended| Ok(story(ended).join("\n")))?;
    Ok(match (code == ExitCode::SUCCESS, is_clean) {
        (true, false) => ExitCode::FAILURE,
        _ => code,
    })
}

async fn follow(session: &Session, body: Value) -> Result<Result<Value, Value>> {
    let mut seen = match session
        .ask(Question::post("/v1/reconciliations", body))
        .await?
    {
        Ok(begun) => begun,
        Err(problem) => return Ok(Err(problem)),
    };
    let path = format!(
        "/v1/reconciliations/{}",
        seen["id"].as_str().unwrap_or_default()
    );
    while matches!(seen["state"].as_str(), Some("queued" | "running")) {
        tokio::time::sleep(BETWEEN_LOOKS).await;
        seen = match session.ask(Question::get(path.clone())).await? {
            Ok(seen) => seen,
            Err(problem) => return Ok(Err(problem)),
        };
    }
    Ok(Ok(seen))
}

fn story(ended: &Value) -> Vec<String> {
    let text = |value: &Value, name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let mut lines = Vec::new();
    for one in ended["gateways"].as_array().into_iter().flatten() {
        let sent = match one["sent"].as_u64() {
            Some(sent) => format!("{sent} sent"),
            None => "it does not list what it sent".to_owned(),
        };
        let received = one["received"].as_u64().unwrap_or_default();
        lines.push(format!(
            "{}: {received} received, {sent}",
            text(one, "gateway")
        ));
    }
    lines.extend(differences(ended));
    lines.push(match ended["trouble"].as_str() {
        Some(trouble) => format!("{} failed: {trouble}", text(ended, "id")),
        None => format!(
            "{} differences ({})",
            ended["differences"],
            text(ended, "id")
        ),
    });
    lines
}

/// One line for each difference.
pub(super) fn differences(body: &Value) -> Vec<String> {
    let line = |item: &Value| {
        let text = |name: &str| item[name].as_str().unwrap_or_default();
        let amount = match item["gateway_cents"].as_i64() {
            Some(cents) => format!(", {cents} centavos"),
            None => String::new(),
        };
        let transaction = match item["transaction_id"].as_str() {
            Some(id) => format!(" ({id})"),
            None => String::new(),
        };
        format!(
            "{} {}{amount}: {}{transaction}",
            text("gateway"),
            text("reference"),
            text("in_words")
        )
    };
    let items = body["items"].as_array().into_iter().flatten();
    items.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_told_and_what_cannot_be_listed_too() {
        let ended = json!({
            "id": "rec_1", "state": "done", "differences": 1, "trouble": null,
            "gateways": [
                {"gateway": "efi", "received": 3, "sent": 2},
                {"gateway": "mercado_pago", "received": 1, "sent": null},
            ],
            "items": [{"gateway": "efi", "reference": "k1", "in_words": "sent", "gateway_cents": 5,
                "transaction_id": "txn_1"}],
        });
        assert_eq!(
            story(&ended),
            [
                "efi: 3 received, 2 sent",
                "mercado_pago: 1 received, it does not list what it sent",
                "efi k1, 5 centavos: sent (txn_1)",
                "1 differences (rec_1)",
            ]
        );
    }
}
