//! `GET /openapi.json`: this API's description.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::header;

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    serde_json::to_vec(&crate::openapi())
        .expect("a description is plain data")
        .into()
});

/// The OpenAPI description
#[utoipa::path(
    get,
    path = "/openapi.json",
    operation_id = "show_openapi",
    tag = "Description",
    responses((status = 200, description = "OpenAPI 3.1.", body = Value, content_type = "application/json"))
)]
pub(crate) async fn handle() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json")];
    (headers, DOCUMENT.clone()).into_response()
}
