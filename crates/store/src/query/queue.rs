//! Jobs and events.

use app::ports::store::*;
use domain::ids::{JobId, TransactionId, UserId};
use domain::time::Moment;

use super::many;
use crate::rows::{self, Reader};
use crate::sql::queue;
use crate::tx::{Done, Tx};
use crate::value::args;

/// The server's clock, which all processes share.
pub(crate) async fn shared_clock(tx: &mut Tx) -> Done<Option<Moment>> {
    if !tx.is_mysql() {
        // The file has one owner, whose clock is the only one.
        return Ok(None);
    }
    let micros = tx.int(queue::CLOCK, args![]).await?;
    Ok(micros.map(Moment::from_micros))
}

pub(crate) async fn next_job_at(tx: &mut Tx) -> Done<Option<Moment>> {
    let micros = tx.int(queue::NEXT_JOB_AT, args![]).await?;
    Ok(micros.map(Moment::from_micros))
}

pub(crate) async fn jobs(tx: &mut Tx, state: Option<JobState>, limit: u32) -> Done<Vec<JobRow>> {
    match state {
        None => many(tx, queue::JOBS, args![limit], rows::job).await,
        Some(state) => {
            let args = args![rows::state_name(state), limit];
            many(tx, queue::JOBS_IN, args, rows::job).await
        }
    }
}

pub(crate) async fn jobs_before(
    tx: &mut Tx,
    state: Option<JobState>,
    before: Option<JobId>,
    limit: u32,
) -> Done<Vec<JobRow>> {
    let before = before.unwrap_or(JobId::from_bytes([0xff; 16]));
    match state {
        None => many(tx, queue::JOBS_BEFORE, args![before, limit], rows::job).await,
        Some(state) => {
            let args = args![rows::state_name(state), before, limit];
            many(tx, queue::JOBS_IN_BEFORE, args, rows::job).await
        }
    }
}

pub(crate) async fn jobs_of(tx: &mut Tx, transaction: TransactionId) -> Done<Vec<JobRow>> {
    many(tx, queue::JOBS_OF, args![transaction], rows::job).await
}

pub(crate) async fn events_of(tx: &mut Tx, transaction: TransactionId) -> Done<Vec<EventRow>> {
    many(tx, queue::EVENTS_OF, args![transaction], rows::event).await
}

pub(crate) async fn queue_depth(tx: &mut Tx) -> Done<QueueDepth> {
    let mut counts = [0; 2];
    for (count, state) in counts.iter_mut().zip([JobState::Ready, JobState::Dead]) {
        let args = args![rows::state_name(state)];
        if let Some(columns) = tx.row(queue::JOBS_COUNT, args).await? {
            *count = Reader::new("jobs", columns).count("count")?;
        }
    }
    let [ready, dead] = counts;
    Ok(QueueDepth {
        ready,
        dead,
        oldest_ready: next_job_at(tx).await?,
    })
}

pub(crate) async fn events_after(
    tx: &mut Tx,
    position: u64,
    user: Option<UserId>,
    limit: u32,
) -> Done<Vec<EventRow>> {
    match user {
        None => many(tx, queue::EVENTS_AFTER, args![position, limit], rows::event).await,
        Some(user) => {
            let args = args![user, position, limit];
            many(tx, queue::EVENTS_AFTER_OF, args, rows::event).await
        }
    }
}

pub(crate) async fn last_position(tx: &mut Tx) -> Done<u64> {
    match tx.row(queue::LAST_POSITION, args![]).await? {
        None => Ok(0),
        Some(columns) => Ok(Reader::new("counters", columns).count("value")?),
    }
}
