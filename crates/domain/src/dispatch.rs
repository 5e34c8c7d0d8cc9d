//! Attempts, sends and the failover licence.
//!
//! An *attempt* is the decision that one gateway carries out a payment; a *send* is one
//! transmission of it. [`judge`] folds every send's verdict and every lookup's evidence into what
//! is proven about the attempt. A further attempt needs an [`AttemptPlan`], and a plan after the
//! first one needs a [`FailoverLicence`], which is made only from a proof that the earlier attempt
//! did not execute or from the decision of two people. There is no other constructor: a second
//! gateway cannot be called without a licence value.

use crate::gateway::Gateway;
use crate::ids::UserId;
use crate::outcome::{
    Acceptance, Consequence, Evidence, Execution, NeverSent, Refusal, SendVerdict,
};

/// Where a definitive refusal was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProofSource {
    Answer,
    Lookup,
}

impl ProofSource {
    pub const fn as_str(self) -> &'static str {
        match self {
            ProofSource::Answer => "answer",
            ProofSource::Lookup => "lookup",
        }
    }
}

/// Proof that one attempt did not execute and never will. Made only by [`judge`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotDoneProof(ProofKind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum ProofKind {
    NeverSent(NeverSent),
    DefinitiveRefusal {
        refusal: Refusal,
        source: ProofSource,
    },
}

impl NotDoneProof {
    /// What the proof permits next.
    pub fn consequence(&self) -> Consequence {
        match &self.0 {
            ProofKind::NeverSent(_) => Consequence::RetryHere,
            ProofKind::DefinitiveRefusal { refusal, .. } => refusal.reason.consequence(),
        }
    }

    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.0 {
            ProofKind::NeverSent(_) => None,
            ProofKind::DefinitiveRefusal { refusal, .. } => Some(refusal),
        }
    }

    pub fn source(&self) -> Option<ProofSource> {
        match &self.0 {
            ProofKind::NeverSent(_) => None,
            ProofKind::DefinitiveRefusal { source, .. } => Some(*source),
        }
    }

    /// `never_sent` or `definitive_refusal`.
    pub fn kind(&self) -> &'static str {
        match &self.0 {
            ProofKind::NeverSent(_) => "never_sent",
            ProofKind::DefinitiveRefusal { .. } => "definitive_refusal",
        }
    }

    /// The stable code of the reason.
    pub fn code(&self) -> &str {
        match &self.0 {
            ProofKind::NeverSent(cause) => cause.as_str(),
            ProofKind::DefinitiveRefusal { refusal, .. } => refusal.reason.as_str(),
        }
    }
}

/// What is proven about an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    Done(Execution),
    NotDone(NotDoneProof),
    /// A send has no verdict yet; its owner may still be waiting for the answer.
    Open,
    Accepted(Acceptance),
    Unknown,
}

/// Folds everything known about one attempt; `None` is a send without a verdict.
///
/// Settled outweighs everything. A lookup that shows a terminal failure outweighs an acceptance,
/// since the gateway then names our key as not executed. A refused re-send never outweighs an
/// earlier send whose outcome is unknown: the verdicts must be *all* not done.
///
/// Once an attempt is proven not done, a refusal that ends the payment gives the reason, wherever
/// it was read: a lookup often shows a failure without its reason, and a risk refusal of one send
/// must not be evaded because of that.
pub fn judge(sends: &[Option<SendVerdict>], evidence: &[Evidence]) -> AttemptOutcome {
    let settled_by_send = sends.iter().flatten().find_map(|verdict| match verdict {
        SendVerdict::Settled(execution) => Some(execution),
        SendVerdict::Accepted(_)
        | SendVerdict::NotDone(_)
        | SendVerdict::NeverSent(_)
        | SendVerdict::Unknown(_) => None,
    });
    let settled_by_lookup = evidence.iter().rev().find_map(|item| match item {
        Evidence::Settled(execution) => Some(execution),
        Evidence::Refused(_)
        | Evidence::InProgress(_)
        | Evidence::NotFound
        | Evidence::Unclear(_) => None,
    });
    if let Some(execution) = settled_by_lookup.or(settled_by_send) {
        return AttemptOutcome::Done(execution.clone());
    }
    let refused = evidence.iter().rev().find_map(|item| match item {
        Evidence::Refused(refusal) if refusal.reason.consequence() != Consequence::StaysUnknown => {
            Some(refusal)
        }
        Evidence::Refused(_)
        | Evidence::Settled(_)
        | Evidence::InProgress(_)
        | Evidence::NotFound
        | Evidence::Unclear(_) => None,
    });
    if let Some(refusal) = refused {
        let kind = ProofKind::DefinitiveRefusal {
            refusal: ending(sends, evidence).unwrap_or(refusal).clone(),
            source: ProofSource::Lookup,
        };
        return AttemptOutcome::NotDone(NotDoneProof(kind));
    }
    if sends.iter().any(Option::is_none) {
        return AttemptOutcome::Open;
    }
    if let Some(acceptance) = accepted(sends, evidence) {
        return AttemptOutcome::Accepted(acceptance);
    }
    every_send_not_done(sends).map_or(AttemptOutcome::Unknown, AttemptOutcome::NotDone)
}

/// A refusal, of any send or at any lookup, that permits no further attempt.
fn ending<'a>(sends: &'a [Option<SendVerdict>], evidence: &'a [Evidence]) -> Option<&'a Refusal> {
    let by_send = sends.iter().flatten().filter_map(|verdict| match verdict {
        SendVerdict::NotDone(refusal) => Some(refusal),
        SendVerdict::Settled(_)
        | SendVerdict::Accepted(_)
        | SendVerdict::NeverSent(_)
        | SendVerdict::Unknown(_) => None,
    });
    let by_lookup = evidence.iter().filter_map(|item| match item {
        Evidence::Refused(refusal) => Some(refusal),
        Evidence::Settled(_)
        | Evidence::InProgress(_)
        | Evidence::NotFound
        | Evidence::Unclear(_) => None,
    });
    by_lookup
        .rev()
        .chain(by_send.rev())
        .find(|refusal| refusal.reason.consequence() == Consequence::EndsPayment)
}

fn accepted(sends: &[Option<SendVerdict>], evidence: &[Evidence]) -> Option<Acceptance> {
    let by_lookup = evidence.iter().rev().find_map(|item| match item {
        Evidence::InProgress(acceptance) => Some(acceptance.clone()),
        Evidence::Settled(_) | Evidence::Refused(_) | Evidence::NotFound | Evidence::Unclear(_) => {
            None
        }
    });
    let by_send = sends
        .iter()
        .flatten()
        .rev()
        .find_map(|verdict| match verdict {
            SendVerdict::Accepted(acceptance) => Some(acceptance.clone()),
            SendVerdict::Settled(_)
            | SendVerdict::NotDone(_)
            | SendVerdict::NeverSent(_)
            | SendVerdict::Unknown(_) => None,
        });
    by_lookup.or(by_send)
}

/// The proof of the refusal that ends the payment, else of the last verdict, when every single send
/// is closed as not done.
fn every_send_not_done(sends: &[Option<SendVerdict>]) -> Option<NotDoneProof> {
    let mut last = None;
    for verdict in sends {
        last = match verdict {
            Some(SendVerdict::NeverSent(cause)) => Some(ProofKind::NeverSent(*cause)),
            Some(SendVerdict::NotDone(refusal))
                if refusal.reason.consequence() != Consequence::StaysUnknown =>
            {
                Some(ProofKind::DefinitiveRefusal {
                    refusal: refusal.clone(),
                    source: ProofSource::Answer,
                })
            }
            Some(
                SendVerdict::NotDone(_)
                | SendVerdict::Settled(_)
                | SendVerdict::Accepted(_)
                | SendVerdict::Unknown(_),
            )
            | None => return None,
        };
    }
    let ended = ending(sends, &[]).map(|refusal| ProofKind::DefinitiveRefusal {
        refusal: refusal.clone(),
        source: ProofSource::Answer,
    });
    last.map(|last| NotDoneProof(ended.unwrap_or(last)))
}

/// Leave to call a gateway after an earlier attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailoverLicence {
    from_attempt: u32,
    ground: LicenceGround,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum LicenceGround {
    Proof {
        gateway: Gateway,
        proof: NotDoneProof,
    },
    OperatorDecision {
        by: UserId,
        approved_by: UserId,
    },
}

/// Two different people are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the person who approves must not be the one who proposed")]
pub struct SamePerson;

impl FailoverLicence {
    pub fn from_proof(from_attempt: u32, gateway: Gateway, proof: NotDoneProof) -> FailoverLicence {
        FailoverLicence {
            from_attempt,
            ground: LicenceGround::Proof { gateway, proof },
        }
    }

    pub fn from_operators(
        from_attempt: u32,
        by: UserId,
        approved_by: UserId,
    ) -> Result<FailoverLicence, SamePerson> {
        if by == approved_by {
            return Err(SamePerson);
        }
        Ok(FailoverLicence {
            from_attempt,
            ground: LicenceGround::OperatorDecision { by, approved_by },
        })
    }

    pub const fn from_attempt(&self) -> u32 {
        self.from_attempt
    }

    /// `never_sent`, `definitive_refusal` or `operator_decision`.
    pub fn kind(&self) -> &'static str {
        match &self.ground {
            LicenceGround::Proof { proof, .. } => proof.kind(),
            LicenceGround::OperatorDecision { .. } => "operator_decision",
        }
    }

    /// The stable code of the reason, empty for a decision of people.
    pub fn code(&self) -> &str {
        match &self.ground {
            LicenceGround::Proof { proof, .. } => proof.code(),
            LicenceGround::OperatorDecision { .. } => "",
        }
    }

    pub fn source(&self) -> Option<ProofSource> {
        match &self.ground {
            LicenceGround::Proof { proof, .. } => proof.source(),
            LicenceGround::OperatorDecision { .. } => None,
        }
    }

    /// The licence in plain words, for people.
    pub fn in_words(&self) -> String {
        let number = self.from_attempt;
        match &self.ground {
            LicenceGround::Proof {
                gateway,
                proof: NotDoneProof(ProofKind::NeverSent(cause)),
            } => {
                format!(
                    "attempt {number} never left this host for {gateway} ({})",
                    cause.as_str()
                )
            }
            LicenceGround::Proof {
                gateway,
                proof: NotDoneProof(ProofKind::DefinitiveRefusal { refusal, source }),
            } => {
                let how = match source {
                    ProofSource::Answer => "answered with",
                    ProofSource::Lookup => "showed, when asked,",
                };
                format!(
                    "{gateway} {how} a definitive refusal of attempt {number} ({}, {})",
                    refusal.reason.as_str(),
                    refusal.code
                )
            }
            LicenceGround::OperatorDecision { by, approved_by } => {
                format!("{by} decided after attempt {number} and {approved_by} approved")
            }
        }
    }
}

/// The right to make one attempt. The first needs nothing, every other a licence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptPlan {
    number: u32,
    gateway: Gateway,
    licence: Option<FailoverLicence>,
}

impl AttemptPlan {
    pub const fn first(gateway: Gateway) -> AttemptPlan {
        AttemptPlan {
            number: 1,
            gateway,
            licence: None,
        }
    }

    /// The attempt that follows the licensed one.
    pub fn after(licence: FailoverLicence, gateway: Gateway) -> AttemptPlan {
        AttemptPlan {
            number: licence.from_attempt + 1,
            gateway,
            licence: Some(licence),
        }
    }

    pub const fn number(&self) -> u32 {
        self.number
    }
    pub const fn gateway(&self) -> Gateway {
        self.gateway
    }
    pub const fn licence(&self) -> Option<&FailoverLicence> {
        self.licence.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::{RefusalReason, UnknownCause};
    use proptest::prelude::*;

    fn refusal(reason: RefusalReason) -> Refusal {
        Refusal {
            reason,
            code: "code".into(),
        }
    }
    fn execution() -> Execution {
        Execution {
            gateway_reference: None,
            end_to_end_id: Some("E1".into()),
        }
    }
    fn acceptance() -> Acceptance {
        Acceptance {
            gateway_reference: Some("ref".into()),
            end_to_end_id: None,
        }
    }

    #[test]
    fn a_refused_resend_does_not_clear_an_earlier_timeout() {
        let sends = [
            Some(SendVerdict::Unknown(UnknownCause::Timeout)),
            Some(SendVerdict::NotDone(refusal(RefusalReason::NotAuthorized))),
        ];
        assert_eq!(judge(&sends, &[]), AttemptOutcome::Unknown);
    }

    #[test]
    fn absence_at_a_lookup_is_no_proof() {
        let sends = [Some(SendVerdict::Unknown(UnknownCause::Timeout))];
        assert_eq!(
            judge(&sends, &vec![Evidence::NotFound; 50]),
            AttemptOutcome::Unknown
        );
    }

    #[test]
    fn a_terminal_failure_at_a_lookup_outweighs_an_acceptance_and_settlement_outweighs_both() {
        let sends = [Some(SendVerdict::Accepted(acceptance()))];
        let failed = Evidence::Refused(refusal(RefusalReason::Scheme("AC06".into())));
        assert!(matches!(
            judge(&sends, std::slice::from_ref(&failed)),
            AttemptOutcome::NotDone(_)
        ));
        let settled = Evidence::Settled(execution());
        assert_eq!(
            judge(&sends, &[settled, failed]),
            AttemptOutcome::Done(execution())
        );
    }

    #[test]
    fn a_refusal_that_ends_the_payment_gives_the_reason_wherever_it_was_read() {
        let risk = refusal(RefusalReason::RiskRefused);
        let failed = Evidence::Refused(refusal(RefusalReason::Unexplained));
        let refused = Some(SendVerdict::NotDone(risk.clone()));
        let unknown = Some(SendVerdict::Unknown(UnknownCause::Timeout));
        let unsent = Some(SendVerdict::NeverSent(NeverSent::Connect));
        let told = Evidence::Refused(risk);
        let cases = [
            (vec![refused.clone(), unknown.clone()], vec![failed.clone()]),
            (vec![unknown.clone(), refused.clone()], vec![failed.clone()]),
            (vec![unknown], vec![told, failed]),
            (vec![refused.clone(), unsent.clone()], vec![]),
            (vec![unsent, refused], vec![]),
        ];
        for (number, (sends, evidence)) in cases.iter().enumerate() {
            let AttemptOutcome::NotDone(proof) = judge(sends, evidence) else {
                panic!("case {number} is proven not done");
            };
            assert_eq!(proof.code(), "risk_refused", "case {number}");
            assert_eq!(proof.consequence(), Consequence::EndsPayment);
        }
    }

    #[test]
    fn a_scheme_duplicate_proves_nothing_wherever_it_is_read() {
        let twin = refusal(RefusalReason::Scheme("DUPL".into()));
        let by_answer = [Some(SendVerdict::NotDone(twin.clone()))];
        assert_eq!(judge(&by_answer, &[]), AttemptOutcome::Unknown);
        let sends = [Some(SendVerdict::Unknown(UnknownCause::Timeout))];
        assert_eq!(
            judge(&sends, &[Evidence::Refused(twin)]),
            AttemptOutcome::Unknown
        );
    }

    #[test]
    fn an_open_send_keeps_the_attempt_open() {
        let sends = [Some(SendVerdict::NeverSent(NeverSent::Connect)), None];
        assert_eq!(judge(&sends, &[]), AttemptOutcome::Open);
        assert_eq!(
            judge(&[], &[]),
            AttemptOutcome::Unknown,
            "an attempt without sends proves nothing"
        );
    }

    #[test]
    fn a_licence_of_people_needs_two() {
        let (one, two) = (UserId::from_bytes([1; 16]), UserId::from_bytes([2; 16]));
        assert_eq!(
            FailoverLicence::from_operators(1, one, one),
            Err(SamePerson)
        );
        let plan = AttemptPlan::after(
            FailoverLicence::from_operators(1, one, two).unwrap(),
            Gateway::MercadoPago,
        );
        assert_eq!(
            (plan.number(), plan.licence().unwrap().kind()),
            (2, "operator_decision")
        );
    }

    fn any_verdict() -> impl Strategy<Value = Option<SendVerdict>> {
        prop_oneof![
            Just(None),
            Just(Some(SendVerdict::Settled(execution()))),
            Just(Some(SendVerdict::Accepted(acceptance()))),
            Just(Some(SendVerdict::NotDone(refusal(RefusalReason::TryLater)))),
            Just(Some(SendVerdict::NotDone(refusal(RefusalReason::Scheme(
                "DU03".into()
            ))))),
            Just(Some(SendVerdict::NeverSent(NeverSent::Connect))),
            Just(Some(SendVerdict::Unknown(UnknownCause::Timeout))),
        ]
    }

    proptest! {
        /// Whatever is added, an attempt with one unknown send and no terminal lookup is never
        /// proven not done: the property on which "never pays twice" rests.
        #[test]
        fn an_unknown_send_is_never_proven_not_done_by_sends(
            mut sends in proptest::collection::vec(any_verdict(), 0..6),
            at in 0usize..6,
        ) {
            let at = at.min(sends.len());
            sends.insert(at, Some(SendVerdict::Unknown(UnknownCause::ServerError)));
            let absent = vec![Evidence::NotFound; sends.len()];
            prop_assert!(!matches!(judge(&sends, &absent), AttemptOutcome::NotDone(_)));
        }

        /// Done and not done do not depend on the order in which sends are told.
        #[test]
        fn the_order_of_sends_does_not_change_the_class(
            sends in proptest::collection::vec(any_verdict(), 1..6),
        ) {
            let mut reversed = sends.clone();
            reversed.reverse();
            let class = |outcome: AttemptOutcome| std::mem::discriminant(&outcome);
            prop_assert_eq!(class(judge(&sends, &[])), class(judge(&reversed, &[])));
        }
    }
}
