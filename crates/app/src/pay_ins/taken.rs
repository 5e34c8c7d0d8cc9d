//! What a gateway takes of a pay-in that is booked: returns beyond our own refunds, and disputes.
//!
//! A return is gone at once: from what is available, the shortfall as the user's debt. A dispute
//! blocks first, at the gateway and in the wallet, and ends lost or released; `domain::dispute`
//! says which step follows from what is shown. A return that reaches into disputed money comes out
//! of what is blocked.

use domain::dispute::{Dispute, DisputeStep, next_step};
use domain::money::Money;

use super::{CreditUnit, Credited, Home, missing, unbookable};
use crate::context::Ids;
use crate::ledger::{Books, Owner};
use crate::ports::gateway::{ObservedDispute, ObservedPayIn};
use crate::ports::store::{DisputeRow, Locked, PayInRow, StoreError, Write};
use crate::sabotage::{self, Sabotage};

type Change = (Vec<Write>, Credited);

/// A booked pay-in under lock, with where it belongs and its disputes.
#[derive(Clone, Copy)]
struct Case<'a> {
    locked: &'a Locked,
    known: &'a PayInRow,
    home: Option<Home>,
}

/// What of a case one change writes.
struct Taken {
    row: PayInRow,
    disputes: Vec<Write>,
    books: Books,
    /// The event of the charge's next version.
    event: &'static str,
    /// The alert's kind and text, where people are told.
    alert: Option<(&'static str, String)>,
}

impl CreditUnit {
    /// The next change that follows from what is shown, if any.
    pub(super) fn taken(
        &self,
        locked: &Locked,
        known: &PayInRow,
        home: Option<Home>,
    ) -> Result<Option<Change>, StoreError> {
        let case = Case {
            locked,
            known,
            home,
        };
        let lost = case.disputes().map(|row| row.dispute.lost());
        let lost = Money::sum(lost).unwrap_or(Money::MAX);
        let growth = foreign_growth(known, lost, &self.observed);
        if !growth.is_zero() {
            return self.given_back(case, growth).map(Some);
        }
        for observed in &self.observed.disputes {
            let last = case.disputes().filter(|row| row.key == observed.key).last();
            let booked = last.map(|row| &row.dispute);
            let step = next_step(booked, observed.shown, observed.seen_at, case.left());
            match (step, last) {
                (DisputeStep::Stay, _) => {}
                (DisputeStep::Begin { amount }, _) => {
                    return self.begun(case, observed, amount).map(Some);
                }
                (step, Some(last)) => return self.moved(case, observed, last, step).map(Some),
                (_, None) => return Err(unfit("no dispute to step")),
            }
        }
        Ok(None)
    }

    /// Returns beyond what is booked: from what is free, else from what is blocked.
    fn given_back(&self, case: Case<'_>, growth: Money) -> Result<Change, StoreError> {
        let mut ids = self.seed.start();
        let mut row = case.next_row();
        row.reversed = row.reversed.checked_add(growth).unwrap_or(Money::MAX);
        let mut books = Books::new(&case.locked.wallets);
        let free = growth.min(case.left());
        let mut blocked = growth.checked_sub(free).unwrap_or(Money::ZERO);
        let mut disputes = Vec::new();
        for open in case.disputes() {
            let part = open.dispute.blocked().min(blocked);
            if part.is_zero() {
                continue;
            }
            blocked = blocked.checked_sub(part).unwrap_or(Money::ZERO);
            row.disputed = row.disputed.checked_sub(part).unwrap_or(Money::ZERO);
            let heading = self.heading(&mut ids, "reversal", case.known.transaction_id);
            books
                .dispute_lost(heading, case.owner(), self.gateway, part)
                .map_err(unbookable)?;
            disputes.push(Write::SaveDispute(DisputeRow {
                dispute: open.dispute.shrink(part, self.seed.now).map_err(unfit)?,
                ..open.clone()
            }));
        }
        let heading = self.heading(&mut ids, "reversal", case.known.transaction_id);
        let booked = match case.owner() {
            Owner::Wallet(wallet) => books.reversal(heading, wallet, self.gateway, free),
            Owner::Suspense => books.suspense_reversal(heading, self.gateway, free),
            Owner::InTransit => books.arrival_reversal(heading, self.gateway, free),
        };
        booked.map_err(unbookable)?;
        let taken = Taken {
            row,
            disputes,
            books,
            event: "charge.reversed",
            alert: Some(("pay_in_reversed", self.taken_back_text(growth))),
        };
        self.change(case, taken, Credited::Reversed, ids)
    }

    fn begun(
        &self,
        case: Case<'_>,
        observed: &ObservedDispute,
        amount: Money,
    ) -> Result<Change, StoreError> {
        let mut ids = self.seed.start();
        let number = case.disputes().map(|row| row.number).max().unwrap_or(0) + 1;
        let row = DisputeRow {
            pay_in_id: case.known.id,
            number,
            gateway: self.gateway,
            wallet_id: case.owner().wallet(),
            key: observed.key.clone(),
            dispute: Dispute::begun(amount, observed.seen_at),
            opened_at: self.seed.now,
        };
        let opened = self.block(case, amount, Write::InsertDispute(row), &mut ids)?;
        self.change(case, opened, Credited::Disputed, ids)
    }

    /// A step of a dispute that is booked.
    fn moved(
        &self,
        case: Case<'_>,
        observed: &ObservedDispute,
        last: &DisputeRow,
        step: DisputeStep,
    ) -> Result<Change, StoreError> {
        let mut ids = self.seed.start();
        let stepped = last.dispute.step(step, observed.seen_at, self.seed.now);
        let save = Write::SaveDispute(DisputeRow {
            dispute: stepped.map_err(unfit)?,
            ..last.clone()
        });
        let (amount, owner) = (last.dispute.amount, case.owner());
        let mut row = case.next_row();
        let mut books = Books::new(&case.locked.wallets);
        let mut heading = |kind| self.heading(&mut ids, kind, case.known.transaction_id);
        let (event, alert, credited) = match step {
            DisputeStep::Widen { by } => {
                let widened = self.block(case, by, save, &mut ids)?;
                return self.change(case, widened, Credited::Disputed, ids);
            }
            DisputeStep::Lose { taken, rest } => {
                row.disputed = row.disputed.checked_sub(amount).unwrap_or(Money::ZERO);
                row.reversed = row.reversed.checked_add(taken).unwrap_or(Money::MAX);
                books
                    .dispute_lost(heading("dispute_lost"), owner, self.gateway, taken)
                    .and_then(|()| {
                        let heading = heading("dispute_released");
                        books.dispute_released(heading, owner, self.gateway, rest)
                    })
                    .map_err(unbookable)?;
                let alert = ("pay_in_reversed", self.taken_back_text(taken));
                ("charge.reversed", Some(alert), Credited::Reversed)
            }
            DisputeStep::Release => {
                row.disputed = row.disputed.checked_sub(amount).unwrap_or(Money::ZERO);
                books
                    .dispute_released(heading("dispute_released"), owner, self.gateway, amount)
                    .map_err(unbookable)?;
                ("charge.dispute_released", None, Credited::Released)
            }
            DisputeStep::GiveBack => {
                row.reversed = row.reversed.checked_sub(amount).unwrap_or(Money::ZERO);
                books
                    .dispute_given_back(heading("dispute_given_back"), owner, self.gateway, amount)
                    .map_err(unbookable)?;
                ("charge.dispute_released", None, Credited::Released)
            }
            DisputeStep::Stay | DisputeStep::Begin { .. } => return Err(unfit("no step at all")),
        };
        let taken = Taken {
            row,
            disputes: vec![save],
            books,
            event,
            alert,
        };
        self.change(case, taken, credited, ids)
    }

    /// Blocks more for a dispute whose row is written by `dispute`.
    fn block(
        &self,
        case: Case<'_>,
        amount: Money,
        dispute: Write,
        ids: &mut Ids,
    ) -> Result<Taken, StoreError> {
        let mut row = case.next_row();
        row.disputed = row.disputed.checked_add(amount).unwrap_or(Money::MAX);
        let mut books = Books::new(&case.locked.wallets);
        let heading = self.heading(ids, "dispute_opened", case.known.transaction_id);
        books
            .dispute_opened(heading, case.owner(), self.gateway, amount)
            .map_err(unbookable)?;
        let text = format!("{amount} of a received PIX is disputed at {}", self.gateway);
        Ok(Taken {
            row,
            disputes: vec![dispute],
            books,
            event: "charge.disputed",
            alert: Some(("pay_in_disputed", text)),
        })
    }

    /// The commit of a change: money, rows, the charge's next version with its event, the alert.
    fn change(
        &self,
        case: Case<'_>,
        taken: Taken,
        credited: Credited,
        mut ids: Ids,
    ) -> Result<Change, StoreError> {
        let transaction = case.known.transaction_id;
        let row = taken.row;
        let mut writes = vec![Write::SavePayIn(row.clone())];
        writes.extend(taken.disputes);
        writes.extend(taken.books.into_writes());
        if let Some(moved) = case.home.and_then(|home| home.moved) {
            let before = case.known.reversed.cents();
            let taken = row.reversed.cents() - before;
            writes.push(moved.arrived(case.locked, -taken, self.seed.now)?);
        } else if let Some(home) = case.home {
            let found = case.locked.transactions.get(&home.transaction);
            let found = found.ok_or_else(missing("transactions"))?;
            writes.extend(self.tell(&found.row, taken.event, &mut ids)?);
        }
        if let Some((kind, text)) = taken.alert {
            writes.extend(self.alert(&mut ids, kind, transaction, text));
        }
        Ok((writes, credited))
    }

    fn taken_back_text(&self, amount: Money) -> String {
        format!(
            "{amount} of a received PIX was taken back at {}",
            self.gateway
        )
    }
}

impl<'a> Case<'a> {
    /// By number.
    fn disputes(self) -> impl Iterator<Item = &'a DisputeRow> {
        let pay_in = self.known.id;
        let all = self.locked.disputes.iter();
        all.filter(move |row| row.pay_in_id == pay_in)
    }

    fn owner(self) -> Owner {
        self.home.map_or(Owner::Suspense, Home::owner)
    }

    /// What of the pay-in is neither gone nor blocked.
    fn left(self) -> Money {
        let known = self.known;
        let gone = Money::sum([known.refunded, known.reversed, known.disputed]);
        gone.and_then(|gone| known.amount.checked_sub(gone))
            .unwrap_or(Money::ZERO)
    }

    fn next_row(self) -> PayInRow {
        PayInRow {
            version: self.known.version + 1,
            ..self.known.clone()
        }
    }
}

/// What was given back beyond our own refunds and what is booked already; `lost` of what is booked
/// was taken by disputes. Open refunds count as ours in full: what they turn out not to have given
/// back shows at a later look.
pub(super) fn foreign_growth(known: &PayInRow, lost: Money, observed: &ObservedPayIn) -> Money {
    let done = observed.returned.iter().filter(|back| back.done);
    let returned = Money::sum(done.map(|back| back.amount)).unwrap_or(Money::MAX);
    let gone = known
        .refunded
        .checked_add(known.reversed)
        .unwrap_or(Money::MAX);
    let mut explained = gone.checked_sub(lost).unwrap_or(Money::ZERO);
    if sabotage::is(Sabotage::ReversalAtEveryLook) {
        explained = known.refunded;
    }
    let growth = returned.checked_sub(explained).unwrap_or(Money::ZERO);
    let left = known.amount.checked_sub(gone).unwrap_or(Money::ZERO);
    growth.min(left)
}

fn unfit(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("a dispute does not fit its row: {error}"))
}
