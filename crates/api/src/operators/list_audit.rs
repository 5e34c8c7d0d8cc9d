//! `GET /v1/audit`: who did what, newest first.

use axum::Json;
use axum::extract::State;
use utoipa::IntoParams;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::page::Query;
use crate::wire::Page;
use crate::wire::operations::AuditBody;

/// How many.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query that the handler reads")]
pub(crate) struct Parameters {
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// List the audit trail
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "list_audit",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(Parameters),
    responses((status = 200, description = "The newest, on one page.", body = Page<AuditBody>))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    _: Authorized<Operators>,
    mut query: Query,
) -> Result<Json<Page<AuditBody>>, Problem> {
    let limit = query.limit();
    let limit = query.0.finish(|| Some(limit))?;
    let rows = api.app.audit(limit).await?;
    Ok(Json(Page {
        data: rows.iter().map(AuditBody::from).collect(),
        next_cursor: None,
    }))
}
