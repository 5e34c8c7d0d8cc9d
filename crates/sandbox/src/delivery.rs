//! Webhooks going out: queued with an event, sent by the scheduler, retried on a schedule.
//!
//! An event queues one delivery (or none, or two, as the webhook fault says). Each attempt is a
//! fresh POST; any 2xx ends it, anything else plans the next attempt until the schedule of the
//! gateway is used up. Efí shows its client certificate and signs nothing; Mercado Pago signs
//! every attempt anew, except for payouts, whose notifications are unsigned.
//! Sources: Efí documentation "Webhooks"; Mercado Pago documentation "Notificações".

use std::time::Duration;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    clock::Millis,
    config::GatewayName,
    core::Core,
    faults::{FaultMode, Operation},
    state::{Record, State, Task},
};

/// Minutes between attempts, before scaling.
const EFI_RETRY_MINUTES: &[u64] = &[5, 10, 20, 40, 80, 160, 320, 640, 1280, 52560];
const PAYMENT_RETRY_MINUTES: &[u64] = &[15, 15, 15, 60, 360, 2880, 5760];
const INTENT_RETRY_MINUTES: &[u64] = &[15, 30, 360, 2880, 5760];

/// The family of a notification, which decides signature, limit and schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    Efi,
    Payment,
    TransactionIntent,
}

impl Topic {
    fn retry_minutes(self) -> &'static [u64] {
        match self {
            Self::Efi => EFI_RETRY_MINUTES,
            Self::Payment => PAYMENT_RETRY_MINUTES,
            Self::TransactionIntent => INTENT_RETRY_MINUTES,
        }
    }

    fn limit(self) -> Duration {
        Duration::from_secs(match self {
            Self::Efi => 60,
            Self::Payment => 22,
            Self::TransactionIntent => 5,
        })
    }
}

/// One notification on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: u64,
    pub gateway: GatewayName,
    pub topic: Topic,
    /// Complete, with path suffix and query.
    pub url: String,
    pub body: Value,
    /// The `data.id` of the query, which the signature covers.
    pub data_id: Option<String>,
    pub attempts: u32,
    pub next_at: Option<Millis>,
    pub last_status: Option<u16>,
    pub delivered: bool,
    /// Swallowed by the `lose` fault.
    pub lost: bool,
}

/// Queues an event's notification, as the gateway's webhook fault allows.
pub fn queue(state: &mut State, gateway: GatewayName, draft: &Draft) {
    let strike = state.panel(gateway).draw(Operation::Webhook);
    let soon = state.now + i64::try_from(state.options.webhook_delay_ms).unwrap_or(0);
    let late = state.now + i64::try_from(strike.latency_ms).unwrap_or(0);
    let (copies, at) = match strike.mode {
        FaultMode::Lose => (1, None),
        FaultMode::Duplicate => (2, Some(soon)),
        FaultMode::Delay => (1, Some(late)),
        FaultMode::Reorder => {
            state.reorder_turn = !state.reorder_turn;
            (1, Some(if state.reorder_turn { late } else { soon }))
        }
        _ => (1, Some(soon)),
    };
    for _ in 0..copies {
        let id = state
            .book
            .deliveries
            .keys()
            .next_back()
            .map_or(1, |last| last + 1);
        let delivery = Delivery {
            id,
            gateway,
            topic: draft.topic,
            url: draft.url.clone(),
            body: draft.body.clone(),
            data_id: draft.data_id.clone(),
            attempts: 0,
            next_at: at,
            last_status: None,
            delivered: false,
            lost: at.is_none(),
        };
        state.put(Record::Delivery(Box::new(delivery)));
        if let Some(at) = at {
            state.plan(at, Task::Deliver(id));
        }
    }
}

/// What an event wants to say, and where.
#[derive(Debug)]
pub struct Draft {
    pub topic: Topic,
    pub url: String,
    pub body: Value,
    pub data_id: Option<String>,
}

/// One attempt of one delivery.
pub async fn attempt(core: &Core, id: u64) {
    let prepared = core.transact(|state| {
        let delivery = state.book.deliveries.get(&id)?.clone();
        let open = delivery.next_at.is_some() && !delivery.delivered;
        let request_id = state.ids.uuid();
        open.then(|| (delivery, headers(state, id, &request_id)))
    });
    let Some((delivery, headers)) = prepared else {
        return;
    };
    let mut request = core
        .webhooks
        .post(&delivery.url)
        .timeout(delivery.topic.limit());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let mut body = delivery.body.clone();
    if delivery.attempts > 0
        && core.read(|state| state.options.new_id_on_redelivery)
        && body.get("id").is_some()
    {
        body["id"] = (delivery.id * 1000 + u64::from(delivery.attempts)).into();
    }
    let status = match request.json(&body).send().await {
        Ok(response) => Some(response.status().as_u16()),
        Err(error) => {
            tracing::debug!(delivery = id, %error, "a webhook was not delivered");
            None
        }
    };
    core.transact(|state| finish(state, delivery, status));
}

fn finish(state: &mut State, mut delivery: Delivery, status: Option<u16>) {
    delivery.last_status = status;
    delivery.delivered = status.is_some_and(|status| (200..300).contains(&status));
    let wait = delivery
        .topic
        .retry_minutes()
        .get(delivery.attempts as usize)
        .copied();
    delivery.attempts += 1;
    delivery.next_at = match wait {
        Some(minutes) if !delivery.delivered => {
            // A schedule is a hint about time, not money: a float scales it.
            let wait = Duration::from_secs(minutes * 60).mul_f64(state.retry_scale.max(0.0));
            Some(state.now + i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 4))
        }
        _ => None,
    };
    if let Some(at) = delivery.next_at {
        state.plan(at, Task::Deliver(delivery.id));
    }
    state.put(Record::Delivery(Box::new(delivery)));
}

fn headers(state: &State, id: u64, request_id: &str) -> Vec<(&'static str, String)> {
    let Some(delivery) = state.book.deliveries.get(&id) else {
        return Vec::new();
    };
    let options = &state.options;
    if delivery.topic != Topic::Payment || options.webhook_unsigned {
        return Vec::new();
    }
    let ts = if options.signature_ts_seconds {
        state.now / 1000
    } else {
        state.now
    };
    let secret = if options.webhook_wrong_secret {
        "another secret"
    } else {
        WEBHOOK_SECRET
    };
    let sent_id = (!options.webhook_without_request_id).then_some(request_id);
    let signature = signature(secret, delivery.data_id.as_deref(), sent_id, ts);
    let mut headers = vec![("x-signature", signature)];
    headers.extend(sent_id.map(|sent| ("x-request-id", sent.to_owned())));
    headers
}

/// The secret that the panel would show.
pub const WEBHOOK_SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// The `x-signature` header: HMAC-SHA256 over the manifest, whose missing parts are left out.
pub fn signature(
    secret: &str,
    data_id: Option<&str>,
    request_id: Option<&str>,
    ts: Millis,
) -> String {
    let mut manifest = String::new();
    for (name, value) in [("id", data_id), ("request-id", request_id)] {
        if let Some(value) = value {
            manifest.push_str(&format!("{name}:{value};"));
        }
    }
    manifest.push_str(&format!("ts:{ts};"));
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    format!(
        "ts={ts},v1={}",
        hex::encode(hmac::sign(&key, manifest.as_bytes()))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_the_documented_examples() {
        assert_eq!(
            signature(
                WEBHOOK_SECRET,
                Some("1318000001"),
                Some("bb56a2f1-6aae-46ac-982e-9dcd3581d08e"),
                1_742_505_638_683
            ),
            "ts=1742505638683,v1=88dc3e9e25486bfe7b34a66776aa8c9fd4702ce2fd8bb66616db33049e6a6b1b"
        );
        assert_eq!(
            signature(
                WEBHOOK_SECRET,
                Some("ORD01JQ4S4KY8HWQ6NA5PXB65B3D3"),
                Some("2066ca19-c6f1-498a-be75-1923005edd06"),
                1_742_505_638_683
            ),
            "ts=1742505638683,v1=5673aeed76bb394779a0cbec8920c8e33d3acb7a4e7234e51360fbb32c8eb88c"
        );
    }
}
