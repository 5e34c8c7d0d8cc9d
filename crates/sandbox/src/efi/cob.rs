//! Immediate charges: `PUT`/`POST`/`PATCH`/`GET /v2/cob` (BCB, API Pix).

use serde_json::{Value, json};

use super::{Window, error, views};
use crate::{
    http::{Outcome, Reply, Request},
    ids::is_alphanumeric,
    money,
    pipeline::Effect,
    state::{
        Record, State, Task,
        efi::{Cob, CobStatus, Location},
    },
};

/// API Pix default lifetime of a charge.
const DEFAULT_EXPIRATION_SECONDS: i64 = 86_400;
/// Homologation pays charges up to this amount by itself.
const HOMOLOGATION_PAID_UP_TO: i64 = 1_000;

pub fn create(state: &mut State, request: &Request, txid: Option<&str>, effect: Effect) -> Outcome {
    let body = super::object(request)?;
    let txid = match txid {
        Some(txid) if is_alphanumeric(txid, 26..=35) => txid.to_owned(),
        Some(_) => {
            return Err(error::malformed_json(
                "txid deve ter de 26 a 35 letras e números.",
            ));
        }
        None => state.ids.alphanumeric(35),
    };
    let fields = Fields::read(&body)?;
    let cents = fields
        .cents
        .ok_or_else(|| error::malformed_json("valor.original é obrigatório."))?;
    let key = fields
        .key
        .ok_or_else(|| error::malformed_json("chave é obrigatória."))?;
    if !state.is_own_key(&key) {
        return Err(error::not_our_key());
    }
    if state.book.cobs.contains_key(&txid) {
        return Err(error::named(
            409,
            "txid_duplicado",
            "O txid informado já está em uso.",
        ));
    }
    let cob = Cob {
        location: link(state, fields.location, &txid)?,
        txid: txid.clone(),
        revision: 0,
        created: state.now,
        expiration_seconds: fields
            .expiration_seconds
            .unwrap_or(DEFAULT_EXPIRATION_SECONDS),
        debtor: fields.debtor,
        cents,
        key,
        request: fields.request,
        details: fields.details,
        status: if effect.refused_later() {
            CobStatus::RemovedByPsp
        } else {
            CobStatus::Active
        },
        pix: Vec::new(),
    };
    let mut answer = views::cob(state, &cob, views::Shape::Detail);
    answer["status"] = json!(CobStatus::Active);
    state.put(Record::Cob(Box::new(cob)));
    if state.homologation && cents <= HOMOLOGATION_PAID_UP_TO {
        state.plan(state.now, Task::PayCob(txid));
    }
    Ok(Reply::json(201, &answer).executed())
}

/// A location given by the caller and still free, or a new one.
fn link(state: &mut State, wanted: Option<i64>, txid: &str) -> Result<i64, Reply> {
    let mut location = match wanted {
        Some(id) => state
            .book
            .locations
            .get(&id)
            .filter(|location| location.txid.is_none())
            .cloned()
            .ok_or_else(not_linkable)?,
        None => new_location(state, "cob"),
    };
    location.txid = Some(txid.to_owned());
    let id = location.id;
    state.put(Record::Location(location));
    Ok(id)
}

fn not_linkable() -> Reply {
    error::named(
        400,
        "location_nao_encontrada",
        "A location informada não existe ou está em uso.",
    )
}

/// A fresh payload location, not yet put.
pub fn new_location(state: &mut State, kind: &str) -> Location {
    let id = state
        .book
        .locations
        .keys()
        .next_back()
        .map_or(1, |last| last + 1);
    let url = format!(
        "qrcodespix.sejaefi.com.br/v2/{}",
        state.ids.alphanumeric(32)
    );
    Location {
        id,
        url,
        kind: kind.to_owned(),
        created: state.now,
        txid: None,
    }
}

pub fn change(state: &mut State, request: &Request, txid: &str) -> Outcome {
    let body = super::object(request)?;
    let mut cob = find(state, txid)?;
    if cob.status != CobStatus::Active {
        let text = "A cobrança não está ativa e não pode ser alterada.";
        return Err(error::named(400, "status_cobranca_invalido", text));
    }
    let fields = Fields::read(&body)?;
    match body.get("status").map(|status| status.as_str()) {
        None => {}
        Some(Some("REMOVIDA_PELO_USUARIO_RECEBEDOR")) => cob.status = CobStatus::RemovedByReceiver,
        Some(_) => return Err(error::invalid_value("status inválido.")),
    }
    if fields
        .key
        .as_deref()
        .is_some_and(|key| !state.is_own_key(key))
    {
        return Err(error::not_our_key());
    }
    cob.revision += 1;
    cob.cents = fields.cents.unwrap_or(cob.cents);
    cob.key = fields.key.unwrap_or(cob.key);
    cob.expiration_seconds = fields.expiration_seconds.unwrap_or(cob.expiration_seconds);
    cob.debtor = fields.debtor.or(cob.debtor);
    cob.request = fields.request.or(cob.request);
    cob.details = fields.details.or(cob.details);
    let answer = views::cob(state, &cob, views::Shape::Detail);
    state.put(Record::Cob(Box::new(cob)));
    Ok(Reply::json(200, &answer).executed())
}

pub fn read(state: &mut State, txid: &str, effect: Effect) -> Outcome {
    let cob = find(state, txid)?;
    if effect.hides(state.now, cob.created) {
        return Err(not_found(state));
    }
    Ok(Reply::json(
        200,
        &views::cob(state, &cob, views::Shape::Detail),
    ))
}

pub fn list(state: &mut State, request: &Request, effect: Effect) -> Outcome {
    let window = Window::read(request)?;
    let status = request.query("status");
    let person = request.query("cpf").or(request.query("cnpj"));
    let wanted = |cob: &&Cob| {
        let named = |status: &str| json!(cob.status) == status;
        let debtor = cob.debtor.as_ref();
        let is_person =
            |number: &str| debtor.is_some_and(|d| d["cpf"] == number || d["cnpj"] == number);
        window.holds(cob.created)
            && !effect.hides(state.now, cob.created)
            && status.is_none_or(named)
            && person.is_none_or(is_person)
    };
    let cobs = state
        .book
        .cobs
        .values()
        .filter(wanted)
        .map(|cob| views::cob(state, cob, views::Shape::List))
        .collect();
    Ok(window.answer("cobs", cobs))
}

fn find(state: &State, txid: &str) -> Result<Cob, Reply> {
    state
        .book
        .cobs
        .get(txid)
        .cloned()
        .ok_or_else(|| not_found(state))
}

fn not_found(state: &State) -> Reply {
    if state.options.charge_not_found_404 {
        return error::problem(404, "CobNaoEncontrado", "Cobrança não encontrada.", None);
    }
    error::named(
        400,
        "cobranca_nao_encontrada",
        "A cobrança não foi encontrada.",
    )
}

/// What a charge's body may say, checked.
#[derive(Debug, Default)]
struct Fields {
    cents: Option<i64>,
    key: Option<String>,
    expiration_seconds: Option<i64>,
    debtor: Option<Value>,
    request: Option<String>,
    details: Option<Value>,
    location: Option<i64>,
}

impl Fields {
    fn read(body: &Value) -> Result<Self, Reply> {
        Ok(Self {
            cents: amount(body)?,
            key: text(body, "chave", 77)?,
            expiration_seconds: expiration(body)?,
            debtor: debtor(body)?,
            request: text(body, "solicitacaoPagador", 140)?,
            details: details(body)?,
            location: body["loc"]["id"].as_i64(),
        })
    }
}

fn text(body: &Value, name: &str, longest: usize) -> Result<Option<String>, Reply> {
    match body.get(name) {
        None => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= longest => Ok(Some(text.clone())),
        Some(_) => Err(error::malformed_json(&format!(
            "{name} deve ser um texto de até {longest} caracteres."
        ))),
    }
}

fn amount(body: &Value) -> Result<Option<i64>, Reply> {
    let Some(value) = body.get("valor") else {
        return Ok(None);
    };
    let cents = value["original"].as_str().and_then(money::parse_fixed);
    let cents =
        cents.ok_or_else(|| error::malformed_json("valor.original deve ter o formato 0.00."))?;
    if money::payable(cents) {
        Ok(Some(cents))
    } else {
        Err(error::invalid_value(
            "valor.original deve ser maior que zero.",
        ))
    }
}

fn expiration(body: &Value) -> Result<Option<i64>, Reply> {
    match body.pointer("/calendario/expiracao") {
        None => Ok(None),
        Some(value) => match value.as_i64() {
            Some(seconds @ 1..=2_147_483_647) => Ok(Some(seconds)),
            Some(_) => Err(error::invalid_value(
                "calendario.expiracao deve ser maior que zero.",
            )),
            None => Err(error::malformed_json(
                "calendario.expiracao deve ser um inteiro.",
            )),
        },
    }
}

fn debtor(body: &Value) -> Result<Option<Value>, Reply> {
    let Some(debtor) = body.get("devedor") else {
        return Ok(None);
    };
    let number = |name: &str, length: usize| {
        debtor.get(name).map(|value| {
            value.as_str().is_some_and(|text| {
                text.len() == length && text.bytes().all(|b| b.is_ascii_alphanumeric())
            })
        })
    };
    match (
        number("cpf", 11),
        number("cnpj", 14),
        debtor["nome"].as_str(),
    ) {
        (Some(true), None, Some(_)) | (None, Some(true), Some(_)) => Ok(Some(debtor.clone())),
        (Some(false), None, _) | (None, Some(false), _) => {
            Err(error::invalid_value("CPF ou CNPJ do devedor inválido."))
        }
        _ => Err(error::malformed_json(
            "devedor deve ter nome e exatamente um de cpf e cnpj.",
        )),
    }
}

fn details(body: &Value) -> Result<Option<Value>, Reply> {
    let Some(details) = body.get("infoAdicionais") else {
        return Ok(None);
    };
    let fits = |item: &Value, name: &str, longest: usize| {
        item[name]
            .as_str()
            .is_some_and(|text| text.chars().count() <= longest)
    };
    let valid = details.as_array().is_some_and(|items| {
        items.len() <= 50
            && items
                .iter()
                .all(|item| fits(item, "nome", 50) && fits(item, "valor", 200))
    });
    if valid {
        Ok(Some(details.clone()))
    } else {
        Err(error::malformed_json("infoAdicionais inválido."))
    }
}
