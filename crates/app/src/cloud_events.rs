//! Events in the form that other programs share: CloudEvents 1.0, structured JSON.
//!
//! `data` is the event as the stream and webhooks show it, so that one reader serves all three ways.
//! Attributes repeat what subscribers filter by.

use domain::time::Moment;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::events::published;
use crate::ports::publisher::{Attribute, OutgoingEvent};
use crate::ports::store::EventRow;

/// The group of events that belong to no wallet.
const SYSTEM_GROUP: &str = "system";

#[derive(Serialize)]
struct CloudEvent<'a> {
    specversion: &'static str,
    id: &'a str,
    source: &'a str,
    r#type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: String,
    datacontenttype: &'static str,
    data: Box<RawValue>,
}

/// The event as it is published; `source` names this installation.
pub fn outgoing(row: &EventRow, source: &str) -> OutgoingEvent {
    let id = row.id.to_string();
    let subject = row.transaction_id.map(|id| id.to_string());
    let timestamp = Timestamp::from_microsecond(row.occurred_at.micros());
    let event = CloudEvent {
        specversion: "1.0",
        id: &id,
        source,
        r#type: &row.kind,
        subject: subject.or_else(|| row.wallet_id.map(|id| id.to_string())),
        time: format!("{:.6}", timestamp.unwrap_or(Timestamp::MAX)),
        datacontenttype: "application/json",
        data: RawValue::from_string(published(row)).expect("an event is JSON"),
    };
    let body = serde_json::to_string(&event).expect("an event is plain data");
    let wallet = row.wallet_id.map(|id| id.to_string());
    OutgoingEvent {
        position: row.position.unwrap_or(0),
        group: wallet.clone().unwrap_or_else(|| SYSTEM_GROUP.to_owned()),
        body,
        attributes: attributes(row, wallet),
        id,
    }
}

fn attributes(row: &EventRow, wallet: Option<String>) -> Vec<(&'static str, Attribute)> {
    let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
    let text = |name: &str| {
        let text = body.get(name).and_then(Value::as_str);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    // A transaction's kind and an alert's share a name in the body.
    let (transaction_kind, alert_kind) = match row.transaction_id {
        Some(_) => (text("kind"), None),
        None => (None, text("kind")),
    };
    let texts = [
        ("event_type", Some(row.kind.clone())),
        ("transaction_kind", transaction_kind),
        ("status", text("status")),
        ("stage", text("stage")),
        ("gateway", text("gateway")),
        ("wallet_id", wallet),
        ("alert_kind", alert_kind),
    ];
    let texts = texts.into_iter();
    let texts = texts.filter_map(|(name, value)| Some((name, Attribute::Text(value?))));
    let amount = body.get("amount_cents").and_then(Value::as_i64);
    let amount = amount.map(|cents| ("amount_cents", Attribute::Number(cents)));
    texts.chain(amount).collect()
}

/// What programs of ours read of an event, whichever way it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenEvent {
    /// `evt_…`
    pub id: String,
    pub kind: String,
    pub occurred_at: Moment,
    pub position: Option<u64>,
    pub transaction_id: Option<String>,
    pub gateway: Option<String>,
    pub amount_cents: Option<i64>,
}

impl SeenEvent {
    pub fn of_row(row: &EventRow) -> SeenEvent {
        let body: Value = serde_json::from_str(&row.body).unwrap_or_default();
        SeenEvent {
            id: row.id.to_string(),
            kind: row.kind.clone(),
            occurred_at: row.occurred_at,
            position: row.position,
            transaction_id: row.transaction_id.map(|id| id.to_string()),
            gateway: body["gateway"].as_str().map(str::to_owned),
            amount_cents: body["amount_cents"].as_i64(),
        }
    }

    /// Reads what [`outgoing`] wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<SeenEvent> {
        let event: Value = serde_json::from_str(text).ok()?;
        let word = |value: &Value| value.as_str().map(str::to_owned);
        if event["specversion"] != "1.0" {
            return None;
        }
        let time: Timestamp = event["time"].as_str()?.parse().ok()?;
        let data = &event["data"];
        Some(SeenEvent {
            id: word(&event["id"]).filter(|id| id.starts_with("evt_"))?,
            kind: word(&event["type"])?,
            occurred_at: Moment::from_micros(time.as_microsecond()),
            position: data["position"].as_u64(),
            transaction_id: word(&data["transaction_id"]),
            gateway: word(&data["data"]["gateway"]),
            amount_cents: data["data"]["amount_cents"].as_i64(),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use domain::ids::{EventId, TransactionId, WalletId};

    pub fn row(position: u64, wallet: Option<u8>) -> EventRow {
        let body = match wallet {
            Some(_) => {
                r#"{"kind":"payout","status":"success","stage":"settled","amount_cents":1050,"gateway":"efi","reference":null}"#
            }
            None => r#"{"kind":"suspense","message":"m","gateway":null}"#,
        };
        let mut id = [7; 16];
        id[..8].copy_from_slice(&position.to_be_bytes());
        EventRow {
            id: EventId::from_bytes(id),
            kind: match wallet {
                Some(_) => "payout.settled".into(),
                None => "alert.raised".into(),
            },
            transaction_id: wallet.map(|_| TransactionId::from_bytes([3; 16])),
            transaction_version: wallet.map(|_| 4),
            wallet_id: wallet.map(|byte| WalletId::from_bytes([byte; 16])),
            user_id: None,
            body: body.into(),
            occurred_at: Moment::from_micros(1_700_000_000_123_456),
            position: Some(position),
        }
    }

    #[test]
    fn an_event_is_a_cloud_event_around_what_webhooks_carry() {
        let row = row(9, Some(1));
        let event = outgoing(&row, "https://pay.example");
        let body: Value = serde_json::from_str(&event.body).unwrap();
        assert_eq!(body["specversion"], "1.0");
        assert_eq!(body["id"], row.id.to_string());
        assert_eq!(body["source"], "https://pay.example");
        assert_eq!(body["type"], "payout.settled");
        assert_eq!(body["subject"], row.transaction_id.unwrap().to_string());
        assert_eq!(body["time"], "2023-11-14T22:13:20.123456Z");
        assert_eq!(body["datacontenttype"], "application/json");
        let shown: Value = serde_json::from_str(&published(&row)).unwrap();
        assert_eq!(body["data"], shown);
        assert_eq!(body["data"]["transaction_version"], 4);
        assert_eq!(event.group, row.wallet_id.unwrap().to_string());
        assert_eq!(
            (event.id.as_str(), event.position),
            (body["id"].as_str().unwrap(), 9)
        );
        assert!(event.bytes() > event.body.len());
    }

    #[test]
    fn attributes_are_few_and_never_empty() {
        let names = |event: &OutgoingEvent| -> Vec<&str> {
            event.attributes.iter().map(|(name, _)| *name).collect()
        };
        let event = outgoing(&row(1, Some(1)), "/pixwave");
        assert_eq!(
            names(&event),
            [
                "event_type",
                "transaction_kind",
                "status",
                "stage",
                "gateway",
                "wallet_id",
                "amount_cents"
            ]
        );
        assert!(
            event
                .attributes
                .contains(&("amount_cents", Attribute::Number(1050)))
        );
        let alert = outgoing(&row(1, None), "/pixwave");
        assert_eq!(names(&alert), ["event_type", "alert_kind"]);
        assert_eq!(alert.group, "system");
        let body: Value = serde_json::from_str(&alert.body).unwrap();
        assert!(body.get("subject").is_none());
    }

    #[test]
    fn what_is_published_is_read_back_and_nothing_else() {
        for row in [row(5, Some(1)), row(6, None)] {
            let read = SeenEvent::parse(&outgoing(&row, "/pixwave").body);
            assert_eq!(read, Some(SeenEvent::of_row(&row)));
        }
        for text in [
            "",
            "{}",
            "[]",
            r#"{"specversion":"1.0"}"#,
            r#"{"specversion":"1.0","id":"x","type":"y","time":"2023-11-14T22:13:20Z"}"#,
        ] {
            assert_eq!(SeenEvent::parse(text), None, "{text}");
        }
    }
}
