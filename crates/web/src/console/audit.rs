//! `/console/auditoria`: who did what to what, newest first.

use app::ports::store::{AuditFilter, AuditRow};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::ids::AuditId;

use super::{Operator, ROWS, next};
use crate::Web;
use crate::form::{Pairs, Query};
use crate::format;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::Texts;

const FILTERS: [&str; 3] = ["quem", "acao", "sobre"];

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    shell: Shell,
    t: &'static Texts,
    actor: String,
    action: String,
    subject: String,
    lines: Vec<AuditLine>,
    more: Option<String>,
}

pub struct AuditLine {
    pub actor: String,
    pub action: String,
    pub subject: String,
    /// The page of the subject, when it has one.
    pub href: Option<String>,
    pub detail: String,
    pub when: String,
    pub machine_time: String,
}

pub fn line(row: &AuditRow, shell: &Shell) -> AuditLine {
    let subject = row.subject.as_str();
    let href = match subject.split_once('_') {
        Some(("txn", _)) => Some(format!("/console/transacoes/{subject}")),
        Some(("usr", _)) => Some(format!("/console/contas/{subject}")),
        _ => None,
    };
    AuditLine {
        actor: row.actor.clone(),
        action: row.action.clone(),
        subject: row.subject.clone(),
        href,
        detail: match row.detail.as_str() {
            "{}" => String::new(),
            detail => detail.to_owned(),
        },
        when: format::exact(row.at, shell.language),
        machine_time: format::machine(row.at),
    }
}

pub async fn show(
    State(web): State<Web>,
    operator: Operator,
    Query(query): Query,
) -> Result<Response, Stop> {
    let found = web.app.audit_trail(&wanted(&query)).await?;
    let shell = operator.shell(&web, Place::Audit);
    Ok(shell::ok(&page(shell, &query, &found)))
}

fn wanted(query: &Pairs) -> AuditFilter {
    let text = |name| Some(query.get(name).to_owned()).filter(|text| !text.is_empty());
    AuditFilter {
        actor: text("quem"),
        action: text("acao"),
        subject: text("sobre"),
        before: AuditId::parse(query.get("depois")).ok(),
        limit: ROWS,
    }
}

fn page(shell: Shell, query: &Pairs, found: &[AuditRow]) -> AuditPage {
    let last = found.last().map(|row| row.id.to_string());
    AuditPage {
        actor: query.get("quem").to_owned(),
        action: query.get("acao").to_owned(),
        subject: query.get("sobre").to_owned(),
        lines: found.iter().map(|row| line(row, &shell)).collect(),
        more: next("/console/auditoria", query, &FILTERS, found.len(), last),
        t: shell.t,
        shell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;
    use domain::time::Moment;

    #[test]
    fn a_line_leads_to_what_it_is_about() {
        let row = AuditRow {
            id: AuditId::from_bytes([1; 16]),
            actor: "usr_1".into(),
            action: "user.blocked".into(),
            subject: "usr_2".into(),
            detail: "{\"x\":\"<b>\"}".into(),
            at: Moment::default(),
        };
        for language in [Language::Portuguese, Language::English] {
            let query = Pairs::of(&[("sobre", "usr_2"), ("acao", "\"><b>")]);
            let page = page(Shell::sample(language), &query, std::slice::from_ref(&row));
            let text = page.render().unwrap();
            assert!(text.contains("/console/contas/usr_2") && !text.contains("<b>"));
        }
        let filter = wanted(&Pairs::of(&[("sobre", "usr_2"), ("quem", " ")]));
        assert_eq!(
            (filter.subject.as_deref(), filter.actor),
            (Some("usr_2"), None)
        );
    }
}
