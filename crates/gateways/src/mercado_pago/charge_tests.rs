//! Preparing charges, and reading what became of them.

use domain::money::Money;
use domain::tax_id::TaxId;
use domain::time::Moment;

use super::*;
use crate::config::PayoutApi;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn settings() -> OrderSettings {
    OrderSettings {
        payout_api: PayoutApi::TransactionIntents,
        signer: None,
        enforce_signature: false,
        test_token: false,
        notification_url: None,
    }
}

fn order() -> ChargeOrder {
    ChargeOrder {
        attempt_key: KEY.to_owned(),
        amount: Money::from_cents(1050).unwrap(),
        description: None,
        expires_in_seconds: 3600,
        created_at: time::parse("2026-03-10T14:30:00Z").unwrap(),
        payer: None,
        fallback_email: "user@example.com".to_owned(),
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.as_bytes().to_vec(),
    }
}

fn payment(status: &str, detail: &str) -> String {
    format!(
        r#"{{"id":1318000001,"status":"{status}","status_detail":"{detail}","currency_id":"BRL",
            "date_of_expiration":"2026-03-10T11:30:00.000-04:00","transaction_amount":10.5,
            "external_reference":"{KEY}","collector_id":123,"payment_method_id":"pix",
            "point_of_interaction":{{"type":"OPENPLATFORM","transaction_data":{{"qr_code":"0002012"}}}}}}"#
    )
}

#[test]
fn the_request_is_the_documented_one() {
    let envelope = Envelope::open(&prepare(&settings(), &order()).unwrap()).unwrap();
    assert_eq!(envelope.path, "/v1/payments");
    assert_eq!(envelope.headers["x-idempotency-key"], KEY);
    assert_eq!(
        envelope.body,
        format!(
            r#"{{"transaction_amount":10.5,"payment_method_id":"pix","external_reference":"{KEY}","date_of_expiration":"2026-03-10T12:30:00.000-03:00","payer":{{"email":"user@example.com"}}}}"#
        )
    );
    let named = ChargeOrder {
        payer: Some(Payer {
            name: Some("Ana Maria Souza".to_owned()),
            tax_id: Some(TaxId::parse("52998224725").unwrap()),
            email: Some("ana@example.com".to_owned()),
        }),
        ..order()
    };
    let envelope = Envelope::open(&prepare(&settings(), &named).unwrap()).unwrap();
    assert!(envelope.body.contains(
        r#""payer":{"email":"ana@example.com","first_name":"Ana","last_name":"Maria Souza","identification":{"type":"CPF","number":"52998224725"}}"#
    ));
}

#[test]
fn the_expiry_has_bounds() {
    for (seconds, fits) in [
        (1799, false),
        (1800, true),
        (2_592_000, true),
        (2_592_001, false),
    ] {
        let order = ChargeOrder {
            expires_in_seconds: seconds,
            ..order()
        };
        assert_eq!(prepare(&settings(), &order).is_ok(), fits, "{seconds}");
    }
}

#[test]
fn answers_to_the_creation() {
    let facts = Facts::new(KEY, Money::from_cents(1050).unwrap());
    let pending = payment("pending", "pending_waiting_transfer");
    let class = |status, body: &str| match classify(&facts, &answer(status, body)) {
        ChargeAnswer::Created(_) => "created",
        ChargeAnswer::NotDone(_) => "not_done",
        ChargeAnswer::NeverSent(_) => "never_sent",
        ChargeAnswer::Unknown(_) => "unknown",
    };
    let table: &[(u16, &str, &str)] = &[
        (201, &pending, "created"),
        (200, &pending, "created"),
        (201, &payment("rejected", "rejected_high_risk"), "not_done"),
        (201, &payment("approved", "accredited"), "unknown"),
        (201, &payment("astonished", ""), "unknown"),
        (201, &pending.replace("10.5", "10.6"), "unknown"),
        (201, &pending.replace(KEY, "another"), "unknown"),
        (201, &pending.replace("BRL", "ARS"), "unknown"),
        (201, &pending.replace("qr_code", "other"), "unknown"),
        (201, "", "unknown"),
        (202, &pending, "unknown"),
        (400, r#"{"cause":[{"code":13253}]}"#, "not_done"),
        (400, r#"{"cause":null}"#, "unknown"),
        (500, "", "unknown"),
    ];
    for (status, body, expected) in table {
        assert_eq!(class(*status, body), *expected, "{status} {body}");
    }
    let ChargeAnswer::Created(created) = classify(&facts, &answer(201, &pending)) else {
        panic!("not created");
    };
    assert_eq!(created.gateway_reference, "1318000001");
    assert_eq!(created.br_code, "0002012");
    assert_eq!(
        Some(created.expires_at),
        time::parse("2026-03-10T15:30:00Z")
    );
}

#[test]
fn states_follow_the_status_alone() {
    let table = [
        ("pending", "pending_provider_response", ChargeState::Active),
        ("in_process", "offline_process", ChargeState::Active),
        ("authorized", "pending_capture", ChargeState::Active),
        ("approved", "accredited", ChargeState::Paid),
        ("approved", "partially_refunded", ChargeState::Paid),
        ("in_mediation", "x", ChargeState::Paid),
        ("refunded", "by_admin", ChargeState::Paid),
        ("charged_back", "settled", ChargeState::Paid),
        ("cancelled", "expired", ChargeState::Expired),
        ("cancelled", "by_collector", ChargeState::Removed),
        ("rejected", "rejected_by_bank", ChargeState::Rejected),
        ("astonished", "", ChargeState::Unrecognized),
    ];
    for (status, detail, expected) in table {
        let payment: wire::Payment = serde_json::from_str(&payment(status, detail)).unwrap();
        assert_eq!(state(&payment), expected, "{status}/{detail}");
    }
}

#[test]
fn cancelling() {
    let table: &[(u16, &str, CancelAnswer)] = &[
        (
            200,
            &payment("cancelled", "by_collector"),
            CancelAnswer::Cancelled,
        ),
        (
            200,
            &payment("pending", ""),
            CancelAnswer::Unclear(UnknownCause::UnrecognizedAnswer),
        ),
        (200, "", CancelAnswer::Unclear(UnknownCause::UnreadableBody)),
        (400, "", CancelAnswer::NotCancellable),
        (404, "", CancelAnswer::NotFound),
        (500, "", CancelAnswer::Unclear(UnknownCause::ServerError)),
    ];
    for (status, body, expected) in table {
        assert_eq!(read_cancel(&answer(*status, body)), *expected, "{status}");
    }
    let created_at = Moment::from_micros(0);
    assert!(created_at < order().created_at);
}
