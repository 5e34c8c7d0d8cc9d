//! Notifications reach the adapter as they came, and refusals say little.

use axum::body::Body;
use http::{Request, StatusCode};

use crate::world::*;

async fn notify(api: &Api, path: &str, body: &'static str) -> Answer {
    let request = Request::builder()
        .method("POST")
        .uri(path)
        .header("X-Signature", "ts=1,v1=2")
        .body(Body::from(body))
        .expect("a request");
    api.send(request).await
}

#[tokio::test]
async fn the_adapter_gets_path_query_headers_and_body_verbatim() {
    let api = Api::new(World::default());
    let efi = format!("/webhooks/efi/{SECRET}");
    let table = [
        (
            "/webhooks/mercado-pago".to_owned(),
            "data.id=1&type=payment",
        ),
        (efi.clone(), ""),
        (efi.clone(), "hmac=a%2Fb&ignorar=/pix"),
        (format!("{efi}/pix"), ""),
        (format!("{efi}/pix"), "hmac=1"),
    ];
    for (path, query) in &table {
        let target = if query.is_empty() {
            path.clone()
        } else {
            format!("{path}?{query}")
        };
        let answer = notify(&api, &target, "{\"pix\": []}").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{target}");
        assert!(!answer.text.contains(SECRET));
    }
    let seen = api.world.notifications.lock().expect("no holder panics");
    assert_eq!(seen.len(), table.len());
    for (request, (path, query)) in seen.iter().zip(&table) {
        assert_eq!((&request.path, request.query.as_str()), (path, *query));
        assert_eq!(request.headers["x-signature"], "ts=1,v1=2");
        assert_eq!(request.body, b"{\"pix\": []}");
    }
    assert_eq!(api.commits(), 0);
}

#[tokio::test]
async fn what_cannot_be_read_or_is_too_large_is_refused() {
    let api = Api::new(World::default());
    let answer = notify(&api, "/webhooks/mercado-pago", "nonsense").await;
    assert_eq!(answer.code(), "malformed_json");
    assert!(!answer.text.contains("inner words"));
    let huge = Request::builder()
        .method("POST")
        .uri("/webhooks/mercado-pago")
        .body(Body::from(vec![b' '; 256 * 1024 + 1]))
        .expect("a request");
    assert_eq!(api.send(huge).await.code(), "body_too_large");
    assert_eq!(api.commits(), 0);
}
