//! Amounts: integer centavos inside, decimal text or JSON numbers on the wire.
//!
//! Numbers are read and written through their decimal text, never through float arithmetic.

use serde_json::{Number, Value};

/// The largest amount either gateway carries: ten digits before the point.
const MAX_CENTS: i64 = 999_999_999_999;

/// `"10.50"`: exactly two decimals (API Pix, `^\d{1,10}\.\d{2}$`).
pub fn parse_fixed(text: &str) -> Option<i64> {
    let (whole, cents) = text.split_once('.')?;
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let well_formed = (1..=10).contains(&whole.len()) && cents.len() == 2;
    if !well_formed || !digits(whole) || !digits(cents) {
        return None;
    }
    Some(whole.parse::<i64>().ok()? * 100 + cents.parse::<i64>().ok()?)
}

/// A JSON number of reais (`10`, `10.5`, `10.55`); more than two decimals are refused.
pub fn parse_number(value: &Value) -> Option<i64> {
    let text = value.as_number()?.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 2 || whole.len() > 10 {
        return None;
    }
    parse_fixed(&format!("{whole}.{fraction:0<2}"))
}

/// `1050` → `"10.50"`.
pub fn fixed(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", cents.abs() / 100, cents.abs() % 100)
}

/// `1050` → the JSON number `10.5`.
pub fn number(cents: i64) -> Value {
    let mut text = fixed(cents);
    if cents % 100 == 0 {
        text.truncate(text.len() - 3);
    }
    text.parse::<Number>().map_or(Value::Null, Value::Number)
}

/// A fee in hundredths of a percent (1.19 % = 119), rounded half up.
pub fn fee(cents: i64, basis_points: i64) -> i64 {
    (cents * basis_points + 5_000) / 10_000
}

/// Whether an amount may be charged or paid at all.
pub fn payable(cents: i64) -> bool {
    (1..=MAX_CENTS).contains(&cents)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_fixed_decimals_only() {
        assert_eq!(parse_fixed("10.50"), Some(1050));
        for bad in [
            "10.5",
            "10",
            "-1.00",
            "1,00",
            "1.000",
            ".50",
            "1e2.00",
            "12345678901.00",
        ] {
            assert_eq!(parse_fixed(bad), None, "{bad}");
        }
    }

    #[test]
    fn reads_numbers_without_floats() {
        assert_eq!(parse_number(&json!(10)), Some(1000));
        assert_eq!(parse_number(&json!(10.5)), Some(1050));
        assert_eq!(parse_number(&json!(0.29)), Some(29));
        assert_eq!(parse_number(&json!(10.555)), None);
        assert_eq!(parse_number(&json!(-1)), None);
        assert_eq!(parse_number(&json!("10.5")), None);
        assert_eq!(parse_number(&json!(1e30)), None);
    }

    #[test]
    fn every_cent_survives_the_number_form() {
        for cents in (0..100_000).chain([999_999_999_999]) {
            assert_eq!(parse_number(&number(cents)), Some(cents));
            assert_eq!(parse_fixed(&fixed(cents)), Some(cents));
        }
    }

    #[test]
    fn fees_round_half_up() {
        assert_eq!(fee(1050, 119), 12); // 12.495 rounds to 12
        assert_eq!(fee(10_000, 119), 119);
        assert_eq!(fee(50, 100), 1); // 0.5 rounds up
        assert_eq!(fee(49, 100), 0);
        assert_eq!(fee(100, 0), 0);
    }
}
