//! Many callers at once, callers that go away, and the order given to what they commit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use app::ports::store::*;
use domain::gateway::Gateway;
use domain::ids::*;
use domain::ledger::{Account, Float};
use testkit::wait_until;

use crate::build::*;
use crate::environment::Environment;

const LIMIT: Duration = Duration::from_secs(60);

/// Moves one centavo from wallet `from` to wallet `to`, with a journal numbered `n`.
fn transfer(n: u64, from: u64, to: u64) -> Unit {
    let (from, to) = (wallet(from).id, wallet(to).id);
    let locks = Locks {
        // Not in order on purpose: the store sorts.
        wallets: vec![to, from],
        ..Locks::default()
    };
    unit(locks, move |locked| {
        let mut payer = locked.wallets[&from].clone();
        let mut payee = locked.wallets[&to].clone();
        if payer.available.is_zero() {
            return Verdict::Refuse(Box::new("empty"));
        }
        let entry = |wallet: &mut WalletRow, cents_in: i64| {
            wallet.available = cents(wallet.available.cents() + cents_in);
            wallet.seq += 1;
            EntryRow {
                account: Account::Wallet(wallet.id, domain::ledger::Pocket::Available),
                debit_cents: -cents_in,
                seq: Some(wallet.seq),
                balance_after: Some(wallet.available.cents()),
            }
        };
        let entries = vec![entry(&mut payer, -1), entry(&mut payee, 1)];
        Verdict::Commit {
            writes: vec![
                Write::SaveWallet(payer),
                Write::SaveWallet(payee),
                Write::InsertJournal(journal(n, "transfer", START, entries)),
            ],
            answer: Box::new(()),
        }
    })
}

async fn fund(store: &dyn Store, wallets: u64, amount: i64) {
    for n in 1..=wallets {
        let mut row = wallet(n);
        put(store, vec![Write::InsertWallet(row.clone())]).await;
        let journal = deposit(1_000_000 + n, &mut row, amount, START);
        let writes = vec![
            Write::SaveWallet(row.clone()),
            Write::InsertJournal(journal),
        ];
        must(commit_one(store, locking(lock_wallet(row.id), writes)).await);
    }
}

/// The wallets agree with their entries and hold `total` together.
async fn sound(store: &dyn Store, total: i64) {
    let folds = store.wallet_folds(None, 100).await.unwrap();
    let mut sum = 0;
    for fold in &folds {
        assert_eq!(fold.first_bad_seq, None);
        assert_eq!(fold.row.available.cents(), fold.available);
        assert_eq!(fold.row.seq, fold.last_seq);
        sum += fold.available;
    }
    assert_eq!(sum, total);
    assert_eq!(store.unbalanced_journals(10).await.unwrap(), vec![]);
}

pub async fn a_hot_wallet_conserves_money(environment: Arc<Environment>) {
    fund(environment.port(), 3, 100).await;
    let mut tasks = Vec::new();
    for task in 0..12u64 {
        let environment = Arc::clone(&environment);
        tasks.push(tokio::spawn(async move {
            let mut committed = 0u64;
            for step in 0..15u64 {
                let n = task * 1_000 + step;
                // Wallet 1 is hot: it pays or receives every time.
                let other = 2 + n % 2;
                let (from, to) = if task % 2 == 0 {
                    (1, other)
                } else {
                    (other, 1)
                };
                match commit_one(environment.port(), transfer(n, from, to)).await {
                    UnitResult::Committed(_) => committed += 1,
                    UnitResult::Refused(_) => {}
                    UnitResult::Failed(error) => panic!("{error}"),
                }
            }
            committed
        }));
    }
    let mut committed = 0;
    for task in tasks {
        committed += task.await.unwrap();
    }
    let store = environment.port();
    sound(store, 300).await;
    assert_eq!(store.totals().await.unwrap().journals, committed + 3);
}

pub async fn callers_that_go_away_do_no_harm(environment: Arc<Environment>) {
    fund(environment.port(), 2, 100_000).await;
    let mut gone = 0;
    for round in 0..300u64 {
        let store = Arc::clone(&environment.store);
        let call = tokio::spawn(async move {
            let units = vec![transfer(round * 2, 1, 2), transfer(round * 2 + 1, 2, 1)];
            store.commit(units).await;
            store.wallet(wallet(1).id).await.unwrap();
            store.transaction(payout(1, 1).id).await.unwrap();
        });
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
        // Some rounds also let real time pass, up to a few hundred microseconds.
        let patience = Duration::from_micros(round % 13 * 40);
        let _ = tokio::time::timeout(patience, std::future::pending::<()>()).await;
        call.abort();
        gone += u32::from(call.await.is_err());
    }
    if !environment.url.ends_with(":memory:") {
        assert!(gone > 0, "no caller went away in time");
    }
    // Nothing is wedged: more callers than connections all get their answers.
    let mut calls = Vec::new();
    for n in 0..24u64 {
        let environment = Arc::clone(&environment);
        calls.push(tokio::spawn(async move {
            let unit = transfer(900_000 + n, 1, 2);
            must(commit_one(environment.port(), unit).await);
        }));
    }
    for call in calls {
        tokio::time::timeout(LIMIT, call)
            .await
            .expect("an answer")
            .unwrap();
    }
    sound(environment.port(), 200_000).await;
}

pub async fn one_key_binds_once(environment: Arc<Environment>) {
    for round in 0..5u64 {
        let mut calls = Vec::new();
        for call in 0..8u64 {
            let environment = Arc::clone(&environment);
            calls.push(tokio::spawn(async move {
                let mut row = payout(round * 100 + call, 1);
                let idempotency = row.idempotency.as_mut().unwrap();
                idempotency.key = format!("round {round}");
                let key = (idempotency.account.clone(), idempotency.key.clone());
                let locks = Locks {
                    idempotency: Some(key),
                    ..Locks::default()
                };
                let unit = unit(locks, move |locked| match &locked.replay {
                    Some(record) => Verdict::Refuse(Box::new(record.row.id)),
                    None => Verdict::Commit {
                        writes: vec![Write::InsertTransaction(row.clone())],
                        answer: Box::new(row.id),
                    },
                });
                match commit_one(environment.port(), unit).await {
                    UnitResult::Committed(answer) => {
                        (true, *answer.downcast::<TransactionId>().unwrap())
                    }
                    UnitResult::Refused(answer) => {
                        (false, *answer.downcast::<TransactionId>().unwrap())
                    }
                    UnitResult::Failed(error) => panic!("{error}"),
                }
            }));
        }
        let mut answers = Vec::new();
        for call in calls {
            answers.push(call.await.unwrap());
        }
        let first = answers.iter().filter(|(committed, _)| *committed).count();
        assert_eq!(first, 1);
        assert!(answers.iter().all(|(_, id)| *id == answers[0].1));
    }
    assert_eq!(environment.port().totals().await.unwrap().transactions, 5);
}

pub async fn one_pay_in_is_credited_once(environment: Arc<Environment>) {
    fund(environment.port(), 1, 0).await;
    let mut calls = Vec::new();
    for call in 0..8u64 {
        let environment = Arc::clone(&environment);
        calls.push(tokio::spawn(async move {
            let row = PayInRow {
                id: PayInId::from_bytes(bytes(call)),
                ..pay_in(1, Some(1))
            };
            let key = (row.gateway, row.key.clone());
            let locks = Locks {
                wallets: if call % 2 == 0 {
                    vec![]
                } else {
                    vec![wallet(1).id]
                },
                pay_ins: vec![key.clone()],
                ..Locks::default()
            };
            let unit = unit(locks, move |locked| match locked.pay_ins.get(&key) {
                Some(_) => Verdict::Refuse(Box::new(())),
                None => Verdict::Commit {
                    writes: vec![Write::InsertPayIn(row.clone())],
                    answer: Box::new(()),
                },
            });
            match commit_one(environment.port(), unit).await {
                UnitResult::Committed(_) => 1,
                UnitResult::Refused(_) => 0,
                UnitResult::Failed(error) => panic!("{error}"),
            }
        }));
    }
    let mut credited = 0;
    for call in calls {
        credited += call.await.unwrap();
    }
    assert_eq!(credited, 1);
}

/// Units that meet each other's locks in opposite order all succeed in the end.
pub async fn opposite_orders_are_sorted_out(environment: Arc<Environment>) {
    let set = |name: &str, value: u64| Write::PutSetting {
        name: name.into(),
        value: value.to_string(),
    };
    let mut calls = Vec::new();
    for n in 0..24u64 {
        let environment = Arc::clone(&environment);
        let mut writes = vec![set("a", n), set("b", n), set("c", n)];
        if n % 2 == 1 {
            writes.reverse();
        }
        calls.push(tokio::spawn(async move {
            must(commit_one(environment.port(), plain(writes)).await);
        }));
    }
    for call in calls {
        call.await.unwrap();
    }
    let store = environment.port();
    let a = store.setting("a").await.unwrap();
    assert!(a.is_some());
    assert_eq!(a, store.setting("b").await.unwrap(), "of one unit");
    assert_eq!(a, store.setting("c").await.unwrap(), "of one unit");
}

/// Events of concurrent commits get dense positions from two sequencers, and those of one
/// transaction in the order of its versions.
pub async fn positions_are_dense_under_concurrent_commits(environment: Arc<Environment>) {
    const WRITERS: u64 = 6;
    const EACH: u64 = 20;
    let total = WRITERS * EACH;
    let mut tasks = Vec::new();
    for writer in 0..WRITERS {
        let environment = Arc::clone(&environment);
        tasks.push(tokio::spawn(async move {
            for version in 1..=EACH {
                let n = writer * 1_000 + version;
                let writes = vec![
                    Write::InsertEvent(event(n, Some((writer, version)))),
                    Write::InsertJournal(fee_journal(n, 1)),
                ];
                put(environment.port(), writes).await;
            }
        }));
    }
    for _ in 0..2 {
        let environment = Arc::clone(&environment);
        tasks.push(tokio::spawn(async move {
            wait_until("all events numbered", LIMIT, || async {
                let store = environment.port();
                store.sequence(7).await.unwrap();
                (store.last_position().await.unwrap() == total).then_some(())
            })
            .await;
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let store = environment.port();
    while store.sequence(50).await.unwrap() > 0 {}
    let mut events = Vec::new();
    loop {
        let last = events.last().and_then(|event: &EventRow| event.position);
        let page = store
            .events_after(last.unwrap_or(0), None, 50)
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        events.extend(page);
    }
    assert_eq!(events.len() as u64, total);
    let mut versions: BTreeMap<TransactionId, u64> = BTreeMap::new();
    for (place, event) in (1u64..).zip(&events) {
        assert_eq!(event.position, Some(place));
        let version = versions.entry(event.transaction_id.unwrap()).or_insert(0);
        *version += 1;
        assert_eq!(event.transaction_version, Some(*version));
    }
    let mine = store
        .events_after(0, Some(UserId::from_bytes(bytes(3))), 100)
        .await
        .unwrap();
    assert_eq!(mine.len() as u64, EACH);

    let fees = Account::GatewayFees(Gateway::Efi);
    let float = Account::GatewayFloat(Gateway::Efi, Float::Available);
    let total = i64::try_from(total).unwrap();
    assert_eq!(store.account_balance(fees).await.unwrap(), total);
    // One more, not sealed yet, counts too.
    put(store, vec![Write::InsertJournal(fee_journal(99_999, 5))]).await;
    assert_eq!(store.account_balance(fees).await.unwrap(), total + 5);
    assert_eq!(store.account_balance(float).await.unwrap(), -total - 5);
    let folded = store.system_balances().await.unwrap();
    assert_eq!(folded[&fees.code()], total + 5);
    let broken: Vec<BrokenRow> = store.broken_rows(100).await.unwrap();
    assert_eq!(broken, vec![]);
}
