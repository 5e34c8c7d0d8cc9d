//! Webhooks to strangers: what is never connected to, and what every request is bounded by.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use app::ports::runtime::BoxFuture;
use app::ports::webhooks::{WebhookFailure, WebhookRequest, WebhookSender};
use platform::{Lookup, WebhookClient, WebhookLimits};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Names as a test says.
struct Names(BTreeMap<&'static str, Vec<IpAddr>>);

impl Lookup for Names {
    fn look_up(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let found = self.0.get(host.as_str()).cloned();
        Box::pin(async move { found.ok_or_else(|| io::Error::other("no such name")) })
    }
}

fn client(allow_private: bool, limits: WebhookLimits) -> WebhookClient {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    let names = Names(BTreeMap::from([
        ("inside.example", vec![ip("127.0.0.1")]),
        ("metadata.example", vec![ip("169.254.169.254")]),
        ("mapped.example", vec![ip("::ffff:127.0.0.1")]),
        ("empty.example", vec![]),
    ]));
    WebhookClient::new(allow_private, limits, Arc::new(names)).expect("a client")
}

fn to(url: &str) -> WebhookRequest {
    WebhookRequest {
        url: url.to_owned(),
        headers: vec![("webhook-id", "evt_1".to_owned())],
        body: "{}".to_owned(),
    }
}

/// A server that answers every request the same, and counts connections.
struct Receiver {
    port: u16,
    connections: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receiver(answer: &'static str, repeat_end: bool) -> Receiver {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let connections = Arc::new(AtomicU32::new(0));
    let counted = connections.clone();
    let task = tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                let _read = socket.read(&mut buffer).await;
                let _sent = socket.write_all(answer.as_bytes()).await;
                while repeat_end && socket.write_all(&[b'x'; 1024]).await.is_ok() {
                    tokio::task::yield_now().await;
                }
                // An answer that never comes keeps the connection.
                if answer.is_empty() {
                    let _end = socket.read(&mut buffer).await;
                }
            });
        }
    });
    Receiver {
        port,
        connections,
        task,
    }
}

const OK: &str = "HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn a_name_that_leads_inside_is_never_connected_to() {
    let inside = receiver(OK, false).await;
    let guarded = client(false, WebhookLimits::STANDARD);
    for host in ["inside.example", "mapped.example", "metadata.example"] {
        let url = format!("https://{host}:{}/hooks", inside.port);
        let refused = guarded.post(to(&url)).await;
        assert_eq!(refused, Err(WebhookFailure::ForbiddenTarget), "{host}");
    }
    assert_eq!(inside.connections.load(Ordering::SeqCst), 0);
    // The same name is reached where that is allowed, so the name did lead there.
    let open = client(true, WebhookLimits::STANDARD);
    let url = format!("http://inside.example:{}/hooks", inside.port);
    assert_eq!(open.post(to(&url)).await, Ok(204));
    assert_eq!(inside.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn addresses_in_numbers_and_in_the_clear_are_refused() {
    let inside = receiver(OK, false).await;
    let guarded = client(false, WebhookLimits::STANDARD);
    for url in [
        format!("https://127.0.0.1:{}/", inside.port),
        format!("https://2130706433:{}/", inside.port),
        format!("https://[::ffff:127.0.0.1]:{}/", inside.port),
        format!("http://127.0.0.1:{}/", inside.port),
        format!("http://inside.example:{}/", inside.port),
        "http://shop.example/".to_owned(),
        "file:///etc/passwd".to_owned(),
        "nonsense".to_owned(),
    ] {
        let refused = guarded.post(to(&url)).await;
        assert_eq!(refused, Err(WebhookFailure::ForbiddenTarget), "{url}");
    }
    assert_eq!(inside.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let elsewhere = receiver(OK, false).await;
    let answer = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:{}/\r\ncontent-length: 0\r\n\r\n",
        elsewhere.port
    );
    let redirecting = receiver(answer.leak(), false).await;
    let open = client(true, WebhookLimits::STANDARD);
    let url = format!("http://127.0.0.1:{}/", redirecting.port);
    assert_eq!(open.post(to(&url)).await, Ok(307));
    assert_eq!(elsewhere.connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn failures_are_told_apart() {
    let open = client(
        true,
        WebhookLimits {
            connect: Duration::from_secs(3),
            total: Duration::from_millis(300),
        },
    );
    let silent = receiver("", false).await;
    let url = format!("http://127.0.0.1:{}/", silent.port);
    assert_eq!(open.post(to(&url)).await, Err(WebhookFailure::Timeout));
    let broken = receiver("HTTP/1.1 2", false).await;
    let url = format!("http://127.0.0.1:{}/", broken.port);
    let lost = open.post(to(&url)).await;
    assert_eq!(lost, Err(WebhookFailure::ConnectionLost));
    let url = format!("https://127.0.0.1:{}/", broken.port);
    assert_eq!(open.post(to(&url)).await, Err(WebhookFailure::Tls));
    for host in ["nowhere.example", "empty.example"] {
        let failed = open.post(to(&format!("http://{host}/"))).await;
        assert_eq!(failed, Err(WebhookFailure::Dns), "{host}");
    }
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listener.local_addr().expect("bound").port()
    };
    let url = format!("http://127.0.0.1:{closed}/");
    assert_eq!(open.post(to(&url)).await, Err(WebhookFailure::Connect));
}

#[tokio::test]
async fn an_answer_without_end_takes_no_time_or_memory() {
    let endless = receiver("HTTP/1.1 200 OK\r\n\r\n", true).await;
    let open = client(true, WebhookLimits::STANDARD);
    let url = format!("http://127.0.0.1:{}/", endless.port);
    let limit = Duration::from_secs(10);
    let answered = tokio::time::timeout(limit, open.post(to(&url))).await;
    assert_eq!(answered.expect("it ends"), Ok(200));
}
