//! What holds over many payments at once: events without gaps, streams that resume, books that
//! agree with the central bank's under load.

use std::collections::BTreeMap;

use domain::gateway::Gateway;
use futures::future::join_all;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::client::{cents, string};
use crate::harness::{
    Database, EFI, GATEWAYS, LIMIT, MERCADO_PAGO, Person, TestApp, brisk, without_circuits,
};

both_databases!(
    events_are_gapless_and_streams_resume,
    a_storm_of_payments_over_failing_gateways_ends_well,
    operators_see_what_users_do_not,
);

/// One server-sent event.
#[derive(Clone, Debug, PartialEq)]
struct Event {
    position: u64,
    kind: String,
    data: Value,
}

/// Reads events after a position until there are so many.
async fn events_after(app: &TestApp, token: &str, position: u64, count: usize) -> Vec<Event> {
    let mut response = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client")
        .get(format!("{}/v1/events/stream", app.url()))
        .bearer_auth(token)
        .header("Last-Event-ID", position.to_string())
        .send()
        .await
        .expect("the stream answers");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (mut text, mut events) = (String::new(), Vec::new());
    let read = async {
        while events.len() < count {
            let chunk = response
                .chunk()
                .await
                .expect("the stream goes on")
                .expect("no end");
            text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
            while let Some(end) = text.find("\n\n") {
                let block: String = text.drain(..end + 2).collect();
                events.extend(parse(&block));
            }
        }
    };
    let ended = timeout(LIMIT, read).await;
    assert!(
        ended.is_ok(),
        "{} of {count} events: {events:?}",
        events.len()
    );
    events
}

fn parse(block: &str) -> Option<Event> {
    let field = |name: &str| {
        let line = block.lines().find(|line| line.starts_with(name));
        line.map(|line| line[name.len()..].trim().to_owned())
    };
    Some(Event {
        position: field("id:")?.parse().expect("a position"),
        kind: field("event:")?,
        data: serde_json::from_str(&field("data:")?).expect("JSON"),
    })
}

async fn events_are_gapless_and_streams_resume(database: Database) {
    let app = TestApp::start(database).await;
    let (ana, bruno) = (app.person_with(10_000).await, app.person_with(500).await);
    let payout = app.payout(&ana, 1_000).await;
    app.ended(&ana, &payout.id()).await;
    let version = cents(&app.transaction(&ana, &payout.id()).await, "version");

    // One event per version of a transaction, told only to its owner. How many there are of the
    // charge depends on timing, so the stream is read until the payout's last one.
    let mut all = Vec::new();
    let mut count = usize::try_from(version).expect("a small number") + 1;
    loop {
        all = if all.len() >= count {
            all
        } else {
            events_after(&app, &ana.token, 0, count).await
        };
        let last = all.iter().any(|event: &Event| {
            event.kind == "payout.settled" && event.data["transaction_id"] == payout.id()
        });
        if last {
            break;
        }
        count = all.len() + 1;
    }
    let mut versions: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for event in &all {
        assert_eq!(event.data["type"], event.kind);
        assert_ne!(
            event.data["wallet_id"], bruno.wallet_id,
            "told to somebody else"
        );
        if let Some(id) = event.data["transaction_id"].as_str() {
            let version = cents(&event.data, "transaction_version");
            versions.entry(id.to_owned()).or_default().push(version);
        }
    }
    for (id, seen) in &versions {
        let expected: Vec<i64> = (seen[0]..).take(seen.len()).collect();
        assert_eq!(seen, &expected, "the versions of {id}");
        assert!(seen[0] <= 1, "the first version of {id} is told");
    }
    assert_eq!(versions[&payout.id()].last(), Some(&version));
    assert!(
        all.windows(2)
            .all(|pair| pair[0].position < pair[1].position)
    );

    // Resuming in the middle tells the same again, and what comes later.
    let middle = all.len() / 2;
    let rest = events_after(
        &app,
        &ana.token,
        all[middle].position,
        all.len() - middle - 1,
    )
    .await;
    assert_eq!(rest[..all.len() - middle - 1], all[middle + 1..]);
    let last = all.last().expect("an event").position;
    let (later, _) = tokio::join!(events_after(&app, &ana.token, last, 1), async {
        let body = json!({"amount_cents": 1, "to_wallet_id": bruno.wallet_id});
        app.post("/v1/transfers", &body)
            .by(&ana.token)
            .key("t")
            .expect(201)
            .await
    });
    assert_eq!(later[0].kind, "transfer.settled");
    let refused = app
        .get("/v1/events/stream")
        .by(&ana.token)
        .header("Last-Event-ID", "soon");
    assert_eq!(refused.expect(422).await.fields()[0].0, "Last-Event-ID");
    app.finish().await;
}

/// Seeded: which gateway fails how, which payment comes when. The oracle judges the end.
async fn a_storm_of_payments_over_failing_gateways_ends_well(database: Database) {
    let mut settings = brisk();
    without_circuits(&mut settings);
    settings.primary_payout = Gateway::Efi;
    let app = TestApp::with_settings(database, settings).await;
    let people = [
        app.person_with(100_000).await,
        app.person_with(100_000).await,
    ];
    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let modes = [
        "flaky",
        "drop_reply",
        "error_500",
        "error_500_after_commit",
        "truncated",
        "rate_limited",
        "settle_late",
        "html_502",
    ];
    for round in 0..4 {
        for gateway in GATEWAYS {
            let fault = json!({
                "operation": "payout",
                "mode": modes[rng.random_range(0..modes.len())],
                "probability": 0.4,
                "seed": round,
                "latency_ms": 50,
            });
            app.fault(gateway, fault).await;
        }
        let burst = (0..12).map(|_| {
            let person = &people[rng.random_range(0..people.len())];
            one_payment(
                &app,
                person,
                rng.random_range(0..4),
                rng.random_range(1..2_000),
            )
        });
        let burst: Vec<_> = burst.collect();
        join_all(burst).await;
    }
    app.heal().await;
    app.quiet().await;
    let sum: i64 = {
        let mut sum = 0;
        for person in &people {
            let (available, held) = app.balance(person).await;
            assert_eq!(held, 0);
            sum += available;
        }
        sum
    };
    let sent: i64 = app.settled_sum("sent").await;
    let received: i64 = app.settled_sum("received").await;
    assert_eq!(sum, received - sent, "no centavo is lost or made");
    app.finish().await;
}

async fn one_payment(app: &TestApp, person: &Person, kind: u32, amount: i64) {
    match kind {
        0 => {
            let other = app
                .people()
                .into_iter()
                .find(|other| other.user_id != person.user_id);
            let to = other.expect("another person").wallet_id;
            let body = json!({"amount_cents": amount, "to_wallet_id": to});
            let call = app.post("/v1/transfers", &body).by(&person.token);
            call.key(&app.fresh_key()).expect(201).await;
        }
        _ => {
            app.payout(person, amount).await;
        }
    }
}

async fn operators_see_what_users_do_not(database: Database) {
    let app = TestApp::start(database).await;
    let operator = app.operator().await;
    let person = app.person_with(1_000).await;
    for gateway in GATEWAYS {
        app.fault(gateway, json!({"mode": "down"})).await;
    }
    let payout = app.payout(&person, 100).await;
    app.ended(&person, &payout.id()).await;
    let gateways = app.get("/v1/gateways").by(&operator).await.list();
    let names: Vec<String> = gateways
        .iter()
        .map(|gateway| string(gateway, "name"))
        .collect();
    assert!(names.contains(&EFI.to_owned()) && names.contains(&MERCADO_PAGO.to_owned()));
    for gateway in &gateways {
        let operations = gateway["operations"].as_array().expect("operations");
        let payouts = operations
            .iter()
            .find(|health| health["operation"] == "payout");
        let payouts = payouts.expect("payouts are watched");
        assert_eq!(
            payouts["circuit"], "open",
            "three failures open it: {payouts}"
        );
        assert_eq!(payouts["open_cause"], "failures");
    }
    let alerts = app.get("/v1/alerts").by(&operator).await.list();
    let about = alerts
        .iter()
        .find(|alert| alert["transaction_id"] == payout.id());
    assert_eq!(about.expect("an alert")["kind"], "all_gateways_failed");
    let jobs = app.get("/v1/jobs").by(&operator).await.list();
    assert!(!jobs.is_empty());
    app.get("/v1/audit").by(&operator).await;
    // Operators read; they do not pay.
    let seen = app
        .get(&format!("/v1/transactions/{}", payout.id()))
        .by(&operator)
        .await;
    assert_eq!(seen.id(), payout.id());
    let body = json!({"amount_cents": 1, "pix_key": "a@example.com"});
    app.post("/v1/payouts", &body)
        .by(&operator)
        .key("o")
        .expect(403)
        .await;
    app.heal().await;
    app.finish().await;
}
