//! The fault panel: what goes wrong, at which gateway, for which operation, how often.
//!
//! A fault is armed by a control call and drawn once per request: by probability, with its own
//! seeded generator, so that a run can be repeated. A fault without an operation touches charge,
//! payout and refund; `down` and `slow` then touch everything; `lookup_lag` touches lookups.
//! Setting a fault without an operation (or with `any`) replaces all earlier faults of that
//! gateway; with an operation it replaces only that operation's. `down` is the whole gateway's,
//! whatever the operation, and any `healthy` ends it.

use std::collections::BTreeMap;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The group of endpoints that a fault touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Creating, changing or removing a charge.
    Charge,
    Payout,
    Refund,
    /// Reading charges, payouts, refunds and received Pix.
    Lookup,
    Token,
    /// Deliveries from the gateway to the wallet (not the registration calls).
    Webhook,
    /// Balance, settings, webhook registration, profile.
    Other,
    Any,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultMode {
    Healthy,
    /// Executed, then answered `latency_ms` later.
    Slow,
    /// The listener is closed and every connection cut; connects are refused.
    Down,
    /// Not executed, answers 500.
    #[serde(rename = "error_500")]
    Error500,
    /// Executed, answers 500.
    #[serde(rename = "error_500_after_commit")]
    Error500AfterCommit,
    /// Not executed, silent until the client gives up.
    TimeoutBefore,
    /// Executed, silent until the client gives up.
    TimeoutAfterCommit,
    /// Executed, connection cut without an answer.
    DropReply,
    /// Refused at once, not executed.
    Reject,
    /// Accepted, then refused by webhook.
    AsyncReject,
    /// Not executed, 429 with `Retry-After`.
    RateLimited,
    /// Accepted, settles `latency_ms` later.
    SettleLate,
    /// What was made less than `latency_ms` ago is not found.
    LookupLag,
    /// Executed, half of the answer, then cut.
    Truncated,
    /// Executed, 2xx without a body.
    #[serde(rename = "empty_2xx")]
    Empty2xx,
    /// Not executed, 502 with an HTML page.
    #[serde(rename = "html_502")]
    Html502,
    /// Executed; the answer has a status and a member that nobody documented.
    UnknownStatus,
    /// Half `error_500`, half `drop_reply`.
    Flaky,
    /// Webhooks: never delivered.
    Lose,
    /// Webhooks: delivered twice.
    Duplicate,
    /// Webhooks: every other one waits until the next has gone out.
    Reorder,
    /// Webhooks: delivered `latency_ms` later.
    Delay,
}

impl FaultMode {
    /// Whether it touches deliveries instead of requests.
    pub fn is_webhook(self) -> bool {
        matches!(
            self,
            Self::Lose | Self::Duplicate | Self::Reorder | Self::Delay
        )
    }

    fn default_latency_ms(self) -> u64 {
        match self {
            Self::SettleLate => 5_000,
            Self::LookupLag | Self::Slow | Self::Delay => 2_000,
            Self::Reorder => 500,
            _ => 0,
        }
    }
}

fn always() -> f64 {
    1.0
}

/// One fault, as the control call names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    pub mode: FaultMode,
    /// Of each request, 0 to 1.
    #[serde(default = "always")]
    pub probability: f64,
    /// Meaning by mode; on modes without one it delays the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Disarms itself after striking so many times; absent means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

impl Fault {
    /// On charge, payout and refund (or everything, for `down` and `slow`), always.
    pub fn new(mode: FaultMode) -> Self {
        Self {
            operation: None,
            mode,
            probability: 1.0,
            latency_ms: None,
            seed: None,
            times: None,
        }
    }

    pub fn on(operation: Operation, mode: FaultMode) -> Self {
        Self {
            operation: Some(operation),
            ..Self::new(mode)
        }
    }

    #[must_use]
    pub fn times(self, times: u64) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    #[must_use]
    pub fn latency_ms(self, latency_ms: u64) -> Self {
        Self {
            latency_ms: Some(latency_ms),
            ..self
        }
    }

    #[must_use]
    pub fn probability(self, probability: f64, seed: u64) -> Self {
        Self {
            probability,
            seed: Some(seed),
            ..self
        }
    }

    /// Why the panel would refuse it.
    pub fn problem(&self) -> Option<&'static str> {
        if !(0.0..=1.0).contains(&self.probability) {
            return Some("probability is between 0 and 1");
        }
        let about_webhooks = self.operation == Some(Operation::Webhook);
        let operation_fits = match self.operation {
            None | Some(Operation::Any) => true,
            Some(_) => self.mode == FaultMode::Healthy || self.mode.is_webhook() == about_webhooks,
        };
        (!operation_fits)
            .then_some("lose, duplicate, reorder and delay belong to operation webhook")
    }
}

/// What was drawn for one request or delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    pub mode: FaultMode,
    pub latency_ms: u64,
}

impl Strike {
    pub const NONE: Self = Self {
        mode: FaultMode::Healthy,
        latency_ms: 0,
    };
}

#[derive(Debug)]
struct Armed {
    fault: Fault,
    rng: ChaCha8Rng,
    left: Option<u64>,
}

impl Armed {
    fn new(fault: Fault, seed: u64) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(fault.seed.unwrap_or(seed));
        Self {
            left: fault.times,
            rng,
            fault,
        }
    }

    fn draw(&mut self) -> Strike {
        if self.left == Some(0) || !self.rng.random_bool(self.fault.probability) {
            return Strike::NONE;
        }
        self.left = self.left.map(|left| left - 1);
        let mode = match self.fault.mode {
            FaultMode::Flaky if self.rng.random_bool(0.5) => FaultMode::Error500,
            FaultMode::Flaky => FaultMode::DropReply,
            other => other,
        };
        let latency_ms = self.fault.latency_ms.unwrap_or(mode.default_latency_ms());
        Strike { mode, latency_ms }
    }
}

/// All faults of one gateway.
#[derive(Debug)]
pub struct Panel {
    armed: BTreeMap<Operation, Armed>,
    seed: u64,
    down: bool,
}

impl Panel {
    pub fn new(seed: u64) -> Self {
        Self {
            armed: BTreeMap::new(),
            seed,
            down: false,
        }
    }

    pub fn is_down(&self) -> bool {
        self.down
    }

    pub fn set(&mut self, fault: Fault) {
        let everything = matches!(fault.operation, None | Some(Operation::Any));
        if fault.mode.is_webhook() {
            self.armed
                .insert(Operation::Webhook, Armed::new(fault, self.seed));
            return;
        }
        if everything {
            self.armed.clear();
        }
        if everything || matches!(fault.mode, FaultMode::Down | FaultMode::Healthy) {
            self.down = fault.mode == FaultMode::Down;
        }
        for operation in touched(&fault) {
            // Each operation draws from a stream of its own, so that one operation's traffic does
            // not shift another's fate.
            let seed = self.seed ^ (operation as u64 + 1);
            let mut fault = fault.clone();
            fault.seed = fault.seed.map(|seed| seed ^ operation as u64);
            self.armed.insert(operation, Armed::new(fault, seed));
        }
        self.armed.retain(|_, armed| {
            !matches!(armed.fault.mode, FaultMode::Healthy | FaultMode::Down)
                || armed.fault.latency_ms.is_some()
        });
    }

    pub fn draw(&mut self, operation: Operation) -> Strike {
        for slot in [operation, Operation::Any] {
            if slot == Operation::Any && operation == Operation::Webhook {
                break;
            }
            if let Some(armed) = self.armed.get_mut(&slot) {
                return armed.draw();
            }
        }
        Strike::NONE
    }

    /// What is armed now, for the control call.
    pub fn list(&self) -> Vec<Fault> {
        let down = self
            .down
            .then(|| Fault::on(Operation::Any, FaultMode::Down));
        let armed = self.armed.iter().map(|(operation, armed)| Fault {
            operation: Some(*operation),
            times: armed.left,
            ..armed.fault.clone()
        });
        down.into_iter().chain(armed).collect()
    }
}

fn touched(fault: &Fault) -> Vec<Operation> {
    match (fault.operation, fault.mode) {
        (Some(operation), _) => vec![operation],
        (None, FaultMode::Slow | FaultMode::Healthy | FaultMode::Down) => vec![Operation::Any],
        (None, FaultMode::LookupLag) => vec![Operation::Lookup],
        (None, _) => vec![Operation::Charge, Operation::Payout, Operation::Refund],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_without_operation_touches_money_operations_only() {
        let mut panel = Panel::new(1);
        panel.set(Fault::new(FaultMode::Error500));
        for operation in [Operation::Charge, Operation::Payout, Operation::Refund] {
            assert_eq!(panel.draw(operation).mode, FaultMode::Error500);
        }
        for operation in [
            Operation::Lookup,
            Operation::Token,
            Operation::Other,
            Operation::Webhook,
        ] {
            assert_eq!(panel.draw(operation), Strike::NONE);
        }
        panel.set(Fault::new(FaultMode::Slow).latency_ms(5));
        assert_eq!(
            panel.draw(Operation::Token),
            Strike {
                mode: FaultMode::Slow,
                latency_ms: 5
            }
        );
        panel.set(Fault::new(FaultMode::Healthy));
        assert_eq!(panel.draw(Operation::Payout), Strike::NONE);
        assert!(panel.list().is_empty());
    }

    #[test]
    fn one_operation_heals_alone_and_down_ends_when_something_heals() {
        let mut panel = Panel::new(1);
        panel.set(Fault::on(Operation::Payout, FaultMode::DropReply));
        panel.set(Fault::on(Operation::Lookup, FaultMode::Error500));
        panel.set(Fault::on(Operation::Payout, FaultMode::Healthy));
        assert_eq!(panel.draw(Operation::Payout), Strike::NONE);
        assert_eq!(panel.draw(Operation::Lookup).mode, FaultMode::Error500);
        panel.set(Fault::new(FaultMode::Down));
        assert!(panel.is_down());
        panel.set(Fault::on(Operation::Lookup, FaultMode::Slow));
        assert!(panel.is_down());
        panel.set(Fault::on(Operation::Payout, FaultMode::Healthy));
        assert!(!panel.is_down());
        panel.set(Fault::on(Operation::Payout, FaultMode::Down));
        panel.set(Fault::new(FaultMode::Slow));
        assert!(!panel.is_down());
    }

    #[test]
    fn probability_follows_the_seed_and_times_run_out() {
        let draws = |seed| {
            let mut panel = Panel::new(9);
            panel.set(Fault::new(FaultMode::Flaky).probability(0.5, seed));
            (0..400)
                .map(|_| panel.draw(Operation::Payout).mode)
                .collect::<Vec<_>>()
        };
        assert_eq!(draws(1), draws(1));
        assert_ne!(draws(1), draws(2));
        let count = |mode| draws(1).iter().filter(|&&drawn| drawn == mode).count();
        assert!((150..250).contains(&count(FaultMode::Healthy)));
        assert!((60..140).contains(&count(FaultMode::Error500)));
        assert!((60..140).contains(&count(FaultMode::DropReply)));

        let mut panel = Panel::new(9);
        panel.set(Fault::on(Operation::Payout, FaultMode::Error500).times(2));
        let struck = (0..5).filter(|_| panel.draw(Operation::Payout).mode == FaultMode::Error500);
        assert_eq!(struck.count(), 2);
    }

    #[test]
    fn mode_names_are_the_contract() {
        let name = |mode: FaultMode| serde_json::to_value(mode).unwrap();
        assert_eq!(
            name(FaultMode::Error500AfterCommit),
            "error_500_after_commit"
        );
        assert_eq!(name(FaultMode::Error500), "error_500");
        assert_eq!(name(FaultMode::Empty2xx), "empty_2xx");
        assert_eq!(name(FaultMode::Html502), "html_502");
        assert!(serde_json::from_str::<Fault>(r#"{"mode":"down","extra":1}"#).is_err());
        assert!(
            Fault::on(Operation::Payout, FaultMode::Lose)
                .problem()
                .is_some()
        );
    }
}
