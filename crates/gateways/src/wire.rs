//! Reading what the gateways write: leniently in shape, exactly in money.
//!
//! Unknown members are ignored everywhere. Numbers are kept as the text that stood in the JSON, so
//! that an amount never passes through a float; an id may be a number or a text.

use domain::money::Money;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// An amount as told: a JSON number or a text of decimals. Unreadable text is kept as `None`, so
/// that a strange amount in a member nobody needs does not spoil the whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Decimal(pub Option<Money>);

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Decimal(Money::parse_decimal(unquoted(raw.get())).ok()))
    }
}

/// An identifier that may be written as a number or as a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Id(pub String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        if text.starts_with('"') {
            return serde_json::from_str(text)
                .map(Id)
                .map_err(serde::de::Error::custom);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(Id(text.to_owned()));
        }
        Err(serde::de::Error::custom("an id is a number or a text"))
    }
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text)
}

/// A number of seconds, written as a number or as a text.
pub(crate) fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let raw = Option::<Box<RawValue>>::deserialize(deserializer)?;
    Ok(raw.and_then(|raw| unquoted(raw.get()).parse().ok()))
}

/// A list that may be absent or null.
pub(crate) fn list<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Probe {
        amount: Option<Decimal>,
        id: Option<Id>,
        #[serde(default, deserialize_with = "seconds")]
        wait: Option<u32>,
        #[serde(default, deserialize_with = "list")]
        list: Vec<Id>,
    }

    fn cents(json: &str) -> Option<i64> {
        let probe: Probe = serde_json::from_str(json).unwrap();
        probe.amount.and_then(|amount| amount.0).map(Money::cents)
    }

    #[test]
    fn amounts_are_read_as_decimal_text() {
        assert_eq!(cents(r#"{"amount":10.5}"#), Some(1050));
        assert_eq!(cents(r#"{"amount":"10.50"}"#), Some(1050));
        assert_eq!(cents(r#"{"amount":100.0}"#), Some(10_000));
        // 0.1 + 0.2 in binary is not 0.30: the text has to survive as it is.
        assert_eq!(cents(r#"{"amount":9999999999.99}"#), Some(999_999_999_999));
        for unreadable in ["1e3", "-1", "10.005", "null", r#""ten""#, "{}"] {
            assert_eq!(cents(&format!("{{\"amount\":{unreadable}}}")), None);
        }
    }

    #[test]
    fn ids_and_seconds_come_as_number_or_text() {
        let probe: Probe =
            serde_json::from_str(r#"{"id":1318000001,"wait":"3600","list":["a",2]}"#).unwrap();
        assert_eq!(probe.id, Some(Id("1318000001".into())));
        assert_eq!(probe.wait, Some(3600));
        assert_eq!(probe.list, [Id("a".into()), Id("2".into())]);
        let probe: Probe = serde_json::from_str(r#"{"id":"abc","wait":3600,"list":null}"#).unwrap();
        assert_eq!(probe.id, Some(Id("abc".into())));
        assert_eq!(probe.wait, Some(3600));
        assert!(probe.list.is_empty());
        assert!(serde_json::from_str::<Probe>(r#"{"id":{}}"#).is_err());
    }
}
