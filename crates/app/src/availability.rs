//! How each gateway is doing, per operation: circuits and latencies, shared by all workers.
//!
//! These are hints and never truth: losing them costs a few payments a slower start, nothing else.
//! [`InProcess`] keeps them in memory; another implementation may share them between processes.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;
use domain::circuit::{Circuit, CircuitPolicy, Observation};
use domain::gateway::{Gateway, Operation};
use domain::time::{Moment, Span};

/// The state of one operation at one gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    pub circuit: Circuit,
    /// Calls under way through a half-open circuit.
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

/// The twin in this process's memory.
pub struct InProcess {
    policy: CircuitPolicy,
    states: Mutex<BTreeMap<(Gateway, Operation), Health>>,
}

impl InProcess {
    pub fn new(policy: CircuitPolicy) -> InProcess {
        InProcess {
            policy,
            states: Mutex::new(BTreeMap::new()),
        }
    }

    fn with<T>(
        &self,
        gateway: Gateway,
        operation: Operation,
        now: Moment,
        change: impl FnOnce(&mut Health, &CircuitPolicy) -> T,
    ) -> T {
        // A panic while holding the lock leaves a whole value behind: every change is one store.
        let mut states = self
            .states
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let fresh = Health {
            circuit: Circuit::new(now),
            in_flight: 0,
            latency: None,
        };
        change(
            states.entry((gateway, operation)).or_insert(fresh),
            &self.policy,
        )
    }
}

#[async_trait]
impl Availability for InProcess {
    async fn health(&self, gateway: Gateway, operation: Operation, now: Moment) -> Health {
        self.with(gateway, operation, now, |health, _| *health)
    }

    async fn begin(&self, gateway: Gateway, operation: Operation, now: Moment) -> bool {
        self.with(gateway, operation, now, |health, _| {
            let has_place = match health.circuit.allowance() {
                None | Some(0) => true,
                Some(allowance) => health.in_flight < allowance,
            };
            health.in_flight += u32::from(has_place);
            has_place
        })
    }

    async fn abandon(&self, gateway: Gateway, operation: Operation, now: Moment) {
        self.with(gateway, operation, now, |health, _| {
            health.in_flight = health.in_flight.saturating_sub(1);
        });
    }

    async fn observe(&self, gateway: Gateway, operation: Operation, sample: Sample, now: Moment) {
        self.with(gateway, operation, now, |health, policy| {
            health.in_flight = health.in_flight.saturating_sub(1);
            health.circuit = health.circuit.observe(policy, sample.outcome, now);
            if sample.outcome == Observation::Answered {
                let millis = u32::try_from(sample.latency.millis()).unwrap_or(u32::MAX);
                let smoothed = health.latency.map_or(i64::from(millis), |old| {
                    (old.millis() * 7 + i64::from(millis)) / 8
                });
                health.latency = Some(Span::from_millis(
                    u32::try_from(smoothed).unwrap_or(u32::MAX),
                ));
            }
        });
    }

    async fn probe_succeeded(&self, gateway: Gateway, operation: Operation, now: Moment) {
        self.with(gateway, operation, now, |health, policy| {
            health.circuit = health.circuit.probe_succeeded(policy, now);
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
}
