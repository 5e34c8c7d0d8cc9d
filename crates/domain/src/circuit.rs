//! The circuit breaker of one gateway and operation: a pure fold over outcomes.
//!
//! Two signals are kept apart. Failures (not done, retryable) open the circuit so that payments
//! take the other gateway before they are sent. Unknown outcomes open it sooner and harder: such a
//! circuit is never overruled, because each further payment may become one more that nobody can
//! vouch for. Rates decay with time, so that an old outage does not weigh on a healthy gateway.

use crate::time::{Moment, Span};

/// What one call told about the gateway's health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// It answered, whatever the business outcome.
    Answered,
    /// It could not be reached or said "try later".
    Failed,
    /// The outcome is unknown.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenCause {
    Failures,
    Unknowns,
}

impl OpenCause {
    pub const fn as_str(self) -> &'static str {
        match self {
            OpenCause::Failures => "failures",
            OpenCause::Unknowns => "unknowns",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CircuitState {
    Closed,
    Open {
        cause: OpenCause,
        since: Moment,
    },
    /// Admits `allowance` calls at a time; it doubles with each known outcome.
    HalfOpen {
        cause: OpenCause,
        allowance: u32,
    },
}

impl CircuitState {
    pub const fn name(&self) -> &'static str {
        match self {
            CircuitState::Closed => "closed",
            CircuitState::Open { .. } => "open",
            CircuitState::HalfOpen { .. } => "half_open",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitPolicy {
    /// Weighted failures (thousandths of a call) that open the circuit.
    pub failures_milli: u64,
    pub unknowns_milli: u64,
    /// Weights halve in this time.
    pub half_life: Span,
    /// How long an open circuit waits before it may be probed.
    pub cool_down: Span,
    /// The allowance at which a half-open circuit closes.
    pub close_at: u32,
    /// How long a call may hold its place: longer than any call takes.
    pub place_lease: Span,
}

impl CircuitPolicy {
    pub const STANDARD: CircuitPolicy = CircuitPolicy {
        // Three within seconds of each other: the first has faded a little by then.
        failures_milli: 2_500,
        unknowns_milli: 2_500,
        half_life: Span::from_seconds(30),
        cool_down: Span::from_seconds(5),
        close_at: 8,
        place_lease: Span::from_seconds(60),
    };
}

/// The state of one circuit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Circuit {
    pub state: CircuitState,
    /// Decayed weights, in thousandths of a call, as of `weighed_at`.
    pub answered_milli: u64,
    pub failed_milli: u64,
    pub unknown_milli: u64,
    pub weighed_at: Moment,
    pub last_failure_at: Option<Moment>,
}

impl Circuit {
    pub const fn new(now: Moment) -> Circuit {
        Circuit {
            state: CircuitState::Closed,
            answered_milli: 0,
            failed_milli: 0,
            unknown_milli: 0,
            weighed_at: now,
            last_failure_at: None,
        }
    }

    /// Folds in one outcome.
    pub fn observe(self, policy: &CircuitPolicy, observation: Observation, now: Moment) -> Circuit {
        let mut next = self.decayed(policy, now);
        match observation {
            Observation::Answered => {
                next.answered_milli = next.answered_milli.saturating_add(1_000);
                // Each known good outcome takes weight off the failures, so that three failures
                // among a thousand successes do not open the circuit.
                next.failed_milli -= next.failed_milli / 4;
            }
            Observation::Failed => {
                next.failed_milli = next.failed_milli.saturating_add(1_000);
                next.last_failure_at = Some(now);
            }
            Observation::Unknown => {
                next.unknown_milli = next.unknown_milli.saturating_add(1_000);
                next.last_failure_at = Some(now);
            }
        }
        next.state = next.next_state(policy, observation, now);
        next
    }

    /// A harmless probe succeeded: an open circuit that has cooled down admits one call.
    pub fn probe_succeeded(self, policy: &CircuitPolicy, now: Moment) -> Circuit {
        match self.state {
            CircuitState::Open { cause, since } if now.since(since) >= policy.cool_down => {
                Circuit {
                    state: CircuitState::HalfOpen {
                        cause,
                        allowance: 1,
                    },
                    ..self.decayed(policy, now)
                }
            }
            CircuitState::Open { .. } | CircuitState::Closed | CircuitState::HalfOpen { .. } => {
                self
            }
        }
    }

    /// How many calls may be under way: `None` is no bound.
    pub const fn allowance(&self) -> Option<u32> {
        match self.state {
            CircuitState::Closed => None,
            CircuitState::Open { .. } => Some(0),
            CircuitState::HalfOpen { allowance, .. } => Some(allowance),
        }
    }

    pub const fn open_cause(&self) -> Option<OpenCause> {
        match self.state {
            CircuitState::Closed => None,
            CircuitState::Open { cause, .. } | CircuitState::HalfOpen { cause, .. } => Some(cause),
        }
    }

    /// The decayed share of calls with a known answer, in percent; 100 when nothing is known.
    pub const fn success_percent(&self) -> u64 {
        let total = self.answered_milli + self.failed_milli + self.unknown_milli;
        match (self.answered_milli * 100).checked_div(total) {
            Some(percent) => percent,
            None => 100,
        }
    }

    pub const fn unknown_percent(&self) -> u64 {
        let total = self.answered_milli + self.failed_milli + self.unknown_milli;
        match (self.unknown_milli * 100).checked_div(total) {
            Some(percent) => percent,
            None => 0,
        }
    }

    fn next_state(
        &self,
        policy: &CircuitPolicy,
        observation: Observation,
        now: Moment,
    ) -> CircuitState {
        match (self.state, observation) {
            (CircuitState::Closed, _) if self.unknown_milli >= policy.unknowns_milli => {
                CircuitState::Open {
                    cause: OpenCause::Unknowns,
                    since: now,
                }
            }
            (CircuitState::Closed, _) if self.failed_milli >= policy.failures_milli => {
                CircuitState::Open {
                    cause: OpenCause::Failures,
                    since: now,
                }
            }
            (CircuitState::HalfOpen { allowance, .. }, Observation::Answered)
                if allowance.saturating_mul(2) >= policy.close_at =>
            {
                CircuitState::Closed
            }
            (CircuitState::HalfOpen { cause, allowance }, Observation::Answered) => {
                CircuitState::HalfOpen {
                    cause,
                    allowance: allowance.saturating_mul(2),
                }
            }
            (CircuitState::HalfOpen { .. }, Observation::Unknown) => CircuitState::Open {
                cause: OpenCause::Unknowns,
                since: now,
            },
            (CircuitState::HalfOpen { cause, .. }, Observation::Failed) => {
                CircuitState::Open { cause, since: now }
            }
            // A call that left before the circuit opened: it changes the weights, not the state,
            // but for an unknown outcome, which is the graver cause.
            (
                CircuitState::Open {
                    cause: OpenCause::Failures,
                    ..
                },
                Observation::Unknown,
            ) if self.unknown_milli >= policy.unknowns_milli => CircuitState::Open {
                cause: OpenCause::Unknowns,
                since: now,
            },
            (state @ (CircuitState::Open { .. } | CircuitState::Closed), _) => state,
        }
    }

    /// Halves the weights once per whole half-life that has passed, and linearly in between.
    fn decayed(self, policy: &CircuitPolicy, now: Moment) -> Circuit {
        let elapsed = now.since(self.weighed_at).micros();
        let half_life = policy.half_life.micros().max(1);
        let halvings = u32::try_from(elapsed / half_life).unwrap_or(u32::MAX);
        let rest = (elapsed % half_life) as u64;
        let fade = |weight: u64| {
            let halved = weight.checked_shr(halvings).unwrap_or(0);
            halved - (u128::from(halved) * u128::from(rest) / (2 * half_life as u128)) as u64
        };
        Circuit {
            answered_milli: fade(self.answered_milli),
            failed_milli: fade(self.failed_milli),
            unknown_milli: fade(self.unknown_milli),
            weighed_at: self.weighed_at.max(now),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const POLICY: CircuitPolicy = CircuitPolicy::STANDARD;
    fn at(seconds: u32) -> Moment {
        Moment::from_micros(0).plus(Span::from_seconds(seconds))
    }
    fn after(observations: &[Observation]) -> Circuit {
        observations.iter().fold(Circuit::new(at(0)), |circuit, o| {
            circuit.observe(&POLICY, *o, at(0))
        })
    }

    #[test]
    fn three_failures_open_it_and_a_probe_after_the_cool_down_admits_one_call() {
        let open = after(&[Observation::Failed; 3]);
        assert_eq!(
            open.state,
            CircuitState::Open {
                cause: OpenCause::Failures,
                since: at(0)
            }
        );
        assert_eq!(
            open.probe_succeeded(&POLICY, at(4)).allowance(),
            Some(0),
            "still cooling down"
        );
        let half = open.probe_succeeded(&POLICY, at(5));
        assert_eq!(half.allowance(), Some(1));
        let half = half.observe(&POLICY, Observation::Answered, at(5));
        assert_eq!(half.allowance(), Some(2));
        let half = half.observe(&POLICY, Observation::Answered, at(5));
        assert_eq!(
            half.observe(&POLICY, Observation::Answered, at(5)).state,
            CircuitState::Closed
        );
    }

    #[test]
    fn unknowns_open_it_with_their_own_cause() {
        assert_eq!(
            after(&[Observation::Unknown; 3]).open_cause(),
            Some(OpenCause::Unknowns)
        );
        assert_eq!(after(&[Observation::Unknown; 2]).open_cause(), None);
    }

    #[test]
    fn failures_long_ago_do_not_count() {
        let two = after(&[Observation::Failed; 2]);
        let later = two.observe(&POLICY, Observation::Failed, at(300));
        assert_eq!(later.state, CircuitState::Closed);
    }

    #[test]
    fn a_half_open_circuit_opens_again_at_the_first_failure() {
        let half = after(&[Observation::Failed; 3]).probe_succeeded(&POLICY, at(9));
        assert_eq!(
            half.observe(&POLICY, Observation::Failed, at(9))
                .state
                .name(),
            "open"
        );
        assert_eq!(
            half.observe(&POLICY, Observation::Unknown, at(9))
                .open_cause(),
            Some(OpenCause::Unknowns)
        );
    }

    proptest! {
        #[test]
        fn it_never_panics_and_never_closes_without_answers(
            steps in proptest::collection::vec((0u8..4, 0u32..100), 0..60),
        ) {
            let mut circuit = Circuit::new(at(0));
            let mut now = at(0);
            for (what, seconds) in steps {
                now = now.plus(Span::from_seconds(seconds));
                let was_open = circuit.allowance() == Some(0);
                circuit = match what {
                    0 => circuit.observe(&POLICY, Observation::Answered, now),
                    1 => circuit.observe(&POLICY, Observation::Failed, now),
                    2 => circuit.observe(&POLICY, Observation::Unknown, now),
                    _ => circuit.probe_succeeded(&POLICY, now),
                };
                if was_open {
                    prop_assert!(circuit.allowance().is_some(), "open never jumps to closed");
                }
                prop_assert!(circuit.success_percent() <= 100 && circuit.unknown_percent() <= 100);
            }
        }
    }
}
