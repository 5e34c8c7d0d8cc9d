//! The fake Efí: which endpoint a request means, and who may call it.
//!
//! A request becomes an [`Endpoint`], which names its operation (for the fault panel), the scope
//! it needs and its key; then the endpoint's own module decides under the state's lock.

mod account;
mod cob;
pub mod error;
mod location;
mod received;
mod refund;
mod send;
mod sent;
mod token;
pub mod views;
pub mod webhook;

use http::Method;
use serde_json::Value;

use crate::{
    clock::{self, Millis},
    core::Core,
    faults::Operation,
    http::{Outcome, Reply, Request},
    pipeline::Effect,
    state::State,
};

pub use token::{CLIENT_ID, CLIENT_SECRET};

/// Every call that the fake Efí understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    Token,
    CreateCob(Option<String>),
    ChangeCob(String),
    ReadCob(String),
    ListCobs,
    CreateLocation,
    ReadLocation(i64),
    ListLocations,
    UnlinkLocation(i64),
    LocationQrCode(i64),
    Send(String),
    SendToQrCode(String),
    QrCodeDetails,
    SentByIdEnvio(String),
    SentByEndToEnd(String),
    ListSent,
    ReadReceived(String),
    ListReceived,
    CreateRefund(String, String),
    ReadRefund(String, String),
    PutWebhook(String),
    ReadWebhook(String),
    DeleteWebhook(String),
    ListWebhooks,
    ResendWebhooks,
    Balance,
    ReadSettings,
    PutSettings,
    CreateRandomKey,
    ListRandomKeys,
    DeleteRandomKey(String),
    KeyBucket,
}

/// The endpoint that a request means; `None` is answered 404.
pub fn route(request: &Request) -> Option<Endpoint> {
    let path: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let (read, put) = (request.method == Method::GET, request.method == Method::PUT);
    let (post, delete) = (
        request.method == Method::POST,
        request.method == Method::DELETE,
    );
    let patch = request.method == Method::PATCH;
    let own = |text: &str| text.to_owned();
    Some(match path.as_slice() {
        ["oauth", "token"] if post => Endpoint::Token,
        ["v2", "cob"] if post => Endpoint::CreateCob(None),
        ["v2", "cob"] if read => Endpoint::ListCobs,
        ["v2", "cob", txid] if put => Endpoint::CreateCob(Some(own(txid))),
        ["v2", "cob", txid] if patch => Endpoint::ChangeCob(own(txid)),
        ["v2", "cob", txid] if read => Endpoint::ReadCob(own(txid)),
        ["v2", "loc"] if post => Endpoint::CreateLocation,
        ["v2", "loc"] if read => Endpoint::ListLocations,
        ["v2", "loc", id] if read => Endpoint::ReadLocation(id.parse().ok()?),
        ["v2", "loc", id, "qrcode"] if read => Endpoint::LocationQrCode(id.parse().ok()?),
        ["v2", "loc", id, "txid"] if delete => Endpoint::UnlinkLocation(id.parse().ok()?),
        ["v2", "gn", "pix", "enviados"] if read => Endpoint::ListSent,
        ["v2", "gn", "pix", "enviados", "id-envio", id] if read => Endpoint::SentByIdEnvio(own(id)),
        ["v2", "gn", "pix", "enviados", id] if read => Endpoint::SentByEndToEnd(own(id)),
        ["v2" | "v3", "gn", "pix", id] if put => Endpoint::Send(own(id)),
        ["v2", "gn", "pix", id, "mesma-titularidade"] if put => Endpoint::Send(own(id)),
        ["v2", "gn", "pix", id, "qrcode"] if put => Endpoint::SendToQrCode(own(id)),
        ["v2", "gn", "qrcodes", "detalhar"] if post => Endpoint::QrCodeDetails,
        ["v2", "pix"] if read => Endpoint::ListReceived,
        ["v2", "pix", id] if read => Endpoint::ReadReceived(own(id)),
        ["v2", "pix", pix, "devolucao", id] if put => Endpoint::CreateRefund(own(pix), own(id)),
        ["v2", "pix", pix, "devolucao", id] if read => Endpoint::ReadRefund(own(pix), own(id)),
        ["v2", "webhook"] if read => Endpoint::ListWebhooks,
        ["v2", "webhook", key] if put => Endpoint::PutWebhook(own(key)),
        ["v2", "webhook", key] if read => Endpoint::ReadWebhook(own(key)),
        ["v2", "webhook", key] if delete => Endpoint::DeleteWebhook(own(key)),
        ["v2", "gn", "webhook", "reenviar"] if post => Endpoint::ResendWebhooks,
        ["v2", "gn", "saldo"] if read => Endpoint::Balance,
        ["v2", "gn", "config"] if read => Endpoint::ReadSettings,
        ["v2", "gn", "config"] if put => Endpoint::PutSettings,
        ["v2", "gn", "evp"] if post => Endpoint::CreateRandomKey,
        ["v2", "gn", "evp"] if read => Endpoint::ListRandomKeys,
        ["v2", "gn", "evp", key] if delete => Endpoint::DeleteRandomKey(own(key)),
        ["v2", "gn", "chaves", "balde"] if read => Endpoint::KeyBucket,
        _ => return None,
    })
}

impl Endpoint {
    pub fn operation(&self) -> Operation {
        match self {
            Self::Token => Operation::Token,
            Self::CreateCob(_)
            | Self::ChangeCob(_)
            | Self::CreateLocation
            | Self::UnlinkLocation(_) => Operation::Charge,
            Self::Send(_) | Self::SendToQrCode(_) => Operation::Payout,
            Self::CreateRefund(..) => Operation::Refund,
            Self::ReadCob(_)
            | Self::ListCobs
            | Self::ReadLocation(_)
            | Self::ListLocations
            | Self::LocationQrCode(_)
            | Self::QrCodeDetails
            | Self::SentByIdEnvio(_)
            | Self::SentByEndToEnd(_)
            | Self::ListSent
            | Self::ReadReceived(_)
            | Self::ListReceived
            | Self::ReadRefund(..) => Operation::Lookup,
            Self::PutWebhook(_)
            | Self::ReadWebhook(_)
            | Self::DeleteWebhook(_)
            | Self::ListWebhooks
            | Self::ResendWebhooks
            | Self::Balance
            | Self::ReadSettings
            | Self::PutSettings
            | Self::CreateRandomKey
            | Self::ListRandomKeys
            | Self::DeleteRandomKey(_)
            | Self::KeyBucket => Operation::Other,
        }
    }

    /// What the request log calls the request's key.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::CreateCob(txid) => txid.as_deref(),
            Self::ChangeCob(key)
            | Self::ReadCob(key)
            | Self::Send(key)
            | Self::SendToQrCode(key)
            | Self::SentByIdEnvio(key)
            | Self::CreateRefund(_, key)
            | Self::ReadRefund(_, key) => Some(key),
            _ => None,
        }
    }

    fn scope(&self) -> &'static str {
        match self {
            Self::Token => "",
            Self::CreateCob(_) | Self::ChangeCob(_) => "cob.write",
            Self::ReadCob(_) | Self::ListCobs => "cob.read",
            Self::CreateLocation | Self::UnlinkLocation(_) => "payloadlocation.write",
            Self::ReadLocation(_) | Self::ListLocations | Self::LocationQrCode(_) => {
                "payloadlocation.read"
            }
            Self::Send(_) => "pix.send",
            Self::SendToQrCode(_) => "gn.qrcodes.pay",
            Self::QrCodeDetails => "gn.qrcodes.read",
            Self::SentByIdEnvio(_) | Self::SentByEndToEnd(_) | Self::ListSent => "gn.pix.send.read",
            Self::ReadReceived(_) | Self::ListReceived | Self::ReadRefund(..) => "pix.read",
            Self::CreateRefund(..) => "pix.write",
            Self::PutWebhook(_) | Self::DeleteWebhook(_) | Self::ResendWebhooks => "webhook.write",
            Self::ReadWebhook(_) | Self::ListWebhooks => "webhook.read",
            Self::Balance => "gn.balance.read",
            Self::ReadSettings | Self::KeyBucket => "gn.settings.read",
            Self::PutSettings => "gn.settings.write",
            Self::CreateRandomKey | Self::DeleteRandomKey(_) => "gn.pix.evp.write",
            Self::ListRandomKeys => "gn.pix.evp.read",
        }
    }
}

/// Answers one call. Registration of a webhook calls the receiver first, outside the lock.
pub async fn handle(core: &Core, request: &Request, endpoint: &Endpoint, effect: Effect) -> Reply {
    let allowed = core.read(|state| authorize(state, core.clock.now(), request, endpoint));
    if let Err(refused) = allowed {
        return refused;
    }
    let outcome = match endpoint {
        Endpoint::PutWebhook(key) => webhook::register(core, request, key).await,
        other => core.transact(|state| decide(state, request, other, effect)),
    };
    outcome.unwrap_or_else(|refused| refused)
}

fn authorize(
    state: &State,
    now: Millis,
    request: &Request,
    endpoint: &Endpoint,
) -> Result<(), Reply> {
    if !request.client_certificate {
        return Err(Reply::forbidden_at_the_edge());
    }
    if *endpoint == Endpoint::Token {
        return Ok(());
    }
    let known = request
        .bearer()
        .and_then(|token| state.book.tokens.get(token));
    if known.is_none_or(|token| token.expires <= now) {
        return Err(error::oauth(
            401,
            "invalid_token",
            "O token informado é inválido ou expirou.",
        ));
    }
    if !state
        .options
        .scopes
        .iter()
        .any(|scope| scope == endpoint.scope())
    {
        let text = format!(
            "O escopo {} não foi concedido à aplicação.",
            endpoint.scope()
        );
        return Err(error::oauth(403, "insufficient_scope", &text));
    }
    if state.options.account_blocked {
        return Err(error::blocked());
    }
    Ok(())
}

fn decide(state: &mut State, request: &Request, endpoint: &Endpoint, effect: Effect) -> Outcome {
    match endpoint {
        Endpoint::Token => token::issue(state, request),
        Endpoint::CreateCob(txid) => cob::create(state, request, txid.as_deref(), effect),
        Endpoint::ChangeCob(txid) => cob::change(state, request, txid),
        Endpoint::ReadCob(txid) => cob::read(state, txid, effect),
        Endpoint::ListCobs => cob::list(state, request, effect),
        Endpoint::CreateLocation => location::create(state, request),
        Endpoint::ReadLocation(id) => location::read(state, *id),
        Endpoint::ListLocations => location::list(state, request),
        Endpoint::UnlinkLocation(id) => location::unlink(state, *id),
        Endpoint::LocationQrCode(id) => location::qr_code(state, *id),
        Endpoint::Send(id) => send::direct(state, request, id, effect),
        Endpoint::SendToQrCode(id) => send::to_qr_code(state, request, id, effect),
        Endpoint::QrCodeDetails => send::qr_code_details(state, request),
        Endpoint::SentByIdEnvio(id) => sent::by_id_envio(state, id, effect),
        Endpoint::SentByEndToEnd(id) => sent::by_end_to_end(state, id, effect),
        Endpoint::ListSent => sent::list(state, request, effect),
        Endpoint::ReadReceived(id) => received::read(state, id, effect),
        Endpoint::ListReceived => received::list(state, request, effect),
        Endpoint::CreateRefund(pix, id) => refund::create(state, request, (pix, id), effect),
        Endpoint::ReadRefund(pix, id) => refund::read(state, (pix, id), effect),
        Endpoint::PutWebhook(_) => Err(error::internal()),
        Endpoint::ReadWebhook(key) => webhook::read(state, key),
        Endpoint::DeleteWebhook(key) => webhook::delete(state, key),
        Endpoint::ListWebhooks => webhook::list(state, request),
        Endpoint::ResendWebhooks => webhook::resend(state, request),
        Endpoint::Balance => account::balance(state, request),
        Endpoint::ReadSettings => account::settings(state),
        Endpoint::PutSettings => account::change_settings(state, request),
        Endpoint::CreateRandomKey => account::create_random_key(state),
        Endpoint::ListRandomKeys => account::random_keys(state),
        Endpoint::DeleteRandomKey(key) => account::delete_random_key(state, key),
        Endpoint::KeyBucket => account::key_bucket(),
    }
}

/// A refusal by the `reject` fault, before anything is executed.
pub fn reject(endpoint: &Endpoint) -> Reply {
    match endpoint.operation() {
        Operation::Payout => error::named(
            422,
            "pagamento_negado",
            "Pagamento negado pela análise de risco.",
        ),
        Operation::Charge => error::blocked(),
        Operation::Refund => error::invalid_value("Devolução não permitida para este Pix."),
        Operation::Token => error::oauth(401, "invalid_client", "Invalid client credentials"),
        Operation::Lookup | Operation::Other | Operation::Webhook | Operation::Any => {
            Reply::forbidden_at_the_edge()
        }
    }
}

/// The body as an object, or `json_invalido`.
fn object(request: &Request) -> Result<Value, Reply> {
    request
        .object()
        .ok_or_else(|| error::malformed_json("O corpo da requisição não é um JSON válido."))
}

/// `inicio` and `fim`, both mandatory, and the page asked for.
struct Window {
    from: Millis,
    to: Millis,
    page: usize,
    per_page: usize,
    texts: (String, String),
}

impl Window {
    fn read(request: &Request) -> Result<Self, Reply> {
        let time = |name: &str| {
            let text = request.query(name)?;
            Some((text.to_owned(), clock::parse(text)?))
        };
        let (Some((from_text, from)), Some((to_text, to))) = (time("inicio"), time("fim")) else {
            return Err(error::invalid_value(
                "inicio e fim são obrigatórios, em RFC 3339.",
            ));
        };
        let number = |name: &str, default: usize| {
            request
                .query(name)
                .map_or(Some(default), |text| text.parse().ok())
        };
        let page = number("paginacao.paginaAtual", 0);
        let per_page = number("paginacao.itensPorPagina", 100)
            .filter(|per_page| (1..=1000).contains(per_page));
        match (page, per_page) {
            (Some(page), Some(per_page)) if from <= to => Ok(Self {
                from,
                to,
                page,
                per_page,
                texts: (from_text, to_text),
            }),
            _ => Err(error::invalid_value("Período ou paginação inválida.")),
        }
    }

    fn holds(&self, at: Millis) -> bool {
        (self.from..=self.to).contains(&at)
    }

    /// `{"parametros":…, name:[…]}` with the asked page of `items`.
    fn answer(&self, name: &str, items: Vec<Value>) -> Reply {
        let total = items.len();
        let page: Vec<Value> = items
            .into_iter()
            .skip(self.page.saturating_mul(self.per_page))
            .take(self.per_page)
            .collect();
        let mut body = serde_json::json!({"parametros": {
            "inicio": self.texts.0,
            "fim": self.texts.1,
            "paginacao": {
                "paginaAtual": self.page,
                "itensPorPagina": self.per_page,
                "quantidadeDePaginas": total.div_ceil(self.per_page).max(1),
                "quantidadeTotalDeItens": total,
            },
        }});
        body[name] = page.into();
        Reply::json(200, &body)
    }
}
