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
            remaining: remaining(observed),
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

/// What of a received PIX has not been given back.
fn remaining(observed: &ObservedPayIn) -> Money {
    let done = observed.returned.iter().filter(|back| back.done);
    let back = Money::sum(done.map(|back| back.amount)).unwrap_or(Money::MAX);
    observed.amount.checked_sub(back).unwrap_or(Money::ZERO)
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
    /// Whether the locked move is still as the proof needs it.
    fn still_fits(&self, locked: &Locked, remaining: Money) -> Result<(), StoreError> {
        match self.proof {
            // Another arrival came first: this one may end another move.
            Some(Proof::OwnAccount) if self.row(locked)?.in_transit() < remaining.cents() => {
                Err(StoreError::Stale("float_move"))
            }
            Some(Proof::OwnAccount | Proof::EndToEndId) | None => Ok(()),
        }
    }

    fn row<'a>(&self, locked: &'a Locked) -> Result<&'a FloatMoveRow, StoreError> {
        let row = locked.float_moves.get(&self.id);
        row.ok_or_else(|| StoreError::Corrupt(format!("{} is missing", self.id)))
    }

    /// The move after so much more of it has arrived, or less.
    pub(super) fn arrived(
        &self,
        locked: &Locked,
        cents: i64,
        now: Moment,
    ) -> Result<Write, StoreError> {
        let row = self.row(locked)?;
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
        moved.still_fits(locked, remaining(&self.observed))?;
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
        moved.still_fits(locked, left)?;
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::context::{Decision, IdSeed, Settings};
    use crate::float_moves::tests::{BIA, NOW, cents, proposed};
    use crate::ports::gateway::{ObservedDispute, ObservedPayer, ObservedReturn};
    use domain::dispute::ShownDispute;
    use domain::float_move::FloatMoveState;
    use domain::ids::TransactionId;

    const PAYOUT: TransactionId = TransactionId::from_bytes([3; 16]);

    fn observed(returned: i64) -> ObservedPayIn {
        let back = ObservedReturn {
            key: "D1".into(),
            attempt_key: None,
            amount: cents(returned),
            done: true,
        };
        ObservedPayIn {
            key: "77".into(),
            end_to_end_id: Some("E1".into()),
            amount: cents(500),
            fee: Some(cents(5)),
            paid_at: NOW,
            payer: ObservedPayer::default(),
            charge_reference: None,
            returned: Some(back).filter(|_| returned > 0).into_iter().collect(),
            disputes: Vec::new(),
        }
    }

    fn unit(proof: Option<Proof>, observed: ObservedPayIn) -> CreditUnit {
        CreditUnit {
            gateway: Gateway::MercadoPago,
            observed: Arc::new(observed),
            home: Some(Home {
                transaction: PAYOUT,
                wallet: WalletId::SYSTEM,
                attempt: None,
                moved: Some(Moved {
                    id: proposed().id,
                    proof,
                }),
            }),
            settings: Arc::new(Settings::standard()),
            seed: IdSeed::for_tests(NOW),
        }
    }

    fn moving(left: i64) -> Locked {
        let row = FloatMoveRow {
            state: FloatMoveState::Approved {
                by: BIA,
                at: NOW,
                transaction: PAYOUT,
            },
            left: cents(left),
            ..proposed()
        };
        let mut locked = Locked::default();
        locked.float_moves.insert(row.id, row);
        locked
    }

    /// Decides, puts the rows back, and gives what was booked, as account and signed centavos.
    fn booked(unit: &CreditUnit, locked: &mut Locked) -> Vec<(String, i64)> {
        let writes = match unit.decide(locked) {
            Decision::Commit(writes, _) => writes,
            Decision::Refuse(Ok(_)) => return Vec::new(),
            Decision::Refuse(Err(error)) => panic!("{error}"),
        };
        let mut entries = Vec::new();
        for write in writes {
            match write {
                Write::InsertPayIn(row) | Write::SavePayIn(row) => {
                    locked.pay_ins.insert((row.gateway, row.key.clone()), row);
                }
                Write::InsertDispute(row) => locked.disputes.push(row),
                Write::SaveDispute(row) => locked.disputes = vec![row],
                Write::SaveFloatMove(row) => drop(locked.float_moves.insert(row.id, row)),
                Write::InsertJournal(journal) => {
                    let legs = journal.entries.iter();
                    entries.extend(legs.map(|leg| (leg.account.code(), leg.debit_cents)));
                }
                _ => {}
            }
        }
        entries
    }

    fn counted(locked: &Locked) -> (i64, i64) {
        let row = &locked.float_moves[&proposed().id];
        (row.arrived.cents(), row.in_transit())
    }

    fn legs(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
        let own = |(code, cents): &(&str, i64)| ((*code).to_owned(), *cents);
        expected.iter().map(own).collect()
    }

    #[test]
    fn an_arrival_is_booked_once_with_its_fee_as_a_line() {
        let mut locked = moving(500);
        let first = unit(Some(Proof::EndToEndId), observed(0));
        let arrived = [
            ("float_available.mercado_pago", 495),
            ("gateway_fees.mercado_pago", 5),
            ("in_transit", -500),
        ];
        assert_eq!(booked(&first, &mut locked), legs(&arrived));
        assert_eq!(counted(&locked), (500, 0));
        let row = &locked.pay_ins[&(Gateway::MercadoPago, "77".to_owned())];
        assert_eq!(row.wallet_id, Some(WalletId::SYSTEM));
        // Known from now on, and what is given back is in transit again.
        let again = unit(None, observed(0));
        assert!(booked(&again, &mut locked).is_empty());
        let back = [("float_available.mercado_pago", -200), ("in_transit", 200)];
        let back = (booked(&unit(None, observed(200)), &mut locked), legs(&back));
        assert_eq!(back.0, back.1);
        assert_eq!(counted(&locked), (300, 200));
        assert!(booked(&unit(None, observed(200)), &mut locked).is_empty());
    }

    #[test]
    fn a_dispute_over_an_arrival_is_no_wallets() {
        let mut locked = moving(500);
        booked(&unit(Some(Proof::EndToEndId), observed(0)), &mut locked);
        let shown = |shown| ObservedPayIn {
            disputes: vec![ObservedDispute {
                key: "d".into(),
                shown,
                seen_at: None,
            }],
            ..observed(0)
        };
        let amount = cents(500);
        let blocked = booked(
            &unit(None, shown(ShownDispute::Open { amount })),
            &mut locked,
        );
        let expected = [
            ("float_available.mercado_pago", -500),
            ("float_blocked.mercado_pago", 500),
        ];
        assert_eq!(blocked, legs(&expected));
        assert_eq!(counted(&locked), (500, 0));
        let lost = booked(
            &unit(None, shown(ShownDispute::Lost { amount })),
            &mut locked,
        );
        let expected = [("float_blocked.mercado_pago", -500), ("in_transit", 500)];
        assert_eq!(lost, legs(&expected));
        assert_eq!(counted(&locked), (0, 500));
    }

    #[test]
    fn of_two_arrivals_of_one_move_the_second_is_not_taken_for_it() {
        let mut locked = moving(500);
        let own = |key: &str, returned| ObservedPayIn {
            key: key.into(),
            ..observed(returned)
        };
        booked(&unit(Some(Proof::OwnAccount), own("77", 0)), &mut locked);
        let second = unit(Some(Proof::OwnAccount), own("78", 0)).decide(&locked);
        assert!(matches!(
            second,
            Decision::Refuse(Err(StoreError::Stale("float_move")))
        ));
        // The very payment that was told of is, whatever else has arrived.
        let told = unit(Some(Proof::EndToEndId), own("79", 0));
        assert!(!booked(&told, &mut locked).is_empty());
        assert_eq!(counted(&locked), (1_000, -500));
    }

    #[test]
    fn what_stood_in_suspense_moves_on_to_where_it_meets_what_left() {
        let mut locked = moving(300);
        let stranger = CreditUnit {
            home: None,
            ..unit(None, observed(0))
        };
        booked(&stranger, &mut locked);
        let taken = CreditUnit {
            home: None,
            ..unit(None, observed(200))
        };
        booked(&taken, &mut locked);
        let matched = unit(Some(Proof::OwnAccount), observed(200));
        let expected = [("suspense.mercado_pago", 300), ("in_transit", -300)];
        let mut legs_of_match = booked(&matched, &mut locked);
        legs_of_match.sort();
        let mut expected = legs(&expected);
        expected.sort();
        assert_eq!(
            legs_of_match, expected,
            "what was taken back is not matched"
        );
        assert_eq!(counted(&locked), (300, 0));
        assert!(booked(&matched, &mut locked).is_empty());
    }
}
