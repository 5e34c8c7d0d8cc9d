//! The dispatch epoch: a restored database pays nothing before it has been compared.

use app::attempt_key::attempt_key;
use app::context::Settings;
use app::dispatch_epoch::EPOCH;
use app::ports::store::{Locks, Unit, UnitResult, Verdict, Write};
use domain::gateway::Gateway;
use domain::time::Span;
use serde_json::{Value, json};

use crate::client::{Answer, string};
use crate::harness::{Database, EFI, Person, TestApp, brisk, keys_of, without_circuits};
use crate::reconciliations::{PADARIA, an_hour_ago, leave};

both_databases!(
    a_restored_database_waits_and_follows_what_had_left,
    what_the_books_do_not_know_bars_the_way,
);

pub fn with_epoch() -> Settings {
    let mut settings = brisk();
    without_circuits(&mut settings);
    settings.dispatch_epoch = Some("first".to_owned());
    settings
}

/// What a restore leaves: a database that holds an older epoch than the configuration names.
pub async fn restore(app: &TestApp) {
    let unit = Unit {
        name: "test",
        locks: Locks::default(),
        decide: std::sync::Arc::new(|_| Verdict::Commit {
            writes: vec![Write::PutSetting {
                name: EPOCH.to_owned(),
                value: "older".to_owned(),
            }],
            answer: Box::new(()),
        }),
    };
    let done = app.app().store.commit(vec![unit]).await.pop();
    assert!(matches!(done, Some(UnitResult::Committed(_))));
    app.app().watch_controls().await.expect("it reads");
}

async fn resume(app: &TestApp, accept: &[&str], status: u16) -> Answer {
    let operator = app.operator().await;
    let body = json!({"since": an_hour_ago(), "accept": accept});
    let call = app.post("/v1/dispatch/resume", &body).by(&operator);
    call.expect(status).await
}

async fn standing(app: &TestApp) -> Value {
    let operator = app.operator().await;
    app.get("/v1/dispatch").by(&operator).await.body
}

async fn alerts(app: &TestApp, kind: &str) -> usize {
    let alerts = app.app().alerts(200).await.expect("alerts");
    alerts.iter().filter(|alert| alert.kind == kind).count()
}

async fn payout_with_key(app: &TestApp, person: &Person, amount: i64, key: &str) -> String {
    let body = json!({"amount_cents": amount, "pix_key": PADARIA});
    let payout = app.post("/v1/payouts", &body).by(&person.token).key(key);
    payout.expect(202).await.id()
}

async fn a_restored_database_waits_and_follows_what_had_left(database: Database) {
    let mut settings = with_epoch();
    settings.queued_deadline = Span::from_seconds(2);
    let app = TestApp::with_settings(database, settings).await;
    let person = app.person_with(20_000).await;
    let now = standing(&app).await;
    assert_eq!(
        now["stored_epoch"], "first",
        "a fresh database takes what is configured"
    );
    assert_eq!(now["status"], "running");
    assert_eq!(resume(&app, &[], 409).await.code(), "dispatch_not_stopped");
    let before = payout_with_key(&app, &person, 1_000, "before").await;
    app.ended(&person, &before).await;

    restore(&app).await;
    restore(&app).await;
    assert_eq!(
        alerts(&app, "dispatch_stopped").await,
        1,
        "people are told once"
    );
    let ready = app.get("/readyz").await.body;
    assert_eq!(
        (&ready["status"], &ready["dispatch"]),
        (&json!("ready"), &json!("stopped"))
    );
    assert!(
        string(&ready, "detail").contains("dispatch resume"),
        "{ready}"
    );
    assert_eq!(standing(&app).await["stored_epoch"], "older");

    // One had left before the restore, the other never did.
    let left = payout_with_key(&app, &person, 2_000, "left").await;
    let unsent = payout_with_key(&app, &person, 3_000, "unsent").await;
    for id in [&left, &unsent] {
        app.once(&person, id, "wait", |seen| {
            seen["waiting_for"] == "dispatch_stopped"
        })
        .await;
    }
    let cancel = format!("/v1/transactions/{left}/cancel");
    let refused = app.post(&cancel, &json!({})).by(&person.token);
    assert_eq!(refused.expect(503).await.code(), "unavailable");
    // Money still comes in, and no clock gives anything back.
    app.fund(&person, 500).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    app::sweeper::sweep(app.app().clone())
        .await
        .expect("it sweeps");
    for id in [&left, &unsent] {
        assert_eq!(app.transaction(&person, id).await["stage"], "queued");
        assert!(app.attempts(&person, id).await.is_empty());
    }
    for check in app::checks::check(app.app()).await.expect("the checks run") {
        assert!(
            check.broken.is_empty(),
            "{}: {:?}",
            check.rule,
            check.broken
        );
    }
    let key = attempt_key(&person.user_id, "left", Gateway::Efi, 1);
    leave(&app, &key, 2_000).await;

    let refused = resume(&app, &[], 409).await;
    assert_eq!(refused.code(), "reconciliation_differs");
    let open = [("mercado_pago:sent".to_owned(), "not_listed".to_owned())];
    assert_eq!(refused.fields(), open, "what had left is followed by now");
    let ended = app.ended(&person, &left).await;
    assert_eq!(
        (&ended["stage"], &ended["gateway"]),
        (&json!("settled"), &json!(EFI))
    );
    let attempts = app.attempts(&person, &left).await;
    assert_eq!(keys_of(&attempts), [key]);
    assert!(string(&attempts[0], "why").contains("lost with a restore"));
    assert_eq!(app.transaction(&person, &unsent).await["stage"], "queued");

    let resumed = resume(&app, &["mercado_pago:sent"], 200).await.body;
    assert_eq!(resumed["epoch"], "first");
    assert_eq!(app.ended(&person, &unsent).await["stage"], "settled");
    assert_eq!(standing(&app).await["status"], "running");
    assert_eq!(app.get("/readyz").await.body["dispatch"], "running");
    assert_eq!(alerts(&app, "dispatch_resumed").await, 1);
    let trail = app.app().audit(200).await.expect("the trail");
    let mut lines = trail
        .iter()
        .filter(|line| line.action.starts_with("dispatch."));
    let last = lines.next().expect("a line");
    assert_eq!(last.action, "dispatch.resumed");
    assert!(last.detail.contains("mercado_pago:sent"), "{}", last.detail);
    assert_eq!(
        lines.next().expect("a line").action,
        "dispatch.resume_refused"
    );
    app.finish().await;
}

async fn what_the_books_do_not_know_bars_the_way(database: Database) {
    let app = TestApp::with_settings(database, with_epoch()).await;
    let person = app.person_with(20_000).await;
    restore(&app).await;
    let stranger = "f".repeat(32);
    leave(&app, &stranger, 300).await;
    // Under the key of a payment that asks for another amount.
    let differs = payout_with_key(&app, &person, 900, "differs").await;
    app.once(&person, &differs, "wait", |seen| {
        !seen["waiting_for"].is_null()
    })
    .await;
    let key = attempt_key(&person.user_id, "differs", Gateway::Efi, 1);
    leave(&app, &key, 700).await;
    let strange = format!("efi:sent:{stranger}");
    let other = format!("efi:sent:{key}");
    let unlisted = "mercado_pago:sent";
    let refused = resume(&app, &[unlisted, &strange], 409).await;
    let open = [(other.clone(), "sent_amount_differs".to_owned())];
    assert_eq!(refused.fields(), open);
    // A gateway that cannot be asked keeps everything as it is.
    app.fault(EFI, json!({"operation": "lookup", "mode": "error_500"}))
        .await;
    let refused = resume(&app, &[unlisted, &strange, &other], 503).await;
    assert_eq!(refused.code(), "unavailable");
    assert_eq!(standing(&app).await["status"], "stopped");
    app.heal().await;
    let resumed = resume(&app, &[unlisted, &strange, &other], 200).await.body;
    let kinds: Vec<&str> = resumed["items"]
        .as_array()
        .expect("items")
        .iter()
        .filter_map(|item| item["kind"].as_str())
        .collect();
    assert_eq!(kinds.len(), 2, "{resumed}");
    assert!(kinds.contains(&"sent_unknown"), "{resumed}");
    let trail = app.app().audit(200).await.expect("the trail");
    let last = trail.iter().find(|line| line.action == "dispatch.resumed");
    assert!(last.expect("a line").detail.contains(&strange));
    // What left without our asking cannot be judged as a promise of ours.
    app.discard();
}
