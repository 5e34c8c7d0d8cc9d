//! The operators' pages: what happens now, why it happened, and what people decide.
//!
//! Only operators see them; to everybody else they do not exist. Personal data of payers and payees
//! is not shown, keys are masked. What changes something is audited by its use case.

mod alerts;
mod audit;
mod chart;
mod dispatch;
mod float;
mod gateways;
mod hooks;
mod jobs;
pub mod judged;
mod overview;
mod reconciliations;
mod reviews;
mod rows;
mod transactions;
mod users;
mod why;
pub mod words;

use app::commands::Scope;
use axum::Router;
use axum::extract::FromRequestParts;
use axum::routing::{any, get, post};
use http::request::Parts;

use crate::Web;
use crate::form::Pairs;
use crate::session::Signed;
use crate::shell::{Place, Shell};
use crate::stop::Stop;

pub fn routes() -> Router<Web> {
    let nowhere = async || Stop::NotFound;
    Router::new()
        .route("/console", get(overview::show))
        .route("/console/transacoes", get(transactions::show))
        .route("/console/transacoes/{id}", get(why::show))
        .route("/console/revisoes", get(reviews::list))
        .route("/console/revisoes/{id}", get(reviews::show))
        .route("/console/revisoes/{id}/propor", post(reviews::propose))
        .route(
            "/console/revisoes/{id}/aprovar/{proposal}",
            get(reviews::confirm).post(reviews::approve),
        )
        .route("/console/saldos", get(float::list))
        .route("/console/saldos/propor", post(float::propose))
        .route("/console/saldos/{id}", get(float::show))
        .route("/console/saldos/{id}/aprovar", post(float::approve))
        .route("/console/saldos/{id}/recusar", post(float::decline))
        .route("/console/alertas", get(alerts::show))
        .route("/console/trabalhos", get(jobs::show))
        .route("/console/trabalhos/{id}/retomar", post(jobs::retry))
        .route("/console/gateways", get(gateways::show))
        .route(
            "/console/gateways/{gateway}/{operation}/{change}",
            get(gateways::confirm).post(gateways::change),
        )
        .route(
            "/console/despacho",
            get(dispatch::show).post(dispatch::resume),
        )
        .route("/console/webhooks", get(hooks::list))
        .route("/console/webhooks/{id}", get(hooks::show))
        .route("/console/webhooks/{id}/ligar", post(hooks::switch_on))
        .route("/console/webhooks/{id}/desligar", post(hooks::switch_off))
        .route(
            "/console/webhooks/{id}/entregas/{delivery}/repetir",
            post(hooks::replay),
        )
        .route(
            "/console/conciliacoes",
            get(reconciliations::list).post(reconciliations::begin),
        )
        .route("/console/conciliacoes/{id}", get(reconciliations::show))
        .route("/console/auditoria", get(audit::show))
        .route("/console/contas", get(users::list))
        .route("/console/contas/{id}", get(users::show))
        .route("/console/contas/{id}/bloquear", post(users::block))
        .route("/console/contas/{id}/desbloquear", post(users::unblock))
        .route("/console/{*path}", any(nowhere))
}

/// An operator with an open session.
pub struct Operator(pub Signed);

impl FromRequestParts<Web> for Operator {
    type Rejection = Stop;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Operator, Stop> {
        let signed = Signed::from_request_parts(parts, web).await?;
        match signed.caller.may(Scope::Operator) {
            true => Ok(Operator(signed)),
            false => Err(Stop::NotFound),
        }
    }
}

impl Operator {
    fn shell(&self, web: &Web, place: Place) -> Shell {
        Shell {
            is_stopped: !web.app.may_dispatch(),
            ..Shell::signed(web, &self.0, place)
        }
    }
}

/// Rows of one page of a list.
const ROWS: u32 = 50;

/// The next page of a list: the same filters after its last row, when the page is full.
fn next(
    path: &str,
    query: &Pairs,
    names: &[&str],
    rows: usize,
    last: Option<String>,
) -> Option<String> {
    let last = last.filter(|_| rows == ROWS as usize)?;
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    for name in names {
        let value = query.get(name);
        if !value.is_empty() {
            text.append_pair(name, value);
        }
    }
    text.append_pair("depois", &last);
    Some(format!("{path}?{}", text.finish()))
}

/// One choice of a filter: value, label, whether it is chosen.
pub type Choice = (&'static str, String, bool);

/// The choices of a filter as the query has it; the first chooses nothing.
fn choices(query: &Pairs, name: &str, all: &str, values: &[(&'static str, String)]) -> Vec<Choice> {
    let chosen = query.get(name);
    let none = ("", all.to_owned(), chosen.is_empty());
    let rest = values
        .iter()
        .map(|(value, label)| (*value, label.clone(), chosen == *value));
    std::iter::once(none).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_page_goes_on() {
        let query = Pairs::of(&[("tipo", "payout"), ("x", "y")]);
        let full = next("/console/x", &query, &["tipo"], 50, Some("txn_1".into()));
        assert_eq!(full.as_deref(), Some("/console/x?tipo=payout&depois=txn_1"));
        assert_eq!(next("/x", &query, &[], 49, Some("txn_1".into())), None);
    }
}
