//! `GET /v1/transactions/{id}/qr.png`: the charge's QR code as pixels.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use domain::ids::TransactionId;
use http::header;

use super::qr;
use crate::Api;
use crate::error::Problem;
use crate::extract::caller::{Authorized, Reads};
use crate::extract::path::PathId;

/// QR code as PNG
#[utoipa::path(
    get,
    path = "/v1/transactions/{id}/qr.png",
    operation_id = "show_qr_png",
    tag = "Payments",
    security(("bearer" = ["read"])),
    params(("id" = String, Path, description = "The charge's id, `txn_…`.")),
    responses((status = 200, description = "The picture.", body = Vec<u8>, content_type = "image/png"))
)]
pub(crate) async fn handle(
    State(api): State<Api>,
    authorized: Authorized<Reads>,
    PathId(id): PathId<TransactionId>,
) -> Result<Response, Problem> {
    let symbol = qr::symbol(&api, &authorized.caller, id).await?;
    Ok(([(header::CONTENT_TYPE, "image/png")], qr::png(&symbol)?).into_response())
}
