//! The scheme's own identifiers of money in motion: `E…` for a payment, `D…` for its return.
//!
//! Layout (BCB, SPI): the letter, the ISPB of the institution that made it, `yyyyMMddHHmm` in
//! UTC, eleven characters of its choice; 32 in all, case-sensitive. A wallet behind a gateway
//! only ever receives these. Documentation samples of gateways carry shorter ones, so a caller
//! that reads a gateway's answer keeps the raw text and treats a failed parse as a remark.

use super::identifier::{IdentifierError, check_length, identifier_text};

const LENGTH: usize = 32;
const ISPB_LENGTH: usize = 8;
const ISPB_END: usize = 1 + ISPB_LENGTH;
const TIME_END: usize = ISPB_END + 12;

/// An institution of the scheme: `^[0-9A-Z]{8}$`, the root of its CNPJ. Banco do Brasil is
/// `00000000`, so this is never a number and its zeros are never trimmed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ispb(String);

identifier_text!(Ispb);

impl Ispb {
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        check_length(text, ISPB_LENGTH, ISPB_LENGTH)?;
        if !text.bytes().all(is_ispb_byte) {
            return Err(IdentifierError::Format);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The identifier of one PIX payment, from the payer to the payee (`E…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndToEndId(String);

identifier_text!(EndToEndId);

impl EndToEndId {
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        check_layout(b'E', text)?;
        Ok(Self(text.to_owned()))
    }

    /// The institution that made the identifier: the payer's, or the initiator's.
    pub fn ispb(&self) -> Ispb {
        Ispb(self.0[1..ISPB_END].to_owned())
    }

    /// The minute inside, `yyyyMMddHHmm` in UTC.
    pub fn minute(&self) -> &str {
        &self.0[ISPB_END..TIME_END]
    }
}

/// The identifier of the return of a payment (`rtrId`, `D…`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReturnId(String);

identifier_text!(ReturnId);

impl ReturnId {
    pub fn parse(text: &str) -> Result<Self, IdentifierError> {
        check_layout(b'D', text)?;
        Ok(Self(text.to_owned()))
    }

    /// The institution that made the identifier: the one that returns the money.
    pub fn ispb(&self) -> Ispb {
        Ispb(self.0[1..ISPB_END].to_owned())
    }

    /// The minute inside, `yyyyMMddHHmm` in UTC.
    pub fn minute(&self) -> &str {
        &self.0[ISPB_END..TIME_END]
    }
}

fn is_ispb_byte(byte: u8) -> bool {
    byte.is_ascii_digit() || byte.is_ascii_uppercase()
}

/// `^X[0-9A-Z]{8}\d{4}[01]\d[0-3]\d[0-2]\d[0-5]\d[a-zA-Z0-9]{11}$` and a minute that exists.
fn check_layout(letter: u8, text: &str) -> Result<(), IdentifierError> {
    check_length(text, LENGTH, LENGTH)?;
    let bytes = text.as_bytes();
    // Thirty-two characters of more than one byte each fail here and nothing is sliced.
    let (Some(ispb), Some(minute), Some(own)) = (
        bytes.get(1..ISPB_END),
        bytes.get(ISPB_END..TIME_END),
        bytes.get(TIME_END..),
    ) else {
        return Err(IdentifierError::Format);
    };
    let is_shaped = bytes.first() == Some(&letter)
        && ispb.iter().copied().all(is_ispb_byte)
        && minute.iter().all(u8::is_ascii_digit)
        && own.iter().all(u8::is_ascii_alphanumeric);
    if !is_shaped {
        return Err(IdentifierError::Format);
    }
    check_minute(minute)
}

fn check_minute(digits: &[u8]) -> Result<(), IdentifierError> {
    let number = |range: std::ops::Range<usize>| {
        digits[range]
            .iter()
            .fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    let (hour, minute) = (number(8..10), number(10..12));
    // The pattern bounds the first digit of each; beyond it the text is not even shaped right.
    if month > 19 || day > 39 || hour > 29 || minute > 59 {
        return Err(IdentifierError::Format);
    }
    let exists =
        (1..=12).contains(&month) && (1..=days_in_month(year, month)).contains(&day) && hour < 24;
    if exists {
        Ok(())
    } else {
        Err(IdentifierError::ImpossibleDate)
    }
}

fn days_in_month(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALID: &str = "E00000000202611222246aB3dE6gH9jK";

    fn code(text: &str) -> &'static str {
        EndToEndId::parse(text).map_or_else(IdentifierError::code, |_| "OK")
    }

    #[test]
    fn reads_the_parts() {
        let id = EndToEndId::parse(VALID).unwrap();
        assert_eq!(id.as_str(), VALID);
        assert_eq!(id.ispb().as_str(), "00000000");
        assert_eq!(id.minute(), "202611222246");
        let returned = ReturnId::parse("D12ABC345202611222246aB3dE6gH9jK").unwrap();
        assert_eq!(returned.ispb().as_str(), "12ABC345");
        assert_eq!(returned.minute(), "202611222246");
    }

    #[test]
    fn says_length_then_format_then_date() {
        let cases = [
            ("", "LENGTH"),
            ("E0000000020261122224", "LENGTH"),
            ("E00000000202699999999aB3dE6gH9jKX", "LENGTH"),
            ("D00000000202611222246aB3dE6gH9jK", "FORMAT"),
            ("e00000000202611222246aB3dE6gH9jK", "FORMAT"),
            ("E0000000a202611222246aB3dE6gH9jK", "FORMAT"),
            ("E00000000202611222246aB3dE6gH9-K", "FORMAT"),
            ("E00000000202611222246aB3dE6gH9jé", "FORMAT"),
            ("E00000000202621222246aB3dE6gH9jK", "FORMAT"),
            ("E00000000202611422246aB3dE6gH9jK", "FORMAT"),
            ("E00000000202611223046aB3dE6gH9jK", "FORMAT"),
            ("E00000000202611222260aB3dE6gH9jK", "FORMAT"),
            ("E00000000202613222246aB3dE6gH9jK", "IMPOSSIBLE_DATE"),
            ("E00000000202600222246aB3dE6gH9jK", "IMPOSSIBLE_DATE"),
            ("E00000000202611002246aB3dE6gH9jK", "IMPOSSIBLE_DATE"),
            ("E00000000202611312246aB3dE6gH9jK", "IMPOSSIBLE_DATE"),
            ("E00000000202602292246aB3dE6gH9jK", "IMPOSSIBLE_DATE"),
            ("E00000000202611222446aB3dE6gH9jK", "IMPOSSIBLE_DATE"),
            ("E00000000202402292246aB3dE6gH9jK", "OK"),
            ("E00000000200002292246aB3dE6gH9jK", "OK"),
            ("E00000000190002292246aB3dE6gH9jK", "IMPOSSIBLE_DATE"),
        ];
        for (text, expected) in cases {
            assert_eq!(code(text), expected, "{text}");
        }
        assert_eq!(code(&"é".repeat(32)), "FORMAT");
        assert_eq!(ReturnId::parse(VALID), Err(IdentifierError::Format));
    }

    #[test]
    fn an_ispb_may_carry_letters_and_keeps_its_zeros() {
        for text in ["00000000", "60701190", "12ABC345"] {
            assert_eq!(Ispb::parse(text).unwrap().as_str(), text);
        }
        for text in ["", "0", "000000000", "12abc345", "1234567-", "éééééééé"] {
            assert!(Ispb::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in any::<String>(), shaped in "\\PC{32}") {
            for text in [text, shaped] {
                let _ = EndToEndId::parse(&text).map(|id| (id.ispb(), id.minute().to_owned()));
                let _ = ReturnId::parse(&text).map(|id| (id.ispb(), id.minute().to_owned()));
                let _ = Ispb::parse(&text);
            }
        }

        #[test]
        fn keeps_what_it_reads(text in "[ED][0-9A-Z]{8}20[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|1[0-9]|2[0-8])([01][0-9]|2[0-3])[0-5][0-9][a-zA-Z0-9]{11}") {
            let read = if text.starts_with('E') {
                EndToEndId::parse(&text).map(|id| id.to_string())
            } else {
                ReturnId::parse(&text).map(|id| id.to_string())
            };
            prop_assert_eq!(read, Ok(text));
        }
    }
}
