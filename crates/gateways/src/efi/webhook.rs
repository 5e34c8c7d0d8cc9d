//! Notifications: registering where they go, and reading them.
//!
//! Efí signs nothing. It calls the registered URL with `/pix` appended, and proves itself by its
//! client certificate (checked by whoever ends TLS) and by a secret that stands in the URL. The
//! certificate's authority is shared by all of Efí's customers' notifications, so a notification
//! is never more than a hint. `?ignorar=` at the end of the URL swallows the suffix; deliveries
//! without it are understood as well.

use app::ports::gateway::{GatewayTrouble, Hint, InboundRefusal, InboundRequest, ParsedInbound};
use percent_encoding::percent_decode_str;
use reqwest::Method;
use secrecy::{ExposeSecret, SecretString};

use super::session::Session;
use super::{encoded, trouble, wire};
use crate::inbound::query_value;
use crate::secret;
use crate::transport::Call;

const PATH: &str = "/webhooks/efi/";
const SUFFIX: &str = "/pix";
const TEST_EVENT: &str = "teste_webhook";

pub(super) fn read(
    expected: &SecretString,
    request: &InboundRequest,
) -> Result<ParsedInbound, InboundRefusal> {
    if !is_from_efi(expected, request) {
        return Err(InboundRefusal::BadSignature);
    }
    let malformed = |message: &str| InboundRefusal::Malformed(message.to_owned());
    let notification: wire::Notification =
        serde_json::from_slice(&request.body).map_err(|_| malformed("not the JSON expected"))?;
    let events = match (notification.pix, notification.evento.as_deref()) {
        (Some(events), _) => events,
        (None, Some(TEST_EVENT)) => Vec::new(),
        (None, Some(_) | None) => return Err(malformed("no pix list")),
    };
    Ok(ParsedInbound {
        verified: true,
        hints: events.iter().flat_map(hints).collect(),
    })
}

/// The secret stands in the path, or in the `hmac` parameter as Efí's documentation shows it.
fn is_from_efi(expected: &SecretString, request: &InboundRequest) -> bool {
    let expected = expected.expose_secret().as_bytes();
    let in_path = request
        .path
        .strip_prefix(PATH)
        .map(|rest| rest.strip_suffix(SUFFIX).unwrap_or(rest))
        .map(|given| percent_decode_str(given).collect::<Vec<u8>>())
        .is_some_and(|given| secret::same(expected, &given));
    let in_query = query_value(&request.query, "hmac")
        // Without `&ignorar=` behind it the suffix is glued to the secret.
        .map(|given| given.strip_suffix(SUFFIX).unwrap_or(&given).to_owned())
        .is_some_and(|given| secret::same(expected, given.as_bytes()));
    in_path || in_query
}

/// One event may speak of several things; each is a place to look, so none is dropped.
fn hints(event: &wire::Event) -> Vec<Hint> {
    let end_to_end_id = event.end_to_end_id.clone();
    let our_key = event
        .gn_extras
        .as_ref()
        .and_then(|extras| extras.id_envio.clone());
    // Whatever has an idEnvio or a type is about a payout: settled, refused or given back.
    if our_key.is_some() || event.tipo.is_some() {
        return our_key
            .or(end_to_end_id)
            .map(|reference| Hint::Payout { reference })
            .into_iter()
            .collect();
    }
    let mut hints = Vec::new();
    if !event.devolucoes.is_empty()
        && let Some(pay_in_key) = end_to_end_id.clone()
    {
        hints.push(Hint::Refund { pay_in_key });
    }
    match (event.txid.clone(), end_to_end_id) {
        (Some(reference), _) => hints.push(Hint::Charge { reference }),
        (None, Some(key)) => hints.push(Hint::PayIn { key }),
        (None, None) => {}
    }
    hints
}

/// Registers our address for our key, unless it stands there already: a registration makes Efí
/// call it.
pub(super) async fn ensure(
    session: &Session,
    our_key: &str,
    secret: &SecretString,
    public_url: &str,
) -> Result<(), GatewayTrouble> {
    let url = address(public_url, secret);
    let path = format!("/v2/webhook/{}", encoded(our_key));
    let registered = session
        .read(|| Call::get("webhook_lookup", &path))
        .await
        .map_err(|failure| trouble(failure.as_str()))?;
    let stands: Option<wire::Webhook> = if registered.status == 200 {
        registered.read()
    } else {
        None
    };
    if stands.and_then(|webhook| webhook.webhook_url).as_deref() == Some(url.as_str()) {
        return Ok(());
    }
    let body = super::payout::to_json(&wire::NewWebhook { webhook_url: &url });
    let answer = session
        .read(|| {
            Call::with_body("webhook_registration", Method::PUT, &path, body.clone())
                // Whoever ends TLS in front of us does not ask for Efí's certificate.
                .header("x-skip-mtls-checking", "true")
        })
        .await
        .map_err(|failure| trouble(failure.as_str()))?;
    if matches!(answer.status, 200 | 201) {
        return Ok(());
    }
    let code = super::map::ErrorCode::read(&answer).code;
    Err(trouble(format!(
        "webhook registration answered {} {code}",
        answer.status
    )))
}

fn address(public_url: &str, secret: &SecretString) -> String {
    format!(
        "{}{PATH}{}?ignorar=",
        public_url.trim_end_matches('/'),
        encoded(secret.expose_secret())
    )
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
