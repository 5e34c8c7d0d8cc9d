//! Moving our own money from one gateway to the other.
//!
//! One operator proposes ([`propose`]), another approves or either declines ([`decide`]). Approval
//! commits a payout to our own key at the target, owned by the platform, which the same machine
//! carries out as any other (`outgoing`), bound to the source. What arrives is recognised where
//! received PIX are credited (`pay_ins::moved`). [`watch`] lets proposals expire, looks for what has
//! arrived, and tells people what is late.

pub mod decide;
pub mod propose;
pub mod watch;

use domain::float_move::FloatMoveState;
use domain::gateway::Gateway;
use domain::ids::FloatMoveId;
use domain::money::Money;
use domain::status::Status;
use serde_json::Value;

use crate::audit::{Audited, audit};
use crate::commands::{Caller, FloatMoveRefusal};
use crate::context::{App, Ids};
use crate::ports::store::{FloatMoveRow, StoreError, TransactionRow, Write};
use crate::records::outgoing::OutgoingRecord;
use crate::views::{FailureView, FloatMoveView};
use domain::time::Moment;

impl App {
    /// Older than this move, newest first.
    pub async fn float_moves(
        &self,
        before: Option<FloatMoveId>,
        limit: u32,
    ) -> Result<Vec<FloatMoveView>, StoreError> {
        let mut views = Vec::new();
        for row in self.store.float_moves(before, limit).await? {
            views.push(self.float_move_view(row).await?);
        }
        Ok(views)
    }

    pub async fn float_move(&self, id: FloatMoveId) -> Result<FloatMoveView, FloatMoveRefusal> {
        let row = self.store.float_move(id).await?;
        let row = row.ok_or(FloatMoveRefusal::NotFound)?;
        Ok(self.float_move_view(row).await?)
    }

    async fn float_move_view(&self, row: FloatMoveRow) -> Result<FloatMoveView, StoreError> {
        let payout = match row.state.transaction() {
            Some(id) => self.store.transaction(id).await?.map(|found| found.row),
            None => None,
        };
        let failure = match &payout {
            Some(payout) => OutgoingRecord::load(payout)?.facts.failure,
            None => None,
        };
        Ok(FloatMoveView {
            state: progress(&row, payout.as_ref(), self.now()),
            failure: failure.map(|failure| FailureView {
                code: failure.code,
                message: failure.message,
            }),
            row,
        })
    }

    /// Whether money may be moved so: from here to there, and as much.
    async fn may_move(
        &self,
        (from, to): (Gateway, Gateway),
        amount: Money,
    ) -> Result<(), FloatMoveRefusal> {
        let refused = |field, code, message: String| {
            Err(FloatMoveRefusal::Invalid {
                field,
                code,
                message,
            })
        };
        if from == to {
            let message = "the money lies there already".to_owned();
            return refused("to", "same_gateway", message);
        }
        if !self.settings.own_keys.contains_key(&to) {
            let message = format!("no PIX key of our own is configured at {to}");
            return refused("to", "no_own_key", message);
        }
        if !from.tells_end_to_end_ids() && self.settings.account_holder.is_none() {
            let message = format!(
                "ACCOUNT_HOLDER_TAX_ID is not set: what comes from {from} could not be told from a \
                 stranger's payment"
            );
            return refused("from", "account_holder_unknown", message);
        }
        let smallest = self.gateway(from).capabilities().smallest_payout_cents;
        if amount.cents() < smallest {
            let message = format!("{from} sends no less than {smallest} centavos");
            return refused("amount_cents", "too_small", message);
        }
        let doubtful = self.store.in_doubt_cents().await?;
        let doubtful = doubtful.get(&from).copied().unwrap_or(0);
        let float = self.known_float(from).await?;
        let float = float.map(|float| float.saturating_sub(doubtful));
        match float.filter(|float| *float < amount.cents()) {
            Some(float) => {
                let message = format!("our money at {from} is {float} centavos");
                refused("amount_cents", "exceeds_float", message)
            }
            None => Ok(()),
        }
    }
}

/// Where a move stands, for people.
fn progress(row: &FloatMoveRow, payout: Option<&TransactionRow>, now: Moment) -> &'static str {
    match (row.state, payout.map(|payout| payout.status)) {
        (FloatMoveState::Proposed, _) if now >= row.expires_at => "expired",
        (FloatMoveState::Proposed, _) => "proposed",
        (FloatMoveState::Declined { .. }, _) => "declined",
        (FloatMoveState::Expired { .. }, _) => "expired",
        (FloatMoveState::Approved { .. }, None | Some(Status::Pending)) => "sending",
        (FloatMoveState::Approved { .. }, Some(Status::Failed)) => "failed",
        (FloatMoveState::Approved { .. }, Some(Status::Success)) => {
            if row.in_transit() > 0 {
                "in_transit"
            } else if row.arrived.is_zero() {
                "returned"
            } else {
                "arrived"
            }
        }
    }
}

/// A line of the audit trail about a move.
fn audited(
    (caller, id): (&Caller, FloatMoveId),
    action: &str,
    detail: Value,
    (ids, now): (&mut Ids, Moment),
) -> Write {
    let audited = Audited {
        actor: caller.user_id.to_string(),
        action,
        subject: id.to_string(),
        detail,
    };
    audit(ids, now, audited)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::ports::store::UserRole;
    use domain::ids::{TransactionId, UserId};
    use domain::time::Span;

    pub(crate) const NOW: Moment = Moment::from_micros(1_000_000);
    pub(crate) const ANA: UserId = UserId::from_bytes([1; 16]);
    pub(crate) const BIA: UserId = UserId::from_bytes([2; 16]);

    pub(crate) fn caller(user_id: UserId) -> Caller {
        Caller {
            user_id,
            role: UserRole::Operator,
            scopes: Vec::new(),
            session_id: None,
        }
    }

    pub(crate) fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }

    pub(crate) fn proposed() -> FloatMoveRow {
        FloatMoveRow {
            id: FloatMoveId::from_bytes([7; 16]),
            from: Gateway::Efi,
            to: Gateway::MercadoPago,
            amount: cents(500),
            reason: "it runs low".into(),
            state: FloatMoveState::Proposed,
            proposed_by: ANA,
            proposed_at: NOW,
            expires_at: NOW.plus(Span::from_days(1)),
            left: Money::ZERO,
            returned: Money::ZERO,
            arrived: Money::ZERO,
            arrived_at: None,
            alerted_at: None,
            version: 1,
        }
    }

    #[test]
    fn a_move_stands_where_its_money_is() {
        let approved = FloatMoveRow {
            state: FloatMoveState::Approved {
                by: BIA,
                at: NOW,
                transaction: TransactionId::from_bytes([3; 16]),
            },
            ..proposed()
        };
        let payout = crate::float_moves::decide::tests::payout();
        let stands = |status, left, returned, arrived| {
            let row = FloatMoveRow {
                left: cents(left),
                returned: cents(returned),
                arrived: cents(arrived),
                ..approved.clone()
            };
            let payout = TransactionRow {
                status,
                ..payout.clone()
            };
            progress(&row, Some(&payout), NOW)
        };
        assert_eq!(stands(Status::Pending, 0, 0, 0), "sending");
        assert_eq!(stands(Status::Failed, 0, 0, 0), "failed");
        assert_eq!(stands(Status::Success, 500, 0, 0), "in_transit");
        assert_eq!(stands(Status::Success, 500, 0, 500), "arrived");
        assert_eq!(stands(Status::Success, 500, 500, 0), "returned");
        assert_eq!(stands(Status::Success, 500, 200, 300), "arrived");
        assert_eq!(stands(Status::Success, 500, 200, 0), "in_transit");
        let late = NOW.plus(Span::from_days(1));
        assert_eq!(progress(&proposed(), None, NOW), "proposed");
        assert_eq!(progress(&proposed(), None, late), "expired");
    }
}
