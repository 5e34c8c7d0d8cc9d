//! `GET /metrics`: what this process has counted and what stands in the database, for Prometheus.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;

use crate::Api;

const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics
///
/// In the text format of Prometheus. Counters and histograms are those of this process; gauges of
/// the queue, the gateways and the money in doubt are read from the database and are the same
/// wherever they are asked for. Labels name no person and no payment.
#[utoipa::path(
    get,
    path = "/metrics",
    operation_id = "show_metrics",
    tag = "Health",
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain"))
)]
pub(crate) async fn handle(State(api): State<Api>) -> Response {
    api.app.measure().await;
    ([(header::CONTENT_TYPE, EXPOSITION)], (api.metrics)()).into_response()
}
