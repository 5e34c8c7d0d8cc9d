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
        assert_eq!(was_paid(&payment(status, "", "")), counts, "{status}");
    }
    let mut other = payment("approved", "", "");
    other.currency_id = Some("ARS".to_owned());
    assert!(!was_paid(&other));
    other.currency_id = None;
    assert!(!was_paid(&other));
    let mut card = payment("approved", "", "");
    card.payment_method_id = Some("visa".to_owned());
    assert!(!was_paid(&card));
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

#[test]
fn refunds_and_disputes_are_returns() {
    let refunds = r#","refunds":[{"id":1,"amount":1,"status":"approved"},{"id":2,"amount":2.5,"status":"in_process"},
        {"id":3,"amount":3,"status":"rejected"}]"#;
    let refunded = payment("approved", "partially_refunded", refunds);
    let pay_in = read(&refunded).unwrap();
    let told: Vec<_> = pay_in
        .returned
        .iter()
        .map(|item| (item.key.as_str(), item.amount.cents(), item.done))
        .collect();
    assert_eq!(told, [("1", 100, true), ("2", 250, false)]);
    assert_eq!(dispute(&refunded, &pay_in), None);

    for (status, detail, expected) in [
        ("in_mediation", "pending", Some(false)),
        ("charged_back", "in_process", Some(false)),
        ("charged_back", "settled", Some(true)),
        ("charged_back", "reimbursed", None),
        ("approved", "accredited", None),
        ("refunded", "refunded", None),
    ] {
        let item = dispute(&payment(status, detail, refunds), &pay_in);
        assert_eq!(
            item.as_ref().map(|item| item.done),
            expected,
            "{status}/{detail}"
        );
        if let Some(item) = item {
            assert_eq!(
                item.key, "dispute:1318000001",
                "one key through all its states"
            );
            assert_eq!(item.amount.cents(), 950, "what refunds have left");
        }
    }
}
