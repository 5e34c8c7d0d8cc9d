//! `GET /v1/reviews`: payments that people must decide about.

use axum::Json;
use axum::extract::State;
use domain::ids::TransactionId;

use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Operators};
use crate::extract::page::{PageParameters, Query, next_cursor};
use crate::wire::Page;
use crate::wire::review::ReviewSummaryBody;

/// List payments in review
#[utoipa::path(
    get,
    path = "/v1/reviews",
    operation_id = "list_reviews",
    tag = "Operations",
    security(("bearer" = ["operator"])),
    params(PageParameters),
    responses((status = 200, description = "A page, the oldest payments first.",
        body = Page<ReviewSummaryBody>))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    _: Authorized<Operators>,
    mut query: Query,
) -> Result<Json<Page<ReviewSummaryBody>>, Problem> {
    let after = query.cursor(|last| TransactionId::parse(last).ok());
    let limit = query.limit();
    let (after, limit) = query.0.finish(|| Some((after, limit)))?;
    let views = api.app.reviews(after, limit).await?;
    let now = api.app.now();
    Ok(Json(Page {
        data: views
            .iter()
            .map(|view| ReviewSummaryBody::new(view, now))
            .collect(),
        next_cursor: next_cursor(&views, limit, |view| view.transaction_id),
    }))
}
