//! Lists, statements, and what the sweeper and the router ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use app::ports::store::*;
use domain::gateway::Gateway;
use domain::ids::*;
use domain::ledger::{Account, Pocket};
use domain::status::{Kind, Status};

use crate::build::*;
use crate::environment::Environment;

fn all(limit: u32) -> TransactionFilter {
    TransactionFilter {
        limit,
        ..TransactionFilter::default()
    }
}

async fn numbers(store: &dyn Store, filter: TransactionFilter) -> Vec<u64> {
    let rows = store.transactions(&filter).await.unwrap();
    rows.iter().map(|row| number(row.id.bytes())).collect()
}

fn number(id: &[u8; 16]) -> u64 {
    u64::from_be_bytes(id[8..].try_into().unwrap())
}

pub async fn transactions_by_every_filter(environment: Arc<Environment>) {
    let store = environment.port();
    let mut writes = Vec::new();
    for n in 1..=6u64 {
        // Odd ones are of wallet 1, even ones of wallet 2.
        let mut row = payout(n, 2 - n % 2);
        row.created_at = after(u32::try_from(n).unwrap());
        match n {
            2 => row.kind = Kind::Charge,
            3 => {
                row.status = Status::Success;
                row.stage = "settled".into();
                row.gateway = Some(Gateway::MercadoPago);
                row.end_to_end_id = Some("E3".into());
            }
            4 => row.reference = Some("shared".into()),
            5 => row.reference = Some("shared".into()),
            _ => {}
        }
        writes.push(Write::InsertTransaction(row));
    }
    writes.push(Write::InsertAttempt(AttemptRow {
        gateway_reference: Some("txid5".into()),
        ..attempt(50, 5, 1)
    }));
    put(store, writes).await;

    let one = wallet(1);
    let base = all(10);
    let cases: Vec<(&str, TransactionFilter, &[u64])> = vec![
        ("all", base.clone(), &[6, 5, 4, 3, 2, 1]),
        ("limit", all(2), &[6, 5]),
        (
            "before",
            TransactionFilter {
                before: Some(payout(3, 1).id),
                ..base.clone()
            },
            &[2, 1],
        ),
        (
            "user",
            TransactionFilter {
                user_id: Some(one.user_id),
                ..base.clone()
            },
            &[5, 3, 1],
        ),
        (
            "wallet",
            TransactionFilter {
                wallet_id: Some(one.id),
                ..base.clone()
            },
            &[5, 3, 1],
        ),
        (
            "someone else's wallet",
            TransactionFilter {
                wallet_id: Some(one.id),
                user_id: Some(wallet(2).user_id),
                ..base.clone()
            },
            &[],
        ),
        (
            "kind",
            TransactionFilter {
                kind: Some(Kind::Charge),
                ..base.clone()
            },
            &[2],
        ),
        (
            "status",
            TransactionFilter {
                status: Some(Status::Success),
                ..base.clone()
            },
            &[3],
        ),
        (
            "stage",
            TransactionFilter {
                stage: Some("queued".into()),
                ..all(2)
            },
            &[6, 5],
        ),
        (
            "gateway",
            TransactionFilter {
                gateway: Some(Gateway::MercadoPago),
                ..base.clone()
            },
            &[3],
        ),
        (
            "reference",
            TransactionFilter {
                reference: Some("shared".into()),
                ..base.clone()
            },
            &[5, 4],
        ),
        (
            "reference of a user",
            TransactionFilter {
                reference: Some("shared".into()),
                user_id: Some(one.user_id),
                ..base.clone()
            },
            &[5],
        ),
        (
            "end to end",
            TransactionFilter {
                end_to_end_id: Some("E3".into()),
                ..base.clone()
            },
            &[3],
        ),
        (
            "txid",
            TransactionFilter {
                txid: Some("txid5".into()),
                ..base.clone()
            },
            &[5],
        ),
        (
            "attempt key",
            TransactionFilter {
                txid: Some(attempt(50, 5, 1).attempt_key),
                ..base.clone()
            },
            &[5],
        ),
        (
            "someone else's txid",
            TransactionFilter {
                txid: Some("txid5".into()),
                user_id: Some(wallet(2).user_id),
                ..base.clone()
            },
            &[],
        ),
        (
            "from is inclusive",
            TransactionFilter {
                from: Some(after(5)),
                ..base.clone()
            },
            &[6, 5],
        ),
        (
            "to is not",
            TransactionFilter {
                to: Some(after(2)),
                ..base.clone()
            },
            &[1],
        ),
    ];
    for (name, filter, expected) in cases {
        assert_eq!(numbers(store, filter).await, expected, "{name}");
    }
}

pub async fn refunds_follow_their_charge(environment: Arc<Environment>) {
    let store = environment.port();
    let charge = payout(1, 1).id;
    let refund = |n| TransactionRow {
        kind: Kind::Refund,
        parent: Some(charge),
        ..payout(n, 1)
    };
    let other = TransactionRow {
        parent: Some(charge),
        ..payout(4, 1)
    };
    put(
        store,
        vec![
            Write::InsertTransaction(refund(3)),
            Write::InsertTransaction(refund(2)),
            Write::InsertTransaction(other),
        ],
    )
    .await;
    let refunds = store.refunds_of(charge).await.unwrap();
    assert_eq!(refunds, vec![refund(2), refund(3)]);
}

pub async fn statements_follow_the_numbers(environment: Arc<Environment>) {
    let store = environment.port();
    let mut wallet = wallet(1);
    put(store, vec![Write::InsertWallet(wallet.clone())]).await;
    for n in 1..=4u64 {
        let at = after(u32::try_from(n).unwrap() * 10);
        let journal = match n {
            4 => hold(n, &mut wallet, 250, at),
            _ => deposit(n, &mut wallet, 100, at),
        };
        let writes = vec![
            Write::SaveWallet(wallet.clone()),
            Write::InsertJournal(journal),
        ];
        must(commit_one(store, locking(lock_wallet(wallet.id), writes)).await);
    }
    let filter = StatementFilter {
        wallet_id: wallet.id,
        from: None,
        to: None,
        before_seq: None,
        limit: 10,
    };
    let lines = store.statement(&filter).await.unwrap();
    let short = |lines: &[StatementLine]| -> Vec<(u64, i64, i64)> {
        lines
            .iter()
            .map(|line| (line.seq, line.cents, line.balance_after))
            .collect()
    };
    assert_eq!(
        short(&lines),
        [
            (5, 250, 250),
            (4, -250, 50),
            (3, 100, 300),
            (2, 100, 200),
            (1, 100, 100)
        ]
    );
    assert_eq!(
        lines[0],
        StatementLine {
            seq: 5,
            at: after(40),
            journal_id: JournalId::from_bytes(bytes(4)),
            journal_kind: "payout_hold".into(),
            transaction_id: Some(TransactionId::from_bytes(bytes(4))),
            account: Account::Wallet(wallet.id, Pocket::Held),
            cents: 250,
            balance_after: 250,
        }
    );
    let page = StatementFilter {
        before_seq: Some(4),
        limit: 2,
        ..filter.clone()
    };
    assert_eq!(
        short(&store.statement(&page).await.unwrap()),
        [(3, 100, 300), (2, 100, 200)]
    );
    let window = StatementFilter {
        from: Some(after(20)),
        to: Some(after(40)),
        ..filter.clone()
    };
    assert_eq!(
        short(&store.statement(&window).await.unwrap()),
        [(3, 100, 300), (2, 100, 200)]
    );
    let before_all = StatementFilter {
        to: Some(after(10)),
        ..filter.clone()
    };
    assert_eq!(store.statement(&before_all).await.unwrap(), vec![]);
    let elsewhere = StatementFilter {
        wallet_id: WalletId::from_bytes(bytes(2)),
        ..filter
    };
    assert_eq!(store.statement(&elsewhere).await.unwrap(), vec![]);

    let moments = [
        (9, (0, 0, 0)),
        (10, (100, 0, 0)),
        (39, (300, 0, 0)),
        (40, (50, 250, 0)),
        (99, (50, 250, 0)),
    ];
    for (seconds, balances) in moments {
        let found = store.balance_at(wallet.id, after(seconds)).await.unwrap();
        assert_eq!(found, balances, "{seconds}");
    }
    let held = Account::Wallet(wallet.id, Pocket::Held);
    assert_eq!(store.account_balance(held).await.unwrap(), 250);
}

pub async fn the_sweeper_finds_what_is_left_behind(environment: Arc<Environment>) {
    let store = environment.port();
    let at = |n: u64, stage: &str, deadline| TransactionRow {
        stage: stage.into(),
        stage_deadline: deadline,
        created_at: after(u32::try_from(n).unwrap()),
        ..payout(n, 1)
    };
    let ended = TransactionRow {
        status: Status::Failed,
        ..at(4, "rejected", None)
    };
    let done_job = JobRow {
        state: JobState::Done,
        visible_at: None,
        ..job(2, START)
    };
    put(
        store,
        vec![
            Write::InsertTransaction(at(1, "queued", Some(after(100)))),
            Write::InsertTransaction(at(2, "sending", Some(after(50)))),
            Write::InsertTransaction(at(3, "in_review", None)),
            Write::InsertTransaction(ended),
            Write::InsertTransaction(at(5, "queued", Some(after(500)))),
            Write::InsertJob(job(1, after(1_000))),
            Write::InsertJob(done_job),
        ],
    )
    .await;
    let ids = |rows: Vec<TransactionRow>| -> Vec<u64> {
        rows.iter().map(|row| number(row.id.bytes())).collect()
    };
    assert_eq!(ids(store.overdue(after(100), 10).await.unwrap()), [2, 1]);
    assert_eq!(ids(store.overdue(after(100), 1).await.unwrap()), [2]);
    assert_eq!(ids(store.jobless(after(100), 10).await.unwrap()), [2, 5]);
    assert_eq!(ids(store.jobless(after(5), 10).await.unwrap()), [2]);
}

pub async fn doubt_is_summed_per_gateway(environment: Arc<Environment>) {
    let store = environment.port();
    let row = |n: u64, stage: &str| TransactionRow {
        stage: stage.into(),
        ..payout(n, 1)
    };
    let efi = |n: u64| Write::InsertAttempt(attempt(n, n, 1));
    let mercado_pago = AttemptRow {
        gateway: Gateway::MercadoPago,
        ..attempt(3, 3, 1)
    };
    let refund = TransactionRow {
        kind: Kind::Refund,
        ..row(4, "in_doubt")
    };
    let proven = AttemptRow {
        live: false,
        outcome: "not_done".into(),
        ..attempt(5, 5, 1)
    };
    put(
        store,
        vec![
            Write::InsertTransaction(row(1, "in_doubt")),
            efi(1),
            Write::InsertTransaction(row(2, "sending")),
            efi(2),
            Write::InsertSend(send(2, 1)),
            Write::InsertSend(send(2, 2)),
            Write::InsertTransaction(row(3, "accepted")),
            Write::InsertAttempt(mercado_pago),
            Write::InsertSend(closed(send(3, 1), "accepted")),
            Write::InsertTransaction(refund),
            efi(4),
            Write::InsertTransaction(row(5, "in_doubt")),
            Write::InsertAttempt(proven),
        ],
    )
    .await;
    let sums = store.in_doubt_cents().await.unwrap();
    assert_eq!(
        sums,
        BTreeMap::from([(Gateway::Efi, 2_000)]),
        "two open sends count once"
    );
}
