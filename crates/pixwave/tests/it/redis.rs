//! Redis beside the whole program: it dies while payments are made, and it tells one process what
//! another has learnt.

use domain::time::Span;
use serde_json::json;
use testkit::redis::with_server;
use testkit::wait_until;

use crate::child::{pixwave, run, stderr, stdout};
use crate::client::string;
use crate::harness::{Database, EFI, Folder, LIMIT, MERCADO_PAGO, Person, TestApp, brisk};

/// Pays some and waits until all have settled.
async fn pay(app: &TestApp, person: &Person) {
    let mut accepted = Vec::new();
    for _ in 0..5 {
        accepted.push(app.payout(person, 100).await.id());
    }
    for id in accepted {
        let ended = app.ended(person, &id).await;
        assert_eq!(ended["stage"], "settled", "{ended}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn payments_go_on_while_it_is_killed_emptied_and_started_again() {
    with_server(|server| async move {
        let app = TestApp::with_redis(Database::Sqlite, brisk(), &server.url()).await;
        let person = app.person_with(100_000).await;
        let link = app.redis();
        pay(&app, &person).await;
        for _ in 0..2 {
            let lost = link.counts().lost;
            server.kill();
            pay(&app, &person).await;
            assert!(!link.is_up() && link.counts().lost > lost);
            server.start_again().await;
            pay(&app, &person).await;
            wait_until("the return of Redis", LIMIT, || async {
                link.is_up().then_some(())
            })
            .await;
            assert_eq!(server.ask(&["FLUSHALL"]).as_deref(), Some("+OK\r\n"));
            pay(&app, &person).await;
        }
        let counts = link.counts();
        assert!(counts.answered > 0 && counts.regained >= 2, "{counts:?}");
        assert_eq!(app.balance(&person).await, (100_000 - 7 * 5 * 100, 0));
        app.finish().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_learns_of_a_gateway_another_knows() {
    with_server(|server| async move {
        let mut settings = brisk();
        settings.circuit.cool_down = Span::from_seconds(3_600);
        let one = TestApp::with_redis(Database::Sqlite, settings.clone(), &server.url()).await;
        let other = TestApp::with_redis(Database::Sqlite, settings, &server.url()).await;
        let (payer, elsewhere) = (
            one.person_with(10_000).await,
            other.person_with(10_000).await,
        );
        one.fault(EFI, json!({"mode": "down"})).await;
        let id = one.payout(&payer, 100).await.id();
        let ended = one.ended(&payer, &id).await;
        assert_eq!(ended["gateway"], MERCADO_PAGO, "{ended}");

        // The other server's Efí is well, and it has not called it.
        let operator = other.operator().await;
        wait_until("the shared circuit", LIMIT, || async {
            let gateways = other.get("/v1/gateways").by(&operator).await.list();
            let efi = gateways.into_iter().find(|found| found["name"] == EFI)?;
            let operations = efi["operations"].as_array()?.clone();
            let payout = operations
                .iter()
                .find(|found| found["operation"] == "payout")?;
            (payout["circuit"] == "open").then_some(())
        })
        .await;
        let id = other.payout(&elsewhere, 100).await.id();
        let ended = other.ended(&elsewhere, &id).await;
        assert_eq!(ended["gateway"], MERCADO_PAGO, "{ended}");
        let attempts = other.attempts(&elsewhere, &id).await;
        assert_eq!(attempts.len(), 1);
        let why = string(&attempts[0], "why");
        assert!(why.contains("shut_by_failures"), "{why}");
        one.heal().await;
        one.finish().await;
        other.finish().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_examines_it() {
    with_server(|server| async move {
        let folder = Folder::new();
        let secret = "CONFIG SET requirepass hunter2";
        assert!(server.ask(&secret.split(' ').collect::<Vec<_>>()).is_some());
        for (url, found) in [
            (server.url().replace("://", "://:hunter2@"), "version "),
            (server.url(), "it cannot be used: login"),
        ] {
            let mut doctor = pixwave(&folder.0, &[("REDIS_URL", &url)]);
            doctor.arg("doctor");
            let said = run(doctor).await;
            let lines = format!("{}{}", stdout(&said), stderr(&said));
            let line = lines.lines().find(|line| line.contains("redis ")).unwrap();
            assert!(line.contains(found), "{line}");
            assert!(!lines.contains("hunter2"), "{lines}");
        }
    })
    .await;
}
