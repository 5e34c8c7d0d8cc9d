//! What becomes of the money of the platform's own payouts, which carry float from one gateway to the
//! other: no wallet stands behind them. What leaves is in transit until it arrives or comes back, and
//! the move counts it in the same commit.

use domain::gateway::Gateway;
use domain::ids::JournalId;
use domain::money::Money;
use domain::time::Moment;

use super::booking::bookkeeping;
use super::commits::Passed;
use super::transition::Booking;
use crate::context::Ids;
use crate::ledger::{Books, Heading};
use crate::ports::store::{FloatMoveRow, Locked, StoreError, Write};
use crate::records::outgoing::{CarriedMove, OutgoingRecord};

type Booked = Result<Vec<Write>, Passed>;

pub(super) fn heading(
    booking: Booking,
    record: &OutgoingRecord,
    (now, ids): (Moment, &mut Ids),
) -> Heading {
    Heading {
        id: JournalId::from_bytes(ids.make()),
        kind: match booking {
            Booking::PaidOut(_) => "float_left",
            Booking::Release => "float_stayed",
            Booking::PaidAfterAll(_) => "float_corrected_to_left",
            Booking::NotPaidAfterAll(_) => "float_corrected_to_stayed",
        },
        transaction_id: Some(record.row.id),
        at: now,
    }
}

/// What a payout's end does to the float that it moves. What never left needs no entry.
pub(super) fn book(
    locked: &Locked,
    carried: CarriedMove,
    booking: Booking,
    (heading, amount): (Heading, Money),
) -> Booked {
    let row = moved(locked, carried)?;
    match booking {
        Booking::Release => Ok(Vec::new()),
        Booking::PaidOut(gateway) | Booking::PaidAfterAll(gateway) => {
            left(row, gateway, (heading, amount))
        }
        Booking::NotPaidAfterAll(gateway) => {
            let next = FloatMoveRow {
                left: less(row.left, amount),
                ..row
            };
            back(next, gateway, (heading, amount))
        }
    }
}

/// A second execution of the payout.
pub(super) fn left_again(locked: &Locked, carried: CarriedMove, money: (Heading, Money)) -> Booked {
    left(moved(locked, carried)?, carried.from, money)
}

/// A part of what left came back.
pub(super) fn returned(
    locked: &Locked,
    carried: CarriedMove,
    gateway: Gateway,
    (heading, amount): (Heading, Money),
) -> Booked {
    let row = moved(locked, carried)?;
    let next = FloatMoveRow {
        returned: row.returned.checked_add(amount).unwrap_or(Money::MAX),
        ..row
    };
    back(next, gateway, (heading, amount))
}

/// The next version of the locked move.
fn moved(locked: &Locked, carried: CarriedMove) -> Result<FloatMoveRow, Passed> {
    let row = locked.float_moves.get(&carried.id).ok_or_else(|| {
        let what = format!("float move {} is absent", carried.id);
        Passed::Corrupt(StoreError::Corrupt(what))
    })?;
    Ok(FloatMoveRow {
        version: row.version + 1,
        ..row.clone()
    })
}

fn left(row: FloatMoveRow, gateway: Gateway, (heading, amount): (Heading, Money)) -> Booked {
    let mut books = Books::new(&Default::default());
    books
        .float_left(heading, gateway, amount)
        .map_err(|error| bookkeeping(&error))?;
    let mut writes = books.into_writes();
    writes.push(Write::SaveFloatMove(FloatMoveRow {
        left: row.left.checked_add(amount).unwrap_or(Money::MAX),
        ..row
    }));
    Ok(writes)
}

fn back(row: FloatMoveRow, gateway: Gateway, (heading, amount): (Heading, Money)) -> Booked {
    let mut books = Books::new(&Default::default());
    books
        .float_back(heading, gateway, amount)
        .map_err(|error| bookkeeping(&error))?;
    let mut writes = books.into_writes();
    writes.push(Write::SaveFloatMove(row));
    Ok(writes)
}

fn less(whole: Money, part: Money) -> Money {
    whole.checked_sub(part).unwrap_or(Money::ZERO)
}
