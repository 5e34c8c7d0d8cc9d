//! `GET /readyz`: requests can be served, or what is missing for that.

use app::dispatch_epoch::Dispatch;
use app::waiting::{Step, Waiting};
use axum::Json;
use axum::extract::State;
use domain::time::Moment;
use serde::Serialize;
use utoipa::ToSchema;

use crate::Api;
use crate::error::{Code, Problem};

/// Requests can be served.
#[derive(Serialize, ToSchema)]
#[schema(as = Readiness)]
pub(crate) struct ReadinessBody {
    /// Always `ready`.
    status: &'static str,
    /// `running`; or `stopped`: payouts and refunds wait until the books have been compared with the
    /// gateways.
    dispatch: &'static str,
    /// What that means and what to do, while it is stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// How long the oldest event has waited at each step by which it leaves. It says nothing about
    /// readiness.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<WaitingBody>,
}

/// Seconds; 0 when nothing waits.
#[derive(Serialize, ToSchema)]
#[schema(as = WaitingEvents)]
pub(crate) struct WaitingBody {
    /// For a place in the stream.
    numbering_seconds: i64,
    /// For the topic.
    topic_seconds: i64,
    /// For a worker that sends it to a webhook endpoint.
    webhooks_seconds: i64,
}

impl WaitingBody {
    fn new(waiting: &Waiting, now: Moment) -> WaitingBody {
        let seconds = |step| waiting.age(step, now).millis() / 1_000;
        WaitingBody {
            numbering_seconds: seconds(Step::Numbering),
            topic_seconds: seconds(Step::Topic),
            webhooks_seconds: seconds(Step::Webhooks),
        }
    }
}

/// Ready?
///
/// The database answers and is durable. Otherwise 503, whose `detail` says what is missing.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "show_readiness",
    tag = "Health",
    responses((status = 200, description = "Ready.", body = ReadinessBody))
)]
pub(crate) async fn handle(State(api): State<Api>) -> Result<Json<ReadinessBody>, Problem> {
    // Here alone the cause is told: this answer is for the people who run the service.
    match api.app.ready().await {
        Ok(()) => {
            let waiting = api.app.waiting().await.ok();
            let waiting = waiting.map(|waiting| WaitingBody::new(&waiting, api.app.now()));
            Ok(Json(body(&api.app.dispatch(), waiting)))
        }
        Err(error) => Err(Problem::new(Code::Unavailable, error.to_string())),
    }
}

/// A service that must not pay out yet can still be asked, and must hear of what comes in.
fn body(dispatch: &Dispatch, waiting: Option<WaitingBody>) -> ReadinessBody {
    let (dispatch, detail) = match dispatch {
        Dispatch::Running => ("running", None),
        Dispatch::Stopped { .. } => ("stopped", Some(dispatch.in_words())),
    };
    ReadinessBody {
        status: "ready",
        dispatch,
        detail,
        waiting,
    }
}
