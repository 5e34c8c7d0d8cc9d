//! `/app/extrato`: the entries of a month with the balance after each, and as CSV.

use app::ports::store::{StatementFilter, StatementLine};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::ledger::{Account, Pocket};
use domain::time::Moment;

use super::history::{cell, file};
use crate::Web;
use crate::form::Query;
use crate::format;
use crate::session::Holder;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::Texts;

/// Lines of the wallet read at once, and at most.
const LINES: u32 = 1_000;
const MOST: usize = 20_000;
/// Months offered.
const MONTHS: i32 = 24;

#[derive(Template)]
#[template(path = "pages/statement.html")]
struct StatementPage {
    shell: Shell,
    t: &'static Texts,
    months: Vec<(String, String, bool)>,
    month: String,
    entries: Vec<Entry>,
}

struct Entry {
    when: String,
    machine_time: String,
    what: &'static str,
    href: Option<String>,
    amount: String,
    is_in: bool,
    balance: String,
}

pub async fn show(
    State(web): State<Web>,
    holder: Holder,
    Query(query): Query,
) -> Result<Response, Stop> {
    let signed = &holder.signed;
    let language = signed.visitor.language;
    let now = web.app.now();
    let offered = format::months(now, MONTHS, language);
    let asked = query.get("mes");
    let this = offered.first().map(|(value, _)| value.clone());
    let month = match format::month(asked) {
        Some(_) => asked.to_owned(),
        None => this.unwrap_or_default(),
    };
    let lines = lines(&web, &holder, &month).await?;
    if query.get("formato") == "csv" {
        let text = csv(&lines, language.texts());
        return Ok(file(&format!("pixwave-{month}.csv"), text));
    }
    let shell = Shell::signed(&web, signed, Place::History);
    Ok(shell::ok(&page(shell, offered, &month, &lines)))
}

/// Money that somebody else moved here: the transaction is theirs and has no page of ours.
fn is_received(line: &StatementLine) -> bool {
    line.journal_kind == "transfer" && line.cents > 0
}

/// The entries of what can be spent, newest first.
async fn lines(web: &Web, holder: &Holder, month: &str) -> Result<Vec<StatementLine>, Stop> {
    let span: Option<(Moment, Moment)> = format::month(month);
    let mut filter = StatementFilter {
        wallet_id: holder.wallet.id,
        from: span.map(|(from, _)| from),
        to: span.map(|(_, to)| to),
        before_seq: None,
        limit: LINES,
    };
    let mut all = Vec::new();
    loop {
        let lines = web
            .app
            .statement(&holder.signed.caller, filter.clone())
            .await?;
        let is_full = lines.len() == usize::try_from(LINES).unwrap_or(usize::MAX);
        filter.before_seq = lines.last().map(|line| line.seq);
        all.extend(lines);
        if !is_full || all.len() >= MOST {
            break;
        }
    }
    all.retain(|line| matches!(line.account, Account::Wallet(_, Pocket::Available)));
    Ok(all)
}

/// What an entry is, by the kind of its journal.
fn what(line: &StatementLine, t: &Texts) -> &'static str {
    let s = &t.statement;
    let is_in = line.cents >= 0;
    match line.journal_kind.as_str() {
        "pay_in" | "suspense_matched" => s.received,
        "payout_held" => s.set_aside,
        "payout_settled" => s.sent,
        "refund_held" => s.refund,
        "payout_returned" => s.returned,
        "transfer" if is_in => s.transfer_in,
        "transfer" => s.transfer_out,
        "reversal" => s.reversed,
        "grant" => s.grant,
        kind if kind.starts_with("dispute") => s.disputed,
        kind if kind.ends_with("released") || kind.ends_with("given_back") => s.given_back,
        _ => s.other,
    }
}

fn page(
    shell: Shell,
    offered: Vec<(String, String)>,
    month: &str,
    lines: &[StatementLine],
) -> StatementPage {
    let (t, language) = (shell.t, shell.language);
    let entry = |line: &StatementLine| Entry {
        when: format::moment(line.at, language),
        machine_time: format::machine(line.at),
        what: what(line, t),
        href: line
            .transaction_id
            .filter(|_| !is_received(line))
            .map(|id| format!("/app/transacoes/{id}")),
        amount: format::signed(line.cents),
        is_in: line.cents > 0,
        balance: format::signed(line.balance_after),
    };
    StatementPage {
        months: offered
            .into_iter()
            .map(|(value, name)| {
                let is_chosen = value == month;
                (value, name, is_chosen)
            })
            .collect(),
        month: month.to_owned(),
        entries: lines.iter().map(entry).collect(),
        t,
        shell,
    }
}

fn csv(lines: &[StatementLine], t: &Texts) -> String {
    let mut text = format!("\u{feff}{}\r\n", t.statement.csv_head);
    for line in lines {
        let id = line.transaction_id.map(|id| id.to_string());
        let cells = [
            format::machine(line.at),
            cell(what(line, t)),
            plain(line.cents),
            plain(line.balance_after),
            id.unwrap_or_default(),
        ];
        text.push_str(&format!("{}\r\n", cells.join(";")));
    }
    text
}

/// Centavos as a spreadsheet reads them: `-1234,56`.
fn plain(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{},{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;
    use domain::ids::{JournalId, TransactionId, WalletId};

    fn entry(kind: &str, cents: i64) -> StatementLine {
        StatementLine {
            seq: 1,
            at: Moment::default(),
            journal_id: JournalId::from_bytes([1; 16]),
            journal_kind: kind.into(),
            transaction_id: Some(TransactionId::from_bytes([2; 16])),
            account: Account::Wallet(WalletId::from_bytes([3; 16]), Pocket::Available),
            cents,
            balance_after: 123_456,
        }
    }

    #[test]
    fn entries_show_the_balance_after_each() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let lines = [entry("pay_in", 1_050), entry("payout_held", -50)];
            let offered = vec![("2026-11".to_owned(), "novembro".to_owned())];
            let shell = Shell::sample(language);
            let text = page(shell, offered, "2026-11", &lines).render().unwrap();
            assert!(text.contains("1.234,56") && text.contains(t.statement.set_aside));
            assert!(text.contains("value=\"2026-11\" selected"));
            let shell = Shell::sample(language);
            let none = page(shell, Vec::new(), "", &[]).render().unwrap();
            assert!(none.contains(t.statement.empty));
            assert!(csv(&lines, t).contains(";10,50;1234,56;txn_"));
            assert_eq!(plain(-5), "-0,05");
        }
    }

    #[test]
    fn only_own_movements_are_opened() {
        assert!(is_received(&entry("transfer", 1)) && !is_received(&entry("transfer", -1)));
    }
}
