//! A sandbox with a data directory goes on where a killed process left off.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use sandbox::{GatewayName, Sandbox, SandboxConfig};
use serde_json::{Value, json};

use crate::support::{World, intent_body, txid, until};

/// A directory of its own, removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "sandbox-test-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::SeqCst)
        );
        Self(std::env::temp_dir().join(name))
    }

    fn config(&self) -> SandboxConfig {
        SandboxConfig {
            data_dir: Some(self.0.clone()),
            ..SandboxConfig::default()
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn journal(folder: &Path) -> PathBuf {
    folder.join("journal.jsonl")
}

#[tokio::test]
async fn two_sandboxes_do_not_share_a_folder() {
    let folder = Folder::new();
    let first = Sandbox::start(folder.config()).await.expect("it starts");
    let second = Sandbox::start(folder.config()).await;
    let error = second.err().expect("the folder is taken").to_string();
    assert!(error.contains("in use by another sandbox"), "{error}");
    first.shutdown().await;
    let next = Sandbox::start(folder.config()).await;
    next.expect("the folder is free again").shutdown().await;
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = Folder::new();
    let world = World::with(folder.config()).await;
    world.paid_cob(&txid(1), "10.00").await;
    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w1", world.send_body("1.00", "a@b.c"))
            .await
            .0,
        201
    );
    let (_, intent) = world
        .mp(
            "POST",
            "/v1/transaction-intents/process",
            "k1",
            intent_body("wd-1", json!(1), "a@b.c"),
        )
        .await;
    let payment = world.paid_payment("dep-1", json!(5)).await;
    let (ledger, requests) = (world.sandbox.ledger(), world.sandbox.requests());
    let balance = world.sandbox.balance_cents(GatewayName::Efi);
    let (ca, token) = (world.sandbox.efi().ca_pem, world.fresh_token().await);
    drop(world); // no shutdown, as after a kill

    let world = World::with(folder.config()).await;
    assert_eq!(world.sandbox.ledger(), ledger);
    assert_eq!(world.sandbox.requests()[..requests.len()], requests);
    assert_eq!(world.sandbox.balance_cents(GatewayName::Efi), balance);
    assert_eq!(world.sandbox.efi().ca_pem, ca);
    let url = format!(
        "{}/v2/gn/pix/enviados/id-envio/w1",
        world.sandbox.efi().base_url
    );
    let found: Value = world
        .efi
        .get(url)
        .bearer_auth(token)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(found["status"], "REALIZADO");
    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w1", world.send_body("1.00", "a@b.c"))
            .await
            .0,
        409
    );
    let (status, replay) = world
        .mp(
            "POST",
            "/v1/transaction-intents/process",
            "k1",
            intent_body("wd-1", json!(1), "a@b.c"),
        )
        .await;
    assert_eq!((status, &replay["id"]), (202, &intent["id"]));
    assert_eq!(
        world
            .mp("GET", &format!("/v1/payments/{payment}"), "", Value::Null)
            .await
            .1["status"],
        "approved"
    );
    assert_eq!(world.sandbox.ledger(), ledger);
    // The same seed does not give the same ids away again.
    let (_, made) = world
        .efi("PUT", "/v3/gn/pix/w2", world.send_body("1.00", "a@b.c"))
        .await;
    assert!(
        ledger
            .iter()
            .all(|entry| made["e2eId"] != entry.end_to_end_id.as_str())
    );
}

#[tokio::test]
async fn what_was_under_way_is_finished_after_a_restart() {
    let folder = Folder::new();
    let world = World::with(folder.config()).await;
    world
        .sandbox
        .change_options(|options| options.settle_delay_ms = 3_600_000);
    assert_eq!(
        world
            .efi("PUT", "/v3/gn/pix/w1", world.send_body("1.00", "a@b.c"))
            .await
            .0,
        201
    );
    let (status, _) = world
        .mp(
            "POST",
            "/v1/transaction-intents/process",
            "k1",
            intent_body("wd-1", json!(1), "a@b.c"),
        )
        .await;
    assert_eq!(status, 202);
    drop(world);
    let world = World::with(folder.config()).await;
    assert!(world.sandbox.ledger().is_empty());
    world.sandbox.advance_clock(Duration::from_secs(3_601));
    until("both settle", || {
        (world.sandbox.ledger().len() == 2).then_some(())
    })
    .await;
    drop(world);
    let world = World::with(folder.config()).await;
    world.sandbox.advance_clock(Duration::from_secs(3_601));
    world.mp("GET", "/users/me", "", Value::Null).await;
    assert_eq!(world.sandbox.ledger().len(), 2);
}

#[tokio::test]
async fn a_line_cut_short_is_dropped_and_damage_is_named() {
    let folder = Folder::new();
    let world = World::with(folder.config()).await;
    world.paid_cob(&txid(1), "10.00").await;
    drop(world);
    let whole = std::fs::read(journal(&folder.0)).unwrap();
    let mut torn = whole.clone();
    torn.extend_from_slice(b"{\"ledger\":{\"seq\":");
    std::fs::write(journal(&folder.0), &torn).unwrap();
    let world = World::with(folder.config()).await;
    assert_eq!(world.sandbox.ledger().len(), 1);
    drop(world);

    std::fs::write(
        journal(&folder.0),
        [b"nonsense\n".as_slice(), &whole].concat(),
    )
    .unwrap();
    let refused = sandbox::Sandbox::start(folder.config())
        .await
        .err()
        .unwrap();
    assert!(format!("{refused:#}").contains("journal.jsonl is damaged"));
}

#[tokio::test]
async fn a_taken_port_is_one_clear_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let refused = sandbox::Sandbox::start(SandboxConfig {
        efi_port: port,
        ..SandboxConfig::default()
    })
    .await
    .err()
    .unwrap();
    assert!(format!("{refused:#}").contains(&format!("cannot listen on 127.0.0.1:{port}")));
}
