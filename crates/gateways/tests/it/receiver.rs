//! A tiny webhook receiver: answers 200 and hands on what came.

use std::collections::BTreeMap;
use std::time::Duration;

use app::ports::gateway::InboundRequest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

pub struct Receiver {
    pub port: u16,
    came: Mutex<UnboundedReceiver<InboundRequest>>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    pub async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, came) = unbounded_channel();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((socket, _)) = listener.accept().await {
                connections.spawn(serve(socket, sender.clone()));
            }
        });
        Receiver {
            port,
            came: Mutex::new(came),
            task,
        }
    }

    /// The next notification; fails when none comes.
    pub async fn next(&self) -> InboundRequest {
        let mut came = self.came.lock().await;
        tokio::time::timeout(Duration::from_secs(10), came.recv())
            .await
            .expect("a notification within ten seconds")
            .expect("the receiver is running")
    }
}

async fn serve(mut socket: TcpStream, sender: UnboundedSender<InboundRequest>) {
    while let Some(request) = read(&mut socket).await {
        let _ = sender.send(request);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        if socket.write_all(answer).await.is_err() {
            return;
        }
    }
}

async fn read(socket: &mut TcpStream) -> Option<InboundRequest> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = socket
            .read(&mut chunk)
            .await
            .ok()
            .filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        let headers: BTreeMap<String, String> = head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()))
            .collect();
        let length = headers
            .get("content-length")
            .map_or(0, |text| text.parse().unwrap());
        let body = &bytes[end + 4..];
        if body.len() < length {
            continue;
        }
        let target = head.split(' ').nth(1)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        return Some(InboundRequest {
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            body: body[..length].to_vec(),
        });
    }
}
