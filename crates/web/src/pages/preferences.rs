//! `POST /app/preferencias`: language, theme, whether the balance is hidden. Kept by the browser.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderValue, header};

use crate::Web;
use crate::cookies::{self, A_YEAR};
use crate::form::{Form, Pairs};
use crate::session::safe_path;
use crate::stop::Stop;
use crate::texts::Language;
use crate::visitor::Theme;

pub async fn save(State(web): State<Web>, Form(form): Form) -> Result<Response, Stop> {
    let back = match form.get("voltar") {
        "/" => "/",
        // Signing in and out are pages to come back to, too.
        path @ ("/app/entrar" | "/app/cadastro") => path,
        path => safe_path(path),
    };
    let mut response = Redirect::to(back).into_response();
    for cookie in chosen(&form, web.secure) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

fn chosen(form: &Pairs, secure: bool) -> Vec<HeaderValue> {
    let keep = |name, value| cookies::set(name, value, Some(A_YEAR), secure);
    let language = Language::parse(form.get("idioma"));
    let theme = Theme::parse(form.get("tema"));
    let hide = match form.get("saldo") {
        "esconder" => Some(keep(cookies::HIDE, "1")),
        "mostrar" => Some(cookies::set(cookies::HIDE, "", Some(0), secure)),
        _ => None,
    };
    let language = language.map(|it| keep(cookies::LANGUAGE, it.as_str()));
    let theme = theme.map(|it| keep(cookies::THEME, it.as_str()));
    language.into_iter().chain(theme).chain(hide).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_known_is_kept() {
        let with = |pairs| chosen(&Pairs::of(pairs), false);
        assert_eq!(with(&[("idioma", "en"), ("tema", "dark")]).len(), 2);
        assert!(with(&[("idioma", "xx"), ("tema", "\r\nset"), ("saldo", "?")]).is_empty());
        let shown = with(&[("saldo", "mostrar")]);
        assert!(shown[0].to_str().unwrap().contains("Max-Age=0"));
    }
}
