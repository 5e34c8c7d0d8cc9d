//! Every role in processes of its own, on one database, and what people do there.

use serde_json::{Value, json};
use testkit::wait_until;

use crate::child::{ServerProcess, pixwave, run, stderr, stdout};
use crate::client::{Client, string};
use crate::harness::{Folder, LIMIT};

/// A variable and its value.
pub type Variable<'a> = (&'a str, &'a str);

pub const KEY: Variable<'_> = ("APP_KEY", "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=");

/// Everything apart, on one database.
pub struct Fleet {
    pub folder: Folder,
    database: String,
    shared: String,
    webhooks: String,
    drain_delay: &'static str,
    /// Besides the usual ones.
    more: Vec<(&'static str, String)>,
}

impl Fleet {
    pub fn new(database: String, payments_port: u16, drain_delay: &'static str) -> Fleet {
        let folder = Folder::new();
        let shared = folder.0.join("shared").display().to_string();
        Fleet {
            folder,
            database,
            shared,
            webhooks: format!("http://127.0.0.1:{payments_port}"),
            drain_delay,
            more: Vec::new(),
        }
    }

    pub fn variables(&self) -> Vec<Variable<'_>> {
        let mut variables: Vec<Variable<'_>> = vec![
            ("DATABASE_URL", self.database.as_str()),
            ("DB_DURABILITY", "accepted"),
            KEY,
            ("SANDBOX_FOLDER", self.shared.as_str()),
            ("SANDBOX_WEBHOOK_URL", self.webhooks.as_str()),
            ("DRAIN_DELAY", self.drain_delay),
            ("DB_POOL_SIZE", "8"),
        ];
        let more = self.more.iter();
        variables.extend(more.map(|(name, value)| (*name, value.as_str())));
        variables
    }

    /// The same with another variable for every process.
    pub fn with(mut self, name: &'static str, value: String) -> Fleet {
        self.more.push((name, value));
        self
    }

    pub async fn command(&self, words: &[&str]) {
        let mut command = pixwave(&self.folder.0, &self.variables());
        command.args(words);
        let output = run(command).await;
        assert!(
            output.status.success(),
            "{words:?}: {}{}",
            stdout(&output),
            stderr(&output)
        );
    }

    pub async fn start(&self, words: &[&str]) -> ServerProcess {
        ServerProcess::role(&self.folder.0, words, &self.variables()).await
    }

    /// The same with more variables for this process alone.
    pub async fn start_with(&self, words: &[&str], more: &[Variable<'_>]) -> ServerProcess {
        let variables = [&self.variables()[..], more].concat();
        ServerProcess::role(&self.folder.0, words, &variables).await
    }

    pub async fn start_at(&self, port: u16, words: &[&str]) -> ServerProcess {
        let port = port.to_string();
        self.start_with(words, &[("HTTP_PORT", &port)]).await
    }
}

/// Ends a process in good order.
pub async fn leave(mut process: ServerProcess) {
    process.signal("TERM");
    assert!(process.ended().await.success(), "it did not end well");
}

/// A customer with a session, made by `accounts`.
pub async fn customer(accounts: &Client) -> String {
    let body = crate::harness::newcomer();
    accounts.post("/v1/users", &body).expect(201).await;
    let body = json!({"email": body["email"], "password": body["password"]});
    let session = accounts.post("/v1/sessions", &body).expect(201).await;
    string(&session.body, "token")
}

/// Money by a charge: created by a worker, paid at the sandbox, learnt by a notification or a look.
pub async fn fund(payments: &Client, sandbox: &Client, token: &str, amount: i64) {
    let charge = payments
        .post("/v1/charges", &json!({"amount_cents": amount}))
        .by(token)
        .key("fund")
        .wait(10)
        .expect(201)
        .await;
    let path = format!("/sandbox/charges/{}/pay", string(&charge.body, "txid"));
    sandbox.post(&path, &json!({})).expect(200).await;
    let id = charge.id();
    let paid = ended(payments, token, &id).await;
    assert_eq!(paid["stage"], "paid", "{paid}");
}

pub async fn ended(payments: &Client, token: &str, id: &str) -> Value {
    let path = format!("/v1/transactions/{id}");
    wait_until(&format!("the end of {id}"), LIMIT * 2, || async {
        let seen = payments.get(&path).by(token).wait(1).await.body;
        (seen["status"] != "pending").then_some(seen)
    })
    .await
}
