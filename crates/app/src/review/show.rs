//! What people see of a payment in review.

use domain::gateway::{Gateway, Operation};
use domain::ids::TransactionId;
use domain::payout::OutgoingStage;
use domain::review::{ABSENT_FOR, ABSENT_LOOKUPS, Absence, AbsenceFacts, NotFoundRun};
use domain::status::Kind;
use domain::time::{Moment, Span};

use crate::commands::ReadRefusal;
use crate::context::App;
use crate::ports::store::{AttemptRecord, EvidenceRow, StoreError, TransactionRecord};
use crate::records::outgoing::OutgoingRecord;
use crate::transactions::{attempts, decided};
use crate::views::{AbsenceView, EvidenceView, ReviewSummary, ReviewView, ReviewedAttempt};

/// A gateway that answered a lookup within this time answers lookups.
const FRESH: Span = Span::from_seconds(5 * 60);
const NOT_FOUND: &str = "not_found";

impl App {
    /// Payments in review, by id from this one on: about in the order in which they were asked for.
    pub async fn reviews(
        &self,
        after: Option<TransactionId>,
        limit: u32,
    ) -> Result<Vec<ReviewSummary>, StoreError> {
        let found = self.store.in_review(after, limit).await?;
        found.iter().map(summary).collect()
    }

    /// Everything about a payment that people need to decide; `NotFound` for what is no payout or
    /// refund.
    pub async fn review(&self, id: TransactionId) -> Result<ReviewView, ReadRefusal> {
        let found = self.store.transaction(id).await?;
        let found = found
            .filter(|found| matches!(found.row.kind, Kind::Payout | Kind::Refund))
            .ok_or(ReadRefusal::NotFound)?;
        let record = OutgoingRecord::load(&found.row)?;
        let (number, since) = match record.stage {
            OutgoingStage::InReview { attempt, since } => (Some(attempt), Some(since)),
            _ => (None, None),
        };
        let decided = decided(&found)?;
        let mut reviewed = Vec::with_capacity(found.attempts.len());
        for attempt in &found.attempts {
            reviewed.push(ReviewedAttempt {
                attempt: attempts::view(attempt, decided.as_ref())?,
                in_review: Some(attempt.row.number) == number,
                evidence_version: attempt.row.evidence_version,
                evidence: attempt.evidence.iter().map(evidence).collect(),
                absence: self.absence(attempt).await,
            });
        }
        Ok(ReviewView {
            transaction: self.view_record(&found).await?,
            in_review_since: since,
            attempts: reviewed,
            proposals: self.store.proposals_of(id).await?,
        })
    }

    async fn absence(&self, attempt: &AttemptRecord) -> AbsenceView {
        let gateway = attempt.row.gateway;
        let circuit = self
            .availability
            .health(gateway, Operation::Lookup, self.now())
            .await
            .circuit;
        let answers = circuit.allowance().is_none_or(|allowance| allowance > 0);
        let facts = AbsenceFacts {
            can_be_shown: gateway.shows_absence(),
            run: not_found_run(attempt),
            send_open: attempt.sends.iter().any(|send| send.closed_at.is_none()),
            healthy: answers && answered_lately(attempt, self.now()),
        };
        AbsenceView {
            verdict: Absence::judge(&facts).as_str(),
            in_words: absence_words(gateway, &facts),
        }
    }
}

fn summary(found: &TransactionRecord) -> Result<ReviewSummary, StoreError> {
    let record = OutgoingRecord::load(&found.row)?;
    let number = record.stage.attempt().unwrap_or_default();
    let mut attempts = found.attempts.iter().map(|attempt| &attempt.row);
    let attempt = attempts.find(|row| row.number == number);
    Ok(ReviewSummary {
        transaction_id: found.row.id,
        kind: found.row.kind,
        wallet_id: found.row.wallet_id,
        amount: found.row.amount,
        gateway: attempt.map(|row| row.gateway).or(found.row.gateway),
        attempt: number,
        evidence_version: attempt.map_or(0, |row| row.evidence_version),
        in_review_since: record.stage.since(),
        proposal: found.proposal.clone(),
    })
}

/// The last lookups, as far as they all found nothing and came after the last send.
fn not_found_run(attempt: &AttemptRecord) -> Option<NotFoundRun> {
    let last = attempt.evidence.last()?;
    let sent = attempt.sends.iter().map(|send| send.closed_at).max()?;
    let after_sends = sent.is_none_or(|sent| sent <= last.at);
    (last.class == NOT_FOUND && after_sends).then_some(NotFoundRun {
        count: last.seen,
        first: last.at,
        last: last.last_at,
    })
}

fn answered_lately(attempt: &AttemptRecord, now: Moment) -> bool {
    attempt
        .evidence
        .last()
        .is_some_and(|last| last.class != "unclear" && now.since(last.last_at) <= FRESH)
}

fn absence_words(gateway: Gateway, facts: &AbsenceFacts) -> String {
    let (count, minutes) = facts.run.map_or((0, 0), |run| {
        (run.count, run.last.since(run.first).millis() / 60_000)
    });
    let found = format!("{gateway}: {count} not-found over {minutes} minutes");
    let healthy = if facts.healthy {
        "gateway healthy"
    } else {
        "gateway not known to answer now"
    };
    let send = if facts.send_open {
        "a send is open"
    } else {
        "no send open"
    };
    let verdict = match Absence::judge(facts) {
        Absence::CannotBeShown => {
            return format!("{gateway} cannot be asked by our key: not being found says nothing");
        }
        Absence::Enough => "enough evidence for people, never a licence by itself".to_owned(),
        Absence::SendOpen | Absence::Unhealthy | Absence::TooFew | Absence::TooShort => format!(
            "not enough: at least {ABSENT_LOOKUPS} over {} minutes are needed",
            ABSENT_FOR.millis() / 60_000
        ),
    };
    format!("{found}, {healthy}, {send}: {verdict}")
}

fn evidence(row: &EvidenceRow) -> EvidenceView {
    let what = match (row.source.as_str(), row.class.as_str()) {
        ("late_answer", class) => format!("the answer that came late says {class}"),
        (_, "settled") => "the gateway shows it as executed".to_owned(),
        (_, "refused") => "the gateway shows it as not executed".to_owned(),
        (_, "in_progress") => "the gateway has it under way".to_owned(),
        (_, NOT_FOUND) => "the gateway did not find it".to_owned(),
        (_, "unclear") => "the gateway gave no clear answer".to_owned(),
        (_, class) => format!("it shows {class}"),
    };
    let times = match row.seen {
        1 => String::new(),
        seen => format!(
            ", {seen} times over {} minutes",
            row.last_at.since(row.at).millis() / 60_000
        ),
    };
    EvidenceView {
        source: row.source.clone(),
        class: row.class.clone(),
        seen: row.seen,
        first_at: row.at,
        last_at: row.last_at,
        in_words: format!("{what}{times}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outgoing::transition::tests::attempt;
    use domain::outcome::{Evidence, SendVerdict, UnknownCause};

    fn facts() -> AbsenceFacts {
        let first = Moment::from_micros(0);
        AbsenceFacts {
            can_be_shown: true,
            run: Some(NotFoundRun {
                count: 12,
                first,
                last: first.plus(Span::from_seconds(12 * 60)),
            }),
            send_open: false,
            healthy: true,
        }
    }

    #[test]
    fn the_rule_is_told_with_its_figures() {
        assert_eq!(
            absence_words(Gateway::Efi, &facts()),
            "efi: 12 not-found over 12 minutes, gateway healthy, no send open: enough evidence \
             for people, never a licence by itself"
        );
        let open = AbsenceFacts {
            send_open: true,
            ..facts()
        };
        let words = absence_words(Gateway::Efi, &open);
        assert!(words.contains("a send is open: not enough"), "{words}");
        let blind = AbsenceFacts {
            can_be_shown: false,
            ..facts()
        };
        let words = absence_words(Gateway::MercadoPago, &blind);
        assert!(words.ends_with("says nothing"), "{words}");
    }

    #[test]
    fn only_the_last_lookups_after_the_last_send_count() {
        let unknown = [Some(SendVerdict::Unknown(UnknownCause::Timeout))];
        let mut absent = attempt(&unknown, &[Evidence::NotFound]);
        assert_eq!(not_found_run(&absent).map(|run| run.count), Some(1));
        let later = absent.evidence[0].at.plus(Span::from_seconds(1));
        absent.sends[0].closed_at = Some(later);
        assert_eq!(not_found_run(&absent), None, "it was sent since");
        let unclear = Evidence::Unclear(UnknownCause::Timeout);
        let interrupted = attempt(&unknown, &[Evidence::NotFound, unclear]);
        assert_eq!(not_found_run(&interrupted), None);
    }
}
