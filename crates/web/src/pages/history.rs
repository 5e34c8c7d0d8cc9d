//! `/app/transacoes`: everything the user asked for or was paid, filtered, searched, page by page,
//! and as CSV.

use app::commands::ListTransactions;
use app::views::TransactionView;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use domain::ids::TransactionId;
use domain::status::{Kind, Status};
use domain::time::Moment;
use http::header;

use crate::Web;
use crate::form::{Pairs, Query};
use crate::format;
use crate::parts::activity::{self, Day, Eyes};
use crate::parts::words;
use crate::session::Holder;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Language, Texts};

/// Rows of one page.
const ROWS: u32 = 20;
/// Rows read at once for a file, and rows that a file has at most.
const CSV_ROWS: u32 = 200;
const CSV_MOST: usize = 20_000;
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
    let language = signed.visitor.language;
    if query.get("formato") == "csv" {
        return csv(&web, &holder, &query, language).await;
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

async fn csv(
    web: &Web,
    holder: &Holder,
    query: &Pairs,
    language: Language,
) -> Result<Response, Stop> {
    let t = language.texts();
    let mut text = format!("\u{feff}{}\r\n", t.history.csv_head);
    let mut list = wanted(query, CSV_ROWS);
    let mut count = 0;
    loop {
        let views = web
            .app
            .transactions(&holder.signed.caller, list.clone())
            .await?;
        text.extend(views.iter().map(|view| line(view, t)));
        count += views.len();
        list.before = views.last().map(|view| view.id);
        let is_full = views.len() == usize::try_from(CSV_ROWS).unwrap_or(usize::MAX);
        if !is_full || count >= CSV_MOST {
            break;
        }
    }
    Ok(file("pixwave.csv", text))
}

/// A CSV to be kept.
pub fn file(name: &str, text: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    (headers, text).into_response()
}

fn line(view: &TransactionView, t: &Texts) -> String {
    let text = |value: Option<&str>| cell(value.unwrap_or(""));
    let cells = [
        format::machine(view.created_at),
        cell(words::kind(view.kind, t)),
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

/// Text as a cell: quoted, and never a formula to a spreadsheet.
pub fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        "'"
    } else {
        ""
    };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::super::detail::tests::{charge, payout};
    use super::*;

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
    fn a_cell_is_never_a_formula() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("a\"b;c"), "\"a\"\"b;c\"");
        let text = line(&charge(Status::Success, "paid"), Language::English.texts());
        assert!(text.contains(";10,50;0,00;") && text.ends_with("\r\n"));
    }
}
