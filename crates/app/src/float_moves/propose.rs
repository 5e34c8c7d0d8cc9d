//! Proposing a move of float.

use domain::float_move::FloatMoveState;
use domain::ids::{AlertId, FloatMoveId};
use domain::money::Money;
use serde_json::json;

use super::audited;
use crate::commands::{Caller, FloatMoveRefusal, ProposeFloatMove};
use crate::context::{App, CommitError, Decision, IdSeed};
use crate::events;
use crate::ports::store::{AlertRow, FloatMoveRow, Locked, Locks, Write};
use crate::views::FloatMoveView;

impl App {
    /// Proposes to move money; another operator approves it before it expires.
    pub async fn propose_float_move(
        &self,
        caller: &Caller,
        request: ProposeFloatMove,
    ) -> Result<FloatMoveView, FloatMoveRefusal> {
        self.may_move((request.from, request.to), request.amount)
            .await?;
        let seed = self.ids();
        let unit = ProposeUnit {
            caller: caller.clone(),
            row: FloatMoveRow {
                id: FloatMoveId::from_bytes(seed.start().make()),
                from: request.from,
                to: request.to,
                amount: request.amount,
                reason: request.reason,
                state: FloatMoveState::Proposed,
                proposed_by: caller.user_id,
                proposed_at: seed.now,
                expires_at: seed.now.plus(self.settings.float_proposal_life),
                left: Money::ZERO,
                returned: Money::ZERO,
                arrived: Money::ZERO,
                arrived_at: None,
                alerted_at: None,
                version: 1,
            },
            seed,
        };
        let id = unit.row.id;
        let locks = Locks {
            float_moves: vec![id],
            ..Locks::default()
        };
        let proposed: Result<(), CommitError<()>> = self
            .commit("propose_float_move", locks, move |locked| {
                Decision::Commit(unit.decide(locked), ())
            })
            .await;
        match proposed {
            Ok(()) | Err(CommitError::Refused(())) => self.float_move(id).await,
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

struct ProposeUnit {
    caller: Caller,
    row: FloatMoveRow,
    seed: IdSeed,
}

impl ProposeUnit {
    fn decide(&self, locked: &Locked) -> Vec<Write> {
        let row = &self.row;
        if locked.float_moves.contains_key(&row.id) {
            return Vec::new();
        }
        let (now, mut ids) = (self.seed.now, self.seed.start());
        // The first is the move's own.
        ids.make();
        let detail = json!({
            "from": row.from.as_str(),
            "to": row.to.as_str(),
            "amount_cents": row.amount.cents(),
        });
        let about = (&self.caller, row.id);
        let line = audited(about, "float_move.proposed", detail, (&mut ids, now));
        let alert = AlertRow {
            id: AlertId::from_bytes(ids.make()),
            kind: "float_move_proposed".to_owned(),
            transaction_id: None,
            gateway: Some(row.from),
            message: format!(
                "{} from {} to {} waits for another operator ({})",
                row.amount, row.from, row.to, row.id
            ),
            raised_at: now,
        };
        let mut writes = vec![Write::InsertFloatMove(row.clone()), line];
        writes.extend(events::alert(&mut ids, alert));
        writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::float_moves::tests::{ANA, NOW, caller, proposed};

    #[test]
    fn a_proposal_is_written_audited_and_told_once() {
        let unit = ProposeUnit {
            caller: caller(ANA),
            row: proposed(),
            seed: IdSeed::for_tests(NOW),
        };
        let writes = unit.decide(&Locked::default());
        let [
            Write::InsertFloatMove(row),
            Write::InsertAudit(line),
            Write::InsertAlert(alert),
            Write::InsertEvent(_),
        ] = &writes[..]
        else {
            panic!("{writes:?}")
        };
        assert_eq!(*row, proposed());
        assert_eq!(line.action, "float_move.proposed");
        assert!(!line.detail.contains("low") && !alert.message.contains("low"));
        let mut again = Locked::default();
        again.float_moves.insert(row.id, row.clone());
        assert!(unit.decide(&again).is_empty(), "a second run of the unit");
    }
}
