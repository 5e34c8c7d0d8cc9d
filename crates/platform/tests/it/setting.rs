//! What the tests start from.

use std::sync::Arc;
use std::time::Duration;

use app::availability::{Availability, Sample};
use domain::circuit::{CircuitPolicy, Observation};
use domain::gateway::{Gateway, Operation};
use domain::time::{Moment, Span};
use platform::{Limits, Link, RedisAddress, RedisAvailability, WithTwin, slot};
use testkit::ManualRuntime;

pub const POLICY: CircuitPolicy = CircuitPolicy::STANDARD;
pub const PLACE: (Gateway, Operation) = (Gateway::Efi, Operation::Payout);
/// Nothing here takes longer; the machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Limits that a busy machine keeps.
pub const PATIENT: Limits = Limits {
    call: Duration::from_secs(10),
    connect: Duration::from_secs(10),
    first_pause: Duration::from_millis(5),
    longest_pause: Duration::from_millis(50),
};

/// A time within the tests.
pub fn at(seconds: u32) -> Moment {
    testkit::runtime::START.plus(Span::from_seconds(seconds))
}

pub fn sample(outcome: Observation) -> Sample {
    Sample {
        outcome,
        latency: Span::from_millis(40),
    }
}

pub async fn link(url: &str, limits: Limits) -> Arc<Link> {
    let address = RedisAddress::parse(url).expect("an address of Redis");
    let runtime = Arc::new(ManualRuntime::new(1));
    Link::open(address, limits, runtime, slot(PLACE.0, PLACE.1)).await
}

/// What a process of its own would have.
pub async fn process(url: &str, limits: Limits) -> (Arc<Link>, Arc<WithTwin>) {
    let link = link(url, limits).await;
    let shared = RedisAvailability::new(link.clone(), POLICY);
    (link, Arc::new(WithTwin::new(shared)))
}

/// Opens the circuit at this time.
pub async fn open(subject: &dyn Availability, outcome: Observation, now: Moment) {
    for _ in 0..3 {
        subject
            .observe(PLACE.0, PLACE.1, sample(outcome), now)
            .await;
    }
}

pub async fn state(subject: &dyn Availability, now: Moment) -> &'static str {
    let health = subject.health(PLACE.0, PLACE.1, now).await;
    health.circuit.state.name()
}
