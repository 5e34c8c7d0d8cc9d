//! Approving a proposed move, or declining it: another person's word lets the payout leave.

use std::sync::Arc;

use domain::float_move::{DecisionRefusal, FloatMoveState};
use domain::ids::{FloatMoveId, TransactionId, UserId, WalletId};
use domain::money::Money;
use domain::payout::{Outgoing, OutgoingStage};
use domain::pix::key::PixKey;
use domain::status::{Kind, Status};
use serde_json::json;

use super::audited;
use crate::audit::SYSTEM;
use crate::commands::{Caller, FloatMoveRefusal, MoneyRequest};
use crate::context::{App, CommitError, Decision, IdSeed, Settings};
use crate::events;
use crate::idempotency;
use crate::jobs;
use crate::payouts::job;
use crate::ports::store::{FloatMoveRow, Idempotency, Locked, Locks, TransactionRow, Write};
use crate::records::outgoing::{OutgoingFacts, OutgoingPrivate, OutgoingRecord, StoredFloatMove};
use crate::views::FloatMoveView;

/// What somebody says of a proposal.
#[derive(Clone, Debug)]
enum Word {
    /// With our own key at the target.
    Approve(PixKey),
    Decline,
}

impl App {
    /// Approves a proposed move: its payout is queued when this returns. A refusal is audited.
    pub async fn approve_float_move(
        &self,
        caller: &Caller,
        id: FloatMoveId,
    ) -> Result<FloatMoveView, FloatMoveRefusal> {
        let row = self.store.float_move(id).await?;
        let row = row.ok_or(FloatMoveRefusal::NotFound)?;
        let is_open = row.state == FloatMoveState::Proposed;
        if is_open && caller.user_id != row.proposed_by {
            self.may_move((row.from, row.to), row.amount).await?;
        }
        let key = self.settings.own_keys.get(&row.to);
        let key = key.ok_or_else(|| FloatMoveRefusal::Invalid {
            field: "to",
            code: "no_own_key",
            message: format!("no PIX key of our own is configured at {}", row.to),
        })?;
        self.decide_float_move(caller, id, Word::Approve(key.clone()))
            .await
    }

    /// Declines a proposed move, or withdraws one's own.
    pub async fn decline_float_move(
        &self,
        caller: &Caller,
        id: FloatMoveId,
    ) -> Result<FloatMoveView, FloatMoveRefusal> {
        self.decide_float_move(caller, id, Word::Decline).await
    }

    async fn decide_float_move(
        &self,
        caller: &Caller,
        id: FloatMoveId,
        word: Word,
    ) -> Result<FloatMoveView, FloatMoveRefusal> {
        let unit = DecideUnit {
            caller: caller.clone(),
            id,
            word,
            settings: self.settings.clone(),
            seed: self.ids(),
        };
        let locks = Locks {
            float_moves: vec![id],
            ..Locks::default()
        };
        let decided = self
            .commit("decide_float_move", locks, move |locked| {
                unit.decide(locked)
            })
            .await;
        match decided {
            Ok(Ok(())) => self.float_move(id).await,
            Ok(Err(refusal)) => Err(FloatMoveRefusal::Decision(refusal)),
            Err(CommitError::Refused(refusal)) => Err(refusal),
            Err(CommitError::Store(error)) => Err(error.into()),
        }
    }
}

struct DecideUnit {
    caller: Caller,
    id: FloatMoveId,
    word: Word,
    settings: Arc<Settings>,
    seed: IdSeed,
}

type Decided = Result<(), DecisionRefusal>;

impl DecideUnit {
    fn decide(&self, locked: &Locked) -> Decision<Decided, FloatMoveRefusal> {
        let Some(row) = locked.float_moves.get(&self.id) else {
            return Decision::Refuse(FloatMoveRefusal::NotFound);
        };
        if self.was_decided(row) {
            return Decision::Commit(Vec::new(), Ok(()));
        }
        match self.next(row) {
            Ok(state) => Decision::Commit(self.carry_out(row, state), Ok(())),
            Err(refusal) => Decision::Commit(self.refused(refusal), Err(refusal)),
        }
    }

    /// The payout's id, the same in every run.
    fn transaction(&self) -> TransactionId {
        TransactionId::from_bytes(self.seed.start().make())
    }

    fn next(&self, row: &FloatMoveRow) -> Result<FloatMoveState, DecisionRefusal> {
        let (by, now) = (self.caller.user_id, self.seed.now);
        match self.word {
            Word::Approve(_) => row
                .state
                .approve(row.proposal(), by, now, self.transaction()),
            Word::Decline => row.state.decline(row.proposal(), by, now),
        }
    }

    /// An earlier run of this very unit.
    fn was_decided(&self, row: &FloatMoveRow) -> bool {
        let (me, now) = (self.caller.user_id, self.seed.now);
        match (&self.word, row.state) {
            (Word::Approve(_), FloatMoveState::Approved { transaction, .. }) => {
                transaction == self.transaction()
            }
            (Word::Decline, FloatMoveState::Declined { by, at }) => by == me && at == now,
            (Word::Approve(_) | Word::Decline, _) => false,
        }
    }

    fn refused(&self, refusal: DecisionRefusal) -> Vec<Write> {
        let action = match self.word {
            Word::Approve(_) => "float_move.approval_refused",
            Word::Decline => "float_move.decline_refused",
        };
        let detail = json!({"code": refusal.code()});
        let mut ids = self.seed.start();
        let about = (&self.caller, self.id);
        vec![audited(about, action, detail, (&mut ids, self.seed.now))]
    }

    fn carry_out(&self, row: &FloatMoveRow, state: FloatMoveState) -> Vec<Write> {
        let (now, mut ids) = (self.seed.now, self.seed.start());
        let decided = FloatMoveRow {
            state,
            version: row.version + 1,
            ..row.clone()
        };
        // The first is the payout's own.
        ids.make();
        let mut writes = vec![Write::SaveFloatMove(decided)];
        let (action, payout) = match &self.word {
            Word::Approve(key) => ("float_move.approved", Some(self.payout(row, key))),
            Word::Decline => ("float_move.declined", None),
        };
        let detail = json!({
            "from": row.from.as_str(),
            "to": row.to.as_str(),
            "amount_cents": row.amount.cents(),
            "proposed_by": row.proposed_by.to_string(),
            "transaction": payout.as_ref().map(|payout| payout.id.to_string()),
        });
        let about = (&self.caller, row.id);
        writes.push(audited(about, action, detail, (&mut ids, now)));
        if let Some(payout) = payout {
            writes.push(Write::InsertTransaction(payout.clone()));
            writes.push(job(&mut ids, jobs::PAYOUT, &payout));
            writes.push(events::of_transaction(&mut ids, &payout, "payout.created"));
        }
        writes
    }

    /// The platform's payout to our own key at the target. Its idempotency key is the move, so that a
    /// gateway knows it again after a restore.
    fn payout(&self, row: &FloatMoveRow, key: &PixKey) -> TransactionRow {
        let (now, id) = (self.seed.now, row.id.to_string());
        let request = MoneyRequest {
            idempotency_key: id.clone(),
            wallet_id: None,
            reference: None,
            metadata: None,
            description: None,
        };
        let amount = row.amount.cents().to_string();
        let parts = [amount.as_str(), row.from.as_str(), row.to.as_str()];
        let fingerprint =
            idempotency::fingerprint("float_move", &request, WalletId::SYSTEM, &parts);
        let blank = TransactionRow {
            id: self.transaction(),
            wallet_id: WalletId::SYSTEM,
            user_id: UserId::SYSTEM,
            kind: Kind::Payout,
            status: Status::Pending,
            stage: String::new(),
            version: 0,
            amount: row.amount,
            fee: Money::ZERO,
            // What is under way stands beside this gateway's balance from now on.
            gateway: Some(row.from),
            idempotency: Some(Idempotency {
                account: SYSTEM.to_owned(),
                key: id.clone(),
                fingerprint,
            }),
            reference: None,
            end_to_end_id: None,
            parent: None,
            stage_deadline: None,
            created_at: now,
            updated_at: now,
            settled_at: None,
            facts: String::new(),
            private: String::new(),
            payee_user_id: None,
        };
        let stage = OutgoingStage::Queued { since: now };
        let deadline = self.settings.stage_deadline(&stage);
        let facts = OutgoingFacts {
            float_move: Some(StoredFloatMove {
                id: id.clone(),
                from: row.from.as_str().to_owned(),
                to: row.to.as_str().to_owned(),
            }),
            ..OutgoingFacts::default()
        };
        let holder = self.settings.account_holder.as_ref();
        let private = OutgoingPrivate {
            // Where it is known, the source refuses a key that is not ours after all.
            payee_tax_id: holder.map(|holder| holder.as_str().to_owned()),
            // For people who read the target's statement; it proves nothing.
            description: Some(id),
            pix_key: Some(key.as_str().to_owned()),
            pix_key_type: Some(key.kind().as_str().to_owned()),
            ..OutgoingPrivate::default()
        };
        OutgoingRecord {
            row: blank,
            kind: Outgoing::Payout,
            stage,
            facts,
            private,
        }
        .into_row(now, deadline)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::float_moves::tests::{ANA, BIA, NOW, caller, proposed};
    use crate::ports::gateway::Destination;
    use crate::records::outgoing::float_move_id;
    use domain::gateway::Gateway;

    fn key() -> PixKey {
        PixKey::recognize("8f14e45f-ceea-467f-a0e6-bbd3f6a1c2d3").unwrap()
    }

    fn unit(by: UserId, word: Word) -> DecideUnit {
        DecideUnit {
            caller: caller(by),
            id: proposed().id,
            word,
            settings: Arc::new(Settings::standard()),
            seed: IdSeed::for_tests(NOW),
        }
    }

    fn locked(row: FloatMoveRow) -> Locked {
        let mut locked = Locked::default();
        locked.float_moves.insert(row.id, row);
        locked
    }

    fn decided(unit: &DecideUnit, row: FloatMoveRow) -> (Vec<Write>, Decided) {
        match unit.decide(&locked(row)) {
            Decision::Commit(writes, decided) => (writes, decided),
            Decision::Refuse(refusal) => panic!("{refusal}"),
        }
    }

    pub(crate) fn payout() -> TransactionRow {
        unit(BIA, Word::Decline).payout(&proposed(), &key())
    }

    #[test]
    fn an_approval_is_one_commit_with_the_payout_its_job_and_its_event() {
        let approve = unit(BIA, Word::Approve(key()));
        let (writes, answer) = decided(&approve, proposed());
        assert_eq!(answer, Ok(()));
        let [
            Write::SaveFloatMove(saved),
            Write::InsertAudit(line),
            Write::InsertTransaction(payout),
            Write::InsertJob(job),
            Write::InsertEvent(event),
        ] = &writes[..]
        else {
            panic!("{writes:?}")
        };
        assert_eq!(saved.state.transaction(), Some(payout.id));
        assert_eq!(
            (saved.version, line.action.as_str()),
            (2, "float_move.approved")
        );
        assert_eq!(job.transaction_id, Some(payout.id));
        assert_eq!(event.kind, "payout.created");
        assert_eq!((event.wallet_id, event.user_id), (None, None), "nobody's");
        assert!(payout.is_systems() && payout.wallet().is_none());
        assert_eq!((payout.version, payout.stage.as_str()), (1, "queued"));
        assert_eq!(payout.gateway, Some(Gateway::Efi));
        let bound = payout.idempotency.as_ref().unwrap();
        assert_eq!(
            (bound.account.as_str(), &bound.key),
            ("system", &saved.id.to_string())
        );
        assert_eq!(float_move_id(payout), Some(saved.id));
        let carried = OutgoingRecord::load(payout).unwrap().float_move().unwrap();
        assert_eq!(carried.unwrap().to, Gateway::MercadoPago);
        let holder = domain::tax_id::TaxId::parse("11222333000181").unwrap();
        let checked = DecideUnit {
            settings: Arc::new(Settings {
                account_holder: Some(holder.clone()),
                ..Settings::standard()
            }),
            ..unit(BIA, Word::Decline)
        };
        let payout_to_us = OutgoingRecord::load(&checked.payout(&proposed(), &key())).unwrap();
        let Destination::Key { owner, .. } = payout_to_us.destination().unwrap() else {
            panic!("a key")
        };
        assert_eq!(owner, Some(holder), "the source checks whose key it is");
        // A second run of the unit meets the first one's success.
        let (again, answer) = decided(&approve, saved.clone());
        assert_eq!((again.len(), answer), (0, Ok(())));
        // Somebody else's comes too late.
        let other = DecideUnit {
            seed: IdSeed::for_tests(NOW.plus(domain::time::Span::from_seconds(1))),
            ..unit(BIA, Word::Approve(key()))
        };
        let (writes, answer) = decided(&other, saved.clone());
        assert_eq!(answer, Err(DecisionRefusal::Decided));
        assert!(matches!(&writes[..], [Write::InsertAudit(_)]), "{writes:?}");
    }

    #[test]
    fn nobody_approves_their_own_and_either_declines() {
        let own = unit(ANA, Word::Approve(key()));
        let (writes, answer) = decided(&own, proposed());
        assert_eq!(answer, Err(DecisionRefusal::SamePerson));
        let [Write::InsertAudit(line)] = &writes[..] else {
            panic!("{writes:?}")
        };
        assert_eq!(line.action, "float_move.approval_refused");
        for by in [ANA, BIA] {
            let (writes, answer) = decided(&unit(by, Word::Decline), proposed());
            assert_eq!((writes.len(), answer), (2, Ok(())), "{by}");
        }
        let nobody = Locked::default();
        assert!(matches!(
            unit(BIA, Word::Decline).decide(&nobody),
            Decision::Refuse(FloatMoveRefusal::NotFound)
        ));
    }
}
