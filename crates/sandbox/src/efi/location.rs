//! Payload locations and their QR code: `/v2/loc`.

use serde_json::json;

use super::{Window, cob, error, views};
use crate::{
    http::{Outcome, Reply, Request},
    qr,
    state::{Record, State, efi::Location},
};

fn find(state: &State, id: i64) -> Result<Location, Reply> {
    let found = state.book.locations.get(&id).cloned();
    found.ok_or_else(|| {
        error::named(
            400,
            "location_nao_encontrada",
            "A location não foi encontrada.",
        )
    })
}

pub fn create(state: &mut State, request: &Request) -> Outcome {
    let body = super::object(request)?;
    let kind = body["tipoCob"]
        .as_str()
        .filter(|kind| ["cob", "cobv"].contains(kind));
    let kind = kind.ok_or_else(|| error::malformed_json("tipoCob deve ser cob ou cobv."))?;
    let location = cob::new_location(state, kind);
    let answer = views::location(&location);
    state.put(Record::Location(location));
    Ok(Reply::json(201, &answer).executed())
}

pub fn read(state: &State, id: i64) -> Outcome {
    Ok(Reply::json(
        200,
        &views::location_with_txid(&find(state, id)?),
    ))
}

pub fn list(state: &State, request: &Request) -> Outcome {
    let window = Window::read(request)?;
    let found = state
        .book
        .locations
        .values()
        .filter(|location| window.holds(location.created));
    Ok(window.answer("loc", found.map(views::location_with_txid).collect()))
}

pub fn unlink(state: &mut State, id: i64) -> Outcome {
    let location = Location {
        txid: None,
        ..find(state, id)?
    };
    let answer = views::location(&location);
    state.put(Record::Location(location));
    Ok(Reply::json(200, &answer).executed())
}

pub fn qr_code(state: &State, id: i64) -> Outcome {
    let location = find(state, id)?;
    let cob = location
        .txid
        .as_ref()
        .and_then(|txid| state.book.cobs.get(txid));
    let cob = cob.ok_or_else(|| {
        error::named(
            400,
            "location_nao_encontrada",
            "A location não tem cobrança.",
        )
    })?;
    let text = views::br_code(state, cob);
    let image = qr::png_base64(&text).ok_or_else(error::internal)?;
    let link = location.url.rsplit('/').next().unwrap_or_default();
    Ok(Reply::json(
        200,
        &json!({
            "qrcode": text,
            "imagemQrcode": format!("data:image/png;base64,{image}"),
            "linkVisualizacao": format!("https://pix.sejaefi.com.br/cob/pagar/{link}"),
        }),
    ))
}
