//! Who is signed in: the session of the JSON API, carried by a cookie.

use app::commands::{Caller, NewSession, Scope};
use app::ports::store::WalletRow;
use app::views::UserView;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{HeaderMap, Method, header};

use crate::stop::Stop;
use crate::visitor::Visitor;
use crate::{Web, cookies};

/// Somebody with an open session.
#[derive(Clone)]
pub struct Signed {
    pub caller: Caller,
    /// What proved it. Never logged.
    pub bearer: String,
    pub visitor: Visitor,
    pub me: UserView,
}

/// Somebody with an open session and a wallet.
#[derive(Clone)]
pub struct Holder {
    pub signed: Signed,
    pub wallet: WalletRow,
}

impl FromRequestParts<Web> for Signed {
    type Rejection = Stop;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Signed, Stop> {
        let visitor = Visitor::from_request_parts(parts, web).await?;
        let back = || Stop::SignIn {
            back: way_back(parts, &visitor.path),
        };
        let bearer = visitor.bearer.clone().ok_or_else(back)?;
        let caller = web.app.authenticate(&bearer).await?.ok_or_else(back)?;
        // An API key in the cookie is nobody's session.
        caller.session_id.ok_or_else(back)?;
        let me = web.app.me(&caller).await?;
        Ok(Signed {
            caller,
            bearer,
            visitor,
            me,
        })
    }
}

impl FromRequestParts<Web> for Holder {
    type Rejection = Stop;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Holder, Stop> {
        let signed = Signed::from_request_parts(parts, web).await?;
        let wallet = signed.me.wallets.first().cloned();
        // Operators have no wallet: where they arrive by habit leads to their own place.
        let is_operators = signed.caller.may(Scope::Operator) && parts.uri.path() == "/app";
        let stop = match is_operators {
            true => Stop::Console,
            false => Stop::Forbidden,
        };
        Ok(Holder {
            wallet: wallet.ok_or(stop)?,
            signed,
        })
    }
}

/// Where to go on after signing in: this page, or the page whose form was posted.
fn way_back(parts: &Parts, path: &str) -> String {
    if parts.method == Method::GET {
        return safe_path(path).to_owned();
    }
    safe_path(posted_from(&parts.headers).unwrap_or("")).to_owned()
}

/// Path and query of the page that the browser says it comes from.
fn posted_from(headers: &HeaderMap) -> Option<&str> {
    let referer = headers.get(header::REFERER)?.to_str().ok()?;
    let (_, rest) = referer.split_once("://")?;
    rest.find('/').map(|start| &rest[start..])
}

/// A path of the wallet or the console, else its first page: nobody is sent to another site by a link to ours.
pub fn safe_path(path: &str) -> &str {
    const HOME: &str = "/app";
    let is_ours = [HOME, "/console"].iter().any(|place| {
        path.strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
    });
    let is_plain = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let leads_out = path.starts_with("/app/sair") || path.starts_with("/app/entrar");
    if is_ours && is_plain && !leads_out && path.len() <= 512 {
        path
    } else {
        HOME
    }
}

/// To this page, signed in.
pub fn signed_in(web: &Web, session: &NewSession, target: &str) -> Response {
    let seconds = session.expires_at.since(web.app.now()).millis() / 1_000;
    let name = cookies::session_name(web.secure);
    let cookie = cookies::set(name, &session.token, Some(seconds), web.secure);
    ([(header::SET_COOKIE, cookie)], Redirect::to(target)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere_after_signing_in() {
        for good in [
            "/app",
            "/app/pagar",
            "/console",
            "/console/revisoes/txn_1",
            "/app/transacoes?tipo=payout&mes=2026-11",
        ] {
            assert_eq!(safe_path(good), good);
        }
        for bad in [
            "",
            "/",
            "//evil.example",
            "/apple",
            "/consoles",
            "/app\\evil",
            "/app/\r\nx: y",
            "https://evil.example/app",
            "/app/sair",
            "/app/entrar?voltar=/app",
        ] {
            assert_eq!(safe_path(bad), "/app", "{bad}");
        }
    }

    #[test]
    fn a_posted_form_leads_back_to_its_page() {
        let mut headers = HeaderMap::new();
        assert_eq!(posted_from(&headers), None);
        let referer = "http://127.0.0.1:8080/app/pagar?x=1";
        headers.insert(header::REFERER, referer.parse().unwrap());
        assert_eq!(posted_from(&headers), Some("/app/pagar?x=1"));
    }
}
