//! `POST /app/sair`: the session ends, here and for whoever else holds its token.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use http::{HeaderName, HeaderValue, header};

use crate::Web;
use crate::cookies;
use crate::form::Form;
use crate::notice::Notice;
use crate::session::Signed;
use crate::stop::Stop;

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

pub async fn leave(State(web): State<Web>, signed: Signed, _: Form) -> Result<Response, Stop> {
    if let Some(session) = signed.caller.session_id {
        web.app.sign_out(session).await?;
    }
    let name = cookies::session_name(web.secure);
    let gone = cookies::set(name, "", Some(0), web.secure);
    let mut response = Redirect::to("/").into_response();
    response.headers_mut().append(header::SET_COOKIE, gone);
    // What the browser keeps for its back button goes with the session.
    let forget = HeaderValue::from_static("\"cache\"");
    response.headers_mut().insert(CLEAR_SITE_DATA, forget);
    Ok(Notice::SignedOut.on(response, web.secure))
}
