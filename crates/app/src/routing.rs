//! Gathers what the pure router needs to know, and tells the circuits what calls told.

use domain::circuit::{CircuitState, Observation};
use domain::gateway::{Gateway, Operation, PayoutForm};
use domain::ledger::{Account, Float};
use domain::money::Money;
use domain::outcome::{RefusalReason, SendVerdict};
use domain::routing::{Candidate, CandidateCircuit, Choice, Need};
use domain::time::{Moment, Span};
use serde::{Deserialize, Serialize};

use crate::availability::{Health, Sample};
use crate::context::App;
use crate::measure;
use crate::ports::store::StoreError;

/// A failure this fresh lets the router give up without one more try.
const RECENT: Span = Span::from_seconds(5);

/// The setting that says that our books hold the float at a gateway, so that they may be trusted
/// to know when it is short.
pub fn float_tracked_setting(gateway: Gateway) -> String {
    format!("float.tracked.{gateway}")
}

impl App {
    /// The candidates for an operation, the preferred gateway first.
    pub async fn candidates(
        &self,
        need: Need,
        operation: Operation,
        amount: Money,
        form: Option<PayoutForm>,
        exhausted: &[Gateway],
    ) -> Result<Vec<Candidate>, StoreError> {
        let now = self.now();
        let primary = self.primary(operation);
        let in_doubt = match need {
            Need::Payout => self.store.in_doubt_cents().await?,
            Need::Charge => Default::default(),
        };
        let mut candidates = Vec::with_capacity(2);
        for gateway in [primary, primary.other()] {
            let capabilities = self.gateway(gateway).capabilities();
            let health = self.availability.health(gateway, operation, now).await;
            let doubtful = in_doubt.get(&gateway).copied().unwrap_or(0);
            let capable = match need {
                Need::Payout => {
                    form.is_none_or(|form| capabilities.carries(form))
                        && amount.cents() >= capabilities.smallest_payout_cents
                }
                Need::Charge => true,
            };
            candidates.push(Candidate {
                gateway,
                capable,
                bound_elsewhere: false,
                paused: self.controls.is_paused(gateway, operation),
                exhausted: exhausted.contains(&gateway),
                circuit: circuit_of(&health),
                float_short: need == Need::Payout
                    && self.float_is_short(gateway, amount, doubtful).await?,
                exposure_full: need == Need::Payout
                    && doubtful >= self.settings.max_in_doubt.cents(),
                failed_recently: health
                    .circuit
                    .last_failure_at
                    .is_some_and(|at| now.since(at) <= RECENT),
            });
        }
        Ok(candidates)
    }

    /// Our book of the float, less what may still be on its way out. A hint: the gateway decides.
    async fn float_is_short(
        &self,
        gateway: Gateway,
        amount: Money,
        doubtful: i64,
    ) -> Result<bool, StoreError> {
        let known = self.known_float(gateway).await?;
        Ok(known.is_some_and(|float| float.saturating_sub(doubtful) < amount.cents()))
    }

    /// Our book of the float, in centavos, where our books hold it.
    pub(crate) async fn known_float(&self, gateway: Gateway) -> Result<Option<i64>, StoreError> {
        if self
            .store
            .setting(&float_tracked_setting(gateway))
            .await?
            .is_none()
        {
            return Ok(None);
        }
        let float = Account::GatewayFloat(gateway, Float::Available);
        self.store.account_balance(float).await.map(Some)
    }

    /// Tells the circuit how a call that started at `started` ended.
    pub async fn observe_call(
        &self,
        gateway: Gateway,
        operation: Operation,
        outcome: Observation,
        started: Moment,
    ) {
        let now = self.now();
        let latency = now.since(started);
        measure::gateway_called(gateway, operation, outcome, latency);
        let sample = Sample { outcome, latency };
        self.availability
            .observe(gateway, operation, sample, now)
            .await;
    }
}

fn circuit_of(health: &Health) -> CandidateCircuit {
    match health.circuit.state {
        CircuitState::Closed => CandidateCircuit::Closed,
        CircuitState::HalfOpen { allowance, .. } if health.in_flight < allowance => {
            CandidateCircuit::HasRoom
        }
        CircuitState::HalfOpen { cause, .. } | CircuitState::Open { cause, .. } => {
            CandidateCircuit::Shut(cause)
        }
    }
}

/// What a verdict tells about the gateway's health, as against the payment's.
pub fn observation_of(verdict: &SendVerdict) -> Observation {
    match verdict {
        SendVerdict::Settled(_) | SendVerdict::Accepted(_) => Observation::Answered,
        SendVerdict::NeverSent(_) => Observation::Failed,
        SendVerdict::Unknown(_) => Observation::Unknown,
        SendVerdict::NotDone(refusal) => match refusal.reason {
            RefusalReason::TryLater
            | RefusalReason::NotAuthorized
            | RefusalReason::AccountNotEnabled => Observation::Failed,
            RefusalReason::InsufficientFloat
            | RefusalReason::GatewayLimit
            | RefusalReason::PayeeBankUnavailable
            | RefusalReason::Malformed
            | RefusalReason::PayeeKeyNotFound
            | RefusalReason::PayeeMismatch
            | RefusalReason::PayeeRefused
            | RefusalReason::RiskRefused
            | RefusalReason::BrCodeRefused
            | RefusalReason::RefundNotAllowed
            | RefusalReason::Scheme(_)
            | RefusalReason::Unexplained => Observation::Answered,
        },
    }
}

/// A routing decision as stored beside the attempt: enough to recompute and explain it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDecision {
    pub draw: u64,
    pub rule: String,
    pub candidates: Vec<StoredCandidate>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCandidate {
    pub gateway: String,
    pub capable: bool,
    #[serde(default)]
    pub bound_elsewhere: bool,
    pub paused: bool,
    pub exhausted: bool,
    pub circuit: String,
    pub float_short: bool,
    pub exposure_full: bool,
    pub failed_recently: bool,
}

impl StoredDecision {
    pub fn new(candidates: &[Candidate], draw: u64, choice: Choice) -> StoredDecision {
        let rule = match choice {
            Choice::Use { rule, .. } => rule.as_str(),
            Choice::Wait(reason) => reason.as_str(),
            Choice::Reject(reason) => reason.as_str(),
        };
        StoredDecision {
            draw,
            rule: rule.to_owned(),
            candidates: candidates.iter().map(StoredCandidate::of).collect(),
        }
    }

    /// The decision in one sentence.
    pub fn why(&self, gateway: Gateway) -> String {
        let said: Vec<String> = self
            .candidates
            .iter()
            .map(StoredCandidate::in_words)
            .collect();
        let rule = match self.rule.as_str() {
            "primary" => "it is the preferred gateway and available",
            "fallback" => "the preferred gateway could not be used",
            "only_capable" => "it alone can carry this payment",
            "bound" => "our own money is moved out of it, so that no other gateway may carry this",
            "last_resort" => {
                "no gateway was known to work and none had failed just now, so one real try was made"
            }
            other => other,
        };
        format!("{gateway} was chosen because {rule} ({})", said.join("; "))
    }

    /// The candidates as they stood, to choose again; `None` when a stored word is unknown.
    pub fn inputs(&self) -> Option<Vec<Candidate>> {
        self.candidates
            .iter()
            .map(StoredCandidate::restore)
            .collect()
    }
}

impl StoredCandidate {
    fn of(candidate: &Candidate) -> StoredCandidate {
        StoredCandidate {
            gateway: candidate.gateway.as_str().to_owned(),
            capable: candidate.capable,
            bound_elsewhere: candidate.bound_elsewhere,
            paused: candidate.paused,
            exhausted: candidate.exhausted,
            circuit: match candidate.circuit {
                CandidateCircuit::Closed => "closed".to_owned(),
                CandidateCircuit::HasRoom => "half_open".to_owned(),
                CandidateCircuit::Shut(cause) => format!("shut_by_{}", cause.as_str()),
            },
            float_short: candidate.float_short,
            exposure_full: candidate.exposure_full,
            failed_recently: candidate.failed_recently,
        }
    }

    fn restore(&self) -> Option<Candidate> {
        use domain::circuit::OpenCause;
        Some(Candidate {
            gateway: Gateway::parse(&self.gateway)?,
            capable: self.capable,
            bound_elsewhere: self.bound_elsewhere,
            paused: self.paused,
            exhausted: self.exhausted,
            circuit: match self.circuit.as_str() {
                "closed" => CandidateCircuit::Closed,
                "half_open" => CandidateCircuit::HasRoom,
                "shut_by_failures" => CandidateCircuit::Shut(OpenCause::Failures),
                "shut_by_unknowns" => CandidateCircuit::Shut(OpenCause::Unknowns),
                _ => return None,
            },
            float_short: self.float_short,
            exposure_full: self.exposure_full,
            failed_recently: self.failed_recently,
        })
    }

    fn in_words(&self) -> String {
        let mut facts = Vec::new();
        if !self.capable {
            facts.push("cannot carry it".to_owned());
        }
        if self.bound_elsewhere {
            facts.push("not where this money lies".to_owned());
        }
        if self.exhausted {
            facts.push("refused it or used its tries".to_owned());
        }
        if self.paused {
            facts.push("paused".to_owned());
        }
        if self.float_short {
            facts.push("our money there is short".to_owned());
        }
        if self.exposure_full {
            facts.push("too much money in doubt there".to_owned());
        }
        if self.circuit != "closed" {
            facts.push(format!("circuit {}", self.circuit));
        }
        let state = if facts.is_empty() {
            "available".to_owned()
        } else {
            facts.join(", ")
        };
        format!("{}: {state}", self.gateway)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::routing::choose;

    #[test]
    fn a_stored_decision_can_be_made_again() {
        let candidate = |gateway, circuit| Candidate {
            gateway,
            capable: true,
            bound_elsewhere: false,
            paused: false,
            exhausted: false,
            circuit,
            float_short: false,
            exposure_full: false,
            failed_recently: true,
        };
        let shut = CandidateCircuit::Shut(domain::circuit::OpenCause::Failures);
        let candidates = [
            candidate(Gateway::Efi, shut),
            candidate(Gateway::MercadoPago, CandidateCircuit::Closed),
        ];
        let choice = choose(Need::Payout, &candidates, 7);
        let stored = StoredDecision::new(&candidates, 7, choice);
        let text = serde_json::to_string(&stored).unwrap();
        let read: StoredDecision = serde_json::from_str(&text).unwrap();
        assert_eq!(
            choose(Need::Payout, &read.inputs().unwrap(), read.draw),
            choice
        );
        assert!(
            read.why(Gateway::MercadoPago)
                .contains("efi: circuit shut_by_failures"),
            "{}",
            read.why(Gateway::MercadoPago)
        );
    }
}
