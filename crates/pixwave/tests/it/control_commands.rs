//! `pixwave gateway`, `dispatch` and `reconcile` beside a running server.

use std::path::Path;
use std::process::Output;

use crate::child::{self, ServerProcess, free_port, pixwave, stderr, stdout};
use crate::harness::Folder;

async fn typed(folder: &Path, variables: &[(&str, &str)], words: &[&str], line: &str) -> Output {
    let mut command = pixwave(folder, variables);
    command.args(words);
    child::typed(command, line).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_set_and_ask_from_the_command_line() {
    let folder = Folder::new();
    let port = free_port().to_string();
    let variables = [("HTTP_PORT", port.as_str()), ("DISPATCH_EPOCH", "first")];
    let mut server = ServerProcess::start(&folder.0, &variables).await;
    let (email, password) = server.operator.clone().expect("an operator");
    let asked = |words: Vec<String>| {
        let (folder, password) = (folder.0.clone(), password.clone());
        async move {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            typed(&folder, &variables, &words, &password).await
        }
    };
    let words = |text: &str| -> Vec<String> {
        let words = text.split_whitespace().map(str::to_owned);
        words.chain(["--as".to_owned(), email.clone()]).collect()
    };

    let paused = asked(words("gateway pause efi payout --reason maintenance")).await;
    assert!(paused.status.success(), "{}", stderr(&paused));
    assert_eq!(stdout(&paused).trim(), "payout at efi: paused, preferred");
    let preferred = asked(words("gateway primary mercado_pago charge")).await;
    assert_eq!(
        stdout(&preferred).trim(),
        "charge at mercado_pago: open, preferred"
    );
    let odd = asked(words("gateway pause stripe payout")).await;
    assert_eq!(odd.status.code(), Some(1));
    let refused = asked(words("gateway primary efi refund")).await;
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        stderr(&refused).contains("primary (not_allowed)"),
        "{}",
        stderr(&refused)
    );
    let listed = asked(vec!["gateway".into(), "list".into()]).await;
    let listed = stdout(&listed);
    let line = listed.lines().find(|line| line.contains("paused"));
    let line = line.expect("a paused operation");
    assert!(
        line.starts_with("efi") && line.contains("maintenance"),
        "{listed}"
    );

    let status = asked(vec!["dispatch".into(), "status".into()]).await;
    assert!(status.status.success(), "{}", stderr(&status));
    assert!(stdout(&status).contains("in the database: first"));
    let running = asked(words("dispatch resume --since 2026-01-01T00:00:00Z")).await;
    assert_eq!(running.status.code(), Some(3));
    assert!(stderr(&running).contains("dispatch_not_stopped"));
    let (from, to) = (
        jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1),
        jiff::Timestamp::now(),
    );
    let reconciled = asked(words(&format!("reconcile --from {from} --to {to}"))).await;
    let said = stdout(&reconciled);
    assert!(reconciled.status.success(), "{said}{}", stderr(&reconciled));
    assert!(said.contains("efi: 0 received, 0 sent"), "{said}");
    assert!(
        said.contains("mercado_pago: 0 received, it does not list"),
        "{said}"
    );

    // Another epoch, as after a restore: what was set is there still, and payments wait.
    server.signal("TERM");
    assert!(server.ended().await.success());
    let variables = [("HTTP_PORT", port.as_str()), ("DISPATCH_EPOCH", "second")];
    let mut server = ServerProcess::start(&folder.0, &variables).await;
    let status = typed(&folder.0, &variables, &["dispatch", "status"], "").await;
    assert_eq!(status.status.code(), Some(1));
    assert!(
        stdout(&status).contains("payouts and refunds wait"),
        "{}",
        stdout(&status)
    );
    let doctor = typed(&folder.0, &variables, &["doctor"], "").await;
    let said = stdout(&doctor);
    assert!(
        !doctor.status.success() && said.contains("payout at efi"),
        "{said}"
    );
    let since = from.to_string();
    let resume = ["dispatch", "resume", "--since", &since, "--as", &email];
    let refused = typed(&folder.0, &variables, &resume, &password).await;
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        stderr(&refused).contains("mercado_pago:sent (not_listed)"),
        "{}",
        stderr(&refused)
    );
    let accepted = [&resume[..], &["--accept", "mercado_pago:sent"]].concat();
    let resumed = typed(&folder.0, &variables, &accepted, &password).await;
    assert!(resumed.status.success(), "{}", stderr(&resumed));
    assert!(stdout(&resumed).contains("holds the epoch second"));
    let status = typed(&folder.0, &variables, &["dispatch", "status"], "").await;
    assert!(status.status.success());
    server.signal("TERM");
    assert!(server.ended().await.success());
}
