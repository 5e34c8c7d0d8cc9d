//! `/console`: what happens now: doubtful money, the queue, the ledger, the gateways, and the
//! transactions as they come, followed live.

use std::sync::Arc;

use app::commands::ListTransactions;
use app::ports::store::{AlertRow, QueueDepth};
use app::samples::{HealthSample, KEPT};
use app::views::{GatewayView, OperationHealthView, TransactionView};
use app::waiting::{Step, Waiting};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::gateway::Gateway;
use domain::status::Status;
use domain::time::{Moment, Span};

use super::alerts::{self, AlertLine};
use super::judged::Verdict;
use super::rows::{self, Row};
use super::words::{self, Tag};
use super::{Operator, chart};
use crate::Web;
use crate::format;
use crate::pages::detail::gateway_name;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};

/// Rows of the stream, and of what is in doubt.
const STREAM: u32 = 20;
const DOUBTFUL: u32 = 20;
const ALERTS: u32 = 5;
/// Samples that a chart has room for at least: two minutes.
const YOUNG: usize = 24;

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    shell: Shell,
    t: &'static Texts,
    figures: Vec<Figure>,
    ledger: Ledger,
    gateways: Vec<GatewayCard>,
    doubtful: Vec<Row>,
    stream: Vec<Row>,
    alerts: Vec<AlertLine>,
}

/// A number to be seen at once.
struct Figure {
    name: &'static str,
    value: String,
    /// More about it.
    detail: String,
    /// Something for a person to look at.
    is_bad: bool,
}

/// The checks as they last came out.
struct Ledger {
    /// In one sentence.
    said: String,
    is_bad: bool,
    rules: Vec<Rule>,
}

struct Rule {
    text: &'static str,
    figures: String,
    broken: Vec<String>,
}

struct GatewayCard {
    name: &'static str,
    /// As addresses name it.
    code: &'static str,
    float: String,
    in_doubt: String,
    operations: Vec<OperationLine>,
}

struct OperationLine {
    name: &'static str,
    circuit: Tag,
    is_primary: bool,
    is_paused: bool,
    success: String,
    unknown: String,
    latency: String,
    chart: Chart,
}

/// Latency as a line, and success as another.
struct Chart {
    latency: String,
    success: String,
    label: String,
}

/// Everything that the page is made of.
struct Seen {
    gateways: Vec<GatewayView>,
    queue: QueueDepth,
    waiting: Waiting,
    doubtful: Vec<TransactionView>,
    stream: Vec<TransactionView>,
    alerts: Vec<AlertRow>,
    verdict: Option<Arc<Verdict>>,
    now: Moment,
}

pub async fn show(State(web): State<Web>, operator: Operator) -> Result<Response, Stop> {
    let position = web.app.last_position().await?;
    let caller = &operator.0.caller;
    let mut doubtful = Vec::new();
    for stage in ["in_doubt", "in_review"] {
        let list = ListTransactions {
            stage: Some(stage.to_owned()),
            status: Some(Status::Pending),
            limit: DOUBTFUL,
            ..ListTransactions::default()
        };
        doubtful.extend(web.app.transactions(caller, list).await?);
    }
    let list = ListTransactions {
        limit: STREAM,
        ..ListTransactions::default()
    };
    let seen = Seen {
        gateways: web.app.gateways_view().await?,
        queue: web.app.queue().await?,
        waiting: web.app.waiting().await?,
        stream: web.app.transactions(caller, list).await?,
        alerts: web.app.alerts_before(None, ALERTS).await?,
        verdict: web.judged.look(&web.app),
        doubtful,
        now: web.app.now(),
    };
    let mut shell = operator.shell(&web, Place::Overview).live(position);
    shell.reload_seconds = Some(10);
    let samples = |gateway, operation: &str| web.samples.of(gateway, operation);
    Ok(shell::ok(&page(shell, &seen, &samples)))
}

type Lately<'a> = &'a dyn Fn(Gateway, &str) -> Vec<HealthSample>;

fn page(shell: Shell, seen: &Seen, samples: Lately<'_>) -> OverviewPage {
    let t = shell.t;
    let row = |view: &TransactionView| rows::row(view, &shell, seen.now);
    OverviewPage {
        figures: figures(seen, t),
        ledger: ledger(seen, &shell),
        gateways: seen
            .gateways
            .iter()
            .map(|view| card(view, samples, t))
            .collect(),
        doubtful: seen.doubtful.iter().map(row).collect(),
        stream: seen.stream.iter().map(row).collect(),
        alerts: seen
            .alerts
            .iter()
            .map(|alert| alerts::line(alert, &shell))
            .collect(),
        t,
        shell,
    }
}

fn figures(seen: &Seen, t: &'static Texts) -> Vec<Figure> {
    let c = &t.console;
    let in_doubt: i64 = seen.gateways.iter().map(|view| view.in_doubt).sum();
    let count = |stage: &str| seen.doubtful.iter().filter(|it| it.stage == stage).count();
    let (doubts, reviews) = (count("in_doubt"), count("in_review"));
    let eldest = |stage: &str| {
        let since = seen.doubtful.iter().filter(|it| it.stage == stage);
        let eldest = since.map(|it| it.updated_at).min();
        eldest.map_or_else(String::new, |at| {
            fill(c.eldest, &[&words::age(seen.now.since(at))])
        })
    };
    let waits = seen.queue.oldest_ready.filter(|at| *at <= seen.now);
    vec![
        Figure {
            name: c.money_in_doubt,
            value: format::signed(in_doubt),
            detail: eldest("in_doubt"),
            is_bad: doubts > 0,
        },
        Figure {
            name: c.in_review,
            value: reviews.to_string(),
            detail: eldest("in_review"),
            is_bad: reviews > 0,
        },
        Figure {
            name: c.queue_ready,
            value: seen.queue.ready.to_string(),
            detail: waits.map_or_else(
                || c.nothing_waits.to_owned(),
                |at| fill(c.oldest_waits, &[&words::age(seen.now.since(at))]),
            ),
            is_bad: false,
        },
        Figure {
            name: c.queue_dead,
            value: seen.queue.dead.to_string(),
            detail: String::new(),
            is_bad: seen.queue.dead > 0,
        },
        leaving(&seen.waiting, seen.now, t),
    ]
}

/// Whether events leave in time.
fn leaving(waiting: &Waiting, now: Moment, t: &'static Texts) -> Figure {
    let c = &t.console;
    let age = |step| words::age(waiting.age(step, now));
    let late = Step::ALL
        .into_iter()
        .filter(|step| waiting.is_late(*step, now));
    let late: Vec<&str> = late.map(|step| words::step(step, t)).collect();
    let longest = Step::ALL
        .map(|step| waiting.age(step, now))
        .into_iter()
        .max();
    match late.is_empty() {
        true => Figure {
            name: c.leaving,
            value: c.leaving_well.to_owned(),
            detail: fill(
                c.leaving_steps,
                &[
                    &age(Step::Numbering),
                    &age(Step::Topic),
                    &age(Step::Webhooks),
                ],
            ),
            is_bad: false,
        },
        false => Figure {
            name: c.leaving,
            value: words::age(longest.unwrap_or(Span::ZERO)),
            detail: fill(c.leaving_late, &[&late.join(", ")]),
            is_bad: true,
        },
    }
}

fn ledger(seen: &Seen, shell: &Shell) -> Ledger {
    let (t, c) = (shell.t, &shell.t.console);
    let Some(verdict) = &seen.verdict else {
        return Ledger {
            said: c.checks_running.to_owned(),
            is_bad: false,
            rules: Vec::new(),
        };
    };
    let when = format::exact(verdict.at, shell.language);
    let (count, broken) = (verdict.checks.len().to_string(), verdict.broken());
    let rules = verdict.checks.iter().map(|check| Rule {
        text: words::check(check.rule, t),
        figures: check.figures.clone(),
        broken: check.broken.clone(),
    });
    Ledger {
        said: match broken {
            0 => fill(c.checks_hold, &[&count, &when]),
            broken => fill(c.checks_broken, &[&broken.to_string(), &count, &when]),
        },
        is_bad: broken > 0,
        rules: rules.collect(),
    }
}

fn card(view: &GatewayView, samples: Lately<'_>, t: &'static Texts) -> GatewayCard {
    let operations = view.operations.iter().map(|operation| {
        let lately = samples(view.gateway, operation.operation);
        line(operation, &lately, t)
    });
    GatewayCard {
        name: gateway_name(view.gateway),
        code: view.gateway.as_str(),
        float: format::signed(view.float_available),
        in_doubt: format::signed(view.in_doubt),
        operations: operations.collect(),
    }
}

fn line(view: &OperationHealthView, lately: &[HealthSample], t: &'static Texts) -> OperationLine {
    let c = &t.console;
    let latencies: Vec<Option<u64>> = lately.iter().map(|sample| sample.latency_ms).collect();
    let most = latencies.iter().flatten().copied().max().unwrap_or(0);
    let successes: Vec<Option<u64>> = lately
        .iter()
        .map(|sample| Some(sample.success_percent))
        .collect();
    // A young process fills the drawing sooner.
    let room = lately.len().clamp(YOUNG, KEPT);
    OperationLine {
        name: words::operation(view.operation, t),
        circuit: words::circuit(view.circuit, t),
        is_primary: view.primary,
        is_paused: view.paused,
        success: format!("{} %", view.success_percent),
        unknown: format!("{} %", view.unknown_percent),
        latency: view
            .latency_ms
            .map_or_else(|| "—".to_owned(), |millis| format!("{millis} ms")),
        chart: Chart {
            // The top is above the highest value, so that small changes look small.
            latency: chart::line(&latencies, most.saturating_mul(5) / 4, room),
            success: chart::line(&successes, 100, room),
            label: fill(c.chart_label, &[&most.to_string()]),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::detail::tests::payout;
    use crate::texts::Language;
    use app::checks::Check;
    use domain::ids::AlertId;

    fn operation() -> OperationHealthView {
        OperationHealthView {
            operation: "payout",
            circuit: "open",
            open_cause: Some("failures"),
            success_percent: 12,
            unknown_percent: 3,
            latency_ms: Some(41),
            primary: true,
            paused: true,
        }
    }

    #[test]
    fn events_that_do_not_leave_stand_out() {
        let now = Moment::default().plus(Span::from_seconds(600));
        let waiting = Waiting {
            topic: Some(Moment::default()),
            webhooks: Some(now.minus(Span::from_seconds(5))),
            ..Waiting::default()
        };
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let told = leaving(&waiting, now, t);
            assert!(told.is_bad && told.detail.contains(t.console.step_topic));
            assert_eq!(told.value, "10 min");
            let well = leaving(&Waiting::default(), now, t);
            assert!(!well.is_bad && well.value == t.console.leaving_well);
        }
    }

    #[test]
    fn what_is_wrong_stands_out_and_everything_is_escaped() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let mut doubt = payout(Status::Pending, "in_doubt");
            doubt.stage = "in_doubt".into();
            let sample = HealthSample {
                success_percent: 50,
                unknown_percent: 0,
                latency_ms: Some(40),
            };
            let seen = Seen {
                gateways: vec![GatewayView {
                    gateway: Gateway::Efi,
                    operations: vec![operation()],
                    float_available: 1_000_000,
                    float_blocked: 0,
                    in_doubt: 1_050,
                }],
                queue: QueueDepth {
                    ready: 3,
                    dead: 1,
                    oldest_ready: Some(Moment::default()),
                },
                waiting: Waiting::default(),
                doubtful: vec![doubt.clone()],
                stream: vec![doubt],
                alerts: vec![AlertRow {
                    id: AlertId::from_bytes([1; 16]),
                    kind: "suspense".into(),
                    transaction_id: None,
                    gateway: Some(Gateway::Efi),
                    message: "<b>x</b>".into(),
                    raised_at: Moment::default(),
                }],
                verdict: Some(Arc::new(Verdict::sample(Check {
                    rule: "every journal sums to zero",
                    figures: "3 journals".into(),
                    broken: vec!["journal <i> sums to 1 centavos".into()],
                }))),
                now: Moment::default(),
            };
            let page = page(Shell::sample(language), &seen, &|_, _| vec![sample; 3]);
            assert!(page.ledger.is_bad && page.figures[0].is_bad);
            let text = page.render().unwrap();
            assert!(!text.contains("<b>x") && !text.contains("<i>"), "{text}");
            for told in [
                t.console.circuit_open,
                t.console.check_journals,
                t.console.paused,
                "10,50",
            ] {
                assert!(text.contains(told), "{told}");
            }
        }
    }
}
