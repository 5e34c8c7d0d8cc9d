//! The simulated central bank: what was really executed, whatever anybody was told.
//!
//! It keeps both gateways' books: the orders under each key, the charges and the PIX that paid
//! them, what was given back and taken back, and our balance. A gateway executes one key once within
//! its window and forgets it afterwards, as the real ones do; the auditor reads these books as the
//! truth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::gateway::Gateway;
use domain::money::Money;
use domain::time::{Moment, Span};

/// What an order moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    Payout,
    /// Gives back this pay-in, in part or whole.
    Refund {
        pay_in_key: String,
    },
}

/// What a gateway holds under one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Taken, to be executed at this time.
    Accepted {
        settles_at: Moment,
    },
    /// Taken, to be refused at this time.
    Doomed {
        fails_at: Moment,
    },
    Executed,
    Failed,
}

/// An order as it reaches a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instruction {
    pub gateway: Gateway,
    pub key: String,
    pub amount: Money,
    pub purpose: Purpose,
    /// When it left its sender. A gateway's window is promised from one departure to the next:
    /// nobody can promise more to a network that keeps a request back for as long as it likes.
    pub left_at: Moment,
}

/// One movement out that really happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    pub gateway: Gateway,
    pub key: String,
    pub amount: Money,
    pub at: Moment,
}

/// How a gateway met an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    New,
    /// The key is known: nothing is executed again.
    Known,
    /// A refund beyond what is left of its pay-in: refused, and the key stays free.
    OverRemainder,
}

/// A received PIX.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    pub gateway: Gateway,
    pub key: String,
    /// The charge it paid; `None`: it names none.
    pub code: Option<String>,
    pub amount: Money,
    pub fee: Money,
    pub at: Moment,
    /// Given back by refunds of ours: the attempt key and the amount.
    pub refunds: Vec<(String, Money)>,
    /// Taken back by the gateway: an id and the amount.
    pub reversals: Vec<(String, Money)>,
}

impl Received {
    fn left(&self) -> i64 {
        let back = self.refunds.iter().chain(&self.reversals);
        self.amount.cents() - back.map(|(_, amount)| amount.cents()).sum::<i64>()
    }
}

/// A charge at a gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    pub amount: Money,
    pub expires_at: Moment,
    pub removed: bool,
    /// The last time that anybody was shown it, by a lookup.
    pub looked_at: Option<Moment>,
}

#[derive(Clone, Debug)]
struct Entry {
    order: Order,
    instruction: Instruction,
    taken_at: Moment,
    /// What came back of it: an id and the amount.
    returns: Vec<(String, Money)>,
}

#[derive(Default)]
struct Books {
    orders: BTreeMap<(Gateway, String), Entry>,
    /// Orders whose end is still to come.
    due: BTreeSet<(Moment, Gateway, String)>,
    executed: Vec<Executed>,
    /// Requests that the network still holds back, and until when.
    delayed: Vec<(Instruction, Option<Moment>)>,
    codes: BTreeMap<(Gateway, String), Code>,
    received: BTreeMap<(Gateway, String), Received>,
    /// Movements of our balance since the beginning, per gateway.
    balance: BTreeMap<Gateway, i64>,
    counter: u64,
}

/// How long each gateway knows a key.
#[derive(Clone, Copy, Debug)]
pub struct Windows {
    pub efi: Span,
    pub mercado_pago: Span,
}

impl Windows {
    pub const fn of(&self, gateway: Gateway) -> Span {
        match gateway {
            Gateway::Efi => self.efi,
            Gateway::MercadoPago => self.mercado_pago,
        }
    }
}

impl Default for Windows {
    fn default() -> Windows {
        Windows {
            efi: Span::from_days(30),
            mercado_pago: Span::from_seconds(3_600),
        }
    }
}

/// The bank shared by both simulated gateways.
#[derive(Default)]
pub struct Bank {
    windows: Windows,
    books: Mutex<Books>,
}

impl Bank {
    pub fn new(windows: Windows) -> Bank {
        Bank {
            windows,
            books: Mutex::default(),
        }
    }

    pub const fn window(&self, gateway: Gateway) -> Span {
        self.windows.of(gateway)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The books with everything due by `now` carried out.
    fn at(&self, now: Moment) -> MutexGuard<'_, Books> {
        let mut books = self.books();
        books.settle_due(now);
        books.deliver_due(now, &self.windows);
        books
    }

    // ------------------------------------------------------------ money out

    /// What stands under a key.
    pub fn order(&self, gateway: Gateway, key: &str, now: Moment) -> Option<Order> {
        let books = self.at(now);
        books
            .orders
            .get(&(gateway, key.to_owned()))
            .map(|entry| entry.order)
    }

    /// Takes an order.
    pub fn take(&self, instruction: Instruction, order: Order, now: Moment) -> Taken {
        self.at(now).take(instruction, order, now, &self.windows)
    }

    /// The network keeps a request back, until then or until [`Bank::deliver_delayed`].
    pub fn delay(&self, instruction: Instruction, until: Option<Moment>) {
        self.books().delayed.push((instruction, until));
    }

    /// Whether the network still holds a request with this key back.
    pub fn holds_back(&self, gateway: Gateway, key: &str, now: Moment) -> bool {
        let books = self.at(now);
        let mut delayed = books.delayed.iter();
        delayed.any(|(held, _)| held.gateway == gateway && held.key == key)
    }

    /// Delivers every request that the network kept back.
    pub fn deliver_delayed(&self, now: Moment) {
        let mut books = self.books();
        for (_, until) in &mut books.delayed {
            *until = Some(now);
        }
        books.settle_due(now);
        books.deliver_due(now, &self.windows);
        books.settle_due(now);
    }

    /// Everything executed by `now`.
    pub fn executed(&self, now: Moment) -> Vec<Executed> {
        self.executed_after(0, now)
    }

    /// What was executed after the first `seen` movements.
    pub fn executed_after(&self, seen: usize, now: Moment) -> Vec<Executed> {
        self.at(now)
            .executed
            .get(seen..)
            .unwrap_or_default()
            .to_vec()
    }

    /// How often an order with this key was executed.
    pub fn times_executed(&self, gateway: Gateway, key: &str, now: Moment) -> u32 {
        let books = self.at(now);
        let done = books.executed.iter();
        let same = done.filter(|done| done.gateway == gateway && done.key == key);
        u32::try_from(same.count()).unwrap_or(u32::MAX)
    }

    /// When the next order ends, at the earliest.
    pub fn next_due(&self) -> Option<Moment> {
        self.books().due.first().map(|(at, _, _)| *at)
    }

    /// Some of an executed payout comes back from its payee; the amount that did.
    pub fn send_back(&self, gateway: Gateway, key: &str, amount: Money, now: Moment) -> bool {
        let mut books = self.at(now);
        let id = books.next_id("D");
        let Some(entry) = books.orders.get_mut(&(gateway, key.to_owned())) else {
            return false;
        };
        let back: i64 = entry.returns.iter().map(|(_, cents)| cents.cents()).sum();
        let left = entry.instruction.amount.cents() - back;
        if entry.order != Order::Executed || amount.cents() > left {
            return false;
        }
        entry.returns.push((id, amount));
        books.move_balance(gateway, amount.cents());
        true
    }

    /// What came back of a payout so far.
    pub fn returns(&self, gateway: Gateway, key: &str, now: Moment) -> Vec<(String, Money)> {
        let books = self.at(now);
        let entry = books.orders.get(&(gateway, key.to_owned()));
        entry.map(|entry| entry.returns.clone()).unwrap_or_default()
    }

    // ------------------------------------------------------------ money in

    /// Makes a charge; a known reference keeps what it has.
    pub fn make_code(
        &self,
        gateway: Gateway,
        reference: &str,
        amount: Money,
        expires_at: Moment,
    ) -> Code {
        let fresh = Code {
            amount,
            expires_at,
            removed: false,
            looked_at: None,
        };
        let mut books = self.books();
        let slot = (gateway, reference.to_owned());
        books.codes.entry(slot).or_insert(fresh).clone()
    }

    pub fn code(&self, gateway: Gateway, reference: &str) -> Option<Code> {
        let books = self.books();
        books.codes.get(&(gateway, reference.to_owned())).cloned()
    }

    /// Somebody was shown the charge.
    pub fn note_look(&self, gateway: Gateway, reference: &str, now: Moment) {
        if let Some(code) = self.books().codes.get_mut(&(gateway, reference.to_owned())) {
            code.looked_at = Some(now);
        }
    }

    /// Takes a charge away; false when it is paid or unknown.
    pub fn remove_code(&self, gateway: Gateway, reference: &str) -> bool {
        let mut books = self.books();
        let mut received = books.received.values();
        let paid =
            received.any(|pix| pix.gateway == gateway && pix.code.as_deref() == Some(reference));
        match books.codes.get_mut(&(gateway, reference.to_owned())) {
            Some(code) if !paid => {
                code.removed = true;
                true
            }
            Some(_) | None => false,
        }
    }

    /// An outside payer pays a charge, or (without one) our account. `None` when the code is gone.
    pub fn pay(
        &self,
        gateway: Gateway,
        code: Option<&str>,
        amount: Money,
        fee: Money,
        now: Moment,
    ) -> Option<Received> {
        let mut books = self.at(now);
        if let Some(reference) = code {
            let code = books.codes.get(&(gateway, reference.to_owned()))?;
            if code.removed || code.expires_at <= now {
                return None;
            }
        }
        let key = books.next_id("E");
        let pix = Received {
            gateway,
            key: key.clone(),
            code: code.map(str::to_owned),
            amount,
            fee,
            at: now,
            refunds: Vec::new(),
            reversals: Vec::new(),
        };
        books.move_balance(gateway, amount.cents() - fee.cents());
        books.received.insert((gateway, key), pix.clone());
        Some(pix)
    }

    pub fn received(&self, gateway: Gateway, key: &str, now: Moment) -> Option<Received> {
        let books = self.at(now);
        books.received.get(&(gateway, key.to_owned())).cloned()
    }

    /// Every received PIX of a gateway, by key.
    pub fn all_received(&self, gateway: Gateway, now: Moment) -> Vec<Received> {
        let books = self.at(now);
        let of_gateway = books.received.values().filter(|pix| pix.gateway == gateway);
        of_gateway.cloned().collect()
    }

    /// The gateway takes money of a received PIX back; false when it is not there any more.
    pub fn reverse(&self, gateway: Gateway, key: &str, amount: Money, now: Moment) -> bool {
        let mut books = self.at(now);
        let id = books.next_id("R");
        // What a refund under way will give back is not there any more.
        let open = books.open_refunds(&(gateway, key.to_owned()));
        let Some(pix) = books.received.get_mut(&(gateway, key.to_owned())) else {
            return false;
        };
        if pix.left() - open < amount.cents() {
            return false;
        }
        pix.reversals.push((id, amount));
        books.move_balance(gateway, -amount.cents());
        true
    }

    /// Our balance at the gateway, counted from zero at the beginning.
    pub fn balance(&self, gateway: Gateway, now: Moment) -> i64 {
        let books = self.at(now);
        books.balance.get(&gateway).copied().unwrap_or(0)
    }
}

impl Books {
    fn next_id(&mut self, letter: &str) -> String {
        self.counter += 1;
        format!("{letter}{:08}", self.counter)
    }

    fn move_balance(&mut self, gateway: Gateway, cents: i64) {
        *self.balance.entry(gateway).or_insert(0) += cents;
    }

    fn take(
        &mut self,
        instruction: Instruction,
        order: Order,
        now: Moment,
        windows: &Windows,
    ) -> Taken {
        let slot = (instruction.gateway, instruction.key.clone());
        let window = windows.of(instruction.gateway);
        if let Some(known) = self.orders.get(&slot)
            && instruction.left_at.since(known.taken_at) < window
        {
            return Taken::Known;
        }
        if let Purpose::Refund { pay_in_key } = &instruction.purpose {
            let pay_in = (instruction.gateway, pay_in_key.clone());
            let left = self.received.get(&pay_in).map_or(0, Received::left);
            let open: i64 = self.open_refunds(&pay_in);
            if left - open < instruction.amount.cents() {
                return Taken::OverRemainder;
            }
        }
        let at = match order {
            Order::Accepted { settles_at: at } | Order::Doomed { fails_at: at } => at,
            Order::Executed | Order::Failed => now,
        };
        self.due.insert((at, slot.0, slot.1.clone()));
        let entry = Entry {
            order,
            instruction,
            taken_at: now,
            returns: Vec::new(),
        };
        self.orders.insert(slot, entry);
        self.settle_due(now);
        Taken::New
    }

    fn open_refunds(&self, pay_in: &(Gateway, String)) -> i64 {
        let open = self.due.iter().filter_map(|(_, gateway, key)| {
            let entry = self.orders.get(&(*gateway, key.clone()))?;
            let Purpose::Refund { pay_in_key } = &entry.instruction.purpose else {
                return None;
            };
            let same = *gateway == pay_in.0
                && *pay_in_key == pay_in.1
                && matches!(entry.order, Order::Accepted { .. });
            same.then(|| entry.instruction.amount.cents())
        });
        open.sum()
    }

    fn settle_due(&mut self, now: Moment) {
        while let Some(first) = self.due.first().filter(|(at, _, _)| *at <= now).cloned() {
            self.due.remove(&first);
            let (at, gateway, key) = first;
            let Some(entry) = self.orders.get_mut(&(gateway, key.clone())) else {
                continue;
            };
            match entry.order {
                Order::Doomed { .. } => entry.order = Order::Failed,
                Order::Accepted { .. } => {
                    entry.order = Order::Executed;
                    let instruction = entry.instruction.clone();
                    self.execute(instruction, at);
                }
                Order::Executed | Order::Failed => {}
            }
        }
    }

    fn execute(&mut self, instruction: Instruction, at: Moment) {
        let Instruction {
            gateway,
            key,
            amount,
            purpose,
            left_at: _,
        } = instruction;
        self.move_balance(gateway, -amount.cents());
        if let Purpose::Refund { pay_in_key } = purpose
            && let Some(pix) = self.received.get_mut(&(gateway, pay_in_key))
        {
            pix.refunds.push((key.clone(), amount));
        }
        self.executed.push(Executed {
            gateway,
            key,
            amount,
            at,
        });
    }

    fn deliver_due(&mut self, now: Moment, windows: &Windows) {
        let (arrived, still): (Vec<_>, Vec<_>) = std::mem::take(&mut self.delayed)
            .into_iter()
            .partition(|(_, until)| until.is_some_and(|until| until <= now));
        self.delayed = still;
        for (instruction, _) in arrived {
            self.take(
                instruction,
                Order::Accepted { settles_at: now },
                now,
                windows,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_micros(0);

    fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }

    fn payout(gateway: Gateway) -> Instruction {
        Instruction {
            gateway,
            key: "k".to_owned(),
            amount: cents(5),
            purpose: Purpose::Payout,
            left_at: NOW,
        }
    }

    fn at_once(now: Moment) -> Order {
        Order::Accepted { settles_at: now }
    }

    #[test]
    fn one_key_is_executed_once_however_often_it_comes() {
        let bank = Bank::default();
        let efi = payout(Gateway::Efi);
        assert_eq!(bank.take(efi.clone(), at_once(NOW), NOW), Taken::New);
        assert_eq!(bank.take(efi.clone(), at_once(NOW), NOW), Taken::Known);
        bank.delay(efi.clone(), None);
        assert!(bank.holds_back(Gateway::Efi, "k", NOW));
        bank.deliver_delayed(NOW);
        assert!(!bank.holds_back(Gateway::Efi, "k", NOW));
        assert_eq!(bank.executed(NOW).len(), 1);
        let other = payout(Gateway::MercadoPago);
        assert_eq!(
            bank.take(other, at_once(NOW), NOW),
            Taken::New,
            "keys are each gateway's own"
        );
        assert_eq!(bank.balance(Gateway::Efi, NOW), -5);
    }

    #[test]
    fn a_key_is_forgotten_after_its_window() {
        let bank = Bank::default();
        let order = payout(Gateway::MercadoPago);
        bank.take(order.clone(), at_once(NOW), NOW);
        let later = NOW.plus(Span::from_seconds(3_601));
        let late = bank.take(order.clone(), at_once(later), later);
        assert_eq!(late, Taken::Known, "it left in time");
        let again = Instruction {
            left_at: later,
            ..order
        };
        assert_eq!(bank.take(again, at_once(later), later), Taken::New);
        assert_eq!(bank.executed(later).len(), 2);
    }

    #[test]
    fn a_late_settlement_is_executed_when_its_time_comes() {
        let bank = Bank::default();
        let later = NOW.plus(Span::from_seconds(5));
        bank.take(payout(Gateway::Efi), at_once(later), NOW);
        assert_eq!(bank.executed(NOW).len(), 0);
        assert_eq!(bank.next_due(), Some(later));
        assert_eq!(bank.executed(later).len(), 1);
    }

    #[test]
    fn a_refund_gives_back_no_more_than_arrived() {
        let bank = Bank::default();
        bank.make_code(Gateway::Efi, "c", cents(10), NOW.plus(Span::from_days(1)));
        let pix = bank
            .pay(Gateway::Efi, Some("c"), cents(10), cents(1), NOW)
            .unwrap();
        let refund = |key: &str, amount| Instruction {
            gateway: Gateway::Efi,
            key: key.to_owned(),
            amount: cents(amount),
            purpose: Purpose::Refund {
                pay_in_key: pix.key.clone(),
            },
            left_at: NOW,
        };
        let late = NOW.plus(Span::from_seconds(9));
        assert_eq!(bank.take(refund("a", 6), at_once(late), NOW), Taken::New);
        let over = bank.take(refund("b", 5), at_once(NOW), NOW);
        assert_eq!(over, Taken::OverRemainder, "an open refund counts");
        assert_eq!(bank.take(refund("b", 4), at_once(NOW), NOW), Taken::New);
        assert!(!bank.reverse(Gateway::Efi, &pix.key, cents(1), late));
        assert_eq!(bank.balance(Gateway::Efi, late), -1, "the fee is gone");
    }

    #[test]
    fn a_code_that_is_paid_gone_or_over_takes_no_more() {
        let bank = Bank::default();
        let end = NOW.plus(Span::from_seconds(60));
        for code in ["paid", "removed", "over"] {
            bank.make_code(Gateway::Efi, code, cents(10), end);
        }
        let pay = |code: &'static str, now| {
            bank.pay(Gateway::Efi, Some(code), cents(10), Money::ZERO, now)
                .is_some()
        };
        assert!(pay("paid", NOW));
        assert!(!bank.remove_code(Gateway::Efi, "paid"));
        assert!(bank.remove_code(Gateway::Efi, "removed"));
        assert!(!pay("removed", NOW));
        assert!(!pay("over", end));
        assert!(!bank.remove_code(Gateway::Efi, "unheard of"));
    }
}
