//! Preparing payouts, and reading the answers to sends and lookups.

use domain::pix::key::PixKey;
use domain::time::Moment;
use proptest::prelude::*;

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn order(destination: Destination) -> PayoutOrder {
    PayoutOrder {
        attempt_key: KEY.to_owned(),
        amount: Money::from_cents(1234).unwrap(),
        destination,
        description: Some("x".repeat(200)),
    }
}

fn to_key(key: &str) -> Destination {
    Destination::Key {
        key: PixKey::recognize(key).unwrap(),
        owner: None,
    }
}

fn attempt(request: PreparedRequest) -> AttemptReference {
    AttemptReference {
        attempt_key: KEY.to_owned(),
        gateway_reference: None,
        request,
        amount: Money::from_cents(1234).unwrap(),
        created_at: Moment::from_micros(0),
    }
}

fn sample() -> AttemptReference {
    attempt(prepare("our-key", &order(to_key("ana@example.com"))).unwrap())
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.as_bytes().to_vec(),
    }
}

fn facts() -> Facts {
    Envelope::open(&sample().request).unwrap().facts
}

#[test]
fn a_payout_by_key_is_the_documented_request() {
    let destination = Destination::Key {
        key: PixKey::recognize("+5511987654321").unwrap(),
        owner: Some(TaxId::parse("529.982.247-25").unwrap()),
    };
    let envelope = Envelope::open(&prepare("our-key", &order(destination)).unwrap()).unwrap();
    assert_eq!(envelope.path, format!("/v3/gn/pix/{KEY}"));
    assert_eq!(
        envelope.body,
        format!(
            r#"{{"valor":"12.34","pagador":{{"chave":"our-key","infoPagador":"{}"}},"favorecido":{{"chave":"+5511987654321","cpf":"52998224725"}}}}"#,
            "x".repeat(140)
        )
    );
    assert!(envelope.headers.is_empty());
}

#[test]
fn a_payout_by_br_code_carries_the_code_verbatim() {
    let code = "00020101021226…6304ABCD";
    let request = prepare("our-key", &order(Destination::BrCode(code.to_owned()))).unwrap();
    let envelope = Envelope::open(&request).unwrap();
    assert_eq!(envelope.path, format!("/v2/gn/pix/{KEY}/qrcode"));
    assert!(envelope.body.contains(code));
    assert_eq!(envelope.facts.br_code.as_deref(), Some(code));
}

#[test]
fn what_efi_cannot_carry_is_refused_before_anything_is_committed() {
    let with = |attempt_key: &str, cents| PayoutOrder {
        attempt_key: attempt_key.to_owned(),
        amount: Money::from_cents(cents).unwrap(),
        ..order(to_key("ana@example.com"))
    };
    assert_eq!(prepare("k", &with(KEY, 0)).unwrap_err().field, "amount");
    for id in [
        "",
        "short",
        "0123456789abcdef-0123456789abcde",
        &"a".repeat(36),
    ] {
        assert_eq!(prepare("k", &with(id, 1)).unwrap_err().field, "attempt_key");
    }
}

#[test]
fn answers_to_the_send() {
    let ours = |status: &str, id: &str| {
        format!(r#"{{"idEnvio":"{id}","e2eId":"E1","valor":"12.34","status":"{status}","new":1}}"#)
    };
    let table = [
        (201, ours("EM_PROCESSAMENTO", KEY), "accepted"),
        (200, ours("EM_PROCESSAMENTO", KEY), "accepted"),
        // Known, but its truth is for the lookup to tell.
        (201, ours("REALIZADO", KEY), "accepted"),
        (201, ours("NAO_REALIZADO", KEY), "accepted"),
        (201, ours("NOVO_STATUS", KEY), "unknown"),
        (201, ours("EM_PROCESSAMENTO", "another"), "unknown"),
        (
            201,
            r#"{"status":"EM_PROCESSAMENTO"}"#.to_owned(),
            "unknown",
        ),
        (201, String::new(), "unknown"),
        (201, "{}".to_owned(), "unknown"),
        (201, r#"{"idEnvio":"012"#.to_owned(), "unknown"),
        (202, ours("EM_PROCESSAMENTO", KEY), "unknown"),
        (204, String::new(), "unknown"),
    ];
    for (status, body, class) in table {
        let verdict = classify(&facts(), &answer(status, &body), true);
        assert_eq!(verdict.class(), class, "{status} {body}");
    }
}

#[test]
fn either_name_of_the_end_to_end_id_is_read() {
    for name in ["e2eId", "endToEndId"] {
        let body = format!(r#"{{"idEnvio":"{KEY}","{name}":"E9","status":"EM_PROCESSAMENTO"}}"#);
        match classify(&facts(), &answer(201, &body), true) {
            SendVerdict::Accepted(acceptance) => {
                assert_eq!(acceptance.end_to_end_id.as_deref(), Some("E9"));
                assert_eq!(acceptance.gateway_reference.as_deref(), Some(KEY));
            }
            other => panic!("{other:?}"),
        }
    }
}

fn sent(status: &str, more: &str) -> String {
    format!(
        r#"{{"endToEndId":"E1","idEnvio":"{KEY}","valor":"12.34","chave":"our-key","status":"{status}",
            "favorecido":{{"chave":"ANA@example.com","identificacao":{{"nome":"Ana","cpf":"***.456.789-**"}}}}{more}}}"#
    )
}

fn class_of(status: u16, body: &str) -> &'static str {
    read_lookup(&sample(), &answer(status, body))
        .evidence
        .class()
}

#[test]
fn lookups() {
    let not_found = r#"{"type":"https://pix.bcb.gov.br/api/v2/error/PixEnviadoNaoEncontrado","title":"t","status":404}"#;
    let table: &[(u16, &str, &str)] = &[
        (200, &sent("REALIZADO", ""), "settled"),
        (200, &sent("EM_PROCESSAMENTO", ""), "in_progress"),
        (200, &sent("NAO_REALIZADO", ""), "refused"),
        (200, &sent("OUTRO", ""), "unclear"),
        (200, &sent("", ""), "unclear"),
        (200, "", "unclear"),
        (200, "{}", "unclear"),
        (200, "<html>", "unclear"),
        (404, not_found, "not_found"),
        (404, "", "unclear"),
        (404, r#"{"message":"Not Found"}"#, "unclear"),
        (400, not_found, "unclear"),
        (401, "", "unclear"),
        (403, r#"{"message":"Forbidden"}"#, "unclear"),
        (429, "", "unclear"),
        (500, "", "unclear"),
        (301, "", "unclear"),
    ];
    for (status, body, class) in table {
        assert_eq!(class_of(*status, body), *class, "{status} {body}");
    }
}

#[test]
fn a_movement_that_is_not_the_one_asked_for_is_never_believed() {
    let done = sent("REALIZADO", "");
    for (from, to) in [
        ("12.34", "12.35"),
        ("12.34", "1234"),
        ("\"12.34\"", "null"),
        ("ANA@example.com", "eva@example.com"),
        (KEY, "ffffffffffffffffffffffffffffffff"),
    ] {
        assert_eq!(class_of(200, &done.replace(from, to)), "unclear", "{to}");
    }
    let refused = sent("NAO_REALIZADO", "").replace("12.34", "12.35");
    assert_eq!(class_of(200, &refused), "unclear");
    assert_eq!(
        class_of(200, &done.replace("ANA@example.com", " ana@EXAMPLE.com")),
        "settled",
        "two spellings of one key"
    );
}

#[test]
fn a_refusal_carries_the_schemes_code_where_it_is_told() {
    let coded = sent(
        "NAO_REALIZADO",
        r#","gnExtras":{"erro":{"codigo":"AC03","motivo":"x"}}"#,
    );
    let lookup = read_lookup(&sample(), &answer(200, &coded));
    assert_eq!(
        lookup.evidence,
        Evidence::Refused(Refusal {
            reason: RefusalReason::Scheme("AC03".to_owned()),
            code: "AC03".to_owned(),
        })
    );
    let lookup = read_lookup(&sample(), &answer(200, &sent("NAO_REALIZADO", "")));
    assert!(matches!(
        lookup.evidence,
        Evidence::Refused(Refusal {
            reason: RefusalReason::Unexplained,
            ..
        })
    ));
}

#[test]
fn returns_and_the_payees_name_are_told() {
    let body = sent(
        "REALIZADO",
        r#","devolucoes":[{"rtrId":"D1","valor":"2.00","horario":"2026-03-10T14:30:00.000Z"},{"rtrId":"D2","valor":"1.50"},{"rtrId":"D3","valor":"1.50"}]"#,
    );
    let lookup = read_lookup(&sample(), &answer(200, &body));
    assert_eq!(lookup.payee_name.as_deref(), Some("Ana"));
    let told: Vec<_> = lookup
        .returns
        .iter()
        .map(|item| (item.key.as_str(), item.amount.cents(), item.done))
        .collect();
    assert_eq!(
        told,
        [("D1", 200, true), ("D2", 150, true), ("D3", 150, true)]
    );
}

#[test]
fn the_amount_of_a_br_code_is_read_in_every_shape() {
    for (json, expected) in [
        (r#"{"valor":"10.50"}"#, Some("10.50")),
        (
            r#"{"valor":{"final":"10.50","original":"9.00"}}"#,
            Some("10.50"),
        ),
        (r#"{"valor":{"original":"9.00"}}"#, Some("9.00")),
        (r#"{"valor":{}}"#, None),
        ("{}", None),
    ] {
        let resolved: wire::ResolvedBrCode = serde_json::from_str(json).unwrap();
        let text = resolved.valor.as_ref().and_then(wire::ResolvedAmount::text);
        assert_eq!(text, expected, "{json}");
    }
}

proptest! {
    #![proptest_config(crate::testing::repeatable(2000))]

    /// Whatever comes back, a send is never settled by its own answer, and a lookup settles or
    /// refuses only on 200 with the status that says so.
    #[test]
    fn arbitrary_answers_prove_nothing(
        status in 100u16..600,
        body in prop_oneof![
            any::<String>(),
            "(REALIZADO|NAO_REALIZADO|EM_PROCESSAMENTO|[A-Z_]{0,12})".prop_map(|word| sent(&word, "")),
            "[0-9]{1,3}\\.[0-9]{2}".prop_map(|amount| sent("REALIZADO", "").replace("12.34", &amount)),
        ],
    ) {
        let verdict = classify(&facts(), &answer(status, &body), true);
        prop_assert!(!matches!(verdict, SendVerdict::Settled(_) | SendVerdict::NeverSent(_)));
        if matches!(verdict, SendVerdict::NotDone(_)) {
            prop_assert_eq!(status, 401);
        }
        let evidence = read_lookup(&sample(), &answer(status, &body)).evidence;
        if let Evidence::Settled(_) = &evidence {
            prop_assert!(status == 200 && body.contains(r#""REALIZADO""#) && body.contains(r#""12.34""#));
        }
        if let Evidence::Refused(_) = &evidence {
            prop_assert!(status == 200 && body.contains(r#""NAO_REALIZADO""#));
        }
    }
}
