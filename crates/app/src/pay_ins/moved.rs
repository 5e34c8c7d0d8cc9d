//! Float of ours that has come from the other gateway.
//!
//! What names no charge may be a float move that arrives. `domain::float_move` says what proves it;
//! whatever is not proven goes to suspense like any stranger's PIX, and is looked at again by the sweep
//! of suspense: a move that is not known to have left yet is found then. An end-to-end id that the
//! source has told proves more: the payout was executed. That is absorbed as evidence of its attempt.

use domain::float_move::{Arrival, Candidate, Proof, prove};
use domain::gateway::Gateway;
use domain::ids::{FloatMoveId, WalletId};
use domain::money::Money;
use domain::outcome::{Evidence, Execution};
use domain::time::{Moment, Span};
use serde_json::json;

use super::{CreditUnit, Credited, Home, unbookable};
use crate::audit::{Audited, SYSTEM, audit};
use crate::context::{App, CommitError, Ids};
use crate::events;
use crate::ledger::Books;
use crate::outgoing::absorb::{AbsorbContext, absorb};
use crate::outgoing::commits::Passed;
use crate::outgoing::knowledge::Known;
use crate::ports::gateway::ObservedPayIn;
use crate::ports::store::{
    AttemptRecord, FloatMoveRow, Locked, PayInRow, StoreError, TransactionRecord, Write,
};
use crate::records::outgoing::{end_to_end_ids, float_move_id};

/// How long after its approval a move is expected to arrive.
const EXPECTED: Span = Span::from_days(180);
/// Moves of one amount to one gateway within that time.
const MOVES: u32 = 200;

/// The float move that a pay-in is the arrival of, and how one knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moved {
    pub(super) id: FloatMoveId,
    /// `None`: it was booked before.
    proof: Option<Proof>,
}

impl App {
    /// The float move of which this pay-in is proven to be the arrival.
    pub(super) async fn home_of_move(
        &self,
        gateway: Gateway,
        observed: &ObservedPayIn,
    ) -> Result<Option<Home>, StoreError> {
        // Without a key of ours nothing was ever moved.
        if self.settings.own_keys.is_empty() {
            return Ok(None);
        }
        let reference = observed.charge_reference.as_deref();
        let arrival = Arrival {
            amount: observed.amount,
            end_to_end_id: observed.end_to_end_id.as_deref(),
            names_charge: reference.is_some_and(|text| !text.is_empty()),
            payer_tax_id: observed.payer.tax_id.as_deref(),
            paid_at: observed.paid_at,
        };
        let holder = self.settings.account_holder.as_ref();
        let since = self.now().minus(EXPECTED);
        let expected = self
            .store
            .float_moves_expected(gateway, observed.amount, since, MOVES)
            .await?;
        for row in expected {
            let Some(transaction) = row.state.transaction() else {
                continue;
            };
            let Some(found) = self.store.transaction(transaction).await? else {
                continue;
            };
            if let Some(proof) = prove(arrival, &candidate(&row, &found), holder) {
                return Ok(Some(Home {
                    transaction,
                    wallet: WalletId::SYSTEM,
                    attempt: None,
                    moved: Some(Moved {
                        id: row.id,
                        proof: Some(proof),
                    }),
                }));
            }
        }
        Ok(None)
    }

    /// The move of a pay-in that is booked to one.
    pub(super) async fn arrived_before(&self, home: Home) -> Result<Home, StoreError> {
        let found = self.store.transaction(home.transaction).await?;
        let id = found.as_ref().and_then(|found| float_move_id(&found.row));
        let id = id.ok_or_else(|| {
            let what = format!("{} carries no float move", home.transaction);
            StoreError::Corrupt(what)
        })?;
        Ok(Home {
            moved: Some(Moved { id, proof: None }),
            ..home
        })
    }

    /// What arrived under the id that the source told was sent by it: its attempt is known to be
    /// executed, also while the source itself cannot be asked.
    pub(super) async fn told_by_arrival(
        &self,
        home: Option<Home>,
        observed: &ObservedPayIn,
    ) -> Result<(), StoreError> {
        let proven = home.filter(|home| {
            let proof = home.moved.and_then(|moved| moved.proof);
            proof == Some(Proof::EndToEndId)
        });
        let (Some(home), Some(id)) = (proven, observed.end_to_end_id.as_deref()) else {
            return Ok(());
        };
        let Some(found) = self.store.transaction(home.transaction).await? else {
            return Ok(());
        };
        let is_known = found.row.settled_at.is_some();
        let told = |attempt: &&AttemptRecord| end_to_end_ids(attempt).any(|told| told == id);
        let attempt = found.attempts.iter().find(told).filter(|_| !is_known);
        let Some(attempt) = attempt else {
            return Ok(());
        };
        let known = Known::Looked {
            evidence: Evidence::Settled(Execution {
                gateway_reference: None,
                end_to_end_id: Some(id.to_owned()),
            }),
            returns: Vec::new(),
            payee_name: None,
            reference: None,
        };
        let context = AbsorbContext {
            attempt_number: attempt.row.number,
            lease: None,
            circuit_admits: false,
            draw: self.draw(),
        };
        match absorb(self, &found.row, known, context).await {
            Ok(_) | Err(CommitError::Refused(Passed::Moved | Passed::LeaseLost)) => Ok(()),
            Err(CommitError::Refused(Passed::Corrupt(error)) | CommitError::Store(error)) => {
                Err(error)
            }
        }
    }
}

/// What is known of a move's sending.
fn candidate(row: &FloatMoveRow, found: &TransactionRecord) -> Candidate {
    let attempts = found.attempts.iter();
    let told = attempts
        .clone()
        .filter(|attempt| attempt.row.outcome != "not_done")
        .flat_map(|attempt| end_to_end_ids(attempt).collect::<Vec<_>>());
    let sends = attempts.flat_map(|attempt| &attempt.sends);
    let left_us = sends.filter(|send| send.class.as_deref() != Some("never_sent"));
    Candidate {
        from: row.from,
        amount: row.amount,
        end_to_end_ids: told.chain(found.row.end_to_end_id.clone()).collect(),
        first_sent: left_us.map(|send| send.opened_at).min(),
        in_transit: row.in_transit(),
    }
}

impl Moved {
    /// The locked move, still as the proof needs it.
    fn row<'a>(&self, locked: &'a Locked, amount: Money) -> Result<&'a FloatMoveRow, StoreError> {
        let row = locked.float_moves.get(&self.id);
        let row = row.ok_or_else(|| StoreError::Corrupt(format!("{} is missing", self.id)))?;
        match self.proof {
            // Another arrival came first: this one may end another move.
            Some(Proof::OwnAccount) if row.in_transit() < amount.cents() => {
                Err(StoreError::Stale("float_move"))
            }
            Some(Proof::OwnAccount | Proof::EndToEndId) | None => Ok(row),
        }
    }

    /// The move after so much more of it has arrived, or less.
    pub(super) fn arrived(
        &self,
        locked: &Locked,
        cents: i64,
        now: Moment,
    ) -> Result<Write, StoreError> {
        let row = locked.float_moves.get(&self.id);
        let row = row.ok_or_else(|| StoreError::Corrupt(format!("{} is missing", self.id)))?;
        let arrived = Money::from_cents(row.arrived.cents().saturating_add(cents));
        Ok(Write::SaveFloatMove(FloatMoveRow {
            arrived: arrived.map_err(|error| StoreError::Corrupt(error.to_string()))?,
            arrived_at: if cents > 0 { Some(now) } else { row.arrived_at },
            version: row.version + 1,
            ..row.clone()
        }))
    }
}

impl CreditUnit {
    /// It arrived: from in transit to the float here.
    pub(super) fn move_arrived(
        &self,
        locked: &Locked,
        home: Home,
        moved: Moved,
    ) -> Result<(Vec<Write>, Credited), StoreError> {
        moved.row(locked, self.observed.amount)?;
        let mut ids = self.seed.start();
        let row = self.pay_in_row(&mut ids, Some(home));
        let mut books = Books::new(&locked.wallets);
        let heading = self.heading(&mut ids, "float_arrived", Some(home.transaction));
        books
            .float_arrived(heading, self.gateway, (row.amount, row.fee))
            .map_err(unbookable)?;
        let mut writes = vec![Write::InsertPayIn(row.clone())];
        writes.extend(books.into_writes());
        writes.push(moved.arrived(locked, row.amount.cents(), self.seed.now)?);
        writes.extend(self.tell_arrival(moved, &row, &mut ids));
        Ok((writes, Credited::New))
    }

    /// It stood in suspense: from there to in transit, where it meets what left.
    pub(super) fn move_matched(
        &self,
        locked: &Locked,
        known: &PayInRow,
        home: Home,
        moved: Moved,
    ) -> Result<(Vec<Write>, Credited), StoreError> {
        let left = known.amount.checked_sub(known.reversed);
        let left = left.unwrap_or(Money::ZERO);
        if left.is_zero() || !known.disputed.is_zero() {
            return Ok((Vec::new(), Credited::Known));
        }
        moved.row(locked, known.amount)?;
        let mut ids = self.seed.start();
        let row = PayInRow {
            transaction_id: Some(home.transaction),
            wallet_id: Some(home.wallet),
            version: known.version + 1,
            ..known.clone()
        };
        let mut books = Books::new(&locked.wallets);
        let heading = self.heading(&mut ids, "suspense_matched", Some(home.transaction));
        books
            .suspense_in_transit(heading, self.gateway, left)
            .map_err(unbookable)?;
        let mut writes = vec![Write::SavePayIn(row.clone())];
        writes.extend(books.into_writes());
        writes.push(moved.arrived(locked, left.cents(), self.seed.now)?);
        writes.push(events::suspense_resolved(&mut ids, &row, self.seed.now));
        writes.extend(self.tell_arrival(moved, &row, &mut ids));
        Ok((writes, Credited::Matched))
    }

    fn tell_arrival(&self, moved: Moved, row: &PayInRow, ids: &mut Ids) -> [Write; 2] {
        let proof = moved.proof.map(|proof| match proof {
            Proof::EndToEndId => "end_to_end_id",
            Proof::OwnAccount => "own_account",
        });
        let audited = Audited {
            actor: SYSTEM.to_owned(),
            action: "float_move.arrived",
            subject: moved.id.to_string(),
            detail: json!({"pay_in": row.id.to_string(), "proof": proof}),
        };
        [
            events::float_move_arrived(ids, moved.id, row, self.seed.now),
            audit(ids, self.seed.now, audited),
        ]
    }
}
