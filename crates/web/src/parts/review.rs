//! The last look before money moves: to whom, how much, what it leaves. Pay and transfer share it.
//!
//! Everything typed travels on in hidden fields, with the key under which it moves money once; the
//! way back posts the same fields to the first page, which shows them again.

use askama::Template;

use crate::form::Pairs;
use crate::pages::detail::Fact;
use crate::shell::{Place, Shell};
use crate::texts::Texts;

#[derive(Template)]
#[template(path = "pages/review.html")]
pub struct ReviewPage {
    pub shell: Shell,
    pub t: &'static Texts,
    pub title: &'static str,
    pub amount: String,
    /// The payee's name, when it is known.
    pub name: Option<String>,
    pub facts: Vec<Fact>,
    pub notes: Vec<&'static str>,
    pub confirm: String,
    /// Where the form goes, and where it came from.
    pub action: &'static str,
    pub back: &'static str,
    pub hidden: Vec<(&'static str, String)>,
}

/// The fields that travel on.
pub fn hidden(typed: &Pairs, key: &str, amount: String) -> Vec<(&'static str, String)> {
    vec![
        ("key", key.to_owned()),
        ("target", typed.get("target").to_owned()),
        ("amount", amount),
        ("description", typed.get("description").to_owned()),
    ]
}

/// A line of the review.
pub fn fact(name: &'static str, value: String) -> Fact {
    Fact {
        name,
        value,
        is_code: false,
        href: None,
    }
}

/// The place of both pages in the navigation.
pub const PLACE: Place = Place::Pay;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    #[test]
    fn what_was_typed_travels_on_escaped() {
        for language in [Language::Portuguese, Language::English] {
            let t = language.texts();
            let typed = Pairs::of(&[("target", "\"><b>"), ("description", "bolo")]);
            let page = ReviewPage {
                shell: Shell::sample(language),
                t,
                title: t.pay.review,
                amount: "R$ 10,50".into(),
                name: Some("<b>Ana</b>".into()),
                facts: vec![fact(t.pay.total, "R$ 10,50".into())],
                notes: vec![t.pay.unnamed],
                confirm: "Pagar".into(),
                action: "/app/pagar/confirmar",
                back: "/app/pagar",
                hidden: hidden(&typed, "web-1", "10,50".into()),
            };
            let text = page.render().unwrap();
            assert!(!text.contains("\"><b>") && !text.contains("<b>Ana"));
            assert!(text.contains("name=\"key\" value=\"web-1\""));
            assert!(text.contains("formaction=\"/app/pagar\""));
        }
    }
}
