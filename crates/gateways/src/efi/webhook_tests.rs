//! Efí's notifications, as documented and as they trap.

use std::collections::BTreeMap;

use super::*;

const SECRET: &str = "s3cret/with space";

fn request(path: &str, query: &str, body: &str) -> InboundRequest {
    InboundRequest {
        path: path.to_owned(),
        query: query.to_owned(),
        headers: BTreeMap::new(),
        body: body.as_bytes().to_vec(),
    }
}

fn hints_of(body: &str) -> Vec<Hint> {
    let request = request("/webhooks/efi/abc", "", body);
    let parsed = read(&"abc".to_owned().into(), &request).unwrap();
    assert!(parsed.verified);
    parsed.hints
}

#[test]
fn the_secret_stands_in_the_path_or_in_the_query() {
    let body = r#"{"evento":"teste_webhook"}"#;
    let accepted = [
        ("/webhooks/efi/abc", ""),
        ("/webhooks/efi/abc/pix", ""),
        ("/webhooks/efi/abc", "ignorar=/pix"),
        ("/webhooks/efi", "hmac=abc&ignorar=/pix"),
        ("/webhooks/efi", "hmac=abc/pix"),
    ];
    for (path, query) in accepted {
        let parsed = read(&"abc".to_owned().into(), &request(path, query, body));
        assert_eq!(
            parsed.map(|parsed| parsed.hints),
            Ok(vec![]),
            "{path}?{query}"
        );
    }
    let refused = [
        ("/webhooks/efi/", ""),
        ("/webhooks/efi/abd", ""),
        ("/webhooks/efi/abc/pix/pix", ""),
        ("/webhooks/efi/ABC", ""),
        ("/webhooks/efi", "hmac="),
        ("/other/abc", ""),
    ];
    for (path, query) in refused {
        let parsed = read(&"abc".to_owned().into(), &request(path, query, body));
        assert_eq!(parsed, Err(InboundRefusal::BadSignature), "{path}?{query}");
    }
    let unset = read(
        &String::new().into(),
        &request("/webhooks/efi/", "hmac=", body),
    );
    assert_eq!(unset, Err(InboundRefusal::BadSignature));
}

#[test]
fn what_is_no_notification_is_malformed() {
    for body in ["", "[]", "{}", r#"{"evento":"other"}"#, r#"{"pix":{}}"#] {
        let parsed = read(
            &"abc".to_owned().into(),
            &request("/webhooks/efi/abc", "", body),
        );
        assert!(
            matches!(parsed, Err(InboundRefusal::Malformed(_))),
            "{body}"
        );
    }
}

#[test]
fn events_are_told_apart() {
    let payout = |reference: &str| Hint::Payout {
        reference: reference.to_owned(),
    };
    let charge = |reference: &str| Hint::Charge {
        reference: reference.to_owned(),
    };
    let settled = r#"{"pix":[{"endToEndId":"E1","chave":"k","tipo":"SOLICITACAO","status":"REALIZADO","valor":"12.34","horario":"x","gnExtras":{"idEnvio":"wd0001"}}]}"#;
    assert_eq!(hints_of(settled), [payout("wd0001")]);
    let refused = r#"{"pix":[{"endToEndId":"E1","tipo":"SOLICITACAO","status":"NAO_REALIZADO","horario":null,"gnExtras":{"idEnvio":"wd0001","erro":{"codigo":"AC03"}}}]}"#;
    assert_eq!(hints_of(refused), [payout("wd0001")]);
    let given_back = r#"{"pix":[{"endToEndId":"E1","tipo":"DEVOLUCAO_RECEBIDA"}]}"#;
    assert_eq!(hints_of(given_back), [payout("E1")]);
    let received = r#"{"pix":[{"endToEndId":"E1803615022211340s08793XPJ","txid":"short","chave":"k","valor":"10.50","gnExtras":{"tarifa":"0.11","pagador":{"nome":"A"}}}]}"#;
    assert_eq!(hints_of(received), [charge("short")]);
    let bare = r#"{"pix":[{"endToEndId":"E2","valor":"10.50"}]}"#;
    assert_eq!(
        hints_of(bare),
        [Hint::PayIn {
            key: "E2".to_owned()
        }]
    );
    let refund = r#"{"pix":[{"endToEndId":"E3","txid":"t","devolucoes":[{"id":"r","status":"DEVOLVIDO"}]}]}"#;
    let refund_hint = Hint::Refund {
        pay_in_key: "E3".to_owned(),
    };
    assert_eq!(hints_of(refund), [refund_hint, charge("t")]);
    assert_eq!(hints_of(r#"{"pix":[{}]}"#), []);
    assert_eq!(
        hints_of(r#"{"pix":[{"endToEndId":"E2"},{"txid":"t"}]}"#).len(),
        2,
        "several events in one delivery"
    );
}

#[test]
fn the_registered_address_swallows_the_suffix_and_is_understood() {
    let secret: SecretString = SECRET.to_owned().into();
    let address = address("https://pay.example.com/", &secret);
    assert_eq!(
        address,
        "https://pay.example.com/webhooks/efi/s3cret%2Fwith%20space?ignorar="
    );
    let path = "/webhooks/efi/s3cret%2Fwith%20space";
    let delivery = request(path, "ignorar=/pix", r#"{"pix":[{"txid":"t"}]}"#);
    assert_eq!(read(&secret, &delivery).unwrap().hints.len(), 1);
}
