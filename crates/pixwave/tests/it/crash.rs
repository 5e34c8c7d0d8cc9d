//! Processes that die or freeze in the middle of payments.

use std::time::Duration;

use domain::time::Span;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use crate::client::{Client, string};
use crate::harness::{Database, EFI, Person, TestApp, brisk, keys_of, verdicts, without_circuits};

both_databases!(
    a_worker_slower_than_its_lease_is_overtaken,
    kill_9_at_any_moment_loses_and_doubles_nothing,
    sigterm_lets_work_end,
);

/// One request, to be repeated until it is answered.
#[derive(Clone)]
struct Wish {
    path: &'static str,
    key: String,
    token: String,
    body: Value,
}

impl Wish {
    /// The transaction's id, when the server lived long enough to answer.
    async fn ask(&self, client: &Client) -> Option<String> {
        let call = client
            .post(self.path, &self.body)
            .by(&self.token)
            .key(&self.key);
        let answer = call.attempt().await.ok()?;
        assert!(
            matches!(answer.status, 201 | 202 | 503),
            "{}",
            answer.text()
        );
        (answer.status != 503).then(|| answer.id())
    }
}

fn wish(rng: &mut ChaCha8Rng, people: &[Person], number: usize) -> Wish {
    let payer = rng.random_range(0..people.len());
    let (path, body) = match rng.random_range(0..4) {
        0 => {
            let payee = &people[(payer + 1) % people.len()];
            let body =
                json!({"amount_cents": rng.random_range(1..300), "to_wallet_id": payee.wallet_id});
            ("/v1/transfers", body)
        }
        1 => (
            "/v1/charges",
            json!({"amount_cents": rng.random_range(1..300)}),
        ),
        _ => {
            let body =
                json!({"amount_cents": rng.random_range(1..300), "pix_key": "padaria@example.com"});
            ("/v1/payouts", body)
        }
    };
    Wish {
        path,
        key: format!("wish-{number}"),
        token: people[payer].token.clone(),
        body,
    }
}

/// Killed again and again under load, at seeded moments; whoever got no answer asks again under the
/// same key. Nothing is lost, nothing doubled, everything ends.
async fn kill_9_at_any_moment_loses_and_doubles_nothing(database: Database) {
    let mut rng = ChaCha8Rng::seed_from_u64(2026);
    let mut app = TestApp::apart(database).await;
    let people = [app.person_with(50_000).await, app.person_with(50_000).await];
    let mut unanswered: Vec<Wish> = Vec::new();
    for round in 0..4 {
        let fault =
            json!({"operation": "payout", "mode": "drop_reply", "probability": 0.2, "seed": round});
        app.fault(EFI, fault).await;
        let mut wishes: Vec<Wish> = (0..20)
            .map(|n| wish(&mut rng, &people, round * 20 + n))
            .collect();
        wishes.append(&mut unanswered);
        let moment = Instant::now() + Duration::from_millis(rng.random_range(30..700));
        let mut asked = JoinSet::new();
        for wish in wishes {
            let client = app.client();
            asked.spawn(async move {
                let id = wish.ask(&client).await;
                (wish, id)
            });
        }
        // The moment is the experiment, not a wait for something.
        sleep_until(moment).await;
        app.kill();
        while let Some(done) = asked.join_next().await {
            let (wish, id) = done.expect("no panic");
            if id.is_none() {
                unanswered.push(wish);
            }
        }
        app.restart().await;
    }
    for wish in &unanswered {
        assert!(
            wish.ask(&app.client()).await.is_some(),
            "refused: {}",
            wish.key
        );
    }
    for person in &people {
        for seen in app.transactions(person).await {
            let id = string(&seen, "id");
            if seen["kind"] == "charge" && seen["status"] == "pending" {
                let ready = app.at_stage(person, &id, "awaiting_payment").await;
                app.pay_charge(&ready, json!({})).await;
            }
            if seen["status"] == "pending" {
                app.ended(person, &id).await;
            }
        }
    }
    let mut told = 0;
    for person in &people {
        for seen in app.transactions(person).await {
            assert_eq!(seen["status"], "success", "{seen}");
            // A transfer between two of them is in the lists of both.
            told += u32::from(seen["direction"] != "in");
        }
    }
    assert_eq!(told, 80 + 2, "every request is one transaction");
    app.finish().await;
}

/// SIGTERM in the middle of a gateway call: the answer is waited for and stored.
async fn sigterm_lets_work_end(database: Database) {
    let mut app = TestApp::apart(database).await;
    let person = app.person_with(5_000).await;
    app.fault(
        EFI,
        json!({"operation": "payout", "mode": "slow", "latency_ms": 700}),
    )
    .await;
    let payout = app.payout(&person, 1_000).await;
    app.at_stage(&person, &payout.id(), "sending").await;
    app.terminate().await;
    app.restart().await;
    let attempts = app.attempts(&person, &payout.id()).await;
    assert_eq!(
        verdicts(&attempts[0]),
        ["accepted"],
        "the answer was not thrown away"
    );
    app.ended(&person, &payout.id()).await;
    app.finish().await;
}

/// Its lease runs out while the gateway thinks: another run takes the payment over, closes the
/// foreign send as unknown, looks it up, and the late answer changes nothing.
async fn a_worker_slower_than_its_lease_is_overtaken(database: Database) {
    let mut settings = brisk();
    without_circuits(&mut settings);
    settings.job_lease = Span::from_millis(500);
    let app = TestApp::with_call_limit(database, settings, Span::from_millis(300)).await;
    let person = app.person_with(5_000).await;
    let fault = json!({"operation": "payout", "mode": "slow", "latency_ms": 1_500, "times": 1});
    app.fault(EFI, fault).await;
    // A webhook would tell the end before the lease runs out.
    app.fault(EFI, json!({"operation": "webhook", "mode": "lose"}))
        .await;
    let payout = app.payout(&person, 1_000).await;
    let ended = app.ended(&person, &payout.id()).await;
    assert_eq!(ended["stage"], "settled");
    let attempts = app.attempts(&person, &payout.id()).await;
    assert_eq!(attempts.len(), 1);
    assert_eq!(
        attempts[0]["sends"][0]["code"], "process_lost",
        "{attempts:?}"
    );
    assert_eq!(app.settled("sent", &keys_of(&attempts)).await.len(), 1);
    assert_eq!(app.balance(&person).await, (4_000, 0));
    app.finish().await;
}

/// The disk fills up under load: what was accepted stays, the rest is refused and can be asked again
/// once there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_and_loses_nothing() {
    let mut app = TestApp::cramped(4_000).await;
    let person = app.person_with(50_000).await;
    let body = json!({"amount_cents": 10, "pix_key": "padaria@example.com"});
    let (mut accepted, mut refused) = (Vec::new(), None);
    for number in 0..2_000 {
        let key = format!("payout-{number}");
        let answer = app.payout_call(&person, &body).key(&key).await;
        match answer.status {
            202 => accepted.push(answer.id()),
            503 => {
                assert_eq!(answer.code(), "unavailable");
                refused = Some(key);
                break;
            }
            other => panic!("{other}: {}", answer.text()),
        }
    }
    let refused = refused.expect("the disk fills up");
    assert!(!accepted.is_empty());
    // What is there can still be read.
    app.transaction(&person, &accepted[0]).await;
    app.kill();
    app.restart().await;
    let again = app.payout_call(&person, &body).key(&refused);
    accepted.push(again.expect(202).await.id());
    for id in &accepted {
        let ended = app.ended(&person, id).await;
        assert_eq!(ended["stage"], "settled", "{ended}");
    }
    let told = app.transactions(&person).await;
    let payouts = told.iter().filter(|seen| seen["kind"] == "payout").count();
    assert_eq!(payouts, accepted.len(), "nothing beside what was accepted");
    app.finish().await;
}
