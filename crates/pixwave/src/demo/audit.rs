//! The end of the tour: what PixWave tells its users, what its books say, and what the sandbox's
//! central bank really settled must be the same, centavo by centavo.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use app::checks::{Check, check};
use serde_json::Value;

use super::report::Row;
use super::story::{Tour, reais};

/// Everything that is compared.
struct Facts {
    entries: Vec<Value>,
    transactions: Vec<Told>,
    /// Requests that reached a gateway, by operation and key.
    requests: BTreeMap<String, u64>,
}

/// A transaction as its owner is told of it, with its attempts.
struct Told {
    body: Value,
    attempts: Vec<Value>,
}

/// All comparisons, then the checks that also run in production.
pub async fn rows(tour: &Tour) -> Vec<Row> {
    let facts = match Facts::gather(tour).await {
        Ok(facts) => facts,
        Err(error) => return vec![row("everything is read again", Err(error))],
    };
    let mut rows = vec![
        row("every PIX that arrived is credited once", facts.received()),
        row("at most one settlement per payout", facts.sent()),
        row("refunds equal the devoluções", facts.refunds()),
        row("every send is one request on the wire", facts.sends()),
        row(
            "our floats equal the gateways' balances",
            floats(tour).await,
        ),
    ];
    match check(&tour.app).await {
        Ok(checks) => rows.extend(checks.into_iter().map(of_check)),
        Err(error) => rows.push(row("the invariants are checked", Err(error.into()))),
    }
    rows
}

fn row(done: &str, seen: Result<String>) -> Row {
    Row {
        step: "(g)",
        done: done.to_owned(),
        seen: seen.map_err(|error| format!("{error:#}")),
    }
}

fn of_check(check: Check) -> Row {
    Row {
        step: "(g)",
        done: check.rule.to_owned(),
        seen: if check.broken.is_empty() {
            Ok(check.figures)
        } else {
            Err(check.broken.join("; "))
        },
    }
}

impl Facts {
    async fn gather(tour: &Tour) -> Result<Facts> {
        let ledger = tour.http.get("/sandbox/ledger").body().await?;
        let requests = tour.http.get("/sandbox/requests").body().await?;
        let mut transactions = Vec::new();
        for person in &tour.people {
            let list = tour
                .http
                .get("/v1/transactions?limit=200")
                .by(&person.token)
                .body()
                .await?;
            for body in list["data"].as_array().context("no list")? {
                let id = body["id"].as_str().context("no id")?;
                let path = format!("/v1/transactions/{id}");
                let body = tour.http.get(&path).by(&person.token).body().await?;
                let path = format!("{path}/attempts");
                let attempts = tour.http.get(&path).by(&person.token).body().await?;
                let attempts = attempts["data"].as_array().cloned().unwrap_or_default();
                transactions.push(Told { body, attempts });
            }
        }
        Ok(Facts {
            entries: ledger["entries"]
                .as_array()
                .cloned()
                .context("no entries")?,
            transactions,
            requests: count_requests(&requests),
        })
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Told> {
        self.transactions
            .iter()
            .filter(move |told| told.body["kind"] == kind)
    }

    fn entries<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.entries
            .iter()
            .filter(move |entry| entry["kind"] == kind)
    }

    fn received(&self) -> Result<String> {
        let told = sorted(
            self.of_kind("charge")
                .flat_map(|told| list(&told.body, "pay_ins"))
                .map(|pay_in| {
                    (
                        amount(pay_in),
                        pay_in["fee_cents"].as_i64().unwrap_or(-1),
                        name(pay_in, "gateway"),
                    )
                }),
        );
        let real = sorted(self.entries("received").map(|entry| {
            (
                amount(entry),
                entry["fee_cents"].as_i64().unwrap_or(-1),
                name(entry, "gateway"),
            )
        }));
        ensure!(
            told == real,
            "we credited {told:?}, the central bank settled {real:?}"
        );
        Ok(format!(
            "{} in {} PIX, fees {}: as the central bank settled them",
            reais(told.iter().map(|(cents, ..)| cents).sum()),
            told.len(),
            reais(told.iter().map(|(_, fee, _)| fee).sum()),
        ))
    }

    fn sent(&self) -> Result<String> {
        let (mut sum, mut payouts, mut matched) = (0, 0, 0);
        for told in self.of_kind("payout") {
            payouts += 1;
            let keys = told.keys();
            let executed: Vec<&Value> = self
                .entries("sent")
                .filter(|entry| keys.contains(&name(entry, "reference")))
                .collect();
            let (id, status) = (name(&told.body, "id"), name(&told.body, "status"));
            ensure!(
                executed.len() <= 1,
                "{id} was executed {} times",
                executed.len()
            );
            ensure!(
                (status == "success") == (executed.len() == 1),
                "{id} is {status} and was executed {} times",
                executed.len()
            );
            for entry in executed {
                ensure!(
                    amount(entry) == amount(&told.body),
                    "{id} was executed as {entry}"
                );
                sum += amount(entry);
                matched += 1;
            }
        }
        let real: i64 = self.entries("sent").map(amount).sum();
        ensure!(
            sum == real && matched == self.entries("sent").count(),
            "payouts settled {sum} centavos, the central bank sent {real}"
        );
        Ok(format!(
            "{payouts} payouts, {matched} settlements of {} together",
            reais(sum)
        ))
    }

    fn refunds(&self) -> Result<String> {
        let settled = self
            .of_kind("refund")
            .filter(|told| told.body["status"] == "success");
        let told = sorted(settled.map(|told| (amount(&told.body), name(&told.body, "gateway"))));
        let real = sorted(
            self.entries("refund")
                .map(|entry| (amount(entry), name(entry, "gateway"))),
        );
        ensure!(
            told == real,
            "we refunded {told:?}, the central bank {real:?}"
        );
        let sum = told.iter().map(|(cents, _)| cents).sum();
        Ok(format!("{} refunds of {} together", told.len(), reais(sum)))
    }

    fn sends(&self) -> Result<String> {
        let mut counted = 0;
        for kind in ["payout", "refund"] {
            for attempt in self.of_kind(kind).flat_map(|told| &told.attempts) {
                let left = list(attempt, "sends").filter(|send| send["verdict"] != "never_sent");
                let left = u64::try_from(left.count())?;
                let key = format!("{kind} {}", name(attempt, "attempt_key"));
                let seen = self.requests.get(&key).copied().unwrap_or(0);
                ensure!(left == seen, "{key}: {left} sends, {seen} requests");
                counted += left;
            }
        }
        Ok(format!(
            "{counted} sends that left us, {counted} requests seen"
        ))
    }
}

impl Told {
    fn keys(&self) -> Vec<String> {
        self.attempts
            .iter()
            .map(|attempt| name(attempt, "attempt_key"))
            .collect()
    }
}

fn count_requests(requests: &Value) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for request in list(requests, "requests") {
        let operation = name(request, "operation");
        let key = format!("{operation} {}", name(request, "key"));
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

async fn floats(tour: &Tour) -> Result<String> {
    let balances = tour.http.get("/sandbox/balances").body().await?;
    let mut shown = Vec::new();
    for view in tour.app.gateways_view().await? {
        let gateway = view.gateway.as_str();
        let real = balances[gateway]["balance_cents"]
            .as_i64()
            .context("no balance")?;
        ensure!(
            view.float_available == real,
            "{gateway}: our books say {} centavos, the gateway has {real}",
            view.float_available
        );
        shown.push(format!("{gateway} {}", reais(real)));
    }
    Ok(shown.join(", "))
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn amount(value: &Value) -> i64 {
    value["amount_cents"].as_i64().unwrap_or_default()
}

fn name(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

fn sorted<T: Ord>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.collect();
    items.sort();
    items
}
