//! The live view over HTTP.

use std::sync::Arc;

use api::ApiOptions;
use app::cloud_events::SeenEvent;
use app::monitor::LiveView;
use app::ports::store::UserRole;
use http::StatusCode;
use serde_json::json;

use crate::world::*;

#[tokio::test]
async fn an_operator_sees_what_was_recorded() {
    let live = Arc::new(LiveView::default());
    let world = World {
        role: UserRole::Operator,
        ..World::default()
    };
    let options = ApiOptions {
        live: live.clone(),
        ..ApiOptions::all()
    };
    let api = Api::with(world, options);
    let now = api.app.now();
    let event = SeenEvent {
        id: "evt_1".to_owned(),
        kind: "payout.settled".to_owned(),
        occurred_at: now,
        position: Some(1),
        transaction_id: Some("txn_1".to_owned()),
        gateway: Some("efi".to_owned()),
        amount_cents: Some(1_050),
    };
    assert_eq!(live.record(event, now), None);
    let answer = api.get("/v1/live").await;
    assert_eq!(answer.status, StatusCode::OK);
    let at = "2026-03-02T12:00:00.000000Z";
    assert_eq!(
        answer.json,
        json!({
            "recent": [{
                "id": "evt_1", "type": "payout.settled", "occurred_at": at,
                "transaction_id": "txn_1", "gateway": "efi", "amount_cents": 1050,
            }],
            "per_minute": [{"from": at, "events": 1}],
            "gateways": [{"name": "efi", "succeeded": 1, "failed": 0, "in_doubt": 0}],
            "last_seen": [{"type": "payout.settled", "at": at}],
            "seen": 1,
        })
    );
}
