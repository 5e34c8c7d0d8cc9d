//! What a transaction's stage, failure and waiting mean, in human words.
//!
//! The words are honest: what is in doubt is said to be in doubt, and what happens next is told.

use app::views::{DetailsView, TransactionView};
use domain::status::{Kind, Status};

use crate::texts::{Texts, fill};

/// How something is to be seen, beside being read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Plain,
    Quiet,
    Busy,
    Doubt,
    Bad,
}

impl Tone {
    /// The end of its class name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Plain => "plain",
            Tone::Quiet => "quiet",
            Tone::Busy => "busy",
            Tone::Doubt => "doubt",
            Tone::Bad => "bad",
        }
    }
}

/// A stage in words.
#[derive(Clone, Debug)]
pub struct Stage {
    pub label: &'static str,
    pub tone: Tone,
    /// An icon of the sprite.
    pub icon: &'static str,
    /// One sentence about what it means and what happens next.
    pub meaning: &'static str,
    /// The ordinary end, which a list need not name.
    pub is_ordinary: bool,
}

/// The stage of a transaction. Stages that a later version of the program stored are told by their
/// status.
pub fn stage(view: &TransactionView, t: &Texts) -> Stage {
    let s = &t.stages;
    let is_refund = view.kind == Kind::Refund;
    let busy = |label, meaning| told(label, Tone::Busy, "clock", meaning);
    let bad = |label, meaning| told(label, Tone::Bad, "cross", meaning);
    if let DetailsView::Received { .. } = &view.details {
        return done(s.paid, s.paid_means);
    }
    match (view.kind, view.stage.as_str()) {
        (_, "creating") => busy(s.creating, s.creating_means),
        (_, "awaiting_payment") => busy(s.awaiting, s.awaiting_means),
        (_, "underpaid") => told(s.underpaid, Tone::Doubt, "clock", s.underpaid_means),
        (_, "paid") => done(s.paid, s.paid_means),
        (_, "expired") => told(s.expired, Tone::Quiet, "cross", s.expired_means),
        (_, "creation_failed") => bad(s.creation_failed, s.creation_failed_means),
        (_, "scheduled") => busy(s.scheduled, s.scheduled_means),
        (_, "queued") => busy(s.queued, s.queued_means),
        (_, "sending") => busy(s.sending, s.sending_means),
        (_, "accepted") => busy(s.accepted, s.accepted_means),
        (_, "in_doubt") => told(s.in_doubt, Tone::Doubt, "question", s.in_doubt_means),
        (_, "in_review") => told(s.in_review, Tone::Doubt, "eye", s.in_review_means),
        (Kind::Transfer, "settled") => done(s.transferred, s.transferred_means),
        (_, "settled") if is_refund => done(s.refunded, s.refunded_means),
        (_, "settled") => done(s.sent, s.sent_means),
        (_, "returned") => told(s.returned, Tone::Doubt, "back", s.returned_means),
        (_, "rejected") => bad(s.rejected, s.rejected_means),
        (_, "cancelled") => told(s.cancelled, Tone::Quiet, "cross", s.cancelled_means),
        _ => match view.status {
            Status::Pending => busy(s.accepted, s.accepted_means),
            Status::Success => done(s.sent, s.sent_means),
            Status::Failed => bad(s.rejected, s.rejected_means),
        },
    }
}

fn told(label: &'static str, tone: Tone, icon: &'static str, meaning: &'static str) -> Stage {
    Stage {
        label,
        tone,
        icon,
        meaning,
        is_ordinary: false,
    }
}

fn done(label: &'static str, meaning: &'static str) -> Stage {
    Stage {
        is_ordinary: true,
        ..told(label, Tone::Good, "check", meaning)
    }
}

/// Why it failed. A code without words of its own is named, so that support can be asked.
pub fn failure(code: &str, t: &Texts) -> String {
    let f = &t.failures;
    let said = match code {
        "payee_key_not_found" => f.key_not_found,
        "payee_mismatch" => f.payee_mismatch,
        "payee_refused" => f.payee_refused,
        "payee_bank_unavailable" => f.bank_unavailable,
        "risk_refused" => f.risk,
        "br_code_refused" => f.code_refused,
        "refund_not_allowed" => f.refund_not_allowed,
        "all_gateways_unavailable" | "queued_too_long" | "deadline" => f.unavailable,
        "insufficient_float" => f.float,
        "no_capable_gateway" => f.not_capable,
        "released_by_operators" => f.released,
        "refused_by_gateway" => f.removed,
        other => return fill(f.other, &[other]),
    };
    said.to_owned()
}

/// Why a payment waits, when it waits for something.
pub fn waiting(view: &TransactionView, t: &Texts) -> Option<&'static str> {
    let DetailsView::Payout { waiting_for, .. } = &view.details else {
        return None;
    };
    match waiting_for.as_deref()? {
        "float_short" => Some(t.stages.waits_for_float),
        "outcomes_unknown" => Some(t.stages.waits_for_outcomes),
        "paused" => Some(t.stages.waits_paused),
        _ => None,
    }
}

/// The movement as a heading.
pub fn title(view: &TransactionView, t: &Texts) -> &'static str {
    match (&view.details, view.status) {
        (DetailsView::Charge { .. }, Status::Success) => t.activity.received,
        (DetailsView::Charge { .. }, _) => t.activity.charge,
        (DetailsView::Payout { .. }, Status::Pending) => t.activity.payout_pending,
        (DetailsView::Payout { .. }, Status::Success) => t.activity.payout,
        (DetailsView::Payout { .. }, Status::Failed) => t.activity.payout_failed,
        (DetailsView::Transfer { .. }, _) => t.activity.transfer_out,
        (DetailsView::Received { .. }, _) => t.activity.transfer_in,
        (DetailsView::Refund { .. }, _) => t.activity.refund,
    }
}

/// The kind as a heading.
pub fn kind(kind: Kind, t: &Texts) -> &'static str {
    match kind {
        Kind::Charge => t.activity.charge,
        Kind::Payout => t.activity.payout,
        Kind::Transfer => t.activity.transfer_out,
        Kind::Refund => t.activity.refund,
    }
}
