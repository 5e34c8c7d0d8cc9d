//! Payments that were paid, as money of ours.
//!
//! A payment counts only when our account collected it, by PIX, in BRL, and its status says that
//! the money came: `approved`, or one of the states that follow it. What was refunded since then
//! stands in `returned`, one by one. A payment has one state, so it shows at most one dispute at a
//! time, under one key, and every look says where it stands, also that there is none.

use app::ports::gateway::{
    GatewayTrouble, ObservedDispute, ObservedPayIn, ObservedPayer, ObservedReturn,
};
use domain::dispute::ShownDispute;
use domain::money::Money;
use domain::time::Moment;

use super::payout::encoded;
use super::session::Session;
use super::{trouble, wire};
use crate::time;

const PER_PAGE: usize = 50;
/// The caller asks for windows of some hundreds at most.
const MOST_PAGES: usize = 20;

pub(super) async fn look_up(
    session: &Session,
    id: &str,
) -> Result<Option<ObservedPayIn>, GatewayTrouble> {
    let path = format!("/v1/payments/{}", encoded(id));
    let answer = session
        .get("pay_in_lookup", &path)
        .await
        .map_err(|failure| trouble(failure.as_str()))?;
    match answer.status {
        200 => {}
        404 => return Ok(None),
        status => return Err(trouble(format!("pay-in lookup answered {status}"))),
    }
    let payment: wire::Payment = answer.read().ok_or_else(|| trouble("unreadable payment"))?;
    observed(session, &payment).await
}

pub(super) async fn between(
    session: &Session,
    from: Moment,
    to: Moment,
) -> Result<Vec<ObservedPayIn>, GatewayTrouble> {
    let mut found = Vec::new();
    for page in 0..MOST_PAGES {
        let offset = page * PER_PAGE;
        let search = search(session, from, to, offset).await?;
        let count = search.results.len();
        for payment in &search.results {
            found.extend(observed(session, payment).await?);
        }
        let total = search.paging.and_then(|paging| paging.total);
        let is_last = count == 0 || total.map_or(count < PER_PAGE, |total| offset + count >= total);
        if is_last {
            return Ok(found);
        }
    }
    Err(trouble("more pay-ins than one window may hold"))
}

/// By the time of the payment, not of the charge, which may be a month older.
async fn search(
    session: &Session,
    from: Moment,
    to: Moment,
    offset: usize,
) -> Result<wire::Search, GatewayTrouble> {
    let path = format!(
        "/v1/payments/search?sort=date_created&criteria=desc&range=date_approved\
         &begin_date={}&end_date={}&limit={PER_PAGE}&offset={offset}",
        encoded(&time::utc(from)),
        encoded(&time::utc(to)),
    );
    let answer = session
        .get("pay_ins", &path)
        .await
        .map_err(|failure| trouble(failure.as_str()))?;
    if answer.status != 200 {
        return Err(trouble(format!("pay-in search answered {}", answer.status)));
    }
    answer.read().ok_or_else(|| trouble("unreadable search"))
}

/// The payment as money received, or `None` when it is not (not paid, not ours, not PIX).
pub(super) async fn observed(
    session: &Session,
    payment: &wire::Payment,
) -> Result<Option<ObservedPayIn>, GatewayTrouble> {
    let Some(status) = paid_status(payment) else {
        return Ok(None);
    };
    if !is_collected_by(session.account().await?, payment) {
        return Ok(None);
    }
    let mut pay_in =
        read(payment).ok_or_else(|| trouble("a paid payment without id, amount or time"))?;
    // A list may show a payment before its refunds: ask for them when the total says otherwise.
    let told = payment
        .transaction_amount_refunded
        .and_then(|amount| amount.0)
        .unwrap_or(Money::ZERO);
    let listed = Money::sum(
        payment
            .refunds
            .iter()
            .filter(|refund| refund.status.as_deref() == Some("approved"))
            .filter_map(|refund| refund.amount.and_then(|amount| amount.0)),
    );
    if listed != Some(told) {
        let refunds = super::refund::list(session, &pay_in.key).await?;
        pay_in.returned = refunds.iter().filter_map(returned).collect();
    }
    pay_in.disputes = vec![dispute(status, payment, &pay_in)];
    Ok(Some(pay_in))
}

/// The states of a payment whose money came, whatever became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PaidStatus {
    Approved,
    InMediation,
    Refunded,
    ChargedBack(ChargeBack),
}

/// What `status_detail` says of a charge-back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChargeBack {
    InProcess,
    /// Decided against us.
    Settled,
    /// Decided for us: the money was given back.
    Reimbursed,
    Unrecognized,
}

/// Where a payment stands that was paid, by PIX, in BRL; `None` for any other.
fn paid_status(payment: &wire::Payment) -> Option<PaidStatus> {
    let is_pix = payment.payment_method_id.as_deref() == Some("pix");
    let is_brl = payment.currency_id.as_deref() == Some("BRL");
    if !is_pix || !is_brl {
        return None;
    }
    match payment.status.as_deref()? {
        "approved" => Some(PaidStatus::Approved),
        "in_mediation" => Some(PaidStatus::InMediation),
        "refunded" => Some(PaidStatus::Refunded),
        "charged_back" => {
            let detail = payment.status_detail.as_deref();
            Some(PaidStatus::ChargedBack(match detail {
                Some("in_process") => ChargeBack::InProcess,
                Some("settled") => ChargeBack::Settled,
                Some("reimbursed") => ChargeBack::Reimbursed,
                Some(_) | None => ChargeBack::Unrecognized,
            }))
        }
        _ => None,
    }
}

fn is_collected_by(account: &str, payment: &wire::Payment) -> bool {
    let collector = payment
        .collector_id
        .as_ref()
        .or_else(|| payment.collector.as_ref().map(|collector| &collector.id));
    collector.is_some_and(|collector| collector.0 == account)
}

fn read(payment: &wire::Payment) -> Option<ObservedPayIn> {
    let key = payment.id.as_ref()?.0.clone();
    let data = payment
        .point_of_interaction
        .as_ref()
        .and_then(|interaction| interaction.transaction_data.as_ref());
    Some(ObservedPayIn {
        key,
        end_to_end_id: data.and_then(|data| data.e2e_id.clone().or(data.transaction_id.clone())),
        amount: payment.transaction_amount?.0?,
        fee: fee(payment),
        paid_at: time::parse(payment.date_approved.as_deref()?)?,
        payer: payer(payment, data),
        charge_reference: payment.external_reference.clone(),
        returned: payment.refunds.iter().filter_map(returned).collect(),
        disputes: Vec::new(),
    })
}

/// What we paid of it; fees that the payer bears are not ours.
fn fee(payment: &wire::Payment) -> Option<Money> {
    Money::sum(
        payment
            .fee_details
            .iter()
            .filter(|fee| {
                fee.fee_payer
                    .as_deref()
                    .is_none_or(|payer| payer == "collector")
            })
            .filter_map(|fee| fee.amount.and_then(|amount| amount.0)),
    )
}

fn payer(payment: &wire::Payment, data: Option<&wire::TransactionData>) -> ObservedPayer {
    let payer = payment.payer.as_ref();
    let stated = payer.and_then(|payer| match (&payer.first_name, &payer.last_name) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (Some(name), None) | (None, Some(name)) => Some(name.clone()),
        (None, None) => None,
    });
    // The bank knows who paid; the payer of the payment is who was expected to.
    let by_bank = data
        .and_then(|data| data.bank_info.as_ref())
        .and_then(|bank| bank.payer.as_ref())
        .and_then(|payer| payer.long_name.clone());
    ObservedPayer {
        name: by_bank.or(stated),
        tax_id: payer
            .and_then(|payer| payer.identification.as_ref())
            .and_then(|identification| identification.number.clone()),
        bank: None,
    }
}

/// A refund as a return. One that was rejected took nothing.
pub(super) fn returned(refund: &wire::Refund) -> Option<ObservedReturn> {
    let done = match refund.status.as_deref() {
        Some("approved") => true,
        Some("rejected" | "cancelled") => return None,
        Some(_) | None => false,
    };
    Some(ObservedReturn {
        key: refund.id.as_ref()?.0.clone(),
        attempt_key: None,
        amount: refund.amount?.0?,
        done,
    })
}

/// Where the dispute over a payment stands. It is over everything that refunds have left.
fn dispute(status: PaidStatus, payment: &wire::Payment, pay_in: &ObservedPayIn) -> ObservedDispute {
    let done = pay_in.returned.iter().filter(|item| item.done);
    let refunded = Money::sum(done.map(|item| item.amount)).unwrap_or(Money::MAX);
    let amount = pay_in.amount.checked_sub(refunded).unwrap_or(Money::ZERO);
    let shown = match status {
        PaidStatus::Approved
        | PaidStatus::Refunded
        | PaidStatus::ChargedBack(ChargeBack::Reimbursed) => ShownDispute::Nothing,
        PaidStatus::InMediation | PaidStatus::ChargedBack(ChargeBack::InProcess) => {
            ShownDispute::Open { amount }
        }
        PaidStatus::ChargedBack(ChargeBack::Settled) => ShownDispute::Lost { amount },
        // Charged back in a way that this version does not know: kept from us, not yet decided.
        PaidStatus::ChargedBack(ChargeBack::Unrecognized) => {
            tracing::warn!(
                gateway = "mercado_pago",
                "a charge-back whose detail this version does not know"
            );
            ShownDispute::Open { amount }
        }
    };
    ObservedDispute {
        key: "payment".to_owned(),
        shown,
        seen_at: payment.date_last_updated.as_deref().and_then(time::parse),
    }
}

#[cfg(test)]
#[path = "pay_in_tests.rs"]
mod tests;
