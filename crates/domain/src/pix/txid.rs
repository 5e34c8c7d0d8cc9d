//! The identifiers a payee chooses: the txid of a charge, the txid printed in a static code and
//! the id of a return (devolução).
//!
//! All are case-sensitive letters and digits (BCB, API Pix). Gateways show a txid to payers, so
//! none may carry personal data.

use super::identifier::{IdentifierError, check_alphanumeric, identifier_text};

/// The txid of a charge: `^[a-zA-Z0-9]{26,35}$`, unique per payee.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChargeTxid(String);

identifier_text!(ChargeTxid);

impl ChargeTxid {
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        check_alphanumeric(text, 26, 35)?;
        Ok(Self(text.to_owned()))
    }

    /// The txid made of a UUID's 128 bits: 32 lower-case hexadecimal digits.
    pub fn from_uuid(bits: u128) -> Self {
        Self(format!("{bits:032x}"))
    }
}

/// The txid of a static code: `^([a-zA-Z0-9]{1,25}|\*\*\*)$`, where `***` means none.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StaticTxid(String);

identifier_text!(StaticTxid);

impl StaticTxid {
    /// What a static code carries when its payee chose no txid.
    pub const NONE: &'static str = "***";

    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        if text != Self::NONE {
            check_alphanumeric(text, 1, 25)?;
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether this is `***`: such payments cannot be told apart by txid.
    pub fn is_none(&self) -> bool {
        self.0 == Self::NONE
    }
}

/// The id of a return, chosen by the payee, unique per PIX: `^[a-zA-Z0-9]{1,35}$`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevolutionId(String);

identifier_text!(DevolutionId);

impl DevolutionId {
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        check_alphanumeric(text, 1, 35)?;
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_has_its_own_length() {
        type Parse = fn(&str) -> Result<String, IdentifierError>;
        let kinds: [(Parse, usize, usize); 3] = [
            (
                |text| ChargeTxid::parse(text).map(|id| id.to_string()),
                26,
                35,
            ),
            (
                |text| StaticTxid::parse(text).map(|id| id.to_string()),
                1,
                25,
            ),
            (
                |text| DevolutionId::parse(text).map(|id| id.to_string()),
                1,
                35,
            ),
        ];
        for (parse, shortest, longest) in kinds {
            for found in [shortest, longest] {
                let text = "aZ9".repeat(12)[..found].to_owned();
                assert_eq!(parse(&text), Ok(text));
            }
            for found in [shortest - 1, longest + 1] {
                let expected = IdentifierError::Length {
                    shortest,
                    longest,
                    found,
                };
                assert_eq!(parse(&"x".repeat(found)), Err(expected));
            }
            for bad in ["-", " ", "é", "*"] {
                let text = format!("{}{bad}", "x".repeat(shortest));
                assert_eq!(parse(&text), Err(IdentifierError::Format), "{text}");
            }
        }
    }

    #[test]
    fn three_asterisks_mean_no_static_txid() {
        assert!(StaticTxid::parse("***").unwrap().is_none());
        assert!(!StaticTxid::parse("PEDIDO4821").unwrap().is_none());
        assert_eq!(StaticTxid::parse("**"), Err(IdentifierError::Format));
        assert_eq!(DevolutionId::parse("***"), Err(IdentifierError::Format));
    }

    #[test]
    fn a_uuid_becomes_a_charge_txid() {
        for bits in [0, 1, u128::MAX, 0x0193_5c2a_77f0_7d11_8a52_0b6e_4f3c_9d01] {
            let txid = ChargeTxid::from_uuid(bits);
            assert_eq!(ChargeTxid::parse(txid.as_str()), Ok(txid.clone()));
            assert_eq!(u128::from_str_radix(txid.as_str(), 16), Ok(bits));
        }
    }
}
