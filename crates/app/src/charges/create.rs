//! Having a gateway make the code.
//!
//! One run makes at most one call: route, prepare, commit attempt and send, call, commit the
//! answer. The next run goes on from what is stored. A send left open by a process that is gone is
//! unknown, so its attempt becomes an orphan and the other gateway is asked.

use domain::charge::ChargeStep;
use domain::gateway::{Gateway, Operation};
use domain::ids::{AlertId, AttemptId};
use domain::outcome::UnknownCause;
use domain::routing::{Candidate, Choice, Need, RejectReason, choose};
use domain::time::{Moment, Span};

use super::answer::{Answered, verdict_of};
use super::request::carries_expiry;
use super::{Missed, again_at, attempt_of, locked_charge, locks, run_failed};
use crate::attempt_key::attempt_key;
use crate::context::{App, Decision, IdSeed, Settings};
use crate::events;
use crate::jobs::JobError;
use crate::ports::gateway::{CannotCarry, ChargeAnswer, ChargeOrder, PreparedRequest};
use crate::ports::store::{
    AlertRow, AttemptRecord, AttemptRow, Lease, Locked, SendRow, TransactionRecord, Write,
};
use crate::records::charge::{ChargeRecord, StoredPayer};
use crate::records::outgoing::StoredFailure;
use crate::records::write;
use crate::routing::{StoredDecision, observation_of};

/// While an operator has paused charges everywhere.
const PAUSED: Span = Span::from_seconds(5);

/// One run of the job of a charge that has no code yet.
pub(super) struct Creation<'a> {
    pub app: &'a App,
    pub record: &'a TransactionRecord,
    pub charge: &'a ChargeRecord,
    pub lease: Lease,
}

/// A send that may now be transmitted.
struct OpenSend {
    attempt: u32,
    send: u32,
    gateway: Gateway,
    request: PreparedRequest,
}

/// Gateways that refused for good, or have been tried this often.
fn used_up(attempts: &[AttemptRecord], most: usize) -> Vec<Gateway> {
    let tried = |gateway| {
        attempts
            .iter()
            .filter(move |tried| tried.row.gateway == gateway)
    };
    let is_used_up = |gateway: &Gateway| {
        let refused = tried(*gateway).any(|attempt| attempt.row.outcome == "not_done");
        refused || tried(*gateway).count() >= most
    };
    Gateway::ALL.into_iter().filter(is_used_up).collect()
}

impl Creation<'_> {
    pub(super) async fn run(&self) -> Result<(), JobError> {
        if self.close_abandoned_send().await? {
            return Ok(());
        }
        let under_way = self
            .record
            .attempts
            .iter()
            .find(|attempt| attempt.row.outcome == "open");
        match under_way {
            Some(attempt) => self.send_again(attempt).await,
            None => self.route().await,
        }
    }

    /// Whether there was a send that nobody will close any more. Its outcome is unknown.
    pub(super) async fn close_abandoned_send(&self) -> Result<bool, JobError> {
        let Some((attempt, send)) = self.abandoned_send() else {
            return Ok(false);
        };
        let lost = ChargeAnswer::Unknown(UnknownCause::ProcessLost);
        self.absorb(attempt, send, lost, false).await?;
        Ok(true)
    }

    fn abandoned_send(&self) -> Option<(u32, u32)> {
        self.record.attempts.iter().find_map(|attempt| {
            let open = attempt.sends.iter().find(|send| send.closed_at.is_none());
            open.map(|send| (attempt.row.number, send.number))
        })
    }

    async fn send_again(&self, attempt: &AttemptRecord) -> Result<(), JobError> {
        let last = attempt
            .sends
            .iter()
            .map(|send| send.number)
            .max()
            .unwrap_or(0);
        let open = OpenSend {
            attempt: attempt.row.number,
            send: last + 1,
            gateway: attempt.row.gateway,
            request: PreparedRequest(attempt.row.request.clone()),
        };
        self.open(&open, None).await?;
        self.call(open).await
    }

    async fn route(&self) -> Result<(), JobError> {
        let too_old = self
            .charge
            .row
            .created_at
            .plus(self.app.settings.creating_deadline);
        if self.app.now() >= too_old {
            let message = "no gateway made the code in time".to_owned();
            return self.fail("creation_timed_out", message).await;
        }
        let attempts = &self.record.attempts;
        let mut exhausted = used_up(attempts, 1);
        let mut second_round = false;
        let mut cannot = None;
        loop {
            let candidates = self.candidates(&exhausted).await?;
            let draw = self.app.draw();
            let choice = choose(Need::Charge, &candidates, draw);
            let decision = StoredDecision::new(&candidates, draw, choice);
            match choice {
                Choice::Wait(reason) => {
                    let at = self.app.now().plus(PAUSED);
                    return again_at(self.app, self.lease, at, Some(reason.as_str())).await;
                }
                // Nothing is at stake in asking again where the outcome is only unknown.
                Choice::Reject(RejectReason::AllGatewaysUnavailable)
                    if !second_round && used_up(attempts, 2).len() < exhausted.len() =>
                {
                    second_round = true;
                    exhausted = used_up(attempts, 2);
                    exhausted.extend(cannot.iter().map(|(gateway, _)| *gateway));
                }
                Choice::Reject(reason) => {
                    return self.fail(reason.as_str(), self.what_failed(cannot)).await;
                }
                Choice::Use { gateway, .. } => match self.prepare(gateway).await? {
                    Ok((key, request)) => {
                        return self.dispatch(gateway, key, request, &decision).await;
                    }
                    Err(refused) => {
                        cannot = Some((gateway, refused));
                        exhausted.push(gateway);
                    }
                },
            }
        }
    }

    async fn candidates(&self, exhausted: &[Gateway]) -> Result<Vec<Candidate>, JobError> {
        let amount = self.charge.row.amount;
        let operation = Operation::Charge;
        let all = self
            .app
            .candidates(Need::Charge, operation, amount, None, exhausted)
            .await?;
        let seconds = self.charge.facts.expires_in_seconds;
        let with_expiry = |mut candidate: Candidate| {
            let capabilities = self.app.gateway(candidate.gateway).capabilities();
            candidate.capable &= carries_expiry(&capabilities, seconds);
            candidate
        };
        Ok(all.into_iter().map(with_expiry).collect())
    }

    /// The next attempt's key and bytes at this gateway.
    async fn prepare(
        &self,
        gateway: Gateway,
    ) -> Result<Result<(String, PreparedRequest), CannotCarry>, JobError> {
        let row = &self.charge.row;
        let user = self.app.store.user(row.user_id).await?;
        let user = user.ok_or_else(|| JobError::Fail("its user is missing".to_owned()))?;
        let key = match &row.idempotency {
            Some(bound) => attempt_key(&bound.account, &bound.key, gateway, self.next_number()),
            None => attempt_key("system", &row.id.to_string(), gateway, self.next_number()),
        };
        let order = ChargeOrder {
            attempt_key: key.clone(),
            amount: row.amount,
            description: self.charge.private.description.clone(),
            expires_in_seconds: self.charge.facts.expires_in_seconds,
            created_at: row.created_at,
            payer: self.charge.private.payer.as_ref().map(StoredPayer::restore),
            fallback_email: user.email,
        };
        let prepared = self.app.gateway(gateway).prepare_charge(&order);
        Ok(prepared.map(|request| (key, request)))
    }

    fn next_number(&self) -> u32 {
        let last = self
            .record
            .attempts
            .iter()
            .map(|attempt| attempt.row.number)
            .max();
        last.unwrap_or(0) + 1
    }

    async fn dispatch(
        &self,
        gateway: Gateway,
        key: String,
        request: PreparedRequest,
        decision: &StoredDecision,
    ) -> Result<(), JobError> {
        let now = self.app.now();
        let attempt = AttemptRow {
            id: AttemptId::from_bytes(self.app.ids().start().make()),
            transaction_id: self.charge.row.id,
            number: self.next_number(),
            gateway,
            attempt_key: key,
            request: request.0.clone(),
            // Codes may stand beside each other: none of them moves money by itself.
            live: false,
            outcome: "open".to_owned(),
            reason: None,
            why: decision.why(gateway),
            licence: None,
            routing: write(decision),
            gateway_reference: None,
            evidence_version: 0,
            created_at: now,
            updated_at: now,
        };
        let open = OpenSend {
            attempt: attempt.number,
            send: 1,
            gateway,
            request,
        };
        self.open(&open, Some(attempt)).await?;
        self.call(open).await
    }

    /// Commits the send, with its attempt when that is new, before the socket opens.
    async fn open(&self, open: &OpenSend, attempt: Option<AttemptRow>) -> Result<(), JobError> {
        let unit = Opening {
            attempt_number: open.attempt,
            send_number: open.send,
            attempt,
            lease: self.lease,
            now: self.app.now(),
            settings: self.app.settings.clone(),
        };
        let id = self.charge.row.id;
        let locks = locks(id, Some(self.lease));
        let opened = self.app.commit(
            "open_charge_send",
            locks,
            move |locked| match locked_charge(locked, id)
                .and_then(|found| unit.decide(locked, found))
            {
                Ok(writes) => Decision::Commit(writes, ()),
                Err(missed) => Decision::Refuse(missed),
            },
        );
        opened.await.map_err(run_failed)
    }

    async fn call(&self, open: OpenSend) -> Result<(), JobError> {
        let (app, operation) = (self.app, Operation::Charge);
        let started = app.now();
        // A full half-open circuit does not stop a send that is committed already.
        let _has_place = app
            .availability
            .begin(open.gateway, operation, started)
            .await;
        let answer = app.gateway(open.gateway).create_charge(&open.request).await;
        let observation = observation_of(&verdict_of(&answer));
        app.observe_call(open.gateway, operation, observation, started)
            .await;
        let health = app
            .availability
            .health(open.gateway, operation, app.now())
            .await;
        let admits = health.circuit.allowance() != Some(0);
        self.absorb(open.attempt, open.send, answer, admits).await
    }

    async fn absorb(
        &self,
        attempt_number: u32,
        send_number: u32,
        answer: ChargeAnswer,
        circuit_admits: bool,
    ) -> Result<(), JobError> {
        let id = self.charge.row.id;
        let unit = Answered {
            attempt_number,
            send_number,
            answer,
            circuit_admits,
            lease: self.lease,
            draw: self.app.draw(),
            seed: self.app.ids(),
            settings: self.app.settings.clone(),
        };
        let locks = locks(id, Some(self.lease));
        let absorbed =
            self.app.commit("charge_answer", locks, move |locked| {
                match locked_charge(locked, id).and_then(|found| unit.decide(locked, found)) {
                    Ok(writes) => Decision::Commit(writes, ()),
                    Err(missed) => Decision::Refuse(missed),
                }
            });
        absorbed.await.map_err(run_failed)
    }

    /// What each gateway said, for people.
    fn what_failed(&self, cannot: Option<(Gateway, CannotCarry)>) -> String {
        let tried = self.record.attempts.iter().map(|attempt| {
            let reason = attempt.row.reason.as_deref().unwrap_or("no reason given");
            format!("{}: {reason}", attempt.row.gateway)
        });
        let unable = cannot.map(|(gateway, refused)| format!("{gateway}: {refused}"));
        let said: Vec<String> = tried.chain(unable).collect();
        if said.is_empty() {
            "no gateway can make such a charge".to_owned()
        } else {
            said.join("; ")
        }
    }

    async fn fail(&self, code: &str, message: String) -> Result<(), JobError> {
        let id = self.charge.row.id;
        let failure = StoredFailure {
            code: code.to_owned(),
            message,
        };
        let (seed, lease) = (self.app.ids(), self.lease);
        let failed = self.app.commit(
            "charge_creation_failed",
            locks(id, Some(lease)),
            move |locked| match failed(locked, locked_charge(locked, id), &failure, &seed) {
                Ok(mut writes) => {
                    writes.push(Write::FinishJob(lease));
                    Decision::Commit(writes, ())
                }
                Err(missed) => Decision::Refuse(missed),
            },
        );
        failed.await.map_err(run_failed)
    }
}

/// The unit that opens a send.
struct Opening {
    attempt_number: u32,
    send_number: u32,
    attempt: Option<AttemptRow>,
    lease: Lease,
    now: Moment,
    settings: std::sync::Arc<Settings>,
}

impl Opening {
    fn decide(&self, locked: &Locked, found: &TransactionRecord) -> Result<Vec<Write>, Missed> {
        locked.job.as_ref().ok_or(Missed::LeaseLost)?;
        if found.row.stage != "creating" {
            return Err(Missed::Moved);
        }
        let stored = attempt_of(found, self.attempt_number);
        let (attempt_id, mut writes) = match (&self.attempt, stored) {
            (Some(fresh), None) => (fresh.id, vec![Write::InsertAttempt(fresh.clone())]),
            (None, Some(known)) if may_send_again(known, self.send_number) => {
                (known.row.id, Vec::new())
            }
            (Some(_), Some(_)) | (None, _) => return Err(Missed::Moved),
        };
        writes.push(Write::InsertSend(SendRow {
            attempt_id,
            number: self.send_number,
            opened_at: self.now,
            closed_at: None,
            verdict: None,
            class: None,
            code: None,
            lease_token: self.lease.token,
        }));
        // The lease outlives the call, so that nobody takes over while an answer may come.
        let until = self
            .now
            .plus(self.settings.call_limit)
            .plus(self.settings.job_lease);
        writes.push(Write::ExtendLease {
            lease: self.lease,
            until,
        });
        Ok(writes)
    }
}

fn may_send_again(attempt: &AttemptRecord, number: u32) -> bool {
    attempt.row.outcome == "open"
        && attempt
            .sends
            .iter()
            .all(|send| send.closed_at.is_some() && send.number < number)
}

/// Every gateway was asked, or none may be.
fn failed(
    locked: &Locked,
    found: Result<&TransactionRecord, Missed>,
    failure: &StoredFailure,
    seed: &IdSeed,
) -> Result<Vec<Write>, Missed> {
    locked.job.as_ref().ok_or(Missed::LeaseLost)?;
    let found = found?;
    if found
        .attempts
        .iter()
        .any(|attempt| attempt.row.outcome == "open")
    {
        return Err(Missed::Moved);
    }
    let (now, mut ids) = (seed.now, seed.start());
    let charge = ChargeRecord::load(&found.row)?;
    let mut charge = charge
        .step(ChargeStep::CreationFailed, now)
        .map_err(|_| Missed::Moved)?;
    charge.facts.failure = Some(failure.clone());
    let row = charge.into_row(now, None);
    let event = events::of_transaction(&mut ids, &row, "charge.creation_failed");
    let alert = AlertRow {
        id: AlertId::from_bytes(ids.make()),
        kind: "all_gateways_failed".to_owned(),
        transaction_id: Some(row.id),
        gateway: None,
        message: format!("no gateway made the charge: {}", failure.message),
        raised_at: now,
    };
    let mut writes = vec![Write::SaveTransaction(row), event];
    writes.extend(events::alert(&mut ids, alert));
    Ok(writes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charges::answer::tests::{attempt, job, lease, record};
    use std::sync::Arc;

    fn locked() -> Locked {
        Locked {
            job: Some(job()),
            ..Locked::default()
        }
    }

    #[test]
    fn a_gateway_that_only_did_not_answer_is_asked_a_second_time() {
        let unknown = attempt(1, "unknown", &[]);
        let gateway = unknown.row.gateway;
        let one = [unknown.clone()];
        assert_eq!(
            (used_up(&one, 1), used_up(&one, 2)),
            (vec![gateway], vec![])
        );
        let two = [unknown.clone(), unknown];
        assert_eq!(used_up(&two, 2), [gateway]);
        let refused = [attempt(1, "not_done", &[])];
        assert_eq!(used_up(&refused, 2), [gateway], "a refusal is final");
    }

    fn opening(attempt_number: u32, send_number: u32, fresh: Option<AttemptRow>) -> Opening {
        Opening {
            attempt_number,
            send_number,
            attempt: fresh,
            lease: lease(),
            now: Moment::from_micros(5),
            settings: Arc::new(Settings::standard()),
        }
    }

    fn failure() -> StoredFailure {
        StoredFailure {
            code: "all_gateways_unavailable".into(),
            message: "efi: connect".into(),
        }
    }

    #[test]
    fn a_send_is_opened_under_the_lease_in_the_right_stage_alone() {
        let fresh = attempt(1, "open", &[]).row;
        let unit = opening(1, 1, Some(fresh));
        let writes = unit.decide(&locked(), &record(Vec::new())).unwrap();
        assert!(matches!(
            &writes[..],
            [
                Write::InsertAttempt(_),
                Write::InsertSend(_),
                Write::ExtendLease { .. }
            ]
        ));
        assert_eq!(
            unit.decide(&Locked::default(), &record(Vec::new()))
                .unwrap_err(),
            Missed::LeaseLost
        );
        let mut cancelled = record(Vec::new());
        cancelled.row.stage = "cancelled".into();
        assert_eq!(
            unit.decide(&locked(), &cancelled).unwrap_err(),
            Missed::Moved
        );
        let twin = record(vec![attempt(1, "open", &[None])]);
        assert_eq!(unit.decide(&locked(), &twin).unwrap_err(), Missed::Moved);
    }

    #[test]
    fn the_same_bytes_are_sent_again_only_when_every_send_is_closed() {
        let unit = opening(1, 2, None);
        let closed = record(vec![attempt(1, "open", &[Some("not_done")])]);
        let writes = unit.decide(&locked(), &closed).unwrap();
        assert!(
            matches!(&writes[..], [Write::InsertSend(send), Write::ExtendLease { .. }] if send.number == 2)
        );
        for wrong in [
            attempt(1, "open", &[None]),
            attempt(1, "unknown", &[Some("unknown")]),
        ] {
            assert_eq!(
                unit.decide(&locked(), &record(vec![wrong])).unwrap_err(),
                Missed::Moved
            );
        }
    }

    #[test]
    fn creation_fails_with_an_event_and_an_alert_once_nothing_is_under_way() {
        let seed = IdSeed::for_tests(Moment::from_micros(9));
        let tried = record(vec![attempt(1, "not_done", &[Some("never_sent")])]);
        let writes = super::failed(&locked(), Ok(&tried), &failure(), &seed).unwrap();
        let [
            Write::SaveTransaction(row),
            Write::InsertEvent(event),
            Write::InsertAlert(alert),
            Write::InsertEvent(_),
        ] = &writes[..]
        else {
            panic!("{writes:?}")
        };
        assert_eq!((row.stage.as_str(), row.version), ("creation_failed", 2));
        assert_eq!(event.transaction_version, Some(2));
        assert_eq!(alert.kind, "all_gateways_failed");
        let under_way = record(vec![attempt(1, "open", &[None])]);
        assert_eq!(
            super::failed(&locked(), Ok(&under_way), &failure(), &seed).unwrap_err(),
            Missed::Moved
        );
    }
}
