//! What becomes known about an attempt, and how it is written down.
//!
//! A send is closed once; an answer that comes after that is appended. Lookups are appended where
//! they show something else than the one before, else the last row counts once more, so that people
//! see how often and how long a gateway did not find an attempt. The attempt's evidence version
//! grows only with knowledge: what people proposed stays good while nothing more is known.

use domain::ids::EvidenceId;
use domain::outcome::{Evidence, SendVerdict, UnknownCause};
use domain::time::Moment;

use crate::context::Ids;
use crate::ports::store::{AttemptRecord, EvidenceRow, Write};
use crate::records::outgoing::{
    StoredReturn, evidence_text, late_answer_text, verdict_code, verdict_text,
};

/// The source of what a lookup showed.
const LOOKUP: &str = "lookup";
/// The class of a lookup without a clear answer.
const UNCLEAR: &str = "unclear";

/// What became known about an attempt.
#[derive(Clone, Debug)]
pub enum Known {
    /// The answer to a send.
    Answer {
        send_number: u32,
        verdict: SendVerdict,
    },
    /// The process that opened this send is gone.
    ProcessLost { send_number: u32 },
    /// A lookup.
    Looked {
        evidence: Evidence,
        returns: Vec<StoredReturn>,
        payee_name: Option<String>,
        reference: Option<String>,
    },
}

impl Known {
    /// A lookup shows the attempt as not executed.
    pub fn shows_refusal(&self) -> bool {
        matches!(
            self,
            Known::Looked {
                evidence: Evidence::Refused(_),
                ..
            }
        )
    }

    /// The class of what a lookup showed.
    pub fn lookup_class(&self) -> Option<&'static str> {
        match self {
            Known::Looked { evidence, .. } => Some(evidence.class()),
            Known::Answer { .. } | Known::ProcessLost { .. } => None,
        }
    }
}

/// Closes the send, or appends to the evidence, in the rows and in the attempt at hand, whose
/// evidence version grows when more is known than before.
pub fn record(
    known: &Known,
    attempt: &mut AttemptRecord,
    ids: &mut Ids,
    now: Moment,
) -> Vec<Write> {
    match known {
        Known::Answer {
            send_number,
            verdict,
        } => close(attempt, *send_number, verdict, (ids, now)),
        Known::ProcessLost { send_number } => {
            let open = attempt
                .sends
                .iter()
                .any(|send| send.number == *send_number && send.closed_at.is_none());
            let lost = SendVerdict::Unknown(UnknownCause::ProcessLost);
            if open {
                close(attempt, *send_number, &lost, (ids, now))
            } else {
                Vec::new()
            }
        }
        Known::Looked {
            evidence,
            reference,
            ..
        } => {
            attempt.row.gateway_reference =
                reference.clone().or(attempt.row.gateway_reference.take());
            looked(attempt, evidence, (ids, now))
        }
    }
}

fn close(
    attempt: &mut AttemptRecord,
    number: u32,
    verdict: &SendVerdict,
    (ids, now): (&mut Ids, Moment),
) -> Vec<Write> {
    let Some(send) = attempt.sends.iter_mut().find(|send| send.number == number) else {
        return Vec::new();
    };
    attempt.row.evidence_version += 1;
    if send.closed_at.is_some() {
        let body = late_answer_text(number, verdict);
        let row = evidence_row(attempt, ids, now, ("late_answer", verdict.class()), body);
        return append(attempt, row);
    }
    send.closed_at = Some(now);
    send.verdict = Some(verdict_text(verdict));
    send.class = Some(verdict.class().to_owned());
    send.code = verdict_code(verdict);
    vec![Write::CloseSend(send.clone())]
}

fn looked(
    attempt: &mut AttemptRecord,
    evidence: &Evidence,
    (ids, now): (&mut Ids, Moment),
) -> Vec<Write> {
    let body = evidence_text(evidence);
    if is_news(attempt, evidence, &body) {
        attempt.row.evidence_version += 1;
    }
    // A run of equal lookups begins anew after a send: what was not found before it says nothing.
    let last_send = attempt
        .sends
        .iter()
        .map(|send| send.closed_at.unwrap_or(send.opened_at))
        .max();
    if let Some(last) = attempt.evidence.last_mut()
        && last.source == LOOKUP
        && last.body == body
        && last_send.is_none_or(|at| at <= last.at)
    {
        last.seen = last.seen.saturating_add(1);
        last.last_at = now;
        return vec![Write::RepeatEvidence(last.clone())];
    }
    let row = evidence_row(attempt, ids, now, (LOOKUP, evidence.class()), body);
    append(attempt, row)
}

/// A lookup without a clear answer tells nothing; a clear one tells something new unless the last
/// clear one said the same.
fn is_news(attempt: &AttemptRecord, evidence: &Evidence, body: &str) -> bool {
    if evidence.class() == UNCLEAR {
        return false;
    }
    attempt
        .evidence
        .iter()
        .rev()
        .find(|item| item.source == LOOKUP && item.class != UNCLEAR)
        .is_none_or(|last| last.body != body)
}

fn evidence_row(
    attempt: &AttemptRecord,
    ids: &mut Ids,
    now: Moment,
    (source, class): (&str, &str),
    body: String,
) -> EvidenceRow {
    EvidenceRow {
        id: EvidenceId::from_bytes(ids.make()),
        attempt_id: attempt.row.id,
        at: now,
        source: source.to_owned(),
        body,
        class: class.to_owned(),
        seen: 1,
        last_at: now,
    }
}

fn append(attempt: &mut AttemptRecord, row: EvidenceRow) -> Vec<Write> {
    attempt.evidence.push(row.clone());
    vec![Write::InsertEvidence(row)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::IdSeed;
    use crate::outgoing::transition::tests::attempt;
    use domain::outcome::Acceptance;
    use domain::time::Span;

    fn lookup(evidence: Evidence) -> Known {
        Known::Looked {
            evidence,
            returns: Vec::new(),
            payee_name: None,
            reference: None,
        }
    }

    /// The evidence version and the rows as `class×seen` after these lookups, a minute apart.
    fn after(attempt: &mut AttemptRecord, lookups: Vec<Evidence>) -> (u64, Vec<String>) {
        let last = attempt.evidence.last().map(|row| row.last_at);
        let mut now = last.unwrap_or(Moment::from_micros(2_000));
        for evidence in lookups {
            now = now.plus(Span::from_seconds(60));
            let mut ids = IdSeed::for_tests(now).start();
            record(&lookup(evidence), attempt, &mut ids, now);
        }
        let rows = attempt
            .evidence
            .iter()
            .map(|row| format!("{}×{}", row.class, row.seen));
        (attempt.row.evidence_version, rows.collect())
    }

    fn doubtful() -> AttemptRecord {
        attempt(&[Some(SendVerdict::Unknown(UnknownCause::Timeout))], &[])
    }

    #[test]
    fn equal_lookups_are_counted_and_only_news_raise_the_version() {
        use Evidence as E;
        let unclear = || E::Unclear(UnknownCause::Timeout);
        let other = || E::Unclear(UnknownCause::ServerError);
        let progress = || {
            E::InProgress(Acceptance {
                gateway_reference: Some("r".into()),
                end_to_end_id: None,
            })
        };
        let table = vec![
            (vec![E::NotFound; 7], 1, vec!["not_found×7"]),
            (vec![unclear(); 3], 0, vec!["unclear×3"]),
            (vec![unclear(), other()], 0, vec!["unclear×1", "unclear×1"]),
            (
                vec![E::NotFound, unclear(), E::NotFound],
                1,
                vec!["not_found×1", "unclear×1", "not_found×1"],
            ),
            (
                vec![E::NotFound, progress(), progress()],
                2,
                vec!["not_found×1", "in_progress×2"],
            ),
        ];
        for (lookups, version, rows) in table {
            let rows: Vec<String> = rows.into_iter().map(str::to_owned).collect();
            assert_eq!(after(&mut doubtful(), lookups), (version, rows));
        }
    }

    #[test]
    fn a_run_of_not_found_begins_anew_after_a_send() {
        let mut attempt = doubtful();
        after(&mut attempt, vec![Evidence::NotFound; 3]);
        let sent = attempt.evidence[0].last_at.plus(Span::from_seconds(1));
        attempt.sends[0].closed_at = Some(sent);
        let (version, rows) = after(&mut attempt, vec![Evidence::NotFound; 2]);
        assert_eq!(
            (version, rows),
            (1, vec!["not_found×3".into(), "not_found×2".into()])
        );
    }

    #[test]
    fn an_answer_and_a_late_answer_are_news_and_a_lost_process_is_told_once() {
        let mut attempt = attempt(&[None], &[]);
        let now = Moment::from_micros(9);
        let mut ids = IdSeed::for_tests(now).start();
        let lost = Known::ProcessLost { send_number: 1 };
        assert_eq!(record(&lost, &mut attempt, &mut ids, now).len(), 1);
        assert_eq!(record(&lost, &mut attempt, &mut ids, now).len(), 0);
        assert_eq!(attempt.row.evidence_version, 1);
        let late = Known::Answer {
            send_number: 1,
            verdict: SendVerdict::Unknown(UnknownCause::Timeout),
        };
        record(&late, &mut attempt, &mut ids, now);
        assert_eq!(
            (attempt.row.evidence_version, attempt.evidence.len()),
            (2, 1)
        );
    }
}
