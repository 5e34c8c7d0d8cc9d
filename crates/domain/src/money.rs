//! Amounts of reais as integer centavos.
//!
//! `Money` has no operators: every sum or difference is a checked method whose failure someone has
//! to think about. Decimal text ("10.50") is parsed and written digit by digit, never by way of a
//! floating-point number.

use std::fmt;

/// A non-negative amount in centavos, at most [`Money::MAX`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(u64);

/// Why a number or a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("an amount cannot be negative")]
    Negative,
    #[error("the amount is above R$ 9,999,999,999.99")]
    TooLarge,
    #[error("expected digits, a point and two decimals, like 10.50")]
    Format,
    #[error("an amount has at most two decimals")]
    FractionOfCentavo,
}

impl Money {
    /// The largest amount PIX can carry: ten digits before the point (API Pix `\d{1,10}\.\d{2}`).
    pub const MAX: Money = Money(999_999_999_999);
    pub const ZERO: Money = Money(0);

    /// An amount of `cents` centavos.
    pub fn from_cents(cents: i64) -> Result<Money, MoneyError> {
        let cents = u64::try_from(cents).map_err(|_| MoneyError::Negative)?;
        Money(cents).within_bounds()
    }

    pub const fn cents(self) -> i64 {
        // Bounded by MAX, so it always fits.
        self.0 as i64
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub fn checked_add(self, other: Money) -> Option<Money> {
        self.0
            .checked_add(other.0)
            .and_then(|cents| Money(cents).within_bounds().ok())
    }

    /// `None` when `other` is larger.
    pub fn checked_sub(self, other: Money) -> Option<Money> {
        self.0.checked_sub(other.0).map(Money)
    }

    /// The sum of many amounts, or `None` when it leaves the bounds.
    pub fn sum(amounts: impl IntoIterator<Item = Money>) -> Option<Money> {
        amounts
            .into_iter()
            .try_fold(Money::ZERO, Money::checked_add)
    }

    /// Parses `10`, `10.5` or `10.50`; leading zeros are dropped, nothing else is forgiven.
    pub fn parse_decimal(text: &str) -> Result<Money, MoneyError> {
        if text.starts_with('-') {
            return Err(MoneyError::Negative);
        }
        let (whole, fraction) = text
            .split_once('.')
            .map_or((text, None), |(w, f)| (w, Some(f)));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || fraction.is_some_and(|f| !digits(f)) {
            return Err(MoneyError::Format);
        }
        let fraction = fraction.unwrap_or("");
        let (kept, rest) = fraction.split_at(fraction.len().min(2));
        if rest.bytes().any(|b| b != b'0') {
            return Err(MoneyError::FractionOfCentavo);
        }
        let mut cents: u64 = 0;
        for digit in whole
            .bytes()
            .chain(kept.bytes())
            .chain(std::iter::repeat_n(b'0', 2 - kept.len()))
        {
            cents = cents
                .checked_mul(10)
                .and_then(|c| c.checked_add(u64::from(digit - b'0')))
                .ok_or(MoneyError::TooLarge)?;
        }
        Money(cents).within_bounds()
    }

    /// `10.50`: as API Pix and the BR Code write amounts.
    pub fn to_decimal(self) -> String {
        format!("{}.{:02}", self.0 / 100, self.0 % 100)
    }

    /// `10.5`, `10`: the shortest decimal text, as a JSON number may be written.
    pub fn to_short_decimal(self) -> String {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => whole.to_string(),
            (whole, cents) if cents % 10 == 0 => format!("{whole}.{}", cents / 10),
            (whole, cents) => format!("{whole}.{cents:02}"),
        }
    }

    fn within_bounds(self) -> Result<Money, MoneyError> {
        if self > Money::MAX {
            Err(MoneyError::TooLarge)
        } else {
            Ok(self)
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R$ {}", self.to_decimal())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "R$ {}", self.to_decimal())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decimal_text_table() {
        let table: &[(&str, Result<i64, MoneyError>)] = &[
            ("10.50", Ok(1050)),
            ("10.5", Ok(1050)),
            ("10", Ok(1000)),
            ("0010.00", Ok(1000)),
            ("0.01", Ok(1)),
            ("1.100", Ok(110)),
            ("1.001", Err(MoneyError::FractionOfCentavo)),
            ("9999999999.99", Ok(999_999_999_999)),
            ("10000000000.00", Err(MoneyError::TooLarge)),
            ("99999999999999999999999999", Err(MoneyError::TooLarge)),
            ("-1.00", Err(MoneyError::Negative)),
            ("", Err(MoneyError::Format)),
            (".5", Err(MoneyError::Format)),
            ("5.", Err(MoneyError::Format)),
            ("1,00", Err(MoneyError::Format)),
            ("1e3", Err(MoneyError::Format)),
            ("+1", Err(MoneyError::Format)),
            ("1.0.0", Err(MoneyError::Format)),
        ];
        for (text, expected) in table {
            assert_eq!(
                Money::parse_decimal(text).map(Money::cents),
                *expected,
                "{text}"
            );
        }
    }

    #[test]
    fn bounds_hold_at_every_door() {
        assert_eq!(Money::from_cents(-1), Err(MoneyError::Negative));
        assert_eq!(
            Money::from_cents(1_000_000_000_000),
            Err(MoneyError::TooLarge)
        );
        assert_eq!(Money::MAX.checked_add(Money(1)), None);
        assert_eq!(Money(1).checked_sub(Money(2)), None);
        assert_eq!(Money::sum([Money::MAX, Money(1)]), None);
    }

    proptest! {
        #[test]
        fn decimal_text_round_trips(cents in 0i64..=999_999_999_999) {
            let money = Money::from_cents(cents).unwrap();
            prop_assert_eq!(Money::parse_decimal(&money.to_decimal()), Ok(money));
            prop_assert_eq!(Money::parse_decimal(&money.to_short_decimal()), Ok(money));
        }
    }
}
