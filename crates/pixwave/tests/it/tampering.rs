//! `pixwave check` on a used database: it tells figures, and names what was changed by hand. A server
//! notices the same by itself.

use std::path::Path;

use rusqlite::Connection;
use serde_json::json;
use testkit::wait_until;

use crate::child::{ServerProcess, pixwave, run, stderr, stdout};
use crate::client::{Client, string};
use crate::harness::{Database, LIMIT, TestApp};

/// The exit code and everything that was said.
async fn check(folder: &Path) -> (Option<i32>, String) {
    let mut command = pixwave(folder, &[]);
    command.arg("check");
    let output = run(command).await;
    (
        output.status.code(),
        format!("{}{}", stdout(&output), stderr(&output)),
    )
}

/// Changes one row, checks, and changes it back.
async fn tampered(folder: &Path, change: &str, back: &str) -> String {
    let execute = |statement: &str| {
        let file = Connection::open(folder.join("pixwave.db")).expect("the file opens");
        let changed = file.execute(statement, []).expect("it is written");
        assert_eq!(changed, 1, "{statement}");
    };
    execute(change);
    let (code, text) = check(folder).await;
    assert_eq!(code, Some(1), "{change}: {text}");
    assert!(text.contains("BROKEN"), "{change}: {text}");
    execute(back);
    let (code, text_after) = check(folder).await;
    assert_eq!(code, Some(0), "{back}: {text_after}");
    text
}

fn first(folder: &Path, query: &str) -> String {
    let file = Connection::open(folder.join("pixwave.db")).expect("the file opens");
    let id: Vec<u8> = file.query_row(query, [], |row| row.get(0)).expect("a row");
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_hand_is_named() {
    let mut app = TestApp::apart(Database::Sqlite).await;
    let person = app.person_with(10_000).await;
    let payout = app.payout(&person, 1_000).await;
    app.ended(&person, &payout.id()).await;
    app.terminate().await;
    let folder = app.folder().to_owned();

    let (code, text) = check(&folder).await;
    assert_eq!(code, Some(0), "{text}");
    for figure in [
        "every journal sums to zero",
        "journals",
        "wallets",
        "centavos",
    ] {
        assert!(text.contains(figure), "{figure}: {text}");
    }

    let wallet = person.wallet_id.trim_start_matches("wal_").to_owned();
    let balance = |sign: &str| {
        format!(
            "UPDATE wallet_balances SET available = available {sign} 1 WHERE hex(wallet_id) = upper('{wallet}')"
        )
    };
    let named = tampered(&folder, &balance("+"), &balance("-")).await;
    assert!(named.contains(&person.wallet_id), "{named}");

    let journal = first(
        &folder,
        "SELECT journal_id FROM entries ORDER BY rowid DESC LIMIT 1",
    );
    let entry = |sign: &str| {
        format!(
            "UPDATE entries SET debit_cents = debit_cents {sign} 1 \
             WHERE hex(journal_id) = upper('{journal}') AND leg = 0"
        )
    };
    let named = tampered(&folder, &entry("+"), &entry("-")).await;
    assert!(named.contains(&journal), "{named}");
    app.discard();
}

/// Nobody has to ask: what newly breaks is an alert that operators see.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_by_hand_raises_an_alert() {
    let mut app = TestApp::apart(Database::Sqlite).await;
    app.person_with(10_000).await;
    app.terminate().await;
    let file = Connection::open(app.folder().join("pixwave.db")).expect("the file opens");
    let change = "UPDATE wallet_balances SET available = available + 1 WHERE available = 10000";
    let changed = file.execute(change, []).expect("it is written");
    assert_eq!(changed, 1);
    drop(file);
    let often = [("CHECK_INTERVAL", "1s")];
    let server = ServerProcess::start(app.folder(), &often).await;
    let client = Client::new(&server.url);
    let (email, password) = server.operator.clone().expect("it names an operator");
    let body = json!({"email": email, "password": password});
    let session = client.post("/v1/sessions", &body).expect(201).await;
    let token = string(&session.body, "token");
    let told = wait_until("the alert", LIMIT, || async {
        let alerts = client.get("/v1/alerts").by(&token).await.list();
        let broken = |alert: &serde_json::Value| alert["kind"] == "invariant_broken";
        alerts.into_iter().find(broken)
    })
    .await;
    let message = string(&told, "message");
    assert!(
        message.contains("every wallet") && message.contains("rows that break it: 1"),
        "{message}"
    );
    drop(server);
    app.discard();
}
