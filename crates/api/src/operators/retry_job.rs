//! `POST /v1/jobs/{id}/retry`: a dead job runs again.

use axum::extract::State;
use domain::ids::JobId;
use http::StatusCode;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::json::NoFields;
use crate::extract::path::PathId;

/// Retry a dead job
///
/// It gets all its tries anew and does what its handler does at any time, by the state of what it is
/// about: nothing is sent outside of that.
#[utoipa::path(
    post,
    path = "/v1/jobs/{id}/retry",
    operation_id = "retry_job",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(("id" = String, Path, description = "The job's id, `job_…`.")),
    responses(
        (status = 204, description = "The job may be claimed."),
        (status = 409, description = "`job_not_dead`: there is no dead job with this id.",
            body = crate::error::ProblemBody<'static>, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Operators>,
    PathId(id): PathId<JobId>,
    _: NoFields,
) -> Result<StatusCode, Problem> {
    api.app.retry_job(&authorized.caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
