//! Cookies: what a browser keeps for us (RFC 6265).

use http::{HeaderMap, HeaderValue, header};

/// The session's bearer token.
pub const SESSION: &str = "pixwave_session";
/// The same where only https is spoken: the prefix makes browsers refuse one set by other hosts.
pub const SECURE_SESSION: &str = "__Host-pixwave_session";
/// A random mark of a visitor without a session.
pub const VISIT: &str = "pixwave_visit";
/// What to say on the next page.
pub const NOTICE: &str = "pixwave_notice";
pub const LANGUAGE: &str = "pixwave_language";
pub const THEME: &str = "pixwave_theme";
/// Whether the balance is hidden.
pub const HIDE: &str = "pixwave_hide";

/// A year, in seconds.
pub const A_YEAR: i64 = 31_536_000;

/// The first cookie of this name.
pub fn read<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter();
    all.filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, value)| value)
        .filter(|value| !value.is_empty())
}

/// A cookie for every page that scripts cannot read. Without an age, in seconds, it goes with the
/// browser; at age 0 it goes now.
pub fn set(name: &str, value: &str, max_age: Option<i64>, secure: bool) -> HeaderValue {
    let mut text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax");
    if let Some(seconds) = max_age {
        text.push_str(&format!("; Max-Age={seconds}"));
    }
    if secure {
        text.push_str("; Secure");
    }
    HeaderValue::try_from(text).expect("values are made of token characters")
}

/// The name of the session's cookie.
pub fn session_name(secure: bool) -> &'static str {
    if secure { SECURE_SESSION } else { SESSION }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            "a=1; pixwave_session=pws_x".parse().unwrap(),
        );
        headers.append(header::COOKIE, "b=; c=3".parse().unwrap());
        assert_eq!(read(&headers, SESSION), Some("pws_x"));
        assert_eq!(read(&headers, "c"), Some("3"));
        assert_eq!(read(&headers, "b"), None);
        assert_eq!(read(&headers, "session"), None);
    }

    #[test]
    fn a_session_cookie_is_kept_from_scripts_and_from_other_sites() {
        let value = set(session_name(true), "pws_x", Some(60), true);
        assert_eq!(
            value,
            "__Host-pixwave_session=pws_x; Path=/; HttpOnly; SameSite=Lax; Max-Age=60; Secure"
        );
        let plain = set(session_name(false), "pws_x", None, false);
        assert!(!plain.to_str().unwrap().contains("Secure"));
    }
}
