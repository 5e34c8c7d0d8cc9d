//! One server per test, and the people who use it.

use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use app::checks::check;
use app::context::{App, Settings};
use app::ports::store::{JobRow, JobState};
use domain::retry::Backoff;
use domain::time::Span;
use pixwave::config::Config;
use pixwave::wire::Running;
use serde_json::{Value, json};
use testkit::wait_until;

use crate::child::{ServerProcess, pixwave, run, stderr, stdout};
use crate::client::{Answer, Call, Client, cents, string};
use crate::oracle;

/// The key of databases that keep none beside them.
const APP_KEY: &str = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
pub const PASSWORD: &str = "correct horse battery staple";
pub const EFI: &str = "efi";
pub const MERCADO_PAGO: &str = "mercado_pago";
pub const GATEWAYS: [&str; 2] = [EFI, MERCADO_PAGO];

/// No payment in these tests takes longer; the machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Where a test's data is.
#[derive(Clone)]
pub enum Database {
    Sqlite,
    Mysql(String),
}

/// A folder that goes with its owner.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Folder {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pixwave-it-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

/// A user with a session.
#[derive(Clone, Debug)]
pub struct Person {
    pub email: String,
    pub tax_id: String,
    pub user_id: String,
    pub wallet_id: String,
    pub token: String,
}

/// What sign-up needs, unused before in this process.
pub fn newcomer() -> Value {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed) + 1;
    json!({
        "name": format!("Pessoa {number}"),
        "email": format!("pessoa{number}@example.com"),
        "password": PASSWORD,
        "tax_id": cpf(100_000_000 + number * 7),
    })
}

/// The CPF with these first nine digits.
pub fn cpf(first_nine: u64) -> String {
    let mut digits: Vec<u64> = format!("{first_nine:09}")
        .bytes()
        .map(|byte| u64::from(byte - b'0'))
        .collect();
    for weight in [10, 11] {
        let sum: u64 = digits
            .iter()
            .zip(0..)
            .map(|(digit, place)| digit * (weight - place))
            .sum();
        digits.push(sum * 10 % 11 % 10);
    }
    digits.iter().map(u64::to_string).collect()
}

/// Settings with waits that suit a test; the money rules are the defaults.
pub fn brisk() -> Settings {
    let mut settings = Settings::standard();
    settings.send_retries.backoff = Backoff {
        first: Span::from_millis(20),
        longest: Span::from_millis(200),
        jitter_percent: 50,
    };
    settings.lookups = Backoff {
        first: Span::from_millis(30),
        longest: Span::from_millis(300),
        jitter_percent: 20,
    };
    let reais = |amount: i64| domain::money::Money::from_cents(amount * 100).expect("an amount");
    // Tests run at night, too.
    settings.default_limits.per_transaction = reais(50_000);
    settings.default_limits.per_day = reais(100_000);
    settings.default_limits.per_night = reais(100_000);
    settings
}

/// Circuits that never open, for tests that look at one payment after the other.
pub fn without_circuits(settings: &mut Settings) {
    settings.circuit.failures_milli = u64::MAX;
    settings.circuit.unknowns_milli = u64::MAX;
}

/// Where the server runs.
enum Server {
    /// In this process.
    Here(Box<Running>),
    /// In a process of its own.
    Apart(Box<ServerProcess>),
    Stopped,
}

/// A running server. Call [`finish`](TestApp::finish) at the end.
pub struct TestApp {
    client: Client,
    server: Server,
    people: Mutex<Vec<Person>>,
    keys: AtomicU64,
    operator: (String, String),
    database: Database,
    folder: Folder,
    finished: bool,
}

impl Deref for TestApp {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if !self.finished && !std::thread::panicking() {
            panic!("a test must call finish(), which checks the promises");
        }
    }
}

impl TestApp {
    pub async fn start(database: Database) -> TestApp {
        TestApp::with_settings(database, brisk()).await
    }

    pub async fn with_settings(database: Database, settings: Settings) -> TestApp {
        TestApp::here(database, |config| {
            config.settings = Settings {
                call_limit: config.settings.call_limit,
                ..settings
            };
        })
        .await
    }

    /// With a bound on calls that the clients do not keep, to see what a late answer does.
    pub async fn with_call_limit(database: Database, settings: Settings, limit: Span) -> TestApp {
        TestApp::here(database, |config| {
            config.settings = Settings {
                call_limit: limit,
                ..settings
            };
        })
        .await
    }

    /// One that shares through the Redis at this address.
    pub async fn with_redis(database: Database, settings: Settings, url: &str) -> TestApp {
        TestApp::here(database, |config| {
            config.redis = Some(platform::RedisAddress::parse(url).expect("an address"));
            config.settings = Settings {
                call_limit: config.settings.call_limit,
                ..settings
            };
        })
        .await
    }

    /// With these settings and whatever else the test changes.
    pub async fn with_change(
        database: Database,
        settings: Settings,
        change: impl FnOnce(&mut Config),
    ) -> TestApp {
        TestApp::here(database, |config| {
            config.settings = Settings {
                call_limit: config.settings.call_limit,
                ..settings
            };
            change(config);
        })
        .await
    }

    async fn here(database: Database, change: impl FnOnce(&mut Config)) -> TestApp {
        let folder = Folder::new();
        let mut config = config(&folder, &database);
        change(&mut config);
        let running = pixwave::wire::start(config)
            .await
            .expect("the server starts");
        let demo = running
            .demo
            .as_ref()
            .expect("the embedded mode has operators");
        let operator = &demo.operators[0];
        TestApp {
            client: Client::new(&running.url),
            operator: (operator.email.to_owned(), operator.password.clone()),
            server: Server::Here(Box::new(running)),
            people: Mutex::default(),
            keys: AtomicU64::new(1),
            database,
            folder,
            finished: false,
        }
    }

    /// The real executable, with its data in a folder of its own.
    pub async fn apart(database: Database) -> TestApp {
        let folder = Folder::new();
        let process = ServerProcess::start(&folder.0, &variables(&database)).await;
        TestApp {
            client: Client::new(&process.url),
            operator: process.operator.clone().expect("it names an operator"),
            database,
            server: Server::Apart(Box::new(process)),
            people: Mutex::default(),
            keys: AtomicU64::new(1),
            folder,
            finished: false,
        }
    }

    /// The same on SQLite, with files that cannot grow past so many blocks of 512 bytes until the
    /// next start.
    pub async fn cramped(blocks: u32) -> TestApp {
        let folder = Folder::new();
        let process = ServerProcess::cramped(&folder.0, blocks).await;
        TestApp {
            client: Client::new(&process.url),
            operator: process.operator.clone().expect("it names an operator"),
            database: Database::Sqlite,
            server: Server::Apart(Box::new(process)),
            people: Mutex::default(),
            keys: AtomicU64::new(1),
            folder,
            finished: false,
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        match &mut self.server {
            Server::Apart(process) => process.kill(),
            Server::Here(_) | Server::Stopped => panic!("there is no process to kill"),
        }
    }

    /// SIGTERM, and the good end that must follow.
    pub async fn terminate(&mut self) {
        match &mut self.server {
            Server::Apart(process) => {
                process.signal("TERM");
                assert!(process.ended().await.success(), "it did not end well");
            }
            Server::Here(_) | Server::Stopped => panic!("there is no process to end"),
        }
        self.server = Server::Stopped;
    }

    /// The executable again, on the same data.
    pub async fn restart(&mut self) {
        self.server = Server::Stopped;
        let process = ServerProcess::start(&self.folder.0, &variables(&self.database)).await;
        self.client = Client::new(&process.url);
        self.server = Server::Apart(Box::new(process));
    }

    pub fn client(&self) -> Client {
        self.client.clone()
    }

    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// The use cases themselves, for what no user sees.
    pub fn app(&self) -> &App {
        match &self.server {
            Server::Here(running) => &running.app,
            Server::Apart(_) | Server::Stopped => panic!("the server is not in this process"),
        }
    }

    /// The same, when the server is in this process.
    pub fn app_here(&self) -> Option<&App> {
        match &self.server {
            Server::Here(running) => Some(&running.app),
            Server::Apart(_) | Server::Stopped => None,
        }
    }

    /// The link to Redis of [`TestApp::with_redis`].
    pub fn redis(&self) -> std::sync::Arc<platform::Link> {
        match &self.server {
            Server::Here(running) => running.redis.clone().expect("it has one"),
            Server::Apart(_) | Server::Stopped => panic!("the server is not in this process"),
        }
    }

    /// What operators see live.
    pub fn live(&self) -> std::sync::Arc<app::monitor::LiveView> {
        match &self.server {
            Server::Here(running) => running.live.clone(),
            Server::Apart(_) | Server::Stopped => panic!("the server is not in this process"),
        }
    }

    /// An operator's session.
    pub async fn operator(&self) -> String {
        let (email, password) = &self.operator;
        let body = json!({"email": email, "password": password});
        let session = self.post("/v1/sessions", &body).expect(201).await;
        string(&session.body, "token")
    }

    /// Waits until every payment of the test's people that leaves has ended.
    pub async fn quiet(&self) {
        for person in self.people() {
            for seen in self.transactions(&person).await {
                if seen["status"] == "pending" && seen["kind"] != "charge" {
                    self.ended(&person, &string(&seen, "id")).await;
                }
            }
        }
    }

    /// Judges the promises, stops the server, and judges what it leaves.
    pub async fn finish(mut self) {
        oracle::judge(&self).await;
        match std::mem::replace(&mut self.server, Server::Stopped) {
            Server::Here(running) => {
                let app = &running.app;
                let dead: Vec<JobRow> = app
                    .store
                    .jobs(Some(JobState::Dead), 50)
                    .await
                    .expect("jobs");
                assert!(dead.is_empty(), "dead jobs: {dead:?}");
                for check in check(app).await.expect("the checks run") {
                    assert!(
                        check.broken.is_empty(),
                        "{}: {:?}",
                        check.rule,
                        check.broken
                    );
                }
                running.shutdown().await;
            }
            Server::Apart(mut process) => {
                process.signal("TERM");
                assert!(process.ended().await.success(), "it did not end well");
                let mut check = pixwave(&self.folder.0, &variables(&self.database));
                check.arg("check");
                let checked = run(check).await;
                assert!(
                    checked.status.success(),
                    "{}{}",
                    stdout(&checked),
                    stderr(&checked)
                );
            }
            Server::Stopped => panic!("the server runs until the test is finished"),
        }
        self.finished = true;
    }

    /// Ends without judging: the test has looked for itself.
    pub fn discard(mut self) {
        self.finished = true;
    }

    /// Uses another session of this person from now on.
    pub fn adopt(&self, person: &Person, token: String) {
        let mut people = self.people.lock().expect("not poisoned");
        let found = people
            .iter_mut()
            .find(|known| known.user_id == person.user_id);
        found.expect("a person of this test").token = token;
    }
}

/// What tells the executable where its data is.
fn variables(database: &Database) -> Vec<(&str, &str)> {
    match database {
        Database::Sqlite => Vec::new(),
        Database::Mysql(url) => vec![
            ("DATABASE_URL", url),
            ("DB_DURABILITY", "accepted"),
            ("APP_KEY", APP_KEY),
        ],
    }
}

/// The embedded mode on free ports, apart from everything else on this machine.
fn config(folder: &Folder, database: &Database) -> Config {
    let file = folder.0.join("pixwave.db").display().to_string();
    Config::read(&|name| match (name, database) {
        ("HTTP_PORT", _) => Some("0".to_owned()),
        ("DB_DATABASE", Database::Sqlite) => Some(file.clone()),
        ("DATABASE_URL", Database::Mysql(url)) => Some(url.clone()),
        ("DB_DURABILITY", Database::Mysql(_)) => Some("accepted".to_owned()),
        ("APP_KEY", Database::Mysql(_)) => Some(APP_KEY.to_owned()),
        ("SANDBOX_FOLDER", _) => Some(folder.0.join("sandbox").display().to_string()),
        ("GATEWAY_TIMEOUT", _) => Some("2s".to_owned()),
        _ => None,
    })
    .expect("the test's variables are right")
}

impl TestApp {
    // ------------------------------------------------------------ people and money

    pub async fn person(&self) -> Person {
        let body = newcomer();
        let user = self.post("/v1/users", &body).expect(201).await;
        let (email, tax_id) = (string(&body, "email"), string(&body, "tax_id"));
        let person = Person {
            user_id: user.id(),
            wallet_id: string(&user.body["wallet"], "id"),
            token: self.sign_in(&email).await,
            email,
            tax_id,
        };
        self.people
            .lock()
            .expect("not poisoned")
            .push(person.clone());
        person
    }

    pub async fn sign_in(&self, email: &str) -> String {
        let body = json!({"email": email, "password": PASSWORD});
        let session = self.post("/v1/sessions", &body).expect(201).await;
        string(&session.body, "token")
    }

    /// Someone with so much money, received by a charge.
    pub async fn person_with(&self, amount: i64) -> Person {
        let person = self.person().await;
        self.fund(&person, amount).await;
        person
    }

    /// Money for someone; gives the paid charge.
    pub async fn fund(&self, person: &Person, amount: i64) -> Value {
        let charge = self.charge(person, amount).await;
        self.pay_charge(&charge, json!({})).await;
        let paid = self.ended(person, &string(&charge, "id")).await;
        assert_eq!(paid["stage"], "paid", "{paid}");
        paid
    }

    pub fn people(&self) -> Vec<Person> {
        self.people.lock().expect("not poisoned").clone()
    }

    /// A key for one request, unlike any other.
    pub fn fresh_key(&self) -> String {
        let number = self.keys.fetch_add(1, Ordering::Relaxed);
        format!("key-{number}")
    }

    /// Available and held.
    pub async fn balance(&self, person: &Person) -> (i64, i64) {
        let path = format!("/v1/wallets/{}", person.wallet_id);
        let wallet = self.get(&path).by(&person.token).await;
        (wallet.cents("available_cents"), wallet.cents("held_cents"))
    }

    // ------------------------------------------------------------ requests

    /// A charge with its QR code.
    pub async fn charge(&self, person: &Person, amount: i64) -> Value {
        self.charge_of(person, json!({"amount_cents": amount}))
            .await
    }

    pub async fn charge_of(&self, person: &Person, body: Value) -> Value {
        let call = self.post("/v1/charges", &body).by(&person.token).wait(10);
        call.key(&self.fresh_key()).expect(201).await.body
    }

    /// The sandbox plays the payer; gives the answer's body.
    pub async fn pay_charge(&self, charge: &Value, how: Value) -> Value {
        let path = format!(
            "/sandbox/charges/{}/pay",
            self.charge_reference(charge).await
        );
        self.post(&path, &how).expect(200).await.body
    }

    /// What the sandbox knows a charge by: the txid at Efí, our reference at Mercado Pago.
    pub async fn charge_reference(&self, charge: &Value) -> String {
        if charge["gateway"] == EFI {
            return string(charge, "txid");
        }
        let owner = string(charge, "user_id");
        let owner = self
            .people()
            .into_iter()
            .find(|person| person.user_id == owner);
        let attempts = self
            .attempts(&owner.expect("someone's charge"), &string(charge, "id"))
            .await;
        let shown = attempts
            .iter()
            .rev()
            .find(|attempt| attempt["gateway"] == charge["gateway"]);
        string(shown.expect("an attempt"), "attempt_key")
    }

    /// A payout request, not sent yet.
    pub fn payout_call(&self, person: &Person, body: &Value) -> Call {
        self.post("/v1/payouts", body).by(&person.token)
    }

    /// An accepted payout to a PIX key that takes the money.
    pub async fn payout(&self, person: &Person, amount: i64) -> Answer {
        let body = json!({"amount_cents": amount, "pix_key": "padaria@example.com"});
        self.payout_call(person, &body)
            .key(&self.fresh_key())
            .expect(202)
            .await
    }

    pub async fn transaction(&self, person: &Person, id: &str) -> Value {
        let path = format!("/v1/transactions/{id}");
        self.get(&path).by(&person.token).await.body
    }

    pub async fn transactions(&self, person: &Person) -> Vec<Value> {
        let mut all = Vec::new();
        let mut path = "/v1/transactions?limit=200".to_owned();
        loop {
            let page = self.get(&path).by(&person.token).await;
            all.extend(page.list());
            match page.body["next_cursor"].as_str() {
                Some(cursor) => path = format!("/v1/transactions?limit=200&cursor={cursor}"),
                None => return all,
            }
        }
    }

    pub async fn attempts(&self, person: &Person, id: &str) -> Vec<Value> {
        let path = format!("/v1/transactions/{id}/attempts");
        self.get(&path).by(&person.token).await.list()
    }

    /// The attempts once every send has its verdict.
    pub async fn answered_attempts(&self, person: &Person, id: &str) -> Vec<Value> {
        wait_until(&format!("the answers to {id}"), LIMIT, || async {
            let attempts = self.attempts(person, id).await;
            let sends = attempts
                .iter()
                .flat_map(|attempt| attempt["sends"].as_array());
            let answered = sends.flatten().all(|send| !send["verdict"].is_null());
            answered.then_some(attempts)
        })
        .await
    }

    /// The transaction once it is no longer pending.
    pub async fn ended(&self, person: &Person, id: &str) -> Value {
        let what = format!("the end of {id}");
        wait_until(&what, LIMIT, || async {
            let path = format!("/v1/transactions/{id}");
            let seen = self.get(&path).by(&person.token).wait(1).await.body;
            (seen["status"] != "pending").then_some(seen)
        })
        .await
    }

    /// The transaction once it is at this stage.
    pub async fn at_stage(&self, person: &Person, id: &str, stage: &str) -> Value {
        self.once(person, id, &format!("stage {stage}"), |seen| {
            seen["stage"] == stage
        })
        .await
    }

    /// The transaction once something is true of it.
    pub async fn once(
        &self,
        person: &Person,
        id: &str,
        what: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> Value {
        let last = LastSeen::default();
        wait_until(&format!("{what} of {id}"), LIMIT, || async {
            let seen = self.transaction(person, id).await;
            last.set(&seen);
            is_so(&seen).then_some(seen)
        })
        .await
    }

    // ------------------------------------------------------------ the sandbox

    pub async fn fault(&self, gateway: &str, fault: Value) {
        self.put(&format!("/sandbox/gateways/{gateway}/faults"), &fault)
            .await;
    }

    pub async fn heal(&self) {
        for gateway in GATEWAYS {
            self.fault(gateway, json!({"mode": "healthy"})).await;
        }
    }

    /// What the central bank settled.
    pub async fn ledger(&self) -> Vec<Value> {
        let ledger = self.get("/sandbox/ledger").await;
        ledger.body["entries"].as_array().expect("entries").clone()
    }

    /// What it settled of one kind under one of these keys.
    pub async fn settled(&self, kind: &str, keys: &[String]) -> Vec<Value> {
        let ours = |entry: &Value| {
            let named = |name: &str| {
                entry[name]
                    .as_str()
                    .is_some_and(|key| keys.iter().any(|k| k == key))
            };
            entry["kind"] == kind && (named("reference") || named("key"))
        };
        self.ledger().await.into_iter().filter(ours).collect()
    }

    /// The sum of one kind of movement, in centavos.
    pub async fn settled_sum(&self, kind: &str) -> i64 {
        let ledger = self.ledger().await;
        let of_kind = ledger.iter().filter(|entry| entry["kind"] == kind);
        of_kind.map(|entry| cents(entry, "amount_cents")).sum()
    }

    pub async fn requests(&self) -> Vec<Value> {
        let requests = self.get("/sandbox/requests").await;
        requests.body["requests"]
            .as_array()
            .expect("requests")
            .clone()
    }
}

/// What was seen last, told when the wait for something else fails.
#[derive(Default)]
struct LastSeen(std::sync::Mutex<Value>);

impl LastSeen {
    fn set(&self, seen: &Value) {
        *self.0.lock().expect("no holder panics") = seen.clone();
    }
}

impl Drop for LastSeen {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("last seen: {}", self.0.lock().expect("no holder panics"));
        }
    }
}

/// The attempt keys of a payment.
pub fn keys_of(attempts: &[Value]) -> Vec<String> {
    attempts
        .iter()
        .map(|attempt| string(attempt, "attempt_key"))
        .collect()
}

/// The sends of an attempt as their verdicts.
pub fn verdicts(attempt: &Value) -> Vec<String> {
    let sends = attempt["sends"].as_array().expect("sends");
    sends
        .iter()
        .map(|send| send["verdict"].as_str().unwrap_or("open").to_owned())
        .collect()
}

/// The entries of a wallet's statement of one kind, as their signed amounts.
pub async fn booked(app: &TestApp, person: &Person, kind: &str) -> Vec<i64> {
    let path = format!("/v1/wallets/{}/statement?limit=200", person.wallet_id);
    let entries = app.get(&path).by(&person.token).await.list();
    let of_kind = entries.iter().filter(|entry| entry["kind"] == kind);
    of_kind.map(|entry| cents(entry, "amount_cents")).collect()
}
