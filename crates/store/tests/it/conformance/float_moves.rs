//! Our own money on its way from one gateway to the other.

use std::sync::Arc;

use app::ports::store::*;
use domain::float_move::FloatMoveState;
use domain::gateway::Gateway;
use domain::ids::{FloatMoveId, TransactionId, UserId, WalletId};
use domain::ledger::{Account, Float};
use domain::money::Money;

use crate::build::*;
use crate::environment::Environment;

const ANA: UserId = UserId::from_bytes([1; 16]);
const BIA: UserId = UserId::from_bytes([2; 16]);

fn id(n: u64) -> FloatMoveId {
    FloatMoveId::from_bytes(bytes(n))
}

fn proposed(n: u64) -> FloatMoveRow {
    FloatMoveRow {
        id: id(n),
        from: Gateway::Efi,
        to: Gateway::MercadoPago,
        amount: cents(500),
        reason: "o saldo está acabando".into(),
        state: FloatMoveState::Proposed,
        proposed_by: ANA,
        proposed_at: START,
        expires_at: after(100),
        left: Money::ZERO,
        returned: Money::ZERO,
        arrived: Money::ZERO,
        arrived_at: None,
        alerted_at: None,
        version: 1,
    }
}

fn approved(n: u64) -> FloatMoveRow {
    FloatMoveRow {
        state: FloatMoveState::Approved {
            by: BIA,
            at: after(5),
            transaction: TransactionId::from_bytes(bytes(n)),
        },
        version: 2,
        ..proposed(n)
    }
}

fn next(row: &FloatMoveRow, left: i64, arrived: i64) -> FloatMoveRow {
    FloatMoveRow {
        left: cents(left),
        arrived: cents(arrived),
        arrived_at: (arrived > 0).then(|| after(9)),
        version: row.version + 1,
        ..row.clone()
    }
}

pub async fn a_move_is_kept_and_changes_by_its_version(environment: Arc<Environment>) {
    let store = environment.port();
    assert_eq!(store.float_move(id(1)).await.unwrap(), None);
    put(store, vec![Write::InsertFloatMove(proposed(1))]).await;
    assert_eq!(store.float_move(id(1)).await.unwrap(), Some(proposed(1)));
    assert_eq!(
        refusal(store, vec![Write::InsertFloatMove(proposed(1))]).await,
        StoreError::Conflict("float_moves.id")
    );
    let locks = Locks {
        float_moves: vec![id(2), id(1)],
        ..Locks::default()
    };
    let seen = see(store, locks.clone()).await.float_moves;
    assert_eq!(seen.len(), 1, "what is absent is absent");
    assert_eq!(seen[&id(1)], proposed(1));
    assert!(see(store, Locks::default()).await.float_moves.is_empty());

    put(store, vec![Write::SaveFloatMove(approved(1))]).await;
    let late = FloatMoveRow {
        state: FloatMoveState::Declined {
            by: ANA,
            at: after(6),
        },
        version: 2,
        ..proposed(1)
    };
    assert_eq!(
        refusal(store, vec![Write::SaveFloatMove(late)]).await,
        StoreError::Stale("float_move")
    );
    let arrived = FloatMoveRow {
        returned: cents(100),
        alerted_at: Some(after(8)),
        ..next(&approved(1), 500, 400)
    };
    put(store, vec![Write::SaveFloatMove(arrived.clone())]).await;
    assert_eq!(store.float_move(id(1)).await.unwrap(), Some(arrived));

    for (n, state) in [
        (
            2,
            FloatMoveState::Declined {
                by: ANA,
                at: after(6),
            },
        ),
        (3, FloatMoveState::Expired { at: after(100) }),
    ] {
        let row = FloatMoveRow {
            state,
            ..proposed(n)
        };
        put(store, vec![Write::InsertFloatMove(row.clone())]).await;
        assert_eq!(store.float_move(id(n)).await.unwrap(), Some(row));
    }
}

pub async fn the_schema_wants_two_people_and_one_payout_of_a_move(environment: Arc<Environment>) {
    let store = environment.port();
    put(store, vec![Write::InsertFloatMove(approved(1))]).await;
    let same_payout = FloatMoveRow {
        id: id(2),
        ..approved(1)
    };
    assert_eq!(
        refusal(store, vec![Write::InsertFloatMove(same_payout)]).await,
        StoreError::Conflict("float_moves.transaction")
    );
    let alone = FloatMoveRow {
        proposed_by: BIA,
        ..approved(3)
    };
    let nowhere = FloatMoveRow {
        to: Gateway::Efi,
        ..proposed(4)
    };
    let nothing = FloatMoveRow {
        amount: Money::ZERO,
        ..proposed(5)
    };
    for wrong in [alone, nowhere, nothing] {
        let error = refusal(store, vec![Write::InsertFloatMove(wrong)]).await;
        assert!(matches!(error, StoreError::Corrupt(_)), "{error:?}");
    }
}

pub async fn moves_are_listed_by_what_is_asked_of_them(environment: Arc<Environment>) {
    let store = environment.port();
    let in_transit = next(&approved(2), 500, 0);
    let arrived = next(&approved(3), 500, 500);
    let other_way = FloatMoveRow {
        from: Gateway::MercadoPago,
        to: Gateway::Efi,
        ..approved(4)
    };
    let early = next(&approved(5), 0, 500);
    let rows = [proposed(1), in_transit, arrived, other_way, early];
    let writes = rows.iter().cloned().map(Write::InsertFloatMove);
    put(store, writes.collect()).await;
    let ids = |rows: Vec<FloatMoveRow>| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    let page = store.float_moves(None, 2).await.unwrap();
    assert_eq!(page, [rows[4].clone(), rows[3].clone()]);
    assert_eq!(
        ids(store.float_moves(Some(id(4)), 9).await.unwrap()),
        [id(3), id(2), id(1)]
    );
    let expected = async |to, amount, since| {
        let found = store.float_moves_expected(to, cents(amount), since, 9);
        ids(found.await.unwrap())
    };
    let to = Gateway::MercadoPago;
    assert_eq!(expected(to, 500, START).await, [id(2), id(3), id(5)]);
    assert_eq!(expected(Gateway::Efi, 500, START).await, [id(4)]);
    assert!(expected(to, 501, START).await.is_empty());
    assert!(
        expected(to, 500, after(6)).await.is_empty(),
        "decided before"
    );
    assert_eq!(
        ids(store.float_moves_in_transit(9).await.unwrap()),
        [id(2), id(5)]
    );
    let lapsed = async |at| ids(store.float_moves_lapsed(at, 9).await.unwrap());
    assert!(lapsed(after(99)).await.is_empty());
    assert_eq!(lapsed(after(100)).await, [id(1)], "those decided are not");
}

/// The entries of a move: out of the float of the source, into the target's.
fn journal_of(n: u64, kind: &str, debit: Account, credit: Account) -> JournalRow {
    let leg = |account, debit_cents| EntryRow {
        account,
        debit_cents,
        seq: None,
        balance_after: None,
    };
    JournalRow {
        transaction_id: Some(TransactionId::from_bytes(bytes(1))),
        ..journal(n, kind, START, vec![leg(debit, 500), leg(credit, -500)])
    }
}

pub async fn what_is_in_transit_is_compared_with_the_entries(environment: Arc<Environment>) {
    let store = environment.port();
    let broken = async || -> Vec<&'static str> {
        let rows = store.broken_rows(100).await.unwrap();
        rows.iter().map(|row| row.rule).collect()
    };
    let in_transit = async || {
        store
            .open_totals()
            .await
            .unwrap()
            .get("in_transit")
            .copied()
    };
    assert_eq!(in_transit().await, None);
    let payout = TransactionRow {
        wallet_id: WalletId::SYSTEM,
        user_id: UserId::SYSTEM,
        amount: cents(500),
        idempotency: Some(Idempotency {
            account: "system".into(),
            key: id(1).to_string(),
            fingerprint: [0; 32],
        }),
        ..payout(1, 1)
    };
    let writes = vec![
        Write::InsertTransaction(payout),
        Write::InsertEvent(event(1, Some((1, 1)))),
    ];
    put(store, writes).await;
    assert_eq!(broken().await, ["float_moves.decided"], "nobody decided it");
    put(store, vec![Write::InsertFloatMove(approved(1))]).await;
    assert!(broken().await.is_empty());

    let float = |gateway| Account::GatewayFloat(gateway, Float::Available);
    let left = journal_of(1, "float_left", Account::InTransit, float(Gateway::Efi));
    let moving = next(&approved(1), 500, 0);
    let writes = vec![
        Write::InsertJournal(left),
        Write::SaveFloatMove(moving.clone()),
    ];
    put(store, writes).await;
    assert!(broken().await.is_empty());
    assert_eq!(in_transit().await, Some(500));
    let balance = store.account_balance(Account::InTransit).await.unwrap();
    assert_eq!(balance, 500);

    // Booked as arrived, and not counted.
    let to = float(Gateway::MercadoPago);
    let arrival = journal_of(2, "float_arrived", to, Account::InTransit);
    let pay_in = PayInRow {
        wallet_id: Some(WalletId::SYSTEM),
        ..pay_in(2, Some(1))
    };
    let writes = vec![Write::InsertJournal(arrival), Write::InsertPayIn(pay_in)];
    put(store, writes).await;
    assert_eq!(broken().await, ["float_moves.entries"]);
    put(store, vec![Write::SaveFloatMove(next(&moving, 500, 500))]).await;
    assert!(broken().await.is_empty());
    assert_eq!(in_transit().await, Some(0));
    // A move whose payout does not exist.
    put(store, vec![Write::InsertFloatMove(approved(9))]).await;
    assert_eq!(broken().await, ["float_moves.transaction"]);
}
