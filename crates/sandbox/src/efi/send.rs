//! Payouts: `PUT /v2|v3/gn/pix/{idEnvio}`, `…/mesma-titularidade`, `…/qrcode`, and the decoding
//! of a QR code (Efí documentation, "Envio e pagamento Pix").
//!
//! One idEnvio is accepted once, whatever the path: every repeat is 409, never a replay.

use serde_json::{Value, json};

use super::{error, views};
use crate::{
    br_code, clock,
    config::{GatewayName, InsufficientBalance},
    http::{Outcome, Reply, Request},
    ids::{EFI_ISPB, is_alphanumeric},
    money,
    payee::{self, Fate},
    pipeline::Effect,
    settle,
    state::{
        Record, State, Task,
        efi::{ChargeReference, Refusal, Send, SendStatus},
    },
};

/// The only payee key that homologation knows.
const HOMOLOGATION_PAYEE: &str = "efipay@sejaefi.com.br";

/// What a checked request asks for.
struct Order<'a> {
    id: &'a str,
    cents: i64,
    payer_key: String,
    info: Option<String>,
    payee: Value,
    pays: Option<ChargeReference>,
    refusal: Option<Refusal>,
}

/// By key or bank data.
pub fn direct(state: &mut State, request: &Request, id: &str, effect: Effect) -> Outcome {
    check_id(state, id)?;
    let body = super::object(request)?;
    let cents = body["valor"].as_str().and_then(money::parse_fixed);
    let cents = cents.ok_or_else(|| error::malformed_json("valor deve ter o formato 0.00."))?;
    if !money::payable(cents) {
        return Err(error::invalid_value("valor deve ser maior que zero."));
    }
    let payer_key = payer_key(state, &body)?;
    let favored = &body["favorecido"];
    let by_key = favored["chave"].as_str();
    let by_bank = favored["contaBanco"].is_object();
    if by_key.is_some() == by_bank {
        return Err(error::malformed_json(
            "favorecido deve ter exatamente um de chave e contaBanco.",
        ));
    }
    if by_bank {
        check_bank_account(&favored["contaBanco"])?;
    }
    let refusal = fate(state, by_key, favored, cents)?;
    let payee = match by_key {
        Some(key) => json!({"chave": key}),
        None => json!({"contaBanco": shown_account(&favored["contaBanco"])}),
    };
    let order = Order {
        id,
        cents,
        payer_key,
        info: info(&body)?,
        payee,
        pays: None,
        refusal,
    };
    accept(state, order, effect)
}

/// By a QR code, which may belong to a charge of this very sandbox.
pub fn to_qr_code(state: &mut State, request: &Request, id: &str, effect: Effect) -> Outcome {
    if state.homologation {
        return Err(error::named(
            500,
            "erro_aplicacao",
            "Funcionalidade desabilitada em homologação.",
        ));
    }
    check_id(state, id)?;
    let body = super::object(request)?;
    let payer_key = payer_key(state, &body)?;
    let text = body["pixCopiaECola"]
        .as_str()
        .ok_or_else(|| error::malformed_json("pixCopiaECola é obrigatório."))?;
    let (code, charge) = resolve(state, text)?;
    let cents = match &charge {
        Some(charge) => {
            settle::payable(state, charge, &settle::Payment::plain()).map_err(|_| {
                error::qr_refused(
                    "qrcode.status",
                    "A cobrança não está disponível para pagamento.",
                )
            })?
        }
        None => code
            .amount
            .as_deref()
            .and_then(money::parse_fixed)
            .filter(|&cents| money::payable(cents))
            .ok_or_else(|| error::qr_refused("qrcode.valor", "O QR Code não informa o valor."))?,
    };
    let key = charge_key(state, charge.as_ref())
        .or(code.key)
        .unwrap_or_default();
    let refusal = fate(state, Some(&key), &Value::Null, cents)?;
    let order = Order {
        id,
        cents,
        payer_key,
        info: info(&body)?,
        payee: json!({"chave": key}),
        pays: charge,
        refusal,
    };
    accept(state, order, effect)
}

/// `POST /v2/gn/qrcodes/detalhar`.
pub fn qr_code_details(state: &State, request: &Request) -> Outcome {
    if state.homologation {
        return Err(error::named(
            500,
            "erro_aplicacao",
            "Funcionalidade desabilitada em homologação.",
        ));
    }
    let body = super::object(request)?;
    let text = body["pixCopiaECola"]
        .as_str()
        .ok_or_else(|| error::malformed_json("pixCopiaECola é obrigatório."))?;
    let (code, charge) = resolve(state, text)?;
    if let Some(ChargeReference::Cob(txid)) = &charge
        && let Some(cob) = state.book.cobs.get(txid)
    {
        let calendar = json!({
            "criacao": clock::utc(cob.created),
            "apresentacao": clock::utc(state.now),
            "expiracao": cob.expiration_seconds.to_string(),
        });
        return Ok(Reply::json(
            200,
            &json!({
                "tipoCob": "cob", "txid": txid, "revisao": cob.revision, "status": cob.status,
                "chave": cob.key, "calendario": calendar, "valor": {"final": money::fixed(cob.cents), "original": money::fixed(cob.cents)},
            }),
        ));
    }
    let key = charge_key(state, charge.as_ref())
        .or(code.key)
        .unwrap_or_default();
    let amount = code.amount.unwrap_or_else(|| "0.00".to_owned());
    Ok(Reply::json(
        200,
        &json!({
            "tipoCob": "cob", "txid": code.txid, "revisao": 0, "status": "ATIVA", "chave": key,
            "recebedor": {"nome": code.merchant},
            "calendario": {"criacao": clock::utc(state.now), "apresentacao": clock::utc(state.now), "expiracao": "86400"},
            "valor": {"final": amount, "original": amount},
        }),
    ))
}

/// Reads a code and finds the charge it belongs to; a dynamic code must be one of ours, since
/// nobody else's location answers here.
fn resolve(state: &State, text: &str) -> Result<(br_code::BrCode, Option<ChargeReference>), Reply> {
    let code = br_code::decode(text);
    let code =
        code.ok_or_else(|| error::qr_refused("qrcode.pixCopiaECola", "QR Code inválido."))?;
    if let Some(url) = &code.location {
        let location = state
            .book
            .locations
            .values()
            .find(|location| location.url == *url);
        let txid = location.and_then(|location| location.txid.clone());
        let txid = txid.ok_or_else(|| {
            error::qr_refused("qrcode.pixCopiaECola", "A location não foi encontrada.")
        })?;
        return Ok((code, Some(ChargeReference::Cob(txid))));
    }
    let txid = code.txid.as_deref().unwrap_or_default();
    let payment = txid
        .strip_prefix(crate::mercado_pago::TXID_PREFIX)
        .and_then(|id| id.parse().ok());
    let payment = payment.filter(|id| state.book.payments.contains_key(id));
    Ok((code, payment.map(ChargeReference::Payment)))
}

fn charge_key(state: &State, charge: Option<&ChargeReference>) -> Option<String> {
    match charge? {
        ChargeReference::Cob(txid) => state.book.cobs.get(txid).map(|cob| cob.key.clone()),
        ChargeReference::Payment(_) => Some(state.collector_key.clone()),
    }
}

fn check_id(state: &State, id: &str) -> Result<(), Reply> {
    if !is_alphanumeric(id, 1..=35) {
        return Err(error::malformed_json(
            "idEnvio deve ter de 1 a 35 letras e números.",
        ));
    }
    if state.book.sends.contains_key(id) {
        return Err(error::named(
            409,
            "id_envio_duplicado",
            "O idEnvio informado já foi utilizado.",
        ));
    }
    Ok(())
}

fn payer_key(state: &State, body: &Value) -> Result<String, Reply> {
    let key = body["pagador"]["chave"]
        .as_str()
        .ok_or_else(|| error::malformed_json("pagador.chave é obrigatório."))?;
    if !state.is_own_key(key) {
        return Err(error::not_our_key());
    }
    if state.options.webhook_required_for_send && !state.book.webhooks.contains_key(key) {
        return Err(error::invalid_value(
            "A chave do pagador não possui webhook cadastrado.",
        ));
    }
    Ok(key.to_owned())
}

fn info(body: &Value) -> Result<Option<String>, Reply> {
    match body.pointer("/pagador/infoPagador") {
        None => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= 140 => Ok(Some(text.clone())),
        Some(_) => Err(error::malformed_json(
            "infoPagador deve ter até 140 caracteres.",
        )),
    }
}

fn check_bank_account(account: &Value) -> Result<(), Reply> {
    let digits = |name: &str, lengths: std::ops::RangeInclusive<usize>| {
        account[name].as_str().is_some_and(|text| {
            lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
        })
    };
    let owner = digits("cpf", 11..=11) != digits("cnpj", 14..=14);
    let kind = account["tipoConta"]
        .as_str()
        .is_some_and(|kind| ["cacc", "svgs"].contains(&kind));
    let named = account["nome"]
        .as_str()
        .is_some_and(|name| (1..=200).contains(&name.chars().count()));
    if owner
        && kind
        && named
        && digits("codigoBanco", 8..=8)
        && digits("agencia", 1..=4)
        && digits("conta", 1..=20)
    {
        Ok(())
    } else {
        Err(error::malformed_json("contaBanco inválida."))
    }
}

fn shown_account(account: &Value) -> Value {
    let mut shown = account.clone();
    if let Some(members) = shown.as_object_mut() {
        members.remove("codigoBanco");
    }
    shown
}

/// Refusals at once are replies; later ones travel with the send.
fn fate(
    state: &State,
    key: Option<&str>,
    favored: &Value,
    cents: i64,
) -> Result<Option<Refusal>, Reply> {
    let document = favored["cpf"].as_str().or(favored["cnpj"].as_str());
    if state.homologation {
        if key.is_some_and(|key| key != HOMOLOGATION_PAYEE) {
            return Err(error::named(
                400,
                "chave_invalida",
                "A chave informada é inválida.",
            ));
        }
        return match cents {
            ..=1_000 => Ok(None),
            1_001..=2_000 => Ok(Some(payee::refusal("AC03"))),
            _ => Err(error::named(
                422,
                "pagamento_negado",
                "Pagamento negado em homologação.",
            )),
        };
    }
    match payee::fate(key, document) {
        Fate::Paid => Ok(None),
        Fate::UnknownKey => Err(error::named(
            404,
            "chave_favorecido_nao_encontrada",
            "A chave do favorecido não foi encontrada.",
        )),
        Fate::WrongOwner => Err(error::named(
            400,
            "chave_nao_pertence_ao_documento",
            "A chave não pertence ao documento informado.",
        )),
        Fate::Risk => Err(error::named(
            422,
            "pagamento_negado",
            "Pagamento negado pela análise de risco.",
        )),
        Fate::Refused(refusal) => Ok(Some(refusal)),
    }
}

fn accept(state: &mut State, order: Order<'_>, effect: Effect) -> Outcome {
    let mut refusal = order.refusal;
    if order.cents > state.available(GatewayName::Efi) {
        let text = "Saldo insuficiente para realizar a operação.";
        match state.options.insufficient_balance {
            InsufficientBalance::Problem => return Err(error::qr_refused("qrcode.pagador", text)),
            InsufficientBalance::Name => return Err(error::named(400, "saldo_insuficiente", text)),
            InsufficientBalance::Late => {
                refusal = Some(Refusal {
                    code: "AM04".to_owned(),
                    origin: "PSP do usuário pagador".to_owned(),
                    reason: text.to_owned(),
                });
            }
        }
    }
    if effect.refused_later() {
        refusal = Some(payee::refusal("AC03"));
    }
    let now = state.now;
    let settle_at = effect.settle_at(state);
    let send = Send {
        id_envio: order.id.to_owned(),
        end_to_end_id: state.ids.end_to_end(EFI_ISPB, now),
        cents: order.cents,
        payer_key: order.payer_key,
        info: order.info,
        payee: order.payee,
        requested: now,
        settled: None,
        settle_at: Some(settle_at),
        status: SendStatus::InProcess,
        refusal,
        returns: Vec::new(),
        pays: order.pays,
    };
    let answer = views::send_accepted(&send);
    state.put(Record::Send(Box::new(send)));
    if settle_at <= now {
        settle::send(state, order.id);
    } else {
        state.plan(settle_at, Task::SettleSend(order.id.to_owned()));
    }
    Ok(Reply::json(201, &answer).executed())
}
