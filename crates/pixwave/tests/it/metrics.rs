//! `GET /metrics`: what happened shows, and nothing that must stay secret does.

use std::collections::BTreeMap;

use serde_json::json;
use testkit::wait_until;

use crate::harness::{Database, EFI, LIMIT, TestApp, brisk, without_circuits};

/// Values by name and labels as they are written.
async fn scraped(app: &TestApp) -> (String, BTreeMap<String, f64>) {
    let answer = app.client().get("/metrics").expect(200).await;
    let kind = answer.header("content-type").unwrap_or_default();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    let text = answer.text();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let values = samples.filter_map(|line| line.rsplit_once(' '));
    let values = values
        .map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
        .collect();
    (text, values)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_is_measured_without_naming_anybody() {
    let mut settings = brisk();
    without_circuits(&mut settings);
    let app = TestApp::with_settings(Database::Sqlite, settings).await;
    let person = app.person_with(10_000).await;
    app.fault(
        EFI,
        json!({"operation": "payout", "mode": "error_500", "times": 1}),
    )
    .await;
    let payout = app.payout(&person, 700).await;
    app.ended(&person, &payout.id()).await;
    app.quiet().await;

    let unknown =
        r#"pixwave_gateway_call_seconds_count{gateway="efi",operation="payout",outcome="unknown"}"#;
    let (text, values) = wait_until("the counted call", LIMIT, || async {
        let (text, values) = scraped(&app).await;
        values.contains_key(unknown).then_some((text, values))
    })
    .await;
    assert!(values[unknown] >= 1.0, "{text}");
    let path =
        r#"pixwave_http_request_seconds_count{method="POST",path="/v1/payouts",status="202"}"#;
    assert!(values[path] >= 1.0, "{text}");
    assert!(
        values[r#"pixwave_job_seconds_count{kind="payout.v1"}"#] >= 1.0,
        "{text}"
    );
    assert_eq!(values[r#"pixwave_jobs{state="dead"}"#], 0.0);
    assert_eq!(values["pixwave_database_up"], 1.0);
    assert_eq!(values[r#"pixwave_in_doubt_cents{gateway="efi"}"#], 0.0);
    assert!(values["pixwave_event_position"] >= 3.0, "{text}");
    for step in ["numbering", "topic", "webhooks"] {
        let name = format!("pixwave_oldest_waiting_event_seconds{{step=\"{step}\"}}");
        assert!(values[&name] < 60.0, "{text}");
    }
    let ready = app.get("/readyz").await.body;
    assert_eq!(ready["waiting"]["topic_seconds"], 0, "{ready}");
    let circuit = r#"pixwave_gateway_circuit_open{gateway="efi",operation="payout"}"#;
    assert!(values.contains_key(circuit), "{text}");
    assert!(
        text.contains("# TYPE pixwave_gateway_call_seconds histogram"),
        "{text}"
    );

    // Paths are the matched ones: the secret of the address that Efí notifies is none of them.
    assert!(text.contains("/webhooks/efi/{secret}"), "{text}");
    let secret = &app.app().settings.efi_webhook_secret;
    for hidden in [secret.as_str(), &payout.id(), &person.email] {
        assert!(!text.contains(hidden), "{hidden} is told");
    }
    app.finish().await;
}
