//! A request as the endpoints see it, and the reply they give.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

/// One request, its body already read.
#[derive(Debug)]
pub struct Request {
    pub method: Method,
    /// As received, still percent-encoded.
    pub path: String,
    /// Percent-decoded parts of the path.
    pub segments: Vec<String>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Whether the connection showed a client certificate.
    pub client_certificate: bool,
}

impl Request {
    pub fn new(parts: http::request::Parts, body: Bytes, client_certificate: bool) -> Self {
        let path = parts.uri.path().to_owned();
        let segments = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| {
                percent_encoding::percent_decode_str(part)
                    .decode_utf8_lossy()
                    .into_owned()
            })
            .collect();
        let query = url::form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
        Self {
            method: parts.method,
            path,
            segments,
            query,
            headers: parts.headers,
            body,
            client_certificate,
        }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)?
            .to_str()
            .ok()
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    pub fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    /// The body as a JSON object.
    pub fn object(&self) -> Option<Value> {
        serde_json::from_slice::<Value>(&self.body)
            .ok()
            .filter(Value::is_object)
    }
}

/// One reply; `executed` says that the operation took effect.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub content_type: &'static str,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    pub executed: bool,
}

/// Endpoints refuse with a reply, too.
pub type Outcome = Result<Reply, Reply>;

impl Reply {
    pub fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            content_type: "application/json",
            headers: Vec::new(),
            body: Bytes::from(body.to_string()),
            executed: false,
        }
    }

    pub fn empty(status: u16) -> Self {
        Self {
            body: Bytes::new(),
            ..Self::json(status, &Value::Null)
        }
    }

    pub fn html(status: u16, title: &str) -> Self {
        let page = format!(
            "<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        );
        Self {
            content_type: "text/html",
            body: Bytes::from(page),
            ..Self::empty(status)
        }
    }

    /// RFC 7807, as the API Pix writes problems.
    pub fn problem(status: u16, body: &Value) -> Self {
        Self {
            content_type: "application/problem+json",
            ..Self::json(status, body)
        }
    }

    pub fn forbidden_at_the_edge() -> Self {
        Self::json(403, &json!({"message": "Forbidden"}))
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    #[must_use]
    pub fn executed(self) -> Self {
        Self {
            executed: true,
            ..self
        }
    }
}
