//! `GET /v1/transactions/{id}/qr.svg`: the charge's QR code as a drawing.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::ids::TransactionId;
use http::header;

use super::qr;
use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Reads};
use crate::extract::path::PathId;

/// QR code as SVG
#[utoipa::path(
    get,
    path = "/v1/transactions/{id}/qr.svg",
    operation_id = "show_qr_svg",
    tag = "Payments",
    security(("bearer" = ["read"])),
    params(("id" = String, Path, description = "The charge's id, `txn_…`.")),
    responses((status = 200, description = "The picture.", body = String, content_type = "image/svg+xml"))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Reads>,
    PathId(id): PathId<TransactionId>,
) -> Result<Response, Problem> {
    let symbol = qr::symbol(&api, &authorized.caller, id).await?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], qr::svg(&symbol)).into_response())
}
