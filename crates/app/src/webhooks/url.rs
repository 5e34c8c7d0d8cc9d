//! The form of an endpoint's address. Where its name leads is looked at by whoever connects, at every
//! connection, because it may lead elsewhere by then.

use domain::address::is_public;
use url::{Host, Url};

/// Why an address is not one to register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    #[error("it is not an absolute address")]
    Unreadable,
    #[error("it does not begin with https://")]
    NotHttps,
    #[error("it carries a user name or password")]
    Credentials,
    #[error("it has a fragment, which is never sent")]
    Fragment,
    #[error("its host is in a private network")]
    PrivateHost,
}

impl UrlFault {
    pub const fn code(self) -> &'static str {
        match self {
            UrlFault::TooLong => "too_long",
            UrlFault::Unreadable => "invalid_url",
            UrlFault::NotHttps => "not_https",
            UrlFault::Credentials => "credentials",
            UrlFault::Fragment => "fragment",
            UrlFault::PrivateHost => "private_host",
        }
    }
}

const LONGEST: usize = 2_000;

/// The address, normalized. In the clear, and to this machine or a private network, only where that
/// is allowed.
pub(super) fn checked(text: &str, allow_private: bool) -> Result<String, UrlFault> {
    if text.len() > LONGEST {
        return Err(UrlFault::TooLong);
    }
    let url = Url::parse(text).map_err(|_| UrlFault::Unreadable)?;
    let host = match url.scheme() {
        "https" => url.host(),
        "http" if allow_private => url.host(),
        _ => return Err(UrlFault::NotHttps),
    };
    let is_private = match host.ok_or(UrlFault::Unreadable)? {
        Host::Domain(name) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Host::Ipv4(address) => !is_public(address.into()),
        Host::Ipv6(address) => !is_public(address.into()),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlFault::Credentials);
    }
    if url.fragment().is_some() {
        return Err(UrlFault::Fragment);
    }
    if is_private && !allow_private {
        return Err(UrlFault::PrivateHost);
    }
    match url.as_str().len() {
        0..=LONGEST => Ok(url.into()),
        _ => Err(UrlFault::TooLong),
    }
}

/// The address as others than its owner may see it: without what follows the path, where receivers
/// like to keep secrets.
pub(super) fn shown(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else {
        return String::new();
    };
    let more = url.query().map_or("", |_| "?…");
    url.set_query(None);
    format!("{url}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_https_addresses_are_registered() {
        for (text, wanted) in [
            (
                "https://shop.example/hooks?a=1",
                Ok("https://shop.example/hooks?a=1"),
            ),
            (
                "https://shop.example:8443",
                Ok("https://shop.example:8443/"),
            ),
            ("https://8.8.8.8/x", Ok("https://8.8.8.8/x")),
            ("http://shop.example/", Err(UrlFault::NotHttps)),
            ("ftp://shop.example/", Err(UrlFault::NotHttps)),
            ("file:///etc/passwd", Err(UrlFault::NotHttps)),
            ("shop.example/hooks", Err(UrlFault::Unreadable)),
            ("https://", Err(UrlFault::Unreadable)),
            ("", Err(UrlFault::Unreadable)),
            ("https://u@shop.example/", Err(UrlFault::Credentials)),
            ("https://u:p@shop.example/", Err(UrlFault::Credentials)),
            ("https://shop.example/#x", Err(UrlFault::Fragment)),
            ("https://localhost/", Err(UrlFault::PrivateHost)),
            ("https://a.localhost./", Err(UrlFault::PrivateHost)),
            ("https://127.0.0.1/", Err(UrlFault::PrivateHost)),
            // Other spellings of the same.
            ("https://2130706433/", Err(UrlFault::PrivateHost)),
            ("https://0x7f.1/", Err(UrlFault::PrivateHost)),
            ("https://[::ffff:10.0.0.1]/", Err(UrlFault::PrivateHost)),
            ("https://169.254.169.254/latest", Err(UrlFault::PrivateHost)),
        ] {
            assert_eq!(checked(text, false), wanted.map(str::to_owned), "{text}");
        }
        let long = format!("https://shop.example/{}", "x".repeat(LONGEST));
        assert_eq!(checked(&long, false), Err(UrlFault::TooLong));
    }

    #[test]
    fn development_may_speak_to_itself() {
        for good in [
            "http://127.0.0.1:9000/hooks",
            "http://localhost/",
            "https://10.0.0.1/",
        ] {
            assert!(checked(good, true).is_ok(), "{good}");
        }
        assert_eq!(
            checked("http://u@localhost/", true),
            Err(UrlFault::Credentials)
        );
        assert_eq!(
            checked("gopher://localhost/", true),
            Err(UrlFault::NotHttps)
        );
    }

    #[test]
    fn others_see_no_more_than_the_path() {
        let url = shown("https://shop.example/hooks?token=hunter2");
        assert_eq!(url, "https://shop.example/hooks?…");
        assert_eq!(shown("https://shop.example/"), "https://shop.example/");
        assert_eq!(shown("x"), "");
    }
}
