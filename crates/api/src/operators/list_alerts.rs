//! `GET /v1/alerts`: what a person should look at, newest first.

use axum::Json;
use axum::extract::State;
use utoipa::IntoParams;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::page::Query;
use crate::wire::Page;
use crate::wire::operations::AlertBody;

/// How many.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query that the handler reads")]
pub(crate) struct Parameters {
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
}

/// List alerts
#[utoipa::path(
    get,
    path = "/v1/alerts",
    operation_id = "list_alerts",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(Parameters),
    responses((status = 200, description = "The newest, on one page.", body = Page<AlertBody>))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    _: Authorized<Operators>,
    mut query: Query,
) -> Result<Json<Page<AlertBody>>, Problem> {
    let limit = query.limit();
    let limit = query.0.finish(|| Some(limit))?;
    let rows = api.app.alerts(limit).await?;
    Ok(Json(Page {
        data: rows.iter().map(AlertBody::from).collect(),
        next_cursor: None,
    }))
}
