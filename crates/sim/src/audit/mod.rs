//! An auditor who believes nobody: its own model of what every commit means.
//!
//! It reads the rows that each commit wrote, keeps books of its own from them, and compares them at
//! once with each other and with the central bank: what the product's own checks do with SQL over
//! the whole database happens here a second time, after every single commit, with other code. What
//! it finds ends the run.

mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::ports::store::*;
use domain::gateway::Gateway;
use domain::ids::*;
use domain::ledger::{Account, Float};
use domain::status::Status;
use domain::time::{Moment, Span};
use serde_json::Value;
use tokio::sync::Notify;

use self::reading::Reading;
use crate::bank::Bank;
use crate::runtime::VirtualRuntime;

/// How far one jump sets the wall clock off, and back.
const LONGEST_JUMP: Span = Span::from_seconds(41);

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's short name.
    pub rule: &'static str,
    pub detail: String,
    /// After this time had passed.
    pub at: Moment,
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub commits: u64,
    pub transactions: u64,
    pub sends: u64,
    pub licences: u64,
    pub corrections: u64,
    pub reviews: u64,
    /// Approvals.
    pub decisions: u64,
    /// Payments executed more than once after people decided so.
    pub decided_exceptions: u64,
}

impl Counts {
    /// Adds another run's.
    pub fn add(&mut self, other: Counts) {
        let Counts {
            commits,
            transactions,
            sends,
            licences,
            corrections,
            reviews,
            decisions,
            decided_exceptions,
        } = other;
        self.commits += commits;
        self.transactions += transactions;
        self.sends += sends;
        self.licences += licences;
        self.corrections += corrections;
        self.reviews += reviews;
        self.decisions += decisions;
        self.decided_exceptions += decided_exceptions;
    }
}

pub struct Auditor {
    bank: Arc<Bank>,
    runtime: VirtualRuntime,
    model: Mutex<Model>,
    /// Rung at the first violation.
    pub found: Notify,
}

#[derive(Default)]
struct Model {
    violations: Vec<Violation>,
    counts: Counts,
    wallets: BTreeMap<WalletId, Wallet>,
    accounts: BTreeMap<Account, i64>,
    transactions: BTreeMap<TransactionId, Transaction>,
    attempts: BTreeMap<AttemptId, Attempt>,
    by_key: BTreeMap<(Gateway, String), AttemptId>,
    pay_ins: BTreeMap<(Gateway, String), PayInRow>,
    jobs: BTreeMap<JobId, Job>,
    events: BTreeSet<EventId>,
    /// Movements of the bank already looked at.
    executed: usize,
}

#[derive(Default)]
struct Wallet {
    row: Option<WalletRow>,
    /// Natural balances by pocket, from the entries alone.
    folds: BTreeMap<Account, i64>,
    seq: u64,
    /// Amounts and fees of its open outgoing payments.
    open_holds: i64,
}

struct Transaction {
    row: TransactionRow,
    /// The version that the last event told.
    told: u64,
    attempts: Vec<AttemptId>,
    ready_jobs: BTreeSet<JobId>,
    /// Movements at the bank under its attempts' keys.
    executed: u32,
    /// People decided where evidence was missing.
    decided: bool,
    /// So many attempts stood there when they last did: what follows is held against later ones only.
    gone_past: usize,
    /// A mishap took its job away.
    robbed: bool,
}

struct Attempt {
    transaction: TransactionId,
    number: u32,
    gateway: Gateway,
    key: String,
    live: bool,
    evidence_version: u64,
    /// Its execution beside the one that counts was booked as a loss.
    lost: bool,
    /// Its gateway refused it as a risk.
    risky: bool,
    sends: BTreeMap<u32, bool>,
}

struct Job {
    transaction: Option<TransactionId>,
    kind: String,
    token: u64,
}

impl Auditor {
    pub fn new(bank: Arc<Bank>, runtime: VirtualRuntime) -> Auditor {
        Auditor {
            bank,
            runtime,
            model: Mutex::default(),
            found: Notify::new(),
        }
    }

    fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a violation down; the first one ends the run.
    pub fn accuse(&self, rule: &'static str, detail: String) {
        let at = self.runtime.elapsed();
        self.model().violations.push(Violation { rule, detail, at });
        self.found.notify_one();
    }

    pub fn violations(&self) -> Vec<Violation> {
        self.model().violations.clone()
    }

    pub fn counts(&self) -> Counts {
        self.model().counts
    }

    /// Reads what a commit wrote.
    pub fn committed(&self, unit: &'static str, writes: &[Write]) {
        let now = self.runtime.elapsed();
        let accusations = {
            let mut guard = self.model();
            let mut reading = Reading {
                model: &mut guard,
                bank: &self.bank,
                now,
                clock_moved: self.runtime.clock_moved(),
                unit,
                saved: Vec::new(),
                wallets: BTreeSet::new(),
                accusations: Vec::new(),
            };
            // A commit has no order inside: what tells of a row may be written before it.
            let tells = |write: &&Write| matches!(write, Write::InsertEvent(_));
            for write in writes.iter().filter(|write| !tells(write)) {
                reading.read(write);
            }
            for write in writes.iter().filter(tells) {
                reading.read(write);
            }
            reading.conclude();
            reading.model.counts.commits += 1;
            reading.accusations
        };
        for (rule, detail) in accusations {
            self.accuse(rule, detail);
        }
        self.look_at_bank();
    }

    /// A worker claimed these jobs.
    pub fn claimed(&self, jobs: &[JobRow]) {
        let mut model = self.model();
        for job in jobs {
            if let Some(known) = model.jobs.get_mut(&job.id) {
                known.token = job.token;
            }
        }
    }

    /// A mishap took this job away: its transaction may be without one until a sweep.
    pub fn robbed(&self, id: JobId) {
        let mut model = self.model();
        let owner = model.jobs.remove(&id).and_then(|job| job.transaction);
        if let Some(known) = owner.and_then(|owner| model.transactions.get_mut(&owner)) {
            known.ready_jobs.remove(&id);
            known.robbed = true;
        }
    }

    /// An order is about to reach a gateway: its attempt and a send of it must be committed.
    pub fn transmitted(&self, gateway: Gateway, key: &str) {
        let known = {
            let mut model = self.model();
            model.counts.sends += 1;
            let attempt = model
                .by_key
                .get(&(gateway, key.to_owned()))
                .and_then(|id| model.attempts.get(id));
            attempt.is_some_and(|attempt| !attempt.sends.is_empty())
        };
        if !known {
            let detail = format!("{gateway} was called with key {key}, which no commit knows");
            self.accuse("intent_before_call", detail);
        }
    }

    /// A gateway refused an order as a risk: nobody may try it elsewhere.
    pub fn refused_as_risk(&self, gateway: Gateway, key: &str) {
        let mut guard = self.model();
        let model = &mut *guard;
        let id = model.by_key.get(&(gateway, key.to_owned()));
        if let Some(attempt) = id.and_then(|id| model.attempts.get_mut(id)) {
            attempt.risky = true;
        }
    }

    /// Counts what the bank has executed since the last look.
    pub fn look_at_bank(&self) {
        let now = self.runtime.elapsed();
        let mut guard = self.model();
        let model = &mut *guard;
        let mut accusations = Vec::new();
        for done in self.bank.executed_after(model.executed, now) {
            model.executed += 1;
            let Some(attempt) = model
                .by_key
                .get(&(done.gateway, done.key.clone()))
                .and_then(|id| model.attempts.get(id))
            else {
                accusations.push(("executed_unknown", format!("key {} is nobody's", done.key)));
                continue;
            };
            let Some(owner) = model.transactions.get_mut(&attempt.transaction) else {
                continue;
            };
            owner.executed += 1;
            if done.amount != owner.row.amount {
                let detail = format!(
                    "{}: {} instead of {}",
                    owner.row.id, done.amount, owner.row.amount
                );
                accusations.push(("executed_amount", detail));
            }
            match (owner.executed, owner.decided) {
                (1, _) => {}
                (_, true) => model.counts.decided_exceptions += 1,
                (times, false) => {
                    let detail = format!("{} was executed {times} times", owner.row.id);
                    accusations.push(("paid_once", detail));
                }
            }
        }
        drop(guard);
        for (rule, detail) in accusations {
            self.accuse(rule, detail);
        }
    }

    // ------------------------------------------------------------ what others ask

    pub fn row(&self, id: TransactionId) -> Option<TransactionRow> {
        self.model()
            .transactions
            .get(&id)
            .map(|known| known.row.clone())
    }

    /// Every transaction, by id.
    pub fn rows(&self) -> Vec<TransactionRow> {
        let model = self.model();
        model
            .transactions
            .values()
            .map(|known| known.row.clone())
            .collect()
    }

    pub fn pay_ins(&self) -> Vec<PayInRow> {
        self.model().pay_ins.values().cloned().collect()
    }

    /// The attempts of a transaction: their gateways and keys, by number.
    pub fn keys(&self, id: TransactionId) -> Vec<(Gateway, String)> {
        let model = self.model();
        let attempts = model.transactions.get(&id).map(|known| &known.attempts);
        attempts
            .into_iter()
            .flatten()
            .filter_map(|id| model.attempts.get(id))
            .map(|attempt| (attempt.gateway, attempt.key.clone()))
            .collect()
    }

    /// The transaction that an attempt key belongs to.
    pub fn owner(&self, gateway: Gateway, key: &str) -> Option<TransactionId> {
        let model = self.model();
        let id = model.by_key.get(&(gateway, key.to_owned()))?;
        model.attempts.get(id).map(|attempt| attempt.transaction)
    }

    /// The number of the operation that an attempt key or a received PIX belongs to; 0: to none.
    pub fn operation(&self, gateway: Gateway, reference: &str) -> u32 {
        let now = self.runtime.elapsed();
        let owner = self.owner(gateway, reference).or_else(|| {
            let pix = self.bank.received(gateway, reference, now)?;
            self.owner(gateway, &pix.code?)
        });
        let row = owner.and_then(|id| self.row(id));
        let key = row.and_then(|row| row.idempotency).map(|bound| bound.key);
        key.and_then(|key| key.strip_prefix('o')?.parse().ok())
            .unwrap_or(0)
    }

    /// The number of the operation that an attempt belongs to; 0: to none.
    pub fn operation_of(&self, id: AttemptId) -> u32 {
        let known = {
            let model = self.model();
            let attempt = model.attempts.get(&id);
            attempt.map(|attempt| (attempt.gateway, attempt.key.clone()))
        };
        known.map_or(0, |(gateway, key)| self.operation(gateway, &key))
    }

    /// Whether a notification waits to be acted on.
    pub fn has_inbound(&self) -> bool {
        let model = self.model();
        model
            .jobs
            .values()
            .any(|job| job.kind == app::jobs::INBOUND)
    }

    pub fn was_decided(&self, id: TransactionId) -> bool {
        self.model()
            .transactions
            .get(&id)
            .is_some_and(|known| known.decided)
    }

    pub fn times_executed(&self, id: TransactionId) -> u32 {
        let model = self.model();
        model
            .transactions
            .get(&id)
            .map_or(0, |known| known.executed)
    }

    /// What the books say that left a gateway for this payment, less what came back.
    pub fn booked_out(&self, id: TransactionId, gateway: Gateway) -> i64 {
        let model = self.model();
        let Some(known) = model.transactions.get(&id) else {
            return 0;
        };
        let facts: Value = serde_json::from_str(&known.row.facts).unwrap_or_default();
        let sum = |name: &str| -> i64 {
            let items = facts[name].as_array().into_iter().flatten();
            items.filter_map(|item| item["cents"].as_i64()).sum()
        };
        let cents = known.row.amount.cents();
        let mut booked = 0;
        if known.row.status == Status::Success && known.row.gateway == Some(gateway) {
            booked += cents - sum("returns");
        }
        let attempts = known
            .attempts
            .iter()
            .filter_map(|id| model.attempts.get(id));
        let lost = attempts.filter(|attempt| attempt.lost && attempt.gateway == gateway);
        let lost = i64::try_from(lost.count()).unwrap_or(i64::MAX);
        if lost > 0 {
            booked += lost * cents - sum("recovered");
        }
        booked
    }

    pub fn wallet_rows(&self) -> Vec<WalletRow> {
        let model = self.model();
        model
            .wallets
            .values()
            .filter_map(|wallet| wallet.row.clone())
            .collect()
    }

    pub fn events(&self) -> BTreeSet<EventId> {
        self.model().events.clone()
    }

    /// Our money at a gateway, as the journals say.
    pub fn float(&self, gateway: Gateway) -> i64 {
        let model = self.model();
        [Float::Available, Float::Unreleased, Float::Blocked]
            .into_iter()
            .map(|part| Account::GatewayFloat(gateway, part))
            .map(|account| model.accounts.get(&account).copied().unwrap_or(0))
            .sum()
    }
}
