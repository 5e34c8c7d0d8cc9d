//! Reads a code: splits it, proves it whole, finds the PIX template, then judges its fields.
//!
//! The checks run in the order of [`BrCodeErrorKind`](super::BrCodeErrorKind) and the first hit
//! wins, so one damaged code always gives one answer. Ambiguity is refused (a tag or a template
//! of PIX twice), harmless sloppiness is accepted with a [`Lint`].

use std::ops::RangeInclusive;

use super::crc::crc16;
use super::decoded::{Decoded, Lint, Payment, PointOfInitiation, StaticPayment};
use super::error::{BrCodeError, BrCodeErrorKind as Kind, TagPath};
use super::tlv::{self, Field};
use super::{NO_TXID, PIX_GUI};
use crate::pix::txid::StaticTxid;

const ACCOUNT_TEMPLATES: RangeInclusive<u8> = 26..=51;
const UNRESERVED_TEMPLATES: RangeInclusive<u8> = 80..=99;
const LONGEST_AMOUNT: usize = 13;
const LONGEST_NAME: usize = 25;
const LONGEST_CITY: usize = 15;

pub(super) fn decode(text: &str) -> Result<Decoded, BrCodeError> {
    let code = text.trim();
    if code.is_empty() {
        return Err(error(Kind::Empty, None, 0));
    }
    let leading = text
        .chars()
        .take_while(|character| character.is_whitespace())
        .count();
    let (fields, fault) = tlv::split(code, leading);
    if let Some(fault) = fault {
        return Err(error(fault.kind, fault.tag.map(TagPath::top), fault.offset));
    }
    check_start(&fields, leading)?;
    let crc = check_crc(code, &fields)?;
    let account = find_account(&fields)?;
    let recurrence = find_recurrence(&fields)?;
    let recurrence_url = recurrence.as_ref().and_then(|template| template.text(25));
    let target = read_target(&account, recurrence_url.is_some())?;
    let mandatory = read_mandatory(&fields)?;
    let amount = read_amount(&fields)?;

    let mut lints = Lints::default();
    let guis = std::iter::once(&account).chain(recurrence.as_ref());
    lints.add(
        Lint::GuiUppercase,
        guis.filter_map(|template| template.text(0))
            .any(|gui| gui != PIX_GUI),
    );
    lints.add(
        Lint::CrcLowercase,
        crc.bytes().any(|byte| byte.is_ascii_lowercase()),
    );
    lints.add(Lint::SurroundingWhitespace, code.len() != text.len());
    lints.add(
        Lint::NameLongerThan25,
        mandatory.name.chars().count() > LONGEST_NAME,
    );
    lints.add(
        Lint::CityLongerThan15,
        mandatory.city.chars().count() > LONGEST_CITY,
    );
    lints.add(Lint::NonAsciiName, !mandatory.name.is_ascii());
    lints.add(Lint::NonAsciiCity, !mandatory.city.is_ascii());
    lints.add(
        Lint::NonAsciiInfo,
        account.text(2).is_some_and(|info| !info.is_ascii()),
    );
    let payment = match target {
        Target::Key(key) => Payment::Static(read_static(
            key,
            &account,
            amount,
            txid_of(&fields),
            &mut lints,
        )),
        Target::Url(url) => {
            lint_ignored(amount, txid_of(&fields), &mut lints);
            Payment::Dynamic {
                url: url.to_owned(),
            }
        }
        Target::Neither => {
            lint_ignored(amount, txid_of(&fields), &mut lints);
            Payment::RecurrenceOnly
        }
    };
    Ok(Decoded {
        point_of_initiation: match tlv::find(&fields, 1).map(|field| field.value) {
            Some("12") => PointOfInitiation::SingleUse,
            _ => PointOfInitiation::Reusable,
        },
        payment,
        recurrence_url: recurrence_url.map(str::to_owned),
        merchant_name: mandatory.name.to_owned(),
        merchant_city: mandatory.city.to_owned(),
        lints: lints.0,
    })
}

fn error(kind: Kind, part: Option<TagPath>, offset: usize) -> BrCodeError {
    BrCodeError { kind, part, offset }
}

fn check_start(fields: &[Field<'_>], leading: usize) -> Result<(), BrCodeError> {
    match fields.first() {
        Some(Field {
            tag: 0,
            value: "01",
            ..
        }) => Ok(()),
        _ => Err(error(
            Kind::BadPayloadFormatIndicator,
            Some(TagPath::top(0)),
            leading,
        )),
    }
}

/// Proves the code whole and gives back the checksum as written.
fn check_crc<'code>(code: &str, fields: &[Field<'code>]) -> Result<&'code str, BrCodeError> {
    let part = Some(TagPath::top(63));
    let crc = tlv::find(fields, 63).ok_or(error(Kind::CrcMissing, part, end_of(fields)))?;
    if fields.last().is_none_or(|last| last.tag != 63) {
        return Err(error(Kind::CrcNotLast, part, crc.offset));
    }
    // The checksum covers everything before its own value, its tag and length included.
    let covered = &code.as_bytes()[..code.len() - crc.value.len()];
    if format!("{:04X}", crc16(covered)).eq_ignore_ascii_case(crc.value) {
        Ok(crc.value)
    } else {
        Err(error(Kind::CrcMismatch, part, crc.offset))
    }
}

fn end_of(fields: &[Field<'_>]) -> usize {
    fields
        .last()
        .map_or(0, |last| last.value_offset + last.value.chars().count())
}

/// A template of PIX, split.
struct Template<'code> {
    outer: Field<'code>,
    fields: Vec<Field<'code>>,
}

impl<'code> Template<'code> {
    fn text(&self, tag: u8) -> Option<&'code str> {
        tlv::find(&self.fields, tag).map(|field| field.value)
    }
}

/// The one template of PIX among `tags`, if any. Damage inside it counts; damage inside a
/// template of somebody else does not.
fn find_template<'code>(
    fields: &[Field<'code>],
    tags: RangeInclusive<u8>,
) -> Result<Option<Template<'code>>, BrCodeError> {
    let mut templates = fields
        .iter()
        .filter(|field| tags.contains(&field.tag))
        .map(|outer| (*outer, tlv::split(outer.value, outer.value_offset)))
        .filter(|(_, (inner, _))| inner.iter().any(is_pix_gui));
    let Some((outer, (inner, fault))) = templates.next() else {
        return Ok(None);
    };
    if let Some((second, _)) = templates.next() {
        let part = Some(TagPath::top(second.tag));
        return Err(error(Kind::DuplicatePixTemplate, part, second.offset));
    }
    if let Some(fault) = fault {
        return Err(error(
            fault.kind,
            Some(fault.part_within(outer.tag)),
            fault.offset,
        ));
    }
    Ok(Some(Template {
        outer,
        fields: inner,
    }))
}

/// Any `00` counts, not only the first: a template with two would be read differently by
/// different readers, so it is taken as ours and then refused for the repetition.
fn is_pix_gui(field: &Field<'_>) -> bool {
    field.tag == 0 && field.value.eq_ignore_ascii_case(PIX_GUI)
}

fn find_account<'code>(fields: &[Field<'code>]) -> Result<Template<'code>, BrCodeError> {
    let missing = error(Kind::NoPixTemplate, None, end_of(fields));
    find_template(fields, ACCOUNT_TEMPLATES)?.ok_or(missing)
}

fn find_recurrence<'code>(fields: &[Field<'code>]) -> Result<Option<Template<'code>>, BrCodeError> {
    find_template(fields, UNRESERVED_TEMPLATES)
}

enum Target<'code> {
    Key(&'code str),
    Url(&'code str),
    Neither,
}

fn read_target<'code>(
    account: &Template<'code>,
    has_recurrence: bool,
) -> Result<Target<'code>, BrCodeError> {
    let outer = account.outer;
    match (account.text(1), account.text(25)) {
        (Some(key), None) => Ok(Target::Key(key)),
        (None, Some(url)) => Ok(Target::Url(url)),
        (None, None) if has_recurrence => Ok(Target::Neither),
        (None, None) => Err(error(
            Kind::NoKeyNoUrl,
            Some(TagPath::top(outer.tag)),
            outer.offset,
        )),
        (Some(_), Some(_)) => {
            let part = Some(TagPath::within(outer.tag, 25));
            let offset = tlv::find(&account.fields, 25).map_or(outer.offset, |url| url.offset);
            Err(error(Kind::KeyAndUrl, part, offset))
        }
    }
}

struct Mandatory<'code> {
    name: &'code str,
    city: &'code str,
}

fn read_mandatory<'code>(fields: &[Field<'code>]) -> Result<Mandatory<'code>, BrCodeError> {
    let field = |tag| {
        let missing = error(
            Kind::MissingMandatoryTag,
            Some(TagPath::top(tag)),
            end_of(fields),
        );
        tlv::find(fields, tag).ok_or(missing)
    };
    field(52)?;
    let (currency, country) = (field(53)?, field(58)?);
    let (name, city) = (field(59)?, field(60)?);
    if currency.value != "986" {
        return Err(error(
            Kind::CurrencyNotBrl,
            Some(TagPath::top(53)),
            currency.offset,
        ));
    }
    if country.value != "BR" {
        return Err(error(
            Kind::CountryNotBr,
            Some(TagPath::top(58)),
            country.offset,
        ));
    }
    Ok(Mandatory {
        name: name.value,
        city: city.value,
    })
}

#[derive(Clone, Copy)]
struct Amount {
    centavos: u64,
    has_two_decimals: bool,
}

fn read_amount(fields: &[Field<'_>]) -> Result<Option<Amount>, BrCodeError> {
    let Some(field) = tlv::find(fields, 54) else {
        return Ok(None);
    };
    let amount = parse_amount(field.value);
    amount
        .map(Some)
        .ok_or(error(Kind::BadAmount, Some(TagPath::top(54)), field.offset))
}

/// `10`, `10.5` or `10.50`, thirteen characters at most (so centavos always fit).
fn parse_amount(text: &str) -> Option<Amount> {
    if text.len() > LONGEST_AMOUNT {
        return None;
    }
    let (reais, decimals) = match text.split_once('.') {
        Some((reais, decimals)) => (reais, Some(decimals)),
        None => (text, None),
    };
    let centavos = match decimals {
        None => 0,
        Some(tens) if tens.len() == 1 => digits(tens)? * 10,
        Some(both) if both.len() == 2 => digits(both)?,
        Some(_) => return None,
    };
    Some(Amount {
        centavos: digits(reais)?.checked_mul(100)?.checked_add(centavos)?,
        has_two_decimals: decimals.is_some_and(|decimals| decimals.len() == 2),
    })
}

/// Digits and nothing else: the standard parser would also take a sign.
fn digits(text: &str) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok()).flatten()
}

/// Field 62-05. An additional-data template that is damaged or ambiguous gives no txid.
fn txid_of<'code>(fields: &[Field<'code>]) -> Option<&'code str> {
    let additional = tlv::find(fields, 62)?;
    match tlv::split(additional.value, additional.value_offset) {
        (inner, None) => tlv::find(&inner, 5).map(|field| field.value),
        (_, Some(_)) => None,
    }
}

fn read_static(
    key: &str,
    account: &Template<'_>,
    amount: Option<Amount>,
    txid: Option<&str>,
    lints: &mut Lints,
) -> StaticPayment {
    lints.add(
        Lint::AmountNotTwoDecimals,
        amount.is_some_and(|amount| !amount.has_two_decimals),
    );
    lints.add(
        Lint::AmountZero,
        amount.is_some_and(|amount| amount.centavos == 0),
    );
    lints.add(Lint::TxidMissing, txid.is_none());
    let breaks_pattern = txid.is_some_and(|txid| StaticTxid::parse(txid).is_err());
    lints.add(Lint::TxidInvalidCharsetOrLength, breaks_pattern);
    StaticPayment {
        key: key.to_owned(),
        info: account.text(2).map(str::to_owned),
        cash_facilitator: account.text(3).map(str::to_owned),
        // An amount of zero means what no amount means.
        amount_centavos: amount
            .map(|amount| amount.centavos)
            .filter(|centavos| *centavos > 0),
        txid: txid.filter(|txid| *txid != NO_TXID).map(str::to_owned),
    }
}

/// Amount and txid of a code that points at a document are that document's to say.
fn lint_ignored(amount: Option<Amount>, txid: Option<&str>, lints: &mut Lints) {
    lints.add(Lint::TxidMissing, txid.is_none());
    lints.add(Lint::AmountIgnoredInDynamic, amount.is_some());
    lints.add(
        Lint::TxidIgnoredInDynamic,
        txid.is_some_and(|txid| txid != NO_TXID),
    );
}

#[derive(Default)]
struct Lints(Vec<Lint>);

impl Lints {
    fn add(&mut self, lint: Lint, is_hit: bool) {
        if is_hit {
            self.0.push(lint);
        }
    }
}
