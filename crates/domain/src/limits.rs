//! What a wallet may send: per transaction, per day and per night.
//!
//! The windows are named by the caller, who knows the calendar of Brasília: the day by its number
//! and the night (20h to 06h) by the number of the day on which it began, since one night spans
//! two dates. Outside the night there is no night window.

use crate::money::Money;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub per_transaction: Money,
    pub per_day: Money,
    pub per_night: Money,
}

/// The calendar windows of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    pub day: i32,
    pub night: Option<i32>,
}

/// What has been spent in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SpentWindow {
    pub window: i32,
    pub spent: Money,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Spent {
    pub day: SpentWindow,
    pub night: SpentWindow,
}

/// The limit that an amount would pass, and what is left of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("above the {} limit: {left} left", kind.as_str())]
pub struct LimitExceeded {
    pub kind: LimitKind,
    pub left: Money,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    PerTransaction,
    PerDay,
    PerNight,
}

impl LimitKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            LimitKind::PerTransaction => "transaction",
            LimitKind::PerDay => "day",
            LimitKind::PerNight => "night",
        }
    }
}

impl SpentWindow {
    fn in_window(self, window: i32) -> Money {
        if self.window == window {
            self.spent
        } else {
            Money::ZERO
        }
    }

    fn add(self, window: i32, amount: Money) -> Option<SpentWindow> {
        let spent = self.in_window(window).checked_add(amount)?;
        Some(SpentWindow { window, spent })
    }

    /// Counts what was spent after all, whatever the limit; a window that has passed is left alone.
    fn count_again(self, window: i32, amount: Money) -> SpentWindow {
        if self.window != window {
            return self;
        }
        SpentWindow {
            window,
            spent: self.spent.checked_add(amount).unwrap_or(Money::MAX),
        }
    }

    /// Gives back what was never spent; a window that has passed is left alone.
    fn give_back(self, window: i32, amount: Money) -> SpentWindow {
        if self.window != window {
            return self;
        }
        SpentWindow {
            window,
            spent: self.spent.checked_sub(amount).unwrap_or(Money::ZERO),
        }
    }
}

/// What may still be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    pub per_transaction: Money,
    pub day: Money,
    /// Inside the night only.
    pub night: Option<Money>,
}

impl Left {
    /// The most that one transaction may carry now.
    pub fn least(&self) -> Money {
        let day = self.per_transaction.min(self.day);
        self.night.map_or(day, |night| day.min(night))
    }
}

impl Spent {
    /// What the limits leave in these windows.
    pub fn left(self, limits: &Limits, windows: Windows) -> Left {
        let left = |limit: Money, spent: Money| limit.checked_sub(spent).unwrap_or(Money::ZERO);
        let night = |night| left(limits.per_night, self.night.in_window(night));
        Left {
            per_transaction: limits.per_transaction,
            day: left(limits.per_day, self.day.in_window(windows.day)),
            night: windows.night.map(night),
        }
    }

    /// Counts `amount`, or says which limit it would pass.
    pub fn spend(
        self,
        limits: &Limits,
        windows: Windows,
        amount: Money,
    ) -> Result<Spent, LimitExceeded> {
        if amount > limits.per_transaction {
            return Err(LimitExceeded {
                kind: LimitKind::PerTransaction,
                left: limits.per_transaction,
            });
        }
        let day = within(
            self.day,
            windows.day,
            amount,
            limits.per_day,
            LimitKind::PerDay,
        )?;
        let night = match windows.night {
            Some(night) => within(
                self.night,
                night,
                amount,
                limits.per_night,
                LimitKind::PerNight,
            )?,
            None => self.night,
        };
        Ok(Spent { day, night })
    }

    /// Counts a payment that was made after all, in the windows in which it was counted first. It
    /// has left, so no limit refuses it.
    pub fn count_again(self, counted_in: Windows, amount: Money) -> Spent {
        Spent {
            day: self.day.count_again(counted_in.day, amount),
            night: counted_in
                .night
                .map_or(self.night, |night| self.night.count_again(night, amount)),
        }
    }

    /// Takes back a payment that was not made, in the windows in which it was counted.
    pub fn give_back(self, counted_in: Windows, amount: Money) -> Spent {
        Spent {
            day: self.day.give_back(counted_in.day, amount),
            night: counted_in
                .night
                .map_or(self.night, |night| self.night.give_back(night, amount)),
        }
    }
}

fn within(
    spent: SpentWindow,
    window: i32,
    amount: Money,
    limit: Money,
    kind: LimitKind,
) -> Result<SpentWindow, LimitExceeded> {
    let left = limit
        .checked_sub(spent.in_window(window))
        .unwrap_or(Money::ZERO);
    match spent.add(window, amount) {
        Some(next) if amount <= left => Ok(next),
        Some(_) | None => Err(LimitExceeded { kind, left }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }
    const DAY: Windows = Windows {
        day: 10,
        night: None,
    };
    const NIGHT: Windows = Windows {
        day: 10,
        night: Some(10),
    };
    const AFTER_MIDNIGHT: Windows = Windows {
        day: 11,
        night: Some(10),
    };

    fn limits() -> Limits {
        Limits {
            per_transaction: cents(500),
            per_day: cents(1_000),
            per_night: cents(300),
        }
    }

    #[test]
    fn the_night_is_one_period_across_midnight() {
        let spent = Spent::default()
            .spend(&limits(), NIGHT, cents(200))
            .unwrap();
        let refused = spent.spend(&limits(), AFTER_MIDNIGHT, cents(200));
        assert_eq!(
            refused,
            Err(LimitExceeded {
                kind: LimitKind::PerNight,
                left: cents(100)
            })
        );
        assert!(spent.spend(&limits(), AFTER_MIDNIGHT, cents(100)).is_ok());
    }

    #[test]
    fn what_is_left_is_exactly_what_may_be_spent() {
        let spent = Spent::default()
            .spend(&limits(), NIGHT, cents(200))
            .unwrap();
        let left = spent.left(&limits(), AFTER_MIDNIGHT);
        assert_eq!((left.day, left.night), (cents(1_000), Some(cents(100))));
        assert_eq!(left.least(), cents(100));
        assert!(spent.spend(&limits(), AFTER_MIDNIGHT, left.least()).is_ok());
        assert!(spent.spend(&limits(), AFTER_MIDNIGHT, cents(101)).is_err());
        assert_eq!(Spent::default().left(&limits(), DAY).least(), cents(500));
    }

    #[test]
    fn what_left_after_all_is_counted_where_it_was_and_never_refused() {
        let spent = Spent::default()
            .spend(&limits(), NIGHT, cents(300))
            .unwrap();
        let given_back = spent.give_back(NIGHT, cents(300));
        let other = given_back.spend(&limits(), NIGHT, cents(300)).unwrap();
        let counted = other.count_again(NIGHT, cents(300));
        assert_eq!(
            (counted.day.spent, counted.night.spent),
            (cents(600), cents(600))
        );
        assert_eq!(
            counted.count_again(AFTER_MIDNIGHT, cents(1)).day,
            counted.day,
            "yesterday's window is not touched by another day's payment"
        );
    }

    #[test]
    fn each_limit_is_inclusive_and_named() {
        assert_eq!(
            Spent::default()
                .spend(&limits(), DAY, cents(501))
                .unwrap_err()
                .kind,
            LimitKind::PerTransaction
        );
        let spent = Spent::default().spend(&limits(), DAY, cents(500)).unwrap();
        let spent = spent.spend(&limits(), DAY, cents(500)).unwrap();
        assert_eq!(
            spent.spend(&limits(), DAY, cents(1)).unwrap_err().kind,
            LimitKind::PerDay
        );
        assert!(
            spent
                .spend(
                    &limits(),
                    Windows {
                        day: 11,
                        night: None
                    },
                    cents(1)
                )
                .is_ok()
        );
    }

    #[test]
    fn what_was_not_spent_is_given_back_only_in_its_window() {
        let spent = Spent::default()
            .spend(&limits(), NIGHT, cents(200))
            .unwrap();
        assert_eq!(spent.give_back(NIGHT, cents(200)).day.spent, Money::ZERO);
        let next_day = Spent {
            day: SpentWindow {
                window: 11,
                spent: cents(50),
            },
            night: spent.night,
        };
        let after = next_day.give_back(NIGHT, cents(200));
        assert_eq!(
            (after.day.spent, after.night.spent),
            (cents(50), Money::ZERO)
        );
    }
}
