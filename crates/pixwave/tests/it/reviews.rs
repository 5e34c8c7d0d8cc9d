//! Doubtful payments in the hands of two people: proposals, approvals with every refusal, and what
//! later evidence corrects.

use app::ports::store::{SendRow, Write};
use domain::gateway::Gateway;
use domain::ids::TransactionId;
use domain::ledger::Account;
use domain::time::Span;
use serde_json::{Value, json};
use testkit::wait_until;

use crate::client::{Answer, string};
use crate::harness::{
    Database, EFI, LIMIT, MERCADO_PAGO, PASSWORD, Person, TestApp, brisk, keys_of, without_circuits,
};

both_databases!(
    a_release_is_corrected_when_a_notification_shows_the_payment,
    every_refusal_of_an_approval,
    a_retry_pays_elsewhere_and_a_second_execution_is_a_loss,
    a_retry_that_fails_goes_back_to_people,
    what_people_called_settled_is_corrected_by_a_refusal,
    a_released_refund_is_corrected_with_its_pay_in,
);

/// A server whose payouts go to one gateway first, with two operators.
struct Court {
    app: TestApp,
    ana: String,
    bia: String,
}

impl Court {
    async fn open(database: Database, primary: &str) -> Court {
        let mut settings = brisk();
        settings.primary_payout = Gateway::parse(primary).expect("a gateway");
        without_circuits(&mut settings);
        settings.in_doubt_deadline = Span::from_millis(800);
        settings.accepted_deadline = Span::from_millis(800);
        // Time enough to silence a gateway before it is asked.
        settings.lookups.first = Span::from_millis(600);
        settings.lookups.longest = Span::from_millis(600);
        let app = TestApp::with_settings(database, settings).await;
        for name in ["ana", "bia"] {
            let email = format!("{name}@operators.example.com");
            let added = app.app().add_operator(name.into(), email, PASSWORD.into());
            added.await.expect("an operator");
        }
        let ana = app.sign_in("ana@operators.example.com").await;
        let bia = app.sign_in("bia@operators.example.com").await;
        Court { app, ana, bia }
    }

    /// Nothing is heard of the gateway's payouts but by asking in vain.
    async fn silence(&self, gateway: &str, operation: &str, mode: &str) {
        for fault in [
            json!({"operation": operation, "mode": mode}),
            json!({"operation": "lookup", "mode": "error_500"}),
            json!({"operation": "webhook", "mode": "lose"}),
        ] {
            self.app.fault(gateway, fault).await;
        }
    }

    /// A payout that nobody knows the outcome of, in review.
    async fn reviewed(&self, person: &Person, amount: i64) -> String {
        let payout = self.app.payout(person, amount).await;
        self.app.at_stage(person, &payout.id(), "in_review").await;
        payout.id()
    }

    async fn propose(&self, by: &str, id: &str, outcome: &str, status: u16) -> Answer {
        let body = json!({
            "outcome": outcome,
            "evidence": "the gateway's panel, 14h02",
            "reason": "the payee asks",
        });
        let path = format!("/v1/transactions/{id}/resolve");
        self.app.post(&path, &body).by(by).expect(status).await
    }

    async fn approve(&self, by: &str, id: &str, proposal: &str, status: u16) -> Answer {
        let path = format!("/v1/transactions/{id}/resolve/{proposal}/approve");
        self.app.post(&path, &json!({})).by(by).expect(status).await
    }

    /// Ana proposes and Bia approves.
    async fn decide(&self, id: &str, outcome: &str) -> Value {
        let proposal = self.propose(&self.ana, id, outcome, 201).await.id();
        self.approve(&self.bia, id, &proposal, 200).await.body
    }

    async fn review(&self, id: &str) -> Value {
        let path = format!("/v1/transactions/{id}/review");
        self.app.get(&path).by(&self.ana).await.body
    }

    /// The scan that looks at what people went past.
    async fn scan(&self) {
        let scan = app::sweeper::scan_returns(self.app.app().clone());
        scan.await.expect("the scan runs");
    }

    async fn audited(&self) -> Vec<(String, Value)> {
        let rows = self.app.app().audit(200).await.expect("the trail");
        let mut rows: Vec<_> = rows
            .into_iter()
            .filter(|row| row.action.starts_with("review.") || row.action.contains("corrected"))
            .map(|row| {
                let detail = serde_json::from_str(&row.detail).expect("JSON");
                (row.action, detail)
            })
            .collect();
        rows.reverse();
        rows
    }

    async fn alerted(&self, kind: &str) -> usize {
        let alerts = self.app.app().alerts(200).await.expect("alerts");
        alerts.iter().filter(|alert| alert.kind == kind).count()
    }

    /// Our book of each gateway's money is the gateway's own, and no rule is broken.
    async fn books_agree(&self) {
        let real = self.app.get("/sandbox/balances").await.body;
        let ours = self.app.get("/v1/gateways").by(&self.ana).await.list();
        for gateway in ours {
            let name = string(&gateway, "name");
            assert_eq!(
                real[&name]["balance_cents"], gateway["float_available_cents"],
                "{name}"
            );
        }
        for check in app::checks::check(self.app.app()).await.expect("checks") {
            assert!(
                check.broken.is_empty(),
                "{}: {:?}",
                check.rule,
                check.broken
            );
        }
    }
}

fn parsed(id: &str) -> TransactionId {
    TransactionId::parse(id).expect("an id")
}

/// Mercado Pago executed it, never answered, and told a notification that got lost: people give the
/// money back, and the notification comes after all.
async fn a_release_is_corrected_when_a_notification_shows_the_payment(database: Database) {
    let court = Court::open(database, MERCADO_PAGO).await;
    let app = &court.app;
    let person = app.person_with(1_500).await;
    court
        .silence(MERCADO_PAGO, "payout", "timeout_after_commit")
        .await;
    let id = court.reviewed(&person, 1_000).await;
    assert_eq!(app.balance(&person).await, (500, 1_000));
    let listed = app.get("/v1/reviews").by(&court.ana).await.list();
    assert_eq!(listed.len(), 1);
    assert_eq!(
        (&listed[0]["transaction_id"], &listed[0]["gateway"]),
        (&json!(id), &json!(MERCADO_PAGO))
    );
    assert_eq!(listed[0]["proposal"], Value::Null);
    let review = court.review(&id).await;
    let absence = &review["attempts"][0]["absence"];
    assert_eq!(absence["verdict"], "cannot_be_shown", "{review}");

    let released = court.decide(&id, "release").await;
    assert_eq!(
        (&released["stage"], &released["failure"]["code"]),
        (&json!("rejected"), &json!("released_by_operators"))
    );
    assert_eq!(app.balance(&person).await, (1_500, 0));
    let attempts = app.attempts(&person, &id).await;
    let decision = string(&attempts[0], "decision");
    assert!(
        decision.contains("decided to give the money back"),
        "{decision}"
    );
    // It is spent meanwhile.
    app.heal().await;
    let spent = app.payout(&person, 1_200).await;
    app.ended(&person, &spent.id()).await;

    let told = app.get("/sandbox/webhooks").await.body;
    let told = told["webhooks"]
        .as_array()
        .or(told["deliveries"].as_array());
    let lost = told
        .expect("deliveries")
        .iter()
        .find(|one| one["lost"] == true && one["body"]["type"] == "transaction_intent");
    let lost = lost.expect("a lost notification").clone();
    let path = string(&lost, "url");
    let path = path.strip_prefix(app.url()).expect("our own address");
    let delivered = app.post(path, &lost["body"]).await;
    assert!((200..300).contains(&delivered.status), "{delivered:?}");
    let corrected = app
        .once(&person, &id, "the correction", |seen| {
            seen["corrected"] == true
        })
        .await;
    assert_eq!(
        (&corrected["stage"], &corrected["gateway"]),
        (&json!("settled"), &json!(MERCADO_PAGO))
    );
    assert_eq!(corrected["failure"], Value::Null);
    // Three hundred were left; seven hundred are owed, and repaid by the next pay-in.
    assert_eq!(app.balance(&person).await, (0, 0));
    assert_eq!(court.alerted("corrected").await, 1);
    let numbered = app::sequencer::run_sequencer_once(app.app()).await;
    numbered.expect("what happened last has its position, too");
    let events = app.app().store.events_after(0, None, 500).await;
    let events = events.expect("events");
    let mut about = events
        .iter()
        .filter(|event| event.transaction_id == Some(parsed(&id)));
    assert_eq!(
        about.next_back().expect("events").kind,
        "transaction.corrected"
    );
    app.fund(&person, 800).await;
    assert_eq!(app.balance(&person).await, (100, 0));
    court.books_agree().await;
    court.app.finish().await;
}

async fn every_refusal_of_an_approval(database: Database) {
    let court = Court::open(database, EFI).await;
    let app = &court.app;
    let person = app.person_with(10_000).await;
    court.silence(EFI, "payout", "drop_reply").await;
    let id = court.reviewed(&person, 1_000).await;
    let first = court.propose(&court.ana, &id, "settled", 201).await;
    assert_eq!(first.body["state"], "open");
    let first = first.id();
    let same = court.approve(&court.ana, &id, &first, 403).await;
    assert_eq!(same.code(), "same_person");
    let unknown = format!("prp_{}", "0".repeat(32));
    let answer = court.approve(&court.bia, &id, &unknown, 404).await;
    assert_eq!(answer.code(), "not_found");
    let path = format!("/v1/transactions/{id}/resolve");
    let body = json!({"outcome": "settled", "evidence": "e", "reason": "r"});
    let customer = app.post(&path, &body).by(&person.token).expect(403).await;
    assert_eq!(customer.code(), "forbidden");

    // Whoever says what he looked at is refused when more is known by now.
    let seen = court.review(&id).await["evidence_version"]
        .as_u64()
        .expect("a payment in review has one");
    let mut body = json!({"outcome": "settled", "evidence": "e", "reason": "r"});
    body["evidence_version"] = json!(seen + 1);
    let moved = app.post(&path, &body).by(&court.bia).expect(409).await;
    assert_eq!(moved.code(), "evidence_changed");

    // Another proposal takes its place.
    let second = court.propose(&court.bia, &id, "release", 201).await.id();
    let closed = court.approve(&court.bia, &id, &first, 409).await;
    assert_eq!(closed.code(), "proposal_closed");
    let listed = app.get("/v1/reviews").by(&court.ana).await.list();
    assert_eq!(listed[0]["proposal"]["id"], json!(second));

    // A send is open: its answer may still come.
    open_a_send(app, &id).await;
    let open = court.approve(&court.ana, &id, &second, 409).await;
    assert_eq!(open.code(), "evidence_changed");
    assert!(open.text().contains("send is open"), "{}", open.text());
    close_it(app, &id).await;

    // More is known than when it was proposed: the send was closed, and then it was not found.
    let closed = court.approve(&court.ana, &id, &second, 409).await;
    assert_eq!(closed.code(), "evidence_changed");
    let third = court.propose(&court.bia, &id, "release", 201).await.id();
    app.fault(
        EFI,
        json!({"operation": "lookup", "mode": "lookup_lag", "latency_ms": 600_000}),
    )
    .await;
    let absent = court.approve(&court.ana, &id, &third, 409).await;
    assert_eq!(absent.code(), "evidence_changed");
    let review = court.review(&id).await;
    let evidence = review["attempts"][0]["evidence"]
        .as_array()
        .expect("a list");
    let last = evidence.last().expect("evidence");
    assert_eq!(last["class"], "not_found", "{review}");
    assert_eq!(
        review["attempts"][0]["absence"]["verdict"],
        "too_few_lookups"
    );
    assert_eq!(app.balance(&person).await, (9_000, 1_000), "nothing moved");

    // The repeated lookup shows it as paid: nothing is left to decide.
    let fourth = court.propose(&court.bia, &id, "release", 201).await.id();
    app.heal().await;
    let gone = court.approve(&court.ana, &id, &fourth, 409).await;
    assert_eq!(gone.code(), "not_in_review");
    let ended = app.ended(&person, &id).await;
    assert_eq!(ended["stage"], "settled");
    let late = court.propose(&court.ana, &id, "release", 409).await;
    assert_eq!(late.code(), "not_in_review");
    let review = court.review(&id).await;
    let states: Vec<&Value> = review["proposals"]
        .as_array()
        .expect("proposals")
        .iter()
        .map(|proposal| &proposal["state"])
        .collect();
    assert_eq!(
        states,
        ["superseded", "superseded", "superseded", "withdrawn"]
    );
    let codes: Vec<Value> = court
        .audited()
        .await
        .into_iter()
        .filter(|(action, _)| action == "review.approval_refused")
        .map(|(_, detail)| detail["code"].clone())
        .collect();
    assert_eq!(
        codes,
        [
            "same_person",
            "proposal_closed",
            "evidence_changed",
            "evidence_changed",
            "evidence_changed",
            "not_in_review"
        ]
    );
    court.app.finish().await;
}

/// As if a worker had opened a send and were still waiting.
async fn open_a_send(app: &TestApp, id: &str) {
    let found = app.app().store.transaction(parsed(id)).await;
    let found = found.expect("the store").expect("a payment");
    let attempt = &found.attempts[0];
    let send = SendRow {
        attempt_id: attempt.row.id,
        number: attempt.sends.len() as u32 + 1,
        opened_at: app.app().now(),
        closed_at: None,
        verdict: None,
        class: None,
        code: None,
        lease_token: 0,
    };
    write(app, vec![Write::InsertSend(send)]).await;
}

/// The payment's own job finds the send's owner gone.
async fn close_it(app: &TestApp, id: &str) {
    wait_until("the send to be closed", LIMIT, || async {
        let at = app.app().now();
        let transaction_id = parsed(id);
        write(app, vec![Write::WakeJobs { transaction_id, at }]).await;
        app.app().bell.notify_waiters();
        let found = app.app().store.transaction(transaction_id).await;
        let found = found.expect("the store").expect("a payment");
        let mut sends = found.attempts[0].sends.iter();
        sends.all(|send| send.closed_at.is_some()).then_some(())
    })
    .await;
}

async fn write(app: &TestApp, writes: Vec<Write>) {
    use app::context::Decision;
    let decide = move |_: &_| Decision::<(), ()>::Commit(writes.clone(), ());
    let done = app.app().commit("test", Default::default(), decide).await;
    done.expect("it is written");
}

/// Efí paid and nobody knew: two people have it paid again, and Efí's payment comes to light.
async fn a_retry_pays_elsewhere_and_a_second_execution_is_a_loss(database: Database) {
    let court = Court::open(database, EFI).await;
    let app = &court.app;
    let person = app.person_with(10_000).await;
    court.silence(EFI, "payout", "drop_reply").await;
    let id = court.reviewed(&person, 1_000).await;
    let queued = court.decide(&id, "retry").await;
    assert!(
        queued["stage"] != "in_review" && queued["failure"].is_null(),
        "{queued}"
    );
    let ended = app.ended(&person, &id).await;
    assert_eq!(
        (&ended["stage"], &ended["gateway"], &ended["corrected"]),
        (&json!("settled"), &json!(MERCADO_PAGO), &json!(false))
    );
    let attempts = app.attempts(&person, &id).await;
    assert_eq!(attempts.len(), 2, "{attempts:?}");
    assert_eq!(attempts[1]["licence"]["kind"], "operator_decision");
    let words = string(&attempts[1]["licence"], "in_words");
    assert!(words.contains("approved"), "{words}");
    assert_eq!(attempts[0]["outcome"], "unknown");
    let executed = app.settled("sent", &keys_of(&attempts)).await;
    assert_eq!(executed.len(), 2, "both were executed: {executed:?}");

    app.heal().await;
    for _ in 0..3 {
        court.scan().await;
    }
    let after = app.transaction(&person, &id).await;
    assert_eq!(
        (&after["stage"], &after["corrected"], &after["version"]),
        (&json!("settled"), &json!(false), &ended["version"])
    );
    assert_eq!(
        app.balance(&person).await,
        (9_000, 0),
        "no loss of the user"
    );
    let attempts = app.attempts(&person, &id).await;
    assert_eq!(
        (&attempts[0]["outcome"], &attempts[0]["reason"]),
        (&json!("done"), &json!("executed_twice"))
    );
    assert_eq!(court.alerted("executed_twice").await, 1, "told once");
    let losses = async || app.app().store.account_balance(Account::Losses).await;
    assert_eq!(losses().await.expect("a balance"), 1_000, "booked once");
    court.books_agree().await;

    // The payee gives the second one back: that is no money of the user's.
    let key = string(&attempts[0], "attempt_key");
    let back = format!("/sandbox/payouts/{key}/return");
    app.post(&back, &json!({"amount_cents": 1_000}))
        .expect(200)
        .await;
    court.scan().await;
    assert_eq!(losses().await.expect("a balance"), 0);
    assert_eq!(app.balance(&person).await, (9_000, 0));
    court.books_agree().await;
    let explained = app::explain::explain(app.app(), parsed(&id)).await;
    let explained = explained.expect("the store").expect("a story").join("\n");
    assert!(explained.contains("proposed retry"), "{explained}");
    court.app.discard();
}

/// The other gateway refuses for good what people had paid again: the first may still have paid it.
async fn a_retry_that_fails_goes_back_to_people(database: Database) {
    let court = Court::open(database, EFI).await;
    let app = &court.app;
    let person = app.person_with(10_000).await;
    court.silence(EFI, "payout", "drop_reply").await;
    app.fault(
        MERCADO_PAGO,
        json!({"operation": "payout", "mode": "reject"}),
    )
    .await;
    let id = court.reviewed(&person, 1_000).await;
    court.decide(&id, "retry").await;
    let back = app
        .once(&person, &id, "the second review", |seen| {
            seen["stage"] == "in_review"
        })
        .await;
    assert_eq!(back["status"], "pending");
    assert_eq!(app.balance(&person).await, (9_000, 1_000), "still held");
    let attempts = app.attempts(&person, &id).await;
    let outcomes: Vec<&Value> = attempts.iter().map(|one| &one["outcome"]).collect();
    assert_eq!(outcomes, ["unknown", "not_done"]);
    let review = court.review(&id).await;
    assert_eq!(review["attempts"][0]["in_review"], true, "{review}");
    // The customer cannot take it back either.
    let cancel = format!("/v1/transactions/{id}/cancel");
    let refused = app.post(&cancel, &json!({})).by(&person.token).expect(409);
    assert_eq!(refused.await.code(), "already_dispatched");

    court.decide(&id, "release").await;
    assert_eq!(app.balance(&person).await, (10_000, 0));
    app.heal().await;
    court.scan().await;
    let corrected = app.transaction(&person, &id).await;
    assert_eq!(
        (&corrected["stage"], &corrected["corrected"]),
        (&json!("settled"), &json!(true))
    );
    assert_eq!(app.balance(&person).await, (9_000, 0));
    let actions: Vec<String> = court
        .audited()
        .await
        .into_iter()
        .map(|(action, _)| action)
        .collect();
    assert_eq!(
        actions,
        [
            "review.entered",
            "review.proposed",
            "review.approved",
            "review.entered",
            "review.proposed",
            "review.approved",
            "transaction.corrected"
        ]
    );
    court.app.finish().await;
}

/// Efí took the order and refused it later, unheard; people took it for paid.
async fn what_people_called_settled_is_corrected_by_a_refusal(database: Database) {
    let court = Court::open(database, EFI).await;
    let app = &court.app;
    let person = app.person_with(10_000).await;
    court.silence(EFI, "payout", "async_reject").await;
    let id = court.reviewed(&person, 1_000).await;
    let settled = court.decide(&id, "settled").await;
    assert_eq!(
        (&settled["stage"], &settled["gateway"]),
        (&json!("settled"), &json!(EFI))
    );
    assert_eq!(app.balance(&person).await, (9_000, 0));
    app.heal().await;
    court.scan().await;
    let corrected = app.transaction(&person, &id).await;
    assert_eq!(
        (&corrected["stage"], &corrected["corrected"]),
        (&json!("rejected"), &json!(true)),
        "{corrected}"
    );
    assert_eq!(app.balance(&person).await, (10_000, 0));
    court.scan().await;
    assert_eq!(court.alerted("corrected").await, 1);
    court.books_agree().await;
    court.app.finish().await;
}

async fn a_released_refund_is_corrected_with_its_pay_in(database: Database) {
    let court = Court::open(database, EFI).await;
    let app = &court.app;
    let person = app.person().await;
    let charge = app.fund(&person, 1_000).await;
    // A refund asks after its pay-in before it is sent.
    for (operation, mode) in [("refund", "drop_reply"), ("webhook", "lose")] {
        app.fault(EFI, json!({"operation": operation, "mode": mode}))
            .await;
    }
    let body = json!({"transaction_id": charge["id"], "amount_cents": 400});
    let asked = app.post("/v1/refunds", &body).by(&person.token);
    let asked = asked.key(&app.fresh_key()).expect(202).await;
    let id = asked.id();
    app.at_stage(&person, &id, "in_doubt").await;
    court.silence(EFI, "refund", "drop_reply").await;
    app.at_stage(&person, &id, "in_review").await;
    let retry = court.propose(&court.ana, &id, "retry", 422).await;
    assert_eq!(
        retry.fields(),
        [("outcome".to_owned(), "not_allowed".to_owned())]
    );
    court.decide(&id, "release").await;
    let paid = async || {
        let charge = app.transaction(&person, &string(&charge, "id")).await;
        let pay_in = &charge["pay_ins"][0];
        (
            pay_in["refunded_cents"].clone(),
            pay_in["reversed_cents"].clone(),
        )
    };
    let (before, _) = app.balance(&person).await;
    assert_eq!(paid().await, (json!(0), json!(0)));
    app.heal().await;
    // What was given back is seen at the pay-in first, as if Efí had taken it by itself.
    let found = app.app().store.transaction(parsed(&string(&charge, "id")));
    let found = found.await.expect("the store").expect("a charge");
    let key = &found.pay_ins[0].key;
    let observed = app.app().gateway(Gateway::Efi).look_up_pay_in(key).await;
    let observed = observed.expect("an answer").expect("a pay-in");
    app.app()
        .credit(Gateway::Efi, observed, "test")
        .await
        .expect("the reversal");
    assert_eq!(paid().await, (json!(0), json!(400)));
    court.scan().await;
    let corrected = app.transaction(&person, &id).await;
    assert_eq!(
        (&corrected["stage"], &corrected["corrected"]),
        (&json!("settled"), &json!(true))
    );
    assert_eq!(paid().await, (json!(400), json!(0)), "taken once");
    assert_eq!(app.balance(&person).await, (before - 400, 0));
    court.books_agree().await;
    court.app.finish().await;
}
