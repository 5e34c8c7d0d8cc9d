//! The recorder of this process, and how it is written out for Prometheus.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::metrics::{counter, gauge};
use api::Exposition;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use platform::Link;
use tokio::sync::watch;

/// Upper bounds in seconds, from a page out of memory to the longest call to a gateway.
const BUCKETS: [f64; 14] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// Observations are put into their buckets this often, so that they do not pile up where nobody asks.
const UPKEEP: Duration = Duration::from_secs(5);

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// The one recorder of the process; `None` where something else has installed one before.
fn recorder() -> Option<&'static PrometheusHandle> {
    let install = || {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).ok()?;
        let handle = builder.install_recorder().ok()?;
        app::measure::describe();
        Some(handle)
    };
    RECORDER.get_or_init(install).as_ref()
}

/// What `GET /metrics` answers.
pub fn exposition(redis: Option<Arc<Link>>) -> Exposition {
    let recorder = recorder();
    Arc::new(move || {
        if let Some(link) = &redis {
            count_redis(link);
        }
        recorder.map(PrometheusHandle::render).unwrap_or_default()
    })
}

fn count_redis(link: &Link) {
    let counts = link.counts();
    gauge!("pixwave_redis_up").set(if link.is_up() { 1.0 } else { 0.0 });
    counter!("pixwave_redis_calls_total", "answer" => "answered").absolute(counts.answered);
    counter!("pixwave_redis_calls_total", "answer" => "none").absolute(counts.unanswered);
    counter!("pixwave_redis_lost_total").absolute(counts.lost);
    counter!("pixwave_redis_regained_total").absolute(counts.regained);
}

/// Keeps the recorder tidy until the process stops.
pub async fn upkeep(mut stop: watch::Receiver<bool>) {
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stopping| *stopping) => return,
        }
        if let Some(recorder) = recorder() {
            recorder.run_upkeep();
        }
    }
}
