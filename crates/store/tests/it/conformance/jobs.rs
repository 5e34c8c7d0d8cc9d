//! The queue: leases, their tokens, and who may end a job.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use app::ports::store::*;
use domain::ids::*;
use domain::time::{Moment, Span};
use testkit::wait_until;

use crate::build::*;
use crate::environment::Environment;

const LONG: Span = Span::from_seconds(3_600);
const MOMENT: Span = Span::from_millis(1);
const LIMIT: Duration = Duration::from_secs(20);

fn past(environment: &Environment) -> Moment {
    environment.now().minus(Span::from_seconds(60))
}

fn later(environment: &Environment) -> Moment {
    environment.now().plus(LONG)
}

async fn claim(environment: &Environment, lease: Span) -> Vec<JobRow> {
    let now = environment.now();
    environment
        .port()
        .claim_jobs(&[], now, lease, 100)
        .await
        .unwrap()
}

fn lease_of(job: &JobRow) -> Lease {
    Lease {
        job_id: job.id,
        token: job.token,
    }
}

fn lock_lease(lease: Lease) -> Locks {
    Locks {
        lease: Some(lease),
        ..Locks::default()
    }
}

pub async fn a_lease_belongs_to_one_worker_until_it_ends(environment: Arc<Environment>) {
    let store = environment.port();
    put(store, vec![Write::InsertJob(job(1, past(&environment)))]).await;
    let claimed = claim(&environment, LONG).await;
    assert_eq!(claimed.len(), 1);
    assert_eq!((claimed[0].token, claimed[0].tries), (1, 0));
    assert!(claimed[0].visible_at.unwrap() > environment.now());
    assert_eq!(claim(&environment, LONG).await, vec![]);

    let lease = lease_of(&claimed[0]);
    let seen = see(store, lock_lease(lease)).await;
    assert_eq!(seen.job.as_ref(), Some(&claimed[0]));
    let until = later(&environment).plus(LONG);
    put(store, vec![Write::ExtendLease { lease, until }]).await;
    assert_eq!(store.next_job_at().await.unwrap(), Some(until));

    put(
        store,
        vec![Write::RescheduleJob {
            lease,
            visible_at: past(&environment),
            tries: 2,
            last_error: Some("a timeout".into()),
        }],
    )
    .await;
    assert_eq!(
        see(store, lock_lease(lease)).await.job,
        None,
        "it has ended"
    );
    let stale = refusal(store, vec![Write::FinishJob(lease)]).await;
    assert_eq!(stale, StoreError::Stale("lease"));
    let claimed = claim(&environment, LONG).await;
    assert_eq!((claimed[0].token, claimed[0].tries), (2, 2));
    assert_eq!(claimed[0].last_error.as_deref(), Some("a timeout"));

    let lease = lease_of(&claimed[0]);
    put(store, vec![Write::FinishJob(lease)]).await;
    assert_eq!(see(store, lock_lease(lease)).await.job, None, "it is done");
    assert_eq!(store.next_job_at().await.unwrap(), None);
    let done = store.jobs(Some(JobState::Done), 10).await.unwrap();
    assert_eq!(done.len(), 1);
    assert_eq!(done[0].visible_at, None);
}

pub async fn a_lapsed_lease_is_a_try_and_its_holder_is_refused(environment: Arc<Environment>) {
    let store = environment.port();
    put(store, vec![Write::InsertJob(job(1, past(&environment)))]).await;
    let first = claim(&environment, MOMENT).await.remove(0);
    let second = wait_until("the lease's end", LIMIT, || async {
        claim(&environment, LONG).await.pop()
    })
    .await;
    assert_eq!((second.token, second.tries), (2, 1));
    let old = lease_of(&first);
    assert_eq!(see(store, lock_lease(old)).await.job, None);
    let late = [
        Write::FinishJob(old),
        Write::ExtendLease {
            lease: old,
            until: later(&environment),
        },
        Write::BuryJob {
            lease: old,
            last_error: "late".into(),
        },
        Write::RescheduleJob {
            lease: old,
            visible_at: START,
            tries: 0,
            last_error: None,
        },
    ];
    for write in late {
        let before = Write::InsertEvent(event(1, None));
        let error = refusal(store, vec![before, write]).await;
        assert_eq!(error, StoreError::Stale("lease"));
    }
    assert_eq!(store.totals().await.unwrap().events, 0);
    let lease = lease_of(&second);
    put(
        store,
        vec![Write::BuryJob {
            lease,
            last_error: "panicked".into(),
        }],
    )
    .await;
    let depth = store.queue_depth().await.unwrap();
    assert_eq!((depth.ready, depth.dead, depth.oldest_ready), (0, 1, None));
    let dead = store.jobs(Some(JobState::Dead), 10).await.unwrap();
    assert_eq!(dead[0].last_error.as_deref(), Some("panicked"));
    assert_eq!(
        claim(&environment, LONG).await,
        vec![],
        "the dead stay dead"
    );
}

pub async fn a_lapsed_lease_holds_until_someone_takes_it(environment: Arc<Environment>) {
    let store = environment.port();
    put(store, vec![Write::InsertJob(job(1, past(&environment)))]).await;
    let claimed = claim(&environment, MOMENT).await.remove(0);
    wait_until("the lease's end", LIMIT, || async {
        (environment.now() > claimed.visible_at.unwrap()).then_some(())
    })
    .await;
    put(store, vec![Write::FinishJob(lease_of(&claimed))]).await;
}

pub async fn kinds_order_and_future_are_respected(environment: Arc<Environment>) {
    let store = environment.port();
    let past = past(&environment);
    let mut writes = Vec::new();
    for n in 1..=20 {
        let mut row = job(
            n,
            past.plus(Span::from_millis(20 - u32::try_from(n).unwrap())),
        );
        row.kind = format!("kind{}.v1", n % 10);
        writes.push(Write::InsertJob(row));
    }
    let mut future = job(50, later(&environment));
    future.kind = "kind3.v1".into();
    writes.push(Write::InsertJob(future.clone()));
    put(store, writes).await;
    let depth = store.queue_depth().await.unwrap();
    assert_eq!((depth.ready, depth.dead), (21, 0));
    assert_eq!(
        depth.oldest_ready,
        Some(past),
        "the twentieth is the oldest"
    );

    let now = environment.now();
    let kinds = ["kind3.v1"];
    let claimed = store.claim_jobs(&kinds, now, LONG, 10).await.unwrap();
    let ids: BTreeSet<JobId> = claimed.iter().map(|job| job.id).collect();
    assert_eq!(ids, BTreeSet::from([job(3, START).id, job(13, START).id]));

    let one = store.claim_jobs(&[], now, LONG, 1).await.unwrap();
    assert_eq!(one[0].id, job(20, START).id, "the longest visible first");

    let all: Vec<String> = (0..10).map(|n| format!("kind{n}.v1")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let rest = store.claim_jobs(&all, now, LONG, 100).await.unwrap();
    assert_eq!(rest.len(), 17, "more kinds than one statement names");
    assert_eq!(
        store.claim_jobs(&all, now, LONG, 100).await.unwrap(),
        vec![]
    );

    let wake = |n| Write::WakeJobs {
        transaction_id: TransactionId::from_bytes(bytes(n)),
        at: past,
    };
    put(store, vec![wake(50), wake(3), wake(777)]).await;
    let woken = claim(&environment, LONG).await;
    assert_eq!(woken.len(), 1, "leased and absent jobs are not woken");
    assert_eq!(woken[0].id, future.id);
}

pub async fn eight_workers_lease_eight_hundred_jobs_once_each(environment: Arc<Environment>) {
    const JOBS: u64 = 800;
    let past = past(&environment);
    for start in (0..JOBS).step_by(100) {
        let rows = start..start + 100;
        let writes = rows.map(|n| Write::InsertJob(job(n, past))).collect();
        put(environment.port(), writes).await;
    }
    let mut workers = Vec::new();
    for _ in 0..8 {
        let environment = Arc::clone(&environment);
        workers.push(tokio::spawn(async move {
            let mut mine = Vec::new();
            loop {
                let now = environment.now();
                let claim = environment.store.claim_jobs(&[], now, LONG, 7);
                let claimed = claim.await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                assert!(claimed.iter().all(|job| job.token == 1));
                mine.extend(claimed.into_iter().map(|job| job.id));
            }
        }));
    }
    let mut all = Vec::new();
    for worker in workers {
        all.extend(worker.await.unwrap());
    }
    // A worker that meets only rows under another's claim goes home early; one takes the rest.
    all.extend(claim(&environment, LONG).await.iter().map(|job| job.id));
    let distinct: BTreeSet<JobId> = all.iter().copied().collect();
    assert_eq!(distinct.len(), all.len(), "a job was leased twice");
    assert_eq!(all.len() as u64, JOBS);
}
