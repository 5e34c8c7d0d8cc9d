//! What people typed: forms and queries, and readers of single fields.
//!
//! [`Form`] is only made of a form of ours ([`crate::csrf`]). A reader gives the value or what to
//! say beside the field.

use std::net::SocketAddr;

use app::ports::runtime::Runtime;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, FromRequest, FromRequestParts, Request};
use domain::money::Money;
use domain::pix::key::{PixKey, PixKeyKind};
use domain::tax_id::TaxId;
use http::request::Parts;

use crate::stop::Stop;
use crate::texts::Texts;
use crate::visitor::Visitor;
use crate::{Web, csrf};

/// The largest body of a form.
const LARGEST: usize = 16 * 1024;

/// Fields by name, as typed.
#[derive(Clone, Debug, Default)]
pub struct Pairs(Vec<(String, String)>);

impl Pairs {
    fn parse(bytes: &[u8]) -> Pairs {
        Pairs(url::form_urlencoded::parse(bytes).into_owned().collect())
    }

    /// The field without the white space around it; empty when it is absent.
    pub fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The field as it was typed: passwords may begin with a blank.
    pub fn raw(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(found, _)| found == name);
        found.map_or("", |(_, value)| value)
    }

    /// As if they had been typed.
    pub fn made<const N: usize>(pairs: [(&str, String); N]) -> Pairs {
        let own = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Pairs(own.collect())
    }

    /// All fields of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(found, _)| found == name);
        named.map(|(_, value)| value.as_str())
    }

    #[cfg(test)]
    pub fn of(pairs: &[(&str, &str)]) -> Pairs {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Pairs(pairs.iter().map(own).collect())
    }
}

/// A posted form of ours.
pub struct Form(pub Pairs);

impl FromRequest<Web> for Form {
    type Rejection = Stop;

    async fn from_request(request: Request, web: &Web) -> Result<Form, Stop> {
        let (mut parts, body) = request.into_parts();
        let visitor = Visitor::from_request_parts(&mut parts, web).await?;
        if !csrf::comes_from_us(&parts.headers, web.origin.as_deref()) {
            return Err(Stop::ForeignForm);
        }
        let limited = http_body_util::Limited::new(body, LARGEST);
        let bytes: Bytes = http_body_util::BodyExt::collect(limited)
            .await
            .map_err(|_| Stop::TooLarge)?
            .to_bytes();
        let pairs = Pairs::parse(&bytes);
        if !csrf::is_good(visitor.secret(), pairs.get("csrf")) {
            return Err(Stop::ForeignForm);
        }
        Ok(Form(pairs))
    }
}

/// The query of the address.
pub struct Query(pub Pairs);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Stop;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query, Stop> {
        let query = parts.uri.query().unwrap_or("");
        Ok(Query(Pairs::parse(query.as_bytes())))
    }
}

/// The peer's address, when the server tells it.
pub struct Client(pub Option<std::net::IpAddr>);

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Stop;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Client, Stop> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(Client(peer.map(|ConnectInfo(peer)| peer.ip())))
    }
}

/// A key under which a form moves money at most once, however often it is posted.
pub fn new_key(runtime: &dyn Runtime) -> String {
    let mut bytes = [0; 16];
    runtime.random(&mut bytes);
    format!("web-{}", hex::encode(bytes))
}

/// A key as [`new_key`] makes them.
pub fn key(text: &str) -> Option<String> {
    let digits = text.strip_prefix("web-")?;
    let is_ours = digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then(|| text.to_owned())
}

/// What to say beside a field.
pub type Read<T> = Result<T, &'static str>;

/// An amount as Brazilians write it: `1.234,56`, `1234,5`, `12`, `R$ 10`; a single point before one
/// or two digits is taken for the comma.
pub fn amount(text: &str, t: &Texts) -> Read<Money> {
    let bare: String = text
        .trim_start_matches("R$")
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .collect();
    if bare.is_empty() {
        return Err(t.errors.amount_needed);
    }
    let decimal = decimal(&bare).ok_or(t.errors.amount_unreadable)?;
    let money = Money::parse_decimal(&decimal).map_err(|error| match error {
        domain::money::MoneyError::TooLarge => t.errors.amount_too_large,
        domain::money::MoneyError::Negative
        | domain::money::MoneyError::Format
        | domain::money::MoneyError::FractionOfCentavo => t.errors.amount_unreadable,
    })?;
    if money.is_zero() {
        return Err(t.errors.amount_zero);
    }
    Ok(money)
}

/// The same amount with a decimal point and nothing else.
fn decimal(bare: &str) -> Option<String> {
    if let Some((whole, cents)) = bare.split_once(',') {
        let whole = without_thousands(whole)?;
        return (cents.len() <= 2 && !cents.is_empty()).then(|| format!("{whole}.{cents}"));
    }
    match bare.split_once('.') {
        Some((whole, cents)) if matches!(cents.len(), 1 | 2) => Some(format!("{whole}.{cents}")),
        Some(_) => without_thousands(bare),
        None => Some(bare.to_owned()),
    }
}

/// `1.234.567` as `1234567`; points must stand before three digits.
fn without_thousands(text: &str) -> Option<String> {
    let mut groups = text.split('.');
    let first = groups.next().unwrap_or("");
    let rest: Vec<&str> = groups.collect();
    let is_grouped = rest.is_empty() || (1..=3).contains(&first.len());
    (is_grouped && rest.iter().all(|group| group.len() == 3))
        .then(|| format!("{first}{}", rest.concat()))
}

/// Text that is asked for, of at most so many characters on one line.
pub fn text(text: &str, longest: usize, t: &Texts) -> Read<String> {
    optional_text(text, longest, t)?.ok_or(t.errors.needed)
}

/// The same, where nothing is an answer.
pub fn optional_text(text: &str, longest: usize, t: &Texts) -> Read<Option<String>> {
    if text.is_empty() {
        return Ok(None);
    }
    if text.chars().count() > longest {
        return Err(t.errors.too_long);
    }
    if text.chars().any(char::is_control) {
        return Err(t.errors.invalid_characters);
    }
    Ok(Some(text.to_owned()))
}

/// An e-mail address in the form that keys have, so that one address is one account.
pub fn email(text: &str, t: &Texts) -> Read<String> {
    if text.is_empty() {
        return Err(t.errors.needed);
    }
    let key = PixKey::parse_as(PixKeyKind::Email, text);
    key.map(|key| key.as_str().to_owned())
        .map_err(|_| t.errors.email)
}

/// A new password.
pub fn password(text: &str, t: &Texts) -> Read<String> {
    match text.chars().count() {
        0..8 => Err(t.errors.password_short),
        8..=200 => Ok(text.to_owned()),
        _ => Err(t.errors.too_long),
    }
}

/// A CPF or CNPJ.
pub fn tax_id(text: &str, t: &Texts) -> Read<TaxId> {
    if text.is_empty() {
        return Err(t.errors.needed);
    }
    if text.len() > 40 {
        return Err(t.errors.tax_id);
    }
    TaxId::parse(text).map_err(|error| match error.code() {
        "WRONG_LENGTH" => t.errors.tax_id_length,
        "BAD_CHECK_DIGITS" => t.errors.tax_id_digits,
        _ => t.errors.tax_id,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::PT;

    #[test]
    fn amounts_are_read_as_brazilians_write_them() {
        for (text, cents) in [
            ("10", 1_000),
            ("10,5", 1_050),
            ("10,50", 1_050),
            ("R$ 10,50", 1_050),
            ("R$\u{a0}1.234,56", 123_456),
            ("1.234", 123_400),
            ("1.234.567", 123_456_700),
            ("12.5", 1_250),
            ("12.50", 1_250),
            ("0,01", 1),
        ] {
            assert_eq!(amount(text, &PT).map(Money::cents), Ok(cents), "{text}");
        }
        for (text, said) in [
            ("", PT.errors.amount_needed),
            ("0", PT.errors.amount_zero),
            ("0,00", PT.errors.amount_zero),
            ("-1", PT.errors.amount_unreadable),
            ("1,234", PT.errors.amount_unreadable),
            ("12.34,5", PT.errors.amount_unreadable),
            ("1.23.456", PT.errors.amount_unreadable),
            ("1e3", PT.errors.amount_unreadable),
            ("dez", PT.errors.amount_unreadable),
            ("99.999.999.999,99", PT.errors.amount_too_large),
        ] {
            assert_eq!(amount(text, &PT), Err(said), "{text}");
        }
    }

    #[test]
    fn a_tax_id_says_what_is_wrong_with_it() {
        assert!(tax_id("529.982.247-25", &PT).is_ok());
        assert_eq!(tax_id("529.982.247-26", &PT), Err(PT.errors.tax_id_digits));
        assert_eq!(tax_id("529", &PT), Err(PT.errors.tax_id_length));
        assert_eq!(tax_id("", &PT), Err(PT.errors.needed));
        assert_eq!(tax_id("<script>", &PT), Err(PT.errors.tax_id));
    }

    #[test]
    fn only_keys_of_ours_are_taken() {
        assert!(key("web-0123456789abcdef0123456789abcdef").is_some());
        for bad in [
            "",
            "web-",
            "web-1",
            "x",
            "web-0123456789abcdef0123456789abcdeg",
        ] {
            assert_eq!(key(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_form_keeps_what_was_typed() {
        let pairs = Pairs::parse(b"a=+x+&b=%C3%A7&a=2&p=+s");
        assert_eq!(
            (pairs.get("a"), pairs.get("b"), pairs.get("c")),
            ("x", "ç", "")
        );
        assert_eq!(pairs.raw("p"), " s");
        assert_eq!(pairs.all("a").count(), 2);
    }
}
