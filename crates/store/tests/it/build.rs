//! Rows and units made by hand, each from a small number.

use std::sync::Arc;

use app::ports::store::*;
use domain::gateway::Gateway;
use domain::ids::*;
use domain::ledger::{Account, Float, Pocket};
use domain::limits::{Limits, Spent, SpentWindow};
use domain::money::Money;
use domain::review::{ProposalState, ReviewOutcome};
use domain::status::{Kind, Status};
use domain::time::{Moment, Span};

pub const START: Moment = Moment::from_micros(1_780_000_000_000_000);

pub fn cents(cents: i64) -> Money {
    Money::from_cents(cents).unwrap()
}

pub fn bytes(n: u64) -> [u8; 16] {
    let mut bytes = [0x11; 16];
    bytes[8..].copy_from_slice(&n.to_be_bytes());
    bytes
}

pub fn after(seconds: u32) -> Moment {
    START.plus(Span::from_seconds(seconds))
}

pub fn user(n: u64) -> UserRow {
    UserRow {
        id: UserId::from_bytes(bytes(n)),
        name: format!("Ana {n} de Souza"),
        email: format!("ana{n}@example.com.br"),
        tax_id: Some(format!("{n:011}")),
        password_hash: "$argon2id$v=19$…".into(),
        role: UserRole::Customer,
        created_at: START,
        blocked_at: None,
    }
}

pub fn wallet(n: u64) -> WalletRow {
    WalletRow {
        id: WalletId::from_bytes(bytes(n)),
        user_id: UserId::from_bytes(bytes(n)),
        available: cents(0),
        held: cents(0),
        blocked: cents(0),
        receivable: cents(0),
        seq: 0,
        limits: Limits {
            per_transaction: cents(500_000),
            per_day: cents(1_000_000),
            per_night: cents(100_000),
        },
        spent: Spent {
            day: SpentWindow {
                window: 20_000,
                spent: cents(7),
            },
            night: SpentWindow {
                window: -3,
                spent: cents(5),
            },
        },
        created_at: START,
    }
}

/// A queued payout of 10 reais from wallet `wallet`.
pub fn payout(n: u64, wallet: u64) -> TransactionRow {
    TransactionRow {
        id: TransactionId::from_bytes(bytes(n)),
        wallet_id: WalletId::from_bytes(bytes(wallet)),
        user_id: UserId::from_bytes(bytes(wallet)),
        kind: Kind::Payout,
        status: Status::Pending,
        stage: "queued".into(),
        version: 1,
        amount: cents(1_000),
        fee: cents(9),
        gateway: None,
        idempotency: Some(Idempotency {
            account: UserId::from_bytes(bytes(wallet)).to_string(),
            key: format!("key {n}"),
            fingerprint: [7; 32],
        }),
        reference: Some(format!("order {n}")),
        end_to_end_id: None,
        parent: None,
        stage_deadline: Some(after(900)),
        created_at: START,
        updated_at: START,
        settled_at: None,
        facts: r#"{"form":"key"}"#.into(),
        private: format!(r#"{{"payee":"Bruno {n}"}}"#),
        payee_user_id: None,
    }
}

pub fn attempt(n: u64, transaction: u64, number: u32) -> AttemptRow {
    AttemptRow {
        id: AttemptId::from_bytes(bytes(n)),
        transaction_id: TransactionId::from_bytes(bytes(transaction)),
        number,
        gateway: Gateway::Efi,
        attempt_key: format!("{n:032x}"),
        request: b"{\"valor\":\"10.00\"}".to_vec(),
        live: true,
        outcome: "open".into(),
        reason: None,
        why: "the primary gateway".into(),
        licence: None,
        routing: "{}".into(),
        gateway_reference: None,
        evidence_version: 0,
        created_at: START,
        updated_at: START,
    }
}

pub fn send(attempt: u64, number: u32) -> SendRow {
    SendRow {
        attempt_id: AttemptId::from_bytes(bytes(attempt)),
        number,
        opened_at: START,
        closed_at: None,
        verdict: None,
        class: None,
        code: None,
        lease_token: 3,
    }
}

pub fn closed(mut send: SendRow, class: &str) -> SendRow {
    send.closed_at = Some(after(1));
    send.verdict = Some(r#"{"v":1}"#.into());
    send.class = Some(class.into());
    send.code = Some("201".into());
    send
}

pub fn evidence(n: u64, attempt: u64) -> EvidenceRow {
    EvidenceRow {
        id: EvidenceId::from_bytes(bytes(n)),
        attempt_id: AttemptId::from_bytes(bytes(attempt)),
        at: after(2),
        source: "lookup".into(),
        body: "{}".into(),
        class: "unknown".into(),
        seen: 1,
        last_at: after(2),
    }
}

/// An open proposal for the first attempt of a transaction.
pub fn proposal(n: u64, transaction: u64) -> ProposalRow {
    ProposalRow {
        id: ProposalId::from_bytes(bytes(n)),
        transaction_id: TransactionId::from_bytes(bytes(transaction)),
        attempt_number: 1,
        evidence_version: 4,
        outcome: ReviewOutcome::Retry,
        evidence: "the panel shows nothing for Bruno".into(),
        reason: "a day has passed".into(),
        proposed_by: UserId::from_bytes(bytes(90)),
        proposed_at: after(4),
        state: ProposalState::Open,
        decided_by: None,
        decided_at: None,
    }
}

pub fn pay_in(n: u64, transaction: Option<u64>) -> PayInRow {
    PayInRow {
        id: PayInId::from_bytes(bytes(n)),
        gateway: Gateway::Efi,
        key: format!("E{n:031}"),
        transaction_id: transaction.map(|n| TransactionId::from_bytes(bytes(n))),
        wallet_id: transaction.map(|n| WalletId::from_bytes(bytes(n))),
        amount: cents(2_500),
        fee: cents(25),
        reversed: cents(0),
        refunded: cents(0),
        disputed: cents(0),
        end_to_end_id: Some(format!("E{n:031}")),
        paid_at: START,
        created_at: START,
        version: 1,
        payer: r#"{"name":"Carla"}"#.into(),
    }
}

pub fn job(n: u64, visible_at: Moment) -> JobRow {
    JobRow {
        id: JobId::from_bytes(bytes(n)),
        kind: "payout.v1".into(),
        transaction_id: Some(TransactionId::from_bytes(bytes(n))),
        payload: "{}".into(),
        visible_at: Some(visible_at),
        state: JobState::Ready,
        tries: 0,
        token: 0,
        last_error: None,
        created_at: START,
    }
}

pub fn event(n: u64, transaction: Option<(u64, u64)>) -> EventRow {
    EventRow {
        id: EventId::from_bytes(bytes(n)),
        kind: "payout.created".into(),
        transaction_id: transaction.map(|(n, _)| TransactionId::from_bytes(bytes(n))),
        transaction_version: transaction.map(|(_, version)| version),
        wallet_id: transaction.map(|(n, _)| WalletId::from_bytes(bytes(n))),
        user_id: transaction.map(|(n, _)| UserId::from_bytes(bytes(n))),
        body: "{}".into(),
        occurred_at: START,
        position: None,
    }
}

/// Moves `amount` from the operator's capital into the wallet, on top of what it has.
pub fn deposit(n: u64, wallet: &mut WalletRow, amount: i64, at: Moment) -> JournalRow {
    wallet.available = cents(wallet.available.cents() + amount);
    wallet.seq += 1;
    let system = EntryRow {
        account: Account::Equity,
        debit_cents: amount,
        seq: None,
        balance_after: None,
    };
    let own = EntryRow {
        account: Account::Wallet(wallet.id, Pocket::Available),
        debit_cents: -amount,
        seq: Some(wallet.seq),
        balance_after: Some(wallet.available.cents()),
    };
    journal(n, "deposit", at, vec![system, own])
}

/// Moves `amount` from available to held.
pub fn hold(n: u64, wallet: &mut WalletRow, amount: i64, at: Moment) -> JournalRow {
    let mut entries = Vec::new();
    wallet.available = cents(wallet.available.cents() - amount);
    wallet.held = cents(wallet.held.cents() + amount);
    for (pocket, debit, balance) in [
        (Pocket::Available, amount, wallet.available),
        (Pocket::Held, -amount, wallet.held),
    ] {
        wallet.seq += 1;
        entries.push(EntryRow {
            account: Account::Wallet(wallet.id, pocket),
            debit_cents: debit,
            seq: Some(wallet.seq),
            balance_after: Some(balance.cents()),
        });
    }
    journal(n, "payout_hold", at, entries)
}

/// A movement between two system accounts.
pub fn fee_journal(n: u64, amount: i64) -> JournalRow {
    let entry = |account, debit_cents| EntryRow {
        account,
        debit_cents,
        seq: None,
        balance_after: None,
    };
    let float = Account::GatewayFloat(Gateway::Efi, Float::Available);
    journal(
        n,
        "fee",
        START,
        vec![
            entry(Account::GatewayFees(Gateway::Efi), amount),
            entry(float, -amount),
        ],
    )
}

pub fn journal(n: u64, kind: &str, at: Moment, entries: Vec<EntryRow>) -> JournalRow {
    JournalRow {
        id: JournalId::from_bytes(bytes(n)),
        transaction_id: Some(TransactionId::from_bytes(bytes(n))),
        kind: kind.into(),
        created_at: at,
        entries,
    }
}

// ---------------------------------------------------------------- units

pub fn unit<F>(locks: Locks, decide: F) -> Unit
where
    F: Fn(&Locked) -> Verdict + Send + Sync + 'static,
{
    Unit {
        name: "test",
        locks,
        decide: Arc::new(decide),
    }
}

/// A unit that locks nothing and writes these rows.
pub fn plain(writes: Vec<Write>) -> Unit {
    locking(Locks::default(), writes)
}

pub fn locking(locks: Locks, writes: Vec<Write>) -> Unit {
    unit(locks, move |_| Verdict::Commit {
        writes: writes.clone(),
        answer: Box::new(()),
    })
}

pub fn lock_wallet(id: WalletId) -> Locks {
    Locks {
        wallets: vec![id],
        ..Locks::default()
    }
}

pub async fn commit_one(store: &dyn Store, unit: Unit) -> UnitResult {
    let mut results = store.commit(vec![unit]).await;
    assert_eq!(results.len(), 1);
    results.pop().unwrap()
}

/// Commits the writes, which must succeed.
pub async fn put(store: &dyn Store, writes: Vec<Write>) {
    must(commit_one(store, plain(writes)).await);
}

pub fn must(result: UnitResult) {
    match result {
        UnitResult::Committed(_) => {}
        UnitResult::Refused(_) => panic!("refused"),
        UnitResult::Failed(error) => panic!("{error}"),
    }
}

pub fn error_of(result: UnitResult) -> StoreError {
    match result {
        UnitResult::Failed(error) => error,
        UnitResult::Committed(_) => panic!("committed"),
        UnitResult::Refused(_) => panic!("refused"),
    }
}

/// The error of a unit that locks nothing and writes these rows.
pub async fn refusal(store: &dyn Store, writes: Vec<Write>) -> StoreError {
    error_of(commit_one(store, plain(writes)).await)
}

/// Reads what a unit would see under these locks.
pub async fn see(store: &dyn Store, locks: Locks) -> Locked {
    let result = commit_one(
        store,
        unit(locks, |locked| Verdict::Refuse(Box::new(locked.clone()))),
    )
    .await;
    match result {
        UnitResult::Refused(answer) => *answer.downcast::<Locked>().unwrap(),
        UnitResult::Committed(_) => panic!("committed"),
        UnitResult::Failed(error) => panic!("{error}"),
    }
}
