//! `GET /v1/webhook-endpoints/{id}/deliveries`: what was sent there, newest first.

use app::ports::outbound::DeliveryFilter;
use axum::Json;
use axum::extract::State;
use domain::ids::{DeliveryId, WebhookEndpointId};
use utoipa::IntoParams;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Webhooks};
use crate::extract::page::{Query, next_cursor};
use crate::extract::path::PathId;
use crate::extract::read;
use crate::wire::Page;
use crate::wire::webhooks::DeliveryBody;

/// Which deliveries.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "describes the query that `parse` reads")]
pub(crate) struct Parameters {
    /// `pending`, `delivered` or `failed`.
    status: Option<String>,
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List webhook deliveries
#[utoipa::path(
    get,
    path = "/v1/webhook-endpoints/{id}/deliveries",
    operation_id = "list_webhook_deliveries",
    tag = "Webhooks",
    security(("bearer" = ["webhooks"])),
    params(("id" = String, Path, description = "The endpoint's id, `whe_…`."), Parameters),
    responses((status = 200, description = "A page, newest first.", body = Page<DeliveryBody>))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Webhooks>,
    PathId(id): PathId<WebhookEndpointId>,
    query: Query,
) -> Result<Json<Page<DeliveryBody>>, Problem> {
    let filter = parse(id, query)?;
    let limit = filter.limit;
    let views = api.app.deliveries(&authorized.caller, filter).await?;
    Ok(Json(Page {
        data: views.iter().map(DeliveryBody::from).collect(),
        next_cursor: next_cursor(&views, limit, |view| view.row.id),
    }))
}

fn parse(endpoint_id: WebhookEndpointId, mut query: Query) -> Result<DeliveryFilter, Problem> {
    let filter = DeliveryFilter {
        endpoint_id,
        state: query.0.optional("status", read::delivery_state),
        before: query.cursor(|last| DeliveryId::parse(last).ok()),
        limit: query.limit(),
    };
    query.0.finish(|| Some(filter))
}
