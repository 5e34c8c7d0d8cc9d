//! `GET /docs`: this API's description as a page.

use std::sync::LazyLock;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use super::docs_html;

static PAGE: LazyLock<Bytes> = LazyLock::new(|| {
    let document = serde_json::to_value(crate::openapi()).expect("a description is plain data");
    docs_html::page(&document).into()
});

/// The description as a page
#[utoipa::path(
    get,
    path = "/docs",
    operation_id = "show_docs",
    tag = "Description",
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"))
)]
pub(crate) async fn handle() -> Response {
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(docs_html::CONTENT_SECURITY_POLICY),
        ),
    ];
    (headers, PAGE.clone()).into_response()
}
