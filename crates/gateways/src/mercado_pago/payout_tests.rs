//! Preparing payouts, and reading the answers to sends and lookups.

use domain::time::Moment;
use proptest::prelude::*;

use super::super::signature::Signer;
use super::*;
use crate::config::{PayoutApi, SigningKey};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const ID: &str = "1108917506-01GG";

fn settings() -> OrderSettings {
    OrderSettings {
        payout_api: PayoutApi::TransactionIntents,
        signer: Some(Signer::new(&SigningKey::Seed([1; 32])).unwrap()),
        enforce_signature: true,
        test_token: false,
        notification_url: None,
    }
}

fn order(key: &str) -> PayoutOrder {
    PayoutOrder {
        attempt_key: KEY.to_owned(),
        amount: Money::from_cents(10_050).unwrap(),
        destination: Destination::Key {
            key: PixKey::recognize(key).unwrap(),
            owner: None,
        },
        description: None,
    }
}

fn attempt() -> AttemptReference {
    AttemptReference {
        attempt_key: KEY.to_owned(),
        gateway_reference: Some(ID.to_owned()),
        request: prepare(&settings(), &order("ana@example.com")).unwrap(),
        amount: Money::from_cents(10_050).unwrap(),
        created_at: Moment::from_micros(0),
    }
}

fn facts() -> Facts {
    Envelope::open(&attempt().request).unwrap().facts
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.as_bytes().to_vec(),
    }
}

/// An intent with these statuses: its own, its detail, the receiving account's detail.
fn intent(status: &str, own: &str, account: &str, refunded: &str) -> String {
    let text = |word: &str| match word {
        "" => "null".to_owned(),
        word => format!("\"{word}\""),
    };
    format!(
        r#"{{"id":"{ID}","status":{},"status_detail":{},"external_reference":"{KEY}",
            "transaction":{{"from":{{"accounts":[{{"amount":100.5}}]}},
              "to":{{"accounts":[{{"amount":100.5,"status_detail":{},"chave":{{"type":"EMAIL","value":"ana@example.com"}},"owner":{{}}}}]}},
              "paid_amount":0,"refunded_amount":{refunded},"total_amount":100.50,"payer":{{"id":1}}}}}}"#,
        text(status),
        text(own),
        text(account)
    )
}

#[test]
fn the_request_is_the_documented_one_and_signed() {
    let with_owner = PayoutOrder {
        destination: Destination::Key {
            key: PixKey::recognize("52998224725").unwrap(),
            owner: Some(TaxId::parse("52998224725").unwrap()),
        },
        ..order("ana@example.com")
    };
    let settings = OrderSettings {
        notification_url: Some("https://pay.example.com/webhooks/mercado-pago".to_owned()),
        ..settings()
    };
    let envelope = Envelope::open(&prepare(&settings, &with_owner).unwrap()).unwrap();
    assert_eq!(envelope.path, "/v1/transaction-intents/process");
    assert_eq!(
        envelope.body,
        format!(
            r#"{{"external_reference":"{KEY}","point_of_interaction":{{"type":"PSP_TRANSFER"}},"seller_configuration":{{"notification_info":{{"notification_url":"https://pay.example.com/webhooks/mercado-pago"}}}},"transaction":{{"from":{{"accounts":[{{"amount":100.5}}]}},"to":{{"accounts":[{{"type":"current","amount":100.5,"chave":{{"type":"CPF","value":"52998224725"}},"owner":{{"identification":{{"type":"CPF","number":"52998224725"}}}}}}]}},"total_amount":100.5}}}}"#
        )
    );
    let signature = settings
        .signer
        .as_ref()
        .map(|signer| signer.sign(envelope.body.as_bytes()));
    assert_eq!(envelope.headers.get("x-signature"), signature.as_ref());
    assert_eq!(envelope.headers["x-idempotency-key"], KEY);
    assert_eq!(envelope.headers["x-enforce-signature"], "true");
    assert_eq!(envelope.headers["x-test-token"], "false");
}

#[test]
fn keys_are_named_by_kind() {
    for (key, kind) in [
        ("52998224725", "CPF"),
        ("00000000000191", "CNPJ"),
        ("+5511987654321", "PHONE"),
        ("ana@example.com", "EMAIL"),
        ("8f14e45f-ceea-467f-a0e6-bbd3f6a1c2d3", "PIX_CODE"),
    ] {
        let request = prepare(&settings(), &order(key)).unwrap();
        let body = Envelope::open(&request).unwrap().body;
        let expected = format!(r#""chave":{{"type":"{kind}","value":"{key}"}}"#);
        assert!(body.contains(&expected), "{body}");
    }
}

#[test]
fn what_it_cannot_carry() {
    let by_code = PayoutOrder {
        destination: Destination::BrCode("000201".to_owned()),
        ..order("ana@example.com")
    };
    let field = |order| prepare(&settings(), &order).unwrap_err().field;
    assert_eq!(field(by_code), "destination");
    let zero = PayoutOrder {
        amount: Money::ZERO,
        ..order("ana@example.com")
    };
    assert_eq!(field(zero), "amount");
    let long = PayoutOrder {
        attempt_key: "a".repeat(65),
        ..order("ana@example.com")
    };
    assert_eq!(field(long), "attempt_key");
}

#[test]
fn answers_to_the_send() {
    let fine = intent("approved", "", "", "0");
    let done = intent("processed", "approved", "approved", "0");
    let failed = intent("failed", "by_bank", "", "0");
    let strange = intent("astonished", "", "", "0");
    let table: &[(u16, &str, &str)] = &[
        (202, &fine, "accepted"),
        (201, &fine, "accepted"),
        (200, &fine, "accepted"),
        // A stored state at most: only a GET is believed.
        (202, &done, "accepted"),
        (202, &failed, "accepted"),
        (202, &strange, "accepted"),
        (202, &fine.replace(KEY, "another"), "unknown"),
        (202, &fine.replace("100.50", "100.51"), "unknown"),
        (202, &fine.replace("100.50", "1.0050e2"), "unknown"),
        (202, &fine.replace(ID, ""), "unknown"),
        (202, r#"{"status":"approved"}"#, "unknown"),
        (200, "", "unknown"),
        (202, "{", "unknown"),
        (204, "", "unknown"),
        (424, "", "unknown"),
    ];
    for (status, body, class) in table {
        let verdict = classify(&facts(), &answer(*status, body));
        assert_eq!(verdict.class(), *class, "{status} {body}");
    }
}

#[test]
fn the_rule_of_statuses() {
    let table: &[(&str, &str, &str, &str)] = &[
        ("processed", "approved", "", "settled"),
        ("processed", "", "approved", "settled"),
        ("success", "accredited", "", "settled"),
        ("success", "", "accredited", "settled"),
        ("approved", "", "approved", "settled"),
        ("approved", "approved", "", "settled"),
        ("refunded", "", "", "settled"),
        ("reverted", "refunded", "", "settled"),
        ("approved", "", "", "in_progress"),
        ("approved", "pending_bank", "", "in_progress"),
        ("new", "new", "", "in_progress"),
        ("created", "", "", "in_progress"),
        ("pending", "", "", "in_progress"),
        ("in_process", "pending_authorized", "", "in_progress"),
        ("in_process", "pending_bank", "", "in_progress"),
        ("transaction_in_process", "pending_bank", "", "in_progress"),
        ("success", "in_progress", "", "in_progress"),
        ("processed", "", "", "in_progress"),
        ("rejected", "by_bank", "", "refused"),
        ("failed", "", "by_caps", "refused"),
        ("error", "failed", "", "refused"),
        ("canceled", "", "", "refused"),
        ("cancelled", "", "", "refused"),
        ("failed", "", "approved", "unclear"),
        ("partially_processed", "", "", "unclear"),
        ("partially_processed", "pending_bank", "", "unclear"),
        ("approved", "partially_refunded", "", "unclear"),
        ("partially_reverted", "partially_refunded", "", "unclear"),
        ("success", "astonished", "", "unclear"),
        ("astonished", "approved", "approved", "unclear"),
        ("", "approved", "approved", "unclear"),
        ("in_process", "", "approved", "in_progress"),
    ];
    for (status, own, account, class) in table {
        let body = intent(status, own, account, "0");
        let lookup = read_lookup(&attempt(), ID, &answer(200, &body));
        assert_eq!(lookup.evidence.class(), *class, "{status}/{own}/{account}");
    }
}

#[test]
fn reasons_of_refusals() {
    use RefusalReason::{
        GatewayLimit, InsufficientFloat, PayeeBankUnavailable, PayeeRefused, RiskRefused,
        Unexplained,
    };
    for (detail, expected) in [
        ("by_bank", PayeeRefused),
        ("high_risk", RiskRefused),
        ("by_high_risk", RiskRefused),
        ("by_compliance", RiskRefused),
        ("review_manual", RiskRefused),
        ("insufficient_funds", InsufficientFloat),
        ("by_caps", GatewayLimit),
        ("by_provider", PayeeBankUnavailable),
        ("other_reason", Unexplained),
        ("", Unexplained),
        ("astonished", Unexplained),
    ] {
        let body = intent("failed", detail, "", "0");
        match read_lookup(&attempt(), ID, &answer(200, &body)).evidence {
            Evidence::Refused(refusal) => assert_eq!(refusal.reason, expected, "{detail}"),
            other => panic!("{detail}: {other:?}"),
        }
    }
}

#[test]
fn a_movement_that_is_not_the_one_asked_for_is_never_believed() {
    let done = intent("processed", "approved", "", "0");
    for (from, to) in [
        (KEY, "another"),
        (ID, "1108917506-02"),
        ("100.50", "100.51"),
        ("ana@", "eva@"),
    ] {
        let body = done.replace(from, to);
        let lookup = read_lookup(&attempt(), ID, &answer(200, &body));
        assert_eq!(lookup.evidence.class(), "unclear", "{to}");
    }
}

#[test]
fn lookups_without_an_answer() {
    for (status, body, class) in [
        (404, "", "not_found"),
        (200, "", "unclear"),
        (401, "", "unclear"),
        (400, r#"{"message":"Invalid site"}"#, "unclear"),
        (500, "", "unclear"),
        (302, "", "unclear"),
    ] {
        let lookup = read_lookup(&attempt(), ID, &answer(status, body));
        assert_eq!(lookup.evidence.class(), class, "{status}");
    }
}

#[test]
fn what_came_back_is_told_as_one_growing_total() {
    let returned = |status: &str, own: &str, refunded: &str| {
        let body = intent(status, own, "", refunded);
        let lookup = read_lookup(&attempt(), ID, &answer(200, &body));
        lookup
            .returns
            .into_iter()
            .map(|item| (item.key, item.amount.cents()))
            .collect::<Vec<_>>()
    };
    let key = format!("{ID}:returned");
    assert_eq!(returned("processed", "approved", "0"), []);
    assert_eq!(
        returned("processed", "approved", "20.5"),
        [(key.clone(), 2050)]
    );
    assert_eq!(returned("refunded", "", "100.5"), [(key.clone(), 10_050)]);
    for (status, own) in [
        ("approved", "partially_refunded"),
        ("processed", "partially_refunded"),
        ("partially_reverted", ""),
    ] {
        let told = returned(status, own, "41");
        assert_eq!(told, [(key.clone(), 4_100)], "{status}/{own}");
        assert_eq!(returned(status, own, "0"), [], "{status}/{own}");
    }
    assert_eq!(returned("refunded", "", "0"), [(key, 10_050)], "all of it");
    assert_eq!(returned("failed", "by_bank", "100.5"), []);
    assert_eq!(returned("partially_processed", "", "100.5"), []);
}

proptest! {
    #![proptest_config(crate::testing::repeatable(2000))]

    /// Whatever comes back, a send is never settled by its own answer, and a lookup settles or
    /// refuses only on 200 with a status that says so.
    #[test]
    fn arbitrary_answers_prove_nothing(
        status in 100u16..600,
        body in prop_oneof![
            any::<String>(),
            ("[a-z_]{0,10}", "[a-z_]{0,10}").prop_map(|(own, detail)| intent(&own, &detail, "", "0")),
            ("(processed|success|approved|failed|refunded|new)", "(approved|accredited|by_bank|)")
                .prop_map(|(own, detail)| intent(&own, &detail, "", "0")),
        ],
    ) {
        let verdict = classify(&facts(), &answer(status, &body));
        prop_assert!(!matches!(verdict, SendVerdict::Settled(_) | SendVerdict::NeverSent(_)));
        if let SendVerdict::NotDone(_) = verdict {
            prop_assert!(matches!(status, 401 | 403));
        }
        let evidence = read_lookup(&attempt(), ID, &answer(status, &body)).evidence;
        let says = |words: &[&str]| words.iter().any(|word| body.contains(&format!("\"status\":\"{word}\"")));
        if let Evidence::Settled(_) = &evidence {
            prop_assert!(status == 200 && says(&["processed", "success", "approved", "refunded", "reverted"]));
        }
        if let Evidence::Refused(_) = &evidence {
            prop_assert!(status == 200 && says(&["failed", "rejected", "error", "canceled", "cancelled"]));
        }
    }
}
