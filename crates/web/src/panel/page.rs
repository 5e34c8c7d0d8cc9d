//! The panel itself.

use app::outside::Outside;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::gateway::Gateway;
use domain::status::Kind;

use super::ledger::{self, Line};
use super::{ArmedFault, Panel, PlayedGateway};
use crate::Web;
use crate::format;
use crate::pages::detail::gateway_name;
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};
use crate::visitor::Visitor;

/// Rows of charges, and of payments that can come back.
const ROWS: u32 = 10;

/// What a fault may touch.
const OPERATIONS: [&str; 7] = [
    "charge", "payout", "refund", "lookup", "token", "webhook", "any",
];

/// The modes, as the control paths name them.
const MODES: [&str; 22] = [
    "down",
    "drop_reply",
    "error_500",
    "error_500_after_commit",
    "timeout_before",
    "timeout_after_commit",
    "reject",
    "async_reject",
    "rate_limited",
    "slow",
    "settle_late",
    "lookup_lag",
    "truncated",
    "empty_2xx",
    "html_502",
    "unknown_status",
    "flaky",
    "lose",
    "duplicate",
    "reorder",
    "delay",
    "healthy",
];

#[derive(Template)]
#[template(path = "panel/panel.html")]
struct PanelPage {
    shell: Shell,
    t: &'static Texts,
    gateways: Vec<GatewayCard>,
    operations: &'static [&'static str],
    modes: &'static [&'static str],
    charges: Vec<Thing>,
    settled: Vec<Thing>,
    ledger: Vec<Line>,
    running: Option<u64>,
}

struct GatewayCard {
    code: &'static str,
    name: &'static str,
    balance: String,
    faults: Vec<String>,
}

/// A transaction that something can be done with.
struct Thing {
    id: String,
    text: String,
    gateway: &'static str,
}

pub async fn show(
    State(web): State<Web>,
    visitor: Visitor,
    Panel(played): Panel,
) -> Result<Response, Stop> {
    let shell = Shell {
        place: Place::Panel,
        ..Shell::of(&web, &visitor)
    };
    let t = shell.t;
    let mut gateways = Vec::new();
    for gateway in Gateway::ALL {
        let stands = played.gateway(gateway).await.ok_or(Stop::Unavailable)?;
        gateways.push((gateway, stands));
    }
    let ledger = played.ledger().await.ok_or(Stop::Unavailable)?;
    let mut settled = web.app.settled_outside(Kind::Payout, ROWS).await?;
    settled.extend(web.app.settled_outside(Kind::Charge, ROWS).await?);
    let seen = Seen {
        gateways,
        charges: web.app.payable_outside(ROWS).await?,
        settled,
        ledger: ledger::lines(&web, &ledger, t).await?,
        running: web.scenarios.running(),
    };
    Ok(shell::ok(&page(shell, seen)))
}

struct Seen {
    gateways: Vec<(Gateway, PlayedGateway)>,
    charges: Vec<Outside>,
    settled: Vec<Outside>,
    ledger: Vec<Line>,
    running: Option<u64>,
}

fn page(shell: Shell, seen: Seen) -> PanelPage {
    let t = shell.t;
    let card = |(gateway, played): (Gateway, PlayedGateway)| GatewayCard {
        code: gateway.as_str(),
        name: gateway_name(gateway),
        balance: format::signed(played.balance_cents),
        faults: played.faults.iter().map(|it| fault(it, t)).collect(),
    };
    let thing = |own: &Outside| {
        let text = match own.kind {
            Kind::Charge => t.panel.charge_of,
            Kind::Payout | Kind::Transfer | Kind::Refund => t.panel.payout_of,
        };
        Thing {
            id: own.id.to_string(),
            text: fill(text, &[&format::reais(own.amount)]),
            gateway: gateway_name(own.gateway),
        }
    };
    PanelPage {
        gateways: seen.gateways.into_iter().map(card).collect(),
        operations: &OPERATIONS,
        modes: &MODES,
        charges: seen.charges.iter().map(thing).collect(),
        settled: seen.settled.iter().map(thing).collect(),
        ledger: seen.ledger,
        running: seen.running,
        t,
        shell,
    }
}

/// `payout: flaky, 40 %, 250 ms`.
fn fault(armed: &ArmedFault, t: &Texts) -> String {
    let operation = armed.operation.as_deref().unwrap_or("any");
    let mut text = format!("{operation}: {}", armed.mode);
    if armed.percent < 100 {
        text.push_str(&format!(", {} %", armed.percent));
    }
    if let Some(millis) = armed.latency_ms {
        text.push_str(&format!(", {millis} ms"));
    }
    if let Some(times) = armed.times {
        text.push_str(&fill(t.panel.more_times, &[&times.to_string()]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;
    use domain::ids::TransactionId;
    use domain::money::Money;
    use domain::status::Status;

    #[test]
    fn the_panel_says_what_it_is_and_offers_what_can_be_done() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let own = |kind| Outside {
                id: TransactionId::from_bytes([7; 16]),
                kind,
                status: Status::Success,
                stage: "settled".into(),
                amount: Money::from_cents(1_050).unwrap(),
                gateway: Gateway::Efi,
                reference: "key".into(),
            };
            let played = PlayedGateway {
                balance_cents: 1_000_000,
                faults: vec![ArmedFault {
                    operation: Some("<b>".into()),
                    mode: "flaky".into(),
                    percent: 40,
                    latency_ms: Some(250),
                    times: Some(3),
                }],
            };
            let seen = Seen {
                gateways: vec![(Gateway::Efi, played)],
                charges: vec![own(Kind::Charge)],
                settled: vec![own(Kind::Payout)],
                ledger: Vec::new(),
                running: Some(4),
            };
            let text = page(Shell::sample(language), seen).render().unwrap();
            assert!(text.contains("SANDBOX") && text.contains("flaky, 40 %, 250 ms"));
            assert!(text.contains("error_500_after_commit") && !text.contains("<b>:"));
            assert!(text.contains("/sandbox/painel/roteiros/4"));
            for told in [t.panel.failover, t.panel.lost, t.panel.both_ill] {
                assert!(text.contains(told), "{told}");
            }
        }
    }
}
