//! The store as one process sees it in a run: with points around every call, trouble when the plan
//! says so, and an auditor who reads every commit.
//!
//! Trouble comes in the two shapes that a database has: a call fails and nothing happened, or a
//! commit happened and its answer was lost on the way back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use app::ports::store::*;
use async_trait::async_trait;
use domain::gateway::Gateway;
use domain::ids::*;
use domain::ledger::Account;
use domain::money::Money;
use domain::time::{Moment, Span};

use crate::audit::Auditor;
use crate::points::Points;
use crate::runtime::{Process, VirtualRuntime};
use crate::trace::Trace;

/// What is wrong with the database, shared by all processes.
#[derive(Default)]
pub struct Trouble {
    /// No call succeeds from the first to the second moment of time passed.
    pub away: Vec<(Moment, Moment)>,
    /// From when on, and how many more commits: the answer of the last is lost.
    unanswered: Mutex<Vec<(Moment, u64)>>,
    /// After how many more sends of an operation its worker stands still, and for how long.
    stalls: Mutex<Vec<(u32, u64, Span)>>,
}

impl Trouble {
    fn is_away(&self, now: Moment) -> bool {
        self.away.iter().any(|(from, to)| *from <= now && now < *to)
    }

    /// The answer of the n-th commit from then on is lost.
    pub fn loses_answer(&self, from: Moment, nth: u64) {
        self.lock().push((from, nth));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Moment, u64)>> {
        self.unanswered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker that has committed the n-th send of an operation stands still.
    pub fn stalls(&self, of: u32, nth: u64, span: Span) {
        let mut stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
        stalls.push((of, nth, span));
    }

    /// Counts a send of the operation.
    fn stall(&self, operation: u32) -> Option<Span> {
        let mut stalls = self.stalls.lock().unwrap_or_else(PoisonError::into_inner);
        let own = stalls
            .iter_mut()
            .filter(|(of, left, _)| *of == operation && *left > 0);
        let mut now = None;
        for (_, left, span) in own {
            *left -= 1;
            if *left == 0 {
                now = Some(*span);
            }
        }
        now
    }

    /// Counts a commit.
    fn answer_is_lost(&self, now: Moment) -> bool {
        let mut unanswered = self.lock();
        for (_, left) in unanswered.iter_mut().filter(|(from, _)| *from <= now) {
            *left -= 1;
        }
        let before = unanswered.len();
        unanswered.retain(|(_, left)| *left > 0);
        unanswered.len() < before
    }
}

/// One process's view of the store.
pub struct WatchedStore {
    pub inner: Arc<dyn Store>,
    pub process: Process,
    pub runtime: VirtualRuntime,
    pub points: Arc<Points>,
    pub trouble: Arc<Trouble>,
    pub auditor: Arc<Auditor>,
    pub trace: Arc<Trace>,
}

fn away() -> StoreError {
    StoreError::Unavailable("the plan keeps it away".to_owned())
}

impl WatchedStore {
    /// Those who furnish a run and look at its end: no mishap is theirs.
    fn is_outside(&self) -> bool {
        self.process == Process::OUTSIDE
    }

    async fn leave(&self) {
        if !self.is_outside() {
            self.points.pass(self.process).await;
        }
    }

    async fn enter(&self) -> Result<(), StoreError> {
        if self.is_outside() {
            return Ok(());
        }
        self.points.pass(self.process).await;
        if self.trouble.is_away(self.runtime.elapsed()) {
            return Err(away());
        }
        Ok(())
    }

    /// Commits one unit, and shows the auditor what it wrote.
    async fn commit_one(&self, unit: Unit) -> UnitResult {
        if let Err(error) = self.enter().await {
            return UnitResult::Failed(error);
        }
        let name = unit.name;
        let written: Arc<Mutex<Vec<Write>>> = Arc::default();
        let (kept, decide) = (written.clone(), unit.decide.clone());
        let watched = Unit {
            decide: Arc::new(move |locked| {
                let verdict = decide(locked);
                let writes = match &verdict {
                    Verdict::Commit { writes, .. } => writes.clone(),
                    Verdict::Refuse(_) => Vec::new(),
                };
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = writes;
                verdict
            }),
            ..unit
        };
        let result = self.inner.commit(vec![watched]).await.pop();
        let result = result.unwrap_or_else(|| UnitResult::Failed(away()));
        let (mut lost, mut stalled) = (false, None);
        if matches!(result, UnitResult::Committed(_)) {
            let writes =
                std::mem::take(&mut *written.lock().unwrap_or_else(PoisonError::into_inner));
            self.tell(name, &writes);
            self.auditor.committed(name, &writes);
            stalled = self.stall_after(&writes);
            lost = !self.is_outside() && self.trouble.answer_is_lost(self.runtime.elapsed());
        }
        self.leave().await;
        if let Some(span) = stalled {
            self.points.stand_still(self.process, span).await;
        }
        if lost {
            self.trace.tell(self.process, || {
                format!("{name}: the commit's answer is lost")
            });
            return UnitResult::Failed(away());
        }
        result
    }

    fn stall_after(&self, writes: &[Write]) -> Option<Span> {
        let mut sends = writes.iter().filter_map(|write| match write {
            Write::InsertSend(row) => Some(row.attempt_id),
            _ => None,
        });
        let operation = sends.next().map(|id| self.auditor.operation_of(id))?;
        self.trouble.stall(operation)
    }

    fn tell(&self, name: &str, writes: &[Write]) {
        self.trace.tell(self.process, || {
            let told: Vec<String> = writes
                .iter()
                .filter_map(|write| told(&self.trace, write))
                .collect();
            format!("commits {name}: {}", told.join(", "))
        });
    }
}

/// What a row says in a story; most rows say nothing.
fn told(trace: &Trace, write: &Write) -> Option<String> {
    match write {
        Write::InsertTransaction(row) => Some(format!(
            "{} is {} ({})",
            trace.name(row.id),
            row.stage,
            row.amount
        )),
        Write::SaveTransaction(row) => Some(format!("{} is {}", trace.name(row.id), row.stage)),
        Write::InsertAttempt(row) => {
            let name = format!("{}/{}", trace.name(row.transaction_id), row.number);
            trace.call(row.id, || name.clone());
            trace.call(&row.attempt_key, || name.clone());
            let licence = row.licence.as_deref().unwrap_or("none needed");
            Some(format!(
                "attempt {name} at {}, licence {licence}",
                row.gateway
            ))
        }
        Write::SaveAttempt(row) => Some(format!("{} is {}", trace.name(row.id), row.outcome)),
        Write::InsertSend(row) => Some(format!(
            "send {} of {}",
            row.number,
            trace.name(row.attempt_id)
        )),
        Write::CloseSend(row) => {
            let class = row.class.as_deref().unwrap_or("open");
            Some(format!(
                "send {} of {} was {class}",
                row.number,
                trace.name(row.attempt_id)
            ))
        }
        Write::InsertEvidence(row) => Some(format!(
            "{} of {}: {}",
            row.source,
            trace.name(row.attempt_id),
            row.class
        )),
        Write::InsertPayIn(row) => Some(format!("pay-in {} of {}", row.key, row.amount)),
        Write::SavePayIn(row) => Some(format!(
            "pay-in {}: {} refunded, {} reversed",
            row.key, row.refunded, row.reversed
        )),
        Write::InsertJournal(row) => Some(format!("journal {}", row.kind)),
        Write::InsertAlert(row) => Some(format!("alert {}", row.kind)),
        Write::InsertIncident(row) => Some(format!("incident {}", row.kind)),
        _ => None,
    }
}

macro_rules! reads {
    ($( $name:ident ( $( $arg:ident : $type:ty ),* ) -> $out:ty; )*) => {
        #[async_trait]
        impl Store for WatchedStore {
            async fn commit(&self, units: Vec<Unit>) -> Vec<UnitResult> {
                let mut results = Vec::with_capacity(units.len());
                for unit in units {
                    results.push(self.commit_one(unit).await);
                }
                results
            }

            async fn claim_jobs(
                &self,
                kinds: &[&str],
                now: Moment,
                lease: Span,
                limit: u32,
            ) -> Result<Vec<JobRow>, StoreError> {
                self.enter().await?;
                let claimed = self.inner.claim_jobs(kinds, now, lease, limit).await?;
                self.auditor.claimed(&claimed);
                self.leave().await;
                Ok(claimed)
            }

            $(
                async fn $name(&self, $( $arg : $type ),*) -> Result<$out, StoreError> {
                    self.enter().await?;
                    let read = self.inner.$name($( $arg ),*).await;
                    self.leave().await;
                    read
                }
            )*
        }
    };
}

reads! {
    clock() -> Option<Moment>;
    next_job_at() -> Option<Moment>;
    sequence(limit: u32) -> u64;
    user(id: UserId) -> Option<UserRow>;
    user_by_email(email: &str) -> Option<UserRow>;
    user_by_tax_id(tax_id: &str) -> Option<UserRow>;
    session_by_token_hash(hash: &[u8; 32]) -> Option<SessionRow>;
    api_key_by_secret_hash(hash: &[u8; 32]) -> Option<ApiKeyRow>;
    sessions_of(user: UserId) -> Vec<SessionRow>;
    api_keys_of(user: UserId) -> Vec<ApiKeyRow>;
    wallet(id: WalletId) -> Option<WalletRow>;
    wallets_of(user: UserId) -> Vec<WalletRow>;
    statement(filter: &StatementFilter) -> Vec<StatementLine>;
    spendable_lines(filter: &StatementFilter) -> Vec<ToldLine>;
    balance_at(wallet: WalletId, at: Moment) -> (i64, i64, i64);
    transaction(id: TransactionId) -> Option<TransactionRecord>;
    transaction_row(id: TransactionId) -> Option<TransactionRow>;
    transaction_by_idempotency(account: &str, key: &str) -> Option<TransactionRecord>;
    transactions(filter: &TransactionFilter) -> Vec<TransactionRow>;
    listed_transactions(filter: &TransactionFilter) -> Vec<ListedTransaction>;
    refunds_of(charge: TransactionId) -> Vec<TransactionRow>;
    attempt_by_reference(gateway: Gateway, reference: &str) -> Option<AttemptRow>;
    charge_by_br_code(hash: &[u8; 32]) -> Option<TransactionId>;
    pay_in(gateway: Gateway, key: &str) -> Option<PayInRow>;
    suspense(since: Moment, after: Option<PayInId>, limit: u32) -> Vec<PayInRow>;
    in_review(after: Option<TransactionId>, limit: u32) -> Vec<TransactionRecord>;
    proposals_of(transaction: TransactionId) -> Vec<ProposalRow>;
    attempts_to_watch(since: Moment, after: Option<AttemptId>, limit: u32) -> Vec<AttemptRow>;
    nameless_attempts(gateway: Gateway, limit: u32) -> Vec<AttemptRow>;
    decisions() -> BTreeMap<String, u64>;
    open_totals() -> BTreeMap<String, i64>;
    journals_of(transaction: TransactionId) -> Vec<JournalRow>;
    overdue(now: Moment, limit: u32) -> Vec<TransactionRow>;
    jobless(before: Moment, limit: u32) -> Vec<TransactionRow>;
    in_doubt_cents() -> BTreeMap<Gateway, i64>;
    jobs(state: Option<JobState>, limit: u32) -> Vec<JobRow>;
    queue_depth() -> QueueDepth;
    inbound(id: InboundId) -> Option<InboundRow>;
    events_after(position: u64, user: Option<UserId>, limit: u32) -> Vec<EventRow>;
    last_position() -> u64;
    alerts(limit: u32) -> Vec<AlertRow>;
    audit(limit: u32) -> Vec<AuditRow>;
    alerts_before(before: Option<AlertId>, limit: u32) -> Vec<AlertRow>;
    audit_trail(filter: &AuditFilter) -> Vec<AuditRow>;
    users(before: Option<UserId>, limit: u32) -> Vec<UserRow>;
    jobs_before(state: Option<JobState>, before: Option<JobId>, limit: u32) -> Vec<JobRow>;
    jobs_of(transaction: TransactionId) -> Vec<JobRow>;
    events_of(transaction: TransactionId) -> Vec<EventRow>;
    setting(name: &str) -> Option<String>;
    controls() -> Vec<ControlRow>;
    reconciliation(id: ReconciliationId) -> Option<ReconciliationRow>;
    float_move(id: FloatMoveId) -> Option<FloatMoveRow>;
    float_moves(before: Option<FloatMoveId>, limit: u32) -> Vec<FloatMoveRow>;
    float_moves_expected(to: Gateway, amount: Money, since: Moment, limit: u32) -> Vec<FloatMoveRow>;
    float_moves_in_transit(limit: u32) -> Vec<FloatMoveRow>;
    float_moves_lapsed(now: Moment, limit: u32) -> Vec<FloatMoveRow>;
    reconciliations_before(before: Option<ReconciliationId>, limit: u32) -> Vec<ReconciliationRow>;
    account_balance(account: Account) -> i64;
    unbalanced_journals(limit: u32) -> Vec<(JournalId, i64)>;
    wallet_folds(after: Option<WalletId>, limit: u32) -> Vec<WalletFold>;
    system_balances() -> BTreeMap<String, i64>;
    totals() -> Totals;
    broken_rows(limit: u32) -> Vec<BrokenRow>;
    done_attempts(after: Option<AttemptId>, limit: u32) -> Vec<AttemptRow>;
    ready() -> ();
}
