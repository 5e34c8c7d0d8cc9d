//! Queries of payouts: by idEnvio, by endToEndId, and the list.

use serde_json::json;

use super::{Window, error, views};
use crate::{
    http::{Outcome, Reply, Request},
    pipeline::Effect,
    state::{State, efi::Send},
};

fn answer(state: &State, send: Option<&Send>, effect: Effect) -> Outcome {
    match send.filter(|send| !effect.hides(state.now, send.requested)) {
        Some(send) => Ok(Reply::json(200, &views::send(state, send))),
        None => Err(error::problem(
            404,
            "PixEnviadoNaoEncontrado",
            "Pix enviado não encontrado.",
            None,
        )),
    }
}

pub fn by_id_envio(state: &State, id: &str, effect: Effect) -> Outcome {
    answer(state, state.book.sends.get(id), effect)
}

pub fn by_end_to_end(state: &State, id: &str, effect: Effect) -> Outcome {
    answer(
        state,
        state
            .book
            .sends
            .values()
            .find(|send| send.end_to_end_id == id),
        effect,
    )
}

pub fn list(state: &State, request: &Request, effect: Effect) -> Outcome {
    let window = Window::read(request)?;
    let status = request.query("status");
    let returned = request
        .query("devolucaoPresente")
        .map(|text| text == "true");
    let wanted = |send: &&Send| {
        window.holds(send.requested)
            && !effect.hides(state.now, send.requested)
            && status.is_none_or(|status| json!(send.status) == status)
            && returned.is_none_or(|present| send.returns.is_empty() != present)
    };
    Ok(window.answer(
        "pix",
        state
            .book
            .sends
            .values()
            .filter(wanted)
            .map(|send| views::send(state, send))
            .collect(),
    ))
}
