//! Everything the two gateways know, and how it is kept.
//!
//! All of it is a set of *records* in maps. A change puts a whole new version of a record; the
//! same record is a line of the journal, so that replaying the journal restores the maps. One
//! mutex guards the state: an endpoint takes it, decides, puts records, and the lines are in the
//! operating system's hands before the lock goes, hence before any answer.

pub mod efi;
pub mod journal;
pub mod mercado_pago;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    clock::{self, Millis},
    config::{GatewayName, Options, SandboxConfig},
    delivery::Delivery,
    faults::Panel,
    ids::Ids,
    ledger::{EntryKind, LedgerEntry},
    request_log::RequestRecord,
};
use efi::{Cob, Location, ReceivedPix, Send, Token, Webhook};
use journal::Journal;
use mercado_pago::{Intent, Payment, StoredAnswer};

/// One versioned fact; each names its own row.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    Start(u64),
    Cob(Box<Cob>),
    Location(Location),
    Received(Box<ReceivedPix>),
    Send(Box<Send>),
    Webhook(Webhook),
    WebhookRemoved(String),
    Token(Token),
    TokensRevoked(GatewayName),
    EfiSettings(Value),
    RandomKey(String),
    RandomKeyRemoved(String),
    Payment(Box<Payment>),
    Intent(Box<Intent>),
    Answer(Box<StoredAnswer>),
    PanelUrl(Option<String>),
    Ledger(LedgerEntry),
    Request(RequestRecord),
    Delivery(Box<Delivery>),
}

/// The maps that the records build.
#[derive(Debug, Default)]
pub struct Book {
    pub starts: u64,
    pub cobs: BTreeMap<String, Cob>,
    pub locations: BTreeMap<i64, Location>,
    pub received: BTreeMap<String, ReceivedPix>,
    pub sends: BTreeMap<String, Send>,
    pub webhooks: BTreeMap<String, Webhook>,
    pub tokens: BTreeMap<String, Token>,
    pub efi_settings: Option<Value>,
    pub random_keys: Vec<String>,
    pub payments: BTreeMap<i64, Payment>,
    pub intents: BTreeMap<String, Intent>,
    pub answers: BTreeMap<(String, String), StoredAnswer>,
    pub mercado_pago_revoked: bool,
    pub panel_url: Option<String>,
    pub ledger: Vec<LedgerEntry>,
    pub requests: Vec<RequestRecord>,
    pub deliveries: BTreeMap<u64, Delivery>,
}

impl Book {
    pub fn apply(&mut self, record: Record) {
        match record {
            Record::Start(number) => self.starts = number,
            Record::Cob(cob) => drop(self.cobs.insert(cob.txid.clone(), *cob)),
            Record::Location(location) => drop(self.locations.insert(location.id, location)),
            Record::Received(pix) => drop(self.received.insert(pix.end_to_end_id.clone(), *pix)),
            Record::Send(send) => drop(self.sends.insert(send.id_envio.clone(), *send)),
            Record::Webhook(webhook) => drop(self.webhooks.insert(webhook.key.clone(), webhook)),
            Record::WebhookRemoved(key) => drop(self.webhooks.remove(&key)),
            Record::Token(token) => drop(self.tokens.insert(token.value.clone(), token)),
            Record::TokensRevoked(GatewayName::Efi) => self.tokens.clear(),
            Record::TokensRevoked(GatewayName::MercadoPago) => self.mercado_pago_revoked = true,
            Record::EfiSettings(settings) => self.efi_settings = Some(settings),
            Record::RandomKey(key) => self.random_keys.push(key),
            Record::RandomKeyRemoved(key) => self.random_keys.retain(|found| *found != key),
            Record::Payment(payment) => drop(self.payments.insert(payment.id, *payment)),
            Record::Intent(intent) => drop(self.intents.insert(intent.id.clone(), *intent)),
            Record::Answer(answer) => {
                let row = (answer.scope.clone(), answer.key.clone());
                self.answers.insert(row, *answer);
            }
            Record::PanelUrl(url) => self.panel_url = url,
            Record::Ledger(entry) => self.ledger.push(entry),
            Record::Request(request) => self.apply_request(request),
            Record::Delivery(delivery) => drop(self.deliveries.insert(delivery.id, *delivery)),
        }
    }

    /// The fewest records that build this book.
    fn records(&self) -> Vec<Record> {
        let mut all = vec![Record::Start(self.starts)];
        all.extend(self.locations.values().cloned().map(Record::Location));
        all.extend(
            self.cobs
                .values()
                .cloned()
                .map(|cob| Record::Cob(Box::new(cob))),
        );
        all.extend(
            self.received
                .values()
                .cloned()
                .map(|pix| Record::Received(Box::new(pix))),
        );
        all.extend(
            self.sends
                .values()
                .cloned()
                .map(|send| Record::Send(Box::new(send))),
        );
        all.extend(self.webhooks.values().cloned().map(Record::Webhook));
        all.extend(self.tokens.values().cloned().map(Record::Token));
        all.extend(self.efi_settings.clone().map(Record::EfiSettings));
        all.extend(self.random_keys.iter().cloned().map(Record::RandomKey));
        all.extend(
            self.payments
                .values()
                .cloned()
                .map(|payment| Record::Payment(Box::new(payment))),
        );
        all.extend(
            self.intents
                .values()
                .cloned()
                .map(|intent| Record::Intent(Box::new(intent))),
        );
        all.extend(
            self.answers
                .values()
                .cloned()
                .map(|answer| Record::Answer(Box::new(answer))),
        );
        all.extend(
            self.mercado_pago_revoked
                .then_some(Record::TokensRevoked(GatewayName::MercadoPago)),
        );
        all.push(Record::PanelUrl(self.panel_url.clone()));
        all.extend(self.ledger.iter().cloned().map(Record::Ledger));
        all.extend(self.requests.iter().cloned().map(Record::Request));
        all.extend(
            self.deliveries
                .values()
                .cloned()
                .map(|delivery| Record::Delivery(Box::new(delivery))),
        );
        all
    }

    /// The same of the version that a record is about to replace.
    fn pending_before(&self, record: &Record) -> Option<(GatewayName, i64)> {
        match record {
            Record::Send(new) => {
                let old = self.sends.get(&new.id_envio)?;
                Some((GatewayName::Efi, old.pending_cents()))
            }
            Record::Received(new) => {
                let old = self.received.get(&new.end_to_end_id)?;
                Some((GatewayName::Efi, old.pending_cents()))
            }
            Record::Intent(new) => {
                let old = self.intents.get(&new.id)?;
                Some((GatewayName::MercadoPago, old.pending_cents()))
            }
            Record::Payment(new) => {
                let old = self.payments.get(&new.id)?;
                Some((GatewayName::MercadoPago, old.pending_cents()))
            }
            _ => None,
        }
    }

    /// A request is written twice: when it arrives and when it is answered.
    fn apply_request(&mut self, request: RequestRecord) {
        let at = usize::try_from(request.seq)
            .unwrap_or(usize::MAX)
            .saturating_sub(1);
        match self.requests.get_mut(at) {
            Some(known) => *known = request,
            None => self.requests.push(request),
        }
    }
}

/// What a record, once accepted, has yet to take from the gateway's account.
fn pending(record: &Record) -> Option<(GatewayName, i64)> {
    match record {
        Record::Send(send) => Some((GatewayName::Efi, send.pending_cents())),
        Record::Received(pix) => Some((GatewayName::Efi, pix.pending_cents())),
        Record::Intent(intent) => Some((GatewayName::MercadoPago, intent.pending_cents())),
        Record::Payment(payment) => Some((GatewayName::MercadoPago, payment.pending_cents())),
        _ => None,
    }
}

/// Work for later, by the clock.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Task {
    SettleSend(String),
    SettleRefund { end_to_end_id: String, id: String },
    SettleIntent(String),
    SettlePaymentRefund { payment: i64, refund: i64 },
    ExpirePayment(i64),
    PayCob(String),
    ReturnSend { id_envio: String, cents: i64 },
    Deliver(u64),
}

/// The state behind the mutex.
#[derive(Debug)]
pub struct State {
    pub book: Book,
    pub ids: Ids,
    pub options: Options,
    pub homologation: bool,
    pub token_lifetime_seconds: u64,
    pub retry_scale: f64,
    /// The account's own Pix key at Efí and at Mercado Pago.
    pub own_key: String,
    pub collector_key: String,
    /// The time of the change under way.
    pub now: Millis,
    initial_float: i64,
    balances: BTreeMap<GatewayName, i64>,
    /// What accepted payouts and refunds have yet to take, kept up by `put`.
    pending: BTreeMap<GatewayName, i64>,
    agenda: BinaryHeap<Reverse<(Millis, Task)>>,
    journal: Journal,
    panels: BTreeMap<GatewayName, Panel>,
    /// Whether the next event under the `reorder` fault waits.
    pub reorder_turn: bool,
}

/// What a new ledger entry is made of.
#[derive(Debug, Clone)]
pub struct Movement {
    pub gateway: GatewayName,
    pub kind: EntryKind,
    pub cents: i64,
    pub reference: String,
    pub end_to_end_id: String,
    pub original: Option<String>,
    pub key: Option<String>,
    pub fee_cents: i64,
}

impl State {
    pub fn open(
        config: &SandboxConfig,
        own_key: String,
        collector_key: String,
        now: Millis,
    ) -> anyhow::Result<Self> {
        let (mut journal, records) = Journal::open(config.data_dir.as_deref())?;
        let mut book = Book::default();
        for record in records {
            book.apply(record);
        }
        let records = book.records();
        journal.compact(&records)?;
        let start = book.starts + 1;
        let mut state = Self {
            ids: Ids::new(config.seed, start),
            options: config.options.clone(),
            homologation: config.homologation,
            token_lifetime_seconds: config.token_lifetime_seconds,
            retry_scale: config.webhook_retry_scale,
            own_key,
            collector_key,
            now,
            initial_float: config.initial_float_cents,
            balances: BTreeMap::new(),
            pending: BTreeMap::new(),
            agenda: BinaryHeap::new(),
            journal,
            panels: [GatewayName::Efi, GatewayName::MercadoPago]
                .into_iter()
                .map(|name| (name, Panel::new(config.seed ^ name as u64)))
                .collect(),
            reorder_turn: false,
            book,
        };
        for entry in &state.book.ledger {
            *state.balances.entry(entry.gateway).or_default() += entry.balance_change();
        }
        for (gateway, cents) in records.iter().filter_map(pending) {
            *state.pending.entry(gateway).or_default() += cents;
        }
        state.put(Record::Start(start));
        state.plan_again();
        state.flush()?;
        Ok(state)
    }

    /// Changes the state and queues the journal line.
    pub fn put(&mut self, record: Record) {
        self.journal.append(&record);
        let (after, before) = (pending(&record), self.book.pending_before(&record));
        for (gateway, cents) in after
            .into_iter()
            .chain(before.map(|(name, cents)| (name, -cents)))
        {
            *self.pending.entry(gateway).or_default() += cents;
        }
        self.book.apply(record);
    }

    /// Hands the queued lines to the operating system.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        self.journal.flush()
    }

    /// Keeps nothing any more: the sandbox has ended.
    pub fn close(&mut self) {
        self.journal.close();
    }

    /// Executes a movement: the one place where money moves.
    pub fn execute(&mut self, movement: Movement) {
        let entry = LedgerEntry {
            seq: self.book.ledger.len() as u64 + 1,
            gateway: movement.gateway,
            kind: movement.kind,
            amount_cents: movement.cents,
            reference: movement.reference,
            end_to_end_id: movement.end_to_end_id,
            executed_at: clock::utc(self.now),
            original_end_to_end_id: movement.original,
            key: movement.key,
            fee_cents: movement.fee_cents,
        };
        *self.balances.entry(entry.gateway).or_default() += entry.balance_change();
        self.put(Record::Ledger(entry));
    }

    /// What the gateway's account holds.
    pub fn balance(&self, gateway: GatewayName) -> i64 {
        self.initial_float + self.balances.get(&gateway).copied().unwrap_or_default()
    }

    /// The balance less what accepted payouts and refunds have yet to take.
    pub fn available(&self, gateway: GatewayName) -> i64 {
        self.balance(gateway) - self.pending.get(&gateway).copied().unwrap_or_default()
    }

    pub fn panel(&mut self, gateway: GatewayName) -> &mut Panel {
        self.panels
            .get_mut(&gateway)
            .expect("both gateways have a panel from the start")
    }

    pub fn plan(&mut self, at: Millis, task: Task) {
        self.agenda.push(Reverse((at, task)));
    }

    /// The next task that is due, if any.
    pub fn due(&mut self) -> Option<Task> {
        let Reverse((at, _)) = self.agenda.peek()?;
        (*at <= self.now)
            .then(|| self.agenda.pop().map(|Reverse((_, task))| task))
            .flatten()
    }

    pub fn next_due(&self) -> Option<Millis> {
        self.agenda.peek().map(|Reverse((at, _))| *at)
    }

    /// After a restart: everything that was under way is planned once more.
    fn plan_again(&mut self) {
        let book = &self.book;
        let sends = book
            .sends
            .values()
            .filter_map(|send| Some((send.settle_at?, Task::SettleSend(send.id_envio.clone()))));
        let refunds = book.received.values().flat_map(|pix| {
            pix.refunds.iter().filter_map(|refund| {
                let task = Task::SettleRefund {
                    end_to_end_id: pix.end_to_end_id.clone(),
                    id: refund.id.clone(),
                };
                Some((refund.settle_at?, task))
            })
        });
        let intents = book
            .intents
            .values()
            .filter_map(|intent| Some((intent.settle_at?, Task::SettleIntent(intent.id.clone()))));
        let payments = book.payments.values().flat_map(|payment| {
            let expiry = payment
                .is_open()
                .then_some((payment.expires, Task::ExpirePayment(payment.id)));
            let refunds = payment.refunds.iter().filter_map(|refund| {
                Some((
                    refund.settle_at?,
                    Task::SettlePaymentRefund {
                        payment: payment.id,
                        refund: refund.id,
                    },
                ))
            });
            expiry.into_iter().chain(refunds)
        });
        let deliveries = book
            .deliveries
            .values()
            .filter_map(|delivery| Some((delivery.next_at?, Task::Deliver(delivery.id))));
        let planned: Vec<_> = sends
            .chain(refunds)
            .chain(intents)
            .chain(payments)
            .chain(deliveries)
            .collect();
        self.agenda = planned.into_iter().map(Reverse).collect();
    }
}

impl State {
    /// Whether a key belongs to the account at Efí.
    pub fn is_own_key(&self, key: &str) -> bool {
        key == self.own_key || self.book.random_keys.iter().any(|own| own == key)
    }
}
