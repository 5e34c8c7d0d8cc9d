//! Each write comes back from each query as it went in.

use std::sync::Arc;

use app::ports::store::*;
use domain::gateway::Gateway;
use domain::ids::*;
use domain::ledger::Account;
use domain::status::Status;

use crate::build::*;
use crate::environment::Environment;

pub async fn users_sessions_and_keys(environment: Arc<Environment>) {
    let store = environment.port();
    let ana = user(1);
    let mut operator = user(2);
    operator.tax_id = None;
    operator.role = UserRole::Operator;
    let session = SessionRow {
        id: SessionId::from_bytes(bytes(1)),
        user_id: ana.id,
        token_hash: [5; 32],
        created_at: START,
        expires_at: after(60),
    };
    let key = ApiKeyRow {
        id: ApiKeyId::from_bytes(bytes(1)),
        user_id: ana.id,
        name: "Loja São João".into(),
        scopes: vec!["payouts:write".into(), "a\"b".into()],
        secret_hash: [6; 32],
        created_at: START,
        revoked_at: None,
    };
    put(
        store,
        vec![
            Write::InsertUser(ana.clone()),
            Write::InsertUser(operator.clone()),
            Write::InsertSession(session.clone()),
            Write::InsertApiKey(key.clone()),
        ],
    )
    .await;
    assert_eq!(store.user(ana.id).await.unwrap(), Some(ana.clone()));
    assert_eq!(
        store.user_by_email(&operator.email).await.unwrap(),
        Some(operator)
    );
    assert_eq!(
        store.user_by_tax_id("00000000001").await.unwrap(),
        Some(ana.clone())
    );
    assert_eq!(
        store.user_by_email("nobody@example.com").await.unwrap(),
        None
    );
    let found = store.session_by_token_hash(&[5; 32]).await.unwrap();
    assert_eq!(found, Some(session.clone()));
    assert_eq!(
        store.sessions_of(ana.id).await.unwrap(),
        vec![session.clone()]
    );
    let nobody = UserId::from_bytes(bytes(2));
    assert_eq!(store.sessions_of(nobody).await.unwrap(), []);
    let found = store.api_key_by_secret_hash(&[6; 32]).await.unwrap();
    assert_eq!(found, Some(key.clone()));

    let revoke = |user_id, seconds| Write::RevokeApiKey {
        id: key.id,
        user_id,
        at: after(seconds),
    };
    assert_eq!(
        refusal(store, vec![revoke(UserId::from_bytes(bytes(2)), 5)]).await,
        StoreError::Stale("api_key"),
        "another user's key"
    );
    put(
        store,
        vec![Write::DeleteSession(session.id), revoke(ana.id, 5)],
    )
    .await;
    put(store, vec![revoke(ana.id, 9)]).await;
    assert_eq!(store.session_by_token_hash(&[5; 32]).await.unwrap(), None);
    assert_eq!(store.sessions_of(ana.id).await.unwrap(), []);
    let keys = store.api_keys_of(ana.id).await.unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!(keys[0].revoked_at, Some(after(5)), "the first time stays");
}

pub async fn wallets(environment: Arc<Environment>) {
    let store = environment.port();
    let mut wallet = wallet(1);
    put(store, vec![Write::InsertWallet(wallet.clone())]).await;
    assert_eq!(store.wallet(wallet.id).await.unwrap(), Some(wallet.clone()));
    let journal = deposit(1, &mut wallet, 5_000, after(1));
    wallet.limits.per_day = cents(3);
    let writes = vec![
        Write::SaveWallet(wallet.clone()),
        Write::InsertJournal(journal.clone()),
    ];
    must(commit_one(store, locking(lock_wallet(wallet.id), writes)).await);
    assert_eq!(
        store.wallets_of(wallet.user_id).await.unwrap(),
        vec![wallet.clone()]
    );
    let seen = see(store, lock_wallet(wallet.id)).await;
    assert_eq!(seen.wallets[&wallet.id], wallet);
    let journals = store
        .journals_of(TransactionId::from_bytes(bytes(1)))
        .await
        .unwrap();
    assert_eq!(journals, vec![journal]);

    let mut broken = wallet.clone();
    broken.seq += 1;
    let error = refusal(store, vec![Write::SaveWallet(broken)]).await;
    assert_eq!(error, StoreError::Stale("wallet"), "it was not locked");
}

pub async fn a_whole_transaction(environment: Arc<Environment>) {
    let store = environment.port();
    let mut row = payout(1, 1);
    let mut attempt_row = attempt(1, 1, 1);
    let open = send(1, 1);
    put(
        store,
        vec![
            Write::InsertTransaction(row.clone()),
            Write::InsertAttempt(attempt_row.clone()),
            Write::InsertSend(open.clone()),
            Write::InsertEvidence(evidence(1, 1)),
            Write::InsertPayIn(pay_in(1, Some(1))),
        ],
    )
    .await;
    let mut expected = TransactionRecord {
        row: row.clone(),
        attempts: vec![AttemptRecord {
            row: attempt_row.clone(),
            sends: vec![open.clone()],
            evidence: vec![evidence(1, 1)],
        }],
        pay_ins: vec![pay_in(1, Some(1))],
        proposal: None,
    };
    assert_eq!(
        store.transaction(row.id).await.unwrap(),
        Some(expected.clone())
    );
    assert_eq!(
        store.transaction_row(row.id).await.unwrap(),
        Some(expected.row.clone())
    );

    row.version = 2;
    row.status = Status::Success;
    row.stage = "settled".into();
    row.gateway = Some(Gateway::Efi);
    row.end_to_end_id = Some("E1".into());
    row.stage_deadline = None;
    row.settled_at = Some(after(3));
    row.private = "{}".into();
    attempt_row.outcome = "done".into();
    attempt_row.evidence_version = 1;
    attempt_row.gateway_reference = Some("txid1".into());
    let shut = closed(open, "settled");
    put(
        store,
        vec![
            Write::SaveTransaction(row.clone()),
            Write::SaveAttempt(attempt_row.clone()),
            Write::CloseSend(shut.clone()),
        ],
    )
    .await;
    expected.row = row.clone();
    expected.attempts[0].row = attempt_row.clone();
    expected.attempts[0].sends[0] = shut;
    let key = row.idempotency.clone().unwrap();
    let found = store
        .transaction_by_idempotency(&key.account, &key.key)
        .await
        .unwrap();
    assert_eq!(found, Some(expected.clone()));
    let locks = Locks {
        idempotency: Some((key.account, key.key)),
        transactions: vec![row.id, TransactionId::from_bytes(bytes(9))],
        pay_ins: vec![(Gateway::Efi, pay_in(1, None).key)],
        ..Locks::default()
    };
    let seen = see(store, locks).await;
    assert_eq!(seen.replay.as_ref(), Some(&expected));
    assert_eq!(seen.transactions.len(), 1, "what is absent is absent");
    assert_eq!(seen.transactions[&row.id], expected);
    assert_eq!(seen.pay_ins.len(), 1);

    for reference in [attempt_row.attempt_key.as_str(), "txid1"] {
        let found = store
            .attempt_by_reference(Gateway::Efi, reference)
            .await
            .unwrap();
        assert_eq!(found.as_ref(), Some(&attempt_row), "{reference}");
        let elsewhere = store
            .attempt_by_reference(Gateway::MercadoPago, reference)
            .await;
        assert_eq!(elsewhere.unwrap(), None);
    }
    assert_eq!(
        store.done_attempts(None, 10).await.unwrap(),
        vec![attempt_row.clone()]
    );
    let none = store.done_attempts(Some(attempt_row.id), 10).await.unwrap();
    assert_eq!(none, vec![]);
}

pub async fn records_of_operators(environment: Arc<Environment>) {
    let store = environment.port();
    let alert = |n: u64| AlertRow {
        id: AlertId::from_bytes(bytes(n)),
        kind: "suspense".into(),
        transaction_id: None,
        gateway: Some(Gateway::MercadoPago),
        message: "R$ 10,00 belong to nobody".into(),
        raised_at: after(u32::try_from(n).unwrap()),
    };
    let audit = AuditRow {
        id: AuditId::from_bytes(bytes(1)),
        actor: "system".into(),
        action: "gateway.pause".into(),
        subject: "efi".into(),
        detail: "{}".into(),
        at: START,
    };
    let incident = IncidentRow {
        id: IncidentId::from_bytes(bytes(1)),
        kind: "contradiction".into(),
        transaction_id: None,
        detail: "{}".into(),
        at: START,
    };
    let inbound = InboundRow {
        id: InboundId::from_bytes(bytes(1)),
        gateway: Gateway::Efi,
        received_at: START,
        verified: true,
        raw: vec![0, 159, 146, 150],
    };
    let setting = |value: &str| Write::PutSetting {
        name: "gateways.primary".into(),
        value: value.into(),
    };
    put(
        store,
        vec![
            Write::InsertAlert(alert(1)),
            Write::InsertAlert(alert(2)),
            Write::InsertAudit(audit.clone()),
            Write::InsertIncident(incident),
            Write::InsertInbound(inbound.clone()),
            setting("efi"),
            setting("mercado_pago"),
        ],
    )
    .await;
    assert_eq!(store.alerts(10).await.unwrap(), vec![alert(2), alert(1)]);
    assert_eq!(store.alerts(1).await.unwrap(), vec![alert(2)]);
    assert_eq!(store.audit(10).await.unwrap(), vec![audit]);
    assert_eq!(store.inbound(inbound.id).await.unwrap(), Some(inbound));
    let value = store.setting("gateways.primary").await.unwrap();
    assert_eq!(value.as_deref(), Some("mercado_pago"));
    assert_eq!(store.setting("gateways").await.unwrap(), None);
    let locks = Locks {
        settings: vec!["gateways.primary".into(), "absent".into()],
        ..Locks::default()
    };
    let seen = see(store, locks).await;
    assert_eq!(seen.settings.len(), 1);
    assert_eq!(store.account_balance(Account::Equity).await.unwrap(), 0);
    store.ready().await.unwrap();
}
