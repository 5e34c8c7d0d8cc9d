//! `/app/cadastro`: a person or company signs up, gets a wallet, and is signed in.

use app::commands::{SignInRefusal, SignUp, SignUpRefusal};
use askama::Template;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::form::{self, Client, Form, Pairs};
use crate::notice::Notice;
use crate::parts::field::{Field, Input};
use crate::session::signed_in;
use crate::shell::{self, Shell};
use crate::stop::Stop;
use crate::texts::Texts;
use crate::visitor::Visitor;

#[derive(Template)]
#[template(path = "pages/sign_up.html")]
struct SignUpPage {
    shell: Shell,
    t: &'static Texts,
    is_wrong: bool,
    fields: [Field; 4],
}

/// What is wrong with each field.
#[derive(Default)]
struct Wrong {
    name: Option<&'static str>,
    email: Option<&'static str>,
    tax_id: Option<&'static str>,
    password: Option<&'static str>,
}

fn page(shell: Shell, typed: &Pairs, wrong: Wrong) -> SignUpPage {
    let t = shell.t;
    let is_wrong = [wrong.name, wrong.email, wrong.tax_id, wrong.password]
        .iter()
        .any(Option::is_some);
    SignUpPage {
        is_wrong,
        fields: [
            Field::new("name", t.sign_up.name, Input::Text)
                .value(typed.get("name"))
                .error(wrong.name)
                .autocomplete("name")
                .first(),
            Field::new("tax_id", t.sign_up.tax_id, Input::Text)
                .value(typed.get("tax_id"))
                .hint(t.sign_up.tax_id_hint)
                .error(wrong.tax_id)
                .check("tax_id")
                .longest(40),
            Field::new("email", t.sign_in.email, Input::Email)
                .value(typed.get("email"))
                .error(wrong.email)
                .autocomplete("email"),
            Field::new("password", t.sign_in.password, Input::Password)
                .hint(t.sign_up.password_hint)
                .error(wrong.password)
                .autocomplete("new-password"),
        ],
        t,
        shell,
    }
}

pub async fn show(State(web): State<Web>, visitor: Visitor) -> Result<Response, Stop> {
    let shell = Shell::of(&web, &visitor);
    Ok(shell::ok(&page(shell, &Pairs::default(), Wrong::default())))
}

pub async fn create(
    State(web): State<Web>,
    visitor: Visitor,
    client: Client,
    Form(form): Form,
) -> Result<Response, Stop> {
    let now = web.app.now();
    let wait = |seconds| Stop::Wait { seconds };
    let counted = web.throttle.address(client.0, now).await;
    counted.map_err(wait)?;
    let t = visitor.language.texts();
    let again = |wrong| Ok(shell::again(&page(Shell::of(&web, &visitor), &form, wrong)));
    let request = match read(&form, t) {
        Ok(request) => request,
        Err(wrong) => return again(wrong),
    };
    let email = request.email.clone();
    let counted = web.throttle.email(&email, now).await;
    counted.map_err(wait)?;
    match web.app.sign_up(request).await {
        Ok(_) => {}
        Err(SignUpRefusal::EmailTaken) => {
            return again(Wrong {
                email: Some(t.sign_up.email_taken),
                ..Wrong::default()
            });
        }
        Err(SignUpRefusal::TaxIdTaken) => {
            return again(Wrong {
                tax_id: Some(t.sign_up.tax_id_taken),
                ..Wrong::default()
            });
        }
        Err(SignUpRefusal::Store(error)) => return Err(error.into()),
    }
    let session = web.app.sign_in(&email, form.raw("password")).await;
    let session = session.map_err(|refusal| match refusal {
        SignInRefusal::TooManyTries => Stop::Wait { seconds: 60 },
        SignInRefusal::WrongCredentials => Stop::Internal("a new password is wrong".into()),
        SignInRefusal::Store(error) => error.into(),
    })?;
    Ok(Notice::Welcome.on(signed_in(&web, &session, "/app"), web.secure))
}

fn read(form: &Pairs, t: &Texts) -> Result<SignUp, Wrong> {
    let name = form::text(form.get("name"), 200, t);
    let email = form::email(form.get("email"), t);
    let tax_id = form::tax_id(form.get("tax_id"), t);
    let password = form::password(form.raw("password"), t);
    match (name, email, tax_id, password) {
        (Ok(name), Ok(email), Ok(tax_id), Ok(password)) => Ok(SignUp {
            name,
            email,
            password,
            tax_id,
        }),
        (name, email, tax_id, password) => Err(Wrong {
            name: name.err(),
            email: email.err(),
            tax_id: tax_id.err(),
            password: password.err(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Language;

    #[test]
    fn every_mistake_is_told_at_once_beside_its_field() {
        for language in [Language::Portuguese, Language::English] {
            let shell = Shell::sample(language);
            let t = shell.t;
            let typed = Pairs::of(&[("name", " "), ("email", "ana"), ("tax_id", "1")]);
            let wrong = read(&typed, t).err().unwrap();
            let text = page(shell, &typed, wrong).render().unwrap();
            for said in [
                t.errors.needed,
                t.errors.email,
                t.errors.tax_id_length,
                t.errors.password_short,
                t.common.fix_fields,
            ] {
                assert!(text.contains(said), "{said}");
            }
            assert!(text.contains("value=\"ana\""), "what was typed is kept");
        }
    }

    #[test]
    fn a_good_form_is_read() {
        let typed = Pairs::of(&[
            ("name", "Ana"),
            ("email", "Ana@Example.com"),
            ("tax_id", "529.982.247-25"),
            ("password", " 1234567"),
        ]);
        let read = read(&typed, Language::English.texts()).ok().unwrap();
        assert_eq!(read.email, "ana@example.com");
        assert_eq!(read.password, " 1234567");
    }
}
