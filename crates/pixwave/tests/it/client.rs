//! HTTP as a user's program speaks it: every call says which status it expects.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

/// Longer than any answer takes, `Prefer: wait` included.
const LIMIT: Duration = Duration::from_secs(30);

/// A client of one server; cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// A request in the making; awaiting it sends it.
pub struct Call {
    request: reqwest::RequestBuilder,
    what: String,
    expected: Option<u16>,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    /// Null when it is not JSON.
    pub body: Value,
}

impl Client {
    pub fn new(base: &str) -> Client {
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        Client {
            http,
            base: base.trim_end_matches('/').to_owned(),
        }
    }

    pub fn url(&self) -> &str {
        &self.base
    }

    pub fn call(&self, method: Method, path: &str) -> Call {
        Call {
            what: format!("{method} {path}"),
            request: self.http.request(method, format!("{}{path}", self.base)),
            expected: None,
        }
    }

    pub fn get(&self, path: &str) -> Call {
        self.call(Method::GET, path).expect(200)
    }

    pub fn post(&self, path: &str, body: &Value) -> Call {
        self.call(Method::POST, path).json(body)
    }

    pub fn put(&self, path: &str, body: &Value) -> Call {
        self.call(Method::PUT, path).json(body).expect(200)
    }

    pub fn delete(&self, path: &str) -> Call {
        self.call(Method::DELETE, path)
    }
}

impl Call {
    pub fn by(self, token: &str) -> Call {
        Call {
            request: self.request.bearer_auth(token),
            ..self
        }
    }

    pub fn header(self, name: &str, value: &str) -> Call {
        Call {
            request: self.request.header(name, value),
            ..self
        }
    }

    pub fn key(self, idempotency_key: &str) -> Call {
        self.header("Idempotency-Key", idempotency_key)
    }

    /// Waits up to so many seconds for a better answer.
    pub fn wait(self, seconds: u32) -> Call {
        self.header("Prefer", &format!("wait={seconds}"))
    }

    pub fn json(self, body: &Value) -> Call {
        Call {
            request: self.request.json(body),
            ..self
        }
    }

    pub fn raw(self, body: Vec<u8>) -> Call {
        let call = self.header("Content-Type", "application/json");
        Call {
            request: call.request.body(body),
            ..call
        }
    }

    /// The status without which the test fails.
    pub fn expect(self, status: u16) -> Call {
        Call {
            expected: Some(status),
            ..self
        }
    }

    /// Whatever the status is.
    pub fn unchecked(self) -> Call {
        Call {
            expected: None,
            ..self
        }
    }

    /// Sends it; an error is a connection that broke before the whole answer was there.
    pub async fn attempt(self) -> Result<Answer, reqwest::Error> {
        let response = self.request.send().await?;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = response.bytes().await?.to_vec();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        let answer = Answer {
            status,
            headers,
            bytes,
            body,
        };
        if let Some(expected) = self.expected {
            let text = answer.text();
            assert_eq!(status, expected, "{} answered {text}", self.what);
        }
        Ok(answer)
    }
}

impl IntoFuture for Call {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let what = self.what.clone();
            match self.attempt().await {
                Ok(answer) => answer,
                Err(error) => panic!("{what}: {error:?}"),
            }
        })
    }
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub fn replayed(&self) -> bool {
        self.header("idempotency-replayed") == Some("true")
    }

    /// The problem's stable code.
    pub fn code(&self) -> &str {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.text()
        );
        assert_eq!(self.body["status"], self.status, "{}", self.text());
        self.body["code"].as_str().expect("a problem has a code")
    }

    /// The refused fields with their codes.
    pub fn fields(&self) -> Vec<(String, String)> {
        let errors = self.body["errors"].as_array().cloned().unwrap_or_default();
        errors
            .iter()
            .map(|error| (string(error, "field"), string(error, "code")))
            .collect()
    }

    pub fn id(&self) -> String {
        string(&self.body, "id")
    }

    pub fn cents(&self, name: &str) -> i64 {
        cents(&self.body, name)
    }

    pub fn list(&self) -> Vec<Value> {
        let list = self.body["data"].as_array();
        list.unwrap_or_else(|| panic!("not a list: {}", self.text()))
            .clone()
    }
}

/// A member that must be a string.
pub fn string(value: &Value, name: &str) -> String {
    let text = value[name].as_str();
    text.unwrap_or_else(|| panic!("no {name} in {value}"))
        .to_owned()
}

/// A member that must be an integer.
pub fn cents(value: &Value, name: &str) -> i64 {
    let number = value[name].as_i64();
    number.unwrap_or_else(|| panic!("no {name} in {value}"))
}
