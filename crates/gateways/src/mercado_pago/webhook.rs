//! Notifications: `POST <url>?data.id=…&type=…` with an HMAC in `x-signature`.
//!
//! Payments are signed; payouts (`transaction_intent`) and the older IPN twins (`?id=&topic=`) have
//! no documented signature and are read as unverified hints. The body carries no status worth
//! reading, so a notification is nothing but an id to look up.
//!
//! A signature is refused when it is older than the longest documented redelivery schedule (four
//! days): deliveries are said to be signed anew each time, but a hint that is refused wrongly costs
//! a payer's time, while one that is replayed costs a lookup.

use app::ports::gateway::{Hint, InboundRefusal, InboundRequest, ParsedInbound};
use domain::time::{Moment, Span};
use secrecy::{ExposeSecret, SecretString};

use super::signature::Stamp;
use super::wire;
use crate::inbound::query_value;

const OLDEST: Span = Span::from_days(5);
/// Clocks differ.
const FUTURE: Span = Span::from_seconds(10 * 60);

pub(super) fn read(
    secret: &SecretString,
    request: &InboundRequest,
    now: Moment,
) -> Result<ParsedInbound, InboundRefusal> {
    let body: Option<wire::Notification> = serde_json::from_slice(&request.body).ok();
    let kind = query_value(&request.query, "type")
        .or_else(|| body.as_ref().and_then(|body| body.r#type.clone()));
    match kind.as_deref() {
        Some("payment") => payment(secret, request, body.as_ref(), now),
        Some("transaction_intent") => {
            let id = data_id(request, body.as_ref())
                .ok_or_else(|| InboundRefusal::Malformed("no data.id".to_owned()))?;
            Ok(unverified(vec![Hint::Payout { reference: id }]))
        }
        // Other topics are about things this program does not use.
        Some(_) => Ok(unverified(Vec::new())),
        None => older_form(request, body.as_ref()),
    }
}

fn unverified(hints: Vec<Hint>) -> ParsedInbound {
    ParsedInbound {
        verified: false,
        hints,
    }
}

fn payment(
    secret: &SecretString,
    request: &InboundRequest,
    body: Option<&wire::Notification>,
    now: Moment,
) -> Result<ParsedInbound, InboundRefusal> {
    let id =
        data_id(request, body).ok_or_else(|| InboundRefusal::Malformed("no data.id".to_owned()))?;
    let stamp = request
        .headers
        .get("x-signature")
        .and_then(|header| Stamp::parse(header))
        .ok_or(InboundRefusal::BadSignature)?;
    let request_id = request.headers.get("x-request-id").map(String::as_str);
    let verifies = stamp.verifies(secret.expose_secret().as_bytes(), &id, request_id);
    if !verifies || !is_recent(&stamp, now) {
        return Err(InboundRefusal::BadSignature);
    }
    Ok(ParsedInbound {
        verified: true,
        hints: vec![Hint::Charge { reference: id }],
    })
}

fn is_recent(stamp: &Stamp<'_>, now: Moment) -> bool {
    let signed_at = stamp
        .millis()
        .and_then(|millis| millis.checked_mul(1000))
        .map(Moment::from_micros);
    signed_at.is_some_and(|at| at.since(now) <= FUTURE && now.since(at) <= OLDEST)
}

/// The id that is signed: of the query, and only without it of the body.
fn data_id(request: &InboundRequest, body: Option<&wire::Notification>) -> Option<String> {
    query_value(&request.query, "data.id")
        .or_else(|| Some(body?.data.as_ref()?.id.as_ref()?.0.clone()))
        .filter(|id| !id.is_empty())
}

/// `?id=…&topic=…`, as sent beside the webhook after a refund.
fn older_form(
    request: &InboundRequest,
    body: Option<&wire::Notification>,
) -> Result<ParsedInbound, InboundRefusal> {
    let topic =
        query_value(&request.query, "topic").or_else(|| body.and_then(|body| body.topic.clone()));
    let id = query_value(&request.query, "id").filter(|id| !id.is_empty());
    match (topic.as_deref(), id) {
        (Some("payment"), Some(reference)) => Ok(unverified(vec![Hint::Charge { reference }])),
        (Some("payment"), None) => Err(InboundRefusal::Malformed("no id".to_owned())),
        (Some(_), _) => Ok(unverified(Vec::new())),
        (None, _) => Err(InboundRefusal::Malformed("no topic".to_owned())),
    }
}

#[cfg(test)]
#[path = "webhook_tests.rs"]
mod tests;
