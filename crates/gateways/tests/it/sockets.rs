//! Bare TCP servers: what was really written, and how often.
//!
//! The sandbox answers like a gateway; these answer like the network on a bad day. Each server
//! follows a script, one act per request, and remembers every request it read in full.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::ports::gateway::GatewayClient;
use domain::outcome::{NeverSent, SendVerdict, UnknownCause};
use gateways::{EfiClient, EfiConfig, HttpLimits, MercadoPagoClient, MercadoPagoConfig, PayoutApi};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::orders::payout;
use crate::sandboxed::{TestRuntime, limits};

#[derive(Clone)]
enum Act {
    /// Writes these bytes and keeps the connection.
    Answer(String),
    /// Writes these bytes and closes.
    AnswerThenClose(String),
    /// Reads the request in full and closes without a word.
    Close,
    /// Closes at once with a reset, reading nothing.
    Reset,
    /// Reads the request in full and says nothing.
    Silence,
}

#[derive(Default)]
struct Seen {
    connections: usize,
    /// First line of every request that arrived whole.
    requests: Vec<String>,
}

struct Server {
    port: u16,
    seen: Arc<Mutex<Seen>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    async fn start(script: impl IntoIterator<Item = Act>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let script: Arc<Mutex<VecDeque<Act>>> = Arc::new(Mutex::new(script.into_iter().collect()));
        let task = tokio::spawn({
            let seen = seen.clone();
            async move {
                // Connections end with the task, or silent ones would outlive the test.
                let mut connections = tokio::task::JoinSet::new();
                while let Ok((socket, _)) = listener.accept().await {
                    seen.lock().unwrap().connections += 1;
                    connections.spawn(serve(socket, script.clone(), seen.clone()));
                }
            }
        });
        Server { port, seen, task }
    }

    fn payouts(&self) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.requests
            .iter()
            .filter(|line| line.starts_with("POST /v1/transaction-intents/process "))
            .count()
    }

    fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }

    fn client(&self, limits: HttpLimits) -> MercadoPagoClient {
        client(&format!("http://127.0.0.1:{}", self.port), limits)
    }
}

fn client(base_url: &str, limits: HttpLimits) -> MercadoPagoClient {
    let config = MercadoPagoConfig {
        base_url: base_url.to_owned(),
        access_token: "token".to_owned().into(),
        webhook_secret: "secret".to_owned().into(),
        payout_api: PayoutApi::TransactionIntents,
        signing_key: None,
        enforce_signature: false,
        notification_url: None,
        limits,
    };
    MercadoPagoClient::new(config, Arc::new(TestRuntime::default())).unwrap()
}

async fn serve(mut socket: TcpStream, script: Arc<Mutex<VecDeque<Act>>>, seen: Arc<Mutex<Seen>>) {
    loop {
        let next_is_reset = matches!(script.lock().unwrap().front(), Some(Act::Reset));
        if next_is_reset {
            script.lock().unwrap().pop_front();
            socket.set_zero_linger().unwrap();
            return;
        }
        let Some(first_line) = read_request(&mut socket).await else {
            return;
        };
        seen.lock().unwrap().requests.push(first_line);
        let act = script.lock().unwrap().pop_front();
        match act {
            Some(Act::Answer(bytes)) => socket.write_all(bytes.as_bytes()).await.unwrap(),
            Some(Act::AnswerThenClose(bytes)) => {
                socket.write_all(bytes.as_bytes()).await.unwrap();
                return;
            }
            Some(Act::Silence) => std::future::pending().await,
            Some(Act::Close | Act::Reset) | None => return,
        }
    }
}

/// The first line of a request, once all of it has come; `None` when the client leaves.
async fn read_request(socket: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = socket
            .read(&mut chunk)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, length)| length.parse::<usize>().unwrap());
        if body.len() >= length {
            return head.lines().next().map(str::to_owned);
        }
    }
}

fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn account() -> Act {
    Act::Answer(http("200 OK", r#"{"id":1}"#))
}

fn accepted(number: u32) -> String {
    let key = crate::orders::attempt_key(number);
    http(
        "202 Accepted",
        &format!(
            r#"{{"id":"1-A","status":"approved","external_reference":"{key}","transaction":{{"total_amount":10.5}}}}"#
        ),
    )
}

async fn send(client: &MercadoPagoClient) -> SendVerdict {
    let request = client.prepare_payout(&payout(1)).unwrap();
    client.send_payout(&request).await
}

#[tokio::test]
async fn a_request_that_was_read_is_never_written_twice() {
    let server = Server::start([Act::Close, Act::Answer(accepted(1))]).await;
    let verdict = send(&server.client(limits())).await;
    assert_eq!(verdict, SendVerdict::Unknown(UnknownCause::ConnectionLost));
    assert_eq!(server.payouts(), 1);
}

#[tokio::test]
async fn nor_is_it_on_a_connection_that_was_used_before() {
    let server = Server::start([account(), Act::Close, Act::Answer(accepted(1))]).await;
    let client = server.client(limits());
    client.probe().await.unwrap();
    let verdict = send(&client).await;
    assert_eq!(verdict, SendVerdict::Unknown(UnknownCause::ConnectionLost));
    assert_eq!((server.connections(), server.payouts()), (1, 1));
}

#[tokio::test]
async fn a_connection_that_dies_while_idle_costs_at_most_one_transmission() {
    for _ in 0..30 {
        let first = Act::AnswerThenClose(http("200 OK", r#"{"id":1}"#));
        let server = Server::start([first, Act::Answer(accepted(1))]).await;
        let client = server.client(limits());
        client.probe().await.unwrap();
        let verdict = send(&client).await;
        // Either the close was noticed in time and the order went out once elsewhere, or it was
        // written into a dying connection and nobody knows.
        match verdict.class() {
            "accepted" => assert_eq!(server.payouts(), 1),
            "unknown" => assert_eq!(server.payouts(), 0),
            other => panic!("{other}"),
        }
    }
}

#[tokio::test]
async fn a_bare_reset_proves_nothing() {
    let server = Server::start([account(), Act::Reset]).await;
    let mut limits = limits();
    limits.pool_max_idle = 0;
    let client = server.client(limits);
    client.probe().await.unwrap();
    let verdict = send(&client).await;
    assert_eq!(verdict.class(), "unknown", "{verdict:?}");
}

#[tokio::test]
async fn answers_that_stop_halfway_are_lost_connections() {
    let whole = accepted(1);
    for end in [1, 20, whole.len() / 2, whole.len() - 1] {
        let server = Server::start([Act::AnswerThenClose(whole[..end].to_owned())]).await;
        let verdict = send(&server.client(limits())).await;
        assert_eq!(
            verdict,
            SendVerdict::Unknown(UnknownCause::ConnectionLost),
            "{end}"
        );
        assert_eq!(server.payouts(), 1);
    }
    let refusal = http("400 Bad Request", r#"{"message":"Invalid chave"}"#);
    let cut = refusal[..refusal.len() - 1].to_owned();
    let server = Server::start([Act::AnswerThenClose(cut)]).await;
    let verdict = send(&server.client(limits())).await;
    assert_eq!(
        verdict.class(),
        "unknown",
        "a refusal that is not whole is none"
    );
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let target = Server::start([Act::Answer(accepted(1))]).await;
    let location = format!(
        "http://127.0.0.1:{}/v1/transaction-intents/process",
        target.port
    );
    for status in [
        "301 Moved",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let answer =
            format!("HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::start([Act::Answer(answer)]).await;
        let verdict = send(&server.client(limits())).await;
        assert_eq!(
            verdict,
            SendVerdict::Unknown(UnknownCause::Redirect),
            "{status}"
        );
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn what_invites_a_repetition_is_not_repeated() {
    for status in [
        "408 Request Timeout",
        "425 Too Early",
        "429 Too Many",
        "503 Unavailable",
    ] {
        let answer = format!("HTTP/1.1 {status}\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n");
        let server = Server::start([Act::Answer(answer), Act::Answer(accepted(1))]).await;
        let verdict = send(&server.client(limits())).await;
        assert_eq!(verdict.class(), "unknown", "{status}");
        assert_eq!(server.payouts(), 1, "{status}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_unreadable() {
    let long = http("202 Accepted", &"x".repeat(5000));
    let server = Server::start([Act::Answer(long)]).await;
    let mut limits = limits();
    limits.max_response_bytes = 1000;
    let verdict = send(&server.client(limits)).await;
    assert_eq!(verdict, SendVerdict::Unknown(UnknownCause::UnreadableBody));
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let server = Server::start([Act::Silence]).await;
    let mut limits = limits();
    limits.total = Duration::from_secs(1);
    let verdict = send(&server.client(limits)).await;
    assert_eq!(verdict, SendVerdict::Unknown(UnknownCause::Timeout));
    assert_eq!(server.payouts(), 1);
}

#[tokio::test]
async fn a_full_house_sends_nothing() {
    let server = Server::start([Act::Silence, Act::Answer(accepted(1))]).await;
    let limits = HttpLimits {
        max_in_flight: 1,
        connect: Duration::from_millis(200),
        total: Duration::from_secs(2),
        ..limits()
    };
    let client = server.client(limits);
    let (first, second) = tokio::join!(send(&client), send(&client));
    assert_eq!(first, SendVerdict::Unknown(UnknownCause::Timeout));
    assert_eq!(second, SendVerdict::NeverSent(NeverSent::PoolExhausted));
    assert_eq!(server.payouts(), 1);
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_name_are_never_sent() {
    let port = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().port()
    };
    let nobody = client(&format!("http://127.0.0.1:{port}"), limits());
    assert_eq!(
        send(&nobody).await,
        SendVerdict::NeverSent(NeverSent::Connect)
    );
    // Too long a label to ask any name server for.
    let nameless = client(&format!("http://{}.invalid", "a".repeat(64)), limits());
    assert_eq!(
        send(&nameless).await,
        SendVerdict::NeverSent(NeverSent::Dns)
    );
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_gets_nothing_of_the_order() {
    let server = Server::start([Act::AnswerThenClose(http("400 Bad Request", ""))]).await;
    let config = EfiConfig {
        base_url: format!("https://localhost:{}", server.port),
        client_id: "id".to_owned(),
        client_secret: "secret".to_owned().into(),
        pix_key: "key".to_owned(),
        certificate: gateways::CertificateSource::from_file(
            include_bytes!("../fixtures/pkcs1.pem").to_vec(),
            String::new().into(),
        ),
        extra_root_pem: Some(include_str!("../fixtures/pkcs8.pem").to_owned()),
        webhook_secret: "secret".to_owned().into(),
        limits: HttpLimits {
            connect: Duration::from_millis(300),
            ..limits()
        },
    };
    let client = EfiClient::new(config, Arc::new(TestRuntime::default())).unwrap();
    let request = client.prepare_payout(&payout(1)).unwrap();
    let verdict = client.send_payout(&request).await;
    assert_eq!(verdict.class(), "never_sent", "{verdict:?}");
    assert!(server.seen.lock().unwrap().requests.is_empty());
}
