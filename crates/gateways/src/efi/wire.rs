//! The JSON of Efí's Pix API, as far as it is read here.
//!
//! Sources: Efí's documentation (2023-04, 2024-07), its Node SDK 2.0.1, BACEN's API Pix 2.9.0.
//! Unknown members are ignored; a status is text, because new values are declared compatible.

use serde::{Deserialize, Serialize};

use crate::wire::{Decimal, list, seconds};

#[derive(Deserialize)]
pub(super) struct Token {
    pub access_token: String,
    #[serde(default, deserialize_with = "seconds")]
    pub expires_in: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct Balance {
    pub saldo: Decimal,
}

#[derive(Serialize)]
pub(super) struct SendByKey<'a> {
    pub valor: String,
    pub pagador: Payer<'a>,
    pub favorecido: Payee<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SendByBrCode<'a> {
    pub pagador: Payer<'a>,
    pub pix_copia_e_cola: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payer<'a> {
    pub chave: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info_pagador: Option<String>,
}

#[derive(Serialize)]
pub(super) struct Payee<'a> {
    pub chave: &'a str,
    #[serde(flatten)]
    pub owner: Option<Document<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Document<'a> {
    Cpf(&'a str),
    Cnpj(&'a str),
}

/// The answer to a send, and what a query of it shows.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sent {
    pub id_envio: Option<String>,
    /// Documentation and SDK 1.x name it so, SDK 2.x and queries the other way.
    pub e2e_id: Option<String>,
    pub end_to_end_id: Option<String>,
    pub valor: Option<Decimal>,
    pub status: Option<String>,
    pub favorecido: Option<SentTo>,
    #[serde(default, deserialize_with = "list")]
    pub devolucoes: Vec<Returned>,
    pub gn_extras: Option<Extras>,
}

impl Sent {
    pub(super) fn end_to_end_id(&self) -> Option<String> {
        self.end_to_end_id.clone().or_else(|| self.e2e_id.clone())
    }

    /// The scheme's code of a refusal, where the answer carries it as notifications do.
    pub(super) fn scheme_code(&self) -> Option<&str> {
        self.gn_extras.as_ref()?.erro.as_ref()?.codigo.as_deref()
    }
}

#[derive(Deserialize)]
pub(super) struct SentTo {
    pub chave: Option<String>,
    pub identificacao: Option<Identified>,
}

#[derive(Deserialize)]
pub(super) struct Identified {
    pub nome: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Extras {
    pub erro: Option<SchemeError>,
    pub tarifa: Option<Decimal>,
    pub pagador: Option<PaidBy>,
}

#[derive(Deserialize)]
pub(super) struct SchemeError {
    pub codigo: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Returned {
    pub id: Option<String>,
    pub rtr_id: Option<String>,
    pub valor: Option<Decimal>,
    /// Absent on money that came back from a payout: there only finished returns are listed.
    pub status: Option<String>,
    /// Why it is given back, by API Pix; an ordinary one where it is absent.
    pub natureza: Option<String>,
}

/// What a BR Code resolves to now.
#[derive(Deserialize)]
pub(super) struct ResolvedBrCode {
    pub status: Option<String>,
    pub valor: Option<ResolvedAmount>,
}

/// A text, or an object whose `final` counts discounts and fines in.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum ResolvedAmount {
    Parts {
        r#final: Option<String>,
        original: Option<String>,
    },
    Plain(String),
}

impl ResolvedAmount {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            ResolvedAmount::Parts { r#final, original } => {
                r#final.as_deref().or(original.as_deref())
            }
            ResolvedAmount::Plain(text) => Some(text),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewCharge<'a> {
    pub calendario: NewCalendar,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub devedor: Option<Debtor<'a>>,
    pub valor: NewAmount,
    pub chave: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solicitacao_pagador: Option<String>,
}

#[derive(Serialize)]
pub(super) struct NewCalendar {
    pub expiracao: u32,
}

#[derive(Serialize)]
pub(super) struct NewAmount {
    pub original: String,
}

#[derive(Serialize)]
pub(super) struct Debtor<'a> {
    #[serde(flatten)]
    pub document: Document<'a>,
    pub nome: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Charge {
    pub txid: Option<String>,
    pub status: Option<String>,
    pub calendario: Option<Calendar>,
    pub valor: Option<ChargeAmount>,
    pub chave: Option<String>,
    pub loc: Option<Location>,
    pub pix_copia_e_cola: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub pix: Vec<Received>,
}

#[derive(Deserialize)]
pub(super) struct Calendar {
    pub criacao: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    pub expiracao: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct ChargeAmount {
    pub original: Option<Decimal>,
}

#[derive(Deserialize)]
pub(super) struct Location {
    pub id: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct QrCode {
    pub qrcode: Option<String>,
}

/// A PIX that reached us.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Received {
    pub end_to_end_id: Option<String>,
    pub txid: Option<String>,
    pub valor: Option<Decimal>,
    pub chave: Option<String>,
    pub horario: Option<String>,
    pub pagador: Option<PaidBy>,
    pub gn_extras: Option<Extras>,
    #[serde(default, deserialize_with = "list")]
    pub devolucoes: Vec<Returned>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PaidBy {
    pub nome: Option<String>,
    pub cpf: Option<String>,
    pub cnpj: Option<String>,
    pub codigo_banco: Option<String>,
    pub conta_banco: Option<BankAccount>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BankAccount {
    pub codigo_banco: Option<String>,
}

/// A page of received or of sent PIX.
#[derive(Deserialize)]
#[serde(bound = "T: serde::de::DeserializeOwned")]
pub(super) struct Page<T> {
    pub parametros: Option<Parameters>,
    #[serde(default, deserialize_with = "list")]
    pub pix: Vec<T>,
}

#[derive(Deserialize)]
pub(super) struct Parameters {
    pub paginacao: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Paging {
    pub quantidade_de_paginas: Option<u32>,
}

#[derive(Serialize)]
pub(super) struct NewRefund {
    pub valor: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Refund {
    pub id: Option<String>,
    pub rtr_id: Option<String>,
    pub valor: Option<Decimal>,
    pub status: Option<String>,
    pub motivo: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NewWebhook<'a> {
    pub webhook_url: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Webhook {
    pub webhook_url: Option<String>,
}

/// One notification.
#[derive(Deserialize)]
pub(super) struct Notification {
    pub evento: Option<String>,
    pub pix: Option<Vec<Event>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Event {
    pub end_to_end_id: Option<String>,
    pub txid: Option<String>,
    pub tipo: Option<String>,
    pub gn_extras: Option<EventExtras>,
    #[serde(default, deserialize_with = "list")]
    pub devolucoes: Vec<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EventExtras {
    pub id_envio: Option<String>,
}

/// The four shapes of an error body, in one.
#[derive(Deserialize)]
pub(super) struct ErrorBody {
    /// Efí's own.
    pub nome: Option<String>,
    /// RFC 7807: the last segment of this URL is the kind.
    pub r#type: Option<String>,
    /// OAuth.
    pub error: Option<String>,
    /// The edge in front of the API.
    pub message: Option<String>,
    #[serde(default, deserialize_with = "list")]
    pub violacoes: Vec<Violation>,
}

#[derive(Deserialize)]
pub(super) struct Violation {
    pub propriedade: Option<String>,
}
