//! Refund answers, and finding ours by comparing lists.

use domain::money::Money;

use super::*;

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn money(cents: i64) -> Money {
    Money::from_cents(cents).unwrap()
}

fn facts(before: &[&str]) -> Facts {
    let before: Vec<_> = before
        .iter()
        .map(|key| ObservedReturn {
            key: (*key).to_owned(),
            attempt_key: None,
            amount: money(1),
            done: true,
        })
        .collect();
    let order = RefundOrder {
        attempt_key: KEY.to_owned(),
        pay_in_key: "77".to_owned(),
        amount: money(125),
        full: true,
    };
    let envelope = Envelope::open(&prepare(&order, &before).unwrap()).unwrap();
    assert_eq!(envelope.path, "/v1/payments/77/refunds");
    assert_eq!(envelope.body, r#"{"amount":1.25}"#);
    assert_eq!(envelope.headers["x-idempotency-key"], KEY);
    assert_eq!(envelope.headers["x-render-in-process-refunds"], "true");
    envelope.facts
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.as_bytes().to_vec(),
    }
}

fn one(id: u32, amount: &str, status: &str) -> String {
    format!(r#"{{"id":{id},"payment_id":77,"amount":{amount},"status":"{status}","source":{{}}}}"#)
}

#[test]
fn sends() {
    let table: &[(u16, &str, &str)] = &[
        (201, &one(5, "1.25", "approved"), "settled"),
        (201, &one(5, "1.25", "in_process"), "accepted"),
        (201, &one(5, "1.25", "rejected"), "accepted"),
        (201, &one(5, "1.25", "astonished"), "unknown"),
        (201, &one(5, "1.26", "approved"), "unknown"),
        (
            201,
            &one(5, "1.25", "approved").replace("77", "78"),
            "unknown",
        ),
        (201, "", "unknown"),
        (200, "", "unknown"),
        (200, &one(5, "1.25", "approved"), "unknown"),
        (202, &one(5, "1.25", "approved"), "unknown"),
        (400, r#"{"cause":[{"code":2063}]}"#, "not_done"),
        (400, r#"{"cause":[{"code":2084}]}"#, "unknown"),
        (409, "", "unknown"),
        (500, "", "unknown"),
    ];
    for (status, body, class) in table {
        let verdict = classify(&facts(&[]), &answer(*status, body));
        assert_eq!(verdict.class(), *class, "{status} {body}");
    }
    assert_eq!(
        classify(&facts(&[]), &answer(200, " \n")),
        SendVerdict::Unknown(UnknownCause::DuplicateKey),
        "an empty 200 is a used key"
    );
}

#[test]
fn lists_are_compared_prudently() {
    let list = |items: &[String]| -> Vec<wire::Refund> {
        serde_json::from_str(&format!("[{}]", items.join(","))).unwrap()
    };
    let old = one(1, "1.25", "approved");
    let ours = one(2, "1.25", "approved");
    let class = |items: &[String]| compare(&facts(&["1"]), &list(items)).class();
    assert_eq!(class(&[]), "not_found");
    assert_eq!(
        class(std::slice::from_ref(&old)),
        "not_found",
        "it stood there before"
    );
    assert_eq!(
        class(&[old.clone(), one(3, "1.26", "approved")]),
        "not_found"
    );
    assert_eq!(class(&[old.clone(), ours.clone()]), "settled");
    assert_eq!(class(&[one(2, "1.25", "in_process")]), "in_progress");
    assert_eq!(class(&[one(2, "1.25", "rejected")]), "unclear");
    assert_eq!(class(&[one(2, "1.25", "astonished")]), "unclear");
    assert_eq!(
        class(&[ours, one(3, "1.25", "approved")]),
        "unclear",
        "which is ours?"
    );
}

#[test]
fn lookups_by_id() {
    let table: &[(u16, &str, &str)] = &[
        (200, &one(5, "1.25", "approved"), "settled"),
        (200, &one(5, "1.25", "in_process"), "in_progress"),
        (200, &one(5, "1.25", "rejected"), "refused"),
        (200, &one(6, "1.25", "approved"), "unclear"),
        (200, &one(5, "1.20", "rejected"), "unclear"),
        (200, "", "unclear"),
        (404, "", "not_found"),
        (500, "", "unclear"),
    ];
    for (status, body, class) in table {
        let evidence = read_one(&facts(&[]), "5", &answer(*status, body));
        assert_eq!(evidence.class(), *class, "{status} {body}");
    }
}
