//! One commit as the auditor reads it: row by row into the model, then the whole.

use std::collections::{BTreeMap, BTreeSet};

use app::outgoing::transition::EXECUTED_TWICE;
use app::payouts::inside::INSIDE_PREFIX;
use app::ports::store::*;
use domain::ids::*;
use domain::ledger::{Account, Pocket};
use domain::review::ProposalState;
use domain::status::{Kind, Status};
use domain::time::{Moment, Span};
use serde_json::Value;

use super::{Attempt, Job, LONGEST_JUMP, Model, Transaction};
use crate::bank::{Bank, Order};

/// One commit being read.
pub(super) struct Reading<'a> {
    pub(super) model: &'a mut Model,
    pub(super) bank: &'a Bank,
    pub(super) now: Moment,
    pub(super) clock_moved: bool,
    pub(super) unit: &'static str,
    pub(super) saved: Vec<TransactionId>,
    pub(super) wallets: BTreeSet<WalletId>,
    pub(super) accusations: Vec<(&'static str, String)>,
}

impl Reading<'_> {
    fn accuse(&mut self, rule: &'static str, detail: String) {
        let unit = self.unit;
        self.accusations.push((rule, format!("{unit}: {detail}")));
    }

    pub(super) fn read(&mut self, write: &Write) {
        match write {
            Write::InsertWallet(row) | Write::SaveWallet(row) => {
                self.wallets.insert(row.id);
                self.model.wallets.entry(row.id).or_default().row = Some(row.clone());
            }
            Write::InsertTransaction(row) => self.insert_transaction(row),
            Write::SaveTransaction(row) => self.save_transaction(row),
            Write::InsertAttempt(row) => self.insert_attempt(row),
            Write::SaveAttempt(row) => self.save_attempt(row),
            Write::InsertSend(row) => self.insert_send(row),
            Write::CloseSend(row) => {
                if let Some(attempt) = self.model.attempts.get_mut(&row.attempt_id) {
                    attempt.sends.insert(row.number, false);
                }
            }
            Write::InsertPayIn(row) => self.insert_pay_in(row),
            Write::SavePayIn(row) => self.save_pay_in(row),
            Write::InsertJournal(row) => self.journal(row),
            Write::InsertJob(row) => self.insert_job(row),
            Write::FinishJob(lease) => self.end_job(*lease, false),
            Write::BuryJob { lease, .. } => self.end_job(*lease, true),
            Write::InsertEvent(row) => self.event(row),
            other => self.read_elsewhere(other),
        }
    }

    /// Rows about people and settings carry no money; proposals decide over it.
    fn read_elsewhere(&mut self, write: &Write) {
        if let Write::DecideProposal(row) = write
            && row.state == ProposalState::Approved
        {
            self.approved(row);
        }
    }

    /// Two people decided, and nothing was known that the first of them did not know.
    fn approved(&mut self, row: &ProposalRow) {
        let id = row.transaction_id;
        self.model.counts.decisions += 1;
        if row.decided_by.is_none_or(|by| by == row.proposed_by) {
            self.accuse("two_people", format!("{id} was decided by one person"));
        }
        let Some(known) = self.model.transactions.get_mut(&id) else {
            return self.accuse(
                "two_people",
                format!("a proposal for {id}, which does not exist"),
            );
        };
        known.decided = true;
        known.gone_past = known.attempts.len();
        let attempts = known.attempts.clone();
        for attempt in attempts.iter().filter_map(|id| self.model.attempts.get(id)) {
            let moved = attempt.number == row.attempt_number
                && attempt.evidence_version != row.evidence_version;
            let open = attempt.sends.values().any(|open| *open);
            if moved || open {
                let detail = format!("{id} was decided on evidence that had moved");
                return self.accuse("decided_on_what_is_known", detail);
            }
        }
    }

    // ------------------------------------------------------------ transactions

    fn insert_transaction(&mut self, row: &TransactionRow) {
        self.model.counts.transactions += 1;
        self.saved.push(row.id);
        if row.version != 1 {
            self.accuse(
                "versions",
                format!("{} starts with version {}", row.id, row.version),
            );
        }
        self.hold(row, 1);
        let known = Transaction {
            row: row.clone(),
            told: 0,
            attempts: Vec::new(),
            ready_jobs: BTreeSet::new(),
            executed: 0,
            decided: false,
            gone_past: 0,
            robbed: false,
        };
        if self.model.transactions.insert(row.id, known).is_some() {
            self.accuse("versions", format!("{} was inserted twice", row.id));
        }
    }

    fn save_transaction(&mut self, row: &TransactionRow) {
        self.saved.push(row.id);
        let Some(known) = self.model.transactions.get_mut(&row.id) else {
            return self.accuse("versions", format!("{} was never inserted", row.id));
        };
        let before = std::mem::replace(&mut known.row, row.clone());
        if row.version != before.version + 1 {
            let detail = format!(
                "{} went from version {} to {}",
                row.id, before.version, row.version
            );
            self.accuse("versions", detail);
        }
        self.hold(&before, -1);
        self.hold(row, 1);
        self.judge_step(&before, row);
    }

    /// Whether the row holds money of its wallet.
    fn hold(&mut self, row: &TransactionRow, sign: i64) {
        let outgoing = matches!(row.kind, Kind::Payout | Kind::Refund);
        if outgoing && row.status == Status::Pending && row.stage != "scheduled" {
            let wallet = self.model.wallets.entry(row.wallet_id).or_default();
            wallet.open_holds += sign * (row.amount.cents() + row.fee.cents());
            self.wallets.insert(row.wallet_id);
        }
    }

    fn judge_step(&mut self, before: &TransactionRow, after: &TransactionRow) {
        let facts: Value = serde_json::from_str(&after.facts).unwrap_or_default();
        let corrected = facts["corrected"] == Value::Bool(true);
        if before.stage != after.stage && after.stage == "in_review" {
            self.model.counts.reviews += 1;
        }
        let legal = match (before.status, after.status) {
            (Status::Pending, _) | (Status::Success, Status::Success) => true,
            (Status::Failed, Status::Failed) => {
                before.stage == after.stage || before.kind == Kind::Charge
            }
            // A PIX that arrives after all is credited, and says so.
            (Status::Failed, Status::Success) if after.kind == Kind::Charge => {
                facts["paid_late"] == Value::Bool(true)
            }
            (Status::Failed, Status::Success) | (Status::Success, Status::Failed) => {
                self.model.counts.corrections += 1;
                corrected
            }
            (Status::Success | Status::Failed, Status::Pending) => false,
        };
        if !legal {
            let detail = format!("{} went from {} to {}", after.id, before.stage, after.stage);
            self.accuse("terminal_stages", detail);
        }
        let outgoing = matches!(after.kind, Kind::Payout | Kind::Refund);
        if outgoing && before.status != after.status {
            self.judge_end(after, &facts);
        }
        if after.kind == Kind::Charge && before.stage != after.stage && after.stage == "expired" {
            self.judge_expiry(after, &facts);
        }
    }

    /// Money is given back only when no gateway holds an order for it, and called paid only when a
    /// gateway has paid.
    fn judge_end(&mut self, row: &TransactionRow, facts: &Value) {
        let by_people = !facts["decided"].is_null();
        let Some(known) = self.model.transactions.get_mut(&row.id) else {
            return;
        };
        known.decided |= by_people;
        let (decided, attempts) = (known.decided, known.attempts.clone());
        let inside = attempts.is_empty();
        match row.status {
            Status::Pending => {}
            Status::Failed if decided => {}
            Status::Failed => {
                for id in attempts {
                    if let Some(why) = self.still_lives(id) {
                        self.accuse("released_live_money", format!("{}: {why}", row.id));
                    }
                }
            }
            Status::Success if inside || decided => {}
            Status::Success => {
                let paid = attempts
                    .iter()
                    .any(|id| self.order_of(*id) == Some(Order::Executed));
                if !paid && facts["decided"].is_null() {
                    self.accuse("settled_unpaid", format!("{} was never executed", row.id));
                }
            }
        }
    }

    /// An expiry follows a look at the gateway that was made after it.
    fn judge_expiry(&mut self, row: &TransactionRow, facts: &Value) {
        let number = facts["attempt"].as_u64();
        let Some(known) = self.model.transactions.get(&row.id) else {
            return;
        };
        let shown = known
            .attempts
            .iter()
            .filter_map(|id| self.model.attempts.get(id))
            .find(|attempt| Some(u64::from(attempt.number)) == number);
        let Some((gateway, key)) = shown.map(|attempt| (attempt.gateway, attempt.key.clone()))
        else {
            return;
        };
        // A clock that jumps back between two glances lets a look be earlier than it seemed.
        let tolerance = if self.clock_moved {
            LONGEST_JUMP
        } else {
            Span::ZERO
        };
        if let Some(code) = self.bank.code(gateway, &key)
            && code
                .looked_at
                .is_none_or(|looked| looked.plus(tolerance) < code.expires_at)
        {
            let detail = format!("{} expired without a look after its time", row.id);
            self.accuse("expiry_is_looked_up", detail);
        }
    }

    fn order_of(&self, id: AttemptId) -> Option<Order> {
        let attempt = self.model.attempts.get(&id)?;
        self.bank.order(attempt.gateway, &attempt.key, self.now)
    }

    /// Why an attempt may still pay, or has paid.
    fn still_lives(&self, id: AttemptId) -> Option<String> {
        let attempt = self.model.attempts.get(&id)?;
        let (number, gateway) = (attempt.number, attempt.gateway);
        match self.bank.order(gateway, &attempt.key, self.now) {
            Some(Order::Executed) => Some(format!("attempt {number} was executed at {gateway}")),
            Some(Order::Accepted { .. }) => {
                Some(format!("attempt {number} will be executed at {gateway}"))
            }
            None if self.bank.holds_back(gateway, &attempt.key, self.now) => Some(format!(
                "a request of attempt {number} is on its way to {gateway}"
            )),
            Some(Order::Doomed { .. } | Order::Failed) | None => None,
        }
    }

    // ------------------------------------------------------------ attempts

    fn insert_attempt(&mut self, row: &AttemptRow) {
        let Some(known) = self.model.transactions.get_mut(&row.transaction_id) else {
            return self.accuse("attempts", format!("{} has no transaction", row.id));
        };
        let (kind, earlier) = (known.row.kind, known.attempts.clone());
        let gone_past = known.gone_past;
        known.attempts.push(row.id);
        let attempt = Attempt {
            transaction: row.transaction_id,
            number: row.number,
            gateway: row.gateway,
            key: row.attempt_key.clone(),
            live: row.live,
            evidence_version: row.evidence_version,
            lost: false,
            risky: false,
            sends: BTreeMap::new(),
        };
        self.model.attempts.insert(row.id, attempt);
        let slot = (row.gateway, row.attempt_key.clone());
        if self.model.by_key.insert(slot, row.id).is_some() {
            self.accuse("attempts", format!("key {} is used twice", row.attempt_key));
        }
        if kind != Kind::Charge {
            self.judge_licence(row, &earlier, gone_past);
        }
    }

    /// A further attempt needs a licence, and the licence must be true. Of the attempts that people
    /// went past, they have answered for themselves.
    fn judge_licence(&mut self, row: &AttemptRow, earlier: &[AttemptId], gone_past: usize) {
        let id = row.transaction_id;
        let alive = earlier
            .iter()
            .filter(|id| self.model.attempts.get(id).is_some_and(|known| known.live));
        if alive.count() > 0 {
            self.accuse("one_live_attempt", format!("{id} has two live attempts"));
        }
        if earlier.is_empty() {
            return;
        }
        let licence = row.licence.as_deref().unwrap_or_default();
        let licence: Value = serde_json::from_str(licence).unwrap_or_default();
        self.model.counts.licences += 1;
        match licence["kind"].as_str() {
            None => self.accuse("licence", format!("{id}: attempt {} has none", row.number)),
            Some("operator_decision") => {
                if let Some(known) = self.model.transactions.get_mut(&id) {
                    known.decided = true;
                }
            }
            Some(kind) => {
                let kind = kind.to_owned();
                let earlier = &earlier[gone_past..];
                let mut known = earlier.iter().filter_map(|id| self.model.attempts.get(id));
                if known.any(|attempt| attempt.risky) {
                    self.accuse("risk_is_final", format!("{id}: a risk refusal was evaded"));
                }
                for before in earlier {
                    if let Some(why) = self.still_lives(*before) {
                        self.accuse("licence", format!("{id}: {kind} is untrue, {why}"));
                    }
                }
            }
        }
        let refund = self.model.transactions.get(&id);
        if refund.is_some_and(|known| known.row.kind == Kind::Refund) {
            self.accuse("refund_elsewhere", format!("{id} was attempted again"));
        }
    }

    fn save_attempt(&mut self, row: &AttemptRow) {
        let Some(known) = self.model.attempts.get_mut(&row.id) else {
            return self.accuse("attempts", format!("{} was never inserted", row.id));
        };
        known.live = row.live;
        known.evidence_version = row.evidence_version;
        known.lost = row.reason.as_deref() == Some(EXECUTED_TWICE);
        let changed = known.key != row.attempt_key || known.gateway != row.gateway;
        if changed {
            self.accuse("attempts", format!("{} changed its key", row.id));
        }
    }

    fn insert_send(&mut self, row: &SendRow) {
        let Some(attempt) = self.model.attempts.get_mut(&row.attempt_id) else {
            return self.accuse("sends", format!("attempt {} is unknown", row.attempt_id));
        };
        let another = attempt.sends.values().any(|open| *open);
        attempt.sends.insert(row.number, true);
        let (owner, charge) = (attempt.transaction, !attempt.live);
        if another {
            self.accuse("sends", format!("{owner} has two open sends"));
        }
        if charge {
            return;
        }
        let mut tokens = self
            .model
            .jobs
            .values()
            .filter(|job| job.transaction == Some(owner))
            .map(|job| job.token);
        if !tokens.any(|token| token == row.lease_token) {
            let detail = format!(
                "{owner}: a send was opened under the lost lease {}",
                row.lease_token
            );
            self.accuse("lease", detail);
        }
    }

    // ------------------------------------------------------------ money in

    fn insert_pay_in(&mut self, row: &PayInRow) {
        let slot = (row.gateway, row.key.clone());
        if self.model.pay_ins.insert(slot, row.clone()).is_some() {
            self.accuse("credited_once", format!("{} was credited twice", row.key));
        }
        if row.key.starts_with(INSIDE_PREFIX) {
            return;
        }
        let Some(real) = self.bank.received(row.gateway, &row.key, self.now) else {
            let detail = format!("{} never arrived at {}", row.key, row.gateway);
            return self.accuse("credited_what_arrived", detail);
        };
        if real.amount != row.amount {
            let detail = format!("{}: {} instead of {}", row.key, row.amount, real.amount);
            self.accuse("credited_what_arrived", detail);
        }
        let named = real
            .code
            .and_then(|code| self.model.by_key.get(&(row.gateway, code)))
            .and_then(|id| self.model.attempts.get(id))
            .map(|attempt| attempt.transaction);
        if row.transaction_id.is_some() && row.transaction_id != named {
            self.accuse("credited_whose", format!("{} is another charge's", row.key));
        }
    }

    fn save_pay_in(&mut self, row: &PayInRow) {
        let slot = (row.gateway, row.key.clone());
        if self.model.pay_ins.insert(slot, row.clone()).is_none() {
            self.accuse("pay_ins", format!("{} was never inserted", row.key));
        }
        let given = row.refunded.cents();
        if given > row.amount.cents() {
            let detail = format!("{}: {given} of {} given back", row.key, row.amount.cents());
            self.accuse("refund_remainder", detail);
        }
        let Some(real) = self.bank.received(row.gateway, &row.key, self.now) else {
            return;
        };
        let back = real.reversals.iter().chain(&real.refunds);
        let taken: i64 = back.map(|(_, amount)| amount.cents()).sum();
        if row.reversed.cents() > taken {
            let detail = format!(
                "{}: {} booked, {taken} taken",
                row.key,
                row.reversed.cents()
            );
            self.accuse("reversed_what_was_taken", detail);
        }
    }

    // ------------------------------------------------------------ books

    fn journal(&mut self, row: &JournalRow) {
        let sum: i64 = row.entries.iter().map(|entry| entry.debit_cents).sum();
        if sum != 0 {
            self.accuse(
                "journals_balance",
                format!("{} ({}) sums to {sum}", row.id, row.kind),
            );
        }
        for entry in &row.entries {
            self.entry(entry, &row.kind);
        }
    }

    fn entry(&mut self, entry: &EntryRow, kind: &str) {
        let change = entry.account.natural(entry.debit_cents);
        let Some(id) = entry.account.wallet() else {
            *self.model.accounts.entry(entry.account).or_insert(0) += change;
            return;
        };
        self.wallets.insert(id);
        let wallet = self.model.wallets.entry(id).or_default();
        let fold = wallet.folds.entry(entry.account).or_insert(0);
        *fold += change;
        let after = *fold;
        wallet.seq += 1;
        let expected = wallet.seq;
        if entry.seq != Some(expected) || entry.balance_after != Some(after) {
            let told = (entry.seq, entry.balance_after);
            let detail = format!("{kind} on {id}: {told:?} instead of {expected}, {after}");
            self.accuse("statement", detail);
        }
        if after < 0 {
            let code = entry.account.code();
            self.accuse(
                "never_negative",
                format!("{kind}: {code} of {id} is {after}"),
            );
        }
    }

    // ------------------------------------------------------------ jobs and events

    fn insert_job(&mut self, row: &JobRow) {
        let job = Job {
            transaction: row.transaction_id,
            kind: row.kind.clone(),
            token: row.token,
        };
        self.model.jobs.insert(row.id, job);
        if let Some(id) = row.transaction_id
            && let Some(owner) = self.model.transactions.get_mut(&id)
        {
            owner.ready_jobs.insert(row.id);
            owner.robbed = false;
        }
    }

    fn end_job(&mut self, lease: Lease, buried: bool) {
        let Some(job) = self.model.jobs.remove(&lease.job_id) else {
            return;
        };
        let money = matches!(job.kind.as_str(), app::jobs::PAYOUT | app::jobs::REFUND);
        let Some(owner) = job.transaction else {
            return;
        };
        if let Some(known) = self.model.transactions.get_mut(&owner) {
            known.ready_jobs.remove(&lease.job_id);
            self.saved_job(owner);
        }
        if buried && money {
            self.accuse(
                "money_jobs_never_die",
                format!("the job of {owner} was buried"),
            );
        }
    }

    /// A transaction whose job ended in this commit is looked at like one that was saved.
    fn saved_job(&mut self, owner: TransactionId) {
        if !self.saved.contains(&owner) {
            self.saved.push(owner);
        }
    }

    fn event(&mut self, row: &EventRow) {
        self.model.events.insert(row.id);
        let (Some(id), Some(version)) = (row.transaction_id, row.transaction_version) else {
            return;
        };
        let Some(known) = self.model.transactions.get_mut(&id) else {
            return self.accuse("events", format!("an event of {id}, which does not exist"));
        };
        let expected = known.told + 1;
        known.told = version;
        if version != expected {
            let detail = format!("{id}: event of version {version} after {}", expected - 1);
            self.accuse("events", detail);
        }
    }

    // ------------------------------------------------------------ after the last write

    pub(super) fn conclude(&mut self) {
        for id in std::mem::take(&mut self.wallets) {
            self.conclude_wallet(id);
        }
        for id in std::mem::take(&mut self.saved) {
            self.conclude_transaction(id);
        }
    }

    fn conclude_wallet(&mut self, id: WalletId) {
        let Some(wallet) = self.model.wallets.get(&id) else {
            return;
        };
        let Some(row) = &wallet.row else {
            return self.accuse("wallets", format!("{id} has entries and no row"));
        };
        let fold = |account| wallet.folds.get(&account).copied().unwrap_or(0);
        let held = fold(Account::Wallet(id, Pocket::Held));
        let folded = [
            fold(Account::Wallet(id, Pocket::Available)),
            held,
            fold(Account::Wallet(id, Pocket::Blocked)),
            fold(Account::Receivable(id)),
        ];
        let stored = [row.available, row.held, row.blocked, row.receivable].map(|m| m.cents());
        let open = wallet.open_holds;
        if folded != stored {
            let detail = format!("{id}: stored {stored:?}, entries say {folded:?}");
            self.accuse("wallets", detail);
        }
        if held != open {
            let detail = format!("{id}: {held} held for open payments of {open}");
            self.accuse("held_for_open_payments", detail);
        }
    }

    fn conclude_transaction(&mut self, id: TransactionId) {
        let Some(known) = self.model.transactions.get(&id) else {
            return;
        };
        let (version, told) = (known.row.version, known.told);
        let waits = known.row.status == Status::Pending && known.row.stage != "in_review";
        let jobless = waits && known.ready_jobs.is_empty() && !known.robbed;
        let due = known.row.amount.cents();
        let paid = known.row.kind == Kind::Charge && known.row.stage == "paid";
        let stage = known.row.stage.clone();
        if paid {
            let pay_ins = self.model.pay_ins.values();
            let own = pay_ins.filter(|row| row.transaction_id == Some(id));
            let sum: i64 = own.map(|row| row.amount.cents()).sum();
            if sum < due {
                self.accuse(
                    "paid_is_paid",
                    format!("{id}: {sum} of {due} is called paid"),
                );
            }
        }
        if told != version {
            let detail = format!("{id}: version {version} was saved, events tell {told}");
            self.accuse("events", detail);
        }
        if jobless {
            self.accuse("pending_has_a_job", format!("{id} ({stage}) has none"));
        }
    }
}
