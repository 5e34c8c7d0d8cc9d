//! `/console/transacoes`: the transactions of everybody, filtered and searched.

use app::commands::ListTransactions;
use app::views::TransactionView;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::gateway::Gateway;
use domain::ids::TransactionId;
use domain::status::{Kind, Status};
use domain::time::Moment;

use super::rows::{self, Row};
use super::{Choice, Operator, ROWS, choices, next};
use crate::Web;
use crate::form::{Pairs, Query};
use crate::format;
use crate::pages::detail::gateway_name;
use crate::parts::words;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::Texts;

const FILTERS: [&str; 7] = ["tipo", "situacao", "etapa", "gateway", "de", "ate", "busca"];
const STAGES: [&str; 16] = [
    "creating",
    "awaiting_payment",
    "underpaid",
    "paid",
    "expired",
    "creation_failed",
    "scheduled",
    "queued",
    "sending",
    "accepted",
    "in_doubt",
    "in_review",
    "settled",
    "returned",
    "rejected",
    "cancelled",
];

#[derive(Template)]
#[template(path = "console/transactions.html")]
struct TransactionsPage {
    shell: Shell,
    t: &'static Texts,
    kinds: Vec<Choice>,
    statuses: Vec<Choice>,
    stages: Vec<Choice>,
    gateways: Vec<Choice>,
    from: String,
    to: String,
    search: String,
    rows: Vec<Row>,
    more: Option<String>,
}

pub async fn show(
    State(web): State<Web>,
    operator: Operator,
    Query(query): Query,
) -> Result<Response, Stop> {
    let search = query.get("busca");
    if let Ok(id) = TransactionId::parse(search) {
        return Ok(Redirect::to(&format!("/console/transacoes/{id}")).into_response());
    }
    let position = web.app.last_position().await?;
    let caller = &operator.0.caller;
    let mut found = web.app.transactions(caller, wanted(&query)).await?;
    if found.is_empty() && !search.is_empty() {
        // Neither a reference nor an end-to-end id: a name of it at a gateway.
        let list = ListTransactions {
            txid: Some(search.to_owned()),
            limit: ROWS,
            ..ListTransactions::default()
        };
        found = web.app.transactions(caller, list).await?;
    }
    let mut shell = operator.shell(&web, Place::Transactions);
    if query.get("depois").is_empty() {
        shell = shell.live(position);
    }
    Ok(shell::ok(&page(shell, &query, &found, web.app.now())))
}

/// What the filters ask for; words that mean nothing filter nothing.
fn wanted(query: &Pairs) -> ListTransactions {
    let search = query.get("busca");
    let is_end_to_end_id = search.len() == 32
        && search.starts_with(['E', 'D'])
        && search.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let search = (!search.is_empty()).then(|| search.to_owned());
    let (end_to_end_id, reference) = match is_end_to_end_id {
        true => (search, None),
        false => (None, search),
    };
    let stage = query.get("etapa");
    ListTransactions {
        kind: Kind::parse(query.get("tipo")),
        status: Status::parse(query.get("situacao")),
        stage: STAGES.contains(&stage).then(|| stage.to_owned()),
        gateway: Gateway::parse(query.get("gateway")),
        from: format::day_begins(query.get("de")),
        to: format::day_ends(query.get("ate")),
        before: TransactionId::parse(query.get("depois")).ok(),
        end_to_end_id,
        reference,
        txid: None,
        limit: ROWS,
    }
}

fn page(shell: Shell, query: &Pairs, found: &[TransactionView], now: Moment) -> TransactionsPage {
    let (t, c) = (shell.t, &shell.t.console);
    let kinds = [Kind::Charge, Kind::Payout, Kind::Transfer, Kind::Refund]
        .map(|kind| (kind.as_str(), words::kind(kind, t).to_owned()));
    let statuses = [
        ("pending", t.history.pending.to_owned()),
        ("success", t.history.success.to_owned()),
        ("failed", t.history.failed.to_owned()),
    ];
    let stages = STAGES.map(|it| (it, it.to_owned()));
    let gateways = Gateway::ALL.map(|it| (it.as_str(), gateway_name(it).to_owned()));
    let last = found.last().map(|view| view.id.to_string());
    TransactionsPage {
        kinds: choices(query, "tipo", c.any, &kinds),
        statuses: choices(query, "situacao", c.any, &statuses),
        stages: choices(query, "etapa", c.any, &stages),
        gateways: choices(query, "gateway", c.any, &gateways),
        from: query.get("de").to_owned(),
        to: query.get("ate").to_owned(),
        search: query.get("busca").to_owned(),
        rows: found
            .iter()
            .map(|view| rows::row(view, &shell, now))
            .collect(),
        more: next("/console/transacoes", query, &FILTERS, found.len(), last),
        t,
        shell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::detail::tests::payout;
    use crate::texts::Language;

    #[test]
    fn filters_are_read_and_kept() {
        let query = Pairs::of(&[
            ("tipo", "payout"),
            ("etapa", "in_doubt"),
            ("gateway", "efi"),
            ("de", "2026-11-01"),
            ("ate", "2026-11-30"),
            ("busca", "\"><b>order-7"),
        ]);
        let list = wanted(&query);
        assert_eq!(list.stage.as_deref(), Some("in_doubt"));
        assert_eq!(
            (list.kind, list.gateway),
            (Some(Kind::Payout), Some(Gateway::Efi))
        );
        assert_eq!(
            list.from.map(format::machine).as_deref(),
            Some("2026-11-01T03:00:00Z")
        );
        assert_eq!(
            list.to.map(format::machine).as_deref(),
            Some("2026-12-01T03:00:00Z")
        );
        let found = vec![payout(Status::Pending, "in_doubt"); 50];
        for language in [Language::Portuguese, Language::English] {
            let page = page(Shell::sample(language), &query, &found, Moment::default());
            let text = page.render().unwrap();
            assert!(text.contains("value=\"in_doubt\" selected"), "{text}");
            assert!(!text.contains("\"><b>") && text.contains("etapa=in_doubt"));
        }
        let none = wanted(&Pairs::of(&[("etapa", "x"), ("de", "x"), ("tipo", "x")]));
        assert!(none.stage.is_none() && none.from.is_none() && none.kind.is_none());
    }
}
