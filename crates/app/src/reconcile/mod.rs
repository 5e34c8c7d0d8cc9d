//! Reconciliation: the gateways' own lists against the books.
//!
//! What was received and is not booked is booked now, through the one function that does it, after an
//! authenticated lookup. What was sent under a key of ours that the books take for unsent gets its
//! lost attempt back ([`crate::outgoing::adopt`]) and is followed like any payment. What remains is
//! told: payments that the books do not know, amounts that differ, a balance that cannot be explained.
//! A gateway that has no list of what it sent is named, never passed over in silence.
//!
//! [`compare`] looks at one window, [`job`] at a period as durable work, [`resume`] at everything
//! since a restore, before payments may leave again.

pub mod compare;
pub mod float;
pub mod job;
pub mod resume;

use domain::gateway::Gateway;
use domain::ids::TransactionId;
use domain::money::Money;
use serde::{Deserialize, Serialize};

/// The longest period of one comparison.
pub const LONGEST: domain::time::Span = domain::time::Span::from_days(31);

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// Received, and credited now to the charge that it paid.
    ReceivedCredited,
    /// Received, and put into suspense now: it names no charge of ours.
    ReceivedInSuspense,
    /// Listed as received; a lookup did not show it, so it is not booked.
    ReceivedUnconfirmed,
    ReceivedAmountDiffers,
    /// Sent under a key that belongs to no payment of ours.
    SentUnknown,
    /// Sent, while its payment waited to be sent: it has its attempt back and is followed.
    SentAdopted,
    /// Sent, while the books say that it was not; the attempt could not be given back.
    SentBelievedUnsent,
    /// Executed, while the books say that it failed; asked after now, which corrects what it can.
    SentBelievedFailed,
    SentAmountDiffers,
    /// The books of our money there and the gateway's balance, with nothing under way between.
    FloatDiffers,
}

impl FindingKind {
    pub const ALL: [FindingKind; 10] = [
        FindingKind::ReceivedCredited,
        FindingKind::ReceivedInSuspense,
        FindingKind::ReceivedUnconfirmed,
        FindingKind::ReceivedAmountDiffers,
        FindingKind::SentUnknown,
        FindingKind::SentAdopted,
        FindingKind::SentBelievedUnsent,
        FindingKind::SentBelievedFailed,
        FindingKind::SentAmountDiffers,
        FindingKind::FloatDiffers,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            FindingKind::ReceivedCredited => "received_credited",
            FindingKind::ReceivedInSuspense => "received_in_suspense",
            FindingKind::ReceivedUnconfirmed => "received_unconfirmed",
            FindingKind::ReceivedAmountDiffers => "received_amount_differs",
            FindingKind::SentUnknown => "sent_unknown",
            FindingKind::SentAdopted => "sent_adopted",
            FindingKind::SentBelievedUnsent => "sent_believed_unsent",
            FindingKind::SentBelievedFailed => "sent_believed_failed",
            FindingKind::SentAmountDiffers => "sent_amount_differs",
            FindingKind::FloatDiffers => "float_differs",
        }
    }

    /// In plain words.
    pub const fn in_words(self) -> &'static str {
        match self {
            FindingKind::ReceivedCredited => "received and not booked: it is credited now",
            FindingKind::ReceivedInSuspense => {
                "received and not booked: it names no charge of ours and stands in suspense now"
            }
            FindingKind::ReceivedUnconfirmed => {
                "listed as received, but a lookup does not show it: it is not booked"
            }
            FindingKind::ReceivedAmountDiffers => "received with another amount than is booked",
            FindingKind::SentUnknown => "sent, but no payment of these books has its key",
            FindingKind::SentAdopted => {
                "sent, but the books took it for unsent: its attempt is restored and followed"
            }
            FindingKind::SentBelievedUnsent => "sent, but the books take it for unsent",
            FindingKind::SentBelievedFailed => "executed, but the books say that it failed",
            FindingKind::SentAmountDiffers => "sent with another amount than was asked for",
            FindingKind::FloatDiffers => {
                "our books of the money there differ from the gateway's balance"
            }
        }
    }

    /// Whether people must have seen it before payments may leave again: it may concern money that
    /// left, and this comparison has not put it in order.
    pub const fn bars_dispatch(self) -> bool {
        match self {
            FindingKind::ReceivedAmountDiffers
            | FindingKind::SentUnknown
            | FindingKind::SentBelievedUnsent
            | FindingKind::SentBelievedFailed
            | FindingKind::SentAmountDiffers => true,
            FindingKind::ReceivedCredited
            | FindingKind::ReceivedInSuspense
            | FindingKind::ReceivedUnconfirmed
            | FindingKind::SentAdopted
            | FindingKind::FloatDiffers => false,
        }
    }
}

/// One difference, by ids alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    pub kind: FindingKind,
    pub gateway: String,
    /// Received: endToEndId or payment id. Sent: our key, else the endToEndId.
    pub reference: String,
    pub transaction_id: Option<String>,
    pub gateway_cents: Option<i64>,
    pub books_cents: Option<i64>,
}

impl Finding {
    pub(crate) fn new(kind: FindingKind, gateway: Gateway, reference: &str) -> Finding {
        Finding {
            kind,
            gateway: gateway.as_str().to_owned(),
            reference: reference.to_owned(),
            transaction_id: None,
            gateway_cents: None,
            books_cents: None,
        }
    }

    pub(crate) fn of(self, transaction: Option<TransactionId>) -> Finding {
        Finding {
            transaction_id: transaction.map(|id| id.to_string()),
            ..self
        }
    }

    pub(crate) fn amounts(self, gateway: Option<Money>, books: Option<Money>) -> Finding {
        Finding {
            gateway_cents: gateway.map(Money::cents),
            books_cents: books.map(Money::cents),
            ..self
        }
    }
}
