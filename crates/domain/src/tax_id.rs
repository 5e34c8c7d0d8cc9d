//! CPF and CNPJ, the Brazilian tax ids of people and companies.
//!
//! Text comes in as people type it, punctuation included; what comes out is normalized: bare
//! characters, letters in upper case, check digits verified. A CNPJ may carry letters in its
//! first twelve positions (Receita Federal, IN RFB 2.229/2024), so neither kind is ever a number.
//!
//! A tax id is personal data: `Debug` prints it masked and there is no `Display`; whoever needs
//! the clear text has to ask for it with `as_str`.

use std::fmt;

const CPF_LENGTH: usize = 11;
const CNPJ_LENGTH: usize = 14;

/// What is wrong with a text that should have been a tax id.
///
/// Never carries the text itself: errors end up in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TaxIdError {
    #[error("the tax id is empty")]
    Empty,
    #[error("a tax id has only digits, letters, dots, slashes and hyphens")]
    InvalidCharacter,
    #[error("a CPF has 11 digits and a CNPJ 14 characters, this has {found}")]
    WrongLength { found: usize },
    #[error("a CPF has only digits")]
    CpfNotNumeric,
    #[error("the last two characters of a CNPJ are digits")]
    CheckDigitsNotNumeric,
    #[error("the check digits do not match")]
    BadCheckDigits,
    #[error("a tax id of one repeated digit does not exist")]
    RepeatedDigit,
}

impl TaxIdError {
    /// The stable upper-case name of this error.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::InvalidCharacter => "INVALID_CHARACTER",
            Self::WrongLength { .. } => "WRONG_LENGTH",
            Self::CpfNotNumeric => "CPF_NOT_NUMERIC",
            Self::CheckDigitsNotNumeric => "CHECK_DIGITS_NOT_NUMERIC",
            Self::BadCheckDigits => "BAD_CHECK_DIGITS",
            Self::RepeatedDigit => "REPEATED_DIGIT",
        }
    }
}

/// The tax id of a natural person: eleven digits, the last two check the others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpf(String);

impl Cpf {
    /// Reads a CPF, with or without punctuation (`529.982.247-25`).
    pub fn parse(text: &str) -> Result<Self, TaxIdError> {
        let bare = bare(text)?;
        if bare.len() != CPF_LENGTH {
            return Err(TaxIdError::WrongLength { found: bare.len() });
        }
        if !bare.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(TaxIdError::CpfNotNumeric);
        }
        if is_one_repeated_character(&bare) {
            return Err(TaxIdError::RepeatedDigit);
        }
        // The weights grow by one from the right: 10..2 over nine digits, 11..2 over ten.
        check(&bare, |position_from_right| position_from_right + 2)?;
        Ok(Self(bare))
    }

    /// The eleven bare digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that may be shown to the other side of a payment: `***.777.888-**`.
    pub fn masked(&self) -> String {
        format!("***.{}.{}-**", &self.0[3..6], &self.0[6..9])
    }
}

impl fmt::Debug for Cpf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Cpf({})", self.masked())
    }
}

/// The tax id of a company: fourteen characters, the last two are digits and check the others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cnpj(String);

impl Cnpj {
    /// Reads a CNPJ, with or without punctuation, letters in any case (`12.ABC.345/01DE-35`).
    pub fn parse(text: &str) -> Result<Self, TaxIdError> {
        let bare = bare(text)?;
        if bare.len() != CNPJ_LENGTH {
            return Err(TaxIdError::WrongLength { found: bare.len() });
        }
        let check_digits = &bare[CNPJ_LENGTH - 2..];
        if !check_digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(TaxIdError::CheckDigitsNotNumeric);
        }
        // All zeros would pass the arithmetic. Other repetitions fail it by themselves.
        if bare.bytes().all(|byte| byte == b'0') {
            return Err(TaxIdError::RepeatedDigit);
        }
        // 2..9 from the right, and again from 2.
        check(&bare, |position_from_right| position_from_right % 8 + 2)?;
        Ok(Self(bare))
    }

    /// The fourteen bare characters, letters in upper case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form that may be shown to the other side of a payment. A company's tax id is public,
    /// so it is whole: `00.000.000/0001-91`.
    pub fn masked(&self) -> String {
        let text = &self.0;
        format!(
            "{}.{}.{}/{}-{}",
            &text[..2],
            &text[2..5],
            &text[5..8],
            &text[8..12],
            &text[12..]
        )
    }
}

impl fmt::Debug for Cnpj {
    /// Hides the root even though it is public: a log should not say who our customers are.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = &self.0;
        write!(
            formatter,
            "Cnpj(**.***.***/{}-{})",
            &text[8..12],
            &text[12..]
        )
    }
}

/// The tax id of a person or of a company.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaxId {
    Cpf(Cpf),
    Cnpj(Cnpj),
}

impl TaxId {
    /// Reads either kind; the number of characters decides which.
    pub fn parse(text: &str) -> Result<Self, TaxIdError> {
        match bare(text)?.len() {
            CPF_LENGTH => Cpf::parse(text).map(Self::Cpf),
            CNPJ_LENGTH => Cnpj::parse(text).map(Self::Cnpj),
            found => Err(TaxIdError::WrongLength { found }),
        }
    }

    /// The bare characters: 11 for a CPF, 14 for a CNPJ.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Cpf(cpf) => cpf.as_str(),
            Self::Cnpj(cnpj) => cnpj.as_str(),
        }
    }

    /// The form that may be shown to the other side of a payment.
    pub fn masked(&self) -> String {
        match self {
            Self::Cpf(cpf) => cpf.masked(),
            Self::Cnpj(cnpj) => cnpj.masked(),
        }
    }
}

impl fmt::Debug for TaxId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpf(cpf) => cpf.fmt(formatter),
            Self::Cnpj(cnpj) => cnpj.fmt(formatter),
        }
    }
}

impl From<Cpf> for TaxId {
    fn from(cpf: Cpf) -> Self {
        Self::Cpf(cpf)
    }
}

impl From<Cnpj> for TaxId {
    fn from(cnpj: Cnpj) -> Self {
        Self::Cnpj(cnpj)
    }
}

/// Without punctuation and spaces, in upper case. What is left is ASCII letters and digits only,
/// so every slice of it by byte position is sound.
fn bare(text: &str) -> Result<String, TaxIdError> {
    let bare: String = text
        .trim()
        .chars()
        .filter(|character| !matches!(character, '.' | '-' | '/' | ' '))
        .map(|character| character.to_ascii_uppercase())
        .collect();
    if bare.is_empty() {
        return Err(TaxIdError::Empty);
    }
    if !bare.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(TaxIdError::InvalidCharacter);
    }
    Ok(bare)
}

fn is_one_repeated_character(bare: &str) -> bool {
    let mut bytes = bare.bytes();
    let first = bytes.next();
    bytes.all(|byte| Some(byte) == first)
}

/// Verifies the last two characters of `bare`, each against everything before it. `weight` gives
/// the weight of a character by its distance from the one being checked, starting at zero.
fn check(bare: &str, weight: impl Fn(u32) -> u32) -> Result<(), TaxIdError> {
    let bytes = bare.as_bytes();
    for checked in [bytes.len() - 2, bytes.len() - 1] {
        let sum: u32 = (0..)
            .zip(bytes[..checked].iter().rev())
            .map(|(distance, byte)| weight(distance) * value(*byte))
            .sum();
        let expected = match sum % 11 {
            0 | 1 => 0,
            remainder => 11 - remainder,
        };
        if value(bytes[checked]) != expected {
            return Err(TaxIdError::BadCheckDigits);
        }
    }
    Ok(())
}

/// ASCII minus 48 (Receita Federal): `0` is 0, `A` is 17, `Z` is 42.
fn value(byte: u8) -> u32 {
    u32::from(byte.saturating_sub(b'0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn normalized(text: &str) -> Result<(&'static str, String), &'static str> {
        match TaxId::parse(text) {
            Ok(TaxId::Cpf(cpf)) => Ok(("CPF", cpf.as_str().to_owned())),
            Ok(TaxId::Cnpj(cnpj)) => Ok(("CNPJ", cnpj.as_str().to_owned())),
            Err(error) => Err(error.code()),
        }
    }

    #[test]
    fn reads_what_people_type() {
        let cases = [
            ("529.982.247-25", "CPF", "52998224725"),
            ("52998224725", "CPF", "52998224725"),
            ("  529 982 247 25\n", "CPF", "52998224725"),
            ("00000000191", "CPF", "00000000191"),
            ("00.000.000/0001-91", "CNPJ", "00000000000191"),
            ("11.222.333/0001-81", "CNPJ", "11222333000181"),
            ("12.ABC.345/01DE-35", "CNPJ", "12ABC34501DE35"),
            ("12.abc.345/01de-35", "CNPJ", "12ABC34501DE35"),
        ];
        for (text, kind, expected) in cases {
            assert_eq!(normalized(text), Ok((kind, expected.to_owned())), "{text}");
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let cases = [
            ("", "EMPTY"),
            (" .-/ ", "EMPTY"),
            ("5299822472", "WRONG_LENGTH"),
            ("529982247250", "WRONG_LENGTH"),
            ("123456789012345", "WRONG_LENGTH"),
            ("529.982.247_25", "INVALID_CHARACTER"),
            ("５２９９８２２４７２５", "INVALID_CHARACTER"),
            ("5299822472A", "CPF_NOT_NUMERIC"),
            ("12345678901", "BAD_CHECK_DIGITS"),
            ("52998224726", "BAD_CHECK_DIGITS"),
            ("52998224735", "BAD_CHECK_DIGITS"),
            ("11111111111", "REPEATED_DIGIT"),
            ("00000000000", "REPEATED_DIGIT"),
            ("00000000000000", "REPEATED_DIGIT"),
            ("11111111111111", "BAD_CHECK_DIGITS"),
            ("12ABC34501DE3A", "CHECK_DIGITS_NOT_NUMERIC"),
            ("12ABC34501DE36", "BAD_CHECK_DIGITS"),
        ];
        for (text, expected) in cases {
            assert_eq!(normalized(text), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_kind_refuses_the_other() {
        assert_eq!(
            Cpf::parse("00000000000191"),
            Err(TaxIdError::WrongLength { found: 14 })
        );
        assert_eq!(
            Cnpj::parse("52998224725"),
            Err(TaxIdError::WrongLength { found: 11 })
        );
    }

    #[test]
    fn masks_a_person_and_shows_a_company() {
        let person = TaxId::parse("52998224725").unwrap();
        assert_eq!(person.masked(), "***.982.247-**");
        assert_eq!(format!("{person:?}"), "Cpf(***.982.247-**)");
        let company = TaxId::parse("12abc34501de35").unwrap();
        assert_eq!(company.masked(), "12.ABC.345/01DE-35");
        assert_eq!(format!("{company:?}"), "Cnpj(**.***.***/01DE-35)");
    }

    /// The rule as the Receita publishes it, with its tables of weights written out.
    fn check_digits_by_table(root: &str, first: &[u32], second: &[u32]) -> String {
        let mut text = root.to_owned();
        for weights in [first, second] {
            let sum: u32 = text
                .chars()
                .zip(weights)
                .map(|(character, weight)| (character as u32 - 48) * weight)
                .sum();
            let remainder = sum % 11;
            let digit = if remainder < 2 { 0 } else { 11 - remainder };
            text.push_str(&digit.to_string());
        }
        text
    }

    proptest! {
        #[test]
        fn agrees_with_the_published_weights_for_a_cpf(root in "[0-9]{9}") {
            let text = check_digits_by_table(
                &root,
                &[10, 9, 8, 7, 6, 5, 4, 3, 2],
                &[11, 10, 9, 8, 7, 6, 5, 4, 3, 2],
            );
            prop_assume!(!is_one_repeated_character(&text));
            prop_assert_eq!(normalized(&text), Ok(("CPF", text.clone())));
        }

        #[test]
        fn agrees_with_the_published_weights_for_a_cnpj(root in "[0-9A-Z]{12}") {
            let text = check_digits_by_table(
                &root,
                &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2],
                &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2],
            );
            prop_assume!(root != "000000000000");
            prop_assert_eq!(normalized(&text), Ok(("CNPJ", text.clone())));
            prop_assert_eq!(normalized(&text.to_lowercase()), Ok(("CNPJ", text)));
        }

        #[test]
        fn one_wrong_check_digit_is_noticed(root in "[0-9A-Z]{12}", last in 0..2usize, shift in 1..10u8) {
            let text = check_digits_by_table(
                &root,
                &[5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2],
                &[6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2],
            );
            let mut bytes = text.into_bytes();
            let digit = bytes[12 + last] - b'0';
            bytes[12 + last] = b'0' + (digit + shift) % 10;
            let wrong = String::from_utf8(bytes).unwrap();
            prop_assert_eq!(normalized(&wrong), Err("BAD_CHECK_DIGITS"));
        }

        #[test]
        fn never_panics(text in "\\PC{0,24}") {
            let _ = TaxId::parse(&text);
            let _ = Cpf::parse(&text);
            let _ = Cnpj::parse(&text);
        }
    }
}
