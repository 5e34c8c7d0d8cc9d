//! `pixwave review …`: two people with a terminal each.

use std::path::Path;
use std::process::Output;

use serde_json::json;
use testkit::wait_until;

use crate::child::{self, ServerProcess, free_port, pixwave, run, stderr, stdout};
use crate::client::{Client, string};
use crate::harness::{Folder, LIMIT};

/// `pixwave review …` with a line on its standard input.
async fn typed(folder: &Path, port: &str, words: &[&str], line: &str) -> Output {
    child::operate(folder, port, &[&["review"], words].concat(), line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_decide_from_the_command_line() {
    let folder = Folder::new();
    let [customer, ana, bia] = &child::seeded(&folder.0).await;
    let port = free_port().to_string();
    let variables = [("HTTP_PORT", port.as_str()), ("IN_DOUBT_DEADLINE", "1s")];
    let mut server = ServerProcess::start(&folder.0, &variables).await;
    let client = Client::new(&server.url);
    for fault in [
        json!({"operation": "payout", "mode": "drop_reply"}),
        json!({"operation": "lookup", "mode": "error_500"}),
        json!({"operation": "webhook", "mode": "lose"}),
    ] {
        client.put("/sandbox/gateways/efi/faults", &fault).await;
    }
    let who = json!({"email": &customer[1], "password": &customer[2]});
    let session = client.post("/v1/sessions", &who).expect(201).await;
    let token = string(&session.body, "token");
    let body = json!({"amount_cents": 700, "pix_key": "padaria@example.com"});
    let payout = client.post("/v1/payouts", &body).by(&token).key("key-1");
    let id = payout.expect(202).await.id();
    let path = format!("/v1/transactions/{id}");
    wait_until("the review", LIMIT, || async {
        let seen = client.get(&path).by(&token).await.body;
        (seen["stage"] == "in_review").then_some(())
    })
    .await;

    let listed = stdout(&typed(&folder.0, &port, &["list"], "").await);
    assert!(
        listed.contains(&id) && listed.contains("R$ 7.00"),
        "{listed}"
    );
    let propose = [
        "propose",
        &id,
        "--outcome",
        "settled",
        "--evidence",
        "the statement shows it",
        "--reason",
        "asked by the payee",
        "--as",
    ];
    let with = |email| [&propose[..], &[email]].concat();
    let wrong = typed(&folder.0, &port, &with(&ana[1]), "not the password").await;
    assert_eq!(wrong.status.code(), Some(3), "{}", stderr(&wrong));
    let proposed = typed(&folder.0, &port, &with(&ana[1]), &ana[2]).await;
    assert!(proposed.status.success(), "{}", stderr(&proposed));
    let said = stdout(&proposed);
    let proposal = said.split_whitespace().next().expect("an id").to_owned();
    let shown = stdout(&typed(&folder.0, &port, &["show", &id], "").await);
    for part in [
        "the statement shows it",
        "in review",
        "absence: efi",
        &proposal,
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }

    let approve = |email| ["approve", &id, &proposal, "--as", email];
    let same = typed(&folder.0, &port, &approve(&ana[1]), &ana[2]).await;
    assert_eq!(same.status.code(), Some(3));
    assert!(stderr(&same).contains("same_person"), "{}", stderr(&same));
    let approved = typed(&folder.0, &port, &approve(&bia[1]), &bia[2]).await;
    assert!(approved.status.success(), "{}", stderr(&approved));
    assert!(stdout(&approved).contains("settled (success)"));
    let listed = stdout(&typed(&folder.0, &port, &["list"], "").await);
    assert!(listed.contains("no payment is in review"), "{listed}");
    let mut check = pixwave(&folder.0, &[]);
    check.arg("check");
    let checked = stdout(&run(check).await);
    assert!(
        checked.contains("1 decided exceptions (1 settled)"),
        "{checked}"
    );

    server.signal("TERM");
    assert!(server.ended().await.success());
    let alone = typed(&folder.0, &port, &approve(&bia[1]), &bia[2]).await;
    assert_eq!(alone.status.code(), Some(1), "nobody answers");
    let odd = typed(&folder.0, &port, &["show", "payout-7"], "").await;
    assert_eq!(odd.status.code(), Some(1));
}
