//! Charges and pay-ins as rows.

use domain::charge::{ChargeStage, ChargeStep, IllegalChargeStep};
use domain::money::Money;
use domain::status::{Kind, Status};
use domain::tax_id::TaxId;
use domain::time::Moment;
use serde::{Deserialize, Serialize};

use super::outgoing::StoredFailure;
use super::{corrupt, read, write};
use crate::ports::gateway::{ObservedPayer, Payer};
use crate::ports::store::{PayInRow, StoreError, TransactionRow};

/// The open facts of a charge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChargeFacts {
    pub since: i64,
    pub expires_in_seconds: u32,
    /// Reckoned from the request; once a gateway made the code, what that gateway said.
    pub expires_at: i64,
    /// The attempt whose code is shown.
    pub attempt: Option<u32>,
    pub txid: Option<String>,
    /// All that was paid, gross.
    pub paid_cents: i64,
    pub paid_late: bool,
    /// It was paid by another wallet of ours, without any gateway.
    pub paid_inside: bool,
    pub failure: Option<StoredFailure>,
}

/// The sealed facts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChargePrivate {
    pub description: Option<String>,
    pub metadata: Option<String>,
    pub payer: Option<StoredPayer>,
    pub br_code: Option<String>,
}

/// Who is asked to pay.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoredPayer {
    pub name: Option<String>,
    pub tax_id: Option<String>,
    pub email: Option<String>,
}

impl StoredPayer {
    pub fn new(payer: &Payer) -> StoredPayer {
        StoredPayer {
            name: payer.name.clone(),
            tax_id: payer
                .tax_id
                .as_ref()
                .map(|tax_id| tax_id.as_str().to_owned()),
            email: payer.email.clone(),
        }
    }

    /// As the gateways are told; a stored tax id that no longer reads is left out.
    pub fn restore(&self) -> Payer {
        Payer {
            name: self.name.clone(),
            tax_id: self
                .tax_id
                .as_deref()
                .and_then(|text| TaxId::parse(text).ok()),
            email: self.email.clone(),
        }
    }
}

/// A charge as the machine sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargeRecord {
    pub row: TransactionRow,
    pub stage: ChargeStage,
    pub facts: ChargeFacts,
    pub private: ChargePrivate,
}

impl ChargeRecord {
    pub fn load(row: &TransactionRow) -> Result<ChargeRecord, StoreError> {
        if row.kind != Kind::Charge {
            return Err(corrupt(row, "kind", "not a charge"));
        }
        let facts: ChargeFacts = read(row, "facts", &row.facts)?;
        let stage = stage_of(row, &facts)?;
        if stage.status() != row.status {
            return Err(corrupt(row, "status", "does not fit the stage"));
        }
        Ok(ChargeRecord {
            stage,
            private: read(row, "private", &row.private)?,
            facts,
            row: row.clone(),
        })
    }

    pub fn expires_at(&self) -> Moment {
        Moment::from_micros(self.facts.expires_at)
    }

    /// All that was paid, gross.
    pub fn paid(&self) -> Money {
        Money::from_cents(self.facts.paid_cents).unwrap_or(Money::ZERO)
    }

    /// More was paid than was asked for.
    pub fn overpaid(&self) -> bool {
        self.paid() > self.row.amount
    }

    /// Takes a step of the machine.
    pub fn step(
        mut self,
        step: ChargeStep,
        now: Moment,
    ) -> Result<ChargeRecord, IllegalChargeStep> {
        let before = self.stage.name();
        self.stage = self.stage.step(self.row.amount, step, now)?;
        if let ChargeStep::PayIn { total } = step {
            self.facts.paid_cents = total.cents();
        }
        if self.stage.name() != before {
            self.facts.since = now.micros();
        }
        Ok(self)
    }

    /// The next version of the row, with the deadline of its stage.
    pub fn into_row(self, now: Moment, deadline: Option<Moment>) -> TransactionRow {
        let ChargeRecord {
            mut row,
            stage,
            mut facts,
            private,
        } = self;
        row.stage = stage.name().to_owned();
        row.status = stage.status();
        row.version += 1;
        row.updated_at = now;
        row.stage_deadline = deadline.filter(|_| row.status == Status::Pending);
        row.settled_at = None;
        if let ChargeStage::Paid { at, late, .. } = stage {
            row.settled_at = Some(at);
            facts.paid_late = late;
            facts.failure = None;
        }
        row.facts = write(&facts);
        row.private = write(&private);
        row
    }
}

fn stage_of(row: &TransactionRow, facts: &ChargeFacts) -> Result<ChargeStage, StoreError> {
    let paid = Money::from_cents(facts.paid_cents)
        .map_err(|error| corrupt(row, "facts", &error.to_string()))?;
    Ok(match row.stage.as_str() {
        "creating" => ChargeStage::Creating,
        "awaiting_payment" => ChargeStage::AwaitingPayment,
        "underpaid" => ChargeStage::Underpaid { paid },
        "paid" => ChargeStage::Paid {
            paid,
            at: row
                .settled_at
                .ok_or_else(|| corrupt(row, "settled_at", "absent"))?,
            late: facts.paid_late,
        },
        "expired" => ChargeStage::Expired { paid },
        "cancelled" => ChargeStage::Cancelled,
        "creation_failed" => ChargeStage::CreationFailed,
        _ => return Err(corrupt(row, "stage", "unknown")),
    })
}

/// Who paid, as the gateway told it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PayInPayer {
    pub name: Option<String>,
    /// Often masked already.
    pub tax_id: Option<String>,
    pub bank: Option<String>,
}

impl PayInPayer {
    pub fn text(payer: &ObservedPayer) -> String {
        write(&PayInPayer {
            name: payer.name.clone(),
            tax_id: payer.tax_id.clone(),
            bank: payer.bank.clone(),
        })
    }

    pub fn load(row: &PayInRow) -> Result<PayInPayer, StoreError> {
        serde_json::from_str(&row.payer)
            .map_err(|error| StoreError::Corrupt(format!("pay_ins.payer of {}: {error}", row.id)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use domain::ids::{TransactionId, UserId, WalletId};

    pub(crate) fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }

    /// A charge over R$ 1.00 that was just asked for.
    pub(crate) fn creating() -> ChargeRecord {
        let row = TransactionRow {
            id: TransactionId::from_bytes([1; 16]),
            wallet_id: WalletId::from_bytes([2; 16]),
            user_id: UserId::from_bytes([3; 16]),
            kind: Kind::Charge,
            status: Status::Pending,
            stage: "creating".into(),
            version: 1,
            amount: cents(100),
            fee: Money::ZERO,
            gateway: None,
            idempotency: None,
            reference: None,
            end_to_end_id: None,
            parent: None,
            stage_deadline: None,
            created_at: Moment::default(),
            updated_at: Moment::default(),
            settled_at: None,
            facts: write(&ChargeFacts::default()),
            private: write(&ChargePrivate::default()),
            payee_user_id: None,
        };
        ChargeRecord::load(&row).unwrap()
    }

    #[test]
    fn every_stage_round_trips_through_its_row() {
        let now = Moment::from_micros(7);
        let steps: &[&[ChargeStep]] = &[
            &[],
            &[ChargeStep::Created],
            &[ChargeStep::Created, ChargeStep::PayIn { total: cents(40) }],
            &[ChargeStep::Created, ChargeStep::PayIn { total: cents(140) }],
            &[ChargeStep::Created, ChargeStep::ConfirmedExpired],
            &[
                ChargeStep::Created,
                ChargeStep::PayIn { total: cents(40) },
                ChargeStep::ConfirmedExpired,
            ],
            &[
                ChargeStep::Created,
                ChargeStep::ConfirmedCancelled,
                ChargeStep::PayIn { total: cents(100) },
            ],
            &[ChargeStep::CreationFailed],
        ];
        for steps in steps {
            let mut record = creating();
            for step in *steps {
                record = record.step(*step, now).unwrap();
            }
            let (stage, paid) = (record.stage, record.paid());
            let row = record.into_row(now, None);
            let read = ChargeRecord::load(&row).unwrap();
            assert_eq!((read.stage, read.paid(), row.version), (stage, paid, 2));
        }
    }

    #[test]
    fn a_small_payment_after_the_end_is_remembered_though_the_stage_stays() {
        let now = Moment::from_micros(7);
        let ended = creating()
            .step(ChargeStep::ConfirmedCancelled, now)
            .unwrap();
        let paid = ended
            .step(ChargeStep::PayIn { total: cents(99) }, now)
            .unwrap();
        assert_eq!(
            (paid.stage, paid.paid()),
            (ChargeStage::Cancelled, cents(99))
        );
    }

    #[test]
    fn a_row_of_another_shape_is_named_as_corrupt() {
        let mut row = creating().row;
        row.stage = "unheard_of".into();
        assert!(matches!(
            ChargeRecord::load(&row),
            Err(StoreError::Corrupt(_))
        ));
        let mut row = creating().row;
        row.status = Status::Success;
        assert!(matches!(
            ChargeRecord::load(&row),
            Err(StoreError::Corrupt(_))
        ));
    }
}
