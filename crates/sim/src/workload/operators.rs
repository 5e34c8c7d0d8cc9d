//! The operators: they look at what is in review, and one proposes while another approves.

use app::commands::{Caller, ProposeOutcome, Scope};
use app::ports::store::{TransactionRow, UserRole};
use domain::review::ReviewOutcome;
use domain::status::Kind;

use super::{Outside, REVIEW_DELAY};
use crate::bank::Order;
use crate::world::World;

impl Outside {
    pub(super) fn operator(number: usize) -> Caller {
        Caller {
            user_id: World::OPERATORS[number % World::OPERATORS.len()],
            role: UserRole::Operator,
            scopes: vec![Scope::Read, Scope::Operator],
            session_id: None,
        }
    }

    /// Two operators decide about everything in review, as they find it at the gateway; mistaken
    /// ones decide the opposite.
    pub(super) async fn review(&self, mistaken: bool) {
        // Payments come into review minutes after they were asked for.
        self.rest(REVIEW_DELAY).await;
        let rows = self.world.auditor.rows();
        for row in rows.iter().filter(|row| row.stage == "in_review") {
            self.decide(row, mistaken).await;
        }
    }

    async fn decide(&self, row: &TransactionRow, mistaken: bool) {
        let now = self.world.runtime.elapsed();
        let keys = self.world.auditor.keys(row.id);
        let bank = &self.world.bank;
        let executed = keys
            .iter()
            .any(|(gateway, key)| bank.order(*gateway, key, now) == Some(Order::Executed));
        let retries = row.kind == Kind::Payout && self.world.runtime.draw().is_multiple_of(2);
        let outcome = match (executed != mistaken, retries) {
            (true, _) => ReviewOutcome::Settled,
            (false, true) => ReviewOutcome::Retry,
            (false, false) => ReviewOutcome::Release,
        };
        let request = ProposeOutcome {
            outcome,
            evidence: "seen at the gateway".to_owned(),
            reason: "simulated".to_owned(),
            evidence_version: None,
        };
        let (id, by) = (row.id, Self::operator(0));
        let proposed = self
            .world
            .ask(move |app| Box::pin(async move { app.propose_outcome(&by, id, request).await }))
            .await;
        let Some(Ok(proposal)) = proposed else {
            return self.tell(|| format!("proposing {outcome:?} brings {proposed:?}"));
        };
        let name = self.world.trace.name(id);
        self.tell(|| format!("{outcome:?} is proposed for {name}"));
        // Sometimes more becomes known before anybody approves.
        let wait = [2_000, 65_000][usize::from(self.world.runtime.draw().is_multiple_of(2))];
        self.rest(wait).await;
        for approver in [0, 1] {
            let by = Self::operator(approver);
            let approved = self
                .world
                .ask(move |app| {
                    Box::pin(async move { app.approve_outcome(&by, id, proposal.id).await.err() })
                })
                .await;
            self.tell(|| format!("operator {approver} approves for {name}: {approved:?}"));
            if approver == 0 && matches!(approved, Some(None)) {
                let detail = format!("{id}: the proposer approved");
                self.world.auditor.accuse("two_people", detail);
            }
        }
    }
}
