//! What of a payment counts as money of ours.

use super::*;

fn payment(status: &str, detail: &str, more: &str) -> wire::Payment {
    serde_json::from_str(&format!(
        r#"{{"id":1318000001,"status":"{status}","status_detail":"{detail}","currency_id":"BRL","payment_method_id":"pix",
            "transaction_amount":10.5,"date_approved":"2026-03-10T10:32:00.000-04:00","external_reference":"ref","collector_id":123,
            "fee_details":[{{"type":"mercadopago_fee","amount":0.1,"fee_payer":"collector"}},{{"type":"x","amount":5,"fee_payer":"payer"}}],
            "point_of_interaction":{{"transaction_data":{{"e2e_id":"E1","bank_info":{{"payer":{{"long_name":"Ana"}}}}}}}}{more}}}"#
    ))
    .unwrap()
}

#[test]
fn only_paid_pix_in_reais_counts() {
    for (status, counts) in [
        ("approved", true),
        ("in_mediation", true),
        ("refunded", true),
        ("charged_back", true),
        ("pending", false),
        ("in_process", false),
        ("authorized", false),
        ("rejected", false),
        ("cancelled", false),
        ("astonished", false),
    ] {
        assert_eq!(
            paid_status(&payment(status, "", "")).is_some(),
            counts,
            "{status}"
        );
    }
    let mut other = payment("approved", "", "");
    other.currency_id = Some("ARS".to_owned());
    assert!(paid_status(&other).is_none());
    other.currency_id = None;
    assert!(paid_status(&other).is_none());
    let mut card = payment("approved", "", "");
    card.payment_method_id = Some("visa".to_owned());
    assert!(paid_status(&card).is_none());
}

#[test]
fn only_what_our_account_collected_counts() {
    let mut payment = payment("approved", "", "");
    assert!(is_collected_by("123", &payment));
    assert!(!is_collected_by("124", &payment));
    payment.collector_id = None;
    assert!(
        !is_collected_by("123", &payment),
        "a payment we made shows none of ours"
    );
    payment.collector = serde_json::from_str(r#"{"id":"123"}"#).unwrap();
    assert!(is_collected_by("123", &payment));
}

#[test]
fn its_facts() {
    let pay_in = read(&payment("approved", "accredited", "")).unwrap();
    assert_eq!(pay_in.key, "1318000001");
    assert_eq!(pay_in.amount.cents(), 1050);
    assert_eq!(pay_in.fee.map(Money::cents), Some(10), "what we pay of it");
    assert_eq!(pay_in.end_to_end_id.as_deref(), Some("E1"));
    assert_eq!(Some(pay_in.paid_at), time::parse("2026-03-10T14:32:00Z"));
    assert_eq!(pay_in.payer.name.as_deref(), Some("Ana"));
    assert_eq!(pay_in.charge_reference.as_deref(), Some("ref"));
}

const REFUNDS: &str = r#","refunds":[{"id":1,"amount":1,"status":"approved"},{"id":2,"amount":2.5,"status":"in_process"},
        {"id":3,"amount":3,"status":"rejected"}],"date_last_updated":"2026-03-11T10:00:00.000-04:00""#;

#[test]
fn refunds_are_returns() {
    let refunded = payment("approved", "partially_refunded", REFUNDS);
    let pay_in = read(&refunded).unwrap();
    let told: Vec<_> = pay_in
        .returned
        .iter()
        .map(|item| (item.key.as_str(), item.amount.cents(), item.done))
        .collect();
    assert_eq!(told, [("1", 100, true), ("2", 250, false)]);
}

#[test]
fn table_of_disputes() {
    // What the approved refund has left.
    let amount = Money::from_cents(950).unwrap();
    for (status, detail, expected) in [
        ("in_mediation", "pending", ShownDispute::Open { amount }),
        ("charged_back", "in_process", ShownDispute::Open { amount }),
        ("charged_back", "unheard_of", ShownDispute::Open { amount }),
        ("charged_back", "settled", ShownDispute::Lost { amount }),
        ("charged_back", "reimbursed", ShownDispute::Nothing),
        ("approved", "accredited", ShownDispute::Nothing),
        ("approved", "partially_refunded", ShownDispute::Nothing),
        ("refunded", "by_admin", ShownDispute::Nothing),
    ] {
        let payment = payment(status, detail, REFUNDS);
        let pay_in = read(&payment).unwrap();
        let status = paid_status(&payment).unwrap();
        let told = dispute(status, &payment, &pay_in);
        assert_eq!(told.shown, expected, "{status:?}/{detail}");
        assert_eq!(told.key, "payment", "one key through all its states");
        assert_eq!(told.seen_at, time::parse("2026-03-11T14:00:00Z"));
    }
}
