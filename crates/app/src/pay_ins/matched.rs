//! Money in suspense that finds its charge.
//!
//! A pay-in is looked at again by the sweep, and by whatever else brings it. When an attempt of a
//! charge answers to what it names, its money moves from suspense to the wallet and the charge
//! steps as if it had arrived now. It cannot be credited twice: its row is locked, and its
//! transaction is set once. Disputed money stays in suspense until the dispute is over; what was
//! taken back before the match is told as a reversal of the charge.

use domain::money::Money;

use super::{CreditUnit, Credited, Home, missing, unbookable};
use crate::events;
use crate::ledger::Books;
use crate::ports::store::{Locked, PayInRow, StoreError, Write};

impl CreditUnit {
    pub(super) fn matched(
        &self,
        locked: &Locked,
        known: &PayInRow,
        home: Home,
    ) -> Result<(Vec<Write>, Credited), StoreError> {
        if let Some(moved) = home.moved {
            return self.move_matched(locked, known, home, moved);
        }
        let wallet = locked
            .wallets
            .get(&home.wallet)
            .ok_or_else(missing("wallets"))?;
        let left = known.amount.checked_sub(known.reversed);
        let left = left.unwrap_or(Money::ZERO);
        let is_full = wallet.available.checked_add(left).is_none();
        if left.is_zero() || !known.disputed.is_zero() || is_full {
            return Ok((Vec::new(), Credited::Known));
        }
        let found = locked.transactions.get(&home.transaction);
        let found = found.ok_or_else(missing("transactions"))?;
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
            .suspense_matched(heading, home.wallet, self.gateway, left)
            .map_err(unbookable)?;
        let mut writes = vec![Write::SavePayIn(row.clone())];
        writes.extend(books.into_writes());
        let stepped = self.step_charge(found, home, &mut ids)?;
        let saved = stepped.iter().find_map(|write| match write {
            Write::SaveTransaction(row) => Some(row.clone()),
            _ => None,
        });
        writes.extend(stepped);
        if let Some(saved) = saved.filter(|_| !known.reversed.is_zero()) {
            writes.extend(self.tell(&saved, "charge.reversed", &mut ids)?);
        }
        writes.push(events::suspense_resolved(&mut ids, &row, self.seed.now));
        Ok((writes, Credited::Matched))
    }
}
