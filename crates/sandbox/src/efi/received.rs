//! Received Pix: `GET /v2/pix/{e2eId}` and the list.

use serde_json::Value;

use super::{Window, error, views};
use crate::{
    http::{Outcome, Reply, Request},
    pipeline::Effect,
    state::{State, efi::ReceivedPix},
};

pub fn not_found() -> Reply {
    error::named(400, "pix_nao_encontrado", "O Pix não foi encontrado.")
}

pub fn read(state: &State, id: &str, effect: Effect) -> Outcome {
    let pix = state
        .book
        .received
        .get(id)
        .filter(|pix| !effect.hides(state.now, pix.at));
    Ok(Reply::json(
        200,
        &views::received(state, pix.ok_or_else(not_found)?, false),
    ))
}

pub fn list(state: &State, request: &Request, effect: Effect) -> Outcome {
    let window = Window::read(request)?;
    let flag = |name: &str| request.query(name).map(|text| text == "true");
    let (with_txid, refunded) = (flag("txIdPresente"), flag("devolucaoPresente"));
    let with_bank = flag("exibirCodigoBanco") == Some(true);
    let person = request.query("cpf").or(request.query("cnpj"));
    let wanted = |pix: &&ReceivedPix| {
        window.holds(pix.at)
            && !effect.hides(state.now, pix.at)
            && request
                .query("txid")
                .is_none_or(|txid| pix.txid.as_deref() == Some(txid))
            && with_txid.is_none_or(|present| pix.txid.is_some() == present)
            && refunded.is_none_or(|present| pix.refunds.is_empty() != present)
            && person.is_none_or(|number| pix.payer.tax_id == number)
    };
    let found: Vec<Value> = state
        .book
        .received
        .values()
        .filter(wanted)
        .map(|pix| views::received(state, pix, with_bank))
        .collect();
    Ok(window.answer("pix", found))
}
