//! Every row of Mercado Pago's tables, and the property that nothing outside them is a proof.

use proptest::prelude::*;

use super::*;
use RefusalReason::{
    AccountNotEnabled, Malformed, NotAuthorized, PayeeBankUnavailable, PayeeKeyNotFound,
    PayeeMismatch, RefundNotAllowed, TryLater,
};

/// What the payouts API says with 400, in the documentation's words.
const PAYOUT: &[(&str, RefusalReason)] = &[
    ("Invalid site", NotAuthorized),
    ("Unauthorized", NotAuthorized),
    ("invalid_token", NotAuthorized),
    ("invalid_signature", NotAuthorized),
    ("client_not_allowed", AccountNotEnabled),
    ("Account is disabled", AccountNotEnabled),
    ("Compliance not processed", AccountNotEnabled),
    ("Flow not specified", AccountNotEnabled),
    ("Invalid Body", Malformed),
    ("Invalid Payload", Malformed),
    ("Invalid external_reference", Malformed),
    ("Invalid point_of_interaction", Malformed),
    ("Invalid amount", Malformed),
    ("idempotency_key_required", Malformed),
    ("Invalid chave", PayeeKeyNotFound),
    ("Invalid identification", PayeeMismatch),
    ("Participant is not available", PayeeBankUnavailable),
    ("Key PSP error", PayeeBankUnavailable),
    ("Many Requests", TryLater),
    ("Rate Limit", TryLater),
];

const CHARGE: &[(&str, RefusalReason)] = &[
    ("4292", Malformed),
    ("2067", Malformed),
    ("23", Malformed),
    ("13253", AccountNotEnabled),
    ("7", AccountNotEnabled),
    ("2034", AccountNotEnabled),
];

const REFUND: &[(&str, RefusalReason)] = &[
    ("4292", Malformed),
    ("2063", RefundNotAllowed),
    ("2017", RefundNotAllowed),
    ("2000", RefundNotAllowed),
];

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        body: body.as_bytes().to_vec(),
    }
}

fn message(text: &str) -> String {
    format!(r#"{{"message":"{text}","error":"bad_request","status":400,"cause":[]}}"#)
}

fn cause(code: &str) -> String {
    format!(
        r#"{{"message":"m","error":"bad_request","status":400,"cause":[{{"code":{code},"description":"d","data":null}}]}}"#
    )
}

fn reason(rejection: &Rejection) -> Option<&RefusalReason> {
    match rejection {
        Rejection::NotDone(refusal) => Some(&refusal.reason),
        Rejection::Unknown(_) => None,
    }
}

#[test]
fn every_listed_refusal_in_every_place_it_may_stand() {
    for (name, expected) in PAYOUT {
        let code = normalized(name);
        let bodies = [
            message(name),
            message(&code),
            format!(r#"{{"error":"{code}"}}"#),
            format!(r#"{{"code":"{code}","message":"{name}"}}"#),
            format!(r#"{{"cause":[{{"code":"{code}","description":"{name}"}}],"message":null}}"#),
        ];
        for body in bodies {
            let rejection = reject(Order::Payout, &answer(400, &body));
            assert_eq!(reason(&rejection), Some(expected), "{body}");
        }
    }
    for (order, rows) in [(Order::Charge, CHARGE), (Order::Refund, REFUND)] {
        for (code, expected) in rows {
            for body in [cause(code), cause(&format!("\"{code}\""))] {
                let rejection = reject(order, &answer(400, &body));
                assert_eq!(reason(&rejection), Some(expected), "{order:?} {body}");
            }
        }
    }
    let missing = reject(Order::Refund, &answer(404, &cause("2000")));
    assert_eq!(reason(&missing), Some(&RefundNotAllowed));
}

#[test]
fn authentication_and_the_rate_limit_have_statuses_too() {
    let edge = r#"{"code":"PA_UNAUTHORIZED_RESULT_FROM_POLICIES","blocked_by":"PolicyAgent","message":"x","status":403}"#;
    for order in [Order::Payout, Order::Charge, Order::Refund] {
        for (status, body) in [(401, ""), (401, &cause("7")), (403, edge), (403, "<html>")] {
            let rejection = reject(order, &answer(status, body));
            assert_eq!(reason(&rejection), Some(&NotAuthorized), "{status}");
        }
        let limited = r#"{"status":429,"error":"too_many_requests","message":"x"}"#;
        let rejection = reject(order, &answer(429, limited));
        assert_eq!(reason(&rejection), Some(&TryLater));
    }
}

#[test]
fn every_unknown() {
    use UnknownCause::{
        DuplicateKey, Locked, Redirect, ServerError, Timeout, UnrecognizedAnswer,
        UnrecognizedRateLimit,
    };
    let used = r#"{"error":"idempotency_key_already_used"}"#;
    let locked = r#"{"message":"Resource locked"}"#;
    let identity = message("Financial identity not found");
    let prefix = message("Invalid chave or something else");
    let contradiction = r#"{"message":"Invalid chave","error":"rate_limit"}"#;
    let table: &[(u16, &str, UnknownCause)] = &[
        (409, used, DuplicateKey),
        (409, "", UnrecognizedAnswer),
        (423, "", Locked),
        (424, locked, Locked),
        (429, "", UnrecognizedRateLimit),
        (400, "", UnrecognizedAnswer),
        (400, "<html>", UnrecognizedAnswer),
        (400, &identity, UnrecognizedAnswer),
        (400, &prefix, UnrecognizedAnswer),
        (400, contradiction, UnrecognizedAnswer),
        (400, &cause("2084"), UnrecognizedAnswer),
        (402, "", UnrecognizedAnswer),
        (404, "", UnrecognizedAnswer),
        (404, &message("Invalid chave"), UnrecognizedAnswer),
        (422, "", UnrecognizedAnswer),
        (408, "", Timeout),
        (302, "", Redirect),
        (500, &message("internal_server_error"), ServerError),
        (502, "<html>", ServerError),
        (503, "", ServerError),
        (504, "", ServerError),
    ];
    for (status, body, expected) in table {
        let rejection = reject(Order::Payout, &answer(*status, body));
        assert_eq!(rejection, Rejection::Unknown(*expected), "{status} {body}");
    }
    let unexplained = reject(Order::Refund, &answer(400, &cause("2084")));
    assert_eq!(unexplained, Rejection::Unknown(UnrecognizedAnswer));
}

#[test]
fn the_words_of_one_order_mean_nothing_in_another() {
    let body = message("Invalid chave");
    for order in [Order::Charge, Order::Refund] {
        assert!(reason(&reject(order, &answer(400, &body))).is_none());
    }
    assert!(reason(&reject(Order::Payout, &answer(400, &cause("2063")))).is_none());
}

proptest! {
    #![proptest_config(crate::testing::repeatable(2000))]

    /// *Not done* is said of a row of the table and of nothing else.
    #[test]
    fn nothing_outside_the_tables_is_a_proof(
        status in prop_oneof![Just(400u16), 100u16..600],
        word in prop_oneof![
            proptest::sample::select(PAYOUT).prop_map(|row| row.0.to_owned()),
            "[a-z ]{1,20}",
            Just("too_many_requests".to_owned()),
            Just("idempotency_key_already_used".to_owned()),
        ],
    ) {
        let body = message(&word);
        let rejection = reject(Order::Payout, &answer(status, &body));
        let by_status = matches!(status, 401 | 403) || (status == 429 && word == "too_many_requests");
        let by_word = PAYOUT.iter().any(|row| normalized(row.0) == normalized(&word))
            || word == "too_many_requests";
        let listed = by_status || (status == 400 && by_word);
        prop_assert_eq!(reason(&rejection).is_some(), listed, "{} {}", status, word);
    }

    #[test]
    fn a_body_that_is_no_json_is_never_a_proof_by_its_words(
        status in 100u16..600,
        body in any::<Vec<u8>>(),
    ) {
        let rejection = reject(Order::Payout, &Answer { status, body });
        prop_assert_eq!(reason(&rejection).is_some(), matches!(status, 401 | 403));
    }
}
