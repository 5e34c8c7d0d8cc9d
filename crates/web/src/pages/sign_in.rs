//! `/app/entrar`: e-mail and password for a session, counted like tries at the JSON API.

use app::commands::SignInRefusal;
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::form::{Client, Form, Query};
use crate::parts::field::{Field, Input};
use crate::session::{safe_path, signed_in};
use crate::shell::{self, Shell};
use crate::stop::Stop;
use crate::texts::Texts;
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "pages/sign_in.html")]
struct SignInPage {
    shell: Shell,
    t: &'static Texts,
    /// Where to go on.
    back: String,
    /// The visitor was somewhere and is to come back.
    is_return: bool,
    wrong: Option<&'static str>,
    email: Field,
    password: Field,
}

fn page(shell: Shell, back: &str, email: &str, wrong: Option<&'static str>) -> SignInPage {
    let t = shell.t;
    SignInPage {
        back: safe_path(back).to_owned(),
        is_return: !back.is_empty() && safe_path(back) != "/app",
        wrong,
        email: Field::new("email", t.sign_in.email, Input::Email)
            .value(email)
            .autocomplete("username")
            .first(),
        password: Field::new("password", t.sign_in.password, Input::Password)
            .autocomplete("current-password"),
        t,
        shell,
    }
}

pub async fn show(
    State(web): State<Web>,
    visitor: Visitor,
    Query(query): Query,
) -> Result<Response, Stop> {
    let shell = Shell::of(&web, &visitor);
    Ok(shell::ok(&page(shell, query.get("voltar"), "", None)))
}

pub async fn enter(
    State(web): State<Web>,
    visitor: Visitor,
    client: Client,
    Form(form): Form,
) -> Result<Response, Stop> {
    let now = web.app.now();
    let wait = |seconds| Stop::Wait { seconds };
    let counted = web.throttle.address(client.0, now).await;
    counted.map_err(wait)?;
    let email = form.get("email").to_ascii_lowercase();
    let bounded: String = email.chars().take(200).collect();
    let counted = web.throttle.email(&bounded, now).await;
    counted.map_err(wait)?;
    let back = form.get("voltar");
    let t = visitor.language.texts();
    let password = form.raw("password");
    let refused = if password.chars().count() > 200 {
        SignInRefusal::WrongCredentials
    } else {
        match web.app.sign_in(&bounded, password).await {
            Ok(session) => return Ok(signed_in(&web, &session, safe_path(back))),
            Err(refusal) => refusal,
        }
    };
    let wrong = match refused {
        SignInRefusal::WrongCredentials => t.sign_in.wrong,
        SignInRefusal::TooManyTries => t.sign_in.too_many,
        SignInRefusal::Store(error) => return Err(error.into()),
    };
    let shell = Shell::of(&web, &visitor);
    Ok(shell::again(&page(shell, back, &email, Some(wrong))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    #[test]
    fn what_was_typed_stays_and_the_password_does_not() {
        for language in [Language::Portuguese, Language::English] {
            let shell = Shell::sample(language);
            let wrong = shell.t.sign_in.wrong;
            let page = page(shell, "/app/pagar", "\"><script>", Some(wrong));
            assert!(page.is_return);
            let text = page.render().unwrap();
            assert!(text.contains(wrong) && text.contains("value=\"/app/pagar\""));
            assert!(!text.contains("\"><script>"), "{text}");
        }
    }
}
