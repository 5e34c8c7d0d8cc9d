//! A prepared order: the request byte for byte, and the facts that lookups compare with.
//!
//! It is stored before the first byte goes out and is all that a re-send needs, so that the same
//! bytes go out under the same key however often the order is sent and whatever this program's
//! configuration has become meanwhile. Credentials are not in it: a token is added at each send.

use std::collections::BTreeMap;

use app::ports::gateway::PreparedRequest;
use domain::money::Money;
use domain::pix::key::PixKey;
use serde::{Deserialize, Serialize};

const VERSION: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    Payout,
    PayoutByBrCode,
    Charge,
    Refund,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Envelope {
    version: u8,
    pub kind: Kind,
    /// The path below the base URL, already percent-encoded.
    pub path: String,
    /// Header fields that belong to the order (idempotency key, signature), lower-case names.
    pub headers: BTreeMap<String, String>,
    /// The exact body. Both gateways take JSON, so it is text.
    pub body: String,
    pub facts: Facts,
}

/// What a found movement is compared with before it is taken for ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub attempt_key: String,
    pub amount_cents: i64,
    /// The payee's key, when the order names one; our own key on a charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub br_code: Option<String>,
    /// The pay-in that a refund gives back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pay_in_key: Option<String>,
    /// Refunds of that pay-in which were there before ours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
}

impl Facts {
    pub(crate) fn new(attempt_key: &str, amount: Money) -> Facts {
        Facts {
            attempt_key: attempt_key.to_owned(),
            amount_cents: amount.cents(),
            key: None,
            br_code: None,
            pay_in_key: None,
            before: Vec::new(),
        }
    }

    /// Whether the payee that an answer tells is the one asked for. Two spellings of one key are
    /// equal: the directory's form decides. An order that names no key agrees with any.
    pub(crate) fn is_paid_to(&self, told: &str) -> bool {
        let Some(asked) = self.key.as_deref() else {
            return true;
        };
        match (PixKey::recognize(asked), PixKey::recognize(told)) {
            (Ok(asked), Ok(told)) => asked == told,
            (_, _) => asked.eq_ignore_ascii_case(told),
        }
    }
}

/// The stored bytes are not an envelope of ours: damaged, or written by another version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl Envelope {
    pub(crate) fn new(kind: Kind, path: String, body: String, facts: Facts) -> Envelope {
        Envelope {
            version: VERSION,
            kind,
            path,
            headers: BTreeMap::new(),
            body,
            facts,
        }
    }

    pub(crate) fn with_header(mut self, name: &str, value: impl Into<String>) -> Envelope {
        self.headers.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn seal(&self) -> PreparedRequest {
        PreparedRequest(serde_json::to_vec(self).expect("texts and integers always serialize"))
    }

    pub(crate) fn open(request: &PreparedRequest) -> Result<Envelope, Unreadable> {
        let envelope: Envelope = serde_json::from_slice(&request.0).map_err(|_| Unreadable)?;
        if envelope.version == VERSION {
            Ok(envelope)
        } else {
            Err(Unreadable)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_survives_verbatim_and_other_versions_are_refused() {
        let facts = Facts::new("ab", Money::from_cents(1).unwrap());
        let body = "{\"a\": 1.00 ,\n\"ç\":\"\\u0041\"}".to_owned();
        let envelope = Envelope::new(Kind::Payout, "/v3/x".into(), body.clone(), facts)
            .with_header("x-signature", "s");
        let sealed = envelope.seal();
        let opened = Envelope::open(&sealed).unwrap();
        assert_eq!(opened, envelope);
        assert_eq!(opened.body, body);
        let text = String::from_utf8(sealed.0).unwrap();
        let newer = text.replace("\"version\":1", "\"version\":2");
        assert_eq!(
            Envelope::open(&PreparedRequest(newer.into_bytes())),
            Err(Unreadable)
        );
        assert_eq!(
            Envelope::open(&PreparedRequest(b"junk".to_vec())),
            Err(Unreadable)
        );
    }
}
