//! `check` is told what is broken, and nothing where all is well.

use std::sync::Arc;

use app::ports::store::*;
use domain::gateway::Gateway;
use domain::ledger::{Account, Pocket};
use domain::status::{Kind, Status};

use crate::build::*;
use crate::environment::Environment;

async fn rules(store: &dyn Store) -> Vec<&'static str> {
    let broken = store.broken_rows(100).await.unwrap();
    broken.iter().map(|row| row.rule).collect()
}

/// A settled payout, as it should be.
fn settled(n: u64) -> Vec<Write> {
    let row = TransactionRow {
        status: Status::Success,
        stage: "settled".into(),
        gateway: Some(Gateway::Efi),
        stage_deadline: None,
        ..payout(n, n)
    };
    let done = AttemptRow {
        outcome: "done".into(),
        ..attempt(n, n, 1)
    };
    vec![
        Write::InsertTransaction(row),
        Write::InsertAttempt(done),
        Write::InsertSend(closed(send(n, 1), "settled")),
        Write::InsertJournal(fee_journal(n, 5)),
        Write::InsertEvent(event(n, Some((n, 1)))),
    ]
}

pub async fn a_sound_database_has_no_broken_rows(environment: Arc<Environment>) {
    let store = environment.port();
    put(store, settled(1)).await;
    let journal = JournalRow {
        kind: "pay_in".into(),
        ..fee_journal(2, 5)
    };
    put(
        store,
        vec![
            Write::InsertTransaction(TransactionRow {
                kind: Kind::Charge,
                ..payout(2, 2)
            }),
            Write::InsertEvent(event(2, Some((2, 1)))),
            Write::InsertPayIn(pay_in(2, Some(2))),
            Write::InsertJournal(journal),
            Write::InsertPayIn(pay_in(3, None)),
        ],
    )
    .await;
    assert_eq!(store.broken_rows(100).await.unwrap(), vec![]);
    store.sequence(100).await.unwrap();
    assert_eq!(store.broken_rows(100).await.unwrap(), vec![]);
    let totals = store.totals().await.unwrap();
    assert_eq!(
        (
            totals.transactions,
            totals.journals,
            totals.entries,
            totals.sends
        ),
        (2, 2, 4, 1)
    );
}

pub async fn each_broken_rule_is_named_with_its_row(environment: Arc<Environment>) {
    let store = environment.port();
    let mut expected: Vec<&str> = Vec::new();
    let mut found = async |rule: &'static str, writes: Vec<Write>| {
        put(store, writes).await;
        expected.push(rule);
        expected.sort_unstable();
        let mut now = rules(store).await;
        now.sort_unstable();
        assert_eq!(now, expected, "after {rule}");
    };
    let not_live = |n, transaction, number| AttemptRow {
        live: false,
        ..attempt(n, transaction, number)
    };

    // A payout whose second attempt has no licence.
    found(
        "attempts.licence",
        vec![
            Write::InsertTransaction(payout(1, 1)),
            Write::InsertEvent(event(1, Some((1, 1)))),
            Write::InsertAttempt(not_live(10, 1, 1)),
            Write::InsertAttempt(attempt(11, 1, 2)),
        ],
    )
    .await;
    // A payout paid by two attempts.
    let mut writes = settled(2);
    writes.push(Write::InsertAttempt(AttemptRow {
        outcome: "done".into(),
        licence: Some("{}".into()),
        ..not_live(20, 2, 2)
    }));
    found("attempts.done_once", writes).await;
    // A payout that succeeded with nobody having paid.
    let mut writes = settled(3);
    writes.retain(|write| !matches!(write, Write::InsertAttempt(_) | Write::InsertSend(_)));
    found("transactions.settled_attempt", writes).await;
    // Success that moved no money.
    let mut writes = settled(4);
    writes.retain(|write| !matches!(write, Write::InsertJournal(_)));
    found("transactions.journal", writes).await;
    // Money given back while a send was still open.
    let given_back = TransactionRow {
        status: Status::Failed,
        stage: "rejected".into(),
        ..payout(5, 5)
    };
    found(
        "sends.closed",
        vec![
            Write::InsertTransaction(given_back),
            Write::InsertEvent(event(5, Some((5, 1)))),
            Write::InsertAttempt(attempt(5, 5, 1)),
            Write::InsertSend(send(5, 1)),
        ],
    )
    .await;
    // Versions 1 and 3.
    let gap = TransactionRow {
        version: 3,
        ..payout(6, 6)
    };
    let events = [event(6, Some((6, 1))), event(60, Some((6, 3)))];
    let mut writes = vec![Write::InsertTransaction(gap)];
    writes.extend(events.map(Write::InsertEvent));
    found("events.gapless", writes).await;
    // A version whose event is missing.
    found(
        "events.gapless",
        vec![Write::InsertTransaction(payout(61, 6))],
    )
    .await;
    // A pay-in that was never credited, and a credit without a pay-in.
    found(
        "pay_ins.credited_once",
        vec![Write::InsertPayIn(pay_in(7, Some(7)))],
    )
    .await;
    let credit = JournalRow {
        kind: "pay_in".into(),
        ..fee_journal(8, 5)
    };
    found("pay_ins.credited_once", vec![Write::InsertJournal(credit)]).await;
    // Failed for its user, paid by the gateway.
    let failed = TransactionRow {
        status: Status::Failed,
        stage: "rejected".into(),
        ..payout(9, 9)
    };
    let done = AttemptRow {
        outcome: "done".into(),
        ..attempt(9, 9, 1)
    };
    found(
        "transactions.failed_but_done",
        vec![
            Write::InsertTransaction(failed),
            Write::InsertEvent(event(9, Some((9, 1)))),
            Write::InsertAttempt(done),
        ],
    )
    .await;
    found("sends.attempt", vec![Write::InsertSend(send(404, 1))]).await;
    found(
        "journals.entries",
        vec![Write::InsertJournal(journal(404, "empty", START, vec![]))],
    )
    .await;

    let rows = store.broken_rows(100).await.unwrap();
    let gap = rows
        .iter()
        .find(|row| row.rule == "events.gapless")
        .unwrap();
    assert!(gap.row.contains(&hex(6)), "{gap:?}");
    assert_eq!(store.broken_rows(2).await.unwrap().len(), 2);
}

fn hex(n: u64) -> String {
    bytes(n).iter().map(|byte| format!("{byte:02x}")).collect()
}

pub async fn unbalanced_journals_are_told(environment: Arc<Environment>) {
    let store = environment.port();
    let mut journal = fee_journal(1, 5);
    journal.entries[0].debit_cents = 7;
    put(
        store,
        vec![
            Write::InsertJournal(journal.clone()),
            Write::InsertJournal(fee_journal(2, 5)),
        ],
    )
    .await;
    let found = store.unbalanced_journals(10).await.unwrap();
    assert_eq!(found, vec![(journal.id, 2)]);
}

pub async fn folds_tell_where_a_wallet_goes_wrong(environment: Arc<Environment>) {
    let store = environment.port();
    for n in 1..=3u64 {
        let mut row = wallet(n);
        put(store, vec![Write::InsertWallet(row.clone())]).await;
        let first = deposit(n * 10, &mut row, 2_000, START);
        let mut second = hold(n * 10 + 1, &mut row, 1_009, after(1));
        match n {
            // The balance after entry 2 is not the running fold.
            2 => second.entries[0].balance_after = Some(1),
            // Number 2 is missing.
            3 => {
                row.seq = 4;
                second.entries[0].seq = Some(3);
                second.entries[1].seq = Some(4);
            }
            _ => {}
        }
        let writes = vec![
            Write::SaveWallet(row.clone()),
            Write::InsertJournal(first),
            Write::InsertJournal(second),
            Write::InsertTransaction(payout(n, n)),
        ];
        must(commit_one(store, locking(lock_wallet(row.id), writes)).await);
    }
    let folds = store.wallet_folds(None, 10).await.unwrap();
    let bad: Vec<Option<u64>> = folds.iter().map(|fold| fold.first_bad_seq).collect();
    assert_eq!(bad, [None, Some(2), Some(3)]);
    let sound = &folds[0];
    assert_eq!(
        (
            sound.available,
            sound.held,
            sound.open_holds,
            sound.last_seq
        ),
        (991, 1_009, 1_009, 3)
    );
    assert_eq!((sound.blocked, sound.receivable), (0, 0));
    assert_eq!(sound.row.available.cents(), 991);
    let rest = store.wallet_folds(Some(sound.row.id), 1).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].row.id, wallet(2).id);

    // A balance that its entries do not explain.
    let mut tampered = sound.row.clone();
    tampered.available = cents(5_000);
    let writes = vec![Write::SaveWallet(tampered)];
    must(commit_one(store, locking(lock_wallet(wallet(1).id), writes)).await);
    let fold = store.wallet_folds(None, 1).await.unwrap().remove(0);
    assert_ne!(fold.row.available.cents(), fold.available);
    let held = Account::Wallet(wallet(1).id, Pocket::Held);
    assert_eq!(store.account_balance(held).await.unwrap(), 1_009);
}
