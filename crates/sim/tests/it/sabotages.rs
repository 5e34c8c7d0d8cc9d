//! Does the net catch fish? Every guard that the program can do without on purpose is taken away,
//! and the simulator must notice.
//!
//! The seed that is recorded for each is replayed; the example `hunt` looks for them.

use app::sabotage::{Sabotage, choose};
use sim::plan::Plan;
use sim::run::{Report, run};
use sim::shrink::shrink;

use crate::runs::open;

/// The seed that catches each, and the rule that it breaks.
const CAUGHT: &[(Sabotage, u64, &str)] = &[
    (Sabotage::FailOverWithoutLicence, 2, "licence"),
    (Sabotage::ReleaseOnTimeout, 22, "released_live_money"),
    (Sabotage::NewKeyPerRetry, 2, "intent_before_call"),
    (Sabotage::CreditFromNotification, 1, "credited_what_arrived"),
    (Sabotage::SecondLiveAttempt, 5, "lease"),
    (Sabotage::CommitThenEnqueue, 1, "pending_has_a_job"),
    (Sabotage::ServerErrorIsNotDone, 188, "licence"),
    (Sabotage::RefusedResendClearsTimeout, 2, "licence"),
    (Sabotage::SendWithoutToken, 5, "lease"),
    (
        Sabotage::NotificationOncePerIdentity,
        31,
        "notified_is_booked",
    ),
    (Sabotage::EventsById, 2, "events_are_dense"),
    (Sabotage::ReversalAtEveryLook, 3, "reversed_what_was_taken"),
    (Sabotage::RefundOverRemainder, 6, "refund_remainder"),
    (Sabotage::AcceptedIsSettled, 13, "settled_unpaid"),
    (Sabotage::AbsenceIsProof, 96, "licence"),
    (Sabotage::ResendPastWindow, 38, "paid_once"),
    (Sabotage::StaleSend, 61, "paid_once"),
    (Sabotage::CancelInAnyStage, 3, "released_live_money"),
    (Sabotage::ForgottenKeys, 1, "same_request_same_answer"),
    (Sabotage::SilentSettlement, 1, "events"),
    (Sabotage::FeeStaysHeld, 2, "held_for_open_payments"),
    (Sabotage::RiskGoesElsewhere, 131, "risk_is_final"),
    (Sabotage::EarlierAttemptMoves, 60, "released_live_money"),
    (Sabotage::RefundElsewhere, 143, "refund_elsewhere"),
    (Sabotage::ExpiryByClock, 2, "expiry_is_looked_up"),
    (Sabotage::PartPaymentPays, 1, "paid_is_paid"),
    (Sabotage::NoSweep, 2, "every_payment_ends"),
    (Sabotage::CallBeforeCommit, 1, "intent_before_call"),
    (Sabotage::ApproveOwnProposal, 22, "two_people"),
    (
        Sabotage::ApproveOnMovedEvidence,
        22,
        "decided_on_what_is_known",
    ),
];

fn sabotaged(sabotage: Sabotage, seed: u64) -> Report {
    choose(Some(sabotage));
    let report = run(&Plan::of(seed), &open, false);
    choose(None);
    report.unwrap()
}

fn rule(report: &Report) -> &'static str {
    report.violations.first().map_or("", |found| found.rule)
}

#[test]
fn the_recorded_seed_catches_every_sabotage() {
    let recorded: Vec<Sabotage> = CAUGHT.iter().map(|(sabotage, _, _)| *sabotage).collect();
    assert_eq!(
        recorded,
        Sabotage::ALL,
        "a seed is recorded for each, in their order"
    );
    for (sabotage, seed, expected) in CAUGHT {
        let report = sabotaged(*sabotage, *seed);
        assert_eq!(
            rule(&report),
            *expected,
            "{} with seed {seed}",
            sabotage.name()
        );
    }
}

#[test]
fn the_recorded_seeds_break_nothing_while_every_guard_stands() {
    for (sabotage, seed, _) in CAUGHT {
        let report = run(&Plan::of(*seed), &open, false).unwrap();
        assert_eq!(
            report.violations,
            [],
            "{} with seed {seed}",
            sabotage.name()
        );
    }
}

#[test]
fn a_caught_sabotage_is_shrunk_to_a_few_elements() {
    let (sabotage, seed, expected) = CAUGHT[0];
    let plan = Plan::of(seed);
    let first = sabotaged(sabotage, seed);
    choose(Some(sabotage));
    let shrunk = shrink(&plan, &open, first);
    choose(None);
    let shrunk = shrunk.unwrap();
    assert_eq!(rule(&shrunk.report), expected);
    assert!(shrunk.keep.len() <= 6, "{:?}", shrunk.keep);
    assert!(shrunk.keep.len() < plan.elements().len());
}
