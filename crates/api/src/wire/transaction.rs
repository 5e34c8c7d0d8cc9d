//! Transactions of every kind, and the attempts behind them.

use app::views::{
    AttemptView, DetailsView, FailureView, LicenceView, PartyView, PayInView, ReturnView, SendView,
    TransactionView,
};
use domain::ids::WalletId;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::people::optional_time;
use super::{stored_json, time};

/// One movement of money: the common facts, and beside them those of its kind.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Transaction)]
pub struct TransactionBody {
    #[schema(example = "txn_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    /// `charge`, `payout`, `transfer` or `refund`.
    pub kind: &'static str,
    /// `pending`, `success` or `failed`.
    pub status: &'static str,
    /// Where inside the status, such as `queued`, `awaiting_payment`, `in_doubt`.
    pub stage: String,
    /// Grows by one with every change.
    pub version: u64,
    pub amount_cents: i64,
    /// The fee beside the amount.
    pub fee_cents: i64,
    /// Zeros on the platform's own payments, as the wallet's.
    pub user_id: String,
    pub wallet_id: String,
    /// The gateway that carries or carried it: `efi` or `mercado_pago`.
    pub gateway: Option<&'static str>,
    pub description: Option<String>,
    /// The caller's own reference.
    pub reference: Option<String>,
    /// The caller's own data, as given.
    #[schema(value_type = Option<Object>)]
    pub metadata: Option<Value>,
    pub end_to_end_id: Option<String>,
    /// Why it failed; null unless the status is `failed`.
    pub failure: Option<FailureBody>,
    /// Evidence contradicted an earlier decision, and the status was corrected.
    pub corrected: bool,
    #[schema(format = DateTime)]
    pub created_at: String,
    #[schema(format = DateTime)]
    pub updated_at: String,
    #[schema(format = DateTime)]
    pub settled_at: Option<String>,
    #[serde(flatten)]
    pub details: DetailsBody,
}

/// Why a transaction failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub struct FailureBody {
    pub code: String,
    pub message: String,
}

impl From<&FailureView> for FailureBody {
    fn from(view: &FailureView) -> FailureBody {
        FailureBody {
            code: view.code.clone(),
            message: view.message.clone(),
        }
    }
}

/// The facts of one kind, beside the common ones.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TransactionDetails)]
#[serde(untagged)]
pub enum DetailsBody {
    Charge(ChargeDetails),
    Payout(PayoutDetails),
    Transfer(TransferDetails),
    Refund(RefundDetails),
}

/// Money in by PIX.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChargeDetails {
    /// The copia-e-cola, once a gateway made it.
    pub br_code: Option<String>,
    pub txid: Option<String>,
    #[schema(format = DateTime)]
    pub expires_at: String,
    pub payer: Option<PartyBody>,
    pub paid_cents: i64,
    /// Paid after it had expired or been cancelled.
    pub paid_late: bool,
    /// More was paid than asked for.
    pub overpaid: bool,
    pub refunded_cents: i64,
    /// Every PIX that paid it.
    pub pay_ins: Vec<PayInBody>,
    /// Its refunds' ids.
    pub refunds: Vec<String>,
}

/// Money out by PIX.
#[derive(Debug, Serialize, ToSchema)]
pub struct PayoutDetails {
    pub pix_key: Option<String>,
    /// `cpf`, `cnpj`, `phone`, `email` or `evp`.
    pub pix_key_type: Option<&'static str>,
    pub br_code: Option<String>,
    pub payee: Option<PartyBody>,
    pub returned_cents: i64,
    /// Money that came back.
    pub returns: Vec<ReturnBody>,
    /// What it waits for, while it waits for something.
    pub waiting_for: Option<String>,
}

/// Money from wallet to wallet. It exists for both sides, each of which sees its own of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TransferDetails {
    /// `out` for the one who sent it, `in` for the one whom it reached.
    pub direction: &'static str,
    pub to_wallet_id: String,
    /// Whom it reached; null where that is the caller.
    pub payee: Option<PartyBody>,
    /// Who sent it, by name alone; null where that is the caller.
    pub payer: Option<PartyBody>,
}

/// A received PIX given back.
#[derive(Debug, Serialize, ToSchema)]
pub struct RefundDetails {
    /// The charge that is given back.
    pub charge_id: String,
    pub pay_in_id: String,
}

/// The other side of a payment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Party)]
pub struct PartyBody {
    pub name: Option<String>,
    pub tax_id_masked: Option<String>,
    pub bank: Option<String>,
}

impl From<&PartyView> for PartyBody {
    fn from(view: &PartyView) -> PartyBody {
        PartyBody {
            name: view.name.clone(),
            tax_id_masked: view.tax_id_masked.clone(),
            bank: view.bank.clone(),
        }
    }
}

/// One PIX that paid a charge.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayIn)]
pub struct PayInBody {
    #[schema(example = "pin_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    pub gateway: Option<&'static str>,
    pub amount_cents: i64,
    pub fee_cents: i64,
    pub end_to_end_id: Option<String>,
    #[schema(format = DateTime)]
    pub paid_at: String,
    /// Given back by refunds, open ones included.
    pub refunded_cents: i64,
    /// Taken back by the gateway.
    pub reversed_cents: i64,
    /// Blocked by an open dispute: neither spendable nor refundable until it ends.
    pub disputed_cents: i64,
    pub payer: PartyBody,
}

impl From<&PayInView> for PayInBody {
    fn from(view: &PayInView) -> PayInBody {
        PayInBody {
            id: view.id.to_string(),
            gateway: view.gateway.map(|gateway| gateway.as_str()),
            amount_cents: view.amount.cents(),
            fee_cents: view.fee.cents(),
            end_to_end_id: view.end_to_end_id.clone(),
            paid_at: time::format(view.paid_at),
            refunded_cents: view.refunded.cents(),
            reversed_cents: view.reversed.cents(),
            disputed_cents: view.disputed.cents(),
            payer: PartyBody::from(&view.payer),
        }
    }
}

/// Money of a payout that came back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Return)]
pub struct ReturnBody {
    pub id: String,
    pub amount_cents: i64,
    #[schema(format = DateTime)]
    pub at: String,
}

impl From<&ReturnView> for ReturnBody {
    fn from(view: &ReturnView) -> ReturnBody {
        ReturnBody {
            id: view.id.clone(),
            amount_cents: view.amount.cents(),
            at: time::format(view.at),
        }
    }
}

impl From<&TransactionView> for TransactionBody {
    fn from(view: &TransactionView) -> TransactionBody {
        TransactionBody {
            id: view.id.to_string(),
            kind: view.kind.as_str(),
            status: view.status.as_str(),
            stage: view.stage.clone(),
            version: view.version,
            amount_cents: view.amount.cents(),
            fee_cents: view.fee.cents(),
            user_id: view.user_id.to_string(),
            wallet_id: view.wallet_id.to_string(),
            gateway: view.gateway.map(|gateway| gateway.as_str()),
            description: view.description.clone(),
            reference: view.reference.clone(),
            metadata: view.metadata.as_deref().map(stored_json),
            end_to_end_id: view.end_to_end_id.clone(),
            failure: view.failure.as_ref().map(FailureBody::from),
            corrected: view.corrected,
            created_at: time::format(view.created_at),
            updated_at: time::format(view.updated_at),
            settled_at: optional_time(view.settled_at),
            details: details(&view.details, view.wallet_id),
        }
    }
}

fn details(view: &DetailsView, own_wallet: WalletId) -> DetailsBody {
    match view {
        DetailsView::Charge {
            br_code,
            txid,
            expires_at,
            payer,
            paid,
            paid_late,
            overpaid,
            refunded,
            pay_ins,
            refunds,
        } => DetailsBody::Charge(ChargeDetails {
            br_code: br_code.clone(),
            txid: txid.clone(),
            expires_at: time::format(*expires_at),
            payer: payer.as_ref().map(PartyBody::from),
            paid_cents: paid.cents(),
            paid_late: *paid_late,
            overpaid: *overpaid,
            refunded_cents: refunded.cents(),
            pay_ins: pay_ins.iter().map(PayInBody::from).collect(),
            refunds: refunds.iter().map(ToString::to_string).collect(),
        }),
        DetailsView::Payout {
            pix_key,
            pix_key_type,
            br_code,
            payee,
            returned,
            returns,
            waiting_for,
        } => DetailsBody::Payout(PayoutDetails {
            pix_key: pix_key.clone(),
            pix_key_type: *pix_key_type,
            br_code: br_code.clone(),
            payee: payee.as_ref().map(PartyBody::from),
            returned_cents: returned.cents(),
            returns: returns.iter().map(ReturnBody::from).collect(),
            waiting_for: waiting_for.clone(),
        }),
        DetailsView::Transfer {
            to_wallet_id,
            payee,
        } => DetailsBody::Transfer(TransferDetails {
            direction: "out",
            to_wallet_id: to_wallet_id.to_string(),
            payee: payee.as_ref().map(PartyBody::from),
            payer: None,
        }),
        DetailsView::Received { payer } => DetailsBody::Transfer(TransferDetails {
            direction: "in",
            to_wallet_id: own_wallet.to_string(),
            payee: None,
            payer: Some(PartyBody::from(payer)),
        }),
        DetailsView::Refund {
            charge_id,
            pay_in_id,
        } => DetailsBody::Refund(RefundDetails {
            charge_id: charge_id.to_string(),
            pay_in_id: pay_in_id.to_string(),
        }),
    }
}

/// The decision to have one gateway carry out the transaction, and how it went.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
pub struct AttemptBody {
    pub number: u32,
    pub gateway: &'static str,
    /// The key under which the gateway knows it.
    pub attempt_key: String,
    /// `done`, `accepted`, `not_done`, `unknown`, or `open` while nothing is known.
    pub outcome: String,
    pub reason: Option<String>,
    /// In plain words why this gateway was chosen.
    pub why: String,
    /// What permitted this attempt after an earlier one.
    pub licence: Option<LicenceBody>,
    /// What two operators decided while its outcome was not known, in plain words.
    pub decision: Option<String>,
    pub sends: Vec<SendBody>,
    #[schema(format = DateTime)]
    pub created_at: String,
}

/// The stored proof that the earlier attempt was not carried out.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Licence)]
pub struct LicenceBody {
    /// `never_sent`, `definitive_refusal` or `operator_decision`.
    pub kind: String,
    /// The number of the earlier attempt.
    pub from_attempt: u32,
    pub code: Option<String>,
    /// `answer` or `lookup`.
    pub source: Option<String>,
    pub in_words: String,
}

/// One transmission of an attempt.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Send)]
pub struct SendBody {
    pub number: u32,
    #[schema(format = DateTime)]
    pub sent_at: String,
    #[schema(format = DateTime)]
    pub closed_at: Option<String>,
    /// `settled`, `accepted`, `not_done`, `never_sent` or `unknown`; null while open.
    pub verdict: Option<String>,
    /// The gateway's own code.
    pub code: Option<String>,
}

impl From<&AttemptView> for AttemptBody {
    fn from(view: &AttemptView) -> AttemptBody {
        AttemptBody {
            number: view.number,
            gateway: view.gateway.as_str(),
            attempt_key: view.attempt_key.clone(),
            outcome: view.outcome.clone(),
            reason: view.reason.clone(),
            why: view.why.clone(),
            licence: view.licence.as_ref().map(LicenceBody::from),
            decision: view.decision.clone(),
            sends: view.sends.iter().map(SendBody::from).collect(),
            created_at: time::format(view.created_at),
        }
    }
}

impl From<&LicenceView> for LicenceBody {
    fn from(view: &LicenceView) -> LicenceBody {
        LicenceBody {
            kind: view.kind.clone(),
            from_attempt: view.from_attempt,
            code: view.code.clone(),
            source: view.source.clone(),
            in_words: view.in_words.clone(),
        }
    }
}

impl From<&SendView> for SendBody {
    fn from(view: &SendView) -> SendBody {
        SendBody {
            number: view.number,
            sent_at: time::format(view.sent_at),
            closed_at: optional_time(view.closed_at),
            verdict: view.verdict.clone(),
            code: view.code.clone(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use domain::gateway::Gateway;
    use domain::ids::*;
    use domain::money::Money;
    use domain::status::{Kind, Status};
    use domain::time::Moment;
    use serde_json::json;

    /// A settled payout, for tests.
    pub(crate) fn payout() -> TransactionView {
        TransactionView {
            id: TransactionId::from_bytes([1; 16]),
            kind: Kind::Payout,
            status: Status::Success,
            stage: "settled".into(),
            version: 4,
            amount: Money::from_cents(1_050).unwrap(),
            fee: Money::ZERO,
            user_id: UserId::from_bytes([2; 16]),
            wallet_id: WalletId::from_bytes([3; 16]),
            gateway: Some(Gateway::Efi),
            description: None,
            reference: None,
            metadata: Some(r#"{"order":7}"#.into()),
            end_to_end_id: Some("E0000000020260101000000000000001".into()),
            failure: None,
            corrected: false,
            created_at: Moment::from_micros(0),
            updated_at: Moment::from_micros(0),
            settled_at: Some(Moment::from_micros(0)),
            details: DetailsView::Payout {
                pix_key: Some("ana@example.com".into()),
                pix_key_type: Some("email"),
                br_code: None,
                payee: Some(PartyView {
                    name: Some("Ana <b>".into()),
                    tax_id_masked: Some("***.982.247-**".into()),
                    bank: None,
                }),
                returned: Money::ZERO,
                returns: Vec::new(),
                waiting_for: None,
            },
        }
    }

    #[test]
    fn absent_facts_are_null_and_the_kinds_facts_stand_beside() {
        let value = serde_json::to_value(TransactionBody::from(&payout())).unwrap();
        assert_eq!(value["amount_cents"], 1050);
        assert_eq!(value["metadata"], json!({"order": 7}));
        assert_eq!(value["pix_key"], "ana@example.com");
        assert_eq!(value["created_at"], "1970-01-01T00:00:00.000000Z");
        for name in [
            "description",
            "reference",
            "failure",
            "br_code",
            "waiting_for",
        ] {
            assert!(value.as_object().unwrap().contains_key(name), "{name}");
            assert!(value[name].is_null(), "{name}");
        }
        assert!(value.get("details").is_none());
    }
}
