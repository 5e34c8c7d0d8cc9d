//! `/app/transacoes`: everything the user asked for or was sent, filtered, searched, page by page,
//! and as CSV.

use std::sync::Arc;

use app::commands::ListTransactions;
use app::views::TransactionView;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::ids::TransactionId;
use domain::status::{Kind, Status};
use domain::time::Moment;

use crate::Web;
use crate::form::{Pairs, Query};
use crate::format;
use crate::parts::activity::{self, Day, Eyes};
use crate::parts::csv::{self, cell};
use crate::parts::words;
use crate::session::Holder;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::Texts;

/// Rows of one page.
const ROWS: u32 = 20;
/// Rows read at once for a file.
const CSV_ROWS: u32 = 30;
/// Months offered.
const MONTHS: i32 = 24;

/// One choice of a filter: value, label, whether it is chosen.
pub type Choice = (String, &'static str, bool);

#[derive(Template)]
#[template(path = "pages/history.html")]
struct HistoryPage {
    shell: Shell,
    t: &'static Texts,
    kinds: Vec<Choice>,
    statuses: Vec<Choice>,
    months: Vec<(String, String, bool)>,
    search: String,
    days: Vec<Day>,
    /// The address of the next page.
    more: Option<String>,
    csv: String,
    is_filtered: bool,
}

pub async fn show(
    State(web): State<Web>,
    holder: Holder,
    Query(query): Query,
) -> Result<Response, Stop> {
    let signed = &holder.signed;
    // A number leads to its page; whose it is, is judged there.
    if let Ok(id) = TransactionId::parse(query.get("busca")) {
        return Ok(Redirect::to(&format!("/app/transacoes/{id}")).into_response());
    }
    if query.get("formato") == "csv" {
        return as_csv(web, holder, &query).await;
    }
    let position = web.app.last_position().await?;
    let list = wanted(&query, ROWS);
    let views = web.app.transactions(&signed.caller, list).await?;
    let mut shell = Shell::signed(&web, signed, Place::History);
    if query.get("depois").is_empty() {
        shell = shell.live(position);
    }
    Ok(shell::ok(&page(shell, &query, &views, web.app.now())))
}

/// What the filters ask for; words that mean nothing filter nothing.
fn wanted(query: &Pairs, limit: u32) -> ListTransactions {
    let month = format::month(query.get("mes"));
    let (reference, end_to_end_id) = match query.get("busca") {
        "" => (None, None),
        text if is_end_to_end_id(text) => (None, Some(text.to_owned())),
        text => (Some(text.to_owned()), None),
    };
    ListTransactions {
        kind: Kind::parse(query.get("tipo")),
        status: Status::parse(query.get("situacao")),
        from: month.map(|(from, _)| from),
        to: month.map(|(_, to)| to),
        before: TransactionId::parse(query.get("depois")).ok(),
        reference,
        end_to_end_id,
        limit,
        ..ListTransactions::default()
    }
}

/// E or D and 31 letters or digits (the SPI's message catalogue).
fn is_end_to_end_id(text: &str) -> bool {
    text.len() == 32
        && text.starts_with(['E', 'D'])
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The same filters with something changed.
fn address(query: &Pairs, change: (&str, &str)) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    for name in ["tipo", "situacao", "mes", "busca"] {
        let value = query.get(name);
        if !value.is_empty() {
            text.append_pair(name, value);
        }
    }
    text.append_pair(change.0, change.1);
    format!("/app/transacoes?{}", text.finish())
}

fn page(shell: Shell, query: &Pairs, views: &[TransactionView], now: Moment) -> HistoryPage {
    let t = shell.t;
    let eyes = Eyes {
        language: shell.language,
        t,
        now,
    };
    let is_full = views.len() == usize::try_from(ROWS).unwrap_or(usize::MAX);
    let last = views.last().filter(|_| is_full);
    let rows = views.iter().map(|view| activity::row(view, eyes)).collect();
    let months = format::months(now, MONTHS, shell.language);
    let choice =
        |name: &str, value: &str, label| (value.to_owned(), label, query.get(name) == value);
    HistoryPage {
        kinds: vec![
            choice("tipo", "", t.history.any_kind),
            choice("tipo", "charge", t.history.received),
            choice("tipo", "payout", t.history.sent),
            choice("tipo", "transfer", t.history.transfers),
            choice("tipo", "refund", t.history.refunds),
        ],
        statuses: vec![
            choice("situacao", "", t.history.any_status),
            choice("situacao", "pending", t.history.pending),
            choice("situacao", "success", t.history.success),
            choice("situacao", "failed", t.history.failed),
        ],
        months: months
            .into_iter()
            .map(|(value, name)| {
                let is_chosen = query.get("mes") == value;
                (value, name, is_chosen)
            })
            .collect(),
        search: query.get("busca").to_owned(),
        days: activity::by_day(rows),
        more: last.map(|view| address(query, ("depois", &view.id.to_string()))),
        csv: address(query, ("formato", "csv")),
        is_filtered: ["tipo", "situacao", "mes", "busca"]
            .iter()
            .any(|name| !query.get(name).is_empty()),
        t,
        shell,
    }
}

async fn as_csv(web: Web, holder: Holder, query: &Pairs) -> Result<Response, Stop> {
    let t = holder.signed.visitor.language.texts();
    let caller = Arc::new(holder.signed.caller);
    let start = ListTransactions {
        before: None,
        ..wanted(query, CSV_ROWS)
    };
    csv::file("pixwave.csv", t.history.csv_head, start, move |list| {
        let (app, caller) = (web.app.clone(), Arc::clone(&caller));
        Box::pin(async move {
            let views = app.transactions(&caller, list.clone()).await?;
            let is_full = u32::try_from(views.len()).is_ok_and(|count| count >= list.limit);
            let last = views.last().filter(|_| is_full);
            let rest = last.map(|view| ListTransactions {
                before: Some(view.id),
                ..list
            });
            Ok((views.iter().map(|view| line(view, t)).collect(), rest))
        })
    })
    .await
}

fn line(view: &TransactionView, t: &Texts) -> String {
    let text = |value: Option<&str>| cell(value.unwrap_or(""));
    let cells = [
        format::machine(view.created_at),
        cell(words::title(view, t)),
        cell(words::stage(view, t).label),
        format::typed(view.amount),
        format::typed(view.fee),
        text(activity::other_side(view).as_deref()),
        text(view.description.as_deref()),
        text(view.reference.as_deref()),
        text(view.end_to_end_id.as_deref()),
        view.id.to_string(),
    ];
    format!("{}\r\n", cells.join(";"))
}

#[cfg(test)]
mod tests {
    use super::super::detail::tests::{charge, payout};
    use super::*;
    use crate::texts::Language;

    #[test]
    fn filters_are_kept_and_the_list_goes_on() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let query = Pairs::of(&[("tipo", "payout"), ("busca", "<b>x")]);
            let views = vec![payout(Status::Success, "settled"); 20];
            let shell = Shell::sample(language);
            let text = page(shell, &query, &views, Moment::default())
                .render()
                .unwrap();
            assert!(text.contains("value=\"payout\" selected"));
            assert!(
                text.contains("tipo=payout&#38;busca=%3Cb%3Ex&#38;depois=txn_"),
                "{text}"
            );
            assert!(!text.contains("<b>x") && text.contains(t.history.more));
            let shell = Shell::sample(language);
            let few = page(shell, &Pairs::default(), &views[..1], Moment::default());
            assert!(few.more.is_none() && !few.is_filtered);
            let shell = Shell::sample(language);
            let none = page(shell, &query, &[], Moment::default())
                .render()
                .unwrap();
            assert!(none.contains(t.history.empty));
        }
    }

    #[test]
    fn a_search_is_an_id_or_a_reference() {
        let with = |text| wanted(&Pairs::of(&[("busca", text)]), 1);
        let e2e = "E1234567820261126120012345678901";
        assert_eq!(with(e2e).end_to_end_id.as_deref(), Some(e2e));
        assert_eq!(with("order-7").reference.as_deref(), Some("order-7"));
        let all = wanted(&Pairs::of(&[("tipo", "x"), ("mes", "x")]), 1);
        assert!(all.kind.is_none() && all.from.is_none());
    }

    #[test]
    fn a_file_has_amount_and_fee() {
        let text = line(&charge(Status::Success, "paid"), Language::English.texts());
        assert!(text.contains(";10,50;0,00;") && text.ends_with("\r\n"));
    }
}
