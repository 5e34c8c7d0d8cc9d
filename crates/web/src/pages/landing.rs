//! `/`: what this is, and the way in.

use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};

use crate::Web;
use crate::shell::{self, Shell};
use crate::stop::Stop;
use crate::texts::{Texts, fill};
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "pages/landing.html")]
struct LandingPage {
    shell: Shell,
    t: &'static Texts,
    /// The label of each way into the demo, in order.
    entrances: Vec<String>,
    operators: Option<String>,
}

pub async fn show(State(web): State<Web>, visitor: Visitor) -> Result<Response, Stop> {
    if let Some(bearer) = &visitor.bearer
        && web.app.authenticate(bearer).await?.is_some()
    {
        return Ok(Redirect::to("/app").into_response());
    }
    let shell = Shell::of(&web, &visitor);
    let t = shell.t;
    let demo = web.demo.as_deref();
    let people = demo.map_or(&[][..], |demo| &demo.customers);
    let entrances = people
        .iter()
        .map(|person| fill(t.landing.enter_as, &[&person.name]));
    let operators = demo.map(|demo| fill(t.landing.operators, &[&demo.operators.join(", ")]));
    Ok(shell::ok(&LandingPage {
        entrances: entrances.collect(),
        operators,
        shell,
        t,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    #[test]
    fn the_demo_is_offered_only_where_there_is_one() {
        for language in [Language::Portuguese, Language::English] {
            let mut page = LandingPage {
                shell: Shell::sample(language),
                t: language.texts(),
                entrances: vec!["Entrar como <b>Ana</b>".into()],
                operators: Some("operator@example.com".into()),
            };
            let text = page.render().unwrap();
            assert!(text.contains("action=\"/app/demo\"") && !text.contains("<b>Ana</b>"));
            page.entrances.clear();
            assert!(!page.render().unwrap().contains("/app/demo"));
        }
    }
}
