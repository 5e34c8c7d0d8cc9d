//! Refund answers and lookups.

use domain::money::Money;

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn facts() -> Facts {
    let order = RefundOrder {
        attempt_key: KEY.to_owned(),
        pay_in_key: "E1/2".to_owned(),
        amount: Money::from_cents(125).unwrap(),
        full: true,
    };
    let envelope = Envelope::open(&prepare(&order).unwrap()).unwrap();
    assert_eq!(envelope.path, format!("/v2/pix/E1%2F2/devolucao/{KEY}"));
    assert_eq!(envelope.body, r#"{"valor":"1.25"}"#);
    envelope.facts
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.as_bytes().to_vec(),
    }
}

fn shown(status: &str) -> String {
    format!(
        r#"{{"id":"{KEY}","rtrId":"D1","valor":"1.25","status":"{status}","motivo":"Saldo insuficiente"}}"#
    )
}

#[test]
fn sends() {
    let table: &[(u16, &str, &str)] = &[
        (201, &shown("EM_PROCESSAMENTO"), "accepted"),
        (201, &shown("DEVOLVIDO"), "accepted"),
        (201, &shown("NAO_REALIZADO"), "accepted"),
        (201, &shown("OUTRO"), "unknown"),
        (
            201,
            &shown("EM_PROCESSAMENTO").replace("1.25", "1.26"),
            "unknown",
        ),
        (
            201,
            &shown("EM_PROCESSAMENTO").replace(KEY, "other"),
            "unknown",
        ),
        (201, "", "unknown"),
        (409, r#"{"nome":"devolucao_id_duplicado"}"#, "unknown"),
        (400, r#"{"nome":"valor_invalido"}"#, "not_done"),
        (500, r#"{"nome":"erro_aplicacao"}"#, "unknown"),
    ];
    for (status, body, class) in table {
        let verdict = classify(&facts(), &answer(*status, body), true);
        assert_eq!(verdict.class(), *class, "{status} {body}");
    }
}

#[test]
fn lookups() {
    let table: &[(u16, &str, &str)] = &[
        (200, &shown("DEVOLVIDO"), "settled"),
        (200, &shown("EM_PROCESSAMENTO"), "in_progress"),
        (200, &shown("NAO_REALIZADO"), "refused"),
        (200, &shown("OUTRO"), "unclear"),
        (200, &shown("DEVOLVIDO").replace("1.25", "1.26"), "unclear"),
        (200, "null", "unclear"),
        (400, r#"{"nome":"devolucao_nao_encontrada"}"#, "not_found"),
        (404, "", "unclear"),
        (502, "<html>", "unclear"),
    ];
    for (status, body, class) in table {
        let evidence = read_lookup(&facts(), &answer(*status, body));
        assert_eq!(evidence.class(), *class, "{status} {body}");
    }
}
