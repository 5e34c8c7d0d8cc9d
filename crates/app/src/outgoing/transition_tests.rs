//! What follows from what is known, in tables.

use super::*;
use domain::ids::{AttemptId, TransactionId, UserId, WalletId};
use domain::money::Money;
use domain::outcome::{
    Acceptance, Evidence, NeverSent, Refusal, RefusalReason, SendVerdict, UnknownCause,
};
use domain::status::Kind;

use crate::ports::store::{EvidenceRow, SendRow, TransactionRow};
use crate::records::outgoing::{
    OutgoingFacts, OutgoingPrivate, evidence_text, late_answer_text, verdict_text,
};

const NOW: Moment = Moment::from_micros(1_000);

pub(crate) fn payment(kind: Kind, stage: OutgoingStage) -> OutgoingRecord {
    let row = TransactionRow {
        id: TransactionId::from_bytes([1; 16]),
        wallet_id: WalletId::from_bytes([2; 16]),
        user_id: UserId::from_bytes([3; 16]),
        kind,
        status: stage.status(),
        stage: stage.name().to_owned(),
        version: 3,
        amount: Money::from_cents(100).unwrap(),
        fee: Money::ZERO,
        gateway: Some(Gateway::Efi),
        idempotency: None,
        reference: None,
        end_to_end_id: None,
        parent: None,
        stage_deadline: None,
        created_at: Moment::default(),
        updated_at: Moment::default(),
        settled_at: None,
        facts: String::new(),
        private: String::new(),
        payee_user_id: None,
    };
    let kind = if kind == Kind::Refund {
        Outgoing::Refund
    } else {
        Outgoing::Payout
    };
    OutgoingRecord {
        row,
        kind,
        stage,
        facts: OutgoingFacts::default(),
        private: OutgoingPrivate::default(),
    }
}

pub(crate) fn attempt(verdicts: &[Option<SendVerdict>], evidence: &[Evidence]) -> AttemptRecord {
    let id = AttemptId::from_bytes([4; 16]);
    let sends = verdicts.iter().zip(1..).map(|(verdict, number)| SendRow {
        attempt_id: id,
        number,
        opened_at: Moment::default(),
        closed_at: verdict.as_ref().map(|_| NOW),
        verdict: verdict.as_ref().map(verdict_text),
        class: verdict.as_ref().map(|verdict| verdict.class().to_owned()),
        code: None,
        lease_token: 1,
    });
    let evidence = evidence.iter().map(|item| EvidenceRow {
        id: domain::ids::EvidenceId::from_bytes([5; 16]),
        attempt_id: id,
        at: NOW,
        source: "lookup".into(),
        body: evidence_text(item),
        class: item.class().into(),
        seen: 1,
        last_at: NOW,
    });
    AttemptRecord {
        row: AttemptRow {
            id,
            transaction_id: TransactionId::from_bytes([1; 16]),
            number: 1,
            gateway: Gateway::Efi,
            attempt_key: "k".into(),
            request: Vec::new(),
            live: true,
            outcome: "open".into(),
            reason: None,
            why: String::new(),
            licence: None,
            routing: String::new(),
            gateway_reference: None,
            evidence_version: 0,
            created_at: Moment::default(),
            updated_at: Moment::default(),
        },
        sends: sends.collect(),
        evidence: evidence.collect(),
    }
}

fn sending() -> OutgoingStage {
    OutgoingStage::Sending {
        attempt: 1,
        since: Moment::default(),
    }
}
fn in_doubt() -> OutgoingStage {
    OutgoingStage::InDoubt {
        attempt: 1,
        since: Moment::default(),
    }
}
fn in_review() -> OutgoingStage {
    OutgoingStage::InReview {
        attempt: 1,
        since: Moment::default(),
    }
}
fn refused(reason: RefusalReason) -> SendVerdict {
    SendVerdict::NotDone(Refusal {
        reason,
        code: "code".into(),
    })
}
fn executed() -> Evidence {
    Evidence::Settled(Execution {
        gateway_reference: None,
        end_to_end_id: Some("E1".into()),
    })
}
/// `stage booking live` of what follows.
fn shown(transition: &Transition) -> String {
    match transition {
        Transition::Stay(row) => format!("stay {}", row.outcome),
        Transition::Retry(_) => "retry".to_owned(),
        Transition::Move {
            record,
            attempt,
            booking,
            incident,
        } => {
            let told = if incident.is_some() { " told" } else { "" };
            format!("{}{told}", moved(record, attempt, *booking))
        }
        Transition::Correct {
            record,
            attempt,
            booking,
            ..
        } => {
            assert!(record.facts.corrected);
            format!("corrected {}", moved(record, attempt, Some(*booking)))
        }
        Transition::ExecutedTwice { attempt, .. } => {
            assert_eq!(attempt.reason.as_deref(), Some(EXECUTED_TWICE));
            "executed twice".to_owned()
        }
        Transition::Contradiction { .. } => "contradiction".to_owned(),
    }
}
fn moved(record: &OutgoingRecord, attempt: &AttemptRow, booking: Option<Booking>) -> String {
    let money = match booking {
        None => "kept",
        Some(Booking::PaidOut(_)) => "paid",
        Some(Booking::Release) => "released",
        Some(Booking::PaidAfterAll(_)) => "taken",
        Some(Booking::NotPaidAfterAll(_)) => "returned",
    };
    let live = if attempt.live { "live" } else { "ended" };
    format!("{} {money} {live}", record.stage.name())
}
/// The usual circumstances: no tries left, something new, no other attempt in doubt.
const USUAL: Circumstances = Circumstances {
    may_retry: false,
    news: News::Something,
    unproven: None,
    now: NOW,
};
fn follows(
    kind: Kind,
    stage: OutgoingStage,
    verdicts: &[Option<SendVerdict>],
    evidence: &[Evidence],
) -> String {
    shown(&transition(
        payment(kind, stage),
        &attempt(verdicts, evidence),
        USUAL,
    ))
}

#[test]
fn money_is_released_only_by_a_proof() {
    let timeout = Some(SendVerdict::Unknown(UnknownCause::Timeout));
    type Row = (
        OutgoingStage,
        Vec<Option<SendVerdict>>,
        Vec<Evidence>,
        &'static str,
    );
    let table: Vec<Row> = vec![
        (
            sending(),
            vec![timeout.clone()],
            vec![],
            "in_doubt kept live",
        ),
        (
            in_doubt(),
            vec![timeout.clone()],
            vec![Evidence::NotFound; 9],
            "stay unknown",
        ),
        (
            in_doubt(),
            vec![timeout.clone(), Some(refused(RefusalReason::Malformed))],
            vec![],
            "stay unknown",
        ),
        (
            in_doubt(),
            vec![timeout.clone()],
            vec![executed()],
            "settled paid live",
        ),
        (
            in_review(),
            vec![timeout.clone()],
            vec![executed()],
            "settled paid live",
        ),
        (
            sending(),
            vec![Some(refused(RefusalReason::RiskRefused))],
            vec![],
            "rejected released ended",
        ),
        (
            sending(),
            vec![Some(refused(RefusalReason::InsufficientFloat))],
            vec![],
            "queued kept ended",
        ),
        (
            sending(),
            vec![Some(SendVerdict::NeverSent(NeverSent::Connect))],
            vec![],
            "queued kept ended",
        ),
        (sending(), vec![None], vec![], "stay open"),
    ];
    for (stage, verdicts, evidence, expected) in table {
        assert_eq!(
            follows(Kind::Payout, stage, &verdicts, &evidence),
            expected,
            "{verdicts:?} {evidence:?}"
        );
    }
}

#[test]
fn a_refund_never_goes_elsewhere() {
    let refused = [Some(SendVerdict::NeverSent(NeverSent::Connect))];
    assert_eq!(
        follows(Kind::Refund, sending(), &refused, &[]),
        "rejected released ended"
    );
}

#[test]
fn a_retry_keeps_the_attempt_live() {
    let unreachable = attempt(&[Some(SendVerdict::NeverSent(NeverSent::Connect))], &[]);
    let next = transition(
        payment(Kind::Payout, sending()),
        &unreachable,
        Circumstances {
            may_retry: true,
            ..USUAL
        },
    );
    assert_eq!(shown(&next), "retry");
    assert!(matches!(next, Transition::Retry(row) if row.live));
}

#[test]
fn a_late_answer_replaces_the_verdict_of_its_own_send_only() {
    let mut late = attempt(
        &[Some(SendVerdict::Unknown(UnknownCause::ProcessLost))],
        &[],
    );
    late.evidence.push(EvidenceRow {
        id: domain::ids::EvidenceId::from_bytes([5; 16]),
        attempt_id: late.row.id,
        at: NOW,
        source: "late_answer".into(),
        body: late_answer_text(1, &refused(RefusalReason::RiskRefused)),
        class: "not_done".into(),
        seen: 1,
        last_at: NOW,
    });
    let next = transition(payment(Kind::Payout, in_doubt()), &late, USUAL);
    assert_eq!(shown(&next), "rejected released ended");
    late.sends.push(SendRow {
        number: 2,
        ..late.sends[0].clone()
    });
    let next = transition(payment(Kind::Payout, in_doubt()), &late, USUAL);
    assert_eq!(
        shown(&next),
        "stay unknown",
        "the second send may still have been executed"
    );
}

fn settled(attempt: u32) -> OutgoingStage {
    OutgoingStage::Settled {
        attempt: Some(attempt),
        at: NOW,
    }
}
fn rejected() -> OutgoingStage {
    OutgoingStage::Rejected {
        at: NOW,
        failure: Failure {
            code: "released_by_operators".into(),
            message: "m".into(),
        },
    }
}
fn timed_out() -> [Option<SendVerdict>; 1] {
    [Some(SendVerdict::Unknown(UnknownCause::Timeout))]
}
fn shown_refused() -> [Evidence; 1] {
    [Evidence::Refused(Refusal {
        reason: RefusalReason::RiskRefused,
        code: "NAO_REALIZADO".into(),
    })]
}
/// The payment of `stage`, as two people settled it.
fn decided_settled(stage: OutgoingStage) -> OutgoingRecord {
    let mut record = payment(Kind::Payout, stage);
    record.facts.decided = Some(crate::records::outgoing::StoredDecided {
        outcome: "settled".into(),
        proposal: "prp_1".into(),
        by: "usr_1".into(),
        approved_by: "usr_2".into(),
        attempt: 1,
        after: 1,
        at: 0,
    });
    record
}

#[test]
fn an_execution_corrects_what_had_failed_whoever_failed_it() {
    let cancelled = OutgoingStage::Cancelled { at: NOW };
    for kind in [Kind::Payout, Kind::Refund] {
        for stage in [rejected(), cancelled.clone()] {
            assert_eq!(
                follows(kind, stage, &timed_out(), &[executed()]),
                "corrected settled taken live"
            );
        }
    }
    assert_eq!(
        follows(Kind::Payout, rejected(), &timed_out(), &[]),
        "stay unknown"
    );
    assert_eq!(
        follows(Kind::Payout, rejected(), &timed_out(), &shown_refused()),
        "stay not_done"
    );
}

#[test]
fn a_refusal_corrects_what_people_called_settled_and_nothing_else() {
    let attempt = attempt(&timed_out(), &shown_refused());
    let next = |record| shown(&transition(record, &attempt, USUAL));
    assert_eq!(
        next(decided_settled(settled(1))),
        "corrected rejected returned ended"
    );
    assert_eq!(next(payment(Kind::Payout, settled(1))), "contradiction");
    let returned = OutgoingStage::Returned {
        attempt: Some(1),
        at: NOW,
        returned: Money::from_cents(5).unwrap(),
    };
    assert_eq!(next(decided_settled(returned)), "contradiction");
    assert_eq!(
        next(decided_settled(settled(2))),
        "stay not_done",
        "it is not the attempt that counts"
    );
}

#[test]
fn what_a_gateway_settled_stays_and_its_change_of_mind_is_told_once() {
    let [refusal] = shown_refused();
    let attempt = attempt(&timed_out(), &[executed(), refusal]);
    let next = |news| {
        let circumstances = Circumstances { news, ..USUAL };
        shown(&transition(
            payment(Kind::Payout, settled(1)),
            &attempt,
            circumstances,
        ))
    };
    assert_eq!(next(News::Refusal), "contradiction");
    assert_eq!(next(News::Nothing), "stay done");
}

#[test]
fn a_second_execution_is_booked_once_however_often_it_is_seen() {
    let mut second = attempt(&timed_out(), &[executed()]);
    let first = transition(payment(Kind::Payout, settled(2)), &second, USUAL);
    assert_eq!(shown(&first), "executed twice");
    let Transition::ExecutedTwice { attempt: noted, .. } = first else {
        unreachable!("shown above")
    };
    second.row = noted;
    let again = transition(payment(Kind::Payout, settled(2)), &second, USUAL);
    assert_eq!(shown(&again), "stay done");
    assert!(
        matches!(again, Transition::Stay(row) if row.reason.as_deref() == Some(EXECUTED_TWICE)),
        "the mark stays"
    );
}

#[test]
fn an_earlier_attempt_never_moves_the_live_one_but_by_having_paid() {
    let later = |stage: fn(u32) -> OutgoingStage| stage(2);
    let stages: [OutgoingStage; 4] = [
        later(|attempt| OutgoingStage::Sending {
            attempt,
            since: NOW,
        }),
        later(|attempt| OutgoingStage::Accepted {
            attempt,
            since: NOW,
        }),
        later(|attempt| OutgoingStage::InDoubt {
            attempt,
            since: NOW,
        }),
        later(|attempt| OutgoingStage::InReview {
            attempt,
            since: NOW,
        }),
    ];
    let accepted = [Evidence::InProgress(Acceptance {
        gateway_reference: None,
        end_to_end_id: None,
    })];
    let earlier = |stage: &OutgoingStage, evidence: &[Evidence]| {
        let mut attempt = attempt(&timed_out(), evidence);
        attempt.row.live = false;
        shown(&transition(
            payment(Kind::Payout, stage.clone()),
            &attempt,
            USUAL,
        ))
    };
    for stage in &stages {
        assert_eq!(earlier(stage, &[executed()]), "settled paid ended told");
        assert_eq!(earlier(stage, &shown_refused()), "stay not_done");
        assert_eq!(earlier(stage, &accepted), "stay accepted");
        assert_eq!(earlier(stage, &[]), "stay unknown");
    }
    let queued = OutgoingStage::Queued { since: NOW };
    assert_eq!(earlier(&queued, &[executed()]), "settled paid live told");
    assert_eq!(
        earlier(&queued, &shown_refused()),
        "rejected released ended",
        "risk refusals never fail over"
    );
    assert_eq!(earlier(&queued, &[]), "stay unknown");
}

#[test]
fn nothing_is_given_back_while_another_attempt_may_have_paid() {
    let doubt = Circumstances {
        unproven: Some(7),
        ..USUAL
    };
    let refused_for_good = attempt(&[Some(refused(RefusalReason::RiskRefused))], &[]);
    for stage in [sending(), in_doubt(), in_review()] {
        let next = transition(payment(Kind::Payout, stage), &refused_for_good, doubt);
        assert_eq!(shown(&next), "in_review kept ended");
        assert!(
            matches!(next, Transition::Move { record, .. } if record.stage.attempt() == Some(7))
        );
    }
}

#[test]
fn an_acceptance_is_not_forgotten() {
    let accepted = Some(SendVerdict::Accepted(Acceptance {
        gateway_reference: None,
        end_to_end_id: None,
    }));
    let stage = OutgoingStage::Accepted {
        attempt: 1,
        since: NOW,
    };
    let unclear = [Evidence::Unclear(UnknownCause::Timeout)];
    assert_eq!(
        follows(Kind::Payout, stage, &[accepted], &unclear),
        "stay accepted"
    );
}

#[test]
fn a_review_ends_by_proof_without_another_dispatch() {
    let failed = Evidence::Refused(Refusal {
        reason: RefusalReason::Unexplained,
        code: "NAO_REALIZADO".into(),
    });
    let timeout = [Some(SendVerdict::Unknown(UnknownCause::Timeout))];
    assert_eq!(
        follows(Kind::Payout, in_review(), &timeout, &[failed]),
        "rejected released ended"
    );
}

#[test]
fn a_failure_shown_without_a_reason_does_not_evade_a_risk_refusal() {
    let failed = [Evidence::Refused(Refusal {
        reason: RefusalReason::Unexplained,
        code: "NAO_REALIZADO".into(),
    })];
    let sends = [
        Some(SendVerdict::Unknown(UnknownCause::Timeout)),
        Some(refused(RefusalReason::RiskRefused)),
    ];
    let next = follows(Kind::Payout, in_doubt(), &sends, &failed);
    assert_eq!(next, "rejected released ended");
    let next = follows(Kind::Payout, in_doubt(), &sends[..1], &failed);
    assert_eq!(next, "queued kept ended", "else the other gateway may pay");
}
