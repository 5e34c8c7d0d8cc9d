//! Commits whose answer is lost: nothing is written twice, and nothing that was written is denied.

use std::sync::Arc;
use std::time::Duration;

use app::ports::store::*;
use store::{SqlStore, open};
use testkit::mysql_proxy::{AtCommit, Proxy};

use crate::build::*;
use crate::environment::{Environment, config, keyring, with_mysql};

/// What the unit under test says.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Held,
    HeldBefore,
    TooLittle,
}

/// Holds 600 of a wallet's 1,000 centavos, under an idempotency key.
fn hold_most(n: u64) -> Unit {
    let row = payout(n, 1);
    let key = row.idempotency.clone().unwrap();
    let locks = Locks {
        idempotency: Some((key.account, key.key)),
        ..lock_wallet(wallet(1).id)
    };
    unit(locks, move |locked| {
        if locked.replay.is_some() {
            return Verdict::Refuse(Box::new(Said::HeldBefore));
        }
        let mut wallet = locked.wallets[&wallet(1).id].clone();
        let Some(left) = wallet.available.checked_sub(cents(600)) else {
            return Verdict::Refuse(Box::new(Said::TooLittle));
        };
        wallet.available = left;
        wallet.held = wallet.held.checked_add(cents(600)).unwrap();
        Verdict::Commit {
            writes: vec![
                Write::SaveWallet(wallet),
                Write::InsertTransaction(row.clone()),
                Write::InsertEvent(event(n, Some((n, 1)))),
            ],
            answer: Box::new(Said::Held),
        }
    })
}

/// Brings a transaction from its first version to its second, once.
fn step(n: u64) -> Unit {
    let id = payout(n, 1).id;
    let locks = Locks {
        transactions: vec![id],
        ..Locks::default()
    };
    unit(locks, move |locked| {
        let mut row = locked.transactions[&id].row.clone();
        if row.version != 1 {
            return Verdict::Refuse(Box::new(Said::HeldBefore));
        }
        row.version = 2;
        row.stage = "cancelled".into();
        Verdict::Commit {
            writes: vec![
                Write::SaveTransaction(row),
                Write::InsertEvent(event(n, Some((n, 2)))),
            ],
            answer: Box::new(Said::Held),
        }
    })
}

async fn funded(environment: &Environment) {
    let mut row = wallet(1);
    row.available = cents(1_000);
    put(environment.port(), vec![Write::InsertWallet(row)]).await;
}

/// A store whose connections pass a proxy.
async fn through(environment: &Environment) -> (Proxy, Arc<SqlStore>) {
    let proxy = Proxy::before(&environment.url).await;
    let store = open(&config(proxy.url.clone()), keyring()).await.unwrap();
    (proxy, store)
}

fn said(result: UnitResult) -> Result<Said, StoreError> {
    match result {
        UnitResult::Committed(answer) | UnitResult::Refused(answer) => {
            Ok(*answer.downcast::<Said>().unwrap())
        }
        UnitResult::Failed(error) => Err(error),
    }
}

async fn held(environment: &Environment) -> (i64, u64) {
    let row = environment.port().wallet(wallet(1).id).await.unwrap();
    let totals = environment.port().totals().await.unwrap();
    (row.unwrap().held.cents(), totals.transactions)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_is_found_out_by_the_key() {
    with_mysql(|environment: Arc<Environment>| async move {
        funded(&environment).await;
        let (proxy, store) = through(&environment).await;
        proxy.at_next_commit(AtCommit::LoseAnswer);
        let told = said(commit_one(&*store, hold_most(1)).await);
        assert_eq!(told, Ok(Said::HeldBefore));
        assert_eq!((proxy.met(), held(&environment).await), (1, (600, 1)));
        store.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_never_arrived_is_made_by_the_second_run() {
    with_mysql(|environment: Arc<Environment>| async move {
        funded(&environment).await;
        let (proxy, store) = through(&environment).await;
        proxy.at_next_commit(AtCommit::LoseRequest);
        let told = said(commit_one(&*store, hold_most(1)).await);
        assert_eq!(told, Ok(Said::Held));
        assert_eq!((proxy.met(), held(&environment).await), (1, (600, 1)));
        store.close().await;
    })
    .await;
}

/// The second run reads its key as absent, waits for the lock that the first one still holds, and
/// then sees a wallet from which the first has taken: to answer "too little" would deny a hold.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_arrives_during_the_second_run_is_not_denied() {
    with_mysql(|environment: Arc<Environment>| async move {
        funded(&environment).await;
        let (proxy, store) = through(&environment).await;
        proxy.at_next_commit(AtCommit::Delay(Duration::from_millis(400)));
        match said(commit_one(&*store, hold_most(1)).await) {
            Ok(Said::HeldBefore) => {}
            Err(StoreError::Unavailable(what)) => {
                assert!(what.contains("may be written"), "{what}")
            }
            other => panic!("{other:?}"),
        }
        assert_eq!((proxy.met(), held(&environment).await), (1, (600, 1)));
        // Asked again under the same key, it knows.
        let told = said(commit_one(&*store, hold_most(1)).await);
        assert_eq!(told, Ok(Said::HeldBefore));
        // Under another key the same request is refused for what it is.
        let told = said(commit_one(&*store, hold_most(2)).await);
        assert_eq!(told, Ok(Said::TooLittle));
        store.close().await;
    })
    .await;
}

/// A change without a key of its own cannot tell its success from another's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_whose_answer_was_lost_is_not_called_someone_elses() {
    with_mysql(|environment: Arc<Environment>| async move {
        let writes = vec![
            Write::InsertWallet(wallet(1)),
            Write::InsertTransaction(payout(1, 1)),
            Write::InsertEvent(event(10, Some((1, 1)))),
        ];
        put(environment.port(), writes).await;
        let (proxy, store) = through(&environment).await;
        proxy.at_next_commit(AtCommit::LoseAnswer);
        match said(commit_one(&*store, step(1)).await) {
            Err(StoreError::Unavailable(what)) => {
                assert!(what.contains("may be written"), "{what}")
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(proxy.met(), 1);
        let found = store.transaction(payout(1, 1).id).await.unwrap().unwrap();
        assert_eq!(
            (found.row.version, found.row.stage.as_str()),
            (2, "cancelled")
        );
        store.close().await;
    })
    .await;
}

/// A unit that would not meet itself is never run again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blind_write_whose_answer_was_lost_is_told_as_unknown() {
    with_mysql(|environment: Arc<Environment>| async move {
        let (proxy, store) = through(&environment).await;
        proxy.at_next_commit(AtCommit::LoseAnswer);
        let unit = plain(vec![Write::InsertEvent(event(1, None))]);
        let error = error_of(commit_one(&*store, unit).await);
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert_eq!(store.totals().await.unwrap().events, 1);
        store.close().await;
    })
    .await;
}

/// Units on one hot wallet while every few commits lose their answer: each key binds once, and the
/// wallet holds exactly what was taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_lost_under_load_write_nothing_twice() {
    with_mysql(|environment: Arc<Environment>| async move {
        let mut row = wallet(1);
        row.available = cents(600 * 60);
        put(environment.port(), vec![Write::InsertWallet(row)]).await;
        let (proxy, store) = through(&environment).await;
        let ways = [
            AtCommit::LoseAnswer,
            AtCommit::LoseRequest,
            AtCommit::Delay(Duration::from_millis(60)),
        ];
        for round in 0..10u64 {
            proxy.at_next_commit(ways[round as usize % ways.len()]);
            let calls = (0..6).map(|n| {
                let store = Arc::clone(&store);
                tokio::spawn(async move {
                    let n = round * 6 + n;
                    // Whoever is told nothing certain asks again under the same key.
                    while said(commit_one(&*store, hold_most(n)).await).is_err() {}
                })
            });
            for call in calls.collect::<Vec<_>>() {
                call.await.unwrap();
            }
        }
        assert_eq!(proxy.met(), 10);
        assert_eq!(held(&environment).await, (600 * 60, 60));
        store.close().await;
    })
    .await;
}

/// What is asked at once again and again does not connect again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_kept_between_bursts() {
    with_mysql(|environment: Arc<Environment>| async move {
        funded(&environment).await;
        let (proxy, store) = through(&environment).await;
        for _ in 0..20 {
            let asked = (0..4).map(|_| store.wallet(wallet(1).id));
            for found in futures::future::join_all(asked).await {
                assert!(found.unwrap().is_some());
            }
        }
        let accepted = proxy.accepted();
        assert!(accepted <= 8, "{accepted} connections for four at once");
        store.close().await;
    })
    .await;
}

/// The clock that all processes share is the server's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_servers_clock_is_told_and_runs() {
    with_mysql(|environment: Arc<Environment>| async move {
        let store = environment.port();
        let first = store.clock().await.unwrap().unwrap();
        assert!(first.micros() > 1_700_000_000_000_000, "{first:?}");
        assert!(store.clock().await.unwrap() > Some(first));
    })
    .await;
}
