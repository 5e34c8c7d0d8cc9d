//! Jobs, and events with their sequencer.

use super::statements;

macro_rules! job_columns {
    () => {
        "id, kind, transaction_id, payload, visible_at, state, tries, token, last_error, created_at"
    };
}
macro_rules! event_columns {
    () => {
        "id, kind, transaction_id, transaction_version, wallet_id, user_id, body, occurred_at, position"
    };
}
/// Up to eight kinds; the caller repeats the last one, and says 0 when any kind will do.
macro_rules! claimable {
    ($hint:literal, $lock:literal) => {
        concat!(
            "SELECT id FROM jobs",
            $hint,
            " WHERE visible_at <= ? AND (? = 0 OR kind IN (?, ?, ?, ?, ?, ?, ?, ?)) \
             ORDER BY visible_at, id LIMIT ?",
            $lock
        )
    };
}
/// How many kinds a claim names, and how many jobs one statement leases.
pub(crate) const KINDS: usize = 8;
pub(crate) const LEASES: usize = 16;
macro_rules! sixteen {
    () => {
        "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    };
}

statements! {
    // Leases are measured on the database's clock, which all workers share.
    CLOCK: jobs, "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
        sqlite "SELECT CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
    INSERT_JOB: jobs, "INSERT INTO jobs (id, kind, transaction_id, payload, visible_at, state, leased, tries, token, last_error, created_at) VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)";
    CLAIMABLE: jobs, claimable!(" FORCE INDEX (jobs_visible)", " FOR UPDATE SKIP LOCKED"), sqlite claimable!("", "");
    // `tries` is set before `leased`: MySQL assigns from left to right. A job that is leased while
    // it can be claimed again ran out of its lease, which counts as a try.
    LEASE: jobs, concat!("UPDATE jobs SET tries = tries + leased, token = token + 1, leased = 1, visible_at = ? WHERE id IN ", sixteen!());
    LEASED: jobs, concat!("SELECT ", job_columns!(), " FROM jobs WHERE id IN ", sixteen!(), " ORDER BY created_at, id");
    VOID_LEASES: jobs, "UPDATE jobs SET visible_at = 0 WHERE leased = 1 AND state = 'ready'";
    LOCK_JOB: jobs, concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = ? AND token = ? AND leased = 1 AND state = 'ready' FOR UPDATE"),
        sqlite concat!("SELECT ", job_columns!(), " FROM jobs WHERE id = ? AND token = ? AND leased = 1 AND state = 'ready'");
    FINISH_JOB: jobs, "UPDATE jobs SET state = 'done', leased = 0, visible_at = NULL WHERE id = ? AND token = ? AND leased = 1 AND state = 'ready'";
    RESCHEDULE_JOB: jobs, "UPDATE jobs SET leased = 0, visible_at = ?, tries = ?, last_error = ? WHERE id = ? AND token = ? AND leased = 1 AND state = 'ready'";
    // The caller's clock says until when; leases are liveness only, so a skew costs time, not money.
    EXTEND_LEASE: jobs, "UPDATE jobs SET visible_at = ? WHERE id = ? AND token = ? AND leased = 1 AND state = 'ready'";
    BURY_JOB: jobs, "UPDATE jobs SET state = 'dead', leased = 0, visible_at = NULL, last_error = ? WHERE id = ? AND token = ? AND leased = 1 AND state = 'ready'";
    // A leased job is not woken: its worker is looking, and says itself when to look again.
    WAKE_JOBS: jobs, "UPDATE jobs SET visible_at = ? WHERE transaction_id = ? AND state = 'ready' AND leased = 0 AND visible_at > ?";
    READY_JOBS_OF: jobs, "SELECT COUNT(*) FROM jobs WHERE transaction_id = ? AND state = 'ready'";
    NEXT_JOB_AT: jobs, "SELECT MIN(visible_at) FROM jobs WHERE visible_at IS NOT NULL";
    JOBS: jobs, concat!("SELECT ", job_columns!(), " FROM jobs ORDER BY id DESC LIMIT ?");
    JOBS_IN: jobs, concat!("SELECT ", job_columns!(), " FROM jobs WHERE state = ? ORDER BY id DESC LIMIT ?");
    JOBS_BEFORE: jobs, concat!("SELECT ", job_columns!(), " FROM jobs WHERE id < ? ORDER BY id DESC LIMIT ?");
    JOBS_IN_BEFORE: jobs, concat!("SELECT ", job_columns!(), " FROM jobs WHERE state = ? AND id < ? ORDER BY id DESC LIMIT ?");
    JOBS_OF: jobs, concat!("SELECT ", job_columns!(), " FROM jobs WHERE transaction_id = ? ORDER BY id");
    REVIVE_JOB: jobs, "UPDATE jobs SET state = 'ready', leased = 0, visible_at = ?, tries = 0 WHERE id = ? AND state = 'dead'";
    JOBS_COUNT: jobs, "SELECT COUNT(*) FROM jobs WHERE state = ?";

    INSERT_EVENT: events, "INSERT INTO events (id, kind, transaction_id, transaction_version, wallet_id, user_id, body, occurred_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    POSITION_EVENTS: events, "UPDATE events e JOIN (SELECT n, ROW_NUMBER() OVER (ORDER BY n) AS place FROM events WHERE position IS NULL ORDER BY n LIMIT ?) s ON s.n = e.n SET e.position = ? + s.place",
        sqlite "WITH s AS (SELECT n, ROW_NUMBER() OVER (ORDER BY n) AS place FROM events WHERE position IS NULL ORDER BY n LIMIT ?) UPDATE events SET position = ? + s.place FROM s WHERE events.n = s.n";
    EVENTS_AFTER: events, concat!("SELECT ", event_columns!(), " FROM events WHERE position > ? ORDER BY position LIMIT ?");
    EVENTS_AFTER_OF: events, concat!("SELECT ", event_columns!(), " FROM events FORCE INDEX (events_user) WHERE user_id = ? AND position > ? ORDER BY position LIMIT ?"),
        sqlite concat!("SELECT ", event_columns!(), " FROM events WHERE user_id = ? AND position > ? ORDER BY position LIMIT ?");
    EVENTS_OF: events, concat!("SELECT ", event_columns!(), " FROM events WHERE transaction_id = ? ORDER BY transaction_version");
    LAST_POSITION: counters, "SELECT value FROM counters WHERE name = 'events.position'";
}
