//! What gateways keep or take of received money: disputes, and money in suspense.

use std::collections::BTreeMap;
use std::sync::Arc;

use app::ports::store::*;
use domain::dispute::{Dispute, DisputeStage};
use domain::gateway::Gateway;
use domain::ids::{PayInId, WalletId};

use crate::build::*;
use crate::environment::Environment;

fn dispute(pay_in: u64, number: u32, amount: i64) -> DisputeRow {
    DisputeRow {
        pay_in_id: PayInId::from_bytes(bytes(pay_in)),
        number,
        gateway: Gateway::Efi,
        wallet_id: Some(WalletId::from_bytes(bytes(1))),
        key: format!("claim{number}"),
        dispute: Dispute::begun(cents(amount), Some(after(1))),
        opened_at: after(2),
    }
}

fn lock_pay_in(n: u64) -> Locks {
    Locks {
        pay_ins: vec![(Gateway::Efi, pay_in(n, None).key)],
        ..Locks::default()
    }
}

async fn rules(store: &dyn Store) -> Vec<&'static str> {
    let broken = store.broken_rows(100).await.unwrap();
    broken.iter().map(|row| row.rule).collect()
}

pub async fn a_dispute_is_read_under_the_lock_of_its_pay_in(environment: Arc<Environment>) {
    let store = environment.port();
    let other = DisputeRow {
        wallet_id: None,
        dispute: Dispute::begun(cents(7), None),
        ..dispute(2, 1, 7)
    };
    put(
        store,
        vec![
            Write::InsertPayIn(pay_in(1, Some(1))),
            Write::InsertPayIn(pay_in(2, Some(1))),
            Write::InsertDispute(dispute(1, 2, 300)),
            Write::InsertDispute(dispute(1, 1, 200)),
            Write::InsertDispute(other.clone()),
        ],
    )
    .await;
    let seen = see(store, lock_pay_in(1)).await;
    assert_eq!(seen.disputes, [dispute(1, 1, 200), dispute(1, 2, 300)]);
    assert_eq!(see(store, lock_pay_in(2)).await.disputes, [other]);
    assert_eq!(see(store, lock_pay_in(3)).await.disputes, []);

    // The second of a number is refused, whoever made it.
    let twin = Write::InsertDispute(dispute(1, 1, 1));
    let error = refusal(store, vec![twin]).await;
    assert_eq!(error, StoreError::Conflict("disputes.number"));
    let absent = Write::SaveDispute(dispute(1, 3, 1));
    let error = refusal(store, vec![absent]).await;
    assert_eq!(error, StoreError::Stale("dispute"));

    let ended = DisputeRow {
        dispute: Dispute {
            amount: cents(150),
            stage: DisputeStage::Lost { at: after(5) },
            seen_at: None,
        },
        ..dispute(1, 1, 0)
    };
    put(store, vec![Write::SaveDispute(ended.clone())]).await;
    let seen = see(store, lock_pay_in(1)).await;
    assert_eq!(seen.disputes, [ended, dispute(1, 2, 300)]);
}

pub async fn open_disputes_are_summed_and_compared(environment: Arc<Environment>) {
    let store = environment.port();
    let disputed = |amount| PayInRow {
        disputed: cents(amount),
        version: 2,
        ..pay_in(1, Some(1))
    };
    let journal = JournalRow {
        kind: "suspense_matched".into(),
        ..fee_journal(1, 5)
    };
    let elsewhere = DisputeRow {
        gateway: Gateway::MercadoPago,
        wallet_id: None,
        ..dispute(2, 1, 40)
    };
    let in_suspense = PayInRow {
        gateway: Gateway::MercadoPago,
        disputed: cents(40),
        ..pay_in(2, None)
    };
    let ended = DisputeRow {
        dispute: Dispute {
            stage: DisputeStage::Released { at: after(3) },
            ..dispute(1, 2, 999).dispute
        },
        ..dispute(1, 2, 999)
    };
    put(
        store,
        vec![
            Write::InsertWallet(wallet(1)),
            Write::InsertPayIn(pay_in(1, Some(1))),
            Write::InsertJournal(journal),
            Write::SavePayIn(disputed(200)),
            Write::InsertDispute(dispute(1, 1, 200)),
            Write::InsertDispute(ended),
            Write::InsertPayIn(in_suspense),
            Write::InsertDispute(elsewhere),
        ],
    )
    .await;
    let found = store.pay_in(Gateway::Efi, &pay_in(1, None).key).await;
    assert_eq!(found.unwrap(), Some(disputed(200)));
    let folds = store.wallet_folds(None, 1).await.unwrap();
    assert_eq!(folds[0].open_disputes, 200);
    let expected = [
        ("float_blocked.efi".to_owned(), 200),
        ("float_blocked.mercado_pago".to_owned(), 40),
        ("suspense.mercado_pago".to_owned(), 2_500),
    ];
    assert_eq!(store.open_totals().await.unwrap(), BTreeMap::from(expected));
    assert_eq!(store.broken_rows(100).await.unwrap(), vec![]);

    put(store, vec![Write::SaveDispute(dispute(1, 1, 199))]).await;
    assert_eq!(rules(store).await, ["pay_ins.disputed"]);
    let beyond = PayInRow {
        disputed: cents(199),
        refunded: cents(2_302),
        version: 3,
        ..pay_in(1, Some(1))
    };
    put(store, vec![Write::SavePayIn(beyond)]).await;
    assert_eq!(rules(store).await, ["pay_ins.amount"]);
    put(store, vec![Write::InsertDispute(dispute(404, 1, 1))]).await;
    assert_eq!(rules(store).await, ["pay_ins.amount", "disputes.pay_in"]);
}

pub async fn suspense_is_listed_until_it_is_matched_or_gone(environment: Arc<Environment>) {
    let store = environment.port();
    let at = |n: u64| PayInRow {
        created_at: after(u32::try_from(n).unwrap()),
        ..pay_in(n, None)
    };
    let writes = (1..=5).map(|n| Write::InsertPayIn(at(n))).collect();
    put(store, writes).await;
    put(store, vec![Write::InsertPayIn(pay_in(6, Some(6)))]).await;
    let listed = async |since, after: Option<u64>, limit| -> Vec<u64> {
        let after = after.map(|n| PayInId::from_bytes(bytes(n)));
        let rows = store.suspense(since, after, limit).await.unwrap();
        let known = |row: &PayInRow| (1..=6).find(|n| bytes(*n) == *row.id.bytes());
        rows.iter().map(|row| known(row).unwrap()).collect()
    };
    assert_eq!(listed(START, None, 10).await, [1, 2, 3, 4, 5]);
    assert_eq!(listed(after(3), None, 10).await, [3, 4, 5]);
    assert_eq!(listed(START, None, 2).await, [1, 2]);
    assert_eq!(listed(START, Some(2), 2).await, [3, 4]);
    assert_eq!(store.suspense(START, None, 1).await.unwrap(), [at(1)]);

    let partly = PayInRow {
        reversed: cents(500),
        version: 2,
        ..at(1)
    };
    let wholly = PayInRow {
        reversed: cents(2_500),
        version: 2,
        ..at(2)
    };
    let matched = PayInRow {
        version: 2,
        created_at: after(3),
        ..pay_in(3, Some(6))
    };
    let matched = PayInRow {
        id: at(3).id,
        key: at(3).key,
        ..matched
    };
    for row in [partly, wholly, matched] {
        put(store, vec![Write::SavePayIn(row)]).await;
    }
    assert_eq!(listed(START, None, 10).await, [1, 4, 5]);
    let totals = store.open_totals().await.unwrap();
    assert_eq!(
        totals,
        BTreeMap::from([("suspense.efi".to_owned(), 2_000 + 2 * 2_500)])
    );
    // Credited, though no journal says so.
    assert_eq!(rules(store).await, ["pay_ins.credited_once"]);
    for (n, id) in [(1, 6), (2, 60)] {
        let journal = JournalRow {
            id: fee_journal(id, 5).id,
            kind: if n == 1 { "pay_in" } else { "suspense_matched" }.into(),
            ..fee_journal(6, 5)
        };
        put(store, vec![Write::InsertJournal(journal)]).await;
    }
    assert_eq!(store.broken_rows(100).await.unwrap(), vec![]);
}
