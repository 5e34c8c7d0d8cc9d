//! `/app/extrato`: a month as a bank tells it, from the balance before it to the balance after it, line
//! by line, and as CSV.

use std::sync::Arc;

use app::ports::store::StatementFilter;
use app::wallets::SpendableLine;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::time::Moment;

use crate::Web;
use crate::form::Query;
use crate::format;
use crate::parts::activity::{self, Day, Eyes};
use crate::parts::csv::{self, cell, cents};
use crate::parts::lines;
use crate::session::Holder;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::Texts;

/// Lines of one page, and lines read at once for a file.
const LINES: u32 = 30;
const CSV_LINES: u32 = 30;
/// Months offered.
const MONTHS: i32 = 24;

#[derive(Template)]
#[template(path = "pages/statement.html")]
struct StatementPage {
    shell: Shell,
    t: &'static Texts,
    months: Vec<(String, String, bool)>,
    month: String,
    /// Label and amount: what there was, what changed, what there is.
    sums: [(&'static str, String); 3],
    days: Vec<Day>,
    /// The address of the next page.
    more: Option<String>,
}

/// A month and what the wallet could spend before and after it, in centavos.
struct Month {
    name: String,
    opening: i64,
    closing: i64,
}

pub async fn show(
    State(web): State<Web>,
    holder: Holder,
    Query(query): Query,
) -> Result<Response, Stop> {
    let language = holder.signed.visitor.language;
    let offered = format::months(web.app.now(), MONTHS, language);
    let asked = query.get("mes");
    let name = match (format::month(asked), offered.first()) {
        (None, Some((this, _))) => this.clone(),
        (Some(_), _) | (None, None) => asked.to_owned(),
    };
    let (from, to) = format::month(&name).ok_or(Stop::NotFound)?;
    let filter = StatementFilter {
        wallet_id: holder.wallet.id,
        from: Some(from),
        to: Some(to),
        before_seq: query.get("antes").parse().ok(),
        limit: LINES,
    };
    if query.get("formato") == "csv" {
        return as_csv(web, holder, &name, filter).await;
    }
    let caller = &holder.signed.caller;
    let month = Month {
        opening: spendable_before(&web, &holder, from).await?,
        closing: spendable_before(&web, &holder, to).await?,
        name,
    };
    let lines = web.app.spendable_lines(caller, filter).await?;
    let shell = Shell::signed(&web, &holder.signed, Place::History);
    Ok(shell::ok(&page(
        shell,
        offered,
        &month,
        &lines,
        web.app.now(),
    )))
}

/// What could be spent just before a moment, in centavos.
async fn spendable_before(web: &Web, holder: &Holder, moment: Moment) -> Result<i64, Stop> {
    let before = Moment::from_micros(moment.micros() - 1);
    let caller = &holder.signed.caller;
    let (available, _, _) = web.app.balance_at(caller, holder.wallet.id, before).await?;
    Ok(available)
}

fn page(
    shell: Shell,
    offered: Vec<(String, String)>,
    month: &Month,
    lines: &[SpendableLine],
    now: Moment,
) -> StatementPage {
    let t = shell.t;
    let eyes = Eyes {
        language: shell.language,
        t,
        now,
    };
    let rows = lines.iter().map(|line| lines::row(line, eyes)).collect();
    let is_full = lines.len() == usize::try_from(LINES).unwrap_or(usize::MAX);
    let last = lines.last().filter(|_| is_full);
    let is_this = offered
        .first()
        .is_some_and(|(value, _)| *value == month.name);
    let closing = match is_this {
        true => t.statement.closing_now,
        false => t.statement.closing,
    };
    let changed = month.closing - month.opening;
    let sign = if changed > 0 { "+\u{a0}" } else { "" };
    StatementPage {
        sums: [
            (t.statement.opening, format::signed(month.opening)),
            (
                t.statement.changed,
                format!("{sign}{}", format::signed(changed)),
            ),
            (closing, format::signed(month.closing)),
        ],
        more: last.map(|told| {
            let (name, seq) = (&month.name, told.line.seq);
            format!("/app/extrato?mes={name}&antes={seq}")
        }),
        months: offered
            .into_iter()
            .map(|(value, label)| {
                let is_chosen = value == month.name;
                (value, label, is_chosen)
            })
            .collect(),
        month: month.name.clone(),
        days: activity::by_day(rows),
        t,
        shell,
    }
}

async fn as_csv(
    web: Web,
    holder: Holder,
    month: &str,
    filter: StatementFilter,
) -> Result<Response, Stop> {
    let t = holder.signed.visitor.language.texts();
    let caller = Arc::new(holder.signed.caller);
    let start = StatementFilter {
        before_seq: None,
        limit: CSV_LINES,
        ..filter
    };
    let name = format!("pixwave-{month}.csv");
    csv::file(&name, t.statement.csv_head, start, move |filter| {
        let (app, caller) = (web.app.clone(), Arc::clone(&caller));
        Box::pin(async move {
            let lines = app.spendable_lines(&caller, filter.clone()).await?;
            let is_full = u32::try_from(lines.len()).is_ok_and(|count| count >= filter.limit);
            let last = lines.last().filter(|_| is_full);
            let rest = last.map(|told| StatementFilter {
                before_seq: Some(told.line.seq),
                ..filter
            });
            Ok((lines.iter().map(|line| as_line(line, t)).collect(), rest))
        })
    })
    .await
}

fn as_line(told: &SpendableLine, t: &Texts) -> String {
    let line = &told.line;
    let said = lines::said(told, t);
    let id = line.transaction_id.map(|id| id.to_string());
    let cells = [
        format::machine(line.at),
        cell(&said.title),
        cents(line.cents),
        said.fee.map(|fee| cents(-fee.cents())).unwrap_or_default(),
        cents(line.balance_after),
        id.unwrap_or_default(),
    ];
    format!("{}\r\n", cells.join(";"))
}

#[cfg(test)]
mod tests {
    use super::super::detail::tests::payout;
    use super::*;
    use crate::parts::lines::tests::line;
    use crate::texts::Language;
    use domain::status::Status;

    fn month() -> Month {
        Month {
            name: "2026-11".into(),
            opening: 100_000,
            closing: 123_456,
        }
    }

    #[test]
    fn a_month_goes_from_its_opening_to_its_closing_balance() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let sent = payout(Status::Success, "settled");
            let lines = [
                line("pay_in", 1_050, None),
                line("payout_held", -1_060, Some(sent)),
            ];
            let offered = vec![("2026-11".to_owned(), "novembro".to_owned())];
            let shell = Shell::sample(language);
            let now = Moment::default();
            let page = page(shell, offered, &month(), &lines, now);
            let text = page.render().unwrap();
            for said in ["1.000,00", "234,56", "1.234,56", "ana@example.com"] {
                assert!(text.contains(said), "{said}: {text}");
            }
            assert!(text.contains("value=\"2026-11\" selected"));
            assert!(text.contains(t.statement.closing_now));
            assert!(!text.contains("<script>alert") && page.more.is_none());
            assert!(text.contains(&t.statement.with_fee.replace("{}", "R$\u{a0}0,10")));
        }
    }

    #[test]
    fn a_full_page_leads_to_the_lines_before_it() {
        let lines = vec![line("pay_in", 1, None); 30];
        let shell = Shell::sample(Language::Portuguese);
        let full = page(shell, Vec::new(), &month(), &lines, Moment::default());
        assert_eq!(
            full.more.as_deref(),
            Some("/app/extrato?mes=2026-11&antes=1")
        );
        let shell = Shell::sample(Language::Portuguese);
        let none = page(shell, Vec::new(), &month(), &[], Moment::default());
        let text = none.render().unwrap();
        assert!(text.contains(none.t.statement.empty));
    }

    #[test]
    fn a_file_has_amount_fee_and_balance() {
        let sent = payout(Status::Success, "settled");
        let text = as_line(
            &line("payout_held", -1_060, Some(sent)),
            Language::English.texts(),
        );
        assert!(
            text.contains("\"Pix sent to ana@example.com\";-10,60;-0,10;1234,56;txn_"),
            "{text}"
        );
    }
}
