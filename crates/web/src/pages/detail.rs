//! `/app/transacoes/{id}`: one transaction as it stands, live: a charge with its QR code, a payment
//! on its way, what came of it and why; and what can be done with it.

use app::commands::CancelRefusal;
use app::views::{AttemptView, DetailsView, PayInView, TransactionView};
use askama::Template;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::gateway::Gateway;
use domain::ids::TransactionId;
use domain::money::Money;
use domain::status::{Kind, Status};
use domain::time::Moment;

use crate::Web;
use crate::form::Form;
use crate::format;
use crate::notice::Notice;
use crate::parts::qr::{self, Drawing};
use crate::parts::review::fact;
use crate::parts::words::{self, Stage};
use crate::session::{Holder, Signed};
use crate::shell::{self, Place, Shell};
use crate::stop::Stop;
use crate::texts::{Language, Texts, fill};

#[derive(Template)]
#[template(path = "pages/detail.html")]
struct DetailPage {
    shell: Shell,
    t: &'static Texts,
    id: String,
    title: &'static str,
    amount: String,
    stage: Stage,
    /// More about the stage: why it failed, what it waits for.
    because: Vec<String>,
    code: Option<Code>,
    facts: Vec<Fact>,
    steps: Vec<Step>,
    can: Can,
    /// Transactions whose changes show here, too.
    related: String,
}

/// What is shown to be paid.
struct Code {
    text: String,
    drawing: Option<Drawing>,
    label: String,
    until: String,
}

pub struct Fact {
    pub name: &'static str,
    pub value: String,
    /// Letters of equal width: an id.
    pub is_code: bool,
    pub href: Option<String>,
}

pub struct Step {
    pub text: String,
    pub at: String,
    pub machine_time: String,
}

/// What can be done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Can {
    cancel: bool,
    refund: bool,
    receipt: bool,
    simulate: bool,
    pay_again: bool,
}

/// The id in the path; what is no id is no page.
pub fn id(text: &str) -> Result<TransactionId, Stop> {
    TransactionId::parse(text).map_err(|_| Stop::NotFound)
}

/// A transaction of the holder's own: operators read others' in their own place.
pub async fn own(web: &Web, signed: &Signed, text: &str) -> Result<TransactionView, Stop> {
    let view = web.app.transaction(&signed.caller, id(text)?).await?;
    if view.user_id != signed.caller.user_id {
        return Err(Stop::NotFound);
    }
    Ok(view)
}

pub async fn show(
    State(web): State<Web>,
    holder: Holder,
    Path(text): Path<String>,
) -> Result<Response, Stop> {
    let position = web.app.last_position().await?;
    let signed = &holder.signed;
    let view = own(&web, signed, &text).await?;
    let attempts = web.app.attempts(&signed.caller, view.id).await?;
    let place = match view.kind {
        Kind::Charge if view.status == Status::Pending => Place::Receive,
        Kind::Charge | Kind::Payout | Kind::Transfer | Kind::Refund => Place::History,
    };
    let mut shell = Shell::signed(&web, signed, place).live(position);
    if view.status == Status::Pending {
        shell.reload_seconds = Some(5);
    }
    Ok(shell::ok(&page(shell, &view, &attempts)))
}

fn page(shell: Shell, view: &TransactionView, attempts: &[AttemptView]) -> DetailPage {
    let (t, language) = (shell.t, shell.language);
    let because = [
        view.failure.as_ref().map(|it| words::failure(&it.code, t)),
        words::waiting(view, t).map(str::to_owned),
        is_late(view).then(|| t.detail.late.to_owned()),
        view.corrected.then(|| t.detail.corrected.to_owned()),
    ];
    DetailPage {
        id: view.id.to_string(),
        title: words::title(view, t),
        amount: format::reais(view.amount),
        stage: words::stage(view, t),
        because: because.into_iter().flatten().collect(),
        code: code(view, language, t),
        facts: facts(view, t),
        steps: steps(view, attempts, language, t),
        can: can(view, shell.is_demo),
        related: related(view),
        t,
        shell,
    }
}

fn is_late(view: &TransactionView) -> bool {
    matches!(
        view.details,
        DetailsView::Charge {
            paid_late: true,
            ..
        }
    )
}

fn related(view: &TransactionView) -> String {
    let ids: Vec<String> = match &view.details {
        DetailsView::Charge { refunds, .. } => refunds.iter().map(|id| id.to_string()).collect(),
        DetailsView::Refund { charge_id, .. } => vec![charge_id.to_string()],
        DetailsView::Payout { .. }
        | DetailsView::Transfer { .. }
        | DetailsView::Received { .. } => Vec::new(),
    };
    ids.join(" ")
}

/// The code of a charge that can still be paid.
fn code(view: &TransactionView, language: Language, t: &Texts) -> Option<Code> {
    let DetailsView::Charge {
        br_code: Some(text),
        expires_at,
        ..
    } = &view.details
    else {
        return None;
    };
    if view.status != Status::Pending {
        return None;
    }
    Some(Code {
        drawing: qr::draw(text),
        label: fill(t.receive.qr_label, &[&format::reais(view.amount)]),
        until: fill(
            t.receive.valid_until,
            &[&format::moment(*expires_at, language)],
        ),
        text: text.clone(),
    })
}

/// What is left to give back of what a charge received through gateways.
pub fn refundable(pay_in: &PayInView) -> Money {
    let gone = pay_in.refunded.checked_add(pay_in.reversed);
    let gone = gone.unwrap_or(Money::MAX);
    match pay_in.gateway {
        Some(_) if pay_in.disputed.is_zero() => {
            pay_in.amount.checked_sub(gone).unwrap_or(Money::ZERO)
        }
        Some(_) | None => Money::ZERO,
    }
}

fn can(view: &TransactionView, is_demo: bool) -> Can {
    let stage = view.stage.as_str();
    let receipt = view.status == Status::Success;
    match &view.details {
        DetailsView::Charge {
            pay_ins, br_code, ..
        } => Can {
            cancel: matches!(stage, "creating" | "awaiting_payment"),
            refund: pay_ins.iter().any(|paid| !refundable(paid).is_zero()),
            simulate: is_demo && stage == "awaiting_payment" && br_code.is_some(),
            receipt,
            pay_again: false,
        },
        DetailsView::Payout { .. } => Can {
            cancel: matches!(stage, "queued" | "scheduled"),
            receipt,
            pay_again: view.status != Status::Pending,
            ..Can::default()
        },
        DetailsView::Transfer { .. }
        | DetailsView::Received { .. }
        | DetailsView::Refund { .. } => Can {
            receipt,
            ..Can::default()
        },
    }
}

pub fn gateway_name(gateway: Gateway) -> &'static str {
    match gateway {
        Gateway::Efi => "Efí",
        Gateway::MercadoPago => "Mercado Pago",
    }
}

/// What there is to know, in the order in which it is asked for: the other side, and what stands
/// beside it.
fn facts(view: &TransactionView, t: &'static Texts) -> Vec<Fact> {
    let d = &t.detail;
    let (label, party) = match &view.details {
        DetailsView::Charge { payer, .. } => (d.payer, payer.clone()),
        DetailsView::Received { payer } => (d.payer, Some(payer.clone())),
        DetailsView::Payout { payee, .. } | DetailsView::Transfer { payee, .. } => {
            (d.payee, payee.clone())
        }
        DetailsView::Refund { .. } => (d.payee, None),
    };
    let party = party.unwrap_or_default();
    let sides = [(label, party.name), (d.document, party.tax_id_masked)];
    let side = |(name, value): (&'static str, Option<String>)| Some(fact(name, value?));
    let mut facts: Vec<Fact> = sides.into_iter().filter_map(side).collect();
    facts.extend(facts_beside(view, t));
    facts
}

/// Everything but who is on the other side.
pub fn facts_beside(view: &TransactionView, t: &'static Texts) -> Vec<Fact> {
    let d = &t.detail;
    let mut facts = Vec::new();
    let mut tell = |name, value: Option<String>| {
        facts.extend(value.map(|value| fact(name, value)));
    };
    let some = |money: Money| {
        Some(money)
            .filter(|money| !money.is_zero())
            .map(format::reais)
    };
    let mut charge = None;
    let mut end_to_end_id = view.end_to_end_id.clone();
    match &view.details {
        DetailsView::Charge {
            payer,
            refunded,
            pay_ins,
            ..
        } => {
            tell(d.bank, payer.as_ref().and_then(|payer| payer.bank.clone()));
            let fees = Money::sum(pay_ins.iter().map(|paid| paid.fee));
            tell(d.fee, fees.and_then(some));
            tell(d.refunded, some(*refunded));
            let first = pay_ins.first().and_then(|paid| paid.end_to_end_id.clone());
            end_to_end_id = end_to_end_id.or(first);
        }
        DetailsView::Payout {
            pix_key, returned, ..
        } => {
            tell(d.key, pix_key.clone());
            tell(d.returned, some(*returned));
        }
        DetailsView::Transfer { .. } | DetailsView::Received { .. } => {}
        DetailsView::Refund { charge_id, .. } => charge = Some(*charge_id),
    }
    if view.kind != Kind::Charge {
        tell(d.fee, some(view.fee));
    }
    tell(d.description, view.description.clone());
    tell(d.reference, view.reference.clone());
    let gateway = view.gateway.map(|gateway| gateway_name(gateway).to_owned());
    tell(d.gateway, gateway);
    facts.extend(charge.map(|id| Fact {
        href: Some(format!("/app/transacoes/{id}")),
        ..fact(d.of_charge, d.open.to_owned())
    }));
    let id = |name, value: String| Fact {
        is_code: true,
        ..fact(name, value)
    };
    facts.extend(end_to_end_id.map(|it| id(d.end_to_end, it)));
    facts.push(id(d.number, view.id.to_string()));
    facts
}

/// What happened, oldest first; the last is how it stands now.
fn steps(
    view: &TransactionView,
    attempts: &[AttemptView],
    language: Language,
    t: &Texts,
) -> Vec<Step> {
    let d = &t.detail;
    // What reached the reader was asked for by somebody else.
    let is_own = !matches!(view.details, DetailsView::Received { .. });
    let mut told: Vec<(Moment, String)> = Vec::new();
    told.extend(is_own.then(|| (view.created_at, d.step_created.to_owned())));
    if view.kind != Kind::Charge {
        told.extend(attempts.iter().map(|attempt| {
            let text = match attempt.outcome.as_str() {
                "not_done" => d.step_tried,
                "unknown" => d.step_doubt,
                _ => d.step_sent,
            };
            let name = gateway_name(attempt.gateway);
            (attempt.created_at, fill(text, &[name]))
        }));
    }
    match &view.details {
        DetailsView::Charge { pay_ins, .. } => told.extend(pay_ins.iter().map(|paid| {
            let text = fill(d.step_paid, &[&format::reais(paid.amount)]);
            (paid.paid_at, text)
        })),
        DetailsView::Payout { returns, .. } => told.extend(returns.iter().map(|back| {
            let text = fill(d.step_returned, &[&format::reais(back.amount)]);
            (back.at, text)
        })),
        DetailsView::Transfer { .. }
        | DetailsView::Received { .. }
        | DetailsView::Refund { .. } => {}
    }
    told.sort_by_key(|(at, _)| *at);
    let now = fill(d.step_now, &[words::stage(view, t).label]);
    told.push((view.settled_at.unwrap_or(view.updated_at), now));
    let step = |(at, text)| Step {
        text,
        at: format::exact(at, language),
        machine_time: format::machine(at),
    };
    told.into_iter().map(step).collect()
}

/// `POST /app/transacoes/{id}/cancelar`.
pub async fn cancel(
    State(web): State<Web>,
    holder: Holder,
    Path(text): Path<String>,
    _: Form,
) -> Result<Response, Stop> {
    let view = own(&web, &holder.signed, &text).await?;
    let notice = match web.app.cancel(&holder.signed.caller, view.id).await {
        Ok(_) => Notice::Cancelled,
        Err(CancelRefusal::AlreadyDispatched { .. }) => Notice::TooLateToCancel,
        Err(CancelRefusal::DispatchStopped) => Notice::CannotCancelNow,
        Err(CancelRefusal::Unconfirmed) => Notice::NotConfirmedYet,
        Err(CancelRefusal::NotFound) => return Err(Stop::NotFound),
        Err(CancelRefusal::Store(error)) => return Err(error.into()),
    };
    let back = Redirect::to(&format!("/app/transacoes/{}", view.id)).into_response();
    Ok(notice.on(back, web.secure))
}

/// `POST /app/transacoes/{id}/simular`: in the demo, somebody's bank pays the charge.
pub async fn simulate(
    State(web): State<Web>,
    holder: Holder,
    Path(text): Path<String>,
    _: Form,
) -> Result<Response, Stop> {
    let demo = web.demo.clone().ok_or(Stop::NotFound)?;
    let view = own(&web, &holder.signed, &text).await?;
    let attempts = web.app.attempts(&holder.signed.caller, view.id).await?;
    let known = match (&view.details, view.gateway) {
        (DetailsView::Charge { txid, .. }, Some(Gateway::Efi)) => txid.clone(),
        (DetailsView::Charge { .. }, Some(Gateway::MercadoPago)) => {
            let shown = attempts.iter().rev();
            let mut shown = shown.filter(|it| it.gateway == Gateway::MercadoPago);
            shown.next().map(|attempt| attempt.attempt_key.clone())
        }
        _ => None,
    };
    let known = known.ok_or(Stop::NotFound)?;
    let back = Redirect::to(&format!("/app/transacoes/{}", view.id)).into_response();
    if (demo.payer)(known).await {
        return Ok(back);
    }
    Ok(Notice::SimulationFailed.on(back, web.secure))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use app::views::{FailureView, PartyView, SendView};
    use domain::ids::{PayInId, UserId, WalletId};

    pub fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }

    /// A transaction with this kind's facts.
    pub fn view(kind: Kind, status: Status, stage: &str, details: DetailsView) -> TransactionView {
        TransactionView {
            id: TransactionId::from_bytes([1; 16]),
            kind,
            status,
            stage: stage.into(),
            version: 1,
            amount: cents(1_050),
            fee: Money::ZERO,
            user_id: UserId::from_bytes([2; 16]),
            wallet_id: WalletId::from_bytes([3; 16]),
            gateway: Some(Gateway::Efi),
            description: Some("<script>alert(1)</script>".into()),
            reference: None,
            metadata: None,
            end_to_end_id: Some("E1".into()),
            failure: None,
            corrected: false,
            created_at: Moment::default(),
            updated_at: Moment::default(),
            settled_at: None,
            details,
        }
    }

    pub fn charge(status: Status, stage: &str) -> TransactionView {
        let paid = PayInView {
            id: PayInId::from_bytes([4; 16]),
            gateway: Some(Gateway::Efi),
            amount: cents(1_050),
            fee: cents(12),
            end_to_end_id: None,
            paid_at: Moment::default(),
            refunded: cents(50),
            reversed: Money::ZERO,
            disputed: Money::ZERO,
            payer: PartyView {
                name: Some("<b>Bia</b>".into()),
                tax_id_masked: None,
                bank: None,
            },
        };
        let is_paid = status == Status::Success;
        let details = DetailsView::Charge {
            br_code: Some("00020126".into()),
            txid: None,
            expires_at: Moment::default(),
            payer: Some(paid.payer.clone()),
            paid: cents(if is_paid { 1_050 } else { 0 }),
            paid_late: false,
            overpaid: false,
            refunded: Money::ZERO,
            pay_ins: if is_paid { vec![paid] } else { Vec::new() },
            refunds: Vec::new(),
        };
        view(Kind::Charge, status, stage, details)
    }

    pub fn payout(status: Status, stage: &str) -> TransactionView {
        let details = DetailsView::Payout {
            pix_key: Some("ana@example.com".into()),
            pix_key_type: Some("email"),
            br_code: None,
            payee: None,
            returned: Money::ZERO,
            returns: Vec::new(),
            waiting_for: None,
        };
        view(Kind::Payout, status, stage, details)
    }

    fn text(view: &TransactionView, attempts: &[AttemptView], language: Language) -> String {
        page(Shell::sample(language), view, attempts)
            .render()
            .unwrap()
    }

    #[test]
    fn a_charge_shows_its_code_until_it_is_paid() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let open = text(&charge(Status::Pending, "awaiting_payment"), &[], language);
            assert!(open.contains("<svg viewBox=\"0 0 ") && open.contains("00020126"));
            assert!(open.contains("/cancelar") && open.contains("/simular"));
            assert!(!open.contains("<script>alert"), "stored text is escaped");
            let paid = text(&charge(Status::Success, "paid"), &[], language);
            assert!(!paid.contains("00020126") && paid.contains(t.stages.paid_means));
            assert!(paid.contains("/devolver") && paid.contains("/comprovante"));
            assert!(!paid.contains("<b>Bia"), "{paid}");
        }
    }

    #[test]
    fn doubt_is_told_honestly() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let doubt = payout(Status::Pending, "in_doubt");
            let attempt = AttemptView {
                number: 1,
                gateway: Gateway::Efi,
                attempt_key: "k".into(),
                outcome: "unknown".into(),
                reason: None,
                why: String::new(),
                licence: None,
                decision: None,
                sends: Vec::<SendView>::new(),
                created_at: Moment::default(),
            };
            let shown = text(&doubt, &[attempt], language);
            assert!(shown.contains(t.stages.in_doubt_means) && !shown.contains("/cancelar"));
            assert!(shown.contains(&fill(t.detail.step_doubt, &["Efí"])));
            let mut refused = payout(Status::Failed, "rejected");
            refused.failure = Some(FailureView {
                code: "payee_key_not_found".into(),
                message: "x".into(),
            });
            assert!(text(&refused, &[], language).contains(t.failures.key_not_found));
        }
    }

    #[test]
    fn only_what_came_through_a_gateway_and_is_undisputed_can_go_back() {
        let DetailsView::Charge { pay_ins, .. } = charge(Status::Success, "paid").details else {
            panic!("a charge");
        };
        let mut paid = pay_ins[0].clone();
        assert_eq!(refundable(&paid), cents(1_000));
        paid.disputed = cents(1);
        assert_eq!(refundable(&paid), Money::ZERO);
        paid.disputed = Money::ZERO;
        paid.gateway = None;
        assert_eq!(refundable(&paid), Money::ZERO);
    }
}
