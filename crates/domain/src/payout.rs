//! Money going out: the states of a payout and of a refund, and every legal step between them.
//!
//! Both kinds share one machine, since both hold money first and then live under the same
//! in-doubt discipline; a refund merely cannot be cancelled, returned or sent elsewhere. A step
//! consumes the state and may refuse; besides a return and a correction nothing leaves a terminal
//! state.
//!
//! A payment whose outcome stays unknown is decided by two people. A decision to pay again leaves
//! the doubtful attempt behind unproven: when a later attempt fails for good, the payment goes back
//! to people instead of giving money back that the earlier one may have moved.

use crate::money::Money;
use crate::status::Status;
use crate::time::Moment;

/// Which of the two kinds of outgoing money a machine drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing {
    Payout,
    Refund,
}

/// Why a payment ended as failed, with its stable code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: String,
    /// A sentence for people, without personal data.
    pub message: String,
}

/// The state with its facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutgoingStage {
    /// The money is held; no attempt is live.
    Queued {
        since: Moment,
    },
    /// A send of this attempt is open.
    Sending {
        attempt: u32,
        since: Moment,
    },
    /// The gateway took the order.
    Accepted {
        attempt: u32,
        since: Moment,
    },
    /// The outcome of this attempt is unknown since then.
    InDoubt {
        attempt: u32,
        since: Moment,
    },
    /// People must decide.
    InReview {
        attempt: u32,
        since: Moment,
    },
    Settled {
        attempt: Option<u32>,
        at: Moment,
    },
    /// Settled, and this much came back later.
    Returned {
        attempt: Option<u32>,
        at: Moment,
        returned: Money,
    },
    Rejected {
        at: Moment,
        failure: Failure,
    },
    Cancelled {
        at: Moment,
    },
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutgoingStep {
    /// An attempt with its first send is committed.
    Dispatch {
        attempt: u32,
    },
    /// Paid inside our own ledger, no gateway involved.
    SettleInternally,
    GatewayAccepted,
    GatewaySettled,
    OutcomeUnknown,
    /// The live attempt is proven not done and another may follow.
    AttemptNotDone,
    /// The payment ends without having been made.
    Reject {
        failure: Failure,
    },
    Escalate,
    Cancel,
    /// Money of a settled payout came back; `total` is all that has come back so far.
    Return {
        total: Money,
    },
    /// An attempt that is not the live one is shown as executed.
    OtherAttemptSettled {
        attempt: u32,
    },
    /// Two people decided that the money left.
    DecideSettled,
    /// Two people decided that it did not and that nothing more is sent.
    DecideRelease {
        failure: Failure,
    },
    /// Two people decided that it did not and that it is paid by another attempt.
    DecideRetry,
    /// No attempt can follow, while this earlier one is still unproven: people decide again.
    ReturnToReview {
        attempt: u32,
    },
    /// This attempt of a failed payment is shown as executed.
    CorrectToSettled {
        attempt: u32,
    },
    /// The attempt that people called executed is proven not done.
    CorrectToRejected {
        failure: Failure,
    },
}

/// The step is not legal in this state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{step} is not possible in stage {stage}")]
pub struct IllegalStep {
    pub stage: &'static str,
    pub step: &'static str,
}

impl OutgoingStage {
    pub const NAMES: [&'static str; 9] = [
        "queued",
        "sending",
        "accepted",
        "in_doubt",
        "in_review",
        "settled",
        "returned",
        "rejected",
        "cancelled",
    ];

    pub const fn name(&self) -> &'static str {
        match self {
            OutgoingStage::Queued { .. } => "queued",
            OutgoingStage::Sending { .. } => "sending",
            OutgoingStage::Accepted { .. } => "accepted",
            OutgoingStage::InDoubt { .. } => "in_doubt",
            OutgoingStage::InReview { .. } => "in_review",
            OutgoingStage::Settled { .. } => "settled",
            OutgoingStage::Returned { .. } => "returned",
            OutgoingStage::Rejected { .. } => "rejected",
            OutgoingStage::Cancelled { .. } => "cancelled",
        }
    }

    pub const fn status(&self) -> Status {
        match self {
            OutgoingStage::Queued { .. }
            | OutgoingStage::Sending { .. }
            | OutgoingStage::Accepted { .. }
            | OutgoingStage::InDoubt { .. }
            | OutgoingStage::InReview { .. } => Status::Pending,
            OutgoingStage::Settled { .. } | OutgoingStage::Returned { .. } => Status::Success,
            OutgoingStage::Rejected { .. } | OutgoingStage::Cancelled { .. } => Status::Failed,
        }
    }

    /// The attempt that holds the payment's one live slot in this state.
    pub const fn attempt(&self) -> Option<u32> {
        match self {
            OutgoingStage::Sending { attempt, .. }
            | OutgoingStage::Accepted { attempt, .. }
            | OutgoingStage::InDoubt { attempt, .. }
            | OutgoingStage::InReview { attempt, .. } => Some(*attempt),
            OutgoingStage::Settled { attempt, .. } | OutgoingStage::Returned { attempt, .. } => {
                *attempt
            }
            OutgoingStage::Queued { .. }
            | OutgoingStage::Rejected { .. }
            | OutgoingStage::Cancelled { .. } => None,
        }
    }

    /// Since when the payment stands here.
    pub const fn since(&self) -> Moment {
        match self {
            OutgoingStage::Queued { since }
            | OutgoingStage::Sending { since, .. }
            | OutgoingStage::Accepted { since, .. }
            | OutgoingStage::InDoubt { since, .. }
            | OutgoingStage::InReview { since, .. } => *since,
            OutgoingStage::Settled { at, .. }
            | OutgoingStage::Returned { at, .. }
            | OutgoingStage::Rejected { at, .. }
            | OutgoingStage::Cancelled { at } => *at,
        }
    }

    /// Takes one step at `now`.
    pub fn step(
        self,
        kind: Outgoing,
        step: OutgoingStep,
        now: Moment,
    ) -> Result<OutgoingStage, IllegalStep> {
        use OutgoingStage as S;
        use OutgoingStep as T;
        let illegal = IllegalStep {
            stage: self.name(),
            step: step.name(),
        };
        match (self, step) {
            (S::Queued { .. }, T::Dispatch { attempt }) => Ok(S::Sending {
                attempt,
                since: now,
            }),
            // A further send of the attempt whose outcome is not known, or is known not to be done.
            (
                S::Sending { attempt: live, .. } | S::InDoubt { attempt: live, .. },
                T::Dispatch { attempt },
            ) if live == attempt => Ok(S::Sending {
                attempt,
                since: now,
            }),
            (S::Queued { .. }, T::SettleInternally) if kind == Outgoing::Payout => Ok(S::Settled {
                attempt: None,
                at: now,
            }),
            (
                S::Sending { attempt, .. }
                | S::InDoubt { attempt, .. }
                | S::Accepted { attempt, .. }
                | S::InReview { attempt, .. },
                T::GatewaySettled,
            ) => Ok(S::Settled {
                attempt: Some(attempt),
                at: now,
            }),
            (S::Sending { attempt, .. } | S::InDoubt { attempt, .. }, T::GatewayAccepted) => {
                Ok(S::Accepted {
                    attempt,
                    since: now,
                })
            }
            (S::Sending { attempt, .. } | S::Accepted { attempt, .. }, T::OutcomeUnknown) => {
                Ok(S::InDoubt {
                    attempt,
                    since: now,
                })
            }
            (
                S::Sending { .. } | S::Accepted { .. } | S::InDoubt { .. } | S::InReview { .. },
                T::AttemptNotDone,
            ) => Ok(S::Queued { since: now }),
            (
                S::Queued { .. }
                | S::Sending { .. }
                | S::Accepted { .. }
                | S::InDoubt { .. }
                | S::InReview { .. },
                T::Reject { failure },
            ) => Ok(S::Rejected { at: now, failure }),
            (
                S::Sending { attempt, .. }
                | S::Accepted { attempt, .. }
                | S::InDoubt { attempt, .. },
                T::Escalate,
            ) => Ok(S::InReview {
                attempt,
                since: now,
            }),
            (S::Queued { .. }, T::Cancel) if kind == Outgoing::Payout => {
                Ok(S::Cancelled { at: now })
            }
            (S::Settled { attempt, at }, T::Return { total }) if kind == Outgoing::Payout => {
                Ok(S::Returned {
                    attempt,
                    at,
                    returned: total,
                })
            }
            (
                S::Returned {
                    attempt,
                    at,
                    returned,
                },
                T::Return { total },
            ) if kind == Outgoing::Payout && total > returned => Ok(S::Returned {
                attempt,
                at,
                returned: total,
            }),
            (
                S::Queued { .. }
                | S::Sending { .. }
                | S::Accepted { .. }
                | S::InDoubt { .. }
                | S::InReview { .. },
                T::OtherAttemptSettled { attempt },
            ) if kind == Outgoing::Payout => Ok(S::Settled {
                attempt: Some(attempt),
                at: now,
            }),
            (S::InReview { attempt, .. }, T::DecideSettled) => Ok(S::Settled {
                attempt: Some(attempt),
                at: now,
            }),
            (S::InReview { .. }, T::DecideRelease { failure }) => {
                Ok(S::Rejected { at: now, failure })
            }
            (S::InReview { .. }, T::DecideRetry) if kind == Outgoing::Payout => {
                Ok(S::Queued { since: now })
            }
            (
                S::Queued { .. }
                | S::Sending { .. }
                | S::Accepted { .. }
                | S::InDoubt { .. }
                | S::InReview { .. },
                T::ReturnToReview { attempt },
            ) if kind == Outgoing::Payout => Ok(S::InReview {
                attempt,
                since: now,
            }),
            (S::Rejected { .. } | S::Cancelled { .. }, T::CorrectToSettled { attempt }) => {
                Ok(S::Settled {
                    attempt: Some(attempt),
                    at: now,
                })
            }
            (
                S::Settled {
                    attempt: Some(_), ..
                },
                T::CorrectToRejected { failure },
            ) => Ok(S::Rejected { at: now, failure }),
            _ => Err(illegal),
        }
    }
}

impl OutgoingStep {
    pub const fn name(&self) -> &'static str {
        match self {
            OutgoingStep::Dispatch { .. } => "dispatch",
            OutgoingStep::SettleInternally => "settle_internally",
            OutgoingStep::GatewayAccepted => "gateway_accepted",
            OutgoingStep::GatewaySettled => "gateway_settled",
            OutgoingStep::OutcomeUnknown => "outcome_unknown",
            OutgoingStep::AttemptNotDone => "attempt_not_done",
            OutgoingStep::Reject { .. } => "reject",
            OutgoingStep::Escalate => "escalate",
            OutgoingStep::Cancel => "cancel",
            OutgoingStep::Return { .. } => "return",
            OutgoingStep::OtherAttemptSettled { .. } => "other_attempt_settled",
            OutgoingStep::DecideSettled => "decide_settled",
            OutgoingStep::DecideRelease { .. } => "decide_release",
            OutgoingStep::DecideRetry => "decide_retry",
            OutgoingStep::ReturnToReview { .. } => "return_to_review",
            OutgoingStep::CorrectToSettled { .. } => "correct_to_settled",
            OutgoingStep::CorrectToRejected { .. } => "correct_to_rejected",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEN: Moment = Moment::from_micros(1);
    const NOW: Moment = Moment::from_micros(2);

    fn failure() -> Failure {
        Failure {
            code: "c".into(),
            message: "m".into(),
        }
    }

    fn every_stage() -> Vec<OutgoingStage> {
        use OutgoingStage as S;
        vec![
            S::Queued { since: THEN },
            S::Sending {
                attempt: 1,
                since: THEN,
            },
            S::Accepted {
                attempt: 1,
                since: THEN,
            },
            S::InDoubt {
                attempt: 1,
                since: THEN,
            },
            S::InReview {
                attempt: 1,
                since: THEN,
            },
            S::Settled {
                attempt: Some(1),
                at: THEN,
            },
            S::Returned {
                attempt: Some(1),
                at: THEN,
                returned: Money::from_cents(5).unwrap(),
            },
            S::Rejected {
                at: THEN,
                failure: failure(),
            },
            S::Cancelled { at: THEN },
        ]
    }

    fn every_step() -> Vec<OutgoingStep> {
        use OutgoingStep as T;
        vec![
            T::Dispatch { attempt: 1 },
            T::SettleInternally,
            T::GatewayAccepted,
            T::GatewaySettled,
            T::OutcomeUnknown,
            T::AttemptNotDone,
            T::Reject { failure: failure() },
            T::Escalate,
            T::Cancel,
            T::Return {
                total: Money::from_cents(9).unwrap(),
            },
            T::OtherAttemptSettled { attempt: 2 },
            T::DecideSettled,
            T::DecideRelease { failure: failure() },
            T::DecideRetry,
            T::ReturnToReview { attempt: 2 },
            T::CorrectToSettled { attempt: 2 },
            T::CorrectToRejected { failure: failure() },
        ]
    }

    /// Rows are stages, columns are steps, a cell is the stage that follows (`-` refuses).
    const PAYOUT: &str = "
                 dispatch settle_internally gateway_accepted gateway_settled outcome_unknown attempt_not_done reject   escalate  cancel    return
        queued    sending  settled           -                -               -               -                rejected -         cancelled -
        sending   sending  -                 accepted         settled         in_doubt        queued           rejected in_review -         -
        accepted  -        -                 -                settled         in_doubt        queued           rejected in_review -         -
        in_doubt  sending  -                 accepted         settled         -               queued           rejected in_review -         -
        in_review -        -                 -                settled         -               queued           rejected -         -         -
        settled   -        -                 -                -               -               -                -        -         -         returned
        returned  -        -                 -                -               -               -                -        -         -         returned
        rejected  -        -                 -                -               -               -                -        -         -         -
        cancelled -        -                 -                -               -               -                -        -         -         -
    ";

    /// What people decide, and what is learnt of attempts that are not the live one.
    const DECIDED: &str = "
                 other_attempt_settled decide_settled decide_release decide_retry return_to_review correct_to_settled correct_to_rejected
        queued    settled               -              -              -            in_review        -                  -
        sending   settled               -              -              -            in_review        -                  -
        accepted  settled               -              -              -            in_review        -                  -
        in_doubt  settled               -              -              -            in_review        -                  -
        in_review settled               settled        rejected       queued       in_review        -                  -
        settled   -                     -              -              -            -                -                  rejected
        returned  -                     -              -              -            -                -                  -
        rejected  -                     -              -              -            -                settled            -
        cancelled -                     -              -              -            -                settled            -
    ";

    /// A refund has one attempt, which nothing replaces.
    const DECIDED_REFUND: &str = "
                 other_attempt_settled decide_settled decide_release decide_retry return_to_review correct_to_settled correct_to_rejected
        queued    -                     -              -              -            -                -                  -
        sending   -                     -              -              -            -                -                  -
        accepted  -                     -              -              -            -                -                  -
        in_doubt  -                     -              -              -            -                -                  -
        in_review -                     settled        rejected       -            -                -                  -
        settled   -                     -              -              -            -                -                  rejected
        returned  -                     -              -              -            -                -                  -
        rejected  -                     -              -              -            -                settled            -
        cancelled -                     -              -              -            -                settled            -
    ";

    /// Checks every step against the one of the tables that has its column.
    fn check(kind: Outgoing, tables: [&str; 2]) {
        let columns: Vec<usize> = tables.map(|table| check_table(kind, table)).into();
        assert_eq!(columns.iter().sum::<usize>(), every_step().len());
    }

    /// Answers how many steps the table has.
    fn check_table(kind: Outgoing, table: &str) -> usize {
        let mut lines = table.lines().filter(|line| !line.trim().is_empty());
        let steps: Vec<&str> = lines.next().unwrap().split_whitespace().collect();
        let rows: Vec<Vec<&str>> = lines
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows.len(), every_stage().len());
        for stage in every_stage() {
            let row = rows
                .iter()
                .find(|row| row[0] == stage.name())
                .expect("a row for every stage");
            for step in every_step() {
                let Some(column) = steps.iter().position(|name| *name == step.name()) else {
                    continue;
                };
                let next = stage.clone().step(kind, step.clone(), NOW);
                let shown = next.as_ref().map_or("-", OutgoingStage::name);
                assert_eq!(shown, row[column + 1], "{} + {}", stage.name(), step.name());
            }
        }
        steps.len()
    }

    #[test]
    fn every_pair_of_a_payout() {
        check(Outgoing::Payout, [PAYOUT, DECIDED]);
    }

    #[test]
    fn a_refund_is_never_cancelled_returned_or_paid_inside() {
        let table = PAYOUT
            .replace("settled           -                -               -               -                rejected -         cancelled",
                     "-                 -                -               -               -                rejected -         -")
            .replace("returned\n", "-\n");
        check(Outgoing::Refund, [&table, DECIDED_REFUND]);
    }

    #[test]
    fn only_the_live_attempt_is_sent_again() {
        let doubtful = OutgoingStage::InDoubt {
            attempt: 1,
            since: THEN,
        };
        assert!(
            doubtful
                .step(Outgoing::Payout, OutgoingStep::Dispatch { attempt: 2 }, NOW)
                .is_err()
        );
    }

    #[test]
    fn what_people_called_settled_inside_the_ledger_is_never_corrected() {
        let inside = OutgoingStage::Settled {
            attempt: None,
            at: THEN,
        };
        let correction = OutgoingStep::CorrectToRejected { failure: failure() };
        assert!(inside.step(Outgoing::Payout, correction, NOW).is_err());
    }

    #[test]
    fn a_return_only_grows() {
        let returned = OutgoingStage::Returned {
            attempt: Some(1),
            at: THEN,
            returned: Money::from_cents(5).unwrap(),
        };
        let same = OutgoingStep::Return {
            total: Money::from_cents(5).unwrap(),
        };
        assert!(returned.step(Outgoing::Payout, same, NOW).is_err());
    }

    #[test]
    fn no_terminal_stage_is_pending() {
        for stage in every_stage() {
            let terminal = matches!(
                stage.name(),
                "settled" | "returned" | "rejected" | "cancelled"
            );
            assert_eq!(
                stage.status() == Status::Pending,
                !terminal,
                "{}",
                stage.name()
            );
            assert!(OutgoingStage::NAMES.contains(&stage.name()));
        }
    }
}
