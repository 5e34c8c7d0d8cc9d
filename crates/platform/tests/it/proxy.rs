//! Servers that misbehave: one that takes bytes and keeps them, one that says what it is told.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to a server that can be shut: connections are still taken, but nothing passes.
pub struct Gate {
    pub url: String,
    open: watch::Sender<bool>,
}

impl Gate {
    pub async fn before(port: u16) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("redis://{}", listener.local_addr().expect("a bound socket"));
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let is_open = is_open.clone();
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else {
                        return;
                    };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::spawn(pass(from_server, to_client, is_open.clone()));
                    pass(from_client, to_server, is_open).await;
                });
            }
        });
        Gate { url, open }
    }

    pub fn shut(&self) {
        self.open.send_replace(false);
    }

    pub fn open(&self) {
        self.open.send_replace(true);
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut is_open: watch::Receiver<bool>,
) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        // The gate is gone when the test is over.
        let passed = is_open.wait_for(|open| *open).await.is_ok();
        if !passed || to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}

/// A server that answers each command by `answer`; the address of it.
pub async fn scripted(answer: Arc<dyn Fn(&str) -> String + Send + Sync>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("redis://{}", listener.local_addr().expect("a bound socket"));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let answer = answer.clone();
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while let Ok(length @ 1..) = client.read(&mut buffer).await {
                    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
                    // Each command begins with the number of its words.
                    for command in text.split('*').filter(|command| !command.is_empty()) {
                        if client.write_all(answer(command).as_bytes()).await.is_err() {
                            return;
                        }
                    }
                }
            });
        }
    });
    url
}
