//! What a gateway charges for a movement.
//!
//! A rule estimates; the gateway's own figure, once told, is what is booked. Rates are integer
//! basis points and the product is taken in 128 bits, half up.

use crate::money::Money;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeRule {
    /// Hundredths of a percent.
    pub basis_points: u32,
    pub fixed: Money,
    pub minimum: Money,
    pub maximum: Option<Money>,
}

impl FeeRule {
    pub const FREE: FeeRule = FeeRule {
        basis_points: 0,
        fixed: Money::ZERO,
        minimum: Money::ZERO,
        maximum: None,
    };

    /// The fee on `amount`, never more than [`Money::MAX`].
    pub fn on(&self, amount: Money) -> Money {
        let scaled = i128::from(amount.cents()) * i128::from(self.basis_points) + 5_000;
        let share = i64::try_from(scaled / 10_000)
            .ok()
            .and_then(|cents| Money::from_cents(cents).ok());
        let fee = share
            .and_then(|share| share.checked_add(self.fixed))
            .unwrap_or(Money::MAX);
        let fee = fee.max(self.minimum);
        self.maximum.map_or(fee, |maximum| fee.min(maximum))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cents(cents: i64) -> Money {
        Money::from_cents(cents).unwrap()
    }

    #[test]
    fn a_rate_is_rounded_half_up() {
        let rule = FeeRule {
            basis_points: 119,
            ..FeeRule::FREE
        };
        for (amount, fee) in [(10_000, 119), (1_050, 12), (42, 0), (43, 1), (1, 0)] {
            assert_eq!(rule.on(cents(amount)), cents(fee), "{amount}");
        }
        assert_eq!(
            FeeRule {
                basis_points: 10_000,
                ..FeeRule::FREE
            }
            .on(Money::MAX),
            Money::MAX
        );
    }

    #[test]
    fn fixed_part_minimum_and_cap() {
        let rule = FeeRule {
            basis_points: 100,
            fixed: cents(10),
            minimum: cents(50),
            maximum: Some(cents(200)),
        };
        for (amount, fee) in [(100, 50), (5_000, 60), (1_000_000, 200)] {
            assert_eq!(rule.on(cents(amount)), cents(fee), "{amount}");
        }
    }
}
