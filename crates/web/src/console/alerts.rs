//! `/console/alertas`: what a person should look at, newest first.

use app::ports::store::AlertRow;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::ids::AlertId;

use super::{Operator, ROWS, next};
use crate::Web;
use crate::form::{Pairs, Query};
use crate::format;
use crate::pages::detail::gateway_name;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "console/alerts.html")]
struct AlertsPage {
    shell: Shell,
    t: &'static Texts,
    alerts: Vec<AlertLine>,
    more: Option<String>,
}

/// An alert in one line.
pub struct AlertLine {
    pub kind: String,
    pub message: String,
    pub gateway: &'static str,
    pub transaction: Option<String>,
    pub when: String,
    pub machine_time: String,
}

pub fn line(row: &AlertRow, shell: &Shell) -> AlertLine {
    AlertLine {
        kind: row.kind.clone(),
        message: row.message.clone(),
        gateway: row.gateway.map_or("", gateway_name),
        transaction: row.transaction_id.map(|id| id.to_string()),
        when: format::exact(row.raised_at, shell.language),
        machine_time: format::machine(row.raised_at),
    }
}

pub async fn show(
    State(web): State<Web>,
    operator: Operator,
    Query(query): Query,
) -> Result<Response, Stop> {
    let position = web.app.last_position().await?;
    let before = AlertId::parse(query.get("depois")).ok();
    let found = web.app.alerts_before(before, ROWS).await?;
    let mut shell = operator.shell(&web, Place::Alerts);
    if before.is_none() {
        shell = shell.live(position);
    }
    Ok(shell::ok(&page(shell, &query, &found)))
}

fn page(shell: Shell, query: &Pairs, found: &[AlertRow]) -> AlertsPage {
    let last = found.last().map(|row| row.id.to_string());
    AlertsPage {
        alerts: found.iter().map(|row| line(row, &shell)).collect(),
        more: next("/console/alertas", query, &[], found.len(), last),
        t: shell.t,
        shell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;
    use domain::ids::TransactionId;
    use domain::time::Moment;

    #[test]
    fn an_alert_leads_to_its_transaction() {
        let row = AlertRow {
            id: AlertId::from_bytes([1; 16]),
            kind: "payout_in_review".into(),
            transaction_id: Some(TransactionId::from_bytes([7; 16])),
            gateway: None,
            message: "<script>".into(),
            raised_at: Moment::default(),
        };
        for language in [Language::Portuguese, Language::English] {
            let query = Pairs::default();
            let page = page(Shell::sample(language), &query, &vec![row.clone(); 50]);
            let text = page.render().unwrap();
            assert!(text.contains("/console/transacoes/txn_07") && !text.contains("<script>\n"));
            assert!(!text.contains("<td><script>") && text.contains("depois=alt_01"));
        }
    }
}
