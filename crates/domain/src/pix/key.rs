//! Pix keys: what a payer types instead of a branch and an account.
//!
//! A key is read either by recognizing its kind from its shape ([`PixKey::recognize`]) or as a
//! kind somebody named ([`PixKey::parse_as`]). Both normalize to the one form the directory
//! knows (patterns: BCB, DICT API 2.12.1), so two spellings of one key compare equal.
//!
//! Nothing is guessed: eleven bare digits are a CPF, never a mobile without its `+55`, because
//! a wrong guess pays a stranger. The error then carries a hint instead.

use std::fmt;

use crate::tax_id::{Cnpj, Cpf, TaxId, TaxIdError};

/// The longest key the directory stores, in characters.
pub const LONGEST_KEY: usize = 77;

const LONGEST_DOMAIN_LABEL: usize = 63;
/// A UUID is five groups of hexadecimal digits between hyphens.
const UUID_GROUPS: [usize; 5] = [8, 4, 4, 4, 12];
const UUID_DIGITS: usize = 32;
/// E.164: at most 15 digits, the first not zero.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 2..=15;

/// The five kinds of key in the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PixKeyKind {
    Cpf,
    Cnpj,
    Phone,
    Email,
    /// A random key ("endereço virtual de pagamento"), in the shape of a UUID.
    Evp,
}

impl PixKeyKind {
    pub const ALL: [Self; 5] = [Self::Cpf, Self::Cnpj, Self::Phone, Self::Email, Self::Evp];

    /// The lower-case name: `cpf`, `cnpj`, `phone`, `email`, `evp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cpf => "cpf",
            Self::Cnpj => "cnpj",
            Self::Phone => "phone",
            Self::Email => "email",
            Self::Evp => "evp",
        }
    }

    /// The kind with this lower-case name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for PixKeyKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Why a text is not a Pix key. Never carries the text itself: errors end up in logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PixKeyError {
    #[error("the key is empty")]
    Empty,
    #[error("a key has at most 77 characters")]
    TooLong,
    #[error("this is not an e-mail address the directory accepts")]
    BadEmail,
    #[error("a phone key is + and 2 to 15 digits, country code first")]
    BadPhone { hint: Option<PixKeyHint> },
    #[error("a random key has hyphens (8-4-4-4-12)")]
    EvpWithoutHyphens,
    #[error("the check digits of the {kind} do not match")]
    BadCheckDigits {
        kind: PixKeyKind,
        hint: Option<PixKeyHint>,
    },
    #[error("the last two characters of a CNPJ are digits")]
    CheckDigitsNotNumeric,
    /// Not the shape of any kind, or not that of the kind that was named.
    #[error("this does not have the shape of a Pix key{}", of_kind(*.expected))]
    Unrecognized { expected: Option<PixKeyKind> },
}

impl PixKeyError {
    /// The stable upper-case name of this error.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "EMPTY",
            Self::TooLong => "TOO_LONG",
            Self::BadEmail => "BAD_EMAIL",
            Self::BadPhone { .. } => "BAD_PHONE",
            Self::EvpWithoutHyphens => "EVP_WITHOUT_HYPHENS",
            Self::BadCheckDigits { .. } => "BAD_CHECK_DIGITS",
            Self::CheckDigitsNotNumeric => "CHECK_DIGITS_NOT_NUMERIC",
            Self::Unrecognized { .. } => "UNRECOGNISED",
        }
    }

    /// What the person probably meant, when there is a good guess.
    pub fn hint(self) -> Option<PixKeyHint> {
        match self {
            Self::BadPhone { hint } | Self::BadCheckDigits { hint, .. } => hint,
            Self::Empty
            | Self::TooLong
            | Self::BadEmail
            | Self::EvpWithoutHyphens
            | Self::CheckDigitsNotNumeric
            | Self::Unrecognized { .. } => None,
        }
    }
}

fn of_kind(expected: Option<PixKeyKind>) -> String {
    expected.map_or_else(String::new, |kind| format!(" of the kind {kind}"))
}

/// A guess at what a refused key was meant to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixKeyHint {
    /// Eleven digits that look like a Brazilian mobile (area code, then 9xxxxxxxx).
    PhoneWithoutPlus55,
}

impl PixKeyHint {
    /// The stable upper-case name of this hint.
    pub fn code(self) -> &'static str {
        match self {
            Self::PhoneWithoutPlus55 => "PHONE_WITHOUT_PLUS55",
        }
    }
}

/// Something unusual about a key that is nevertheless valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PixKeyLint {
    /// A valid phone that is not `+55`, area code, 9xxxxxxxx.
    NotABrMobile,
}

impl PixKeyLint {
    /// The stable upper-case name of this lint.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotABrMobile => "NOT_A_BR_MOBILE",
        }
    }
}

/// A valid key in the form the directory stores. Personal data: `Debug` prints it masked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PixKey {
    kind: PixKeyKind,
    text: String,
}

impl PixKey {
    /// Reads a key whose kind is told by its shape alone.
    pub fn recognize(text: &str) -> Result<Self, PixKeyError> {
        let text = text.trim();
        if text.is_empty() {
            Err(PixKeyError::Empty)
        } else if text.contains('@') {
            Self::email(text)
        } else if text.starts_with('+') {
            Self::phone(text)
        } else if is_uuid(text) {
            Self::evp(text)
        } else if is_uuid_without_hyphens(text) {
            Err(PixKeyError::EvpWithoutHyphens)
        } else if cpf_digits(text).is_some() {
            Self::cpf(text)
        } else if cnpj_characters(text).is_some() {
            Self::cnpj(text)
        } else {
            Err(PixKeyError::Unrecognized { expected: None })
        }
    }

    /// Reads a key of the kind that was named. A text of another kind is refused, not converted.
    pub fn parse_as(kind: PixKeyKind, text: &str) -> Result<Self, PixKeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(PixKeyError::Empty);
        }
        match kind {
            PixKeyKind::Cpf => Self::cpf(text),
            PixKeyKind::Cnpj => Self::cnpj(text),
            PixKeyKind::Phone => Self::phone(text),
            PixKeyKind::Email => Self::email(text),
            PixKeyKind::Evp => Self::evp(text),
        }
    }

    pub fn kind(&self) -> PixKeyKind {
        self.kind
    }

    /// The key in clear, as the directory knows it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The tax id inside a CPF or CNPJ key.
    pub fn tax_id(&self) -> Option<TaxId> {
        match self.kind {
            PixKeyKind::Cpf => Cpf::parse(&self.text).ok().map(TaxId::Cpf),
            PixKeyKind::Cnpj => Cnpj::parse(&self.text).ok().map(TaxId::Cnpj),
            PixKeyKind::Phone | PixKeyKind::Email | PixKeyKind::Evp => None,
        }
    }

    /// What is unusual about this key, if anything.
    pub fn lint(&self) -> Option<PixKeyLint> {
        let is_odd_phone = self.kind == PixKeyKind::Phone
            && !self.text.strip_prefix("+55").is_some_and(is_br_mobile);
        is_odd_phone.then_some(PixKeyLint::NotABrMobile)
    }

    /// The form for lists, receipts and logs: the middle six of a CPF, a CNPJ in full, the last
    /// four digits of a phone, the first letter and the domain of an e-mail, the first eight of
    /// a random key.
    pub fn masked(&self) -> String {
        match self.kind {
            PixKeyKind::Cpf | PixKeyKind::Cnpj => self
                .tax_id()
                .map_or_else(|| "***".to_owned(), |tax_id| tax_id.masked()),
            PixKeyKind::Phone => masked_phone(&self.text),
            PixKeyKind::Email => masked_email(&self.text),
            PixKeyKind::Evp => format!("{}-****-****-****-************", &self.text[..8]),
        }
    }

    fn cpf(text: &str) -> Result<Self, PixKeyError> {
        let digits = cpf_digits(text).ok_or(unrecognized(PixKeyKind::Cpf))?;
        match Cpf::parse(&digits) {
            Ok(cpf) => Ok(Self::new(PixKeyKind::Cpf, cpf.as_str())),
            Err(_) => Err(PixKeyError::BadCheckDigits {
                kind: PixKeyKind::Cpf,
                hint: is_br_mobile(&digits).then_some(PixKeyHint::PhoneWithoutPlus55),
            }),
        }
    }

    fn cnpj(text: &str) -> Result<Self, PixKeyError> {
        let characters = cnpj_characters(text).ok_or(unrecognized(PixKeyKind::Cnpj))?;
        match Cnpj::parse(&characters) {
            Ok(cnpj) => Ok(Self::new(PixKeyKind::Cnpj, cnpj.as_str())),
            Err(TaxIdError::CheckDigitsNotNumeric) => Err(PixKeyError::CheckDigitsNotNumeric),
            Err(_) => Err(PixKeyError::BadCheckDigits {
                kind: PixKeyKind::Cnpj,
                hint: None,
            }),
        }
    }

    /// `^\+[1-9]\d{1,14}$`. The area code is not checked: the directory does not either.
    fn phone(text: &str) -> Result<Self, PixKeyError> {
        let bare = without(text, &[' ', '(', ')', '-']);
        let is_e164 = bare.strip_prefix('+').is_some_and(|digits| {
            PHONE_DIGITS.contains(&digits.len()) && !digits.starts_with('0') && all_digits(digits)
        });
        if is_e164 {
            return Ok(Self::new(PixKeyKind::Phone, &bare));
        }
        Err(PixKeyError::BadPhone {
            hint: is_br_mobile(&bare).then_some(PixKeyHint::PhoneWithoutPlus55),
        })
    }

    fn email(text: &str) -> Result<Self, PixKeyError> {
        if text.chars().count() > LONGEST_KEY {
            return Err(PixKeyError::TooLong);
        }
        // Only ASCII is lowered: Unicode rules would turn look-alikes (the Kelvin sign) into
        // letters and so pay another address than the one typed.
        let lower = text.to_ascii_lowercase();
        if !is_email(&lower) {
            return Err(PixKeyError::BadEmail);
        }
        Ok(Self::new(PixKeyKind::Email, &lower))
    }

    /// Any version of UUID: the central bank's own samples are not version 4.
    fn evp(text: &str) -> Result<Self, PixKeyError> {
        if is_uuid(text) {
            Ok(Self::new(PixKeyKind::Evp, &text.to_ascii_lowercase()))
        } else if is_uuid_without_hyphens(text) {
            Err(PixKeyError::EvpWithoutHyphens)
        } else {
            Err(unrecognized(PixKeyKind::Evp))
        }
    }

    fn new(kind: PixKeyKind, text: &str) -> Self {
        Self {
            kind,
            text: text.to_owned(),
        }
    }
}

impl fmt::Debug for PixKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tax_id() {
            Some(tax_id) => write!(formatter, "PixKey({tax_id:?})"),
            None => write!(formatter, "PixKey({}, {})", self.kind, self.masked()),
        }
    }
}

fn unrecognized(kind: PixKeyKind) -> PixKeyError {
    PixKeyError::Unrecognized {
        expected: Some(kind),
    }
}

fn without(text: &str, dropped: &[char]) -> String {
    text.chars()
        .filter(|character| !dropped.contains(character))
        .collect()
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The eleven digits of something that has the shape of a CPF.
fn cpf_digits(text: &str) -> Option<String> {
    let bare = without(text, &['.', '-', ' ']);
    (bare.len() == 11 && all_digits(&bare)).then_some(bare)
}

/// The fourteen letters and digits of something that has the shape of a CNPJ.
fn cnpj_characters(text: &str) -> Option<String> {
    let bare = without(text, &['.', '/', '-']);
    let is_shaped = bare.len() == 14 && bare.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_shaped.then_some(bare)
}

/// Area code (no zero in it) and a nine-digit mobile number, without country code.
fn is_br_mobile(digits: &str) -> bool {
    match digits.as_bytes() {
        [b'1'..=b'9', b'1'..=b'9', b'9', number @ ..] => {
            number.len() == 8 && number.iter().all(u8::is_ascii_digit)
        }
        _ => false,
    }
}

fn is_uuid(text: &str) -> bool {
    text.split('-').map(str::len).eq(UUID_GROUPS)
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

fn is_uuid_without_hyphens(text: &str) -> bool {
    text.len() == UUID_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The address pattern of the directory, for text already in lower case. The domain needs no
/// dot; `&` and `%` are not in the local part.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else {
        return false;
    };
    let is_local_byte = |byte: u8| {
        matches!(byte, b'a'..=b'z' | b'0'..=b'9') || b".!#$'*+/=?^_`{|}~-".contains(&byte)
    };
    !local.is_empty() && local.bytes().all(is_local_byte) && domain.split('.').all(is_domain_label)
}

fn is_domain_label(label: &str) -> bool {
    let is_letter_or_digit = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let bytes = label.as_bytes();
    bytes.len() <= LONGEST_DOMAIN_LABEL
        && bytes.first().is_some_and(is_letter_or_digit)
        && bytes.last().is_some_and(is_letter_or_digit)
        && bytes
            .iter()
            .all(|byte| *byte == b'-' || is_letter_or_digit(byte))
}

/// The last four digits. A number too short to hide anything behind four digits shows none.
fn masked_phone(phone: &str) -> String {
    const SHOWN: usize = 4;
    match phone.len().checked_sub(SHOWN) {
        Some(hidden) if hidden > SHOWN => format!("***{}", &phone[hidden..]),
        _ => "***".to_owned(),
    }
}

fn masked_email(email: &str) -> String {
    let (local, domain) = email.split_once('@').unwrap_or((email, ""));
    let initial: String = local.chars().take(1).collect();
    format!("{initial}***@{domain}")
}

#[cfg(test)]
#[path = "key_tests.rs"]
mod tests;
