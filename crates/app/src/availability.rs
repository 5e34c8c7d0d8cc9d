//! How each gateway is doing, per operation: circuits and latencies, shared by all workers.
//!
//! These are hints and never truth: losing them costs a few payments a slower start, nothing else.
//! [`InProcess`] keeps them in memory; another implementation may share them between processes. What
//! a call changes is said once, by [`Standing`], and is the same in both.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use domain::circuit::{Circuit, CircuitPolicy, Observation};
use domain::gateway::{Gateway, Operation};
use domain::places::Places;
use domain::time::{Moment, Span};

/// The state of one operation at one gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    pub circuit: Circuit,
    /// Calls under way; each counts for [`CircuitPolicy::place_lease`] at most.
    pub in_flight: u32,
    /// Exponentially smoothed latency of answered calls.
    pub latency: Option<Span>,
}

/// What one call told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub outcome: Observation,
    pub latency: Span,
}

#[async_trait]
pub trait Availability: Send + Sync + 'static {
    async fn health(&self, gateway: Gateway, operation: Operation, now: Moment) -> Health;
    /// Counts a call that starts; false when a half-open circuit has no place left. A closed
    /// circuit always has one, and so has an open one: whoever calls through it was told to.
    async fn begin(&self, gateway: Gateway, operation: Operation, now: Moment) -> bool;
    /// The call was not made after all: its place is free again, and nothing was learnt.
    async fn abandon(&self, gateway: Gateway, operation: Operation, now: Moment);
    /// Counts its end.
    async fn observe(&self, gateway: Gateway, operation: Operation, sample: Sample, now: Moment);
    /// A harmless probe succeeded.
    async fn probe_succeeded(&self, gateway: Gateway, operation: Operation, now: Moment);
}

/// Everything that is kept of one operation at one gateway, and how calls change it: the same
/// wherever it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    pub circuit: Circuit,
    pub places: Places,
    /// Exponentially smoothed latency of answered calls.
    pub latency: Option<Span>,
}

impl Standing {
    /// Nothing is known yet.
    pub fn new(now: Moment) -> Standing {
        Standing {
            circuit: Circuit::new(now),
            places: Places::default(),
            latency: None,
        }
    }

    pub fn health(&self, policy: &CircuitPolicy, now: Moment) -> Health {
        Health {
            circuit: self.circuit,
            in_flight: self.places.count(policy.place_lease, now),
            latency: self.latency,
        }
    }

    /// See [`Availability::begin`].
    pub fn begin(&mut self, policy: &CircuitPolicy, now: Moment) -> bool {
        let has_place = match self.circuit.allowance() {
            None | Some(0) => true,
            Some(allowance) => self.places.count(policy.place_lease, now) < allowance,
        };
        if has_place {
            self.places.take(policy.place_lease, now);
        }
        has_place
    }

    /// See [`Availability::abandon`].
    pub fn abandon(&mut self, policy: &CircuitPolicy, now: Moment) {
        self.places.free(policy.place_lease, now);
    }

    /// See [`Availability::observe`].
    pub fn observe(&mut self, policy: &CircuitPolicy, sample: Sample, now: Moment) {
        self.places.free(policy.place_lease, now);
        self.circuit = self.circuit.observe(policy, sample.outcome, now);
        if sample.outcome == Observation::Answered {
            let millis = u32::try_from(sample.latency.millis()).unwrap_or(u32::MAX);
            let smoothed = self.latency.map_or(i64::from(millis), |old| {
                (old.millis() * 7 + i64::from(millis)) / 8
            });
            self.latency = Some(Span::from_millis(
                u32::try_from(smoothed).unwrap_or(u32::MAX),
            ));
        }
    }

    /// See [`Availability::probe_succeeded`].
    pub fn probe_succeeded(&mut self, policy: &CircuitPolicy, now: Moment) {
        self.circuit = self.circuit.probe_succeeded(policy, now);
    }
}

/// What a call of this process did with a place that is counted elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnPlace {
    Untouched,
    Taken,
    Freed,
}

/// The twin in this process's memory.
pub struct InProcess {
    policy: CircuitPolicy,
    standings: Mutex<BTreeMap<(Gateway, Operation), Standing>>,
}

impl InProcess {
    pub fn new(policy: CircuitPolicy) -> InProcess {
        InProcess {
            policy,
            standings: Mutex::new(BTreeMap::new()),
        }
    }

    /// Takes over what is known elsewhere, so that this twin can go on from there. Its places stay
    /// those of this process: the calls of others do not end here.
    pub fn adopt(
        &self,
        gateway: Gateway,
        operation: Operation,
        known: &Standing,
        place: OwnPlace,
        now: Moment,
    ) {
        self.with(gateway, operation, now, |standing, policy| {
            standing.circuit = known.circuit;
            standing.latency = known.latency;
            match place {
                OwnPlace::Untouched => {}
                OwnPlace::Taken => standing.places.take(policy.place_lease, now),
                OwnPlace::Freed => standing.places.free(policy.place_lease, now),
            }
        });
    }

    fn with<T>(
        &self,
        gateway: Gateway,
        operation: Operation,
        now: Moment,
        change: impl FnOnce(&mut Standing, &CircuitPolicy) -> T,
    ) -> T {
        // A panic while holding the lock leaves a usable value behind: it is a hint.
        let mut standings = self
            .standings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let standing = standings
            .entry((gateway, operation))
            .or_insert_with(|| Standing::new(now));
        change(standing, &self.policy)
    }
}

#[async_trait]
impl Availability for InProcess {
    async fn health(&self, gateway: Gateway, operation: Operation, now: Moment) -> Health {
        self.with(gateway, operation, now, |standing, policy| {
            standing.health(policy, now)
        })
    }

    async fn begin(&self, gateway: Gateway, operation: Operation, now: Moment) -> bool {
        self.with(gateway, operation, now, |standing, policy| {
            standing.begin(policy, now)
        })
    }

    async fn abandon(&self, gateway: Gateway, operation: Operation, now: Moment) {
        self.with(gateway, operation, now, |standing, policy| {
            standing.abandon(policy, now);
        });
    }

    async fn observe(&self, gateway: Gateway, operation: Operation, sample: Sample, now: Moment) {
        self.with(gateway, operation, now, |standing, policy| {
            standing.observe(policy, sample, now);
        });
    }

    async fn probe_succeeded(&self, gateway: Gateway, operation: Operation, now: Moment) {
        self.with(gateway, operation, now, |standing, policy| {
            standing.probe_succeeded(policy, now);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const PLACE: (Gateway, Operation) = (Gateway::Efi, Operation::Payout);

    fn now<T>(future: impl Future<Output = T>) -> T {
        future.now_or_never().expect("memory answers at once")
    }

    #[test]
    fn a_half_open_circuit_gives_its_place_back_when_the_call_is_not_made() {
        let twin = InProcess::new(CircuitPolicy::STANDARD);
        let start = Moment::from_micros(0);
        let failed = Sample {
            outcome: Observation::Failed,
            latency: Span::ZERO,
        };
        for _ in 0..3 {
            now(twin.observe(PLACE.0, PLACE.1, failed, start));
        }
        let later = start.plus(Span::from_seconds(6));
        now(twin.probe_succeeded(PLACE.0, PLACE.1, later));
        assert!(now(twin.begin(PLACE.0, PLACE.1, later)));
        assert!(
            !now(twin.begin(PLACE.0, PLACE.1, later)),
            "it admits one call"
        );
        now(twin.abandon(PLACE.0, PLACE.1, later));
        assert!(now(twin.begin(PLACE.0, PLACE.1, later)));
    }
    #[test]
    fn a_call_that_never_ends_does_not_keep_its_place_for_ever() {
        let policy = CircuitPolicy::STANDARD;
        let twin = InProcess::new(policy);
        let start = Moment::from_micros(0);
        let mut half_open = Standing::new(start);
        half_open.circuit.state = domain::circuit::CircuitState::HalfOpen {
            cause: domain::circuit::OpenCause::Failures,
            allowance: 1,
        };
        twin.adopt(PLACE.0, PLACE.1, &half_open, OwnPlace::Taken, start);
        assert!(!now(twin.begin(PLACE.0, PLACE.1, start)));
        let later = start.plus(policy.place_lease.times(2));
        assert!(now(twin.begin(PLACE.0, PLACE.1, later)));
    }

    #[test]
    fn what_others_know_is_adopted_but_not_their_places() {
        let policy = CircuitPolicy::STANDARD;
        let (here, start) = (InProcess::new(policy), Moment::from_micros(0));
        let mut elsewhere = Standing::new(start);
        for _ in 0..5 {
            elsewhere.begin(&policy, start);
        }
        elsewhere.observe(
            &policy,
            Sample {
                outcome: Observation::Unknown,
                latency: Span::ZERO,
            },
            start,
        );
        here.adopt(PLACE.0, PLACE.1, &elsewhere, OwnPlace::Taken, start);
        let health = now(here.health(PLACE.0, PLACE.1, start));
        assert_eq!((health.circuit, health.in_flight), (elsewhere.circuit, 1));
        here.adopt(PLACE.0, PLACE.1, &elsewhere, OwnPlace::Freed, start);
        assert_eq!(now(here.health(PLACE.0, PLACE.1, start)).in_flight, 0);
    }
}
