//! `/console/gateways`: what operators have set over each operation of each gateway, what the
//! configuration says, and pausing, taking up again and preferring, each after a page that says what
//! it does.

use app::commands::SetControl;
use app::controls::ControlView;
use app::ports::store::{AuditFilter, AuditRow};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::gateway::{Gateway, Operation};

use super::Operator;
use super::audit::{self, AuditLine};
use super::words::{self, Tag};
use crate::Web;
use crate::form::{self, Form};
use crate::format;
use crate::notice::Notice;
use crate::pages::detail::gateway_name;
use crate::parts::field::{Field, Input};
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};

const LONGEST_REASON: usize = 500;
/// Lines of the trail, for each gateway.
const TRAIL: u32 = 10;

#[derive(Template)]
#[template(path = "console/gateways.html")]
struct GatewaysPage {
    shell: Shell,
    t: &'static Texts,
    is_stopped: bool,
    gateways: Vec<Card>,
    trail: Vec<AuditLine>,
}

struct Card {
    name: &'static str,
    /// As addresses and anchors name it.
    code: &'static str,
    controls: Vec<Control>,
}

struct Control {
    name: &'static str,
    code: &'static str,
    circuit: Tag,
    is_paused: bool,
    is_primary: bool,
    may_be_preferred: bool,
    stored: String,
    configured: &'static str,
    changed: String,
    reason: Option<String>,
}

#[derive(Template)]
#[template(path = "console/gateway_change.html")]
struct ConfirmPage {
    shell: Shell,
    t: &'static Texts,
    title: String,
    means: &'static str,
    /// What it leads to as things stand.
    warning: Option<&'static str>,
    action: String,
    is_pause: bool,
    button: &'static str,
    reason: Field,
}

/// What is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Pause,
    Resume,
    Prefer,
}

impl Change {
    fn parse(text: &str) -> Option<Change> {
        match text {
            "pausar" => Some(Change::Pause),
            "retomar" => Some(Change::Resume),
            "preferir" => Some(Change::Prefer),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Change::Pause => "pausar",
            Change::Resume => "retomar",
            Change::Prefer => "preferir",
        }
    }
}

/// What the address names: an operation of a gateway, and a change that it can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Named {
    gateway: Gateway,
    operation: Operation,
    change: Change,
}

impl Named {
    fn parse((gateway, operation, change): &(String, String, String)) -> Result<Named, Stop> {
        let named = || {
            let named = Named {
                gateway: Gateway::ALL.into_iter().find(|it| it.as_str() == gateway)?,
                operation: Operation::parse(operation)?,
                change: Change::parse(change)?,
            };
            // A lookup is never kept from a gateway; a refund goes back the way its money came.
            let is_possible = match named.operation {
                Operation::Charge | Operation::Payout => true,
                Operation::Refund => named.change != Change::Prefer,
                Operation::Lookup => false,
            };
            is_possible.then_some(named)
        };
        named().ok_or(Stop::NotFound)
    }
}

pub async fn show(State(web): State<Web>, operator: Operator) -> Result<Response, Stop> {
    let controls = web.app.controls_view().await?;
    let mut trail = Vec::new();
    for gateway in Gateway::ALL {
        let filter = AuditFilter {
            subject: Some(gateway.as_str().to_owned()),
            limit: TRAIL,
            ..AuditFilter::default()
        };
        trail.extend(web.app.audit_trail(&filter).await?);
    }
    trail.sort_by_key(|row| std::cmp::Reverse(row.id));
    let shell = operator.shell(&web, Place::Gateways);
    Ok(shell::ok(&page(shell, &controls, &trail)))
}

fn page(shell: Shell, controls: &[ControlView], trail: &[AuditRow]) -> GatewaysPage {
    let card = |gateway: Gateway| Card {
        name: gateway_name(gateway),
        code: gateway.as_str(),
        controls: controls
            .iter()
            .filter(|view| view.row.gateway == gateway)
            .map(|view| control(view, &shell))
            .collect(),
    };
    GatewaysPage {
        is_stopped: shell.is_stopped,
        gateways: Gateway::ALL.into_iter().map(card).collect(),
        trail: trail.iter().map(|row| audit::line(row, &shell)).collect(),
        t: shell.t,
        shell,
    }
}

fn control(view: &ControlView, shell: &Shell) -> Control {
    let (row, t, s) = (&view.row, shell.t, &shell.t.steering);
    let stored: Vec<&str> = [
        (row.paused, s.stored_paused),
        (row.primary, s.stored_preferred),
    ]
    .into_iter()
    .filter_map(|(is_so, text)| is_so.then_some(text))
    .collect();
    Control {
        name: words::operation(row.operation.as_str(), t),
        code: row.operation.as_str(),
        circuit: words::circuit(view.health.circuit, t),
        is_paused: row.paused,
        is_primary: view.is_primary,
        may_be_preferred: row.operation != Operation::Refund && !view.is_primary,
        stored: match stored.is_empty() {
            true => s.nothing_stored.to_owned(),
            false => stored.join(", "),
        },
        configured: match (row.operation, view.is_configured_primary) {
            (Operation::Refund, _) => s.configured_none,
            (_, true) => s.configured_preferred,
            (_, false) => s.configured_other,
        },
        changed: match row.changed {
            None => s.never_changed.to_owned(),
            Some((who, at)) => {
                let at = format::exact(at, shell.language);
                fill(s.changed_by, &[&at, &who.to_string()])
            }
        },
        reason: row.reason.clone(),
    }
}

pub async fn confirm(
    State(web): State<Web>,
    operator: Operator,
    Path(path): Path<(String, String, String)>,
) -> Result<Response, Stop> {
    let named = Named::parse(&path)?;
    let controls = web.app.controls_view().await?;
    let shell = operator.shell(&web, Place::Gateways);
    Ok(shell::ok(&confirm_page(
        shell,
        named,
        &controls,
        ("", None),
    )))
}

fn confirm_page(
    shell: Shell,
    named: Named,
    controls: &[ControlView],
    (typed, wrong): (&str, Option<&'static str>),
) -> ConfirmPage {
    let (t, s) = (shell.t, &shell.t.steering);
    let (title, means, button) = match named.change {
        Change::Pause => (s.pause_title, s.pause_means, s.confirm_pause),
        Change::Resume => (s.resume_title, s.resume_means, s.confirm_resume),
        Change::Prefer => (s.prefer_title, s.prefer_means, s.confirm_prefer),
    };
    let (gateway, operation) = (named.gateway, named.operation);
    let reason = Field::new("reason", s.reason, Input::Text)
        .value(typed)
        .hint(s.reason_hint)
        .error(wrong)
        .longest(500)
        .first();
    let is_pause = named.change == Change::Pause;
    ConfirmPage {
        title: fill(
            title,
            &[
                words::operation(operation.as_str(), t),
                gateway_name(gateway),
            ],
        ),
        means,
        warning: warning(named, controls, t),
        action: format!(
            "/console/gateways/{gateway}/{}/{}",
            operation.as_str(),
            named.change.as_str()
        ),
        is_pause,
        button,
        // Who keeps money from a gateway says why.
        reason: if is_pause { reason } else { reason.optional() },
        t,
        shell,
    }
}

/// What a pause leads to.
fn warning(named: Named, controls: &[ControlView], t: &'static Texts) -> Option<&'static str> {
    let s = &t.steering;
    if named.change != Change::Pause {
        return None;
    }
    if named.operation == Operation::Refund {
        return Some(s.refunds_wait);
    }
    let other = controls
        .iter()
        .find(|view| view.row.gateway != named.gateway && view.row.operation == named.operation)?;
    match (other.row.paused, other.health.circuit) {
        (true, _) => Some(s.other_paused),
        (false, "closed") => None,
        (false, _) => Some(s.other_ill),
    }
}

pub async fn change(
    State(web): State<Web>,
    operator: Operator,
    Path(path): Path<(String, String, String)>,
    Form(form): Form,
) -> Result<Response, Stop> {
    let named = Named::parse(&path)?;
    let shell = operator.shell(&web, Place::Gateways);
    let typed = form.get("reason");
    let reason = match named.change {
        Change::Pause => form::text(typed, LONGEST_REASON, shell.t).map(Some),
        Change::Resume | Change::Prefer => form::optional_text(typed, LONGEST_REASON, shell.t),
    };
    let reason = match reason {
        Ok(reason) => reason,
        Err(wrong) => {
            let controls = web.app.controls_view().await?;
            let again = confirm_page(shell, named, &controls, (typed, Some(wrong)));
            return Ok(shell::again(&again));
        }
    };
    let control = SetControl {
        operation: named.operation,
        paused: match named.change {
            Change::Pause => Some(true),
            Change::Resume => Some(false),
            Change::Prefer => None,
        },
        primary: named.change == Change::Prefer,
        reason,
    };
    let caller = &operator.0.caller;
    web.app.set_control(caller, named.gateway, control).await?;
    let back = Redirect::to(&format!("/console/gateways#{}", named.gateway)).into_response();
    Ok(Notice::ControlKept.on(back, web.secure))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;
    use app::ports::store::ControlRow;
    use app::views::OperationHealthView;
    use domain::ids::{AuditId, UserId};
    use domain::time::Moment;

    fn view(gateway: Gateway, operation: Operation, paused: bool) -> ControlView {
        ControlView {
            row: ControlRow {
                gateway,
                operation,
                paused,
                primary: paused,
                reason: paused.then(|| "<b>manutenção".into()),
                changed: paused.then(|| (UserId::from_bytes([1; 16]), Moment::default())),
            },
            is_configured_primary: gateway == Gateway::MercadoPago,
            is_primary: paused,
            health: OperationHealthView {
                operation: operation.as_str(),
                circuit: "closed",
                open_cause: None,
                success_percent: 100,
                unknown_percent: 0,
                latency_ms: None,
                primary: false,
                paused,
            },
        }
    }

    fn named(gateway: Gateway, operation: Operation, change: Change) -> Named {
        Named {
            gateway,
            operation,
            change,
        }
    }

    #[test]
    fn what_is_stored_stands_beside_what_the_configuration_says() {
        let controls = [
            view(Gateway::Efi, Operation::Payout, true),
            view(Gateway::MercadoPago, Operation::Payout, false),
            view(Gateway::MercadoPago, Operation::Refund, false),
        ];
        let trail = [AuditRow {
            id: AuditId::from_bytes([1; 16]),
            actor: "usr_1".into(),
            action: "gateway.paused".into(),
            subject: "efi".into(),
            detail: "{\"operation\":\"payout\"}".into(),
            at: Moment::default(),
        }];
        for language in [Language::Portuguese, Language::English] {
            let s = &language.texts().steering;
            let text = page(Shell::sample(language), &controls, &trail)
                .render()
                .unwrap();
            for told in [
                "/console/gateways/efi/payout/retomar",
                "/console/gateways/mercado_pago/payout/preferir",
                "/console/gateways/mercado_pago/refund/pausar",
                "gateway.paused",
                "manutenção",
                s.configured_other,
                s.configured_preferred,
                s.configured_none,
                s.never_changed,
                s.stopped,
            ] {
                assert!(text.contains(told), "{told}");
            }
            for absent in [
                "efi/payout/pausar",
                "efi/payout/preferir",
                "refund/preferir",
                "<b>man",
            ] {
                assert!(!text.contains(absent), "{absent}");
            }
        }
    }

    #[test]
    fn a_pause_says_what_it_leads_to_and_asks_why() {
        let controls = [
            view(Gateway::Efi, Operation::Payout, true),
            view(Gateway::MercadoPago, Operation::Payout, false),
        ];
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let pause = named(Gateway::MercadoPago, Operation::Payout, Change::Pause);
            let wrong = ("\"><b>", Some(t.errors.needed));
            let text = confirm_page(Shell::sample(language), pause, &controls, wrong)
                .render()
                .unwrap();
            assert!(text.contains(t.steering.other_paused) && text.contains(t.errors.needed));
            assert!(!text.contains("\"><b>") && text.contains("required"));
            let resume = named(Gateway::Efi, Operation::Payout, Change::Resume);
            let text = confirm_page(Shell::sample(language), resume, &controls, ("", None))
                .render()
                .unwrap();
            assert!(text.contains(t.steering.confirm_resume) && !text.contains(" required"));
        }
        let t = Language::English.texts();
        let refund = named(Gateway::Efi, Operation::Refund, Change::Pause);
        assert_eq!(warning(refund, &controls, t), Some(t.steering.refunds_wait));
        let efi = named(Gateway::Efi, Operation::Payout, Change::Pause);
        assert_eq!(warning(efi, &controls, t), None);
    }

    #[test]
    fn only_what_can_be_set_has_an_address() {
        let parse = |gateway: &str, operation: &str, change: &str| {
            Named::parse(&(gateway.into(), operation.into(), change.into()))
        };
        let pause = named(Gateway::Efi, Operation::Refund, Change::Pause);
        assert_eq!(parse("efi", "refund", "pausar"), Ok(pause));
        for (gateway, operation, change) in [
            ("efi", "refund", "preferir"),
            ("efi", "lookup", "pausar"),
            ("efi", "payout", "apagar"),
            ("gerencianet", "payout", "pausar"),
            ("x", "payout", "pausar"),
        ] {
            let refused = parse(gateway, operation, change);
            assert_eq!(
                refused,
                Err(Stop::NotFound),
                "{gateway} {operation} {change}"
            );
        }
    }
}
