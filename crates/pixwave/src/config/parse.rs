//! The forms that values take: lengths of time, amounts, addresses.

use std::net::{IpAddr, Ipv4Addr};

use domain::money::Money;
use domain::time::Span;
use url::{Host, Url};

pub const SPAN: &str = "a length of time such as 500ms, 30s, 15m, 2h or 30d";
pub const CENTS: &str = "an amount in centavos, from 1 to 999999999999";
pub const URL: &str = "an address such as https://example.com (http only for this machine)";

/// `500ms`, `30s`, `15m`, `2h`, `30d`; a bare number is seconds. More than nothing.
pub fn span(text: &str) -> Option<Span> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u32 = number.parse().ok().filter(|number| *number > 0)?;
    let seconds = |factor: u32| number.checked_mul(factor).map(Span::from_seconds);
    match unit {
        "ms" => Some(Span::from_millis(number)),
        "" | "s" => seconds(1),
        "m" => seconds(60),
        "h" => seconds(3_600),
        "d" => Some(Span::from_days(number)).filter(|_| number <= 3_650),
        _ => None,
    }
}

/// The same, and nothing.
pub fn delay(text: &str) -> Option<Span> {
    match text {
        "0" | "0s" | "0ms" => Some(Span::ZERO),
        _ => span(text),
    }
}

/// More than nothing.
pub fn cents(text: &str) -> Option<Money> {
    let cents: i64 = text.parse().ok()?;
    Money::from_cents(cents)
        .ok()
        .filter(|money| !money.is_zero())
}

pub fn count(text: &str) -> Option<u32> {
    text.parse()
        .ok()
        .filter(|count| (1..=1_000).contains(count))
}

pub fn host(text: &str) -> Option<IpAddr> {
    match text {
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        _ => text.trim_matches(['[', ']']).parse().ok(),
    }
}

/// The same for the sandbox, where no money moves and names of containers are hosts, too.
pub fn sandbox_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
    let is_plain = url.query().is_none() && url.fragment().is_none();
    (is_http && is_plain).then(|| text.trim_end_matches('/').to_owned())
}

/// The base of further paths, without a slash at its end.
pub fn base_url(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let host = url.host()?;
    let is_local = match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let scheme_fits = url.scheme() == "https" || (url.scheme() == "http" && is_local);
    let is_plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    (scheme_fits && is_plain).then(|| text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_units() {
        for (text, wanted) in [
            ("500ms", Some(Span::from_millis(500))),
            ("30", Some(Span::from_seconds(30))),
            ("30s", Some(Span::from_seconds(30))),
            ("15m", Some(Span::from_seconds(900))),
            ("2h", Some(Span::from_seconds(7_200))),
            ("30d", Some(Span::from_days(30))),
            ("0s", None),
            ("", None),
            ("m", None),
            ("-3s", None),
            ("1.5h", None),
            ("3 s", None),
            ("3w", None),
            ("99999999h", None),
        ] {
            assert_eq!(span(text), wanted, "{text}");
        }
    }

    #[test]
    fn amounts_are_whole_and_positive() {
        assert_eq!(cents("100").map(Money::cents), Some(100));
        for bad in ["0", "-1", "1.0", "R$ 1", "9999999999999", ""] {
            assert_eq!(cents(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        assert_eq!(
            base_url("https://a.example/"),
            Some("https://a.example".into())
        );
        assert_eq!(
            base_url("http://127.0.0.1:99"),
            Some("http://127.0.0.1:99".into())
        );
        assert_eq!(base_url("http://[::1]:99"), Some("http://[::1]:99".into()));
        for bad in [
            "http://a.example",
            "ftp://a.example",
            "a.example",
            "https://u:p@a.example",
            "https://a?x=1",
            "",
        ] {
            assert_eq!(base_url(bad), None, "{bad}");
        }
    }

    #[test]
    fn hosts_are_addresses() {
        assert_eq!(host("localhost"), host("127.0.0.1"));
        assert!(host("::1").is_some() && host("[::1]").is_some());
        assert_eq!(host("example.com"), None);
    }
}
