//! What every page has around its own content: the language and theme, who is signed in, where in
//! the navigation it stands, the token of its forms, a notice.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};

use crate::session::Signed;
use crate::stop::Stop;
use crate::texts::{Language, Texts};
use crate::visitor::{Theme, Visitor};
use crate::{Web, assets, csrf};

/// The places of the navigation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Home,
    Receive,
    Pay,
    History,
    Account,
    Overview,
    Transactions,
    Reviews,
    Float,
    Alerts,
    Jobs,
    Audit,
    Users,
    Gateways,
    Hooks,
    Reconciliations,
    Panel,
    Elsewhere,
}

impl Place {
    /// As templates name it.
    const fn as_str(self) -> &'static str {
        match self {
            Place::Home => "home",
            Place::Receive => "receive",
            Place::Pay => "pay",
            Place::History => "history",
            Place::Account => "account",
            Place::Overview => "overview",
            Place::Transactions => "transactions",
            Place::Reviews => "reviews",
            Place::Float => "float",
            Place::Alerts => "alerts",
            Place::Jobs => "jobs",
            Place::Audit => "audit",
            Place::Users => "users",
            Place::Gateways => "gateways",
            Place::Hooks => "hooks",
            Place::Reconciliations => "reconciliations",
            Place::Panel => "panel",
            Place::Elsewhere => "",
        }
    }
}

/// Who is signed in, as the header shows it.
#[derive(Clone, Debug)]
pub struct Who {
    pub initials: String,
    /// Without one there is nothing to navigate to.
    pub has_wallet: bool,
}

#[derive(Clone, Debug)]
pub struct Shell {
    pub language: Language,
    pub theme: Theme,
    pub t: &'static Texts,
    pub csrf: String,
    pub who: Option<Who>,
    pub place: Place,
    pub notice: Option<&'static str>,
    /// Path and query of this page, to come back to it.
    pub path: String,
    pub hides_balance: bool,
    /// Gateways are played: no real money moves.
    pub is_demo: bool,
    /// There is a panel of the played gateways.
    pub has_panel: bool,
    /// Payments do not leave, which every page of the console says.
    pub is_stopped: bool,
    /// Live changes after this position of the event stream belong on this page.
    pub live_from: Option<u64>,
    /// Without scripts the page loads itself again after so many seconds.
    pub reload_seconds: Option<u32>,
}

impl Shell {
    /// The shell of a page for anybody.
    pub fn of(web: &Web, visitor: &Visitor) -> Shell {
        Shell {
            language: visitor.language,
            theme: visitor.theme,
            t: visitor.language.texts(),
            csrf: csrf::token(visitor.secret(), web.random()),
            who: None,
            place: Place::Elsewhere,
            notice: visitor.notice.map(|it| it.text(visitor.language.texts())),
            path: visitor.path.clone(),
            hides_balance: visitor.hides_balance,
            is_demo: web.demo.is_some(),
            has_panel: web.panel.is_some(),
            is_stopped: false,
            live_from: None,
            reload_seconds: None,
        }
    }

    /// The shell of a page for somebody who is signed in.
    pub fn signed(web: &Web, signed: &Signed, place: Place) -> Shell {
        Shell {
            who: Some(Who {
                initials: initials(&signed.me.user.name),
                has_wallet: !signed.me.wallets.is_empty(),
            }),
            place,
            ..Shell::of(web, &signed.visitor)
        }
    }

    /// The same page, told of changes after this position.
    pub fn live(self, position: u64) -> Shell {
        Shell {
            live_from: Some(position),
            ..self
        }
    }

    pub fn css(&self) -> &'static str {
        assets::address("app.css")
    }

    pub fn js(&self) -> &'static str {
        assets::address("app.js")
    }

    pub fn icon(&self) -> &'static str {
        assets::address("icon.svg")
    }

    pub fn manifest(&self) -> &'static str {
        assets::address("manifest.webmanifest")
    }

    /// The address of an icon of the sprite.
    pub fn glyph(&self, name: &str) -> String {
        format!("{}#{name}", assets::address("icons.svg"))
    }

    /// Whether the page stands at this place of the navigation.
    pub fn is_at(&self, place: &str) -> bool {
        self.place.as_str() == place
    }

    #[cfg(test)]
    pub fn sample(language: Language) -> Shell {
        Shell {
            language,
            theme: Theme::Auto,
            t: language.texts(),
            csrf: "0".repeat(64),
            who: Some(Who {
                initials: "A".into(),
                has_wallet: true,
            }),
            place: Place::Home,
            notice: Some("…"),
            path: "/app".into(),
            hides_balance: false,
            is_demo: true,
            has_panel: true,
            is_stopped: true,
            live_from: Some(7),
            reload_seconds: Some(5),
        }
    }
}

/// The first letters of the first and the last name.
fn initials(name: &str) -> String {
    let mut words = name.split_whitespace();
    let first = words.next().and_then(|word| word.chars().next());
    let last = words.next_back().and_then(|word| word.chars().next());
    let letters = first.into_iter().chain(last);
    letters.flat_map(char::to_uppercase).collect()
}

/// A page as an answer.
pub fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => Stop::Internal(format!("a template failed: {error}")).into_response(),
    }
}

/// A page that is what was asked for.
pub fn ok(template: &impl Template) -> Response {
    page(StatusCode::OK, template)
}

/// A page whose form has to be filled in again.
pub fn again(template: &impl Template) -> Response {
    page(StatusCode::UNPROCESSABLE_ENTITY, template)
}

/// A page that answers a posted form on the way to a payment. The browser may keep it, for itself
/// alone and to be asked about, so that the way back after paying leads to it and not to a question
/// whether the form is to be sent again. It carries the key under which money moves once.
pub fn to_come_back_to(mut page: Response) -> Response {
    let kept = HeaderValue::from_static("private, no-cache");
    page.headers_mut().insert(header::CACHE_CONTROL, kept);
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_of_the_first_and_the_last_name() {
        for (name, letters) in [
            ("Ana Souza", "AS"),
            ("ana maria braga", "AB"),
            ("Élio", "É"),
            ("  ", ""),
        ] {
            assert_eq!(initials(name), letters);
        }
    }
}
