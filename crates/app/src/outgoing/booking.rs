//! What a payment's ends and their corrections do to the books: the money, the wallet's limits, and
//! of a refund its part of the pay-in.

use domain::gateway::Gateway;
use domain::ids::JournalId;
use domain::money::Money;
use domain::payout::Outgoing;
use domain::time::Moment;

use super::commits::Passed;
use super::float;
use super::transition::Booking;
use crate::context::Ids;
use crate::ledger::{BookingError, Books, Heading};
use crate::ports::store::{Locked, PayInRow, StoreError, Write};
use crate::records::outgoing::OutgoingRecord;
use crate::sabotage::{self, Sabotage};

/// Books what a payment's end does to its money, and frees or keeps the refunded part of its pay-in
/// and the wallet's limits.
pub fn book(
    locked: &Locked,
    record: &OutgoingRecord,
    booking: Booking,
    now: Moment,
    ids: &mut Ids,
) -> Result<Vec<Write>, Passed> {
    if let Some(carried) = record.float_move()? {
        let heading = float::heading(booking, record, (now, ids));
        return float::book(locked, carried, booking, (heading, record.row.amount));
    }
    let mut entry = Entry {
        locked,
        record,
        books: Books::new(&locked.wallets),
        heading: Heading {
            id: JournalId::from_bytes(ids.make()),
            kind: kind_of(booking, record.kind),
            transaction_id: Some(record.row.id),
            at: now,
        },
    };
    let writes = match booking {
        Booking::PaidOut(gateway) => entry.paid_out(gateway),
        Booking::Release => entry.release(),
        Booking::PaidAfterAll(gateway) => entry.paid_after_all(gateway),
        Booking::NotPaidAfterAll(gateway) => entry.not_paid_after_all(gateway),
    };
    let mut writes: Vec<Write> = writes?.into_iter().collect();
    writes.extend(entry.books.into_writes());
    Ok(writes)
}

fn kind_of(booking: Booking, kind: Outgoing) -> &'static str {
    match (booking, kind) {
        (Booking::PaidOut(_), Outgoing::Payout) => "payout_settled",
        (Booking::PaidOut(_), Outgoing::Refund) => "refund_settled",
        (Booking::Release, Outgoing::Payout) => "payout_released",
        (Booking::Release, Outgoing::Refund) => "refund_released",
        (Booking::PaidAfterAll(_), Outgoing::Payout) => "payout_corrected_to_settled",
        (Booking::PaidAfterAll(_), Outgoing::Refund) => "refund_corrected_to_settled",
        (Booking::NotPaidAfterAll(_), Outgoing::Payout) => "payout_corrected_to_rejected",
        (Booking::NotPaidAfterAll(_), Outgoing::Refund) => "refund_corrected_to_rejected",
    }
}

struct Entry<'a> {
    locked: &'a Locked,
    record: &'a OutgoingRecord,
    books: Books,
    heading: Heading,
}

type Booked = Result<Option<Write>, Passed>;

impl Entry<'_> {
    fn money(&self) -> (Money, Money) {
        (self.record.row.amount, self.record.row.fee)
    }

    fn paid_out(&mut self, gateway: Gateway) -> Booked {
        let (wallet, money) = (self.record.row.wallet_id, self.money());
        self.books
            .paid_out(self.heading, wallet, gateway, money)
            .map_err(|error| bookkeeping(&error))?;
        Ok(None)
    }

    fn release(&mut self) -> Booked {
        let (wallet, mut total) = (self.record.row.wallet_id, self.record.total());
        if sabotage::is(Sabotage::FeeStaysHeld) {
            total = self.record.row.amount;
        }
        self.books
            .release(self.heading, wallet, total)
            .map_err(|error| bookkeeping(&error))?;
        self.uncount()
    }

    /// As if it had settled: counted again, and of a refund its part of the pay-in taken again. A
    /// reversal booked meanwhile may have been this very refund: it is turned into it, and a true
    /// reversal shows again at the next look at the pay-in.
    fn paid_after_all(&mut self, gateway: Gateway) -> Booked {
        let (wallet, (amount, fee)) = (self.record.row.wallet_id, self.money());
        let (pay_in, taken) = match self.record.kind {
            Outgoing::Payout => {
                let spent = self.books.wallet(wallet).ok_or(Passed::Moved)?.spent;
                let spent = spent.count_again(self.record.windows(), amount);
                self.books
                    .set_spent(wallet, spent)
                    .map_err(|error| bookkeeping(&error))?;
                (None, Money::ZERO)
            }
            Outgoing::Refund => {
                let mut pay_in = self.pay_in()?;
                let taken = pay_in.reversed.min(amount);
                pay_in.reversed = less(pay_in.reversed, taken);
                pay_in.refunded = pay_in.refunded.checked_add(amount).unwrap_or(Money::MAX);
                (Some(Write::SavePayIn(pay_in)), taken)
            }
        };
        self.books
            .paid_after_all(self.heading, wallet, gateway, (less(amount, taken), fee))
            .map_err(|error| bookkeeping(&error))?;
        Ok(pay_in)
    }

    fn not_paid_after_all(&mut self, gateway: Gateway) -> Booked {
        let (wallet, money) = (self.record.row.wallet_id, self.money());
        self.books
            .not_paid_after_all(self.heading, wallet, gateway, money)
            .map_err(|error| bookkeeping(&error))?;
        self.uncount()
    }

    /// A payout that was not made is given back in the wallet's limits, a refund in its pay-in.
    fn uncount(&mut self) -> Booked {
        let (wallet, amount) = (self.record.row.wallet_id, self.record.row.amount);
        match self.record.kind {
            Outgoing::Payout => {
                let spent = self.books.wallet(wallet).ok_or(Passed::Moved)?.spent;
                let spent = spent.give_back(self.record.windows(), amount);
                self.books
                    .set_spent(wallet, spent)
                    .map_err(|error| bookkeeping(&error))?;
                Ok(None)
            }
            Outgoing::Refund => {
                let mut pay_in = self.pay_in()?;
                pay_in.refunded = less(pay_in.refunded, amount);
                Ok(Some(Write::SavePayIn(pay_in)))
            }
        }
    }

    /// The next version of the pay-in that the refund gives back.
    fn pay_in(&self) -> Result<PayInRow, Passed> {
        let found = self
            .locked
            .pay_ins
            .values()
            .find(|pay_in| Some(pay_in.id) == self.record.pay_in_id());
        let Some(pay_in) = found else {
            return Err(Passed::Corrupt(StoreError::Corrupt(format!(
                "pay-in of refund {} is absent",
                self.record.row.id
            ))));
        };
        let mut pay_in = pay_in.clone();
        pay_in.version += 1;
        Ok(pay_in)
    }
}

fn less(whole: Money, part: Money) -> Money {
    whole.checked_sub(part).unwrap_or(Money::ZERO)
}

/// Money that cannot be booked means that the books are broken: nothing is written and the job
/// fails loudly.
pub fn bookkeeping(error: &BookingError) -> Passed {
    Passed::Corrupt(StoreError::Corrupt(format!("the books refuse: {error}")))
}
