//! The units of work before a call: [`open_first_send`] or [`open_resend`] commits the intent, under
//! the job's lease, and keeps the lease past the end of the call. What comes after it is
//! [`super::absorb`].

use domain::dispatch::AttemptPlan;
use domain::gateway::Gateway;
use domain::ids::{AttemptId, TransactionId};
use domain::payout::{OutgoingStage, OutgoingStep};
use domain::time::{Moment, Span};
use serde_json::json;

use crate::context::{App, CommitError, Decision, IdSeed, Settings};
use crate::events;
use crate::ports::gateway::PreparedRequest;
use crate::ports::store::*;
use crate::records::outgoing::{OutgoingRecord, float_move_id};
use crate::sabotage::{self, Sabotage};

/// Why a unit wrote nothing although nothing is wrong: the state it was meant for has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Passed {
    LeaseLost,
    Moved,
    Corrupt(StoreError),
}

impl From<StoreError> for Passed {
    fn from(error: StoreError) -> Passed {
        Passed::Corrupt(error)
    }
}

/// A send that may now be transmitted.
#[derive(Clone, Debug)]
pub struct OpenSend {
    pub attempt_number: u32,
    pub send_number: u32,
    pub gateway: Gateway,
    pub request: PreparedRequest,
    pub opened_at: Moment,
}

/// A dispatch decided outside: the plan, its bytes and its reasons.
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub plan: AttemptPlan,
    pub attempt_key: String,
    pub request: PreparedRequest,
    pub why: String,
    pub routing: String,
}

pub(crate) fn locks(row: &TransactionRow, lease: Option<Lease>) -> Locks {
    Locks {
        wallets: row.wallet().into_iter().collect(),
        transactions: vec![row.id],
        lease,
        float_moves: float_move_id(row).into_iter().collect(),
        ..Locks::default()
    }
}

pub(super) fn locked_record(
    locked: &Locked,
    id: TransactionId,
) -> Result<&TransactionRecord, Passed> {
    locked.transactions.get(&id).ok_or(Passed::Moved)
}

/// Commits the attempt and its first send.
pub async fn open_first_send(
    app: &App,
    row: &TransactionRow,
    dispatch: Dispatch,
    lease: Lease,
) -> Result<OpenSend, CommitError<Passed>> {
    let (seed, settings, id, version) = (app.ids(), app.settings.clone(), row.id, row.version);
    app.commit("open_first_send", locks(row, Some(lease)), move |locked| {
        let opened = held(locked)
            .and_then(|()| first_send(locked, id, version, &dispatch, lease, &settings, &seed));
        match opened {
            Ok((writes, send)) => Decision::Commit(writes, send),
            Err(passed) => Decision::Refuse(passed),
        }
    })
    .await
}

/// The attempt and its first send; whether the lease is held is the caller's to know.
#[allow(clippy::too_many_arguments)]
pub(super) fn first_send(
    locked: &Locked,
    id: TransactionId,
    version: u64,
    dispatch: &Dispatch,
    lease: Lease,
    settings: &Settings,
    seed: &IdSeed,
) -> Result<(Vec<Write>, OpenSend), Passed> {
    let second = sabotage::is(Sabotage::SecondLiveAttempt);
    let found = locked_record(locked, id)?;
    if found.row.version != version && !second {
        return Err(Passed::Moved);
    }
    let (now, mut ids) = (seed.now, seed.start());
    let plan = &dispatch.plan;
    let mut record = OutgoingRecord::load(&found.row)?;
    if second {
        record.stage = OutgoingStage::Queued { since: now };
    }
    record.row.gateway = Some(plan.gateway());
    record.facts.waiting_for = None;
    record.facts.waiting_since = None;
    let number = if second {
        1 + u32::try_from(found.attempts.len()).unwrap_or(u32::MAX)
    } else {
        plan.number()
    };
    let record = record
        .step(OutgoingStep::Dispatch { attempt: number }, now)
        .map_err(|_| Passed::Moved)?;
    let row = record.into_row(now, Some(now.plus(settings.sending_deadline)));
    let attempt = AttemptRow {
        id: AttemptId::from_bytes(ids.make()),
        transaction_id: id,
        number,
        gateway: plan.gateway(),
        attempt_key: dispatch.attempt_key.clone(),
        request: dispatch.request.0.clone(),
        live: !(second && found.attempts.iter().any(|earlier| earlier.row.live)),
        outcome: "open".to_owned(),
        reason: None,
        why: dispatch.why.clone(),
        licence: plan
            .licence()
            .filter(|_| !sabotage::is(Sabotage::FailOverWithoutLicence))
            .map(licence_text),
        routing: dispatch.routing.clone(),
        gateway_reference: None,
        evidence_version: 0,
        created_at: now,
        updated_at: now,
    };
    let send = open_send_row(attempt.id, 1, now, lease);
    let opened = OpenSend {
        attempt_number: number,
        send_number: 1,
        gateway: plan.gateway(),
        request: dispatch.request.clone(),
        opened_at: now,
    };
    let event = events::of_transaction(&mut ids, &row, &event_name(&row));
    let mut writes = vec![
        Write::InsertAttempt(attempt),
        Write::InsertSend(send),
        Write::SaveTransaction(row),
        event,
    ];
    writes.extend(
        locked
            .job
            .as_ref()
            .map(|_held| extend(lease, now, settings)),
    );
    Ok((writes, opened))
}

/// The job's lease must still be held.
fn held(locked: &Locked) -> Result<(), Passed> {
    let needless = sabotage::is(Sabotage::SendWithoutToken);
    if needless || sabotage::is(Sabotage::SecondLiveAttempt) {
        return Ok(());
    }
    locked.job.as_ref().map(|_held| ()).ok_or(Passed::LeaseLost)
}

/// The licence as stored and shown.
fn licence_text(licence: &domain::dispatch::FailoverLicence) -> String {
    json!({
        "kind": licence.kind(),
        "from_attempt": licence.from_attempt(),
        "code": Some(licence.code()).filter(|code| !code.is_empty()),
        "source": licence.source().map(|source| source.as_str()),
        "in_words": licence.in_words(),
    })
    .to_string()
}

fn open_send_row(attempt_id: AttemptId, number: u32, now: Moment, lease: Lease) -> SendRow {
    SendRow {
        attempt_id,
        number,
        opened_at: now,
        closed_at: None,
        verdict: None,
        class: None,
        code: None,
        lease_token: lease.token,
    }
}

/// The lease outlives the call, so that nobody takes the job over while an answer may come.
fn extend(lease: Lease, now: Moment, settings: &Settings) -> Write {
    Write::ExtendLease {
        lease,
        until: now.plus(settings.call_limit).plus(settings.job_lease),
    }
}

/// Commits one more send of the live attempt: the same bytes under the same key.
pub async fn open_resend(
    app: &App,
    row: &TransactionRow,
    attempt_number: u32,
    lease: Lease,
) -> Result<OpenSend, CommitError<Passed>> {
    let (settings, now, id) = (app.settings.clone(), app.now(), row.id);
    app.commit(
        "open_resend",
        locks(row, Some(lease)),
        move |locked| match resend(locked, id, attempt_number, lease, now) {
            Ok((send, opened)) => {
                let held = locked.job.as_ref();
                let extended = held.map(|_held| extend(lease, now, &settings));
                let send = std::iter::once(Write::InsertSend(send));
                Decision::Commit(send.chain(extended).collect(), opened)
            }
            Err(passed) => Decision::Refuse(passed),
        },
    )
    .await
}

fn resend(
    locked: &Locked,
    id: TransactionId,
    attempt_number: u32,
    lease: Lease,
    now: Moment,
) -> Result<(SendRow, OpenSend), Passed> {
    held(locked)?;
    let found = locked_record(locked, id)?;
    let stage = OutgoingRecord::load(&found.row)?.stage;
    let may_send = matches!(&stage, OutgoingStage::Sending { attempt, .. } | OutgoingStage::InDoubt { attempt, .. }
        if *attempt == attempt_number);
    let attempt = found
        .attempts
        .iter()
        .find(|attempt| attempt.row.number == attempt_number);
    let attempt = attempt.filter(|attempt| {
        may_send && attempt.row.live && attempt.sends.iter().all(|send| send.closed_at.is_some())
    });
    let attempt = attempt.ok_or(Passed::Moved)?;
    let number = attempt
        .sends
        .iter()
        .map(|send| send.number)
        .max()
        .unwrap_or(0)
        + 1;
    let opened = OpenSend {
        attempt_number,
        send_number: number,
        gateway: attempt.row.gateway,
        request: PreparedRequest(attempt.row.request.clone()),
        opened_at: now,
    };
    Ok((open_send_row(attempt.row.id, number, now, lease), opened))
}

/// How long to wait before the next lookup: it grows with the time already waited.
pub fn next_look(settings: &Settings, waited: Span, draw: u64) -> Span {
    let backoff = settings.lookups;
    let half = Span::from_millis(u32::try_from(waited.millis() / 2).unwrap_or(u32::MAX));
    let base = half.max(backoff.first).min(backoff.longest);
    domain::retry::Backoff {
        first: base,
        longest: base,
        ..backoff
    }
    .after(1, draw)
}

/// `payout.settled`, `refund.in_doubt` …; of the first version `payout.created`.
pub fn event_name(row: &TransactionRow) -> String {
    match row.version {
        1 => format!("{}.created", row.kind.as_str()),
        _ => format!("{}.{}", row.kind.as_str(), row.stage),
    }
}

impl Settings {
    /// When a stage entered at its `since` has reached its maximum age.
    pub fn stage_deadline(&self, stage: &OutgoingStage) -> Option<Moment> {
        let longest = match stage {
            OutgoingStage::Queued { .. } => self.queued_deadline,
            OutgoingStage::Sending { .. } => self.sending_deadline,
            OutgoingStage::Accepted { .. } => self.accepted_deadline,
            OutgoingStage::InDoubt { .. } => self.in_doubt_deadline,
            OutgoingStage::InReview { .. }
            | OutgoingStage::Settled { .. }
            | OutgoingStage::Returned { .. }
            | OutgoingStage::Rejected { .. }
            | OutgoingStage::Cancelled { .. } => return None,
        };
        Some(stage.since().plus(longest))
    }
}
