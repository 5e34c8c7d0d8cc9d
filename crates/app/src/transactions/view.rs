//! Transactions as their owner sees them, built from stored rows alone.
//!
//! The other side of a payment is shown by name, bank and masked tax id; only what the caller gave
//! us is shown in full.

use domain::ids::UserId;
use domain::money::Money;
use domain::pix::key::PixKeyKind;
use domain::status::{Kind, Status};
use domain::tax_id::TaxId;
use domain::time::Moment;

use crate::payouts::inside::INSIDE_PREFIX;
use crate::ports::store::{PayInRow, StoreError, TransactionRecord, TransactionRow};
use crate::records::charge::{ChargeRecord, PayInPayer};
use crate::records::corrupt;
use crate::records::outgoing::{OutgoingRecord, StoredFailure, StoredReturn};
use crate::records::transfer::TransferRecord;
use crate::views::{DetailsView, FailureView, PartyView, PayInView, ReturnView, TransactionView};

/// The view of a transaction; `refunds` are those of a charge.
pub(crate) fn view(
    record: &TransactionRecord,
    refunds: &[TransactionRow],
) -> Result<TransactionView, StoreError> {
    let shown = match record.row.kind {
        Kind::Charge => charge(record, refunds)?,
        Kind::Payout => payout(&record.row)?,
        Kind::Transfer => transfer(&record.row)?,
        Kind::Refund => refund(&record.row)?,
    };
    let row = &record.row;
    Ok(TransactionView {
        id: row.id,
        kind: row.kind,
        status: row.status,
        stage: row.stage.clone(),
        version: row.version,
        amount: row.amount,
        fee: row.fee,
        user_id: row.user_id,
        wallet_id: row.wallet_id,
        gateway: row.gateway,
        description: shown.description,
        reference: row.reference.clone(),
        metadata: shown.metadata,
        end_to_end_id: row.end_to_end_id.clone(),
        failure: shown.failure,
        corrected: shown.corrected,
        created_at: row.created_at,
        updated_at: row.updated_at,
        settled_at: row.settled_at,
        details: shown.details,
    })
}

/// What the kinds store each in their own way.
struct Shown {
    description: Option<String>,
    metadata: Option<String>,
    failure: Option<FailureView>,
    corrected: bool,
    details: DetailsView,
}

fn charge(record: &TransactionRecord, refunds: &[TransactionRow]) -> Result<Shown, StoreError> {
    let charge = ChargeRecord::load(&record.row)?;
    let pay_ins: Vec<PayInView> = record
        .pay_ins
        .iter()
        .map(pay_in)
        .collect::<Result<_, _>>()?;
    let asked = charge.private.payer.as_ref().map(|payer| PartyView {
        name: payer.name.clone(),
        tax_id_masked: payer.tax_id.as_deref().and_then(masked),
        bank: None,
    });
    let settled = refunds
        .iter()
        .filter(|refund| refund.status == Status::Success);
    Ok(Shown {
        failure: charge.facts.failure.as_ref().map(failure),
        corrected: false,
        details: DetailsView::Charge {
            br_code: charge.private.br_code.clone(),
            txid: charge.facts.txid.clone(),
            expires_at: charge.expires_at(),
            payer: asked.or_else(|| pay_ins.first().map(|paid| paid.payer.clone())),
            paid: charge.paid(),
            paid_late: charge.facts.paid_late,
            overpaid: charge.overpaid(),
            refunded: Money::sum(settled.map(|refund| refund.amount)).unwrap_or(Money::MAX),
            pay_ins,
            refunds: refunds.iter().map(|refund| refund.id).collect(),
        },
        description: charge.private.description,
        metadata: charge.private.metadata,
    })
}

fn pay_in(row: &PayInRow) -> Result<PayInView, StoreError> {
    let payer = PayInPayer::load(row)?;
    Ok(PayInView {
        id: row.id,
        gateway: (!row.key.starts_with(INSIDE_PREFIX)).then_some(row.gateway),
        amount: row.amount,
        fee: row.fee,
        end_to_end_id: row.end_to_end_id.clone(),
        paid_at: row.paid_at,
        refunded: row.refunded,
        reversed: row.reversed,
        disputed: row.disputed,
        payer: PartyView {
            name: payer.name,
            tax_id_masked: payer.tax_id.as_deref().and_then(masked),
            bank: payer.bank,
        },
    })
}

fn payout(row: &TransactionRow) -> Result<Shown, StoreError> {
    let record = OutgoingRecord::load(row)?;
    let (facts, private) = (record.facts, record.private);
    let told = private.payee_tax_id_masked.clone();
    let payee = PartyView {
        name: private.payee_name.clone(),
        tax_id_masked: told.or_else(|| private.payee_tax_id.as_deref().and_then(masked)),
        bank: None,
    };
    let kind = private
        .pix_key_type
        .as_deref()
        .and_then(PixKeyKind::from_name);
    Ok(Shown {
        failure: facts.failure.as_ref().map(failure),
        corrected: facts.corrected,
        details: DetailsView::Payout {
            pix_key: private.pix_key,
            pix_key_type: kind.map(PixKeyKind::as_str),
            br_code: private.br_code,
            payee: Some(payee).filter(|payee| *payee != PartyView::default()),
            returned: cents(row, facts.returned_cents)?,
            returns: facts
                .returns
                .iter()
                .map(|stored| returned(row, stored))
                .collect::<Result<_, _>>()?,
            waiting_for: facts.waiting_for,
        },
        description: private.description,
        metadata: private.metadata,
    })
}

fn returned(row: &TransactionRow, stored: &StoredReturn) -> Result<ReturnView, StoreError> {
    Ok(ReturnView {
        id: stored.key.clone(),
        amount: cents(row, stored.cents)?,
        at: Moment::from_micros(stored.at),
    })
}

fn transfer(row: &TransactionRow) -> Result<Shown, StoreError> {
    let record = TransferRecord::load(row)?;
    let payee = PartyView {
        name: record.private.payee_name,
        tax_id_masked: record.private.payee_tax_id_masked,
        bank: None,
    };
    Ok(Shown {
        description: record.private.description,
        metadata: record.private.metadata,
        failure: None,
        corrected: false,
        details: DetailsView::Transfer {
            to_wallet_id: record.to_wallet_id,
            payee: Some(payee).filter(|payee| *payee != PartyView::default()),
        },
    })
}

/// A transfer from the side of the one whom it reached. What the sender wrote for itself
/// (description, reference, metadata) is not shown.
pub(crate) fn received(
    row: &TransactionRow,
    payee: UserId,
    payer_name: Option<String>,
) -> Result<TransactionView, StoreError> {
    let transfer = TransferRecord::load(row)?;
    Ok(TransactionView {
        id: row.id,
        kind: row.kind,
        status: row.status,
        stage: row.stage.clone(),
        version: row.version,
        amount: row.amount,
        fee: Money::ZERO,
        user_id: payee,
        wallet_id: transfer.to_wallet_id,
        gateway: None,
        description: None,
        reference: None,
        metadata: None,
        end_to_end_id: None,
        failure: None,
        corrected: false,
        created_at: row.created_at,
        updated_at: row.updated_at,
        settled_at: row.settled_at,
        details: DetailsView::Received {
            payer: PartyView {
                name: payer_name,
                ..PartyView::default()
            },
        },
    })
}

fn refund(row: &TransactionRow) -> Result<Shown, StoreError> {
    let record = OutgoingRecord::load(row)?;
    let pay_in_id = record
        .pay_in_id()
        .ok_or_else(|| corrupt(row, "facts", "no pay-in"))?;
    Ok(Shown {
        description: record.private.description,
        metadata: record.private.metadata,
        failure: record.facts.failure.as_ref().map(failure),
        corrected: record.facts.corrected,
        details: DetailsView::Refund {
            charge_id: row.parent.ok_or_else(|| corrupt(row, "parent", "absent"))?,
            pay_in_id,
        },
    })
}

fn failure(stored: &StoredFailure) -> FailureView {
    FailureView {
        code: stored.code.clone(),
        message: stored.message.clone(),
    }
}

fn cents(row: &TransactionRow, cents: i64) -> Result<Money, StoreError> {
    Money::from_cents(cents).map_err(|error| corrupt(row, "facts", &error.to_string()))
}

/// As the other side may see it. What came masked stays as it came; what cannot be read is hidden.
pub(crate) fn masked(tax_id: &str) -> Option<String> {
    match TaxId::parse(tax_id) {
        Ok(tax_id) => Some(tax_id.masked()),
        Err(_) if tax_id.contains('*') => Some(tax_id.to_owned()),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::gateway::ObservedPayer;
    use crate::records::charge::tests::{cents, creating};
    use domain::charge::ChargeStep;
    use domain::gateway::Gateway;
    use domain::ids::PayInId;

    fn pay_in_row(amount: i64) -> PayInRow {
        PayInRow {
            id: PayInId::from_bytes([5; 16]),
            gateway: Gateway::Efi,
            key: "E1".into(),
            transaction_id: None,
            wallet_id: None,
            amount: cents(amount),
            fee: cents(1),
            reversed: Money::ZERO,
            refunded: Money::ZERO,
            disputed: Money::ZERO,
            end_to_end_id: Some("E1".into()),
            paid_at: Moment::from_micros(3),
            created_at: Moment::from_micros(4),
            version: 1,
            payer: PayInPayer::text(&ObservedPayer {
                name: Some("Bia".into()),
                tax_id: Some("52998224725".into()),
                bank: None,
            }),
        }
    }

    #[test]
    fn a_paid_charge_shows_who_paid_with_a_masked_tax_id() {
        let now = Moment::from_micros(9);
        let paid = creating()
            .step(ChargeStep::PayIn { total: cents(150) }, now)
            .unwrap();
        let record = TransactionRecord {
            row: paid.into_row(now, None),
            attempts: Vec::new(),
            pay_ins: vec![pay_in_row(150)],
            proposal: None,
        };
        let mut refund = record.row.clone();
        refund.amount = cents(30);
        let mut open = refund.clone();
        open.status = Status::Pending;
        let shown = view(&record, &[refund, open]).unwrap();
        assert_eq!(
            (shown.status, shown.settled_at),
            (Status::Success, Some(now))
        );
        let DetailsView::Charge {
            payer,
            paid,
            overpaid,
            refunded,
            refunds,
            pay_ins,
            ..
        } = shown.details
        else {
            panic!("a charge shows a charge's facts")
        };
        assert_eq!((paid, overpaid, refunded), (cents(150), true, cents(30)));
        assert_eq!((pay_ins.len(), refunds.len()), (1, 2));
        let payer = payer.unwrap();
        assert_eq!(payer.name.as_deref(), Some("Bia"));
        assert_eq!(payer.tax_id_masked.as_deref(), Some("***.982.247-**"));
    }

    #[test]
    fn an_unreadable_tax_id_is_hidden_and_a_masked_one_kept() {
        assert_eq!(masked("***.111.222-**").as_deref(), Some("***.111.222-**"));
        assert_eq!(masked("529982247"), None);
    }
}
