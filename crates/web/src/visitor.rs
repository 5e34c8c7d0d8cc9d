//! Who visits, before anybody has signed in: language, theme, and the secret that forms are bound to.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};

use crate::cookies;
use crate::notice::Notice;
use crate::stop::Stop;
use crate::texts::Language;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Theme {
    /// As the device says.
    Auto,
    Light,
    Dark,
}

impl Theme {
    pub const fn as_str(self) -> &'static str {
        match self {
            Theme::Auto => "auto",
            Theme::Light => "light",
            Theme::Dark => "dark",
        }
    }

    pub fn parse(text: &str) -> Option<Theme> {
        [Theme::Auto, Theme::Light, Theme::Dark]
            .into_iter()
            .find(|theme| theme.as_str() == text)
    }
}

/// What a request's cookies and headers say, read once by [`crate::around`].
#[derive(Clone, Debug)]
pub struct Visitor {
    pub language: Language,
    pub theme: Theme,
    pub hides_balance: bool,
    /// The session's token as the cookie shows it, whether it is good or not.
    pub bearer: Option<String>,
    /// The mark of the visit.
    pub visit: String,
    pub notice: Option<Notice>,
    /// Path and query of the request.
    pub path: String,
}

impl Visitor {
    /// `fresh` is the mark for a visit that has none.
    pub fn read(headers: &HeaderMap, path: String, fresh: String, secure: bool) -> Visitor {
        let cookie = |name| cookies::read(headers, name);
        let accepted = headers.get(header::ACCEPT_LANGUAGE);
        let accepted = accepted.and_then(|value| value.to_str().ok());
        let chosen = cookie(cookies::LANGUAGE).and_then(Language::parse);
        Visitor {
            language: chosen.unwrap_or_else(|| Language::negotiate(accepted.unwrap_or(""))),
            theme: cookie(cookies::THEME)
                .and_then(Theme::parse)
                .unwrap_or(Theme::Auto),
            hides_balance: cookie(cookies::HIDE).is_some(),
            bearer: cookie(cookies::session_name(secure)).map(str::to_owned),
            visit: cookie(cookies::VISIT).map_or(fresh, str::to_owned),
            notice: cookie(cookies::NOTICE).and_then(Notice::parse),
            path,
        }
    }

    /// What this browser's forms are bound to.
    pub fn secret(&self) -> &str {
        self.bearer.as_deref().unwrap_or(&self.visit)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visitor {
    type Rejection = Stop;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Visitor, Stop> {
        let visitor = parts.extensions.get::<Visitor>().cloned();
        visitor.ok_or_else(|| Stop::Internal("a page outside the middleware".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_goes_before_what_the_browser_prefers() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, "en-US,en;q=0.9".parse().unwrap());
        let read = |headers: &HeaderMap| Visitor::read(headers, "/".into(), "fresh".into(), false);
        let visitor = read(&headers);
        assert_eq!(
            (visitor.language, visitor.theme),
            (Language::English, Theme::Auto)
        );
        assert_eq!(visitor.secret(), "fresh");
        let kept =
            "pixwave_language=pt; pixwave_theme=dark; pixwave_session=pws_x; pixwave_visit=v";
        headers.insert(header::COOKIE, kept.parse().unwrap());
        let visitor = read(&headers);
        assert_eq!(
            (visitor.language, visitor.theme),
            (Language::Portuguese, Theme::Dark)
        );
        assert_eq!((visitor.secret(), visitor.visit.as_str()), ("pws_x", "v"));
    }
}
