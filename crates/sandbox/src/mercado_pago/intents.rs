//! Payouts: `/v1/transaction-intents` (Mercado Pago, "Money Out" for Brazil).
//!
//! The body is signed with Ed25519 over its exact bytes; the three amounts must be equal. The
//! answer says bare `approved`, which means created, not paid; the end is `processed`/`approved`
//! or `failed`. With `X-test-token: true` the external reference decides and nothing is stored
//! for a later GET.

use aws_lc_rs::signature::{ED25519, KeyPair, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

use super::{COLLECTOR, error, idempotency_key, store, stored, text, views};
use crate::{
    config::{GatewayName, PayoutReplay},
    http::{Outcome, Reply, Request},
    money,
    payee::{self, Fate},
    pipeline::{Effect, body_hash},
    settle,
    state::{
        Record, State, Task,
        mercado_pago::{Intent, StoredAnswer},
    },
};

const SCOPE: &str = "intents";
const TEST_TIMEOUT_MS: i64 = 120_000;

/// Seed of the signing key: a published test key, never for real use.
pub const SIGNING_SEED: [u8; 32] = [
    0x9d, 0xc5, 0x55, 0x18, 0xc9, 0x4a, 0x4d, 0xa0, 0x15, 0x9c, 0xd7, 0x1c, 0x4b, 0xa0, 0xf5, 0x53,
    0x18, 0x49, 0xf7, 0xf4, 0x71, 0x45, 0xdc, 0x08, 0x9d, 0x97, 0x2e, 0x37, 0x64, 0x6d, 0x34, 0xd8,
];

fn signature_holds(body: &[u8], signature: &str) -> bool {
    let Ok(pair) = aws_lc_rs::signature::Ed25519KeyPair::from_seed_unchecked(&SIGNING_SEED) else {
        return false;
    };
    let Ok(signature) = STANDARD.decode(signature) else {
        return false;
    };
    UnparsedPublicKey::new(&ED25519, pair.public_key().as_ref())
        .verify(body, &signature)
        .is_ok()
}

pub fn create(state: &mut State, request: &Request, effect: Effect) -> Outcome {
    let key = idempotency_key(request);
    let key = key
        .ok_or_else(|| {
            error::payout(
                400,
                "idempotency_key_required",
                "Header X-Idempotency-Key can't be null",
            )
        })?
        .to_owned();
    if request.header("x-enforce-signature") == Some("true")
        && !request
            .header("x-signature")
            .is_some_and(|signature| signature_holds(&request.body, signature))
    {
        return Err(error::payout(400, "invalid_signature", "Invalid signature"));
    }
    if let Some(known) = stored(state, SCOPE, &key) {
        return replay(state, request, known);
    }
    let body = request
        .object()
        .ok_or_else(|| error::payout(400, "invalid_body", "Invalid Body"))?;
    let intent = read_body(
        state,
        &body,
        request.header("x-test-token") == Some("true"),
        effect,
    )?;
    let answer = accepted(&intent);
    let status = if state.options.payout_created_201 {
        201
    } else {
        202
    };
    let row = StoredAnswer {
        scope: SCOPE.to_owned(),
        key,
        body_hash: body_hash(&request.body),
        status,
        body: answer.clone(),
    };
    store(state, row);
    let (id, settle_at) = (intent.id.clone(), intent.settle_at.unwrap_or(state.now));
    state.put(Record::Intent(Box::new(intent)));
    if settle_at <= state.now {
        settle::intent(state, &id);
    } else {
        state.plan(settle_at, Task::SettleIntent(id));
    }
    Ok(Reply::json(status, &answer).executed())
}

/// The first answer: created, not yet processed, whatever has happened in the same moment.
fn accepted(intent: &Intent) -> Value {
    let test_result = intent.test.then(|| {
        views::intent(&Intent {
            status: intent.outcome.0.clone(),
            status_detail: Some(intent.outcome.1.clone()),
            ..intent.clone()
        })
    });
    test_result
        .filter(|_| intent.settle_at == Some(intent.created))
        .unwrap_or_else(|| views::intent(intent))
}

fn replay(state: &State, request: &Request, known: &StoredAnswer) -> Outcome {
    let conflict = || {
        error::payout(
            409,
            "idempotency_key_already_used",
            "Idempotency key already used",
        )
    };
    if state.options.conflict_on_other_body && known.body_hash != body_hash(&request.body) {
        return Err(conflict());
    }
    match state.options.payout_replay {
        PayoutReplay::Replay => Ok(Reply::json(known.status, &known.body)),
        PayoutReplay::Present => {
            let id = known.body["id"].as_str().unwrap_or_default();
            let found = state.book.intents.get(id).filter(|intent| !intent.test);
            let body = found.map_or_else(|| known.body.clone(), views::intent);
            Ok(Reply::json(known.status, &body))
        }
        PayoutReplay::Empty => Ok(Reply::empty(200)),
        PayoutReplay::Conflict => Err(conflict()),
        PayoutReplay::Locked => Err(error::payout(424, "resource_locked", "Resource locked")),
    }
}

fn read_body(state: &mut State, body: &Value, test: bool, effect: Effect) -> Result<Intent, Reply> {
    let reference = text(body, "external_reference").filter(|reference| {
        (1..=64).contains(&reference.len())
            && reference
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    });
    let reference = reference.ok_or_else(|| {
        error::payout(
            400,
            "invalid_external_reference",
            "Invalid external_reference",
        )
    })?;
    if body["point_of_interaction"]["type"] != "PSP_TRANSFER" {
        return Err(error::payout(
            400,
            "invalid_point_of_interaction",
            "Invalid point_of_interaction",
        ));
    }
    let (cents, destination) = amounts(&body["transaction"])?;
    let key = check_destination(&destination)?;
    let document = destination
        .pointer("/owner/identification/number")
        .and_then(Value::as_str)
        .map(str::to_owned);
    let outcome = if test {
        test_outcome(&reference)?
    } else {
        outcome(state, key.as_deref(), document.as_deref(), cents)?
    };
    let outcome = if effect.refused_later() {
        done("failed", "by_bank")
    } else {
        outcome
    };
    let slow = test && reference == "timeout";
    let settle_at = if slow {
        state.now + TEST_TIMEOUT_MS
    } else {
        effect.settle_at(state)
    };
    let url = body
        .pointer("/seller_configuration/notification_info/notification_url")
        .and_then(Value::as_str);
    Ok(Intent {
        id: format!("{COLLECTOR}-{}", state.ids.alphanumeric(26).to_uppercase()),
        external_reference: reference,
        cents,
        destination,
        notification_url: url.map(str::to_owned),
        status: "approved".to_owned(),
        status_detail: None,
        created: state.now,
        updated: state.now,
        settle_at: Some(settle_at),
        outcome,
        end_to_end_id: None,
        returns: Vec::new(),
        test,
    })
}

/// One source, one destination, and three equal amounts.
fn amounts(transaction: &Value) -> Result<(i64, Value), Reply> {
    let single = |side: &str| {
        transaction[side]["accounts"]
            .as_array()
            .filter(|accounts| accounts.len() == 1)
            .map(|accounts| accounts[0].clone())
    };
    let (Some(from), Some(to)) = (single("from"), single("to")) else {
        return Err(error::payout(400, "invalid_body", "Invalid Body"));
    };
    let invalid = || error::payout(400, "invalid_amount", "Invalid amount");
    let cents = money::parse_number(&transaction["total_amount"])
        .filter(|&cents| money::payable(cents))
        .ok_or_else(invalid)?;
    let equal = [&from["amount"], &to["amount"]]
        .iter()
        .all(|amount| money::parse_number(amount) == Some(cents));
    if equal {
        Ok((cents, to))
    } else {
        Err(invalid())
    }
}

/// By key or by bank data; gives the key.
fn check_destination(to: &Value) -> Result<Option<String>, Reply> {
    if to["bank_id"].is_string() {
        let whole = ["branch", "number", "holder"]
            .iter()
            .all(|name| to[*name].is_string() || to[*name].is_object());
        return if whole {
            Ok(None)
        } else {
            Err(error::payout(400, "invalid_body", "Invalid Body"))
        };
    }
    let kind = to["chave"]["type"].as_str().unwrap_or_default();
    let value = to["chave"]["value"]
        .as_str()
        .filter(|value| (1..=77).contains(&value.len()));
    let known = ["CPF", "CNPJ", "EMAIL", "PHONE", "PIX_CODE"].contains(&kind);
    match value {
        Some(value) if known && (kind != "EMAIL" || value.contains('@')) => {
            Ok(Some(value.to_owned()))
        }
        _ => Err(error::payout(400, "invalid_chave", "Invalid chave")),
    }
}

fn done(status: &str, detail: &str) -> (String, String) {
    (status.to_owned(), detail.to_owned())
}

fn outcome(
    state: &State,
    key: Option<&str>,
    document: Option<&str>,
    cents: i64,
) -> Result<(String, String), Reply> {
    let fate = payee::fate(key, document);
    match fate {
        Fate::UnknownKey => return Err(error::payout(400, "invalid_chave", "Invalid chave")),
        Fate::WrongOwner => {
            return Err(error::payout(
                400,
                "invalid_identification",
                "Invalid identification",
            ));
        }
        Fate::Paid | Fate::Risk | Fate::Refused(_) => {}
    }
    if cents > state.available(GatewayName::MercadoPago) {
        return Ok(done("failed", "insufficient_funds"));
    }
    Ok(match fate {
        Fate::Risk => done("failed", "by_high_risk"),
        Fate::Refused(_) => done("failed", "by_bank"),
        Fate::Paid | Fate::UnknownKey | Fate::WrongOwner => done("processed", "approved"),
    })
}

/// The magic references of the test environment.
fn test_outcome(reference: &str) -> Result<(String, String), Reply> {
    Ok(match reference {
        "new" => done("new", "new"),
        "failed_by_bank" => done("failed", "by_bank"),
        "failed_by_provider" => done("failed", "by_provider"),
        "failed_by_caps" => done("failed", "by_caps"),
        "failed_other_reason" => done("failed", "other_reason"),
        "failed_by_high_risk" => done("failed", "by_high_risk"),
        "failed_by_compliance" => done("failed", "by_compliance"),
        "failed_insufficient_funds" => done("failed", "insufficient_funds"),
        "partially_processed" => done("partially_processed", "partially_processed"),
        "partially_processed_pending_bank" => done("partially_processed", "pending_bank"),
        "reverted" => done("reverted", "refunded"),
        "partially_reverted_partially_refunded" => done("partially_reverted", "partially_refunded"),
        "internal_server_error" => {
            return Err(error::payout(
                500,
                "internal_server_error",
                "Internal server error",
            ));
        }
        _ => done("processed", "approved"),
    })
}

pub fn read(state: &State, id: &str, effect: Effect) -> Outcome {
    let found = state
        .book
        .intents
        .get(id)
        .filter(|intent| !intent.test && !effect.hides(state.now, intent.created));
    let found =
        found.ok_or_else(|| error::payout(404, "not_found", "Transaction intent not found"))?;
    Ok(Reply::json(200, &views::intent(found)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verifies_the_documented_signatures_over_raw_bytes() {
        let first = "CvoqXP7w5FeV1MM7h1e7/zrx2rKqSwPNf3Gin7YKtnV4WbBsyR/Li9p8FbIpI6ZAntNsVQI05tH9VaBT56AlBQ==";
        let second = "H8WlqaZ2tF6NTe425SkG363kQGOV7X2EJo7PQfSsYsAB7Sn/yhZNFy0hjp3M3WBChmpJ71inDyL8OLsCZSY4CQ==";
        let (tight, spaced) = (
            br#"{"external_reference":"wd-0001"}"#,
            br#"{"external_reference": "wd-0001"}"#,
        );
        assert!(signature_holds(tight, first));
        assert!(signature_holds(spaced, second));
        assert!(!signature_holds(spaced, first));
        assert!(!signature_holds(tight, "not base64"));
    }
}
