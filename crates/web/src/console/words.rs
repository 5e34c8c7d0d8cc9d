//! What the console says about gateways, sends, evidence and decisions, in plain words.

use app::routing::StoredCandidate;
use app::story::StoryEvidence;
use app::views::{AttemptView, LicenceView};
use app::waiting::Step;
use domain::gateway::Gateway;
use domain::review::{ProposalState, ReviewOutcome};
use domain::time::Span;

use crate::pages::detail::gateway_name;
use crate::parts::words::Tone;
use crate::texts::{Texts, fill};

/// `42 s`, `7 min`, `3 h`, `12 d`.
pub fn age(span: Span) -> String {
    let seconds = span.millis().max(0) / 1_000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `350 ms`, `2,4 s`.
pub fn duration(span: Span) -> String {
    let millis = span.millis().max(0);
    match millis {
        0..1_000 => format!("{millis} ms"),
        _ => format!("{},{} s", millis / 1_000, millis % 1_000 / 100),
    }
}

/// Something that is told and seen.
#[derive(Clone, Debug)]
pub struct Tag {
    pub text: &'static str,
    pub tone: Tone,
}

pub fn circuit(name: &str, t: &Texts) -> Tag {
    let c = &t.console;
    let (text, tone) = match name {
        "closed" => (c.circuit_closed, Tone::Good),
        "half_open" => (c.circuit_half_open, Tone::Doubt),
        _ => (c.circuit_open, Tone::Bad),
    };
    Tag { text, tone }
}

pub fn operation(name: &str, t: &Texts) -> &'static str {
    match name {
        "charge" => t.console.op_charge,
        "payout" => t.console.op_payout,
        "refund" => t.console.op_refund,
        _ => t.console.op_lookup,
    }
}

/// What a send's answer was taken for; `None` while there is none.
pub fn verdict(class: Option<&str>, t: &Texts) -> Tag {
    let c = &t.console;
    let (text, tone) = match class {
        None => (c.verdict_open, Tone::Busy),
        Some("settled") => (c.verdict_settled, Tone::Good),
        Some("accepted") => (c.verdict_accepted, Tone::Busy),
        Some("not_done") => (c.verdict_not_done, Tone::Bad),
        Some("never_sent") => (c.verdict_never_sent, Tone::Bad),
        Some(_) => (c.verdict_unknown, Tone::Doubt),
    };
    Tag { text, tone }
}

/// How an attempt stands: one whose send has no answer yet is under way, not in doubt.
pub fn standing(view: &AttemptView) -> &str {
    let is_open = view.sends.iter().all(|send| send.verdict.is_none());
    match view.outcome.as_str() {
        "unknown" if is_open => "open",
        outcome => outcome,
    }
}

/// The same in words.
pub fn outcome(name: &str, t: &Texts) -> Tag {
    let c = &t.console;
    let (text, tone) = match name {
        "open" => (c.outcome_open, Tone::Busy),
        "done" => (c.outcome_done, Tone::Good),
        "accepted" => (c.outcome_accepted, Tone::Busy),
        "not_done" => (c.outcome_not_done, Tone::Bad),
        _ => (c.outcome_unknown, Tone::Doubt),
    };
    Tag { text, tone }
}

pub fn evidence(row: &StoryEvidence, t: &Texts) -> String {
    let c = &t.console;
    let what = match (row.source.as_str(), row.class.as_str()) {
        ("late_answer", class) => fill(c.evidence_late, &[verdict(Some(class), t).text]),
        (_, "settled") => c.evidence_settled.to_owned(),
        (_, "refused") => c.evidence_refused.to_owned(),
        (_, "in_progress") => c.evidence_in_progress.to_owned(),
        (_, "not_found") => c.evidence_not_found.to_owned(),
        (_, "unclear") => c.evidence_unclear.to_owned(),
        (_, class) => fill(c.evidence_other, &[class]),
    };
    match row.seen {
        0 | 1 => what,
        seen => {
            let span = age(row.last_at.since(row.first_at));
            fill(c.evidence_times, &[&what, &seen.to_string(), &span])
        }
    }
}

/// Why another gateway was allowed.
pub fn licence(view: &LicenceView, t: &Texts) -> String {
    let c = &t.console;
    let number = view.from_attempt.to_string();
    let code = view.code.as_deref().unwrap_or("—");
    match (view.kind.as_str(), view.source.as_deref()) {
        ("never_sent", _) => fill(c.licence_never_sent, &[&number, code]),
        ("definitive_refusal", Some("lookup")) => fill(c.licence_lookup, &[&number, code]),
        ("definitive_refusal", _) => fill(c.licence_refusal, &[&number, code]),
        ("operator_decision", _) => fill(c.licence_people, &[&number]),
        _ => view.in_words.clone(),
    }
}

/// Why this gateway was chosen.
pub fn rule(name: &str, gateway: Gateway, t: &Texts) -> String {
    let c = &t.console;
    let text = match name {
        "primary" => c.rule_primary,
        "fallback" => c.rule_fallback,
        "only_capable" => c.rule_only,
        "bound" => c.rule_bound,
        "last_resort" => c.rule_last_resort,
        other => return fill(c.rule_other, &[gateway_name(gateway), other]),
    };
    fill(text, &[gateway_name(gateway)])
}

/// How a gateway stood when it was chosen or passed over.
pub fn candidate(stored: &StoredCandidate, t: &Texts) -> String {
    let c = &t.console;
    let facts = [
        (!stored.capable, c.stood_incapable),
        (stored.bound_elsewhere, c.stood_elsewhere),
        (stored.exhausted, c.stood_exhausted),
        (stored.paused, c.stood_paused),
        (stored.float_short, c.stood_short),
        (stored.exposure_full, c.stood_exposed),
        (stored.circuit == "half_open", c.stood_half_open),
        (stored.circuit == "shut_by_failures", c.stood_failing),
        (stored.circuit == "shut_by_unknowns", c.stood_unknown),
        (stored.failed_recently, c.stood_failed_now),
    ];
    let told: Vec<&str> = facts
        .iter()
        .filter_map(|(is_so, text)| is_so.then_some(*text))
        .collect();
    match told.is_empty() {
        true => c.stood_ready.to_owned(),
        false => told.join("; "),
    }
}

/// What two people would decide.
pub fn review_outcome(outcome: ReviewOutcome, t: &Texts) -> (&'static str, &'static str) {
    let c = &t.console;
    match outcome {
        ReviewOutcome::Settled => (c.settled, c.settled_means),
        ReviewOutcome::Release => (c.release, c.release_means),
        ReviewOutcome::Retry => (c.retry, c.retry_means),
    }
}

pub fn proposal_state(state: ProposalState, t: &Texts) -> Tag {
    let c = &t.console;
    let (text, tone) = match state {
        ProposalState::Open => (c.proposal_open, Tone::Doubt),
        ProposalState::Approved => (c.proposal_approved, Tone::Good),
        ProposalState::Superseded => (c.proposal_superseded, Tone::Quiet),
        ProposalState::Withdrawn => (c.proposal_withdrawn, Tone::Quiet),
    };
    Tag { text, tone }
}

/// Whether not being found is evidence.
pub fn absence(verdict: &str, t: &Texts) -> &'static str {
    let c = &t.console;
    match verdict {
        "enough" => c.absence_enough,
        "cannot_be_shown" => c.absence_cannot,
        "send_open" => c.absence_send_open,
        "gateway_unhealthy" => c.absence_unhealthy,
        "too_few_lookups" => c.absence_few,
        _ => c.absence_short,
    }
}

/// A rule of the ledger, as the checks state it; one without words of ours stays as it is.
pub fn check(rule: &'static str, t: &Texts) -> &'static str {
    let c = &t.console;
    match rule {
        "every journal sums to zero" => c.check_journals,
        "every wallet equals the fold of its entries" => c.check_wallets,
        "money held equals the payments under way" => c.check_holds,
        "money blocked equals the open disputes" => c.check_blocked,
        "every wallet's entries are numbered without a gap and carry the running balance" => {
            c.check_entries
        }
        "no suspense account is below zero" => c.check_suspense,
        "suspense, float in transit and what gateways keep from us equal their rows" => {
            c.check_rows
        }
        "no row breaks a rule of the schema that only a query can see" => c.check_schema,
        "nothing is pending past its maximum age" => c.check_pending,
        "every exception from the proofs was decided by two people" => c.check_exceptions,
        other => other,
    }
}

/// A step by which events leave.
pub fn step(step: Step, t: &Texts) -> &'static str {
    let c = &t.console;
    match step {
        Step::Numbering => c.step_numbering,
        Step::Topic => c.step_topic,
        Step::Webhooks => c.step_webhooks,
    }
}

/// A PIX key with its middle hidden.
pub fn masked(key: &str) -> String {
    let letters: Vec<char> = key.chars().collect();
    match letters.len() {
        0..=4 => "•••".to_owned(),
        count => {
            let head: String = letters[..2].iter().collect();
            let tail: String = letters[count - 2..].iter().collect();
            format!("{head}•••{tail}")
        }
    }
}

/// An id of somebody else's, told by its ends: enough to find it in a statement.
pub fn masked_id(id: &str) -> String {
    let letters: Vec<char> = id.chars().collect();
    match letters.len() {
        0..=12 => masked(id),
        count => {
            let head: String = letters[..4].iter().collect();
            let tail: String = letters[count - 6..].iter().collect();
            format!("{head}•••{tail}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::{Language, PT};
    use domain::time::Moment;

    #[test]
    fn ages_and_durations_are_short() {
        for (seconds, text) in [(5, "5 s"), (61, "1 min"), (7_200, "2 h"), (200_000, "2 d")] {
            assert_eq!(age(Span::from_seconds(seconds)), text);
        }
        assert_eq!(duration(Span::from_millis(350)), "350 ms");
        assert_eq!(duration(Span::from_millis(2_450)), "2,4 s");
    }

    #[test]
    fn a_key_keeps_its_ends_only() {
        assert_eq!(masked("maria@example.com"), "ma•••om");
        assert_eq!(masked("abc"), "•••");
        assert_eq!(masked_id("0123456789abcdef"), "0123•••abcdef");
        assert_eq!(masked_id("12345678901"), "12•••01");
    }

    #[test]
    fn a_licence_is_told_in_both_languages() {
        let view = LicenceView {
            kind: "never_sent".into(),
            from_attempt: 1,
            code: Some("connect".into()),
            source: None,
            in_words: "no byte left the host".into(),
        };
        for language in [Language::Portuguese, Language::English] {
            let told = licence(&view, language.texts());
            assert!(told.contains("connect") && told.contains('1'), "{told}");
        }
    }

    #[test]
    fn equal_looks_are_counted() {
        let at = Moment::from_micros(0);
        let row = StoryEvidence {
            source: "lookup".into(),
            class: "not_found".into(),
            seen: 5,
            first_at: at,
            last_at: at.plus(Span::from_seconds(600)),
        };
        let told = evidence(&row, &PT);
        assert!(told.contains("5") && told.contains("10 min"), "{told}");
    }

    #[test]
    fn how_a_gateway_stood_is_told() {
        let stored = StoredCandidate {
            gateway: "efi".into(),
            capable: true,
            bound_elsewhere: false,
            paused: false,
            exhausted: false,
            circuit: "closed".into(),
            float_short: false,
            exposure_full: false,
            failed_recently: false,
        };
        assert_eq!(candidate(&stored, &PT), PT.console.stood_ready);
        let shut = StoredCandidate {
            circuit: "shut_by_failures".into(),
            ..stored
        };
        assert_eq!(candidate(&shut, &PT), PT.console.stood_failing);
    }
}
