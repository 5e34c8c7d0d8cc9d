//! A server that cannot start says why in one line, and does not.

use std::net::TcpListener;
use std::process::Output;

use crate::child::{ServerProcess, pixwave, run, stderr, stdout};
use crate::harness::Folder;

fn one_line(output: &Output, code: i32, says: &str) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{said}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 1, "{said}");
    assert!(
        lines[0].starts_with("pixwave: ") && lines[0].contains(says),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_the_same_file_is_refused() {
    let folder = Folder::new();
    let mut first = ServerProcess::start(&folder.0, &[]).await;
    one_line(
        &run(pixwave(&folder.0, &[])).await,
        1,
        "in use by another process",
    );
    first.signal("TERM");
    assert!(first.ended().await.success());
    // After it, the file is free again.
    let mut check = pixwave(&folder.0, &[]);
    check.arg("check");
    let checked = run(check).await;
    assert!(
        checked.status.success(),
        "{}{}",
        stdout(&checked),
        stderr(&checked)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_told() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let output = run(pixwave(&folder.0, &[("HTTP_PORT", &port)])).await;
    one_line(&output, 1, "the port is in use");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_cannot_be_written_is_told() {
    let folder = Folder::new();
    std::fs::write(folder.0.join("file"), "no folder").expect("a file");
    for path in ["file/pixwave.db", "nowhere/pixwave.db"] {
        let output = run(pixwave(&folder.0, &[("DB_DATABASE", path)])).await;
        one_line(&output, 1, path.split('/').next().expect("a name"));
    }
    std::fs::write(
        folder.0.join("text.db"),
        "this is no database, but a text of some length",
    )
    .expect("a file");
    let key = ("APP_KEY", "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    let output = run(pixwave(&folder.0, &[("DB_DATABASE", "text.db"), key])).await;
    one_line(&output, 1, "text.db");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_key_and_a_newer_database_are_told() {
    let folder = Folder::new();
    let mut server = ServerProcess::start(&folder.0, &[]).await;
    server.signal("TERM");
    assert!(server.ended().await.success());
    let other = ("APP_KEY", "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");
    one_line(
        &run(pixwave(&folder.0, &[other])).await,
        1,
        "APP_KEY is not the key",
    );

    let file = rusqlite::Connection::open(folder.0.join("pixwave.db")).expect("the file opens");
    let changed = file
        .execute(
            "UPDATE schema_migrations SET version = 99 WHERE version = 1",
            [],
        )
        .expect("it is written");
    assert_eq!(changed, 1);
    drop(file);
    one_line(
        &run(pixwave(&folder.0, &[])).await,
        1,
        "use a newer program",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_wrong_with_the_configuration_is_told_at_once() {
    let folder = Folder::new();
    let wrong = [
        ("HTTP_PORT", "eighty"),
        ("PRIMARY_GATEWAY", "bank"),
        ("IN_DOUBT_DEADLINE", "soon"),
        ("APP_KEY", "secret-that-is-none"),
    ];
    let output = run(pixwave(&folder.0, &wrong)).await;
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    for (name, _) in wrong {
        assert_eq!(
            said.lines().filter(|line| line.contains(name)).count(),
            1,
            "{said}"
        );
    }
    assert!(!said.contains("secret-that-is-none"), "{said}");
    assert!(
        std::fs::read_dir(&folder.0)
            .expect("a folder")
            .next()
            .is_none(),
        "nothing was made"
    );
}

/// The tour is the product's own end-to-end test: it must keep its promises here, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demo_keeps_every_promise_and_leaves_nothing_behind() {
    let folder = Folder::new();
    let temporary = folder.0.display().to_string();
    // What is configured around it does not concern it.
    let around = [
        ("TMPDIR", temporary.as_str()),
        ("DB_DATABASE", "elsewhere/x.db"),
        ("HTTP_PORT", "1"),
    ];
    let mut command = pixwave(&folder.0, &around);
    command.arg("demo");
    let output = run(command).await;
    let text = stdout(&output);
    assert!(output.status.success(), "{text}{}", stderr(&output));
    for step in ["(a)", "(b)", "(c)", "(d)", "(e)", "(f)", "(g)"] {
        assert!(
            text.lines().any(|line| line.starts_with(step)),
            "{step} is not told: {text}"
        );
    }
    assert!(
        text.contains("never left this host"),
        "no licence in words: {text}"
    );
    assert!(!text.contains("BROKEN"), "{text}");
    assert!(
        std::fs::read_dir(&folder.0)
            .expect("a folder")
            .next()
            .is_none(),
        "left behind"
    );
}
