//! What the port promises, for each that implements it.

use app::availability::{Availability, InProcess, Standing};
use domain::circuit::{CircuitState, Observation, OpenCause};
use domain::gateway::{Gateway, Operation};
use domain::time::Span;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use crate::setting::{PATIENT, PLACE, POLICY, at, open, process, sample, state};

async fn nothing_is_known_at_first(subject: &dyn Availability) {
    for gateway in Gateway::ALL {
        for operation in Operation::ALL {
            let health = subject.health(gateway, operation, at(0)).await;
            assert_eq!(health, Standing::new(at(0)).health(&POLICY, at(0)));
        }
    }
}

async fn a_circuit_is_of_one_operation_at_one_gateway(subject: &dyn Availability) {
    open(subject, Observation::Failed, at(0)).await;
    assert_eq!(state(subject, at(0)).await, "open");
    for (gateway, operation) in [
        (PLACE.0, Operation::Charge),
        (Gateway::MercadoPago, PLACE.1),
    ] {
        let health = subject.health(gateway, operation, at(0)).await;
        assert_eq!(health.circuit.state, CircuitState::Closed);
        assert_eq!(health.circuit.last_failure_at, None);
    }
}

async fn unknown_outcomes_are_a_cause_of_their_own(subject: &dyn Availability) {
    open(subject, Observation::Unknown, at(0)).await;
    let health = subject.health(PLACE.0, PLACE.1, at(0)).await;
    assert_eq!(health.circuit.open_cause(), Some(OpenCause::Unknowns));
    assert_eq!(health.circuit.unknown_percent(), 100);
    assert_eq!(health.circuit.last_failure_at, Some(at(0)));
}

async fn a_probe_admits_one_call_after_the_cool_down(subject: &dyn Availability) {
    open(subject, Observation::Failed, at(0)).await;
    subject.probe_succeeded(PLACE.0, PLACE.1, at(4)).await;
    assert_eq!(state(subject, at(4)).await, "open", "still cooling down");
    subject.probe_succeeded(PLACE.0, PLACE.1, at(5)).await;
    assert!(subject.begin(PLACE.0, PLACE.1, at(5)).await);
    assert!(!subject.begin(PLACE.0, PLACE.1, at(5)).await);
    let health = subject.health(PLACE.0, PLACE.1, at(5)).await;
    assert_eq!(health.in_flight, 1);
    subject.abandon(PLACE.0, PLACE.1, at(5)).await;
    assert!(
        subject.begin(PLACE.0, PLACE.1, at(5)).await,
        "a call that was not made gives its place back"
    );
}

async fn the_allowance_doubles_until_the_circuit_closes(subject: &dyn Availability) {
    open(subject, Observation::Failed, at(0)).await;
    subject.probe_succeeded(PLACE.0, PLACE.1, at(5)).await;
    let answered = sample(Observation::Answered);
    for allowance in [1, 2, 4] {
        for _ in 0..allowance {
            assert!(subject.begin(PLACE.0, PLACE.1, at(5)).await);
        }
        assert!(!subject.begin(PLACE.0, PLACE.1, at(5)).await);
        for _ in 1..allowance {
            subject.abandon(PLACE.0, PLACE.1, at(5)).await;
        }
        subject.observe(PLACE.0, PLACE.1, answered, at(5)).await;
    }
    assert_eq!(state(subject, at(5)).await, "closed");
}

async fn a_place_whose_call_never_ends_is_free_after_a_time(subject: &dyn Availability) {
    open(subject, Observation::Failed, at(0)).await;
    subject.probe_succeeded(PLACE.0, PLACE.1, at(5)).await;
    assert!(subject.begin(PLACE.0, PLACE.1, at(5)).await);
    assert!(!subject.begin(PLACE.0, PLACE.1, at(60)).await);
    assert!(subject.begin(PLACE.0, PLACE.1, at(80)).await);
}

async fn latency_is_that_of_answered_calls(subject: &dyn Availability) {
    for (outcome, millis) in [
        (Observation::Answered, 80),
        (Observation::Failed, 9_000),
        (Observation::Answered, 160),
    ] {
        let mut sample = sample(outcome);
        sample.latency = Span::from_millis(millis);
        subject.observe(PLACE.0, PLACE.1, sample, at(0)).await;
    }
    let health = subject.health(PLACE.0, PLACE.1, at(0)).await;
    assert_eq!(health.latency, Some(Span::from_millis(90)));
}

async fn old_failures_fade(subject: &dyn Availability) {
    open(subject, Observation::Failed, at(0)).await;
    subject.probe_succeeded(PLACE.0, PLACE.1, at(300)).await;
    let health = subject.health(PLACE.0, PLACE.1, at(300)).await;
    assert!(health.circuit.failed_milli < 10, "{health:?}");
}

/// Step by step the same as the pure rules.
async fn it_follows_the_rules(subject: &dyn Availability) {
    let mut runner = TestRunner::deterministic();
    let steps = proptest::collection::vec((0u8..6, 0u32..9), 300);
    let steps = steps
        .new_tree(&mut runner)
        .expect("a tree of steps")
        .current();
    let (mut rules, mut seconds) = (Standing::new(at(0)), 0);
    // What is not known yet counts from the first call.
    rules.begin(&POLICY, at(0));
    subject.begin(PLACE.0, PLACE.1, at(0)).await;
    for (what, pause) in steps {
        // Bursts within a second as well as pauses.
        seconds += pause.saturating_sub(5);
        let now = at(seconds);
        let observation = match what {
            0 | 1 => Some(Observation::Answered),
            2 => Some(Observation::Failed),
            3 => Some(Observation::Unknown),
            _ => None,
        };
        match (observation, what) {
            (Some(outcome), _) => {
                let sample = sample(outcome);
                rules.observe(&POLICY, sample, now);
                subject.observe(PLACE.0, PLACE.1, sample, now).await;
            }
            (None, 4) => {
                let has_place = subject.begin(PLACE.0, PLACE.1, now).await;
                assert_eq!(has_place, rules.begin(&POLICY, now));
            }
            (None, _) => {
                rules.probe_succeeded(&POLICY, now);
                subject.probe_succeeded(PLACE.0, PLACE.1, now).await;
            }
        }
        let health = subject.health(PLACE.0, PLACE.1, now).await;
        assert_eq!(health, rules.health(&POLICY, now));
    }
}

macro_rules! suite {
    ($($name:ident),* $(,)?) => {
        mod in_process {
            use super::*;
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(&InProcess::new(POLICY)).await;
                }
            )*
        }
        mod on_redis {
            use super::*;
            $(
                #[tokio::test]
                async fn $name() {
                    testkit::redis::with_server(|server| async move {
                        let (link, subject) = process(&server.url(), PATIENT).await;
                        super::$name(&*subject).await;
                        assert_eq!((link.counts().unanswered, link.counts().lost), (0, 0));
                        assert!(link.counts().answered > 0, "Redis was asked");
                    })
                    .await;
                }
            )*
        }
        mod on_redis_away {
            use super::*;
            $(
                #[tokio::test]
                async fn $name() {
                    testkit::redis::with_server(|server| async move {
                        let url = server.url();
                        drop(server);
                        let (link, subject) = process(&url, PATIENT).await;
                        super::$name(&*subject).await;
                        assert_eq!((link.counts().answered, link.counts().lost), (0, 1));
                    })
                    .await;
                }
            )*
        }
        mod on_redis_cluster {
            use super::*;

            #[tokio::test]
            async fn the_whole_suite() {
                testkit::redis::with_cluster(|nodes| async move {
                    $(
                        println!("{}", stringify!($name));
                        for node in &nodes {
                            assert_eq!(node.ask(&["FLUSHALL"]).as_deref(), Some("+OK\r\n"));
                        }
                        let ports: Vec<String> =
                            nodes.iter().map(|node| format!("127.0.0.1:{}", node.port())).collect();
                        let url = format!("redis+cluster://{}", ports.join(","));
                        let (link, subject) = process(&url, PATIENT).await;
                        super::$name(&*subject).await;
                        assert_eq!((link.counts().unanswered, link.counts().lost), (0, 0));
                    )*
                    let keys = nodes.iter().map(|node| node.ask(&["DBSIZE"]).unwrap());
                    let keys: Vec<String> = keys.collect();
                    assert!(keys.iter().any(|keys| keys != ":0\r\n"), "{keys:?}");
                })
                .await;
            }
        }
    };
}

suite!(
    nothing_is_known_at_first,
    a_circuit_is_of_one_operation_at_one_gateway,
    unknown_outcomes_are_a_cause_of_their_own,
    a_probe_admits_one_call_after_the_cool_down,
    the_allowance_doubles_until_the_circuit_closes,
    a_place_whose_call_never_ends_is_free_after_a_time,
    latency_is_that_of_answered_calls,
    old_failures_fade,
    it_follows_the_rules,
);
