//! The sandbox as the panel's pages need it: each wish is a call of the sandbox's own control paths, so
//! that pages and programs turn the same switches.

use std::time::Duration;

use anyhow::Result;
use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::response::{IntoResponse as _, Response};
use domain::gateway::Gateway;
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};
use tower::ServiceExt as _;
use web::{ArmedFault, Movement, OutsidePayment, PlayedGateway, PlayedGateways};

/// The longest answer that is read.
const LONGEST: usize = 64 * 1024 * 1024;

/// An answer of a sandbox that runs apart takes no longer.
const PATIENCE: Duration = Duration::from_secs(10);

/// The control paths of the sandbox, in this process or [`elsewhere`].
pub struct Panel(pub Router);

/// The control paths of a sandbox in another process. While it is away they answer 502.
///
/// # Errors
/// When no client can be made.
pub fn elsewhere(control_url: &str) -> Result<Router> {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .build()?;
    let there = control_url.to_owned();
    Ok(Router::new().fallback(move |request| forward(client, there, request)))
}

async fn forward(client: reqwest::Client, there: String, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let away = || StatusCode::BAD_GATEWAY.into_response();
    let Ok(body) = to_bytes(body, LONGEST).await else {
        return away();
    };
    let asked = client
        .request(parts.method, format!("{there}{}", parts.uri))
        .headers(parts.headers)
        .body(body);
    let Ok(answer) = asked.send().await else {
        return away();
    };
    let status = answer.status();
    match answer.bytes().await {
        Ok(bytes) => (status, bytes).into_response(),
        Err(_) => away(),
    }
}

impl Panel {
    /// The answer; `None` when it refuses.
    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Option<Value> {
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/json")
            .body(body)
            .ok()?;
        let answer = match self.0.clone().oneshot(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        if answer.status() != StatusCode::OK {
            return None;
        }
        let bytes = to_bytes(answer.into_body(), LONGEST).await.ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    async fn get(&self, path: &str) -> Option<Value> {
        self.call(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> bool {
        self.call(Method::POST, path, Some(body)).await.is_some()
    }
}

/// Names come from our own rows; what could be read as a path is not one of them.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[async_trait]
impl PlayedGateways for Panel {
    async fn gateway(&self, gateway: Gateway) -> Option<PlayedGateway> {
        let balances = self.get("/sandbox/balances").await?;
        let path = format!("/sandbox/gateways/{gateway}/faults");
        let shown = self.get(&path).await?;
        let faults = shown["faults"].as_array().into_iter().flatten();
        Some(PlayedGateway {
            balance_cents: balances[gateway.as_str()]["balance_cents"].as_i64()?,
            faults: faults.map(fault).collect(),
        })
    }

    async fn arm(&self, gateway: Gateway, fault: ArmedFault) -> bool {
        let path = format!("/sandbox/gateways/{gateway}/faults");
        let mut body = json!({
            "mode": fault.mode,
            "probability": f64::from(fault.percent) / 100.0,
        });
        if let Some(operation) = fault.operation {
            body["operation"] = json!(operation);
        }
        for (name, value) in [("latency_ms", fault.latency_ms), ("times", fault.times)] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        if self.call(Method::PUT, &path, Some(body)).await.is_none() {
            return false;
        }
        if fault.mode != "healthy" {
            return true;
        }
        // Webhook faults stand apart from those of requests, and are healed apart.
        let webhooks = json!({"mode": "healthy", "operation": "webhook"});
        self.call(Method::PUT, &path, Some(webhooks))
            .await
            .is_some()
    }

    async fn pay(&self, charge: &str, how: OutsidePayment) -> bool {
        let mut body = json!({"again": how.again, "allow_expired": how.late});
        if let Some(cents) = how.cents {
            body["amount_cents"] = json!(cents);
        }
        is_name(charge)
            && self
                .post(&format!("/sandbox/charges/{charge}/pay"), body)
                .await
    }

    async fn take_back(&self, charge: &str, cents: Option<i64>) -> bool {
        let path = format!("/sandbox/charges/{charge}/reverse");
        is_name(charge) && self.post(&path, part(cents)).await
    }

    async fn give_back(&self, payout: &str, cents: Option<i64>) -> bool {
        let path = format!("/sandbox/payouts/{payout}/return");
        is_name(payout) && self.post(&path, part(cents)).await
    }

    async fn ledger(&self) -> Option<Vec<Movement>> {
        let ledger = self.get("/sandbox/ledger").await?;
        let entries = ledger["entries"].as_array()?;
        Some(entries.iter().filter_map(movement).collect())
    }
}

fn part(cents: Option<i64>) -> Value {
    cents.map_or_else(|| json!({}), |cents| json!({"amount_cents": cents}))
}

fn fault(shown: &Value) -> ArmedFault {
    let text = |name: &str| shown[name].as_str().map(str::to_owned);
    ArmedFault {
        operation: text("operation"),
        mode: text("mode").unwrap_or_default(),
        percent: percent(shown["probability"].as_f64().unwrap_or(1.0)),
        latency_ms: shown["latency_ms"].as_u64(),
        times: shown["times"].as_u64(),
    }
}

/// A probability between 0 and 1 as whole percents.
fn percent(probability: f64) -> u8 {
    let percents = (probability.clamp(0.0, 1.0) * 100.0).round();
    (0..=100)
        .find(|whole| f64::from(*whole) >= percents)
        .unwrap_or(100)
}

fn movement(entry: &Value) -> Option<Movement> {
    Some(Movement {
        seq: entry["seq"].as_u64()?,
        gateway: Gateway::parse(entry["gateway"].as_str()?)?,
        kind: entry["kind"].as_str()?.to_owned(),
        cents: entry["amount_cents"].as_i64()?,
        reference: entry["reference"].as_str()?.to_owned(),
        key: entry["key"].as_str().map(str::to_owned),
        end_to_end_id: entry["end_to_end_id"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sandbox::{Sandbox, SandboxConfig};

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_sandbox_that_runs_apart_has_the_same_switches() {
        crate::wire::install_tls();
        let sandbox = Sandbox::start(SandboxConfig::default()).await.unwrap();
        let panel = Panel(elsewhere(&sandbox.control_url()).unwrap());
        let down = ArmedFault {
            operation: Some("any".into()),
            ..ArmedFault::always("down")
        };
        assert!(panel.arm(Gateway::Efi, down.clone()).await);
        let seen = panel.gateway(Gateway::Efi).await.unwrap();
        assert_eq!(seen.faults, [down]);
        assert_eq!(panel.ledger().await, Some(Vec::new()));
        assert!(!panel.pay("nobody", OutsidePayment::default()).await);
        sandbox.shutdown().await;
        assert_eq!(panel.gateway(Gateway::Efi).await, None);
        assert_eq!(panel.ledger().await, None);
        assert!(!panel.arm(Gateway::Efi, ArmedFault::always("healthy")).await);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_switches_are_those_of_the_sandbox() {
        crate::wire::install_tls();
        let config = SandboxConfig {
            initial_float_cents: 5_000,
            ..SandboxConfig::default()
        };
        let sandbox = Sandbox::start(config).await.unwrap();
        let panel = Panel(sandbox.control_router());
        let flaky = ArmedFault {
            operation: Some("payout".into()),
            mode: "flaky".into(),
            percent: 40,
            latency_ms: Some(7),
            times: Some(2),
        };
        assert!(panel.arm(Gateway::Efi, flaky.clone()).await);
        assert!(
            panel
                .arm(
                    Gateway::Efi,
                    ArmedFault {
                        operation: Some("webhook".into()),
                        ..ArmedFault::always("lose")
                    }
                )
                .await
        );
        let seen = panel.gateway(Gateway::Efi).await.unwrap();
        assert_eq!(seen.balance_cents, 5_000);
        assert!(seen.faults.contains(&flaky), "{:?}", seen.faults);
        assert_eq!(seen.faults.len(), 2);
        assert!(panel.arm(Gateway::Efi, ArmedFault::always("healthy")).await);
        assert_eq!(panel.gateway(Gateway::Efi).await.unwrap().faults, []);
        assert!(
            !panel
                .arm(Gateway::Efi, ArmedFault::always("nonsense"))
                .await
        );
        assert!(!panel.pay("nobody", OutsidePayment::default()).await);
        assert!(!panel.give_back("../ledger", None).await);
        assert_eq!(panel.ledger().await, Some(Vec::new()));
        sandbox.shutdown().await;
    }
}
