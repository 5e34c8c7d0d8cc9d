//! A sandbox with plain clients for both gateways, and a receiver of webhooks.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    http::{HeaderMap, Uri},
};
use reqwest::{Certificate, Client, Identity, Method, RequestBuilder, StatusCode};
use sandbox::{Sandbox, SandboxConfig};
use serde_json::{Value, json};

/// How long a test waits for something that happens by itself.
const PATIENCE: Duration = Duration::from_secs(10);

pub struct World {
    pub sandbox: Sandbox,
    pub efi: Client,
    pub plain: Client,
    token: Mutex<Option<String>>,
}

/// A client that shows the certificate and trusts the sandbox's CA alone.
pub fn efi_client(sandbox: &Sandbox) -> Client {
    let access = sandbox.efi();
    let pem = format!("{}{}", access.certificate_pem, access.private_key_pem);
    Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(10))
        .tls_certs_only([Certificate::from_pem(access.ca_pem.as_bytes()).unwrap()])
        .identity(Identity::from_pem(pem.as_bytes()).unwrap())
        .build()
        .unwrap()
}

impl World {
    pub async fn new() -> Self {
        Self::with(SandboxConfig::default()).await
    }

    pub async fn with(config: SandboxConfig) -> Self {
        let sandbox = Sandbox::start(config).await.unwrap();
        let efi = efi_client(&sandbox);
        let plain = Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(10))
            .build()
            .unwrap();
        Self {
            sandbox,
            efi,
            plain,
            token: Mutex::new(None),
        }
    }

    pub async fn fresh_token(&self) -> String {
        let access = self.sandbox.efi();
        let answer = self
            .efi
            .post(format!("{}/oauth/token", access.base_url))
            .basic_auth(access.client_id, Some(access.client_secret))
            .json(&json!({"grant_type": "client_credentials"}))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let body: Value = answer.json().await.unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// A request to Efí with a token.
    pub async fn efi_request(&self, method: &str, path: &str) -> RequestBuilder {
        let known = self.token.lock().unwrap().clone();
        let token = match known {
            Some(token) => token,
            None => self.fresh_token().await,
        };
        *self.token.lock().unwrap() = Some(token.clone());
        let url = format!("{}{path}", self.sandbox.efi().base_url);
        self.efi
            .request(method.parse::<Method>().unwrap(), url)
            .bearer_auth(token)
    }

    pub async fn efi(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let request = self.efi_request(method, path).await;
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        answer(request).await
    }

    /// A request to Mercado Pago with its token.
    pub fn mp_request(&self, method: &str, path: &str) -> RequestBuilder {
        let access = self.sandbox.mercado_pago();
        let method = method.parse::<Method>().unwrap();
        self.plain
            .request(method, format!("{}{path}", access.base_url))
            .bearer_auth(access.access_token)
    }

    pub async fn mp(&self, method: &str, path: &str, key: &str, body: Value) -> (u16, Value) {
        let request = self.mp_request(method, path);
        let request = if key.is_empty() {
            request
        } else {
            request.header("X-Idempotency-Key", key)
        };
        let request = if body.is_null() {
            request
        } else {
            request.json(&body)
        };
        answer(request).await
    }

    pub async fn control(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.sandbox.control_url());
        let request = self.plain.request(method.parse::<Method>().unwrap(), url);
        answer(if body.is_null() {
            request
        } else {
            request.json(&body)
        })
        .await
    }

    /// What the account at this gateway may spend, in centavos.
    pub async fn available(&self, gateway: &str) -> i64 {
        let (_, body) = self.control("GET", "/sandbox/balances", Value::Null).await;
        body[gateway]["available_cents"].as_i64().unwrap()
    }

    pub fn cob_body(&self, amount: &str) -> Value {
        json!({"calendario": {"expiracao": 3600}, "valor": {"original": amount}, "chave": self.sandbox.efi().pix_key})
    }

    pub fn send_body(&self, amount: &str, payee: &str) -> Value {
        json!({"valor": amount, "pagador": {"chave": self.sandbox.efi().pix_key}, "favorecido": {"chave": payee}})
    }

    /// Creates an Efí charge of the amount and has it paid; gives its endToEndId.
    pub async fn paid_cob(&self, txid: &str, amount: &str) -> String {
        let (status, body) = self
            .efi("PUT", &format!("/v2/cob/{txid}"), self.cob_body(amount))
            .await;
        assert_eq!(status, 201, "{body}");
        let (status, body) = self
            .control("POST", &format!("/sandbox/charges/{txid}/pay"), Value::Null)
            .await;
        assert_eq!(status, 200, "{body}");
        body["end_to_end_id"].as_str().unwrap().to_owned()
    }

    /// Creates a Mercado Pago charge and has it paid; gives its id.
    pub async fn paid_payment(&self, reference: &str, amount: Value) -> i64 {
        let (status, body) = self
            .mp(
                "POST",
                "/v1/payments",
                reference,
                payment_body(reference, amount),
            )
            .await;
        assert_eq!(status, 201, "{body}");
        let id = body["id"].as_i64().unwrap();
        let (status, body) = self
            .control("POST", &format!("/sandbox/charges/{id}/pay"), Value::Null)
            .await;
        assert_eq!(status, 200, "{body}");
        id
    }
}

pub fn payment_body(reference: &str, amount: Value) -> Value {
    json!({
        "transaction_amount": amount, "payment_method_id": "pix", "external_reference": reference,
        "payer": {"email": "ana@example.com", "identification": {"type": "CPF", "number": "12345678909"}},
    })
}

pub fn intent_body(reference: &str, amount: Value, payee: &str) -> Value {
    json!({
        "external_reference": reference,
        "point_of_interaction": {"type": "PSP_TRANSFER"},
        "transaction": {
            "from": {"accounts": [{"amount": amount}]},
            "to": {"accounts": [{"type": "current", "amount": amount, "chave": {"type": "EMAIL", "value": payee},
                                 "owner": {"identification": {"type": "CPF", "number": "12345678909"}}}]},
            "total_amount": amount,
        },
    })
}

pub fn txid(number: u32) -> String {
    format!("{number:0>32}")
}

/// Status and JSON; an empty or unreadable body is `null`.
pub async fn answer(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let bytes = answer.bytes().await.unwrap();
    (
        status,
        serde_json::from_slice(&bytes).unwrap_or(Value::Null),
    )
}

/// Polls until it holds, or fails.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// One webhook as received.
#[derive(Debug, Clone)]
pub struct Received {
    pub uri: String,
    pub headers: HeaderMap,
    pub body: Value,
}

/// Something that listens for webhooks and answers what it is told to.
pub struct Receiver {
    pub url: String,
    seen: Arc<Mutex<Vec<Received>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    /// Answers the given codes first, then 200.
    pub async fn new(answers: &[u16]) -> Self {
        let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", socket.local_addr().unwrap());
        let receiver = Self {
            url,
            seen: Arc::default(),
            answers: Arc::new(Mutex::new(answers.to_vec())),
        };
        let (seen, answers) = (Arc::clone(&receiver.seen), Arc::clone(&receiver.answers));
        let router = Router::new().fallback(move |uri: Uri, headers: HeaderMap, body: Bytes| {
            let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
            seen.lock().unwrap().push(Received {
                uri: uri.to_string(),
                headers,
                body,
            });
            let mut answers = answers.lock().unwrap();
            let code = if answers.is_empty() {
                200
            } else {
                answers.remove(0)
            };
            async move { axum::http::StatusCode::from_u16(code).unwrap() }
        });
        let make = hyper_util::service::TowerToHyperService::new(router);
        tokio::spawn(async move {
            while let Ok((stream, _)) = socket.accept().await {
                let make = make.clone();
                let io = hyper_util::rt::TokioIo::new(stream);
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(io, make));
            }
        });
        receiver
    }

    pub fn seen(&self) -> Vec<Received> {
        self.seen.lock().unwrap().clone()
    }

    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        until("webhooks", || {
            Some(self.seen()).filter(|seen| seen.len() >= count)
        })
        .await
    }
}
