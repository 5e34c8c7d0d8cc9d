//! Moves of our own money between the gateways.

use app::views::FloatMoveView;
use domain::float_move::FloatMoveState;
use serde::Serialize;
use utoipa::ToSchema;

use super::people::optional_time;
use super::time;
use super::transaction::FailureBody;

/// Our own money on its way from one gateway to the other, from its proposal on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FloatMove)]
pub struct FloatMoveBody {
    #[schema(example = "fmv_018f2f6e3b7a7c4c9d2e5f60718293a4")]
    pub id: String,
    /// `efi` or `mercado_pago`.
    #[schema(example = "efi")]
    pub from: &'static str,
    #[schema(example = "mercado_pago")]
    pub to: &'static str,
    pub amount_cents: i64,
    pub reason: String,
    /// `proposed`, `declined` or `expired`; once approved `sending`, then `in_transit` from when it
    /// left, and at last `arrived`, `returned` (it came back) or `failed` (it never left).
    pub state: &'static str,
    pub proposed_by: String,
    #[schema(format = DateTime)]
    pub proposed_at: String,
    /// Until when it can be approved.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Who approved or declined it; null while nobody has, and when it expired.
    pub decided_by: Option<String>,
    #[schema(format = DateTime)]
    pub decided_at: Option<String>,
    /// The platform's payout that carries it.
    pub transaction_id: Option<String>,
    /// Why that payout failed.
    pub failure: Option<FailureBody>,
    /// What has left, come back, and arrived; the rest of what left is in transit.
    pub left_cents: i64,
    pub returned_cents: i64,
    pub arrived_cents: i64,
    #[schema(format = DateTime)]
    pub arrived_at: Option<String>,
}

impl From<&FloatMoveView> for FloatMoveBody {
    fn from(view: &FloatMoveView) -> FloatMoveBody {
        let row = &view.row;
        let (decided_by, decided_at) = match row.state {
            FloatMoveState::Proposed => (None, None),
            FloatMoveState::Approved { by, at, .. } | FloatMoveState::Declined { by, at } => {
                (Some(by), Some(at))
            }
            FloatMoveState::Expired { at } => (None, Some(at)),
        };
        FloatMoveBody {
            id: row.id.to_string(),
            from: row.from.as_str(),
            to: row.to.as_str(),
            amount_cents: row.amount.cents(),
            reason: row.reason.clone(),
            state: view.state,
            proposed_by: row.proposed_by.to_string(),
            proposed_at: time::format(row.proposed_at),
            expires_at: time::format(row.expires_at),
            decided_by: decided_by.map(|id| id.to_string()),
            decided_at: optional_time(decided_at),
            transaction_id: row.state.transaction().map(|id| id.to_string()),
            failure: view.failure.as_ref().map(FailureBody::from),
            left_cents: row.left.cents(),
            returned_cents: row.returned.cents(),
            arrived_cents: row.arrived.cents(),
            arrived_at: optional_time(row.arrived_at),
        }
    }
}
