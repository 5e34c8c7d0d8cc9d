//! `GET /v1/reconciliations/{id}`: how far a comparison is, and what it found.

use axum::Json;
use axum::extract::State;
use domain::ids::ReconciliationId;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::path::PathId;
use crate::wire::reconciliation::ReconciliationBody;

/// Show a comparison with the gateways
#[utoipa::path(
    get,
    path = "/v1/reconciliations/{id}",
    operation_id = "show_reconciliation",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(("id" = String, Path, description = "The comparison's id, `rec_…`.")),
    responses((status = 200, description = "The comparison with what it found so far.", body = ReconciliationBody))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    _: Authorized<Operators>,
    PathId(id): PathId<ReconciliationId>,
) -> Result<Json<ReconciliationBody>, Problem> {
    let (row, report) = api.app.reconciliation(id).await?;
    Ok(Json(ReconciliationBody::new(&row, &report)))
}
