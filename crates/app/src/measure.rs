//! What is measured, under names that stay: for Prometheus, over whatever recorder the program
//! installs (none is installed in tests and in the simulator, and then nothing is kept).
//!
//! What happens is counted where it happens, per process. What *stands* (the queue, money in doubt,
//! circuits) is read when somebody asks, by [`App::measure`]. Labels are names from closed lists:
//! never an id, a key or a person.

use domain::circuit::Observation;
use domain::gateway::{Gateway, Operation};
use domain::time::Span;
use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};

use crate::context::App;
use crate::ports::store::StoreError;
use crate::waiting::Step;

const DATABASE: &str = "pixwave_database_up";
const GATEWAY_CALLS: &str = "pixwave_gateway_call_seconds";
const JOBS: &str = "pixwave_job_seconds";
const JOBS_FAILED: &str = "pixwave_jobs_failed_total";
const QUEUE: &str = "pixwave_jobs";
const QUEUE_AGE: &str = "pixwave_oldest_ready_job_seconds";
const CIRCUIT_OPEN: &str = "pixwave_gateway_circuit_open";
const SUCCESS: &str = "pixwave_gateway_success_ratio";
const UNKNOWN: &str = "pixwave_gateway_unknown_ratio";
const IN_DOUBT: &str = "pixwave_in_doubt_cents";
const FLOAT: &str = "pixwave_float_cents";
const STREAM: &str = "pixwave_event_position";
const WAITING: &str = "pixwave_oldest_waiting_event_seconds";

/// Tells the recorder what each name means. Call it once, after the recorder is installed.
pub fn describe() {
    describe_gauge!(
        DATABASE,
        "1 while the gauges could be read from the database at the last look."
    );
    describe_histogram!(
        GATEWAY_CALLS,
        Unit::Seconds,
        "Calls to gateways, by outcome: answered, failed (nothing was done), unknown."
    );
    describe_histogram!(JOBS, Unit::Seconds, "Runs of jobs, by kind.");
    describe_counter!(
        JOBS_FAILED,
        "Runs of jobs that failed, by kind; they are tried again, go to review, or are buried with an alert."
    );
    describe_gauge!(
        QUEUE,
        "Jobs in the database: ready (those of the future included) and dead."
    );
    describe_gauge!(
        QUEUE_AGE,
        Unit::Seconds,
        "How long the oldest job that is due has waited."
    );
    describe_gauge!(CIRCUIT_OPEN, "1 open, 0.5 half-open, 0 closed.");
    describe_gauge!(SUCCESS, "Decayed share of calls that were answered.");
    describe_gauge!(
        UNKNOWN,
        "Decayed share of calls whose outcome stayed unknown."
    );
    describe_gauge!(
        IN_DOUBT,
        "Money of payments whose outcome is unknown, in centavos."
    );
    describe_gauge!(
        FLOAT,
        "Our own book of the money at the gateway, in centavos."
    );
    describe_gauge!(STREAM, "The position of the last event in the stream.");
    describe_gauge!(
        WAITING,
        Unit::Seconds,
        "How long the oldest event has waited: for its number, the topic, webhooks."
    );
}

/// One call to a gateway has ended.
pub(crate) fn gateway_called(
    gateway: Gateway,
    operation: Operation,
    outcome: Observation,
    took: Span,
) {
    let outcome = match outcome {
        Observation::Answered => "answered",
        Observation::Failed => "failed",
        Observation::Unknown => "unknown",
    };
    let (gateway, operation) = (gateway.as_str(), operation.as_str());
    let labels = [
        ("gateway", gateway),
        ("operation", operation),
        ("outcome", outcome),
    ];
    histogram!(GATEWAY_CALLS, &labels).record(seconds(took));
}

/// One run of a job has ended.
pub(crate) fn job_ended(kind: &str, took: Span) {
    histogram!(JOBS, "kind" => kind.to_owned()).record(seconds(took));
}

/// One run of a job has failed.
pub(crate) fn job_failed(kind: &str) {
    counter!(JOBS_FAILED, "kind" => kind.to_owned()).increment(1);
}

impl App {
    /// Reads what stands and sets its gauges. While the database cannot be asked they keep what was
    /// read last, and `pixwave_database_up` says so.
    pub async fn measure(&self) {
        let read = self.read_gauges().await;
        if let Err(error) = &read {
            tracing::warn!(%error, "what stands could not be measured");
        }
        gauge!(DATABASE).set(if read.is_ok() { 1.0 } else { 0.0 });
    }

    async fn read_gauges(&self) -> Result<(), StoreError> {
        for view in self.gateways_view().await? {
            let gateway = view.gateway.as_str();
            for health in &view.operations {
                let labels = [("gateway", gateway), ("operation", health.operation)];
                let open = match health.circuit {
                    "open" => 1.0,
                    "half_open" => 0.5,
                    _ => 0.0,
                };
                gauge!(CIRCUIT_OPEN, &labels).set(open);
                gauge!(SUCCESS, &labels).set(health.success_percent as f64 / 100.0);
                gauge!(UNKNOWN, &labels).set(health.unknown_percent as f64 / 100.0);
            }
            // Prometheus knows nothing but floating point; what is rounded here is only looked at.
            gauge!(IN_DOUBT, "gateway" => gateway).set(view.in_doubt as f64);
            let parts = [
                ("available", view.float_available),
                ("blocked", view.float_blocked),
            ];
            for (part, cents) in parts {
                gauge!(FLOAT, "gateway" => gateway, "part" => part).set(cents as f64);
            }
        }
        let queue = self.store.queue_depth().await?;
        gauge!(QUEUE, "state" => "ready").set(queue.ready as f64);
        gauge!(QUEUE, "state" => "dead").set(queue.dead as f64);
        let now = self.now();
        let waited = queue.oldest_ready.map_or(Span::ZERO, |due| now.since(due));
        gauge!(QUEUE_AGE).set(seconds(waited));
        gauge!(STREAM).set(self.store.last_position().await? as f64);
        let waiting = self.waiting().await?;
        for step in Step::ALL {
            gauge!(WAITING, "step" => step.as_str()).set(seconds(waiting.age(step, now)));
        }
        Ok(())
    }
}

fn seconds(span: Span) -> f64 {
    span.millis() as f64 / 1_000.0
}
