//! `POST /app/demo`: into the demo wallet with one click, in the embedded mode only.

use app::commands::SignInRefusal;
use axum::extract::State;
use axum::response::Response;

use crate::Web;
use crate::form::{Client, Form};
use crate::session::signed_in;
use crate::stop::Stop;

pub async fn enter(
    State(web): State<Web>,
    client: Client,
    Form(form): Form,
) -> Result<Response, Stop> {
    let demo = web.demo.as_deref().ok_or(Stop::NotFound)?;
    let counted = web.throttle.address(client.0, web.app.now()).await;
    counted.map_err(|seconds| Stop::Wait { seconds })?;
    let index: usize = form.get("pessoa").parse().unwrap_or(0);
    let person = demo.customers.get(index).ok_or(Stop::NotFound)?;
    let session = web.app.sign_in(&person.email, &person.password).await;
    let session = session.map_err(|refusal| match refusal {
        SignInRefusal::TooManyTries => Stop::Wait { seconds: 60 },
        SignInRefusal::WrongCredentials => Stop::Forbidden,
        SignInRefusal::Store(error) => error.into(),
    })?;
    Ok(signed_in(&web, &session, "/app"))
}
