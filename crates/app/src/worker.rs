//! The worker: claims jobs, runs them side by side, and deals with those that fail.
//!
//! Leases serve liveness only: a worker that dies or freezes loses its jobs to another after a
//! while, and what it did meanwhile is judged by the payment's own rules. An idle worker sleeps
//! until the bell of a commit rings or the next job becomes visible. Panics are caught and count as
//! a failed run; a money job that keeps failing hands its payment to people, any other is buried
//! with an alert.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::ids::{AlertId, JobId};
use domain::retry::Backoff;
use domain::time::Span;
use futures::FutureExt;
use futures::future::select;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::context::{App, CommitError, Decision};
use crate::events;
use crate::jobs::{self, JobError};
use crate::measure;
use crate::outgoing::commits::Passed;
use crate::outgoing::ends::end_overdue;
use crate::ports::store::{AlertRow, JobRow, Lease, Locks, StoreError, Write};

/// A job that is visible and could not be claimed (another worker was faster, or the database's clock
/// is behind ours) is not asked for in a spin.
const SHORTEST_PAUSE: Span = Span::from_millis(10);
/// Between two tries of a claim that the database refused.
const TROUBLE_WAIT: Span = Span::from_seconds(1);

const RETRY: Backoff = Backoff {
    first: Span::from_seconds(1),
    longest: Span::from_seconds(300),
    jitter_percent: 30,
};

/// The leases that this process holds: what it has to hand back when it cannot wait for their end.
#[derive(Clone, Default)]
pub struct Held(Arc<Mutex<BTreeMap<JobId, JobRow>>>);

impl Held {
    /// From now on this job is held.
    pub fn add(&self, job: &JobRow) {
        self.lock().insert(job.id, job.clone());
    }

    fn remove(&self, id: JobId) {
        self.lock().remove(&id);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<JobId, JobRow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives every job back as it was claimed, so that another process may take it at once; how
    /// many those were. What this process still does with one counts as done under a lost lease.
    pub async fn hand_back(&self, app: &App) -> usize {
        let jobs: Vec<JobRow> = self.lock().values().cloned().collect();
        let mut given = 0;
        for job in jobs {
            let lease = Lease {
                job_id: job.id,
                token: job.token,
            };
            let write = Write::RescheduleJob {
                lease,
                visible_at: app.now(),
                tries: job.tries,
                last_error: job.last_error.clone(),
            };
            match held(app, lease, vec![write]).await {
                Ok(()) => given += 1,
                // The lease runs out by itself.
                Err(error) => tracing::warn!(job = %job.id, %error, "a job was not handed back"),
            }
        }
        given
    }
}

/// Works until told to stop, then waits for the jobs under way.
pub async fn work(app: App, at_once: usize, stop: watch::Receiver<bool>) {
    work_holding(app, at_once, stop, Held::default()).await;
}

/// The same, telling which leases are held meanwhile.
pub async fn work_holding(app: App, at_once: usize, mut stop: watch::Receiver<bool>, leases: Held) {
    let slots = Arc::new(Semaphore::new(at_once));
    while !*stop.borrow() {
        // Listening starts before the claim, so that a commit between the two is not missed.
        let bell = app.bell.clone();
        let mut rung = std::pin::pin!(bell.notified());
        rung.as_mut().enable();
        let free = slots.available_permits();
        let claimed = if free == 0 {
            Ok(0)
        } else {
            claim(&app, &slots, free, &leases).await
        };
        let pause = match claimed {
            Ok(count) if count > 0 && count == free => continue,
            // Every slot is taken: the next to end wakes this loop.
            Ok(_) if free == 0 => app.settings.idle_look,
            Ok(_) => until_next(&app).await,
            Err(error) => {
                tracing::warn!(%error, "cannot claim jobs");
                TROUBLE_WAIT
            }
        };
        let slot_freed = wait_for_slot(&slots, free == 0).boxed();
        let rested = select(app.runtime.sleep(pause), slot_freed).boxed();
        select(select(rung, rested), stop.changed().boxed()).await;
    }
    // Draining: every slot is free again when the last job has ended.
    let all = u32::try_from(at_once).unwrap_or(u32::MAX);
    let _drained = slots.acquire_many(all).await;
}

async fn wait_for_slot(slots: &Semaphore, all_taken: bool) {
    if all_taken {
        let _freed = slots.acquire().await;
    } else {
        std::future::pending::<()>().await;
    }
}

/// The time until the next job becomes visible, within [`SHORTEST_PAUSE`] and the idle look.
async fn until_next(app: &App) -> Span {
    let longest = app.settings.idle_look;
    match app.store.next_job_at().await {
        Ok(Some(at)) => at.since(app.now()).max(SHORTEST_PAUSE).min(longest),
        Ok(None) | Err(_) => longest,
    }
}

async fn claim(
    app: &App,
    slots: &Arc<Semaphore>,
    free: usize,
    leases: &Held,
) -> Result<usize, StoreError> {
    let limit = u32::try_from(free).unwrap_or(u32::MAX);
    let claimed = app
        .store
        .claim_jobs(&jobs::KINDS, app.now(), app.settings.job_lease, limit)
        .await?;
    let count = claimed.len();
    for job in claimed {
        let slot = slots.clone().try_acquire_owned();
        let Ok(slot) = slot else {
            // Another loop on the same slots took it; the lease runs out and the job comes back.
            continue;
        };
        leases.add(&job);
        app.runtime.spawn(
            "job",
            run_one(app.clone(), job, slot, leases.clone()).boxed(),
        );
    }
    Ok(count)
}

/// Runs one claimed job to its end and puts away what failed. Public for tests and the simulator.
pub async fn run_claimed(app: &App, job: &JobRow) {
    let outcome = if job.tries >= app.settings.job_tries {
        Err(JobError::Fail(format!(
            "it has failed {} times, lost leases included",
            job.tries
        )))
    } else {
        match AssertUnwindSafe(jobs::run(app, job)).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(_) => Err(JobError::Retry("it panicked".to_owned())),
        }
    };
    if let Err(error) = outcome {
        put_away(app, job, &error).await;
    }
}

async fn run_one(app: App, job: JobRow, slot: OwnedSemaphorePermit, leases: Held) {
    let started = app.now();
    run_claimed(&app, &job).await;
    measure::job_ended(&job.kind, app.now().since(started));
    leases.remove(job.id);
    drop(slot);
    app.bell.notify_waiters();
}

async fn put_away(app: &App, job: &JobRow, error: &JobError) {
    measure::job_failed(&job.kind);
    tracing::warn!(job = %job.id, kind = job.kind, tries = job.tries, %error, "a job failed");
    let again = matches!(error, JobError::Retry(_)) && job.tries + 1 < app.settings.job_tries;
    let done = if again {
        retry_later(app, job, error).await
    } else {
        give_up(app, job, error).await
    };
    if let Err(trouble) = done {
        // The lease runs out and another run counts this one as failed.
        tracing::warn!(job = %job.id, error = %trouble, "a failed job could not be put away");
    }
}

async fn retry_later(app: &App, job: &JobRow, error: &JobError) -> Result<(), StoreError> {
    let lease = Lease {
        job_id: job.id,
        token: job.token,
    };
    let tries = job.tries + 1;
    let visible_at = app.now().plus(RETRY.after(tries, app.draw()));
    let write = Write::RescheduleJob {
        lease,
        visible_at,
        tries,
        last_error: Some(error.to_string()),
    };
    held(app, lease, vec![write]).await
}

/// The last try has failed: a payment goes to people, every other job is buried.
async fn give_up(app: &App, job: &JobRow, error: &JobError) -> Result<(), StoreError> {
    let lease = Lease {
        job_id: job.id,
        token: job.token,
    };
    if job.kind == jobs::PAYOUT || job.kind == jobs::REFUND {
        let found = match job.transaction_id {
            Some(id) => app.store.transaction(id).await?,
            None => None,
        };
        if let Some(found) = found {
            match end_overdue(app, &found, Some(lease)).await {
                Ok(()) => return Ok(()),
                // Already in review or ended: keep the job going, slowly.
                Err(CommitError::Refused(Passed::Moved)) => {
                    let visible_at = app.now().plus(RETRY.longest);
                    let write = Write::RescheduleJob {
                        lease,
                        visible_at,
                        tries: 0,
                        last_error: Some(error.to_string()),
                    };
                    return held(app, lease, vec![write]).await;
                }
                Err(CommitError::Refused(Passed::LeaseLost)) => return Ok(()),
                Err(
                    CommitError::Refused(Passed::Corrupt(trouble)) | CommitError::Store(trouble),
                ) => {
                    tracing::error!(transaction = %found.row.id, error = %trouble, "a payment cannot be put to review");
                }
            }
        }
    }
    let mut ids = app.ids().start();
    let alert = AlertRow {
        id: AlertId::from_bytes(ids.make()),
        kind: "job_buried".to_owned(),
        transaction_id: job.transaction_id,
        gateway: None,
        message: format!("a job of kind {} failed for good: {error}", job.kind),
        raised_at: app.now(),
    };
    let mut writes: Vec<Write> = events::alert(&mut ids, alert).into();
    writes.push(Write::BuryJob {
        lease,
        last_error: error.to_string(),
    });
    held(app, lease, writes).await
}

/// Commits the writes if the lease is still held.
async fn held(app: &App, lease: Lease, writes: Vec<Write>) -> Result<(), StoreError> {
    let locks = Locks {
        lease: Some(lease),
        ..Locks::default()
    };
    let done: Result<(), CommitError<()>> = app
        .commit("put_away", locks, move |locked| match &locked.job {
            Some(_) => Decision::Commit(writes.clone(), ()),
            None => Decision::Refuse(()),
        })
        .await;
    match done {
        Ok(()) | Err(CommitError::Refused(())) => Ok(()),
        Err(CommitError::Store(error)) => Err(error),
    }
}

/// Repeats a periodic task without input until told to stop. The task is idempotent; a failure is
/// logged and tried again at the next turn.
pub async fn repeat<F>(
    app: App,
    name: &'static str,
    period: Span,
    mut stop: watch::Receiver<bool>,
    task: impl Fn(App) -> F + Send,
) where
    F: Future<Output = Result<(), StoreError>> + Send,
{
    while !*stop.borrow() {
        match AssertUnwindSafe(task(app.clone())).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(task = name, %error, "a periodic task failed"),
            Err(_) => tracing::error!(task = name, "a periodic task panicked"),
        }
        let sleep = app.runtime.sleep(period);
        select(sleep, stop.changed().boxed()).await;
    }
}

/// Runs a task after every commit, and at every idle look.
pub async fn repeat_on_bell<F>(
    app: App,
    name: &'static str,
    mut stop: watch::Receiver<bool>,
    task: impl Fn(App) -> F + Send,
) where
    F: Future<Output = Result<(), StoreError>> + Send,
{
    while !*stop.borrow() {
        let bell = app.bell.clone();
        let mut rung = std::pin::pin!(bell.notified());
        rung.as_mut().enable();
        if let Err(error) = task(app.clone()).await {
            tracing::warn!(task = name, %error, "a task failed");
        }
        select(
            select(rung, app.runtime.sleep(app.settings.idle_look)),
            stop.changed().boxed(),
        )
        .await;
    }
}
