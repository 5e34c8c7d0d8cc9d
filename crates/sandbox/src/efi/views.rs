//! Records of the fake Efí as the JSON of its answers.
//!
//! Members that the strict response schemas of the vendor's own Node SDK 2.0.1 refuse are left
//! out unless the option `extras_on_query` asks for them.

use serde_json::{Value, json};

use crate::{
    br_code, clock, money,
    state::{
        State,
        efi::{Cob, CobStatus, Location, Payer, ReceivedPix, Refund, Send},
    },
};

/// CPF as `***.456.789-**`; a CNPJ is shown whole.
fn masked(tax_id: &str) -> (&'static str, String) {
    match tax_id.len() {
        11 => ("cpf", format!("***.{}.{}-**", &tax_id[3..6], &tax_id[6..9])),
        _ => ("cnpj", tax_id.to_owned()),
    }
}

pub fn masked_payer(payer: &Payer) -> Value {
    let (name, number) = masked(&payer.tax_id);
    json!({"nome": payer.name, name: number, "codigoBanco": payer.ispb})
}

/// A devolução as it stands inside a Pix: without a reason.
fn refund(refund: &Refund) -> Value {
    let mut times = json!({"solicitacao": clock::utc(refund.requested)});
    if let Some(settled) = refund.settled {
        times["liquidacao"] = json!(clock::utc(settled));
    }
    let mut body = json!({
        "id": refund.id,
        "rtrId": refund.rtr_id,
        "valor": money::fixed(refund.cents),
        "horario": times,
        "status": refund.status,
    });
    if let Some(nature) = &refund.nature {
        body["natureza"] = json!(nature);
    }
    body
}

/// A devolução on its own: with the reason when it was refused.
pub fn refund_with_reason(of: &Refund) -> Value {
    let mut body = refund(of);
    if let Some(reason) = of.refusal.as_ref().filter(|_| of.settle_at.is_none()) {
        body["motivo"] = json!(reason);
    }
    body
}

fn pix_base(pix: &ReceivedPix) -> Value {
    let mut body = json!({
        "endToEndId": pix.end_to_end_id,
        "valor": money::fixed(pix.cents),
        "horario": clock::utc(pix.at),
    });
    if let Some(txid) = &pix.txid {
        body["txid"] = json!(txid);
    }
    if let Some(info) = &pix.info {
        body["infoPagador"] = json!(info);
    }
    if !pix.refunds.is_empty() {
        body["devolucoes"] = pix.refunds.iter().map(refund).collect();
    }
    body
}

fn add_extras(state: &State, pix: &ReceivedPix, body: &mut Value) {
    if state.options.extras_on_query {
        body["chave"] = json!(pix.key);
        body["pagador"] = masked_payer(&pix.payer);
        body["gnExtras"] =
            json!({"tarifa": money::fixed(pix.fee_cents), "pagador": masked_payer(&pix.payer)});
    }
}

/// A received Pix of `GET /v2/pix`.
pub fn received(state: &State, pix: &ReceivedPix, with_bank: bool) -> Value {
    let mut body = pix_base(pix);
    if pix.txid.is_none() {
        // API Pix shows who paid; of what pays no charge the payer is all there is to know it by.
        let (name, number) = masked(&pix.payer.tax_id);
        body["pagador"] = json!({"nome": pix.payer.name, name: number});
    }
    add_extras(state, pix, &mut body);
    body["chave"] = json!(pix.key);
    if with_bank {
        body["pagador"] = json!({"contaBanco": {"codigoBanco": pix.payer.ispb}});
    }
    body
}

pub fn location(of: &Location) -> Value {
    json!({
        "id": of.id,
        "location": of.url,
        "tipoCob": of.kind,
        "criacao": clock::utc(of.created),
    })
}

pub fn location_with_txid(of: &Location) -> Value {
    let mut body = location(of);
    if let Some(txid) = &of.txid {
        body["txid"] = json!(txid);
    }
    body
}

/// The copy-and-paste code of a charge.
pub fn br_code(state: &State, cob: &Cob) -> String {
    let url = state
        .book
        .locations
        .get(&cob.location)
        .map_or("", |location| &location.url);
    br_code::efi(url, &money::fixed(cob.cents))
}

/// Whether a charge is shown alone or in a list, which differ inside the vendor's schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Detail,
    List,
}

pub fn cob(state: &State, cob: &Cob, shape: Shape) -> Value {
    let mut body = json!({
        "calendario": {"criacao": clock::utc(cob.created), "expiracao": cob.expiration_seconds},
        "txid": cob.txid,
        "revisao": cob.revision,
        "status": cob.status,
        "valor": {"original": money::fixed(cob.cents)},
        "chave": cob.key,
    });
    if let Some(of) = state.book.locations.get(&cob.location) {
        body["loc"] = location(of);
        body["location"] = json!(of.url);
        body["pixCopiaECola"] = json!(br_code(state, cob));
    }
    if let Some(debtor) = &cob.debtor {
        body["devedor"] = debtor.clone();
    }
    if let Some(request) = &cob.request {
        body["solicitacaoPagador"] = json!(request);
    }
    if let Some(details) = &cob.details {
        body["infoAdicionais"] = details.clone();
    }
    if cob.status == CobStatus::Concluded {
        body["pix"] = cob
            .pix
            .iter()
            .filter_map(|id| state.book.received.get(id))
            .map(|pix| {
                let mut item = pix_base(pix);
                add_extras(state, pix, &mut item);
                if shape == Shape::List {
                    item["chave"] = json!(pix.key);
                }
                item
            })
            .collect();
    }
    body
}

/// Returns of a settled send; their time is plain text here, not an object.
pub fn returns(send: &Send) -> Value {
    send.returns
        .iter()
        .map(|back| json!({"rtrId": back.rtr_id, "valor": money::fixed(back.cents), "horario": clock::utc(back.at)}))
        .collect()
}

/// The answer to a send: always still in process, under both names of the id.
pub fn send_accepted(send: &Send) -> Value {
    json!({
        "idEnvio": send.id_envio,
        "e2eId": send.end_to_end_id,
        "endToEndId": send.end_to_end_id,
        "valor": money::fixed(send.cents),
        "horario": {"solicitacao": clock::utc(send.requested)},
        "status": "EM_PROCESSAMENTO",
    })
}

/// A send as the queries show it.
pub fn send(state: &State, send: &Send) -> Value {
    let mut times = json!({"solicitacao": clock::utc(send.requested)});
    if let Some(settled) = send.settled {
        times["liquidacao"] = json!(clock::utc(settled));
    }
    let mut payee = send.payee.clone();
    if state.options.extras_on_query && payee.get("chave").is_some() {
        payee["identificacao"] = json!({"nome": "Favorecido Sandbox", "cpf": "***.456.789-**"});
    }
    let mut body = json!({
        "endToEndId": send.end_to_end_id,
        "idEnvio": send.id_envio,
        "valor": money::fixed(send.cents),
        "chave": send.payer_key,
        "status": send.status,
        "horario": times,
        "favorecido": payee,
    });
    if let Some(info) = &send.info {
        body["infoPagador"] = json!(info);
    }
    if !send.returns.is_empty() {
        body["devolucoes"] = returns(send);
    }
    body
}
