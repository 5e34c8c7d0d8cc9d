//! What follows from a gateway's answer to making a charge, in the commit that stores it.
//!
//! Created: the first committed code is the one shown; any other is an orphan. Not done: again,
//! or elsewhere. Unknown: the code may exist, so the attempt becomes an orphan and the charge goes
//! elsewhere. An answer that comes after its send was closed is kept as evidence and counts too.

use std::sync::Arc;

use domain::charge::{ChargeStage, ChargeStep};
use domain::ids::{EvidenceId, JobId, TransactionId};
use domain::outcome::{Acceptance, Consequence, NeverSent, Refusal, SendVerdict, UnknownCause};
use domain::time::{Moment, Span};

use super::orphan::OrphanPayload;
use super::{Missed, attempt_of, br_code_hash, deadline, go_on};
use crate::context::{IdSeed, Ids, Settings};
use crate::events;
use crate::jobs;
use crate::ports::gateway::{ChargeAnswer, CreatedCharge};
use crate::ports::store::{
    AttemptRecord, AttemptRow, EvidenceRow, JobRow, JobState, Lease, Locked, SendRow,
    TransactionRecord, Write,
};
use crate::records::charge::ChargeRecord;
use crate::records::outgoing::{late_answer_text, verdict_code, verdict_text};

/// The first look at a fresh code, and the first hunt for an orphan.
const FIRST_LOOK: Span = Span::from_seconds(2);

/// The answer as a verdict on its send. A code made is an order accepted: nothing has settled.
pub(super) fn verdict_of(answer: &ChargeAnswer) -> SendVerdict {
    match answer {
        ChargeAnswer::Created(created) => SendVerdict::Accepted(Acceptance {
            gateway_reference: Some(created.gateway_reference.clone()),
            end_to_end_id: None,
        }),
        ChargeAnswer::NotDone(refusal) => SendVerdict::NotDone(refusal.clone()),
        ChargeAnswer::NeverSent(cause) => SendVerdict::NeverSent(*cause),
        ChargeAnswer::Unknown(cause) => SendVerdict::Unknown(*cause),
    }
}

/// The unit that stores an answer.
pub(super) struct Answered {
    pub attempt_number: u32,
    pub send_number: u32,
    pub answer: ChargeAnswer,
    /// The gateway's circuit lets another try through.
    pub circuit_admits: bool,
    pub lease: Lease,
    pub draw: u64,
    pub seed: IdSeed,
    pub settings: Arc<Settings>,
}

/// What the writes are collected in.
struct Unit<'a> {
    found: &'a TransactionRecord,
    attempt: AttemptRow,
    ids: Ids,
    now: Moment,
    writes: Vec<Write>,
    /// When the charge's own job goes on.
    next: Moment,
}

impl Answered {
    pub(super) fn decide(
        &self,
        locked: &Locked,
        found: &TransactionRecord,
    ) -> Result<Vec<Write>, Missed> {
        let stored = attempt_of(found, self.attempt_number).ok_or(Missed::Moved)?;
        let now = self.seed.now;
        let mut unit = Unit {
            found,
            attempt: stored.row.clone(),
            ids: self.seed.start(),
            now,
            writes: Vec::new(),
            next: now,
        };
        self.record(locked, stored, &mut unit)?;
        unit.attempt.evidence_version += 1;
        unit.attempt.updated_at = now;
        match &self.answer {
            ChargeAnswer::Created(created) => self.created(created, &mut unit)?,
            ChargeAnswer::NotDone(refusal) => self.refused(refusal, stored, &mut unit),
            ChargeAnswer::NeverSent(cause) => self.never_sent(*cause, stored, &mut unit),
            ChargeAnswer::Unknown(cause) => unknown(cause.as_str(), &mut unit),
        }
        let mut writes = unit.writes;
        writes.push(Write::SaveAttempt(unit.attempt));
        if locked.job.is_some() {
            writes.push(go_on(self.lease, unit.next, None));
        }
        Ok(writes)
    }

    /// Closes the send, or keeps what comes too late for that as evidence.
    fn record(
        &self,
        locked: &Locked,
        attempt: &AttemptRecord,
        unit: &mut Unit<'_>,
    ) -> Result<(), Missed> {
        let lost = self.answer == ChargeAnswer::Unknown(UnknownCause::ProcessLost);
        if lost && locked.job.is_none() {
            // Only who holds the job may say that its owner is gone.
            return Err(Missed::LeaseLost);
        }
        let send = attempt
            .sends
            .iter()
            .find(|send| send.number == self.send_number);
        let send = send.ok_or(Missed::Moved)?;
        let verdict = verdict_of(&self.answer);
        if send.closed_at.is_none() {
            unit.writes.push(Write::CloseSend(SendRow {
                closed_at: Some(unit.now),
                verdict: Some(verdict_text(&verdict)),
                class: Some(verdict.class().to_owned()),
                code: verdict_code(&verdict),
                ..send.clone()
            }));
            return Ok(());
        }
        if lost {
            return Err(Missed::Moved);
        }
        unit.writes.push(Write::InsertEvidence(EvidenceRow {
            id: EvidenceId::from_bytes(unit.ids.make()),
            attempt_id: attempt.row.id,
            at: unit.now,
            source: "late_answer".to_owned(),
            body: late_answer_text(self.send_number, &verdict),
            class: verdict.class().to_owned(),
            seen: 1,
            last_at: unit.now,
        }));
        Ok(())
    }

    fn created(&self, created: &CreatedCharge, unit: &mut Unit<'_>) -> Result<(), Missed> {
        unit.attempt.outcome = "done".to_owned();
        unit.attempt.reason = None;
        unit.attempt.gateway_reference = Some(created.gateway_reference.clone());
        let charge = ChargeRecord::load(&unit.found.row)?;
        if charge.facts.attempt == Some(self.attempt_number) {
            return Ok(());
        }
        if charge.stage != ChargeStage::Creating {
            // Another code is shown, or none is wanted any more.
            unit.orphan();
            return Ok(());
        }
        let mut charge = charge
            .step(ChargeStep::Created, unit.now)
            .map_err(|_| Missed::Moved)?;
        charge.row.gateway = Some(unit.attempt.gateway);
        charge.facts.attempt = Some(self.attempt_number);
        charge.facts.txid = Some(created.gateway_reference.clone());
        charge.facts.expires_at = created.expires_at.micros();
        charge.private.br_code = Some(created.br_code.clone());
        let deadline = deadline(&charge, &self.settings);
        let row = charge.into_row(unit.now, deadline);
        let event = events::of_transaction(&mut unit.ids, &row, "charge.awaiting_payment");
        unit.writes.push(Write::InsertBrCode {
            hash: br_code_hash(&created.br_code),
            transaction_id: row.id,
        });
        unit.writes.extend([Write::SaveTransaction(row), event]);
        unit.next = unit.now.plus(FIRST_LOOK);
        Ok(())
    }

    fn refused(&self, refusal: &Refusal, attempt: &AttemptRecord, unit: &mut Unit<'_>) {
        let reason = refusal.reason.as_str();
        match refusal.reason.consequence() {
            Consequence::StaysUnknown => unknown(reason, unit),
            Consequence::RetryHere => self.again_or_elsewhere(reason, attempt, unit),
            // No money moves here, so whatever one gateway has against it the other may be asked.
            Consequence::NewAttempt | Consequence::OtherGateway | Consequence::EndsPayment => {
                not_done(reason, unit);
            }
        }
    }

    fn never_sent(&self, cause: NeverSent, attempt: &AttemptRecord, unit: &mut Unit<'_>) {
        self.again_or_elsewhere(cause.as_str(), attempt, unit);
    }

    /// The same bytes again while tries are left and the circuit admits them.
    fn again_or_elsewhere(&self, reason: &str, attempt: &AttemptRecord, unit: &mut Unit<'_>) {
        let tries = u32::try_from(attempt.sends.len()).unwrap_or(u32::MAX);
        let delay = self.settings.send_retries.next(tries, self.draw);
        match delay.filter(|_| self.circuit_admits && unit.attempt.outcome == "open") {
            Some(delay) => {
                unit.attempt.reason = Some(reason.to_owned());
                unit.next = unit.now.plus(delay);
            }
            None => not_done(reason, unit),
        }
    }
}

fn not_done(reason: &str, unit: &mut Unit<'_>) {
    unit.attempt.outcome = "not_done".to_owned();
    unit.attempt.reason = Some(reason.to_owned());
}

/// The code may exist: someone has to find it and take it away.
fn unknown(reason: &str, unit: &mut Unit<'_>) {
    if unit.attempt.outcome == "open" {
        unit.orphan();
    }
    unit.attempt.outcome = "unknown".to_owned();
    unit.attempt.reason = Some(reason.to_owned());
}

impl Unit<'_> {
    fn orphan(&mut self) {
        let payload = OrphanPayload::new(self.found.row.id, self.attempt.number);
        let job = orphan_job(&mut self.ids, self.now, &payload);
        self.writes.push(job);
    }
}

/// The job names its charge in the payload alone: it is not the job that the charge waits for.
pub(crate) fn orphan_job(ids: &mut Ids, now: Moment, payload: &OrphanPayload) -> Write {
    let no_transaction: Option<TransactionId> = None;
    Write::InsertJob(JobRow {
        id: JobId::from_bytes(ids.make()),
        kind: jobs::CHARGE_ORPHAN.to_owned(),
        transaction_id: no_transaction,
        payload: payload.text(),
        visible_at: Some(now.plus(FIRST_LOOK)),
        state: JobState::Ready,
        tries: 0,
        token: 0,
        last_error: None,
        created_at: now,
    })
}

#[cfg(test)]
pub(in crate::charges) mod tests {
    use super::*;
    use crate::records::charge::tests::creating;
    use domain::gateway::Gateway;
    use domain::ids::AttemptId;
    use domain::outcome::RefusalReason;

    pub(in crate::charges) fn lease() -> Lease {
        Lease {
            job_id: JobId::from_bytes([8; 16]),
            token: 4,
        }
    }

    pub(in crate::charges) fn job() -> JobRow {
        JobRow {
            id: lease().job_id,
            kind: jobs::CHARGE.into(),
            transaction_id: None,
            payload: "{}".into(),
            visible_at: None,
            state: JobState::Ready,
            tries: 0,
            token: 4,
            last_error: None,
            created_at: Moment::default(),
        }
    }

    /// An attempt with one send per class; `None` is a send still open.
    pub(in crate::charges) fn attempt(
        number: u32,
        outcome: &str,
        sends: &[Option<&str>],
    ) -> AttemptRecord {
        let id = AttemptId::from_bytes([u8::try_from(number).unwrap(); 16]);
        let sends = sends.iter().zip(1..).map(|(class, number)| SendRow {
            attempt_id: id,
            number,
            opened_at: Moment::default(),
            closed_at: class.map(|_| Moment::from_micros(1)),
            verdict: class.map(|_| "{}".to_owned()),
            class: class.map(str::to_owned),
            code: None,
            lease_token: 4,
        });
        AttemptRecord {
            sends: sends.collect(),
            evidence: Vec::new(),
            row: AttemptRow {
                id,
                transaction_id: TransactionId::from_bytes([1; 16]),
                number,
                gateway: Gateway::Efi,
                attempt_key: format!("{number:032x}"),
                request: b"bytes".to_vec(),
                live: false,
                outcome: outcome.into(),
                reason: None,
                why: "it is the preferred gateway".into(),
                licence: None,
                routing: "{}".into(),
                gateway_reference: None,
                evidence_version: 0,
                created_at: Moment::default(),
                updated_at: Moment::default(),
            },
        }
    }

    pub(in crate::charges) fn record(attempts: Vec<AttemptRecord>) -> TransactionRecord {
        TransactionRecord {
            row: creating().row,
            attempts,
            pay_ins: Vec::new(),
            proposal: None,
        }
    }

    fn answered(attempt: u32, send: u32, answer: ChargeAnswer) -> Answered {
        Answered {
            attempt_number: attempt,
            send_number: send,
            answer,
            circuit_admits: true,
            lease: lease(),
            draw: 0,
            seed: IdSeed::for_tests(Moment::from_micros(1_000)),
            settings: Arc::new(Settings::standard()),
        }
    }

    fn created() -> ChargeAnswer {
        ChargeAnswer::Created(CreatedCharge {
            gateway_reference: "tx1".into(),
            br_code: "000201…".into(),
            expires_at: Moment::from_micros(77),
        })
    }

    fn locked() -> Locked {
        Locked {
            job: Some(job()),
            ..Locked::default()
        }
    }

    /// What the writes say, in short.
    fn told(writes: &[Write]) -> Vec<String> {
        writes
            .iter()
            .map(|write| match write {
                Write::CloseSend(send) => format!("close {}", send.class.as_deref().unwrap()),
                Write::InsertEvidence(row) => format!("evidence {}", row.class),
                Write::SaveTransaction(row) => format!("{} v{}", row.stage, row.version),
                Write::InsertEvent(event) => event.kind.clone(),
                Write::SaveAttempt(row) => format!("attempt {}", row.outcome),
                Write::InsertJob(job) => job.kind.clone(),
                Write::InsertBrCode { .. } => "code".to_owned(),
                Write::RescheduleJob { visible_at, .. } => {
                    format!(
                        "again after {} ms",
                        visible_at.since(Moment::from_micros(1_000)).millis()
                    )
                }
                other => panic!("unexpected {other:?}"),
            })
            .collect()
    }

    #[test]
    fn the_first_code_is_shown() {
        let found = record(vec![attempt(1, "open", &[None])]);
        let writes = answered(1, 1, created()).decide(&locked(), &found).unwrap();
        assert_eq!(
            told(&writes),
            [
                "close accepted",
                "code",
                "awaiting_payment v2",
                "charge.awaiting_payment",
                "attempt done",
                "again after 2000 ms"
            ]
        );
        let Some(Write::SaveTransaction(row)) = writes.get(2) else {
            panic!("the charge is saved")
        };
        let charge = ChargeRecord::load(row).unwrap();
        assert_eq!(charge.private.br_code.as_deref(), Some("000201…"));
        assert_eq!(charge.facts.attempt, Some(1));
        assert_eq!(charge.expires_at(), Moment::from_micros(77));
        assert_eq!(row.gateway, Some(Gateway::Efi));
        assert!(row.stage_deadline.is_some());
    }

    #[test]
    fn a_code_that_is_not_wanted_any_more_is_an_orphan() {
        let mut found = record(vec![attempt(1, "open", &[None])]);
        let cancelled = creating()
            .step(ChargeStep::ConfirmedCancelled, Moment::default())
            .unwrap();
        found.row = cancelled.into_row(Moment::default(), None);
        let writes = answered(1, 1, created()).decide(&locked(), &found).unwrap();
        assert_eq!(
            told(&writes),
            [
                "close accepted",
                jobs::CHARGE_ORPHAN,
                "attempt done",
                "again after 0 ms"
            ]
        );
    }

    #[test]
    fn a_code_that_comes_after_its_send_was_given_up_is_still_the_first() {
        let found = record(vec![attempt(1, "unknown", &[Some("unknown")])]);
        // The lease is lost, so the job is left alone.
        let writes = answered(1, 1, created())
            .decide(&Locked::default(), &found)
            .unwrap();
        assert_eq!(
            told(&writes),
            [
                "evidence accepted",
                "code",
                "awaiting_payment v2",
                "charge.awaiting_payment",
                "attempt done"
            ]
        );
    }

    #[test]
    fn an_unknown_answer_leaves_an_orphan_behind_and_goes_elsewhere_at_once() {
        let found = record(vec![attempt(1, "open", &[None])]);
        let unknown = ChargeAnswer::Unknown(UnknownCause::Timeout);
        let writes = answered(1, 1, unknown).decide(&locked(), &found).unwrap();
        assert_eq!(
            told(&writes),
            [
                "close unknown",
                jobs::CHARGE_ORPHAN,
                "attempt unknown",
                "again after 0 ms"
            ]
        );
        let Some(Write::InsertJob(job)) = writes.get(1) else {
            panic!("an orphan has a job")
        };
        assert_eq!(job.transaction_id, None);
        assert!(job.payload.contains(&found.row.id.to_string()));
    }

    #[test]
    fn what_was_never_sent_is_tried_three_times_and_then_elsewhere() {
        let never = || ChargeAnswer::NeverSent(NeverSent::Connect);
        let sends = [Some("never_sent"), Some("never_sent"), None];
        let first = record(vec![attempt(1, "open", &sends[2..])]);
        let writes = answered(1, 1, never()).decide(&locked(), &first).unwrap();
        assert_eq!(
            told(&writes),
            ["close never_sent", "attempt open", "again after 250 ms"]
        );
        let third = record(vec![attempt(1, "open", &sends)]);
        let writes = answered(1, 3, never()).decide(&locked(), &third).unwrap();
        assert_eq!(
            told(&writes),
            ["close never_sent", "attempt not_done", "again after 0 ms"]
        );
        let shut = Answered {
            circuit_admits: false,
            ..answered(1, 1, never())
        };
        assert_eq!(
            told(&shut.decide(&locked(), &first).unwrap())[1],
            "attempt not_done"
        );
    }

    #[test]
    fn a_refusal_goes_elsewhere_and_a_duplicate_is_no_refusal() {
        let found = record(vec![attempt(1, "open", &[None])]);
        let refused = |reason| {
            ChargeAnswer::NotDone(Refusal {
                reason,
                code: "x".into(),
            })
        };
        let elsewhere = answered(1, 1, refused(RefusalReason::Malformed));
        assert_eq!(
            told(&elsewhere.decide(&locked(), &found).unwrap()),
            ["close not_done", "attempt not_done", "again after 0 ms"]
        );
        let duplicate = answered(1, 1, refused(RefusalReason::Scheme("DUPL".into())));
        assert_eq!(
            told(&duplicate.decide(&locked(), &found).unwrap())[1..3],
            [jobs::CHARGE_ORPHAN, "attempt unknown"]
        );
    }

    #[test]
    fn only_the_holder_of_the_job_may_call_its_owner_gone() {
        let found = record(vec![attempt(1, "open", &[None])]);
        let lost = || answered(1, 1, ChargeAnswer::Unknown(UnknownCause::ProcessLost));
        assert_eq!(
            lost().decide(&Locked::default(), &found).unwrap_err(),
            Missed::LeaseLost
        );
        assert!(lost().decide(&locked(), &found).is_ok());
        let closed = record(vec![attempt(1, "unknown", &[Some("unknown")])]);
        assert_eq!(
            lost().decide(&locked(), &closed).unwrap_err(),
            Missed::Moved
        );
    }
}
