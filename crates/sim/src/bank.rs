//! The simulated central bank: what was really executed, whatever anybody was told.

use std::collections::BTreeMap;
use std::sync::Mutex;

use domain::gateway::Gateway;
use domain::money::Money;
use domain::time::Moment;

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

/// One movement that really happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    pub gateway: Gateway,
    pub key: String,
    pub amount: Money,
    pub at: Moment,
}

#[derive(Default)]
struct Books {
    orders: BTreeMap<(Gateway, String), (Order, Money)>,
    executed: Vec<Executed>,
    /// Requests that the network still holds back.
    delayed: Vec<(Gateway, String, Money)>,
}

/// The bank shared by both simulated gateways.
#[derive(Default)]
pub struct Bank {
    books: Mutex<Books>,
}

impl Bank {
    fn with<T>(&self, change: impl FnOnce(&mut Books) -> T) -> T {
        change(
            &mut self
                .books
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    /// What stands under a key, with everything due by `now` carried out.
    pub fn order(&self, gateway: Gateway, key: &str, now: Moment) -> Option<Order> {
        self.with(|books| {
            books.settle_due(now);
            books
                .orders
                .get(&(gateway, key.to_owned()))
                .map(|(order, _)| *order)
        })
    }

    /// Takes an order under a fresh key; `false` when the key is known.
    pub fn take(
        &self,
        gateway: Gateway,
        key: &str,
        amount: Money,
        order: Order,
        now: Moment,
    ) -> bool {
        self.with(|books| books.take(gateway, key, amount, order, now))
    }

    /// The network keeps a request back; [`Bank::deliver_delayed`] brings it later.
    pub fn delay(&self, gateway: Gateway, key: &str, amount: Money) {
        self.with(|books| books.delayed.push((gateway, key.to_owned(), amount)));
    }

    /// Delivers every request that the network kept back.
    pub fn deliver_delayed(&self, now: Moment) {
        self.with(|books| {
            for (gateway, key, amount) in std::mem::take(&mut books.delayed) {
                books.take(
                    gateway,
                    &key,
                    amount,
                    Order::Accepted { settles_at: now },
                    now,
                );
            }
            books.settle_due(now);
        });
    }

    /// Everything executed by `now`.
    pub fn executed(&self, now: Moment) -> Vec<Executed> {
        self.with(|books| {
            books.settle_due(now);
            books.executed.clone()
        })
    }
}

impl Books {
    fn take(
        &mut self,
        gateway: Gateway,
        key: &str,
        amount: Money,
        order: Order,
        now: Moment,
    ) -> bool {
        let slot = (gateway, key.to_owned());
        if self.orders.contains_key(&slot) {
            return false;
        }
        self.orders.insert(slot, (order, amount));
        self.settle_due(now);
        true
    }

    fn settle_due(&mut self, now: Moment) {
        for ((gateway, key), (order, amount)) in &mut self.orders {
            match *order {
                Order::Accepted { settles_at } if settles_at <= now => {
                    *order = Order::Executed;
                    let (gateway, key, amount) = (*gateway, key.clone(), *amount);
                    self.executed.push(Executed {
                        gateway,
                        key,
                        amount,
                        at: settles_at,
                    });
                }
                Order::Doomed { fails_at } if fails_at <= now => *order = Order::Failed,
                Order::Accepted { .. } | Order::Doomed { .. } | Order::Executed | Order::Failed => {
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::Span;

    #[test]
    fn one_key_is_executed_once_however_often_it_comes() {
        let (bank, now) = (Bank::default(), Moment::from_micros(0));
        let amount = Money::from_cents(5).unwrap();
        let settled = Order::Accepted { settles_at: now };
        assert!(bank.take(Gateway::Efi, "k", amount, settled, now));
        assert!(!bank.take(Gateway::Efi, "k", amount, settled, now));
        bank.delay(Gateway::Efi, "k", amount);
        bank.deliver_delayed(now);
        assert_eq!(bank.executed(now).len(), 1);
        assert!(
            bank.take(Gateway::MercadoPago, "k", amount, settled, now),
            "keys are each gateway's own"
        );
    }

    #[test]
    fn a_late_settlement_is_executed_when_its_time_comes() {
        let (bank, now) = (Bank::default(), Moment::from_micros(0));
        let later = now.plus(Span::from_seconds(5));
        bank.take(
            Gateway::Efi,
            "k",
            Money::from_cents(5).unwrap(),
            Order::Accepted { settles_at: later },
            now,
        );
        assert_eq!(bank.executed(now).len(), 0);
        assert_eq!(bank.executed(later).len(), 1);
    }
}
