//! The tour's client: speaks to the server over HTTP like anybody else.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::Value;

/// Between two looks at something that is about to happen.
const PAUSE: Duration = Duration::from_millis(20);

/// One server.
pub struct Http {
    client: reqwest::Client,
    base: String,
}

/// What a request was answered.
pub struct Answer {
    pub replayed: bool,
    pub body: Value,
}

/// A request in the making.
pub struct Call {
    request: reqwest::RequestBuilder,
    what: String,
    expected: u16,
}

impl Http {
    pub fn new(base: &str) -> Result<Http> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(15))
            .build()
            .context("the tour's client cannot be built")?;
        Ok(Http {
            client,
            base: base.trim_end_matches('/').to_owned(),
        })
    }

    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path, 200)
    }

    /// Expects 200 unless told otherwise.
    pub fn post(&self, path: &str, body: &Value) -> Call {
        let call = self.call(Method::POST, path, 200);
        Call {
            request: call.request.json(body),
            ..call
        }
    }

    pub fn put(&self, path: &str, body: &Value) -> Call {
        let call = self.call(Method::PUT, path, 200);
        Call {
            request: call.request.json(body),
            ..call
        }
    }

    fn call(&self, method: Method, path: &str, expected: u16) -> Call {
        Call {
            what: format!("{method} {path}"),
            request: self.client.request(method, format!("{}{path}", self.base)),
            expected,
        }
    }
}

impl Call {
    pub fn by(self, token: &str) -> Self {
        Self {
            request: self.request.bearer_auth(token),
            ..self
        }
    }

    pub fn header(self, name: &str, value: &str) -> Self {
        Self {
            request: self.request.header(name, value),
            ..self
        }
    }

    pub fn idempotency_key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    /// The status without which the answer is a failure.
    pub fn expect(self, status: u16) -> Self {
        Self {
            expected: status,
            ..self
        }
    }

    pub async fn answer(self) -> Result<Answer> {
        let what = self.what;
        let response = self
            .request
            .send()
            .await
            .with_context(|| format!("{what} was not answered"))?;
        let status = response.status().as_u16();
        let replayed = response.headers().contains_key("idempotency-replayed");
        let text = response
            .text()
            .await
            .with_context(|| format!("{what}: the answer broke off"))?;
        ensure!(
            status == self.expected,
            "{what} answered {status} instead of {}: {text}",
            self.expected
        );
        let body = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).with_context(|| format!("{what} answered {text}"))?
        };
        Ok(Answer { replayed, body })
    }

    pub async fn body(self) -> Result<Value> {
        Ok(self.answer().await?.body)
    }
}

/// Looks until there is something to see; the step's own time limit bounds it.
pub async fn until<T, F>(mut look: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<Option<T>>>,
{
    loop {
        if let Some(seen) = look().await? {
            return Ok(seen);
        }
        tokio::time::sleep(PAUSE).await;
    }
}
