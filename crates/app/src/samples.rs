//! How the gateways have been doing lately: samples of their availability, kept in this process.
//!
//! They are for people to look at. Nothing is decided by them, and a restart forgets them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use domain::gateway::{Gateway, Operation};
use domain::time::Span;

use crate::context::App;
use crate::ports::store::StoreError;

/// How often one is taken.
pub const EVERY: Span = Span::from_seconds(5);
/// How many are kept of each operation: ten minutes.
pub const KEPT: usize = 120;

/// One look at one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthSample {
    pub success_percent: u64,
    pub unknown_percent: u64,
    /// Smoothed, of answered calls; `None` before the first.
    pub latency_ms: Option<u64>,
}

type Rings = BTreeMap<(Gateway, &'static str), VecDeque<HealthSample>>;

/// The last samples of every operation, oldest first.
#[derive(Default)]
pub struct Samples(Mutex<Rings>);

impl Samples {
    /// Takes one of each.
    pub async fn take(&self, app: &App) -> Result<(), StoreError> {
        for gateway in Gateway::ALL {
            for operation in Operation::ALL {
                let seen = app.operation_health(gateway, operation).await;
                let sample = HealthSample {
                    success_percent: seen.success_percent,
                    unknown_percent: seen.unknown_percent,
                    latency_ms: seen.latency_ms,
                };
                self.push(gateway, operation.as_str(), sample);
            }
        }
        Ok(())
    }

    fn push(&self, gateway: Gateway, operation: &'static str, sample: HealthSample) {
        // A panic while holding the lock leaves a usable value behind.
        let mut rings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = rings.entry((gateway, operation)).or_default();
        if ring.len() == KEPT {
            ring.pop_front();
        }
        ring.push_back(sample);
    }

    /// Those of one operation, oldest first.
    pub fn of(&self, gateway: Gateway, operation: &str) -> Vec<HealthSample> {
        let rings = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = rings
            .iter()
            .find(|((of, name), _)| *of == gateway && *name == operation);
        found.map_or_else(Vec::new, |(_, ring)| ring.iter().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_are_kept() {
        let samples = Samples::default();
        for number in 0..KEPT as u64 + 3 {
            let sample = HealthSample {
                success_percent: 100,
                unknown_percent: 0,
                latency_ms: Some(number),
            };
            samples.push(Gateway::Efi, "payout", sample);
        }
        let kept = samples.of(Gateway::Efi, "payout");
        assert_eq!((kept.len(), kept[0].latency_ms), (KEPT, Some(3)));
        assert!(samples.of(Gateway::MercadoPago, "payout").is_empty());
    }
}
