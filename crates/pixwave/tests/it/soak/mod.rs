//! The soak: every role in processes of its own, some thousand payments, and one after the other
//! everything that they stand on is taken away. `cargo xtask test soak` runs it; it takes minutes.
//!
//! What people ask for comes from one seed, and what breaks comes at fixed shares of it, so that two
//! runs do the same as far as processes and their timing allow.

mod load;
mod messages;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{mariadb, moto, redis, wait_until};

use crate::child::{ServerProcess, free_port, pixwave};
use crate::client::{Client, cents, string};
use crate::fleet::{Fleet, Variable, customer, fund, leave};
use load::{Customer, Load, PATIENCE, wishes};
use messages::{Listeners, Topic};

const SEED: u64 = 20_261_126;
const WISHES: usize = 3_000;
const PEOPLE: usize = 16;
/// Wishes under way at once.
const AT_ONCE: usize = 12;
/// What each person begins with.
const BEGINNING: i64 = 450_000;
/// Longer than a job's lease.
const FREEZE: Duration = Duration::from_secs(45);

/// Waits until so many per cent of the wishes have been fulfilled.
async fn reached(load: &Load, percent: usize) {
    let wanted = load.wishes.len() * percent / 100;
    let what = format!("{percent} % of the wishes");
    wait_until(&what, Duration::from_secs(900), || async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        (load.done.load(Ordering::Relaxed) >= wanted).then_some(())
    })
    .await;
}

async fn fault(sandbox: &Client, fault: Value) {
    sandbox
        .put("/sandbox/gateways/efi/faults", &fault)
        .expect(200)
        .await;
}

/// The processes that may be killed.
struct Staff<'a> {
    fleet: &'a Fleet,
    ports: [u16; 2],
    payments: Vec<ServerProcess>,
    workers: Vec<ServerProcess>,
    topic: &'a Topic,
}

impl Staff<'_> {
    /// Takes away one thing after the other while wishes are fulfilled.
    async fn suffer(&mut self, load: &Load, database: &mariadb::Server, redis: &redis::Server) {
        reached(load, 8).await;
        self.workers[0].kill();
        self.workers[0] = self.fleet.start(&["worker"]).await;
        reached(load, 16).await;
        self.payments[0].kill();
        self.payments[0] = self.fleet.start_at(self.ports[0], &["payments"]).await;
        reached(load, 24).await;
        assert_eq!(redis.ask(&["FLUSHALL"]).as_deref(), Some("+OK\r\n"));
        reached(load, 30).await;
        redis.kill();
        self.topic.gate.shut();
        reached(load, 38).await;
        redis.start_again().await;
        reached(load, 40).await;
        self.topic.gate.open();
        reached(load, 44).await;
        database.stop().await;
        database.start_again().await;
        reached(load, 52).await;
        database.kill();
        database.start_again().await;
        reached(load, 60).await;
        self.workers[1].signal("STOP");
        tokio::time::sleep(FREEZE).await;
        self.workers[1].signal("CONT");
        reached(load, 72).await;
        fault(&load.sandbox, json!({"mode": "down"})).await;
        reached(load, 82).await;
        fault(&load.sandbox, json!({"mode": "healthy"})).await;
        fault(
            &load.sandbox,
            json!({"operation": "payout", "mode": "drop_reply"}),
        )
        .await;
        reached(load, 92).await;
        fault(&load.sandbox, json!({"mode": "healthy"})).await;
        reached(load, 100).await;
    }
}

/// An operator with a session.
async fn operator(fleet: &Fleet, accounts: &Client) -> String {
    let who = ("olga@example.com", "a long password of hers");
    let mut command = pixwave(&fleet.folder.0, &fleet.variables());
    command.args(["operator", "add", who.0]);
    let output = crate::child::typed(command, who.1).await;
    assert!(output.status.success(), "{}", crate::child::stderr(&output));
    let body = json!({"email": who.0, "password": who.1});
    let session = accounts.post("/v1/sessions", &body).expect(201).await;
    string(&session.body, "token")
}

/// Everybody, with money, and a server that hears of everything from before the money came.
async fn people(
    accounts: &Client,
    payments: &Client,
    sandbox: &Client,
) -> (Vec<Customer>, Listeners) {
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        let token = customer(accounts).await;
        let wallets = payments.get("/v1/wallets").by(&token).await.list();
        people.push(Customer {
            wallet_id: string(&wallets[0], "id"),
            token,
            paid: Default::default(),
        });
    }
    let listeners = Listeners::register(payments, &people).await;
    for person in &people {
        fund(payments, sandbox, &person.token, BEGINNING).await;
    }
    (people, listeners)
}

/// Each accepted request as it ended.
async fn ends(load: &Load) -> Vec<Value> {
    let accepted = load.accepted.lock().expect("not poisoned").clone();
    let mut ended = Vec::new();
    for one in &accepted {
        let what = format!("the end of {}", one.id);
        let end = wait_until(&what, PATIENCE, || async {
            let seen = load.seen(one.who, &one.id).await?;
            (seen["status"] != "pending").then_some(seen)
        });
        ended.push(end.await);
    }
    ended
}

/// What each gateway holds that our books do not know: the money with which the sandbox begins.
async fn beyond_our_books(
    sandbox: &Client,
    (monitor, token): (&Client, &str),
) -> BTreeMap<String, i64> {
    let real = sandbox.get("/sandbox/balances").await.body;
    let ours = monitor.get("/v1/gateways").by(token).await.list();
    let beyond = |gateway: &Value| {
        let name = string(gateway, "name");
        let ours = cents(gateway, "float_available_cents") + cents(gateway, "float_blocked_cents");
        let beyond = cents(&real[&name], "balance_cents") - ours;
        (name, beyond)
    };
    ours.iter().map(beyond).collect()
}

/// The bank executed what is called paid, once, and nothing else.
///
/// `before` is what the gateways held beyond our books when the load began.
async fn bank_agrees(
    load: &Load,
    ended: &[Value],
    operator: (&Client, &str),
    before: BTreeMap<String, i64>,
) -> String {
    let ledger = load.sandbox.get("/sandbox/ledger").await.body;
    let entries = ledger["entries"].as_array().expect("entries");
    let sums = |kind: &str| {
        let of_kind = entries.iter().filter(|entry| entry["kind"] == kind);
        let amounts: Vec<i64> = of_kind.map(|entry| cents(entry, "amount_cents")).collect();
        (amounts.len(), amounts.iter().sum::<i64>())
    };
    let told = |kind: &str| {
        let good = |end: &&Value| end["kind"] == kind && end["status"] == "success";
        let amounts: Vec<i64> = ended
            .iter()
            .filter(good)
            .map(|end| cents(end, "amount_cents"))
            .collect();
        (amounts.len(), amounts.iter().sum::<i64>())
    };
    assert_eq!(sums("sent"), told("payout"), "what left");
    assert_eq!(sums("refund"), told("refund"), "what was given back");
    let (charges, charged) = told("charge");
    let begun = (PEOPLE, PEOPLE as i64 * BEGINNING);
    assert_eq!(
        sums("received"),
        (charges + begun.0, charged + begun.1),
        "what arrived"
    );
    wait_until(
        "our floats to follow the gateways' balances",
        PATIENCE,
        || async { (beyond_our_books(&load.sandbox, operator).await == before).then_some(()) },
    )
    .await;
    format!(
        "{} sent, {} received, {} refunded at the bank",
        sums("sent").0,
        sums("received").0,
        sums("refund").0
    )
}

fn by_end(ended: &[Value]) -> BTreeMap<String, usize> {
    let mut ends = BTreeMap::new();
    for end in ended {
        let name = format!("{} {}", string(end, "kind"), string(end, "stage"));
        *ends.entry(name).or_default() += 1;
    }
    ends
}

/// A library that shows a process another time, when the test command names one.
fn clock(apart: &'static str) -> Vec<(&'static str, String)> {
    let Ok(library) = std::env::var("PIXWAVE_TEST_FAKETIME") else {
        println!("soak: PIXWAVE_TEST_FAKETIME names no library: all clocks agree");
        return Vec::new();
    };
    vec![
        ("LD_PRELOAD", library),
        ("FAKETIME", apart.to_owned()),
        // Sleeping and leases' own spans are real.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ]
}

/// Two of each role that may be killed. One host's clock is two minutes ahead, another's behind.
async fn staff<'a>(fleet: &'a Fleet, ports: [u16; 2], topic: &'a Topic) -> Staff<'a> {
    let (ahead, behind) = (clock("+120s"), clock("-120s"));
    fn plain<'a>(more: &'a [(&str, String)]) -> Vec<Variable<'a>> {
        more.iter().map(|(name, value)| (*name, &**value)).collect()
    }
    let port = ports[1].to_string();
    let behind = [plain(&behind), vec![("HTTP_PORT", &port)]].concat();
    let payments = vec![
        fleet.start_at(ports[0], &["payments"]).await,
        fleet.start_with(&["payments"], &behind).await,
    ];
    let workers = vec![
        fleet.start(&["worker"]).await,
        fleet.start_with(&["worker"], &plain(&ahead)).await,
    ];
    Staff {
        fleet,
        ports,
        payments,
        workers,
        topic,
    }
}

/// Fulfils every wish, while one thing after the other is taken away; how long it took.
async fn weather(
    load: &Arc<Load>,
    staff: &mut Staff<'_>,
    (database, redis): (&mariadb::Server, &redis::Server),
) -> Duration {
    let started = Instant::now();
    let ask = |_| {
        let load = load.clone();
        tokio::spawn(async move { load.run().await })
    };
    let asking: Vec<_> = (0..AT_ONCE).map(ask).collect();
    staff.suffer(load, database, redis).await;
    for asking in asking {
        asking.await.expect("no panic");
    }
    started.elapsed()
}

async fn soak(redis: redis::Server, moto: moto::Server) {
    let begun = Instant::now();
    let (folder, ports) = (crate::harness::Folder::new(), [free_port(), free_port()]);
    let database = mariadb::Server::start(&folder.0).await;
    let topic = Topic::make(&moto).await;
    let fleet = Fleet::new(database.url(), ports[0], "0s")
        .with("REDIS_URL", redis.url())
        .with("GATEWAY_TIMEOUT", "10s".to_owned());
    let fleet = messages::told(fleet, &topic);
    fleet.command(&["migrate"]).await;
    let sandbox = fleet.start(&["sandbox"]).await;
    let accounts = fleet.start(&["accounts"]).await;
    let monitor = fleet.start(&["monitor"]).await;
    let mut staff = staff(&fleet, ports, &topic).await;
    let of = |processes: &[ServerProcess]| -> Vec<Client> {
        let urls = processes.iter().map(|process| &process.url);
        urls.map(|url| Client::new(url)).collect()
    };
    let payments = of(&staff.payments);
    let (accounts_client, bank) = (Client::new(&accounts.url), Client::new(&sandbox.url));
    let operator = operator(&fleet, &accounts_client).await;
    let monitor_client = Client::new(&monitor.url);
    let before = beyond_our_books(&bank, (&monitor_client, &operator)).await;
    let (people, listeners) = people(&accounts_client, &payments[0], &bank).await;
    let wishes = wishes(SEED, WISHES, PEOPLE);
    let load = Arc::new(Load::new(people, wishes, payments, bank));
    let asked_for = weather(&load, &mut staff, (&database, &redis)).await;
    let ended = ends(&load).await;
    let bank = bank_agrees(&load, &ended, (&monitor_client, &operator), before).await;
    let events = messages::stream(&database.url()).await;
    let published = topic.has_all(&events).await;
    topic.is_read_by_the_monitor().await;
    let (wanted, received) = listeners.have_all(&events).await;
    fleet.command(&["check"]).await;
    println!(
        "soak: {WISHES} wishes under seed {SEED} in {} s, {} accepted, refused {:?}, asked again {}",
        asked_for.as_secs(),
        ended.len(),
        load.refused.lock().expect("not poisoned"),
        load.asked_again.load(Ordering::Relaxed),
    );
    println!("soak: {:?}", by_end(&ended));
    println!(
        "soak: {} events; {published} messages in the queue; {received} webhooks for {wanted} events",
        events.len()
    );
    let seconds = begun.elapsed().as_secs();
    println!("soak: {bank}; check passes; {seconds} s in all");
    let processes = staff.payments.into_iter().chain(staff.workers);
    for process in processes.chain([accounts, monitor, sandbox]) {
        leave(process).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_of_everything_that_can_go_away() {
    moto::with_server(|moto| redis::with_server(|redis| soak(redis, moto))).await;
}
