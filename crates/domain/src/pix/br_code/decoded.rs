//! What a valid code says, and what is odd about it.

use std::fmt;

use crate::pix::key::{PixKey, PixKeyError};

/// Whether the payee wants the code paid more than once. Does not tell static from dynamic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PointOfInitiation {
    Reusable,
    SingleUse,
}

/// What a static code says.
#[derive(Clone, PartialEq, Eq)]
pub struct StaticPayment {
    /// The payee's key as written, not yet checked: see [`StaticPayment::pix_key`].
    pub key: String,
    /// Free text shown to the payer.
    pub info: Option<String>,
    /// ISPB of the institution that hands out cash (Pix Saque): not an ordinary payment.
    pub cash_facilitator: Option<String>,
    /// Integer centavos; `None` leaves the amount to the payer.
    pub amount_centavos: Option<u64>,
    /// As written, even where it breaks the pattern (see the lints); `None` for `***`.
    pub txid: Option<String>,
}

impl StaticPayment {
    /// The key, recognized and normalized.
    pub fn pix_key(&self) -> Result<PixKey, PixKeyError> {
        PixKey::recognize(&self.key)
    }
}

/// How the code is to be paid.
#[derive(Clone, PartialEq, Eq)]
pub enum Payment {
    /// To a key.
    Static(StaticPayment),
    /// By the document at this address (no scheme in front; `https` is meant).
    Dynamic { url: String },
    /// Not at all: the code only offers a recurrence.
    RecurrenceOnly,
}

/// A valid code. Holds personal data: `Debug` prints its shape alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Decoded {
    pub point_of_initiation: PointOfInitiation,
    pub payment: Payment,
    /// Address of the recurrence document (Pix Automático), beside a payment or alone.
    pub recurrence_url: Option<String>,
    pub merchant_name: String,
    pub merchant_city: String,
    /// In the order of [`Lint`].
    pub lints: Vec<Lint>,
}

impl Decoded {
    /// The key of a static code, as written.
    pub fn key(&self) -> Option<&str> {
        self.as_static().map(|payment| payment.key.as_str())
    }

    /// The payment address of a dynamic code.
    pub fn url(&self) -> Option<&str> {
        match &self.payment {
            Payment::Dynamic { url } => Some(url),
            Payment::Static(_) | Payment::RecurrenceOnly => None,
        }
    }

    /// The amount of a static code, in centavos.
    pub fn amount_centavos(&self) -> Option<u64> {
        self.as_static().and_then(|payment| payment.amount_centavos)
    }

    /// The txid of a static code.
    pub fn txid(&self) -> Option<&str> {
        self.as_static().and_then(|payment| payment.txid.as_deref())
    }

    pub fn as_static(&self) -> Option<&StaticPayment> {
        match &self.payment {
            Payment::Static(payment) => Some(payment),
            Payment::Dynamic { .. } | Payment::RecurrenceOnly => None,
        }
    }
}

impl fmt::Debug for Decoded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Decoded")
            .field("point_of_initiation", &self.point_of_initiation)
            .field("payment", &self.payment)
            .field("has_recurrence", &self.recurrence_url.is_some())
            .field("lints", &self.lints)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Payment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static(payment) => payment.fmt(formatter),
            Self::Dynamic { .. } => formatter.write_str("Dynamic"),
            Self::RecurrenceOnly => formatter.write_str("RecurrenceOnly"),
        }
    }
}

impl fmt::Debug for StaticPayment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Static({:?} centavos)", self.amount_centavos)
    }
}

/// Something unusual about a code that is nevertheless valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lint {
    GuiUppercase,
    CrcLowercase,
    SurroundingWhitespace,
    NameLongerThan25,
    CityLongerThan15,
    NonAsciiName,
    NonAsciiCity,
    NonAsciiInfo,
    AmountNotTwoDecimals,
    AmountZero,
    TxidMissing,
    TxidInvalidCharsetOrLength,
    AmountIgnoredInDynamic,
    TxidIgnoredInDynamic,
}

impl Lint {
    /// The stable upper-case name of this lint.
    pub fn code(self) -> &'static str {
        match self {
            Self::GuiUppercase => "GUI_UPPERCASE",
            Self::CrcLowercase => "CRC_LOWERCASE",
            Self::SurroundingWhitespace => "SURROUNDING_WHITESPACE",
            Self::NameLongerThan25 => "NAME_LONGER_THAN_25",
            Self::CityLongerThan15 => "CITY_LONGER_THAN_15",
            Self::NonAsciiName => "NON_ASCII_NAME",
            Self::NonAsciiCity => "NON_ASCII_CITY",
            Self::NonAsciiInfo => "NON_ASCII_INFO",
            Self::AmountNotTwoDecimals => "AMOUNT_NOT_TWO_DECIMALS",
            Self::AmountZero => "AMOUNT_ZERO",
            Self::TxidMissing => "TXID_MISSING",
            Self::TxidInvalidCharsetOrLength => "TXID_INVALID_CHARSET_OR_LENGTH",
            Self::AmountIgnoredInDynamic => "AMOUNT_IGNORED_IN_DYNAMIC",
            Self::TxidIgnoredInDynamic => "TXID_IGNORED_IN_DYNAMIC",
        }
    }
}
