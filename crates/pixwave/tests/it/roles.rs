//! Roles in processes of their own: what each needs, how each leaves, and how they work together.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::wait_until;
use tokio::time::Instant;

use crate::child::{ServerProcess, free_port, pixwave, run, stderr, stdout};
use crate::client::Client;
use crate::fleet::{Fleet, KEY, customer, ended, fund, leave};
use crate::harness::{Folder, LIMIT};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_belongs_to_all_and_a_role_says_what_it_lacks() {
    let folder = Folder::new();
    for (words, missing) in [
        (&["worker"][..], &["DB_CONNECTION", "SANDBOX_FOLDER"][..]),
        (&["serve", "--roles", "accounts"], &["DB_CONNECTION"]),
        (&["sandbox"], &["SANDBOX_FOLDER"]),
    ] {
        let mut command = pixwave(&folder.0, &[]);
        command.args(words);
        let output = run(command).await;
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let named: Vec<&str> = said
            .lines()
            .filter_map(|line| line.strip_prefix("pixwave: ")?.split(' ').next())
            .collect();
        assert_eq!(named, missing, "{said}");
    }
    let mut command = pixwave(&folder.0, &[]);
    command.args(["serve", "--roles", "payment"]);
    let said = stderr(&run(command).await);
    assert!(said.contains("the roles are payments, accounts"), "{said}");
    let left = std::fs::read_dir(&folder.0).expect("a folder").count();
    assert_eq!(left, 0, "nothing was made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_without_its_server_ends_at_once_or_waits_as_told() {
    let folder = Folder::new();
    let url = format!("mysql://u:hidden@127.0.0.1:{}/wallet", free_port());
    let variables = [("DATABASE_URL", url.as_str()), KEY];
    for (words, shortest) in [
        (&["accounts"][..], Duration::ZERO),
        (&["accounts", "--wait=2"], Duration::from_secs(1)),
        (&["migrate", "--wait=1"], Duration::from_millis(400)),
    ] {
        let mut command = pixwave(&folder.0, &variables);
        command.args(words);
        let begun = Instant::now();
        let output = run(command).await;
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(begun.elapsed() >= shortest, "{words:?}");
        let last = said.lines().last().expect("a line");
        assert!(
            last.starts_with("pixwave: the database cannot be reached") && last.contains("DB_HOST"),
            "{said}"
        );
        let waited = said.contains("waiting for the database");
        assert_eq!(waited, shortest > Duration::ZERO, "{said}");
        assert!(!said.contains("hidden"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_waits_is_stopped_by_a_signal() {
    let folder = Folder::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let url = format!("mysql://u@127.0.0.1:{port}/wallet");
    let mut command = pixwave(&folder.0, &[("DATABASE_URL", url.as_str()), KEY]);
    command.args(["accounts", "--wait"]);
    let mut process = ServerProcess::spawn(command);
    // It has begun to wait when it knocks.
    let (knock, _) = tokio::task::spawn_blocking(move || silent.accept())
        .await
        .expect("no panic")
        .expect("it connects");
    process.signal("TERM");
    assert!(process.ended().await.success());
    drop(knock);
}

async fn readiness(client: &Client) -> u16 {
    let answer = client.get("/readyz").unchecked().attempt().await;
    answer.map_or(0, |answer| answer.status)
}

async fn is_leaving(client: &Client) {
    wait_until("readiness to end", LIMIT, || async {
        (readiness(client).await == 503).then_some(())
    })
    .await;
}

/// First it only says that it leaves; a second signal does not wait for the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leaving_is_said_before_it_is_done_and_a_second_signal_ends_at_once() {
    let folder = Folder::new();
    for (delay, impatient) in [("4s", false), ("20s", true)] {
        let mut server = ServerProcess::start(&folder.0, &[("DRAIN_DELAY", delay)]).await;
        let client = Client::new(&server.url);
        let health = client.get("/healthz").await;
        assert_eq!(health.header("connection"), None);
        assert_eq!(readiness(&client).await, 200);
        server.signal("TERM");
        is_leaving(&client).await;
        // Still served, and told to go elsewhere.
        let health = client.get("/healthz").await;
        assert_eq!(health.header("connection"), Some("close"));
        let begun = Instant::now();
        if impatient {
            server.signal("TERM");
            assert_eq!(server.ended().await.code(), Some(130));
            assert!(begun.elapsed() < Duration::from_secs(15));
        } else {
            assert_eq!(server.ended().await.code(), Some(0));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sandbox_runs_without_a_database_and_stays_where_it_was() {
    let folder = Folder::new();
    let shared = folder.0.join("shared").display().to_string();
    let variables = [("SANDBOX_FOLDER", shared.as_str())];
    let mut ports = Vec::new();
    for _ in 0..2 {
        let mut sandbox = ServerProcess::role(&folder.0, &["sandbox"], &variables).await;
        let client = Client::new(&sandbox.url);
        for path in ["/healthz", "/readyz", "/sandbox/ledger"] {
            client.get(path).await;
        }
        let access = std::fs::read(folder.0.join("shared/access.json")).expect("it is left");
        let access: Value = serde_json::from_slice(&access).expect("JSON");
        assert_eq!(access["control_url"], sandbox.url.as_str());
        ports.push((
            access["efi"]["base_url"].clone(),
            access["mercado_pago"]["base_url"].clone(),
            access["webhook_secret"].clone(),
        ));
        sandbox.signal("TERM");
        assert!(sandbox.ended().await.success());
    }
    assert_eq!(ports[0], ports[1]);
    assert!(!folder.0.join("pixwave.db").exists());
}

mod mysql {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use testkit::mysql::with_database;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_a_server_refuses_is_told_in_one_line() {
        with_database(|url| async move {
            let folder = Folder::new();
            let other = |from: &str, to: &str| url.replace(from, to);
            let name = url.rsplit_once('/').expect("a database").1.to_owned();
            let cases = [
                (other("root@", "nobody:hidden@"), "DB_USERNAME"),
                (other(&name, "no_such_database"), "DB_DATABASE"),
                (url.clone(), "pixwave migrate"),
            ];
            for (url, says) in &cases {
                let variables = [
                    ("DATABASE_URL", url.as_str()),
                    ("DB_DURABILITY", "accepted"),
                    KEY,
                ];
                let mut command = pixwave(&folder.0, &variables);
                command.arg("accounts");
                let output = run(command).await;
                let said = stderr(&output);
                assert_eq!(output.status.code(), Some(1), "{said}");
                assert_eq!(said.lines().count(), 1, "{said}");
                assert!(said.contains(says) && !said.contains("hidden"), "{said}");
            }
        })
        .await;
    }

    /// Killed in the middle a few times, then by ten processes at once.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_migrate_at_once_and_who_is_killed_is_followed() {
        with_database(|url| async move {
            let fleet = Fleet::new(url, 1, "0s");
            for millis in [60, 90, 130, 180] {
                let mut command = pixwave(&fleet.folder.0, &fleet.variables());
                command.args(["migrate", "--wait"]);
                let mut process = ServerProcess::spawn(command);
                // The moment is the experiment, not a wait for something.
                tokio::time::sleep(Duration::from_millis(millis)).await;
                process.kill();
            }
            let mut calls = Vec::new();
            for _ in 0..10 {
                let mut command = pixwave(&fleet.folder.0, &fleet.variables());
                command.arg("migrate");
                calls.push(tokio::spawn(run(command)));
            }
            for call in calls {
                let output = call.await.expect("no panic");
                assert!(output.status.success(), "{}", stderr(&output));
            }
            fleet.command(&["check"]).await;
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn each_role_serves_its_own_paths() {
        with_database(|url| async move {
            let fleet = Fleet::new(url, 1, "0s");
            fleet.command(&["migrate"]).await;
            let sandbox = fleet.start(&["sandbox"]).await;
            let mut doctor = pixwave(&fleet.folder.0, &fleet.variables());
            doctor.arg("doctor");
            let told = run(doctor).await;
            assert!(told.status.success(), "{}", stdout(&told));
            for line in ["database version", "database clock", &sandbox.url] {
                assert!(stdout(&told).contains(line), "{}", stdout(&told));
            }
            let theirs = [
                ("accounts", "/v1/me", 401),
                ("payments", "/v1/wallets", 401),
                ("payments", "/openapi.json", 200),
                ("monitor", "/v1/alerts", 401),
                ("monitor", "/v1/events/stream", 401),
                ("sandbox", "/sandbox/ledger", 200),
            ];
            for role in ["accounts", "payments", "monitor", "worker", "web"] {
                let process = fleet.start(&[role]).await;
                let client = Client::new(&process.url);
                for path in ["/healthz", "/readyz"] {
                    client.get(path).await;
                }
                for (owner, path, status) in theirs {
                    let expected = if owner == role { status } else { 404 };
                    client.get(path).expect(expected).await;
                }
                // The panel of the sandbox that runs apart.
                let has_pages = matches!(role, "web" | "monitor");
                let expected = if has_pages { 200 } else { 404 };
                client.get("/sandbox").expect(expected).await;
                // Two of a kind do not mind each other.
                let twin = fleet.start(&["serve", "--roles", role]).await;
                leave(process).await;
                Client::new(&twin.url).get("/readyz").await;
                leave(twin).await;
            }
            leave(sandbox).await;
        })
        .await;
    }

    /// The servers that take requests, as whoever spreads requests knows them.
    #[derive(Clone, Default)]
    struct Spread(Arc<Mutex<Vec<(Client, bool)>>>);

    impl Spread {
        fn add(&self, process: &ServerProcess) {
            let client = Client::new(&process.url);
            self.0.lock().expect("not poisoned").push((client, true));
        }

        fn all(&self) -> Vec<Client> {
            let known = self.0.lock().expect("not poisoned");
            known.iter().map(|(client, _)| client.clone()).collect()
        }

        fn ready(&self, turn: u64) -> Client {
            let known = self.0.lock().expect("not poisoned");
            let ready: Vec<&Client> = known
                .iter()
                .filter_map(|(client, ready)| ready.then_some(client))
                .collect();
            assert!(!ready.is_empty(), "nobody is ready");
            ready[turn as usize % ready.len()].clone()
        }

        /// Asks each whether it is ready, again and again.
        async fn watch(self, stop: Arc<AtomicBool>) {
            while !stop.load(Ordering::Relaxed) {
                for client in self.all() {
                    let is_ready = readiness(&client).await == 200;
                    let mut known = self.0.lock().expect("not poisoned");
                    for (other, ready) in known.iter_mut() {
                        if other.url() == client.url() {
                            *ready = is_ready;
                        }
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }

    /// Sends payouts one after the other to whoever is ready; gives those that were accepted.
    async fn pay(
        spread: Spread,
        token: String,
        count: Arc<AtomicU64>,
        stop: Arc<AtomicBool>,
    ) -> Vec<String> {
        let body = json!({"amount_cents": 100, "pix_key": "padaria@example.com"});
        let mut accepted = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            let number = count.fetch_add(1, Ordering::Relaxed);
            let client = spread.ready(number);
            let call = client.post("/v1/payouts", &body).by(&token);
            // Without a second try: a request that is dropped fails the test.
            let answer = call.key(&format!("payout-{number}")).expect(202).await;
            accepted.push(answer.id());
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        accepted
    }

    /// Every process is replaced in turn under load: no request is dropped, every payment that was
    /// accepted is made once.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_rolling_restart_drops_nothing() {
        with_database(|url| async move {
            let port = free_port();
            let fleet = Fleet::new(url, port, "2s");
            fleet.command(&["migrate"]).await;
            let sandbox = fleet.start(&["sandbox"]).await;
            let accounts = fleet.start(&["serve", "--roles", "accounts,monitor"]).await;
            let mut payments = vec![
                fleet.start_at(port, &["payments"]).await,
                fleet.start(&["payments"]).await,
            ];
            let mut workers = vec![
                fleet.start(&["worker"]).await,
                fleet.start(&["worker"]).await,
            ];
            let spread = Spread::default();
            payments.iter().for_each(|process| spread.add(process));
            let token = customer(&Client::new(&accounts.url)).await;
            let banks = Client::new(&sandbox.url);
            fund(&spread.ready(0), &banks, &token, 450_000).await;

            let stop = Arc::new(AtomicBool::new(false));
            let count = Arc::new(AtomicU64::new(0));
            let watching = tokio::spawn(spread.clone().watch(stop.clone()));
            let paying: Vec<_> = (0..3)
                .map(|_| {
                    tokio::spawn(pay(
                        spread.clone(),
                        token.clone(),
                        count.clone(),
                        stop.clone(),
                    ))
                })
                .collect();
            for _ in 0..2 {
                let worker = workers.remove(0);
                leave(worker).await;
                workers.push(fleet.start(&["worker"]).await);
                let server = payments.remove(0);
                let old = server.url.clone();
                leave(server).await;
                let again = if old.ends_with(&format!(":{port}")) {
                    port
                } else {
                    0
                };
                let server = fleet.start_at(again, &["payments"]).await;
                if server.url != old {
                    spread.add(&server);
                }
                payments.push(server);
            }
            stop.store(true, Ordering::Relaxed);
            watching.await.expect("no panic");
            let mut accepted = Vec::new();
            for paying in paying {
                accepted.extend(paying.await.expect("no request is dropped"));
            }
            assert!(accepted.len() > 50, "{} payments", accepted.len());
            let client = Client::new(&payments[0].url);
            for id in &accepted {
                let seen = ended(&client, &token, id).await;
                assert_eq!(seen["stage"], "settled", "{seen}");
            }
            let ledger = banks.get("/sandbox/ledger").await.body;
            let entries = ledger["entries"].as_array().expect("entries");
            let sent = entries
                .iter()
                .filter(|entry| entry["kind"] == "sent")
                .count();
            assert_eq!(sent, accepted.len(), "each was made once");
            fleet.command(&["check"]).await;
            for process in payments
                .into_iter()
                .chain(workers)
                .chain([accounts, sandbox])
            {
                leave(process).await;
            }
        })
        .await;
    }
}
