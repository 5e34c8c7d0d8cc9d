//! `/console/conciliacoes`: comparisons of a period with the gateways' own lists: begun here, followed
//! until they end, with what each found.

use app::commands::RequestReconciliation;
use app::ports::store::{ReconciliationRow, ReconciliationState};
use app::reconcile::job::{GatewayReport, PeriodFault, ReconcileRefusal, Report};
use app::reconcile::{Finding, FindingKind};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::gateway::Gateway;
use domain::ids::{ReconciliationId, UserId};
use domain::time::{Moment, Span};

use super::rows::short;
use super::words::{self, Tag};
use super::{Choice, Operator, ROWS, choices, next};
use crate::Web;
use crate::form::{Form, Pairs, Query};
use crate::format;
use crate::pages::detail::gateway_name;
use crate::parts::field::{Field, Input};
use crate::parts::words::Tone;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};

const PATH: &str = "/console/conciliacoes";
/// What the form proposes.
const USUAL: Span = Span::from_days(1);

#[derive(Template)]
#[template(path = "console/reconciliations.html")]
struct ListPage {
    shell: Shell,
    t: &'static Texts,
    /// The comparison that the form begins: begun once, however often it is posted.
    key: String,
    from: Field,
    to: Field,
    gateways: Vec<Choice>,
    lines: Vec<Line>,
    more: Option<String>,
    /// Some have not ended.
    is_under_way: bool,
}

#[derive(Template)]
#[template(path = "console/reconciliation.html")]
struct OnePage {
    shell: Shell,
    t: &'static Texts,
    line: Line,
    is_under_way: bool,
    finished: Option<String>,
    trouble: Option<String>,
    gateways: Vec<Compared>,
    findings: Vec<FindingLine>,
    /// Found beyond those.
    further: Option<String>,
    /// What the absence of findings means.
    none: &'static str,
}

struct Line {
    id: String,
    when: String,
    machine_time: String,
    period: String,
    gateway: &'static str,
    state: Tag,
    differences: u64,
    by: String,
    by_short: String,
    /// The page of who asked; the system has none.
    by_href: Option<String>,
}

/// How far a gateway is compared.
struct Compared {
    name: &'static str,
    until: String,
    received: u64,
    sent: String,
    books: String,
    balance: String,
}

struct FindingLine {
    what: &'static str,
    gateway: &'static str,
    reference: String,
    transaction: Option<String>,
    at_gateway: String,
    in_books: String,
}

fn state(state: ReconciliationState, t: &Texts) -> Tag {
    let c = &t.comparing;
    let (text, tone) = match state {
        ReconciliationState::Queued => (c.queued, Tone::Busy),
        ReconciliationState::Running => (c.running, Tone::Busy),
        ReconciliationState::Done => (c.done, Tone::Good),
        ReconciliationState::Failed => (c.failed, Tone::Bad),
    };
    Tag { text, tone }
}

const fn is_under_way(state: ReconciliationState) -> bool {
    match state {
        ReconciliationState::Queued | ReconciliationState::Running => true,
        ReconciliationState::Done | ReconciliationState::Failed => false,
    }
}

fn kind(kind: FindingKind, t: &Texts) -> &'static str {
    let c = &t.comparing;
    match kind {
        FindingKind::ReceivedCredited => c.received_credited,
        FindingKind::ReceivedInSuspense => c.received_in_suspense,
        FindingKind::ReceivedUnconfirmed => c.received_unconfirmed,
        FindingKind::ReceivedAmountDiffers => c.received_amount_differs,
        FindingKind::SentUnknown => c.sent_unknown,
        FindingKind::SentAdopted => c.sent_adopted,
        FindingKind::SentBelievedUnsent => c.sent_believed_unsent,
        FindingKind::SentBelievedFailed => c.sent_believed_failed,
        FindingKind::SentAmountDiffers => c.sent_amount_differs,
        FindingKind::FloatDiffers => c.float_differs,
    }
}

/// The same by the name that programs give it.
pub fn kind_by_name(name: &str, t: &Texts) -> &'static str {
    let found = FindingKind::ALL.into_iter().find(|it| it.as_str() == name);
    found.map_or(t.comparing.differences, |found| kind(found, t))
}

fn line(row: &ReconciliationRow, report: &Report, shell: &Shell) -> Line {
    let exact = |at| format::exact(at, shell.language);
    let by = row.requested_by.clone();
    Line {
        id: row.id.to_string(),
        when: exact(row.requested_at),
        machine_time: format::machine(row.requested_at),
        period: format!("{} – {}", exact(row.from), exact(row.to)),
        gateway: row.gateway.map_or(shell.t.comparing.both, gateway_name),
        state: state(row.state, shell.t),
        differences: report.differences(),
        by_href: UserId::parse(&by)
            .is_ok()
            .then(|| format!("/console/contas/{by}")),
        by_short: match by.starts_with("usr_") {
            true => short(&by),
            false => by.clone(),
        },
        by,
    }
}

pub async fn list(
    State(web): State<Web>,
    operator: Operator,
    Query(query): Query,
) -> Result<Response, Stop> {
    let now = web.app.now();
    let from = format::field(now.minus(USUAL));
    let to = format::field(now);
    let typed = Pairs::made([("de", from), ("ate", to)]);
    let page = list_page(&web, &operator, &query, (&typed, Wrong::default())).await?;
    Ok(shell::ok(&page))
}

/// What is wrong with the form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wrong {
    from: Option<&'static str>,
    to: Option<&'static str>,
}

async fn list_page(
    web: &Web,
    operator: &Operator,
    query: &Pairs,
    form: (&Pairs, Wrong),
) -> Result<ListPage, Stop> {
    let before = ReconciliationId::parse(query.get("depois")).ok();
    let found = web.app.reconciliations(before, ROWS).await?;
    let shell = operator.shell(web, Place::Reconciliations);
    let fresh = ReconciliationId::from_bytes(web.app.ids().start().make());
    Ok(drawn(shell, fresh, &found, form))
}

fn drawn(
    mut shell: Shell,
    fresh: ReconciliationId,
    found: &[(ReconciliationRow, Report)],
    (typed, wrong): (&Pairs, Wrong),
) -> ListPage {
    let (t, c) = (shell.t, &shell.t.comparing);
    let is_under_way = found.iter().any(|(row, _)| is_under_way(row.state));
    shell.reload_seconds = is_under_way.then_some(5);
    let names = Gateway::ALL.map(|it| (it.as_str(), gateway_name(it).to_owned()));
    let last = found.last().map(|(row, _)| row.id.to_string());
    ListPage {
        // What was posted before keeps its own, so that it is begun once.
        key: match ReconciliationId::parse(typed.get("key")) {
            Ok(id) => id.to_string(),
            Err(_) => fresh.to_string(),
        },
        from: Field::new("de", c.from, Input::Moment)
            .value(typed.get("de"))
            .error(wrong.from),
        to: Field::new("ate", c.to, Input::Moment)
            .value(typed.get("ate"))
            .error(wrong.to),
        gateways: choices(typed, "gateway", c.both, &names),
        lines: found
            .iter()
            .map(|(row, report)| line(row, report, &shell))
            .collect(),
        more: next(PATH, &Pairs::default(), &[], found.len(), last),
        is_under_way,
        t,
        shell,
    }
}

pub async fn begin(
    State(web): State<Web>,
    operator: Operator,
    Form(form): Form,
) -> Result<Response, Stop> {
    let t = operator.0.visitor.language.texts();
    let wrong = match read(&form, t) {
        Ok(request) => {
            let caller = &operator.0.caller;
            match web.app.request_reconciliation(caller, request).await {
                Ok(row) => {
                    return Ok(Redirect::to(&format!("{PATH}/{}", row.id)).into_response());
                }
                Err(ReconcileRefusal::Period(fault)) => Wrong {
                    to: Some(period(fault, t)),
                    ..Wrong::default()
                },
                Err(ReconcileRefusal::Store(error)) => return Err(error.into()),
            }
        }
        Err(wrong) => wrong,
    };
    let page = list_page(&web, &operator, &Pairs::default(), (&form, wrong)).await?;
    Ok(shell::again(&page))
}

fn period(fault: PeriodFault, t: &Texts) -> &'static str {
    let c = &t.comparing;
    match fault {
        PeriodFault::Backwards => c.backwards,
        PeriodFault::Future => c.future,
        PeriodFault::TooLong => c.too_long,
    }
}

fn read(form: &Pairs, t: &'static Texts) -> Result<RequestReconciliation, Wrong> {
    let (from, to) = (form.get("de"), form.get("ate"));
    let (from, to) = (format::from_field(from), format::from_field(to));
    let (Some(from), Some(to)) = (from, to) else {
        let unreadable = |at: Option<Moment>| at.is_none().then_some(t.comparing.unreadable);
        return Err(Wrong {
            from: unreadable(from),
            to: unreadable(to),
        });
    };
    let wanted = form.get("gateway");
    Ok(RequestReconciliation {
        gateway: Gateway::ALL.into_iter().find(|it| it.as_str() == wanted),
        from,
        to,
        id: ReconciliationId::parse(form.get("key")).ok(),
    })
}

pub async fn show(
    State(web): State<Web>,
    operator: Operator,
    Path(text): Path<String>,
) -> Result<Response, Stop> {
    let id = ReconciliationId::parse(&text).map_err(|_| Stop::NotFound)?;
    let (row, report) = web.app.reconciliation(id).await?;
    let shell = operator.shell(&web, Place::Reconciliations);
    Ok(shell::ok(&one_page(shell, &row, &report)))
}

fn one_page(mut shell: Shell, row: &ReconciliationRow, report: &Report) -> OnePage {
    let (t, c) = (shell.t, &shell.t.comparing);
    let is_under_way = is_under_way(row.state);
    shell.reload_seconds = is_under_way.then_some(2);
    let further = (report.further > 0).then(|| fill(c.further, &[&report.further.to_string()]));
    OnePage {
        line: line(row, report, &shell),
        is_under_way,
        finished: row.finished_at.map(|at| format::exact(at, shell.language)),
        trouble: report.trouble.as_ref().map(|it| fill(c.trouble, &[it])),
        gateways: report
            .gateways
            .iter()
            .map(|one| compared(one, &shell))
            .collect(),
        findings: report.findings.iter().map(|one| finding(one, t)).collect(),
        further,
        none: match row.state {
            ReconciliationState::Done => c.no_difference,
            ReconciliationState::Queued
            | ReconciliationState::Running
            | ReconciliationState::Failed => c.none_so_far,
        },
        t,
        shell,
    }
}

fn compared(report: &GatewayReport, shell: &Shell) -> Compared {
    let c = &shell.t.comparing;
    let cents = |cents: Option<i64>| cents.map_or_else(|| "—".to_owned(), format::signed);
    Compared {
        name: name_of(&report.gateway),
        until: format::exact(Moment::from_micros(report.until), shell.language),
        received: report.received,
        sent: match report.sent {
            Some(count) => count.to_string(),
            None if report.is_done => c.not_listed.to_owned(),
            None => "—".to_owned(),
        },
        books: cents(report.books_cents),
        balance: cents(report.balance_cents),
    }
}

fn name_of(gateway: &str) -> &'static str {
    Gateway::parse(gateway).map_or("—", gateway_name)
}

fn finding(found: &Finding, t: &Texts) -> FindingLine {
    let cents = |cents: Option<i64>| cents.map_or_else(|| "—".to_owned(), format::signed);
    FindingLine {
        what: kind(found.kind, t),
        gateway: name_of(&found.gateway),
        reference: match found.kind {
            // Not an id: the balance as a whole.
            FindingKind::FloatDiffers => "—".to_owned(),
            _ => words::masked_id(&found.reference),
        },
        transaction: found.transaction_id.clone(),
        at_gateway: cents(found.gateway_cents),
        in_books: cents(found.books_cents),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::{Language, PT};

    fn row(state: ReconciliationState) -> ReconciliationRow {
        ReconciliationRow {
            id: ReconciliationId::from_bytes([2; 16]),
            gateway: None,
            from: Moment::default(),
            to: Moment::default().plus(Span::from_days(1)),
            state,
            requested_by: UserId::from_bytes([1; 16]).to_string(),
            requested_at: Moment::default(),
            finished_at: None,
            result: String::new(),
        }
    }

    fn report() -> Report {
        Report {
            gateways: vec![GatewayReport {
                gateway: "efi".into(),
                until: 0,
                is_done: true,
                received: 3,
                sent: None,
                books_cents: Some(1_050),
                balance_cents: Some(1_000),
            }],
            findings: vec![Finding {
                kind: FindingKind::SentUnknown,
                gateway: "efi".into(),
                reference: "E00000000202611262210<b>1234567890".into(),
                transaction_id: Some("txn_07".into()),
                gateway_cents: Some(777),
                books_cents: None,
            }],
            further: 4,
            trouble: Some("<b>no answer".into()),
        }
    }

    #[test]
    fn what_was_found_is_told_without_whole_ids() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let shell = Shell::sample(language);
            let page = one_page(shell, &row(ReconciliationState::Running), &report());
            assert_eq!(page.shell.reload_seconds, Some(2));
            let text = page.render().unwrap();
            for told in [
                t.comparing.sent_unknown,
                t.comparing.not_listed,
                t.comparing.running,
                "/console/transacoes/txn_07",
                "7,77",
                "data-every=\"2\"",
            ] {
                assert!(text.contains(told), "{told}: {text}");
            }
            for absent in ["20261126", "<b>no", "<b>123"] {
                assert!(!text.contains(absent), "{absent}");
            }
            let clean = Report {
                findings: Vec::new(),
                ..Report::default()
            };
            let shell = Shell::sample(language);
            let page = one_page(shell, &row(ReconciliationState::Done), &clean);
            let text = page.render().unwrap();
            assert!(text.contains(t.comparing.no_difference) && !text.contains("data-every"));
        }
    }

    #[test]
    fn a_form_keeps_what_was_typed_and_its_key() {
        let key = ReconciliationId::from_bytes([9; 16]);
        let fresh = ReconciliationId::from_bytes([8; 16]);
        let (id, wrong) = (key.to_string(), "\"><b>");
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let typed = Pairs::of(&[("key", &id), ("de", wrong), ("gateway", "efi")]);
            let refused = read(&typed, t).expect_err("it names no period");
            assert!(refused.from.is_some() && refused.to.is_some());
            let found = [(row(ReconciliationState::Done), report())];
            let page = drawn(Shell::sample(language), fresh, &found, (&typed, refused));
            let text = page.render().unwrap();
            assert!(text.contains(&id) && text.contains(t.comparing.unreadable));
            assert!(!text.contains("\"><b>") && text.contains("value=\"efi\" selected"));
            let empty = (&Pairs::default(), Wrong::default());
            let page = drawn(Shell::sample(language), fresh, &[], empty);
            let text = page.render().unwrap();
            assert!(text.contains(&fresh.to_string()) && text.contains(t.comparing.none));
        }
        let good = Pairs::of(&[
            ("key", &id),
            ("de", "2026-11-25T23:30"),
            ("ate", "2026-11-26T23:30:05"),
        ]);
        let request = read(&good, &PT).expect("a period");
        assert_eq!((request.gateway, request.id), (None, Some(key)));
        for fault in [
            PeriodFault::Backwards,
            PeriodFault::Future,
            PeriodFault::TooLong,
        ] {
            assert!(!period(fault, &PT).is_empty());
        }
        assert_eq!(kind_by_name("sent_unknown", &PT), PT.comparing.sent_unknown);
    }
}
