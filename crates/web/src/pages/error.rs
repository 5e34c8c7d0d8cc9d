//! The page that says why another is not shown.

use askama::Template;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use crate::Web;
use crate::shell::{self, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "pages/error.html")]
struct ErrorPage {
    shell: Shell,
    t: &'static Texts,
    title: &'static str,
    meaning: String,
}

pub fn page(web: &Web, visitor: &Visitor, stop: &Stop) -> Response {
    let shell = Shell::of(web, visitor);
    let t = shell.t;
    let (title, meaning) = words(stop, t);
    let page = ErrorPage {
        shell,
        t,
        title,
        meaning,
    };
    let mut response = shell::page(stop.status(), &page).into_response();
    if let Stop::Wait { seconds } = stop {
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response
}

fn words(stop: &Stop, t: &Texts) -> (&'static str, String) {
    let s = &t.stops;
    match stop {
        Stop::NotFound => (s.not_found, s.not_found_means.to_owned()),
        Stop::NoSuchMethod => (s.no_such_method, s.no_such_method_means.to_owned()),
        Stop::ForeignForm => (s.foreign_form, s.foreign_form_means.to_owned()),
        Stop::Forbidden | Stop::SignIn { .. } | Stop::Console => {
            (s.forbidden, s.forbidden_means.to_owned())
        }
        Stop::Wait { seconds } => (s.wait, fill(s.wait_means, &[&seconds.to_string()])),
        Stop::TooLarge => (s.too_large, s.too_large_means.to_owned()),
        Stop::Unavailable => (s.unavailable, s.unavailable_means.to_owned()),
        Stop::Internal(_) => (s.internal, s.internal_means.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    #[test]
    fn a_failure_of_ours_tells_nothing_of_its_cause() {
        for language in [Language::Portuguese, Language::English] {
            let shell = Shell::sample(language);
            let t = shell.t;
            let (title, meaning) = words(&Stop::Internal("secret words".into()), t);
            let page = ErrorPage {
                shell,
                t,
                title,
                meaning,
            };
            let text = page.render().unwrap();
            assert!(text.contains(title) && !text.contains("secret words"));
        }
    }
}
