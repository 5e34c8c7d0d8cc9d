//! What two people decide about a payment whose outcome stays unknown.
//!
//! One person proposes an outcome, bound to what is known at that moment; another approves it, and
//! only while nothing more is known. What a gateway does not find is evidence for people, by
//! [`Absence::judge`], and never licenses anything by itself.

use crate::ids::UserId;
use crate::time::{Moment, Span};

/// What people may decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReviewOutcome {
    /// The money left through the attempt's gateway.
    Settled,
    /// It did not, nothing more is sent, and it goes back to the wallet.
    Release,
    /// It did not, and another attempt pays it. Payouts only.
    Retry,
}

names!(ReviewOutcome {
    Settled = "settled",
    Release = "release",
    Retry = "retry",
});

/// What became of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposalState {
    Open,
    Approved,
    /// A newer proposal stands in its place.
    Superseded,
    /// The payment left review without it.
    Withdrawn,
}

names!(ProposalState {
    Open = "open",
    Approved = "approved",
    Superseded = "superseded",
    Withdrawn = "withdrawn",
});

/// A proposal beside the payment as it stands when somebody approves it.
#[derive(Clone, Copy, Debug)]
pub struct Approval {
    pub proposed_by: UserId,
    pub approver: UserId,
    pub state: ProposalState,
    /// The attempt and its evidence version that the proposer saw.
    pub bound_to: (u32, u64),
    /// The same as they stand now; `None`: the payment is not in review.
    pub in_review: Option<(u32, u64)>,
    pub send_open: bool,
}

/// Why a proposal cannot be approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalRefusal {
    #[error("the person who approves must not be the one who proposed")]
    SamePerson,
    #[error("the payment is not in review any more")]
    NotInReview,
    #[error("the proposal is not open any more")]
    ProposalClosed,
    #[error("a send has no answer yet")]
    SendOpen,
    #[error("more is known of the payment than when it was proposed")]
    EvidenceChanged,
}

impl ApprovalRefusal {
    /// The stable code, as answered and audited.
    pub const fn code(self) -> &'static str {
        match self {
            ApprovalRefusal::SamePerson => "same_person",
            ApprovalRefusal::NotInReview => "not_in_review",
            ApprovalRefusal::ProposalClosed => "proposal_closed",
            ApprovalRefusal::SendOpen | ApprovalRefusal::EvidenceChanged => "evidence_changed",
        }
    }
}

impl Approval {
    /// Refuses, or lets the decision be carried out.
    pub fn judge(self) -> Result<(), ApprovalRefusal> {
        if self.proposed_by == self.approver {
            return Err(ApprovalRefusal::SamePerson);
        }
        let Some(seen) = self.in_review else {
            return Err(ApprovalRefusal::NotInReview);
        };
        match self.state {
            ProposalState::Open => {}
            ProposalState::Approved | ProposalState::Superseded | ProposalState::Withdrawn => {
                return Err(ApprovalRefusal::ProposalClosed);
            }
        }
        if self.send_open {
            return Err(ApprovalRefusal::SendOpen);
        }
        if seen != self.bound_to {
            return Err(ApprovalRefusal::EvidenceChanged);
        }
        Ok(())
    }
}

/// How often, and over how long, a gateway must not find an attempt before people may lean on it.
pub const ABSENT_LOOKUPS: u32 = 5;
pub const ABSENT_FOR: Span = Span::from_seconds(10 * 60);

/// The last lookups of an attempt, as far as they all found nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotFoundRun {
    pub count: u32,
    pub first: Moment,
    pub last: Moment,
}

/// What is known about an attempt that its gateway may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsenceFacts {
    /// The gateway can be asked by our own key.
    pub can_be_shown: bool,
    /// Lookups since the last send that found nothing, up to the latest lookup.
    pub run: Option<NotFoundRun>,
    pub send_open: bool,
    /// The gateway answers lookups.
    pub healthy: bool,
}

/// Whether absence is evidence that people may use. It never licenses by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// This gateway cannot be asked by our key: not being found says nothing.
    CannotBeShown,
    SendOpen,
    Unhealthy,
    TooFew,
    TooShort,
    Enough,
}

impl Absence {
    pub fn judge(facts: &AbsenceFacts) -> Absence {
        if !facts.can_be_shown {
            return Absence::CannotBeShown;
        }
        if facts.send_open {
            return Absence::SendOpen;
        }
        if !facts.healthy {
            return Absence::Unhealthy;
        }
        match facts.run {
            Some(run) if run.count >= ABSENT_LOOKUPS => {
                if run.last.since(run.first) >= ABSENT_FOR {
                    Absence::Enough
                } else {
                    Absence::TooShort
                }
            }
            Some(_) | None => Absence::TooFew,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Absence::CannotBeShown => "cannot_be_shown",
            Absence::SendOpen => "send_open",
            Absence::Unhealthy => "gateway_unhealthy",
            Absence::TooFew => "too_few_lookups",
            Absence::TooShort => "too_short",
            Absence::Enough => "enough",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANA: UserId = UserId::from_bytes([1; 16]);
    const BIA: UserId = UserId::from_bytes([2; 16]);

    fn approval() -> Approval {
        Approval {
            proposed_by: ANA,
            approver: BIA,
            state: ProposalState::Open,
            bound_to: (1, 4),
            in_review: Some((1, 4)),
            send_open: false,
        }
    }

    #[test]
    fn an_approval_needs_another_person_and_unchanged_knowledge() {
        use ApprovalRefusal as R;
        type Change = fn(&mut Approval);
        let table: [(Change, Result<(), R>); 8] = [
            (|_| (), Ok(())),
            (|a| a.approver = ANA, Err(R::SamePerson)),
            (|a| a.in_review = None, Err(R::NotInReview)),
            (
                |a| a.state = ProposalState::Superseded,
                Err(R::ProposalClosed),
            ),
            (
                |a| a.state = ProposalState::Approved,
                Err(R::ProposalClosed),
            ),
            (|a| a.send_open = true, Err(R::SendOpen)),
            (|a| a.in_review = Some((1, 5)), Err(R::EvidenceChanged)),
            (|a| a.in_review = Some((2, 4)), Err(R::EvidenceChanged)),
        ];
        for (number, (change, expected)) in table.into_iter().enumerate() {
            let mut approval = approval();
            change(&mut approval);
            assert_eq!(approval.judge(), expected, "row {number}");
        }
    }

    #[test]
    fn a_payment_that_left_review_says_so_before_its_withdrawn_proposal() {
        let left = Approval {
            in_review: None,
            state: ProposalState::Withdrawn,
            ..approval()
        };
        assert_eq!(left.judge(), Err(ApprovalRefusal::NotInReview));
    }

    #[test]
    fn absence_needs_five_lookups_over_ten_minutes_at_a_gateway_that_can_show_it() {
        let start = Moment::from_micros(0);
        let run = |count, seconds| {
            Some(NotFoundRun {
                count,
                first: start,
                last: start.plus(Span::from_seconds(seconds)),
            })
        };
        let enough = AbsenceFacts {
            can_be_shown: true,
            run: run(5, 600),
            send_open: false,
            healthy: true,
        };
        let table = [
            (enough, Absence::Enough),
            (
                AbsenceFacts {
                    run: run(4, 6_000),
                    ..enough
                },
                Absence::TooFew,
            ),
            (
                AbsenceFacts {
                    run: None,
                    ..enough
                },
                Absence::TooFew,
            ),
            (
                AbsenceFacts {
                    run: run(500, 599),
                    ..enough
                },
                Absence::TooShort,
            ),
            (
                AbsenceFacts {
                    send_open: true,
                    ..enough
                },
                Absence::SendOpen,
            ),
            (
                AbsenceFacts {
                    healthy: false,
                    ..enough
                },
                Absence::Unhealthy,
            ),
            (
                AbsenceFacts {
                    can_be_shown: false,
                    run: run(500, 60_000),
                    ..enough
                },
                Absence::CannotBeShown,
            ),
        ];
        for (facts, expected) in table {
            assert_eq!(Absence::judge(&facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn stored_names_round_trip() {
        for outcome in ReviewOutcome::ALL {
            assert_eq!(ReviewOutcome::parse(outcome.as_str()), Some(*outcome));
        }
        for state in ProposalState::ALL {
            assert_eq!(ProposalState::parse(state.as_str()), Some(*state));
        }
        assert_eq!(ReviewOutcome::parse("resend"), None);
    }
}
