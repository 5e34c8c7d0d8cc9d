//! What must be true after every test, whatever went wrong in it: the promises, judged by the
//! sandbox's central bank.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::wait_until;

use crate::client::{cents, string};
use crate::harness::{LIMIT, Person, TestApp, keys_of};

/// One transaction with its attempts.
struct Told {
    body: Value,
    attempts: Vec<Value>,
}

/// Asserts everything. Work that is still on its way (a webhook, a lookup, an orphan being
/// cancelled) gets a bounded time to arrive; a payout executed twice gets none.
pub async fn judge(app: &TestApp) {
    let mut transactions = Vec::new();
    for person in app.people() {
        transactions.extend(told(app, &person).await);
    }
    transactions.extend(told_of_float(app).await);
    at_most_one_settlement(app, &transactions).await;
    sends_are_requests(app, &transactions).await;
    credited_once(app).await;
    floats_agree(app).await;
}

async fn told(app: &TestApp, person: &Person) -> Vec<Told> {
    let mut all = Vec::new();
    for body in app.transactions(person).await {
        let id = string(&body, "id");
        let attempts = app.attempts(person, &id).await;
        let body = app.transaction(person, &id).await;
        all.push(Told { body, attempts });
    }
    all
}

/// The platform's own payouts, which operators see.
async fn told_of_float(app: &TestApp) -> Vec<Told> {
    let operator = app.operator().await;
    let moves = app.get("/v1/float-moves?limit=200").by(&operator).await;
    let mut all = Vec::new();
    for moved in moves.list() {
        let Some(id) = moved["transaction_id"].as_str() else {
            continue;
        };
        let path = format!("/v1/transactions/{id}");
        let body = app.get(&path).by(&operator).await.body;
        let attempts = app.get(&format!("{path}/attempts")).by(&operator).await;
        all.push(Told {
            body,
            attempts: attempts.list(),
        });
    }
    all
}

/// What arrived and is no charge's: float of ours, or a stranger's.
async fn told_beside_charges(app: &TestApp) -> Vec<Value> {
    let Some(app) = app.app_here() else {
        return Vec::new();
    };
    let since = domain::time::Moment::default();
    let mut rows = app
        .store
        .suspense(since, None, 200)
        .await
        .expect("suspense");
    for view in app.float_moves(None, 200).await.expect("float moves") {
        if let Some(payout) = view.row.state.transaction() {
            let found = app.store.transaction(payout).await.expect("a payout");
            rows.extend(found.expect("it exists").pay_ins);
        }
    }
    let told = rows.iter().map(|row| {
        json!({
            "gateway": row.gateway.as_str(),
            "amount_cents": row.amount.cents(),
            "fee_cents": row.fee.cents(),
        })
    });
    told.collect()
}

/// Promise 1, and that the told status is the real one.
async fn at_most_one_settlement(app: &TestApp, transactions: &[Told]) {
    for (kind, settled_as) in [("payout", "sent"), ("refund", "refund")] {
        // What stayed inside the ledger names no gateway, and no bank knows of it.
        let outside =
            |told: &&Told| told.body["status"] != "success" || !told.body["gateway"].is_null();
        let of_kind = transactions.iter().filter(|told| told.body["kind"] == kind);
        for told in of_kind.filter(outside) {
            let entries = app.settled(settled_as, &keys_of(&told.attempts)).await;
            assert!(
                entries.len() <= 1,
                "executed {} times: {}",
                entries.len(),
                told.body
            );
            match told.body["status"].as_str() {
                Some("success") => assert_eq!(entries.len(), 1, "not executed: {}", told.body),
                Some("failed") => assert!(entries.is_empty(), "executed: {}", told.body),
                Some("pending") => {}
                other => panic!("{kind} has the status {other:?}"),
            }
            for entry in entries {
                assert_eq!(entry["amount_cents"], told.body["amount_cents"], "{entry}");
            }
        }
    }
    let keys: Vec<String> = transactions
        .iter()
        .flat_map(|told| keys_of(&told.attempts))
        .collect();
    for entry in app
        .ledger()
        .await
        .iter()
        .filter(|entry| entry["kind"] == "sent")
    {
        assert!(
            keys.contains(&string(entry, "reference")),
            "nobody asked for {entry}"
        );
    }
}

/// No request without a committed send, no send without its request.
async fn sends_are_requests(app: &TestApp, transactions: &[Told]) {
    let mut seen: BTreeMap<(String, String), usize> = BTreeMap::new();
    for request in app.requests().await {
        if let Some(key) = request["key"].as_str() {
            let place = (string(&request, "operation"), key.to_owned());
            *seen.entry(place).or_default() += 1;
        }
    }
    for kind in ["payout", "refund"] {
        for told in transactions.iter().filter(|told| told.body["kind"] == kind) {
            for attempt in &told.attempts {
                let sends = attempt["sends"].as_array().expect("sends");
                let left = sends
                    .iter()
                    .filter(|send| send["verdict"] != "never_sent")
                    .count();
                let key = (kind.to_owned(), string(attempt, "attempt_key"));
                let requests = seen.remove(&key).unwrap_or(0);
                // A dynamic code is read before it is paid: a send may end with that reading.
                let read_first = told.body["br_code"].is_string() && told.body["pix_key"].is_null();
                if told.body["status"] == "pending" || read_first {
                    assert!(
                        requests <= left,
                        "{key:?}: {requests} requests, {left} sends"
                    );
                } else {
                    // A process that was killed with an open send may not have transmitted it.
                    let lost = sends
                        .iter()
                        .filter(|send| send["code"] == "process_lost")
                        .count();
                    assert!(
                        requests <= left && requests + lost >= left,
                        "{key:?}: {requests} requests, {left} sends, {lost} of them lost"
                    );
                }
            }
        }
    }
    let unasked: Vec<_> = seen
        .keys()
        .filter(|(operation, _)| operation == "payout" || operation == "refund")
        .collect();
    assert!(unasked.is_empty(), "requests without a send: {unasked:?}");
}

/// Every PIX that arrived stands in the books once, with its fee.
async fn credited_once(app: &TestApp) {
    let real = sorted(
        app.ledger()
            .await
            .iter()
            .filter(|entry| entry["kind"] == "received"),
    );
    wait_until("every pay-in to be credited", LIMIT, || async {
        let mut told = told_beside_charges(app).await;
        for person in app.people() {
            for body in app.transactions(&person).await {
                if body["kind"] == "charge" {
                    let body = app.transaction(&person, &string(&body, "id")).await;
                    let pay_ins = body["pay_ins"].as_array().expect("pay-ins").clone();
                    told.extend(
                        pay_ins
                            .into_iter()
                            .filter(|pay_in| !pay_in["gateway"].is_null()),
                    );
                }
            }
        }
        let told = sorted(told.iter());
        for pay_in in &told {
            let count =
                |list: &[(String, i64, i64)]| list.iter().filter(|item| *item == pay_in).count();
            assert!(
                count(&told) <= count(&real),
                "credited more often than paid: {pay_in:?}"
            );
        }
        (told == real).then_some(())
    })
    .await;
}

/// Gateway, amount, fee.
fn sorted<'a>(items: impl Iterator<Item = &'a Value>) -> Vec<(String, i64, i64)> {
    let mut items: Vec<_> = items
        .map(|item| {
            (
                string(item, "gateway"),
                cents(item, "amount_cents"),
                cents(item, "fee_cents"),
            )
        })
        .collect();
    items.sort();
    items
}

/// Our book of the money at each gateway is the gateway's own, but for what is still in the air.
async fn floats_agree(app: &TestApp) {
    let in_the_air = |body: &Value| body["status"] == "pending" && body["kind"] != "charge";
    for person in app.people() {
        if app.transactions(&person).await.iter().any(in_the_air) {
            return;
        }
    }
    let operator = app.operator().await;
    wait_until(
        "our floats to equal the gateways' balances",
        LIMIT,
        || async {
            let real = app.get("/sandbox/balances").await.body;
            let ours = app.get("/v1/gateways").by(&operator).await.list();
            let equal = ours.iter().all(|gateway| {
                let name = string(gateway, "name");
                let ours =
                    cents(gateway, "float_available_cents") + cents(gateway, "float_blocked_cents");
                cents(&real[&name], "balance_cents") == ours
            });
            equal.then_some(())
        },
    )
    .await;
}
