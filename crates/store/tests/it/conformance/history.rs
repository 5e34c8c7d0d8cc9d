//! What one person sees of the past: own and received movements, and the lines of what can be spent.

use std::sync::Arc;

use app::ports::store::*;
use domain::ids::*;
use domain::status::{Kind, Status};

use crate::build::*;
use crate::environment::Environment;

/// Settled, from wallet `from` to the user of wallet `to`.
fn transfer(n: u64, from: u64, to: u64) -> TransactionRow {
    TransactionRow {
        kind: Kind::Transfer,
        status: Status::Success,
        stage: "settled".into(),
        stage_deadline: None,
        payee_user_id: Some(UserId::from_bytes(bytes(to))),
        ..payout(n, from)
    }
}

fn number(id: TransactionId) -> u64 {
    u64::from_be_bytes(id.bytes()[8..].try_into().unwrap())
}

async fn numbers(store: &dyn Store, filter: &TransactionFilter) -> Vec<u64> {
    let rows = store.transactions(filter).await.unwrap();
    rows.iter().map(|row| number(row.id)).collect()
}

pub async fn a_user_is_shown_what_others_sent(environment: Arc<Environment>) {
    let store = environment.port();
    let failed = |n, wallet| TransactionRow {
        status: Status::Failed,
        stage: "rejected".into(),
        stage_deadline: None,
        ..payout(n, wallet)
    };
    let rows = [
        payout(1, 2),
        transfer(2, 1, 2),
        failed(3, 2),
        transfer(4, 2, 1),
        transfer(5, 3, 2),
        // To a wallet of its own: once in the list.
        transfer(6, 2, 2),
        transfer(7, 1, 3),
        payout(8, 2),
    ];
    put(store, rows.map(Write::InsertTransaction).to_vec()).await;

    let of_two = TransactionFilter {
        user_id: Some(UserId::from_bytes(bytes(2))),
        limit: 10,
        ..TransactionFilter::default()
    };
    let with = |change: fn(&mut TransactionFilter)| {
        let mut filter = of_two.clone();
        change(&mut filter);
        filter
    };
    let id = |n| TransactionId::from_bytes(bytes(n));
    for (filter, expected) in [
        (with(|_| {}), &[8, 6, 5, 4, 3, 2, 1][..]),
        (with(|it| it.kind = Some(Kind::Transfer)), &[6, 5, 4, 2]),
        (with(|it| it.kind = Some(Kind::Payout)), &[8, 3, 1]),
        (with(|it| it.status = Some(Status::Success)), &[6, 5, 4, 2]),
        (with(|it| it.status = Some(Status::Failed)), &[3]),
        (
            with(|it| {
                it.kind = Some(Kind::Payout);
                it.status = Some(Status::Pending);
            }),
            &[8, 1],
        ),
        (
            with(|it| {
                it.kind = Some(Kind::Transfer);
                it.status = Some(Status::Failed);
            }),
            &[],
        ),
        // A reference is the sender's own.
        (with(|it| it.reference = Some("order 5".into())), &[]),
        (with(|it| it.reference = Some("order 8".into())), &[8]),
        (
            with(|it| it.wallet_id = Some(wallet(2).id)),
            &[8, 6, 4, 3, 1],
        ),
    ] {
        assert_eq!(numbers(store, &filter).await, expected, "{filter:?}");
    }
    let middle = TransactionFilter {
        from_id: Some(id(3)),
        before: Some(id(6)),
        ..of_two.clone()
    };
    assert_eq!(numbers(store, &middle).await, [5, 4, 3]);

    // Page by page nothing is shown twice and nothing is left out.
    let mut page = TransactionFilter {
        limit: 2,
        ..of_two.clone()
    };
    let mut seen = Vec::new();
    loop {
        let rows = store.transactions(&page).await.unwrap();
        seen.extend(rows.iter().map(|row| number(row.id)));
        let Some(last) = rows.last() else { break };
        page.before = Some(last.id);
    }
    assert_eq!(seen, [8, 6, 5, 4, 3, 2, 1]);
    let found = store.transaction(id(5)).await.unwrap().unwrap();
    assert_eq!(found.row, transfer(5, 3, 2), "it is read as it was written");
}

pub async fn a_list_shows_the_pay_ins_and_refunds_of_charges(environment: Arc<Environment>) {
    let store = environment.port();
    let charge = TransactionRow {
        kind: Kind::Charge,
        ..payout(1, 1)
    };
    let refund = TransactionRow {
        kind: Kind::Refund,
        parent: Some(charge.id),
        ..payout(2, 1)
    };
    let (first, second) = (pay_in(11, Some(1)), pay_in(12, Some(1)));
    put(
        store,
        vec![
            Write::InsertTransaction(charge.clone()),
            Write::InsertTransaction(refund.clone()),
            Write::InsertTransaction(payout(3, 1)),
            Write::InsertPayIn(first.clone()),
            Write::InsertPayIn(second.clone()),
        ],
    )
    .await;
    let filter = TransactionFilter {
        limit: 10,
        ..TransactionFilter::default()
    };
    let alone = |row: TransactionRow| ListedTransaction {
        row,
        pay_ins: Vec::new(),
        refunds: Vec::new(),
    };
    let expected = vec![
        alone(payout(3, 1)),
        alone(refund.clone()),
        ListedTransaction {
            row: charge,
            pay_ins: vec![first, second],
            refunds: vec![refund],
        },
    ];
    assert_eq!(store.listed_transactions(&filter).await.unwrap(), expected);
}

pub async fn lines_of_what_can_be_spent_name_their_transaction(environment: Arc<Environment>) {
    let store = environment.port();
    let mut wallet = wallet(1);
    put(store, vec![Write::InsertWallet(wallet.clone())]).await;
    // The second and the fourth have transactions; the fourth is a hold, which moves to another account.
    for n in [2, 4] {
        put(store, vec![Write::InsertTransaction(payout(n, 1))]).await;
    }
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
    let all = StatementFilter {
        wallet_id: wallet.id,
        from: None,
        to: None,
        before_seq: None,
        limit: 10,
    };
    let shown = async |filter: &StatementFilter| -> Vec<(u64, i64, i64, Option<u64>)> {
        let lines = store.spendable_lines(filter).await.unwrap();
        let line = |told: &ToldLine| {
            let transaction = told.transaction.as_ref();
            let transaction = transaction.map(|listed| number(listed.row.id));
            let StatementLine {
                seq,
                cents,
                balance_after,
                ..
            } = told.line;
            (seq, cents, balance_after, transaction)
        };
        lines.iter().map(line).collect()
    };
    assert_eq!(
        shown(&all).await,
        [
            (4, -250, 50, Some(4)),
            (3, 100, 300, None),
            (2, 100, 200, Some(2)),
            (1, 100, 100, None),
        ],
        "what was set aside is in the other account"
    );
    let page = StatementFilter {
        before_seq: Some(4),
        limit: 2,
        ..all.clone()
    };
    assert_eq!(
        shown(&page).await,
        [(3, 100, 300, None), (2, 100, 200, Some(2))]
    );
    let window = StatementFilter {
        from: Some(after(20)),
        to: Some(after(40)),
        ..all.clone()
    };
    assert_eq!(shown(&window).await, shown(&page).await);
    let elsewhere = StatementFilter {
        wallet_id: WalletId::from_bytes(bytes(2)),
        ..all
    };
    assert_eq!(shown(&elsewhere).await, []);
}
