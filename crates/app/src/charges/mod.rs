//! Money in by PIX: asking for a charge, having a gateway make its code, and watching it.
//!
//! A request ([`request`]) commits the charge and its job. The job ([`job`]) has a gateway make the
//! code ([`create`]), commits each answer together with what follows from it ([`answer`]), and then
//! watches the charge until it is paid, expired or removed ([`watch`]). A code that may exist at a
//! gateway but is not the one shown is an orphan with a durable job of its own ([`orphan`]). Money
//! is credited by `pay_ins` alone, whatever the charge's stage.
//!
//! No money moves when a charge is made, so a second gateway needs no licence: at worst two codes
//! exist, of which the first committed is shown and the other is cancelled.

pub mod answer;
pub mod cancel;
pub mod create;
pub mod job;
pub mod look;
pub mod orphan;
pub mod request;
pub mod watch;

use domain::charge::ChargeStage;
use domain::ids::TransactionId;
use domain::time::{Moment, Span};

use crate::context::{App, CommitError, Settings};
use crate::jobs::JobError;
use crate::ports::store::{
    AttemptRecord, Lease, Locked, Locks, StoreError, TransactionRecord, Write,
};
use crate::records::charge::ChargeRecord;

/// Two looks at a charge are at least so far apart, unless something wakes its job.
const SHORTEST_LOOK: Span = Span::from_seconds(2);

/// Why a unit wrote nothing although nothing is wrong: the state it was meant for has passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missed {
    LeaseLost,
    Moved,
    Corrupt(StoreError),
}

impl From<StoreError> for Missed {
    fn from(error: StoreError) -> Missed {
        Missed::Corrupt(error)
    }
}

/// How a job's run ends whose unit was refused or failed.
fn run_failed(error: CommitError<Missed>) -> JobError {
    match error {
        CommitError::Refused(Missed::LeaseLost) => JobError::Retry("the lease is lost".to_owned()),
        CommitError::Refused(Missed::Moved) => {
            JobError::Retry("the charge changed meanwhile".to_owned())
        }
        CommitError::Refused(Missed::Corrupt(error)) | CommitError::Store(error) => error.into(),
    }
}

/// The name under which a code is found again.
pub(crate) fn br_code_hash(code: &str) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, code.trim().as_bytes());
    digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// One charge and the job that works on it.
fn locks(id: TransactionId, lease: Option<Lease>) -> Locks {
    Locks {
        transactions: vec![id],
        lease,
        ..Locks::default()
    }
}

fn locked_charge(locked: &Locked, id: TransactionId) -> Result<&TransactionRecord, Missed> {
    locked.transactions.get(&id).ok_or(Missed::Moved)
}

pub(crate) fn attempt_of(record: &TransactionRecord, number: u32) -> Option<&AttemptRecord> {
    record
        .attempts
        .iter()
        .find(|attempt| attempt.row.number == number)
}

/// When the stage has reached its maximum age.
pub(crate) fn deadline(charge: &ChargeRecord, settings: &Settings) -> Option<Moment> {
    match charge.stage {
        ChargeStage::Creating => Some(charge.row.created_at.plus(settings.creating_deadline)),
        ChargeStage::AwaitingPayment | ChargeStage::Underpaid { .. } => {
            Some(closing_time(charge, settings).plus(settings.in_doubt_deadline))
        }
        ChargeStage::Paid { .. }
        | ChargeStage::Expired { .. }
        | ChargeStage::Cancelled
        | ChargeStage::CreationFailed => None,
    }
}

/// The last moment at which a code can expire whose making was asked for and not answered: it lives
/// from when the gateway made it.
pub(crate) fn latest_expiry(
    charge: &ChargeRecord,
    attempt: &AttemptRecord,
    settings: &Settings,
) -> Moment {
    let last_send = attempt.sends.iter().map(|send| send.opened_at).max();
    last_send
        .unwrap_or(attempt.row.created_at)
        .plus(Span::from_seconds(charge.facts.expires_in_seconds))
        .plus(settings.call_limit)
}

/// From here on a lookup that shows no payment means that the charge has expired.
fn closing_time(charge: &ChargeRecord, settings: &Settings) -> Moment {
    charge.expires_at().plus(settings.expiry_grace)
}

/// The job has nothing more to do.
async fn finish(app: &App, lease: Lease) -> Result<(), JobError> {
    Ok(app
        .write_all("finish_job", vec![Write::FinishJob(lease)])
        .await?)
}

/// The job goes on later; this run was no failure.
async fn again_at(app: &App, lease: Lease, at: Moment, note: Option<&str>) -> Result<(), JobError> {
    let write = go_on(lease, at, note);
    Ok(app.write_all("go_on_later", vec![write]).await?)
}

fn go_on(lease: Lease, at: Moment, note: Option<&str>) -> Write {
    Write::RescheduleJob {
        lease,
        visible_at: at,
        tries: 0,
        last_error: note.map(str::to_owned),
    }
}

/// Half the age, within bounds, give or take a tenth: close looks at first, rare ones later.
fn pause(age: Span, shortest: Span, longest: Span, draw: u64) -> Span {
    let half = Span::from_millis(u32::try_from(age.millis() / 2).unwrap_or(u32::MAX));
    let base = half.clamp(shortest, longest).millis();
    let reach = base / 10;
    let offset = i64::try_from(draw % (2 * reach.unsigned_abs() + 1)).unwrap_or(0) - reach;
    Span::from_millis(u32::try_from(base + offset).unwrap_or(u32::MAX))
}

/// How long until the next look at an unpaid charge that is `age` old and can be paid for `left`
/// more: webhooks and the poller tell of payments, so looks grow rarer with the age, and close
/// again towards the end, when people pay and the outcome is wanted.
fn watch_pause(age: Span, left: Span, longest: Span, draw: u64) -> Span {
    pause(age.min(left), SHORTEST_LOOK.min(longest), longest, draw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_life_is_looked_at_rarely_in_its_middle() {
        let longest = Settings::standard().charge_look_interval;
        let life = Span::from_days(30);
        let day = Span::from_days(1).millis();
        let (mut age, mut pauses) = (Span::ZERO, Vec::new());
        while age < life {
            let left = Moment::default()
                .plus(life)
                .since(Moment::default().plus(age));
            let next = watch_pause(age, left, longest, 7);
            assert!(next <= longest.times(2) && next.millis() > 0);
            pauses.push((age.millis(), next.millis()));
            age = Moment::default()
                .plus(age)
                .plus(next)
                .since(Moment::default());
        }
        let middle = |(at, _): &&(i64, i64)| (day..29 * day).contains(at);
        let rarest = pauses.iter().filter(middle).map(|(_, pause)| *pause);
        assert!(rarest.clone().min() > Some(longest.millis() * 8 / 10));
        // One in fifteen minutes is 2,880 looks; one a minute would be 43,200.
        assert!(pauses.len() < 3_300, "{}", pauses.len());
        let end = |(at, _): &&(i64, i64)| *at > 30 * day - 10_000;
        let last = pauses.iter().filter(end).map(|(_, pause)| *pause).max();
        assert!(last < Some(6_000), "{last:?}");
        assert!(pauses[0].1 < 3_000);
    }

    #[test]
    fn looks_grow_rarer_within_their_bounds() {
        let bounds = (Span::from_seconds(2), Span::from_seconds(60));
        let mut last = Span::ZERO;
        for (age, expected) in [(0, 2), (4, 2), (10, 5), (20, 10), (120, 60), (86_400, 60)] {
            let middle = expected * 100;
            let next = pause(Span::from_seconds(age), bounds.0, bounds.1, middle);
            assert_eq!(
                next,
                Span::from_seconds(u32::try_from(expected).unwrap()),
                "{age}"
            );
            assert!(next >= last);
            last = next;
        }
        for draw in [0, 1, u64::MAX] {
            let next = pause(Span::from_seconds(20), bounds.0, bounds.1, draw).millis();
            assert!((9_000..=11_000).contains(&next), "{next}");
        }
    }
}
