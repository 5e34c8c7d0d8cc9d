//! Preparing charges, and reading what became of them.

use app::ports::gateway::Payer;
use domain::money::Money;
use domain::tax_id::TaxId;

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn order() -> ChargeOrder {
    ChargeOrder {
        attempt_key: KEY.to_owned(),
        amount: Money::from_cents(1050).unwrap(),
        description: Some("Pedido".to_owned()),
        expires_in_seconds: 3600,
        created_at: Moment::from_micros(0),
        payer: None,
        fallback_email: "user@example.com".to_owned(),
    }
}

fn attempt() -> AttemptReference {
    AttemptReference {
        attempt_key: KEY.to_owned(),
        gateway_reference: None,
        request: prepare("our-key", &order()).unwrap(),
        amount: Money::from_cents(1050).unwrap(),
        created_at: Moment::from_micros(0),
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.as_bytes().to_vec(),
    }
}

fn shown(status: &str, more: &str) -> String {
    // `expiracao` as a text, as the documentation's examples print it.
    format!(
        r#"{{"calendario":{{"criacao":"2026-03-10T14:30:00.000Z","expiracao":"3600"}},"txid":"{KEY}","status":"{status}",
            "valor":{{"original":"10.50"}},"chave":"our-key"{more}}}"#
    )
}

fn found(body: &str) -> FoundCharge {
    match read_lookup(&attempt(), &answer(200, body)) {
        ChargeLookup::Found(found) => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_request_is_the_documented_one() {
    let envelope = Envelope::open(&attempt().request).unwrap();
    assert_eq!(envelope.path, format!("/v2/cob/{KEY}"));
    assert_eq!(
        envelope.body,
        r#"{"calendario":{"expiracao":3600},"valor":{"original":"10.50"},"chave":"our-key","solicitacaoPagador":"Pedido"}"#
    );
    let whole = Payer {
        name: Some("Ana Souza".to_owned()),
        tax_id: Some(TaxId::parse("52998224725").unwrap()),
        email: None,
    };
    let nameless = Payer {
        name: None,
        ..whole.clone()
    };
    let body_for = |payer| {
        let order = ChargeOrder {
            payer: Some(payer),
            ..order()
        };
        Envelope::open(&prepare("k", &order).unwrap()).unwrap().body
    };
    assert!(body_for(whole).contains(r#""devedor":{"cpf":"52998224725","nome":"Ana Souza"}"#));
    assert!(!body_for(nameless).contains("devedor"));
}

#[test]
fn what_cannot_be_carried() {
    let zero = ChargeOrder {
        amount: Money::ZERO,
        ..order()
    };
    assert_eq!(prepare("k", &zero).unwrap_err().field, "amount");
    let dead = ChargeOrder {
        expires_in_seconds: 0,
        ..order()
    };
    assert_eq!(prepare("k", &dead).unwrap_err().field, "expires_in_seconds");
}

#[test]
fn states() {
    let table = [
        ("ATIVA", ChargeState::Active),
        ("CONCLUIDA", ChargeState::Paid),
        ("REMOVIDA_PELO_USUARIO_RECEBEDOR", ChargeState::Removed),
        ("REMOVIDA_PELO_PSP", ChargeState::Removed),
        ("EXPIRADA", ChargeState::Unrecognized),
        ("", ChargeState::Unrecognized),
    ];
    for (status, state) in table {
        assert_eq!(found(&shown(status, "")).state, state, "{status}");
    }
    let expires_at = found(&shown("ATIVA", "")).expires_at;
    assert_eq!(expires_at, time::parse("2026-03-10T15:30:00Z"));
}

#[test]
fn lookups_that_show_no_charge() {
    let lookup = |status, body: &str| read_lookup(&attempt(), &answer(status, body));
    let absent = r#"{"nome":"cobranca_nao_encontrada"}"#;
    assert_eq!(lookup(400, absent), ChargeLookup::NotFound);
    assert_eq!(
        lookup(404, ""),
        ChargeLookup::Unclear(UnknownCause::UnrecognizedAnswer)
    );
    assert_eq!(
        lookup(500, absent),
        ChargeLookup::Unclear(UnknownCause::ServerError)
    );
    assert_eq!(
        lookup(200, "{"),
        ChargeLookup::Unclear(UnknownCause::UnreadableBody)
    );
    for (from, to) in [("10.50", "10.51"), ("our-key", "their-key"), (KEY, "0")] {
        let other = shown("CONCLUIDA", "").replace(from, to);
        assert_eq!(
            lookup(200, &other),
            ChargeLookup::Unclear(UnknownCause::UnrecognizedAnswer),
            "{to}"
        );
    }
}

#[test]
fn every_pix_that_paid_it_is_observed() {
    let pix = r#","pix":[
        {"endToEndId":"E1","txid":"x","valor":"10.50","horario":"2026-03-10T14:32:00.000Z","chave":"our-key",
         "pagador":{"nome":"Ana","cpf":"***.456.789-**"},"gnExtras":{"tarifa":"0.11"},
         "devolucoes":[{"id":"r1","rtrId":"D1","valor":"1.00","status":"DEVOLVIDO"},
                       {"id":"r2","rtrId":"D2","valor":"2.00","status":"EM_PROCESSAMENTO"},
                       {"id":"r3","rtrId":"D3","valor":"3.00","status":"NAO_REALIZADO"}]},
        {"endToEndId":"E2","valor":"5.00","horario":"2026-03-10T14:33:00.000Z"},
        {"endToEndId":"E3","valor":"7.00","horario":"2026-03-10T14:33:00.000Z","chave":"their-key"}]"#;
    let charge = found(&shown("CONCLUIDA", pix));
    let keys: Vec<_> = charge
        .pay_ins
        .iter()
        .map(|item| item.key.as_str())
        .collect();
    assert_eq!(keys, ["E1", "E2"], "the third is not paid to our key");
    let first = &charge.pay_ins[0];
    assert_eq!(first.amount.cents(), 1050);
    assert_eq!(first.fee.map(Money::cents), Some(11));
    assert_eq!(first.payer.name.as_deref(), Some("Ana"));
    assert_eq!(first.charge_reference.as_deref(), Some(KEY));
    let returned: Vec<_> = first
        .returned
        .iter()
        .map(|item| (item.key.as_str(), item.attempt_key.as_deref(), item.done))
        .collect();
    assert_eq!(
        returned,
        [("D1", Some("r1"), true), ("D2", Some("r2"), false)]
    );
}

#[test]
fn cancelling() {
    let removed = shown("REMOVIDA_PELO_USUARIO_RECEBEDOR", "");
    let table: &[(u16, &str, CancelAnswer)] = &[
        (200, &removed, CancelAnswer::Cancelled),
        (
            200,
            &shown("ATIVA", ""),
            CancelAnswer::Unclear(UnknownCause::UnrecognizedAnswer),
        ),
        (
            400,
            r#"{"nome":"status_cobranca_invalido"}"#,
            CancelAnswer::NotCancellable,
        ),
        (
            400,
            r#"{"nome":"cobranca_nao_encontrada"}"#,
            CancelAnswer::NotFound,
        ),
        (
            400,
            "",
            CancelAnswer::Unclear(UnknownCause::UnrecognizedAnswer),
        ),
        (503, "", CancelAnswer::Unclear(UnknownCause::ServerError)),
    ];
    for (status, body, expected) in table {
        assert_eq!(
            read_cancel(&answer(*status, body)),
            *expected,
            "{status} {body}"
        );
    }
}
