//! Every way in which a gateway can fail a payout, and the end that each must have.

use domain::gateway::Gateway;
use domain::time::Span;
use serde_json::{Value, json};

use crate::client::string;
use crate::harness::{
    Database, EFI, MERCADO_PAGO, TestApp, brisk, keys_of, verdicts, without_circuits,
};

both_databases!(
    every_fault_of_efi_ends_well,
    every_fault_of_mercado_pago_ends_well,
    what_stays_unknown_goes_to_people_with_its_hold,
    nobody_answers,
    a_lookup_that_lags_is_no_proof,
);

/// How the payout must end.
#[derive(Clone, Copy, Debug)]
enum End {
    /// Settled by the faulty primary itself.
    Here,
    /// Settled by the other gateway.
    Elsewhere,
    /// Failed with this code, and the money is back.
    Rejected(&'static str),
}

struct Case {
    fault: Value,
    end: End,
    /// The verdict of the first send.
    first: &'static str,
}

fn case(fault: Value, end: End, first: &'static str) -> Case {
    Case { fault, end, first }
}

fn once(mode: &str) -> Value {
    json!({"operation": "payout", "mode": mode, "times": 1})
}

/// What both gateways have in common: the fault strikes the first payout call.
fn common() -> Vec<Case> {
    vec![
        case(json!({"mode": "healthy"}), End::Here, "accepted"),
        case(
            json!({"operation": "payout", "mode": "slow", "latency_ms": 100}),
            End::Here,
            "accepted",
        ),
        case(json!({"mode": "down"}), End::Elsewhere, "never_sent"),
        case(once("error_500"), End::Here, "unknown"),
        case(once("error_500_after_commit"), End::Here, "unknown"),
        case(once("timeout_before"), End::Here, "unknown"),
        case(once("timeout_after_commit"), End::Here, "unknown"),
        case(once("drop_reply"), End::Here, "unknown"),
        case(once("truncated"), End::Here, "unknown"),
        case(once("empty_2xx"), End::Here, "unknown"),
        case(once("html_502"), End::Here, "unknown"),
        case(once("rate_limited"), End::Here, "not_done"),
        case(
            json!({"operation": "payout", "mode": "rate_limited"}),
            End::Elsewhere,
            "not_done",
        ),
        case(
            json!({"operation": "payout", "mode": "settle_late", "latency_ms": 400}),
            End::Here,
            "accepted",
        ),
        case(
            json!({"operation": "payout", "mode": "flaky", "seed": 7, "times": 2}),
            End::Here,
            "unknown",
        ),
    ]
}

async fn every_fault_of_efi_ends_well(database: Database) {
    let mut cases = common();
    cases.push(case(once("unknown_status"), End::Here, "unknown"));
    // Efí can be asked by our own key, however often it drops its replies.
    cases.push(case(
        json!({"operation": "payout", "mode": "drop_reply"}),
        End::Here,
        "unknown",
    ));
    cases.push(case(
        json!({"operation": "payout", "mode": "reject"}),
        End::Rejected("risk_refused"),
        "not_done",
    ));
    cases.push(case(
        // The lookup shows the failure without its reason, which is proof enough for a licence.
        json!({"operation": "payout", "mode": "async_reject", "times": 1}),
        End::Elsewhere,
        "accepted",
    ));
    run(database, EFI, cases).await;
}

async fn every_fault_of_mercado_pago_ends_well(database: Database) {
    let mut cases = common();
    // Its answer names the order's id, which is all that can be asked for later.
    cases.push(case(once("unknown_status"), End::Here, "accepted"));
    cases.push(case(
        json!({"operation": "payout", "mode": "reject"}),
        End::Rejected("payee_key_not_found"),
        "not_done",
    ));
    cases.push(case(
        json!({"operation": "payout", "mode": "async_reject", "times": 1}),
        End::Rejected("payee_refused"),
        "accepted",
    ));
    run(database, MERCADO_PAGO, cases).await;
}

async fn run(database: Database, primary: &str, cases: Vec<Case>) {
    let mut settings = brisk();
    settings.primary_payout = Gateway::parse(primary).expect("a gateway");
    without_circuits(&mut settings);
    let app = TestApp::with_settings(database, settings).await;
    let person = app.person_with(100_000).await;
    let other = if primary == EFI { MERCADO_PAGO } else { EFI };
    for (number, case) in cases.iter().enumerate() {
        let shown = format!("{primary} {}", case.fault);
        let amount = 100 + number as i64;
        let (before, _) = app.balance(&person).await;
        app.fault(primary, case.fault.clone()).await;
        let payout = app.payout(&person, amount).await;
        let ended = app.ended(&person, &payout.id()).await;
        app.heal().await;
        // A webhook may settle the payment before the slow answer itself is there.
        let attempts = app.answered_attempts(&person, &payout.id()).await;
        assert_eq!(
            verdicts(&attempts[0])[0],
            case.first,
            "{shown}: {attempts:?}"
        );
        let executed = app.settled("sent", &keys_of(&attempts)).await.len();
        let (stage, gateway, spent) = match case.end {
            End::Here => ("settled", primary, amount),
            End::Elsewhere => ("settled", other, amount),
            End::Rejected(_) => ("rejected", primary, 0),
        };
        assert_eq!(ended["stage"], stage, "{shown}: {ended} {attempts:?}");
        assert_eq!(ended["gateway"], gateway, "{shown}");
        assert_eq!(executed, usize::from(spent > 0), "{shown}");
        assert_eq!(app.balance(&person).await, (before - spent, 0), "{shown}");
        if let End::Rejected(code) = case.end {
            assert_eq!(ended["failure"]["code"], code, "{shown}");
            assert_eq!(attempts.len(), 1, "{shown}: {attempts:?}");
        }
        if matches!(case.end, End::Elsewhere) {
            assert_eq!(attempts.len(), 2, "{shown}: {attempts:?}");
            assert!(attempts[1]["licence"].is_object(), "{shown}: no licence");
        }
    }
    app.finish().await;
}

/// Neither lookups nor repeats bring an answer: no clock releases the hold, no other gateway is
/// asked, and people are called.
async fn what_stays_unknown_goes_to_people_with_its_hold(database: Database) {
    let mut settings = brisk();
    without_circuits(&mut settings);
    settings.in_doubt_deadline = Span::from_millis(1_200);
    let app = TestApp::with_settings(database, settings).await;
    let person = app.person_with(10_000).await;
    app.fault(EFI, json!({"operation": "payout", "mode": "drop_reply"}))
        .await;
    app.fault(EFI, json!({"operation": "lookup", "mode": "error_500"}))
        .await;
    app.fault(EFI, json!({"operation": "webhook", "mode": "lose"}))
        .await;
    let payout = app.payout(&person, 1_000).await;
    let reviewed = app.at_stage(&person, &payout.id(), "in_review").await;
    assert_eq!(reviewed["status"], "pending");
    assert_eq!(app.balance(&person).await, (9_000, 1_000));
    let attempts = app.attempts(&person, &payout.id()).await;
    assert_eq!(attempts.len(), 1, "{attempts:?}");
    assert_eq!(
        app.settled("sent", &keys_of(&attempts)).await.len(),
        1,
        "it was paid"
    );
    let alerts = app.app().alerts(20).await.expect("alerts");
    assert!(
        alerts.iter().any(|alert| alert.kind == "payout_in_review"),
        "{alerts:?}"
    );
    let cancel = format!("/v1/transactions/{}/cancel", payout.id());
    let refused = app
        .post(&cancel, &json!({}))
        .by(&person.token)
        .expect(409)
        .await;
    assert_eq!(refused.code(), "already_dispatched");
    // A webhook that comes at last is evidence, and ends it.
    app.heal().await;
    let id = domain::ids::TransactionId::parse(&payout.id()).expect("an id");
    app.app().look_up_outgoing(id).await.expect("a lookup");
    let ended = app.ended(&person, &payout.id()).await;
    assert_eq!(ended["stage"], "settled");
    assert_eq!(app.balance(&person).await, (9_000, 0));
    app.finish().await;
}

async fn nobody_answers(database: Database) {
    let mut settings = brisk();
    without_circuits(&mut settings);
    let app = TestApp::with_settings(database, settings).await;
    let person = app.person_with(10_000).await;
    for gateway in [EFI, MERCADO_PAGO] {
        app.fault(gateway, json!({"mode": "down"})).await;
    }
    let payout = app.payout(&person, 1_000).await;
    let ended = app.ended(&person, &payout.id()).await;
    assert_eq!(
        (&ended["status"], &ended["stage"]),
        (&json!("failed"), &json!("rejected"))
    );
    assert_eq!(
        string(&ended["failure"], "code"),
        "all_gateways_unavailable"
    );
    assert_eq!(app.balance(&person).await, (10_000, 0));
    let attempts = app.attempts(&person, &payout.id()).await;
    assert_eq!(attempts.len(), 2);
    for attempt in &attempts {
        assert_eq!(verdicts(attempt), ["never_sent"; 3], "three tries each");
    }
    let alerts = app.app().alerts(20).await.expect("alerts");
    let about = |alert: &&app::ports::store::AlertRow| {
        alert
            .transaction_id
            .is_some_and(|id| id.to_string() == payout.id())
    };
    assert_eq!(
        alerts.iter().find(about).expect("an alert").kind,
        "all_gateways_failed"
    );
    app.heal().await;
    app.finish().await;
}

/// The gateway executed it, did not say so, and does not find it for a while: the same bytes again
/// are refused as a duplicate, and the payment waits.
async fn a_lookup_that_lags_is_no_proof(database: Database) {
    let mut settings = brisk();
    without_circuits(&mut settings);
    let app = TestApp::with_settings(database, settings).await;
    let person = app.person_with(10_000).await;
    app.fault(EFI, json!({"operation": "webhook", "mode": "lose"}))
        .await;
    app.fault(
        EFI,
        json!({"operation": "payout", "mode": "drop_reply", "times": 1}),
    )
    .await;
    app.fault(
        EFI,
        json!({"operation": "lookup", "mode": "lookup_lag", "latency_ms": 600}),
    )
    .await;
    let payout = app.payout(&person, 1_000).await;
    let ended = app.ended(&person, &payout.id()).await;
    assert_eq!(
        (&ended["stage"], &ended["gateway"]),
        (&json!("settled"), &json!(EFI))
    );
    let attempts = app.attempts(&person, &payout.id()).await;
    assert_eq!(attempts.len(), 1);
    assert!(verdicts(&attempts[0]).len() > 1, "{attempts:?}");
    assert!(
        verdicts(&attempts[0])
            .iter()
            .all(|verdict| verdict == "unknown")
    );
    assert_eq!(app.settled("sent", &keys_of(&attempts)).await.len(), 1);
    app.heal().await;
    app.finish().await;
}
