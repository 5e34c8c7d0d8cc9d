//! What operators look through and change: the trail, people, jobs.

use std::sync::Arc;

use app::ports::store::*;
use domain::ids::*;

use crate::build::*;
use crate::environment::Environment;

fn audited(n: u64, actor: &str, action: &str, subject: &str) -> AuditRow {
    AuditRow {
        id: AuditId::from_bytes(bytes(n)),
        actor: actor.into(),
        action: action.into(),
        subject: subject.into(),
        detail: "{}".into(),
        at: after(u32::try_from(n).unwrap()),
    }
}

pub async fn the_trail_is_read_by_what_and_by_whom(environment: Arc<Environment>) {
    let store = environment.port();
    let rows = [
        audited(1, "usr_a", "review.proposed", "txn_1"),
        audited(2, "usr_b", "review.approved", "txn_1"),
        audited(3, "usr_a", "user.blocked", "usr_c"),
        audited(4, "system", "operator.added", "usr_a"),
    ];
    put(store, rows.clone().map(Write::InsertAudit).to_vec()).await;
    let text = |text: &str| Some(text.to_owned());
    let all = AuditFilter {
        limit: 10,
        ..AuditFilter::default()
    };
    let cases: [(AuditFilter, &[usize]); 7] = [
        (all.clone(), &[3, 2, 1, 0]),
        (
            AuditFilter {
                limit: 2,
                ..all.clone()
            },
            &[3, 2],
        ),
        (
            AuditFilter {
                before: Some(rows[2].id),
                ..all.clone()
            },
            &[1, 0],
        ),
        (
            AuditFilter {
                subject: text("txn_1"),
                ..all.clone()
            },
            &[1, 0],
        ),
        (
            AuditFilter {
                actor: text("usr_a"),
                ..all.clone()
            },
            &[2, 0],
        ),
        (
            AuditFilter {
                subject: text("txn_1"),
                actor: text("usr_a"),
                action: text("review.proposed"),
                ..all.clone()
            },
            &[0],
        ),
        (
            AuditFilter {
                action: text("review"),
                ..all
            },
            &[],
        ),
    ];
    for (filter, expected) in cases {
        let found = store.audit_trail(&filter).await.unwrap();
        let expected: Vec<AuditRow> = expected.iter().map(|at| rows[*at].clone()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

pub async fn people_are_listed_and_blocked(environment: Arc<Environment>) {
    let store = environment.port();
    let writes = (1..=3).map(|n| Write::InsertUser(user(n))).collect();
    put(store, writes).await;
    assert_eq!(store.users(None, 2).await.unwrap(), [user(3), user(2)]);
    let rest = store.users(Some(user(2).id), 10).await.unwrap();
    assert_eq!(rest, [user(1)]);

    let session = |n: u64, of: u64| SessionRow {
        id: SessionId::from_bytes(bytes(n)),
        user_id: user(of).id,
        token_hash: [u8::try_from(n).unwrap(); 32],
        created_at: START,
        expires_at: after(60),
    };
    let (id, at) = (user(1).id, Some(after(5)));
    put(
        store,
        vec![
            Write::InsertSession(session(1, 1)),
            Write::InsertSession(session(2, 1)),
            Write::InsertSession(session(3, 2)),
            Write::BlockUser { id, at },
            Write::DeleteSessions(id),
        ],
    )
    .await;
    let found = store.user(id).await.unwrap().unwrap();
    assert_eq!(found.blocked_at, at);
    assert_eq!(store.user(user(2).id).await.unwrap(), Some(user(2)));
    for (n, is_kept) in [(1, false), (2, false), (3, true)] {
        let found = store.session_by_token_hash(&[n; 32]).await.unwrap();
        assert_eq!(found.is_some(), is_kept, "{n}");
    }
    // The same value once more changes nothing, and none lets the user in again.
    put(store, vec![Write::BlockUser { id, at }]).await;
    put(store, vec![Write::BlockUser { id, at: None }]).await;
    assert_eq!(store.user(id).await.unwrap(), Some(user(1)));
}

pub async fn only_a_dead_job_is_revived(environment: Arc<Environment>) {
    let store = environment.port();
    let now = environment.now();
    let dead = |n: u64| JobRow {
        state: JobState::Dead,
        visible_at: None,
        tries: 7,
        last_error: Some("no".into()),
        ..job(n, now)
    };
    let alive = job(2, now);
    put(
        store,
        vec![
            Write::InsertJob(dead(1)),
            Write::InsertJob(alive.clone()),
            Write::InsertJob(dead(3)),
        ],
    )
    .await;
    let state = Some(JobState::Dead);
    let found = store.jobs_before(state, None, 10).await.unwrap();
    assert_eq!(found, [dead(3), dead(1)]);
    let older = store.jobs_before(state, Some(dead(3).id), 10).await;
    assert_eq!(older.unwrap(), [dead(1)]);
    let all = store.jobs_before(None, None, 2).await.unwrap();
    assert_eq!(all, [dead(3), alive.clone()]);

    let revive = |id| vec![Write::ReviveJob { id, at: now }];
    put(store, revive(dead(1).id)).await;
    let of = store.jobs_of(TransactionId::from_bytes(bytes(1))).await;
    let revived = JobRow {
        state: JobState::Ready,
        visible_at: Some(now),
        tries: 0,
        ..dead(1)
    };
    assert_eq!(of.unwrap(), [revived]);
    for id in [alive.id, dead(1).id, JobId::from_bytes(bytes(9))] {
        let refused = refusal(store, revive(id)).await;
        assert_eq!(refused, StoreError::Stale("job"), "{id}");
    }
}

pub async fn alerts_and_events_are_read_by_page_and_by_transaction(environment: Arc<Environment>) {
    let store = environment.port();
    let alert = |n: u64| AlertRow {
        id: AlertId::from_bytes(bytes(n)),
        kind: "suspense".into(),
        transaction_id: None,
        gateway: None,
        message: "R$ 10,00 belong to nobody".into(),
        raised_at: after(u32::try_from(n).unwrap()),
    };
    let event = |n: u64, transaction: u64, version: u64| EventRow {
        id: EventId::from_bytes(bytes(n)),
        kind: "payout.queued".into(),
        transaction_id: Some(TransactionId::from_bytes(bytes(transaction))),
        transaction_version: Some(version),
        wallet_id: None,
        user_id: None,
        body: "{}".into(),
        occurred_at: START,
        position: None,
    };
    let mut writes: Vec<Write> = (1..=3).map(|n| Write::InsertAlert(alert(n))).collect();
    for (n, transaction, version) in [(1, 7, 2), (2, 7, 1), (3, 8, 1)] {
        writes.push(Write::InsertEvent(event(n, transaction, version)));
    }
    put(store, writes).await;
    assert_eq!(
        store.alerts_before(None, 2).await.unwrap(),
        [alert(3), alert(2)]
    );
    let older = store.alerts_before(Some(alert(2).id), 10).await.unwrap();
    assert_eq!(older, [alert(1)]);
    let told = store.events_of(TransactionId::from_bytes(bytes(7))).await;
    assert_eq!(told.unwrap(), [event(2, 7, 1), event(1, 7, 2)]);
}

pub async fn what_is_under_way_is_listed_by_its_own_index(environment: Arc<Environment>) {
    let store = environment.port();
    let mut writes = Vec::new();
    for n in 1..=4u64 {
        let mut row = payout(n, 1);
        if n % 2 == 0 {
            row.stage = "in_doubt".into();
        }
        writes.push(Write::InsertTransaction(row));
    }
    put(store, writes).await;
    let filter = TransactionFilter {
        status: Some(domain::status::Status::Pending),
        stage: Some("in_doubt".into()),
        limit: 10,
        ..TransactionFilter::default()
    };
    let ids = |rows: Vec<TransactionRow>| -> Vec<TransactionId> {
        rows.iter().map(|row| row.id).collect()
    };
    let found = ids(store.transactions(&filter).await.unwrap());
    assert_eq!(found, [payout(4, 1).id, payout(2, 1).id]);
    let older = TransactionFilter {
        before: Some(payout(4, 1).id),
        ..filter
    };
    assert_eq!(
        ids(store.transactions(&older).await.unwrap()),
        [payout(2, 1).id]
    );
}
