//! A standing as the text that Redis keeps.
//!
//! The text is a hint from outside: what cannot be read is as good as nothing, and a moment ahead of
//! our clock counts as now, so that a host whose clock is wrong cannot hold a circuit open.

use app::availability::Standing;
use domain::circuit::{Circuit, CircuitState, OpenCause};
use domain::places::Places;
use domain::time::{Moment, Span};
use serde::{Deserialize, Serialize};

/// More slices than [`Places`] ever keeps.
const MOST_SLICES: usize = 64;

/// Moments and spans are microseconds. `number` grows with each change, so that no two texts of one
/// key's life are equal.
#[derive(Serialize, Deserialize)]
struct Text {
    number: u64,
    state: State,
    answered: u64,
    failed: u64,
    unknown: u64,
    weighed_at: i64,
    failure_at: Option<i64>,
    places: Vec<(i64, u32)>,
    latency: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Closed,
    Open { cause: Cause, since: i64 },
    HalfOpen { cause: Cause, allowance: u32 },
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Cause {
    Failures,
    Unknowns,
}

/// The standing and its number; a fresh one with number zero when there is no text or it cannot be
/// read.
pub(crate) fn read(text: Option<&[u8]>, now: Moment) -> (Standing, u64) {
    let read = text.and_then(|text| serde_json::from_slice::<Text>(text).ok());
    match read {
        Some(text) if text.places.len() <= MOST_SLICES => standing(text, now),
        Some(_) | None => (Standing::new(now), 0),
    }
}

fn standing(text: Text, now: Moment) -> (Standing, u64) {
    let past = |micros| Moment::from_micros(micros).min(now);
    let state = match text.state {
        State::Closed => CircuitState::Closed,
        State::Open { cause, since } => CircuitState::Open {
            cause: cause.into(),
            since: past(since),
        },
        State::HalfOpen { cause, allowance } => CircuitState::HalfOpen {
            cause: cause.into(),
            allowance,
        },
    };
    let circuit = Circuit {
        state,
        answered_milli: bounded(text.answered),
        failed_milli: bounded(text.failed),
        unknown_milli: bounded(text.unknown),
        weighed_at: past(text.weighed_at),
        last_failure_at: text.failure_at.map(past),
    };
    let places = text.places.into_iter();
    let standing = Standing {
        circuit,
        places: Places::restore(
            places
                .map(|(slice, calls)| (Moment::from_micros(slice), calls))
                .collect(),
        ),
        latency: text.latency.map(Span::from_millis),
    };
    (standing, text.number)
}

/// Weights are added up and multiplied; what no calls could amount to is cut.
fn bounded(weight: u64) -> u64 {
    weight.min(u64::from(u32::MAX))
}

pub(crate) fn write(standing: &Standing, number: u64) -> Vec<u8> {
    let circuit = &standing.circuit;
    let text = Text {
        number,
        state: match circuit.state {
            CircuitState::Closed => State::Closed,
            CircuitState::Open { cause, since } => State::Open {
                cause: cause.into(),
                since: since.micros(),
            },
            CircuitState::HalfOpen { cause, allowance } => State::HalfOpen {
                cause: cause.into(),
                allowance,
            },
        },
        answered: circuit.answered_milli,
        failed: circuit.failed_milli,
        unknown: circuit.unknown_milli,
        weighed_at: circuit.weighed_at.micros(),
        failure_at: circuit.last_failure_at.map(Moment::micros),
        places: standing
            .places
            .taken()
            .iter()
            .map(|(slice, calls)| (slice.micros(), *calls))
            .collect(),
        latency: standing
            .latency
            .map(|latency| u32::try_from(latency.millis()).unwrap_or(u32::MAX)),
    };
    serde_json::to_vec(&text).expect("a plain record serializes")
}

impl From<Cause> for OpenCause {
    fn from(cause: Cause) -> OpenCause {
        match cause {
            Cause::Failures => OpenCause::Failures,
            Cause::Unknowns => OpenCause::Unknowns,
        }
    }
}

impl From<OpenCause> for Cause {
    fn from(cause: OpenCause) -> Cause {
        match cause {
            OpenCause::Failures => Cause::Failures,
            OpenCause::Unknowns => Cause::Unknowns,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use app::availability::Sample;
    use domain::circuit::{CircuitPolicy, Observation};
    use proptest::prelude::*;

    const POLICY: CircuitPolicy = CircuitPolicy::STANDARD;
    fn at(seconds: u32) -> Moment {
        Moment::from_micros(1_700_000_000_000_000).plus(Span::from_seconds(seconds))
    }

    proptest! {
        #[test]
        fn a_standing_is_read_as_it_was_written(
            steps in proptest::collection::vec((0u8..5, 0u32..20), 0..60),
        ) {
            let (mut standing, mut seconds) = (Standing::new(at(0)), 0);
            for (what, pause) in steps {
                seconds += pause;
                let now = at(seconds);
                let sample = |outcome| Sample { outcome, latency: Span::from_millis(pause * 7) };
                match what {
                    0 => standing.observe(&POLICY, sample(Observation::Answered), now),
                    1 => standing.observe(&POLICY, sample(Observation::Failed), now),
                    2 => standing.observe(&POLICY, sample(Observation::Unknown), now),
                    3 => drop(standing.begin(&POLICY, now)),
                    _ => standing.probe_succeeded(&POLICY, now),
                }
            }
            let text = write(&standing, 7);
            prop_assert_eq!(read(Some(&text), at(seconds)), (standing, 7));
        }

        #[test]
        fn nothing_that_stands_there_does_harm(text in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert_eq!(read(Some(&text), at(0)), (Standing::new(at(0)), 0));
        }
    }

    #[test]
    fn numbers_beyond_all_reason_are_survived() {
        let text = format!(
            r#"{{"number":{0},"state":{{"half_open":{{"cause":"unknowns","allowance":{2}}}}},"answered":{0},"failed":{0},"unknown":{0},"weighed_at":{1},"failure_at":{3},"places":[[{1},{2}],[{3},{2}]],"latency":{2}}}"#,
            u64::MAX,
            i64::MIN,
            u32::MAX,
            i64::MAX,
        );
        let (mut standing, number) = read(Some(text.as_bytes()), at(0));
        assert_eq!(number, u64::MAX);
        assert!(standing.begin(&POLICY, at(0)));
        let outcome = Observation::Answered;
        let latency = Span::ZERO;
        standing.observe(&POLICY, Sample { outcome, latency }, at(1));
        assert_eq!(standing.circuit.state, CircuitState::Closed);
        assert!(standing.circuit.success_percent() <= 100);
    }

    #[test]
    fn a_clock_that_is_ahead_does_not_hold_a_circuit_open() {
        let mut ahead = Standing::new(at(3_600));
        let failed = Sample {
            outcome: Observation::Failed,
            latency: Span::ZERO,
        };
        for _ in 0..3 {
            ahead.observe(&POLICY, failed, at(3_600));
        }
        let (mut here, _) = read(Some(&write(&ahead, 1)), at(0));
        here.probe_succeeded(&POLICY, at(5));
        assert_eq!(here.circuit.allowance(), Some(1));
    }
}
