//! Which gateway carries a payment: a pure function of what is known and one random draw.
//!
//! The inputs of every decision are stored beside the attempt, so that the decision can be
//! recomputed and explained later.

use crate::circuit::OpenCause;
use crate::gateway::Gateway;

/// What the router knows of one gateway at the moment of choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub gateway: Gateway,
    /// It can carry this form and amount.
    pub capable: bool,
    /// The payment moves our money out of the other gateway, so that it can leave through that one
    /// alone.
    pub bound_elsewhere: bool,
    /// An operator paused the operation there.
    pub paused: bool,
    /// It refused this payment for good, or has used its tries.
    pub exhausted: bool,
    pub circuit: CandidateCircuit,
    /// Our float there is known not to cover the payment.
    pub float_short: bool,
    /// The money in doubt there has reached its cap.
    pub exposure_full: bool,
    /// A real send or probe failed within the last seconds.
    pub failed_recently: bool,
}

impl Candidate {
    /// Whether nothing stands in the way of carrying this now.
    pub fn is_usable(&self, need: Need) -> bool {
        self.capable
            && !self.bound_elsewhere
            && !self.exhausted
            && !self.paused
            && !(need == Need::Payout && (self.float_short || self.exposure_full))
            && !matches!(self.circuit, CandidateCircuit::Shut(_))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CandidateCircuit {
    Closed,
    /// Half open with room for a call now.
    HasRoom,
    /// Open, or half open with all places taken.
    Shut(OpenCause),
}

/// What is to be routed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Payout,
    /// Charges and lookups always find a gateway: the last one is never ejected.
    Charge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Use { gateway: Gateway, rule: Rule },
    Wait(WaitReason),
    Reject(RejectReason),
}

/// Why this gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Primary,
    /// The primary was skipped or used up.
    Fallback,
    /// It alone can carry the form.
    OnlyCapable,
    /// The payment moves our money out of this gateway.
    Bound,
    /// Every circuit is open but none failed just now: one real try.
    LastResort,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitReason {
    /// Only circuits opened by unknown outcomes, or full exposures, stand in the way.
    OutcomesUnknown,
    Paused,
    FloatShort,
    /// Nothing is dispatched from this database until it has been compared with the gateways.
    DispatchStopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectReason {
    /// No gateway can carry the form or amount.
    NoCapableGateway,
    AllGatewaysUnavailable,
}

names!(Rule {
    Primary = "primary",
    Fallback = "fallback",
    OnlyCapable = "only_capable",
    Bound = "bound",
    LastResort = "last_resort",
});
names!(WaitReason {
    OutcomesUnknown = "outcomes_unknown",
    Paused = "paused",
    FloatShort = "float_short",
    DispatchStopped = "dispatch_stopped",
});
names!(RejectReason {
    NoCapableGateway = "no_capable_gateway",
    AllGatewaysUnavailable = "all_gateways_unavailable",
});

/// Chooses among the candidates, the primary first. `draw` decides between equals where no
/// primary is set by order: the last resort, so that all workers do not knock at one door.
pub fn choose(need: Need, candidates: &[Candidate], draw: u64) -> Choice {
    let is_bound = candidates.iter().any(|c| c.bound_elsewhere);
    let fits = |c: &&Candidate| c.capable && !c.bound_elsewhere;
    let capable: Vec<&Candidate> = candidates.iter().filter(fits).collect();
    if capable.is_empty() {
        return Choice::Reject(RejectReason::NoCapableGateway);
    }
    let left: Vec<&Candidate> = capable.iter().copied().filter(|c| !c.exhausted).collect();
    if left.is_empty() {
        return Choice::Reject(RejectReason::AllGatewaysUnavailable);
    }
    let usable = left.iter().find(|c| c.is_usable(need));
    if let Some(chosen) = usable {
        let rule = if is_bound {
            Rule::Bound
        } else if capable.len() == 1 {
            Rule::OnlyCapable
        } else if chosen.gateway == candidates[0].gateway {
            Rule::Primary
        } else {
            Rule::Fallback
        };
        return Choice::Use {
            gateway: chosen.gateway,
            rule,
        };
    }
    match need {
        Need::Charge => last_resort(&left, draw),
        Need::Payout => blocked_payout(&left, draw),
    }
}

/// Every remaining gateway is barred: wait where waiting is right, else try once or reject.
fn blocked_payout(left: &[&Candidate], draw: u64) -> Choice {
    let barred_by_doubt = |c: &&&Candidate| {
        c.exposure_full || c.circuit == CandidateCircuit::Shut(OpenCause::Unknowns)
    };
    if left.iter().any(|c| c.paused) {
        return Choice::Wait(WaitReason::Paused);
    }
    if left.iter().any(|c| barred_by_doubt(&c)) {
        return Choice::Wait(WaitReason::OutcomesUnknown);
    }
    let funded: Vec<&Candidate> = left.iter().copied().filter(|c| !c.float_short).collect();
    if funded.is_empty() {
        return Choice::Wait(WaitReason::FloatShort);
    }
    if funded.iter().any(|c| c.failed_recently) {
        return Choice::Reject(RejectReason::AllGatewaysUnavailable);
    }
    last_resort(&funded, draw)
}

fn last_resort(left: &[&Candidate], draw: u64) -> Choice {
    let open: Vec<&&Candidate> = left.iter().filter(|c| !c.paused).collect();
    match open.len() {
        0 => Choice::Wait(WaitReason::Paused),
        count => {
            let index = usize::try_from(draw % count as u64).unwrap_or(0);
            Choice::Use {
                gateway: open[index].gateway,
                rule: Rule::LastResort,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn candidate(gateway: Gateway) -> Candidate {
        Candidate {
            gateway,
            capable: true,
            bound_elsewhere: false,
            paused: false,
            exhausted: false,
            circuit: CandidateCircuit::Closed,
            float_short: false,
            exposure_full: false,
            failed_recently: false,
        }
    }
    fn pair(change: impl Fn(&mut Candidate, &mut Candidate)) -> [Candidate; 2] {
        let (mut primary, mut fallback) =
            (candidate(Gateway::Efi), candidate(Gateway::MercadoPago));
        change(&mut primary, &mut fallback);
        [primary, fallback]
    }
    fn payout(change: impl Fn(&mut Candidate, &mut Candidate)) -> Choice {
        choose(Need::Payout, &pair(change), 0)
    }
    const FAILURES: CandidateCircuit = CandidateCircuit::Shut(OpenCause::Failures);
    const UNKNOWNS: CandidateCircuit = CandidateCircuit::Shut(OpenCause::Unknowns);

    #[test]
    fn table_of_choices() {
        let efi = |rule| Choice::Use {
            gateway: Gateway::Efi,
            rule,
        };
        let mercado_pago = |rule| Choice::Use {
            gateway: Gateway::MercadoPago,
            rule,
        };
        assert_eq!(payout(|_, _| ()), efi(Rule::Primary));
        assert_eq!(
            payout(|p, _| p.circuit = FAILURES),
            mercado_pago(Rule::Fallback)
        );
        assert_eq!(
            payout(|p, _| p.circuit = UNKNOWNS),
            mercado_pago(Rule::Fallback)
        );
        assert_eq!(
            payout(|p, _| p.exhausted = true),
            mercado_pago(Rule::Fallback)
        );
        assert_eq!(
            payout(|p, _| p.float_short = true),
            mercado_pago(Rule::Fallback)
        );
        assert_eq!(payout(|p, _| p.paused = true), mercado_pago(Rule::Fallback));
        assert_eq!(payout(|_, f| f.capable = false), efi(Rule::OnlyCapable));
        assert_eq!(
            payout(|p, _| p.circuit = CandidateCircuit::HasRoom),
            efi(Rule::Primary)
        );
    }

    #[test]
    fn a_circuit_opened_by_unknowns_is_waited_for_never_overruled() {
        let wait = Choice::Wait(WaitReason::OutcomesUnknown);
        assert_eq!(
            payout(|p, f| (p.circuit, f.circuit) = (UNKNOWNS, UNKNOWNS)),
            wait
        );
        assert_eq!(
            payout(|p, f| (p.circuit, f.exhausted) = (UNKNOWNS, true)),
            wait
        );
        assert_eq!(
            payout(|p, f| (p.exposure_full, f.exhausted) = (true, true)),
            wait
        );
    }

    #[test]
    fn when_all_fail_it_rejects_only_after_a_recent_real_failure() {
        let both_shut = |recent| {
            payout(|p, f| {
                (p.circuit, f.circuit) = (FAILURES, FAILURES);
                p.failed_recently = recent;
            })
        };
        assert_eq!(
            both_shut(true),
            Choice::Reject(RejectReason::AllGatewaysUnavailable)
        );
        assert_eq!(
            both_shut(false),
            Choice::Use {
                gateway: Gateway::Efi,
                rule: Rule::LastResort
            }
        );
        let used_up = payout(|p, f| (p.exhausted, f.exhausted) = (true, true));
        assert_eq!(
            used_up,
            Choice::Reject(RejectReason::AllGatewaysUnavailable)
        );
    }

    #[test]
    fn a_paused_gateway_is_skipped_and_waited_for_when_it_alone_is_left() {
        let fallback = Choice::Use {
            gateway: Gateway::MercadoPago,
            rule: Rule::Fallback,
        };
        let wait = Choice::Wait(WaitReason::Paused);
        let charge =
            |change: fn(&mut Candidate, &mut Candidate)| choose(Need::Charge, &pair(change), 0);
        assert_eq!(charge(|p, _| p.paused = true), fallback);
        assert_eq!(payout(|p, f| (p.paused, f.paused) = (true, true)), wait);
        assert_eq!(charge(|p, f| (p.paused, f.paused) = (true, true)), wait);
        let only = |what: fn(&mut Candidate)| {
            payout(|p, f| {
                p.paused = true;
                what(f);
            })
        };
        // Whatever keeps the other from being used: a pause ends, so the payout is not given up.
        assert_eq!(only(|f| f.capable = false), wait);
        assert_eq!(only(|f| f.exhausted = true), wait);
        assert_eq!(only(|f| f.circuit = UNKNOWNS), wait);
        assert_eq!(only(|f| f.float_short = true), wait);
        assert_eq!(
            only(|f| (f.circuit, f.failed_recently) = (FAILURES, true)),
            wait
        );
        // A charge moves no money: a circuit does not keep it from the one that is not paused.
        assert_eq!(
            charge(|p, f| (p.paused, f.circuit) = (true, FAILURES)),
            Choice::Use {
                gateway: Gateway::MercadoPago,
                rule: Rule::LastResort
            }
        );
    }

    #[test]
    fn a_form_nobody_carries_is_refused_and_short_floats_are_waited_for() {
        assert_eq!(
            payout(|p, f| (p.capable, f.capable) = (false, false)),
            Choice::Reject(RejectReason::NoCapableGateway)
        );
        assert_eq!(
            payout(|p, f| (p.float_short, f.float_short) = (true, true)),
            Choice::Wait(WaitReason::FloatShort)
        );
    }

    #[test]
    fn a_bound_payment_waits_or_ends_but_never_leaves_elsewhere() {
        let bound = |change: fn(&mut Candidate, &mut Candidate)| {
            payout(|p, f| {
                f.bound_elsewhere = true;
                change(p, f);
            })
        };
        let efi = |rule| Choice::Use {
            gateway: Gateway::Efi,
            rule,
        };
        assert_eq!(bound(|_, _| ()), efi(Rule::Bound));
        assert_eq!(
            bound(|p, _| p.paused = true),
            Choice::Wait(WaitReason::Paused)
        );
        assert_eq!(
            bound(|p, _| p.float_short = true),
            Choice::Wait(WaitReason::FloatShort)
        );
        assert_eq!(
            bound(|p, _| p.circuit = UNKNOWNS),
            Choice::Wait(WaitReason::OutcomesUnknown)
        );
        let ended = Choice::Reject(RejectReason::AllGatewaysUnavailable);
        assert_eq!(bound(|p, _| p.exhausted = true), ended);
        assert_eq!(
            bound(|p, _| (p.circuit, p.failed_recently) = (FAILURES, true)),
            ended
        );
        assert_eq!(
            bound(|p, _| p.circuit = FAILURES),
            efi(Rule::LastResort),
            "one real try at the source"
        );
        // What stands in the way at the other gateway does not matter.
        assert_eq!(bound(|_, f| f.paused = true), efi(Rule::Bound));
    }

    fn any_candidate(gateway: Gateway) -> impl Strategy<Value = Candidate> {
        (any::<[bool; 7]>(), 0u8..4).prop_map(move |(flags, circuit)| Candidate {
            gateway,
            capable: flags[0],
            bound_elsewhere: flags[6],
            paused: flags[1],
            exhausted: flags[2],
            circuit: [
                CandidateCircuit::Closed,
                CandidateCircuit::HasRoom,
                FAILURES,
                UNKNOWNS,
            ][usize::from(circuit)],
            float_short: flags[3],
            exposure_full: flags[4],
            failed_recently: flags[5],
        })
    }

    proptest! {
        #[test]
        fn a_payout_never_goes_where_it_must_not(
            primary in any_candidate(Gateway::Efi),
            fallback in any_candidate(Gateway::MercadoPago),
            draw: u64,
        ) {
            let candidates = [primary, fallback];
            if let Choice::Use { gateway, .. } = choose(Need::Payout, &candidates, draw) {
                let chosen = candidates.iter().find(|c| c.gateway == gateway).unwrap();
                prop_assert!(chosen.capable && !chosen.bound_elsewhere);
                prop_assert!(!chosen.exhausted && !chosen.paused);
                prop_assert!(!chosen.exposure_full && chosen.circuit != UNKNOWNS && !chosen.float_short);
            }
        }

        #[test]
        fn a_charge_is_never_rejected_while_a_capable_gateway_has_tries_left(
            primary in any_candidate(Gateway::Efi),
            fallback in any_candidate(Gateway::MercadoPago),
            draw: u64,
        ) {
            let candidates = [primary, fallback];
            let is_left = |c: &Candidate| c.capable && !c.bound_elsewhere && !c.exhausted;
            let some_left = candidates.iter().any(is_left);
            let rejected = matches!(choose(Need::Charge, &candidates, draw), Choice::Reject(_));
            prop_assert_eq!(rejected, !some_left);
        }
    }
}
