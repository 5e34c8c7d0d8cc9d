//! Writes codes that every reader takes: ascending tags, plain ASCII, nothing optional.
//!
//! Accents in names broke at several institutions, so names are folded to upper-case ASCII and
//! only then cut to length. Everything else that does not fit is refused, never cut: a shortened
//! key or address pays somebody else.

use unicode_normalization::UnicodeNormalization;

use super::crc::crc16;
use super::{NO_TXID, PIX_GUI};
use crate::pix::key::LONGEST_KEY;
use crate::pix::txid::StaticTxid;

const LONGEST_URL: usize = 77;
const LONGEST_VALUE: usize = 99;
const LONGEST_AMOUNT: usize = 13;
const LONGEST_NAME: usize = 25;
const LONGEST_CITY: usize = 15;

/// What a static code is made of.
#[derive(Clone, Copy)]
pub struct StaticCode<'data> {
    pub key: &'data str,
    /// Free text shown to the payer; accents are dropped.
    pub info: Option<&'data str>,
    /// Integer centavos; `None` leaves the amount to the payer.
    pub amount_centavos: Option<u64>,
    /// `None` writes `***`.
    pub txid: Option<&'data str>,
    pub merchant_name: &'data str,
    pub merchant_city: &'data str,
}

/// What a dynamic code is made of.
#[derive(Clone, Copy)]
pub struct DynamicCode<'data> {
    /// Address of the payment document, without `https://`.
    pub url: &'data str,
    /// Address of the recurrence document, without `https://`.
    pub recurrence_url: Option<&'data str>,
    /// Whether the code says it should be paid once only.
    pub is_single_use: bool,
    pub merchant_name: &'data str,
    pub merchant_city: &'data str,
}

/// Why a code is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("the key is empty or not plain ASCII")]
    Key,
    #[error("the key has more than 77 characters")]
    KeyTooLong,
    #[error("key and information together have more than 73 characters")]
    Template26Over99,
    #[error("a txid is 1 to 25 letters and digits")]
    Txid,
    #[error("the address is empty or not plain ASCII")]
    Url,
    #[error("the address is written without https://")]
    UrlHasScheme,
    #[error("the address has more than 77 characters")]
    UrlTooLong,
    #[error("an amount is at least one centavo; leave it out to let the payer choose")]
    Amount,
    #[error("the amount has more than 13 characters")]
    AmountOver13Chars,
    #[error("nothing of the name can be written in plain ASCII")]
    Name,
    #[error("nothing of the city can be written in plain ASCII")]
    City,
}

impl EncodeError {
    /// The stable upper-case name of this error.
    pub fn code(self) -> &'static str {
        match self {
            Self::Key => "KEY",
            Self::KeyTooLong => "KEY_TOO_LONG",
            Self::Template26Over99 => "TEMPLATE_26_OVER_99",
            Self::Txid => "TXID",
            Self::Url => "URL",
            Self::UrlHasScheme => "URL_HAS_SCHEME",
            Self::UrlTooLong => "URL_TOO_LONG",
            Self::Amount => "AMOUNT",
            Self::AmountOver13Chars => "AMOUNT_OVER_13_CHARS",
            Self::Name => "NAME",
            Self::City => "CITY",
        }
    }
}

/// Writes a static code.
pub fn encode_static(code: &StaticCode<'_>) -> Result<String, EncodeError> {
    if code.key.chars().count() > LONGEST_KEY {
        return Err(EncodeError::KeyTooLong);
    }
    if !is_plain(code.key) {
        return Err(EncodeError::Key);
    }
    let mut account = field(0, PIX_GUI) + &field(1, code.key);
    if let Some(info) = code.info.map(folded).filter(|info| !info.is_empty()) {
        if info.len() > LONGEST_VALUE {
            return Err(EncodeError::Template26Over99);
        }
        account += &field(2, &info);
    }
    if account.len() > LONGEST_VALUE {
        return Err(EncodeError::Template26Over99);
    }
    if code
        .txid
        .is_some_and(|txid| txid == NO_TXID || StaticTxid::parse(txid).is_err())
    {
        return Err(EncodeError::Txid);
    }
    let amount = code.amount_centavos.map(amount_text).transpose()?;
    let payee = payee_fields(code.merchant_name, code.merchant_city)?;
    Ok(sealed(&[
        field(26, &account),
        field(52, "0000") + &field(53, "986"),
        amount.map_or_else(String::new, |amount| field(54, &amount)),
        payee,
        field(62, &field(5, code.txid.unwrap_or(NO_TXID))),
    ]))
}

/// Writes a dynamic code.
pub fn encode_dynamic(code: &DynamicCode<'_>) -> Result<String, EncodeError> {
    let point_of_initiation = if code.is_single_use {
        field(1, "12")
    } else {
        String::new()
    };
    let recurrence = match code.recurrence_url {
        Some(url) => field(80, &location(url)?),
        None => String::new(),
    };
    Ok(sealed(&[
        point_of_initiation,
        field(26, &location(code.url)?),
        field(52, "0000") + &field(53, "986"),
        payee_fields(code.merchant_name, code.merchant_city)?,
        field(62, &field(5, NO_TXID)),
        recurrence,
    ]))
}

/// One field. Callers keep every value within 1 to 99 characters of ASCII.
fn field(tag: u8, value: &str) -> String {
    format!("{tag:02}{:02}{value}", value.len())
}

/// The payload format in front, the checksum behind.
fn sealed(parts: &[String]) -> String {
    let open = format!("{}{}6304", field(0, "01"), parts.concat());
    let crc = crc16(open.as_bytes());
    format!("{open}{crc:04X}")
}

/// The inside of a template that points at a document.
fn location(url: &str) -> Result<String, EncodeError> {
    if url.contains("://") {
        return Err(EncodeError::UrlHasScheme);
    }
    if url.chars().count() > LONGEST_URL {
        return Err(EncodeError::UrlTooLong);
    }
    if !is_plain(url) {
        return Err(EncodeError::Url);
    }
    Ok(field(0, PIX_GUI) + &field(25, url))
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn amount_text(centavos: u64) -> Result<String, EncodeError> {
    if centavos == 0 {
        return Err(EncodeError::Amount);
    }
    let text = format!("{}.{:02}", centavos / 100, centavos % 100);
    if text.len() > LONGEST_AMOUNT {
        return Err(EncodeError::AmountOver13Chars);
    }
    Ok(text)
}

fn payee_fields(name: &str, city: &str) -> Result<String, EncodeError> {
    let name = shortened(name, LONGEST_NAME).ok_or(EncodeError::Name)?;
    let city = shortened(city, LONGEST_CITY).ok_or(EncodeError::City)?;
    Ok(field(58, "BR") + &field(59, &name) + &field(60, &city))
}

/// Folded, in upper case, cut to length; `None` if nothing is left.
fn shortened(text: &str, longest: usize) -> Option<String> {
    let whole = folded(text).to_ascii_uppercase();
    // Only after folding is a character a byte.
    let cut = whole[..whole.len().min(longest)].trim_end();
    (!cut.is_empty()).then(|| cut.to_owned())
}

/// Printable ASCII: letters lose their accents, what has no ASCII base letter goes, and any run
/// of whitespace becomes one space.
fn folded(text: &str) -> String {
    // Spaces are told apart before anything is dropped, or a no-break space would glue words.
    let words = text.split_whitespace().map(|word| {
        word.nfd()
            .filter(char::is_ascii_graphic)
            .collect::<String>()
    });
    words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
