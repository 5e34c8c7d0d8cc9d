//! Why a code is refused, and where.

use std::fmt;

/// Where in a code: a top-level tag (`54`) or a tag inside a template (`26-01`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TagPath {
    pub outer: u8,
    pub inner: Option<u8>,
}

impl TagPath {
    pub(super) fn top(outer: u8) -> Self {
        Self { outer, inner: None }
    }

    pub(super) fn within(outer: u8, inner: u8) -> Self {
        Self {
            outer,
            inner: Some(inner),
        }
    }
}

impl fmt::Display for TagPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:02}", self.outer)?;
        match self.inner {
            Some(inner) => write!(formatter, "-{inner:02}"),
            None => Ok(()),
        }
    }
}

/// Everything a code is refused for, in the order it is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BrCodeErrorKind {
    #[error("there is no code")]
    Empty,
    #[error("a tag is two digits")]
    TlvBadTag,
    #[error("a length is two digits, 01 to 99")]
    TlvBadLength,
    #[error("the value is shorter than its length says")]
    TlvTruncated,
    #[error("the tag appears twice")]
    TlvDuplicateTag,
    #[error("a code starts with 000201")]
    BadPayloadFormatIndicator,
    #[error("the checksum (tag 63) is missing")]
    CrcMissing,
    #[error("the checksum (tag 63) is not the last field")]
    CrcNotLast,
    #[error("the checksum does not match: the code was altered or mistyped")]
    CrcMismatch,
    #[error("no account of PIX: the code is of another payment arrangement")]
    NoPixTemplate,
    #[error("two accounts of PIX")]
    DuplicatePixTemplate,
    #[error("both a key and the address of a payment")]
    KeyAndUrl,
    #[error("neither a key nor the address of a payment or recurrence")]
    NoKeyNoUrl,
    #[error("a mandatory field is missing")]
    MissingMandatoryTag,
    #[error("the currency is not 986, the real")]
    CurrencyNotBrl,
    #[error("the country is not BR")]
    CountryNotBr,
    #[error("the amount is not digits with at most two decimals after a point")]
    BadAmount,
}

impl BrCodeErrorKind {
    /// The stable upper-case name of this error.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::TlvBadTag => "TLV_BAD_TAG",
            Self::TlvBadLength => "TLV_BAD_LENGTH",
            Self::TlvTruncated => "TLV_TRUNCATED",
            Self::TlvDuplicateTag => "TLV_DUPLICATE_TAG",
            Self::BadPayloadFormatIndicator => "BAD_PAYLOAD_FORMAT_INDICATOR",
            Self::CrcMissing => "CRC_MISSING",
            Self::CrcNotLast => "CRC_NOT_LAST",
            Self::CrcMismatch => "CRC_MISMATCH",
            Self::NoPixTemplate => "NO_PIX_TEMPLATE",
            Self::DuplicatePixTemplate => "DUPLICATE_PIX_TEMPLATE",
            Self::KeyAndUrl => "KEY_AND_URL",
            Self::NoKeyNoUrl => "NO_KEY_NO_URL",
            Self::MissingMandatoryTag => "MISSING_MANDATORY_TAG",
            Self::CurrencyNotBrl => "CURRENCY_NOT_BRL",
            Self::CountryNotBr => "COUNTRY_NOT_BR",
            Self::BadAmount => "BAD_AMOUNT",
        }
    }
}

/// Why and where a code is refused. Never carries the code: a static one holds a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}{kind} (character {offset})", part.map(|part| format!("{part}: ")).unwrap_or_default())]
pub struct BrCodeError {
    pub kind: BrCodeErrorKind,
    /// The field at fault, when it could be told.
    pub part: Option<TagPath>,
    /// Where that field starts (or the missing one should have been): characters from the start
    /// of the text as given, surrounding whitespace included.
    pub offset: usize,
}

impl BrCodeError {
    /// The stable upper-case name of this error.
    pub fn code(self) -> &'static str {
        self.kind.code()
    }
}
