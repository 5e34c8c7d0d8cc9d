//! What the schema refuses: duplicates, stale versions, impossible rows. A refused unit leaves
//! nothing behind.

use std::sync::Arc;

use app::ports::store::*;
use domain::gateway::Gateway;
use domain::ids::*;

use crate::build::*;
use crate::environment::Environment;

pub async fn uniqueness_has_names(environment: Arc<Environment>) {
    let store = environment.port();
    let session = |n: u64| SessionRow {
        id: SessionId::from_bytes(bytes(n)),
        user_id: user(1).id,
        token_hash: [5; 32],
        created_at: START,
        expires_at: START,
    };
    let key = |n: u64| ApiKeyRow {
        id: ApiKeyId::from_bytes(bytes(n)),
        user_id: user(1).id,
        name: "k".into(),
        scopes: vec![],
        secret_hash: [6; 32],
        created_at: START,
        revoked_at: None,
    };
    put(
        store,
        vec![
            Write::InsertUser(user(1)),
            Write::InsertSession(session(1)),
            Write::InsertApiKey(key(1)),
            Write::InsertWallet(wallet(1)),
            Write::InsertTransaction(payout(1, 1)),
            Write::InsertAttempt(attempt(1, 1, 1)),
            Write::InsertSend(send(1, 1)),
            Write::InsertPayIn(pay_in(1, Some(1))),
            Write::InsertEvent(event(1, Some((1, 1)))),
            Write::InsertJob(job(1, START)),
            Write::InsertJournal(fee_journal(1, 5)),
        ],
    )
    .await;

    let same_email = UserRow {
        email: user(1).email,
        ..user(2)
    };
    let same_tax_id = UserRow {
        tax_id: user(1).tax_id,
        ..user(2)
    };
    let same_key = TransactionRow {
        idempotency: payout(1, 1).idempotency,
        ..payout(2, 1)
    };
    let not_live = AttemptRow {
        live: false,
        ..attempt(2, 1, 1)
    };
    let same_attempt_key = AttemptRow {
        attempt_key: attempt(1, 1, 1).attempt_key,
        ..attempt(2, 2, 1)
    };
    let same_pay_in = PayInRow {
        key: pay_in(1, None).key,
        ..pay_in(2, None)
    };
    let cases = [
        ("users.email", Write::InsertUser(same_email)),
        ("users.tax_id", Write::InsertUser(same_tax_id)),
        (
            "users.id",
            Write::InsertUser(UserRow {
                id: user(1).id,
                ..user(3)
            }),
        ),
        ("sessions.token", Write::InsertSession(session(2))),
        ("api_keys.secret", Write::InsertApiKey(key(2))),
        ("wallets.id", Write::InsertWallet(wallet(1))),
        (
            "transactions.idempotency",
            Write::InsertTransaction(same_key),
        ),
        ("attempts.live", Write::InsertAttempt(attempt(2, 1, 2))),
        ("attempts.number", Write::InsertAttempt(not_live)),
        ("attempts.key", Write::InsertAttempt(same_attempt_key)),
        ("sends.number", Write::InsertSend(send(1, 1))),
        ("pay_ins.key", Write::InsertPayIn(same_pay_in)),
        (
            "events.transaction_version",
            Write::InsertEvent(event(2, Some((1, 1)))),
        ),
        ("events.id", Write::InsertEvent(event(1, None))),
        ("jobs.id", Write::InsertJob(job(1, START))),
        ("journals.id", Write::InsertJournal(fee_journal(1, 5))),
    ];
    for (rule, write) in cases {
        // What stands before the refused write goes with it.
        let before = Write::InsertEvent(event(99, None));
        let error = refusal(store, vec![before, write]).await;
        assert_eq!(error, StoreError::Conflict(rule));
    }
    assert_eq!(store.totals().await.unwrap().events, 1);
    assert_eq!(store.totals().await.unwrap().users, 1);
    // Not live ones stand beside each other, keys compare exactly, without an owner none is bound.
    let beside = AttemptRow {
        live: false,
        ..attempt(2, 1, 2)
    };
    let mut folded = payout(3, 1);
    let idempotency = folded.idempotency.as_mut().unwrap();
    idempotency.key = "KEY 1 ".into();
    let mut unbound = payout(4, 1);
    unbound.idempotency = None;
    put(
        store,
        vec![
            Write::InsertAttempt(beside),
            Write::InsertTransaction(folded),
            Write::InsertTransaction(unbound),
            Write::InsertTransaction(TransactionRow {
                idempotency: None,
                ..payout(5, 1)
            }),
        ],
    )
    .await;
}

pub async fn changes_are_compare_and_set(environment: Arc<Environment>) {
    let store = environment.port();
    put(
        store,
        vec![
            Write::InsertTransaction(payout(1, 1)),
            Write::InsertAttempt(AttemptRow {
                evidence_version: 4,
                ..attempt(1, 1, 1)
            }),
            Write::InsertSend(send(1, 1)),
            Write::InsertPayIn(pay_in(1, Some(1))),
        ],
    )
    .await;
    let next = |version| TransactionRow {
        version,
        stage: "sending".into(),
        ..payout(1, 1)
    };
    for version in [0, 1, 3] {
        let error = refusal(store, vec![Write::SaveTransaction(next(version))]).await;
        assert_eq!(error, StoreError::Stale("transaction"), "{version}");
    }
    let twice = vec![
        Write::SaveTransaction(next(2)),
        Write::SaveTransaction(next(2)),
    ];
    assert_eq!(
        refusal(store, twice).await,
        StoreError::Stale("transaction")
    );
    let found = store.transaction(payout(1, 1).id).await.unwrap().unwrap();
    assert_eq!(found.row.version, 1, "the first of the two went too");
    put(store, vec![Write::SaveTransaction(next(2))]).await;

    let shut = closed(send(1, 1), "unknown");
    put(store, vec![Write::CloseSend(shut.clone())]).await;
    let again = refusal(store, vec![Write::CloseSend(closed(send(1, 1), "settled"))]).await;
    assert_eq!(again, StoreError::Stale("send"));
    let found = store.transaction(payout(1, 1).id).await.unwrap().unwrap();
    assert_eq!(found.attempts[0].sends, vec![shut]);

    let older = AttemptRow {
        evidence_version: 3,
        ..attempt(1, 1, 1)
    };
    let error = refusal(store, vec![Write::SaveAttempt(older)]).await;
    assert_eq!(error, StoreError::Stale("attempt"));

    let pay_in = |version| PayInRow {
        version,
        refunded: cents(100),
        ..pay_in(1, Some(1))
    };
    let error = refusal(store, vec![Write::SavePayIn(pay_in(3))]).await;
    assert_eq!(error, StoreError::Stale("pay_in"));
    put(store, vec![Write::SavePayIn(pay_in(2))]).await;
    let found = store.pay_in(Gateway::Efi, &pay_in(1).key).await.unwrap();
    assert_eq!(found, Some(pay_in(2)));
}

pub async fn the_schema_is_the_last_wall(environment: Arc<Environment>) {
    let store = environment.port();
    let half_closed = SendRow {
        closed_at: Some(START),
        ..send(1, 1)
    };
    let no_class = SendRow {
        class: Some("perhaps".into()),
        ..closed(send(1, 1), "unknown")
    };
    let no_outcome = AttemptRow {
        outcome: "maybe".into(),
        ..attempt(1, 1, 1)
    };
    let entry = EntryRow {
        account: domain::ledger::Account::Receivable(wallet(1).id),
        debit_cents: 1,
        seq: None,
        balance_after: None,
    };
    let unnumbered = journal(1, "pay_in", START, vec![entry]);
    let lost_job = JobRow {
        visible_at: None,
        ..job(1, START)
    };
    let writes = [
        Write::InsertSend(half_closed),
        Write::InsertSend(no_class),
        Write::InsertAttempt(no_outcome),
        Write::InsertJournal(unnumbered),
        Write::InsertJob(lost_job),
    ];
    for write in writes {
        let shown = format!("{write:?}");
        let error = refusal(store, vec![write]).await;
        assert!(matches!(error, StoreError::Corrupt(_)), "{error}: {shown}");
    }
    assert_eq!(store.totals().await.unwrap(), Totals::default());
}

pub async fn a_refused_or_failed_unit_fails_alone(environment: Arc<Environment>) {
    let store = environment.port();
    let insert = |n| plain(vec![Write::InsertEvent(event(n, None))]);
    let refuse = unit(Locks::default(), |_| Verdict::Refuse(Box::new("no")));
    let panics = unit(Locks::default(), |_| panic!("a decision that panics"));
    let half = plain(vec![
        Write::InsertEvent(event(3, None)),
        Write::InsertEvent(event(1, None)),
    ]);
    let units = vec![insert(1), refuse, half, panics, insert(2), insert(1)];
    let results = store.commit(units).await;
    assert_eq!(results.len(), 6);
    let shown: Vec<String> = results
        .into_iter()
        .map(|result| match result {
            UnitResult::Committed(_) => "committed".into(),
            UnitResult::Refused(answer) => {
                format!("refused: {}", answer.downcast::<&str>().unwrap())
            }
            UnitResult::Failed(error) => error.to_string(),
        })
        .collect();
    assert_eq!(
        shown,
        [
            "committed",
            "refused: no",
            "a row with the same events.id exists",
            "corrupt row: the decision of unit test panicked",
            "committed",
            "a row with the same events.id exists",
        ]
    );
    assert_eq!(store.totals().await.unwrap().events, 2);
}
