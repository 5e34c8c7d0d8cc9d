//! Mercado Pago's notifications.

use std::collections::BTreeMap;

use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const REQUEST_ID: &str = "bb56a2f1-6aae-46ac-982e-9dcd3581d08e";
const SIGNATURE: &str =
    "ts=1742505638683,v1=88dc3e9e25486bfe7b34a66776aa8c9fd4702ce2fd8bb66616db33049e6a6b1b";
const SIGNED_AT: Moment = Moment::from_micros(1_742_505_638_683_000);

fn request(query: &str, body: &str) -> InboundRequest {
    let headers = [("x-signature", SIGNATURE), ("x-request-id", REQUEST_ID)];
    InboundRequest {
        path: "/webhooks/mercado-pago".to_owned(),
        query: query.to_owned(),
        headers: headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        body: body.as_bytes().to_vec(),
    }
}

fn read_at(request: &InboundRequest, now: Moment) -> Result<ParsedInbound, InboundRefusal> {
    read(&SECRET.to_owned().into(), request, now)
}

fn charge(verified: bool, id: &str) -> Result<ParsedInbound, InboundRefusal> {
    Ok(ParsedInbound {
        verified,
        hints: vec![Hint::Charge {
            reference: id.to_owned(),
        }],
    })
}

const BODY: &str = r#"{"action":"payment.updated","api_version":"v1","data":{"id":"1318000001"},"id":112233,"live_mode":true,"type":"payment","user_id":"456"}"#;

#[test]
fn the_documented_payment_notification() {
    let by_query = request("data.id=1318000001&type=payment&source_news=webhooks", BODY);
    assert_eq!(read_at(&by_query, SIGNED_AT), charge(true, "1318000001"));
    let by_body = request("", BODY);
    assert_eq!(read_at(&by_body, SIGNED_AT), charge(true, "1318000001"));
    let unreadable_body = request("data.id=1318000001&type=payment", "");
    assert_eq!(
        read_at(&unreadable_body, SIGNED_AT),
        charge(true, "1318000001")
    );
}

#[test]
fn the_id_of_the_query_is_the_signed_one() {
    let other = request("data.id=999&type=payment", BODY);
    assert_eq!(
        read_at(&other, SIGNED_AT),
        Err(InboundRefusal::BadSignature)
    );
}

#[test]
fn forged_old_and_unsigned_payments_are_refused() {
    let good = request("data.id=1318000001&type=payment", BODY);
    let refused = |change: &dyn Fn(&mut BTreeMap<String, String>)| {
        let mut request = good.clone();
        change(&mut request.headers);
        read_at(&request, SIGNED_AT)
    };
    let bad = Err(InboundRefusal::BadSignature);
    assert_eq!(refused(&|headers| headers.clear()), bad);
    assert_eq!(refused(&|headers| drop(headers.remove("x-signature"))), bad);
    assert_eq!(
        refused(&|headers| drop(headers.remove("x-request-id"))),
        bad
    );
    let forged = SIGNATURE.replace("88dc", "88dd");
    assert_eq!(
        refused(&|headers| drop(headers.insert("x-signature".to_owned(), forged.clone()))),
        bad
    );
    let days = |count| SIGNED_AT.plus(Span::from_days(count));
    assert!(read_at(&good, days(4)).is_ok(), "the longest redelivery");
    assert_eq!(read_at(&good, days(6)), bad);
    let early = SIGNED_AT.minus(Span::from_seconds(3600));
    assert_eq!(read_at(&good, early), bad, "from the future");
    let unset = read(&String::new().into(), &good, SIGNED_AT);
    assert_eq!(unset, bad);
}

#[test]
fn kinds_without_a_signature_are_unverified_hints() {
    let intent = request(
        "",
        r#"{"action":"transaction_intent.updated","type":"transaction_intent","data":{"id":"1108917506-01GG"},"status":"x"}"#,
    );
    let expected = ParsedInbound {
        verified: false,
        hints: vec![Hint::Payout {
            reference: "1108917506-01GG".to_owned(),
        }],
    };
    assert_eq!(read_at(&intent, SIGNED_AT), Ok(expected));
    let older = request("id=1318000001&topic=payment", "");
    assert_eq!(read_at(&older, SIGNED_AT), charge(false, "1318000001"));
    let nothing = Ok(ParsedInbound {
        verified: false,
        hints: vec![],
    });
    assert_eq!(
        read_at(&request("id=1&topic=merchant_order", ""), SIGNED_AT),
        nothing
    );
    assert_eq!(
        read_at(&request("data.id=ORD1&type=order", ""), SIGNED_AT),
        nothing
    );
}

#[test]
fn what_is_no_notification_is_malformed() {
    for (query, body) in [
        ("", ""),
        ("", "[]"),
        ("data.id=1", ""),
        ("type=payment", ""),
        ("topic=payment", ""),
        ("type=transaction_intent", "{}"),
        ("data.id=&type=payment", ""),
    ] {
        let parsed = read_at(&request(query, body), SIGNED_AT);
        assert!(
            matches!(parsed, Err(InboundRefusal::Malformed(_))),
            "{query} {body}: {parsed:?}"
        );
    }
}
