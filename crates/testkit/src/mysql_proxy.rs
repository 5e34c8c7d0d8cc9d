//! A way to a MySQL server that fails where it matters most: at COMMIT.
//!
//! Bytes pass unchanged, but for the next COMMIT that [`Proxy::at_next_commit`] names, and for what
//! [`Proxy::rewrite`] replaces in the server's answers. Only connections without TLS can be read.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What becomes of a COMMIT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtCommit {
    /// The server commits, and its answer is lost with the connection.
    LoseAnswer,
    /// The connection is cut before the server hears of it.
    LoseRequest,
    /// The client sees its connection end at once; the server hears of the COMMIT so much later.
    Delay(Duration),
}

#[derive(Default)]
struct Plan {
    at_commit: Option<AtCommit>,
    rewrite: Option<(Vec<u8>, Vec<u8>)>,
    met: u64,
    accepted: u64,
}

/// A listener on a loopback port that passes connections on to a server.
pub struct Proxy {
    /// The address of the same database, through here.
    pub url: String,
    plan: Arc<Mutex<Plan>>,
}

/// A text query that is exactly `COMMIT`: length, number, command, text.
const COMMIT: &[u8] = b"\x07\0\0\0\x03COMMIT";

impl Proxy {
    /// Before the server of this address, `mysql://user@host:port/database`.
    ///
    /// # Panics
    /// When no loopback port is free, or the address names no port.
    pub async fn before(url: &str) -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let (head, rest) = url.rsplit_once('@').expect("an address with a user");
        let (server, name) = rest.split_once('/').expect("an address with a database");
        let (server, plan) = (server.to_owned(), Arc::new(Mutex::new(Plan::default())));
        let shared = Arc::clone(&plan);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (server, plan) = (server.clone(), Arc::clone(&shared));
                plan.lock().expect("not poisoned").accepted += 1;
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(server).await {
                        pass(client, server, &plan).await;
                    }
                });
            }
        });
        Proxy {
            url: format!("{head}@127.0.0.1:{port}/{name}"),
            plan,
        }
    }

    /// What becomes of the next COMMIT, once.
    pub fn at_next_commit(&self, what: AtCommit) {
        self.plan.lock().expect("not poisoned").at_commit = Some(what);
    }

    /// How many COMMITs were met by what [`Proxy::at_next_commit`] named.
    pub fn met(&self) -> u64 {
        self.plan.lock().expect("not poisoned").met
    }

    /// How many connections were made so far.
    pub fn accepted(&self) -> u64 {
        self.plan.lock().expect("not poisoned").accepted
    }

    /// Replaces bytes in the server's answers by as many others.
    ///
    /// # Panics
    /// When the lengths differ, which would break the protocol's framing.
    pub fn rewrite(&self, from: &str, to: &str) {
        assert_eq!(from.len(), to.len());
        let pair = (from.as_bytes().to_vec(), to.as_bytes().to_vec());
        self.plan.lock().expect("not poisoned").rewrite = Some(pair);
    }
}

async fn pass(mut client: TcpStream, mut server: TcpStream, plan: &Mutex<Plan>) {
    let (mut asked, mut answered) = (vec![0; 16_384], vec![0; 16_384]);
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let chunk = &asked[..length];
                match planned(plan, chunk) {
                    Some(what) => return fail(client, server, chunk, what).await,
                    None => if server.write_all(chunk).await.is_err() { return },
                }
            }
            read = server.read(&mut answered) => {
                let Ok(length @ 1..) = read else { return };
                rewrite(plan, &mut answered[..length]);
                if client.write_all(&answered[..length]).await.is_err() { return }
            }
        }
    }
}

fn planned(plan: &Mutex<Plan>, chunk: &[u8]) -> Option<AtCommit> {
    if chunk != COMMIT {
        return None;
    }
    let mut plan = plan.lock().expect("not poisoned");
    let what = plan.at_commit.take()?;
    plan.met += 1;
    Some(what)
}

async fn fail(client: TcpStream, mut server: TcpStream, commit: &[u8], what: AtCommit) {
    let mut answer = [0; 64];
    match what {
        AtCommit::LoseRequest => {}
        AtCommit::LoseAnswer => {
            let told = server.write_all(commit).await;
            let read = server.read(&mut answer).await;
            assert!(told.is_ok() && read.is_ok(), "the server commits");
            drop(client);
        }
        AtCommit::Delay(late) => {
            drop(client);
            tokio::time::sleep(late).await;
            let told = server.write_all(commit).await;
            let read = server.read(&mut answer).await;
            assert!(told.is_ok() && read.is_ok(), "the server commits late");
        }
    }
}

fn rewrite(plan: &Mutex<Plan>, answer: &mut [u8]) {
    let plan = plan.lock().expect("not poisoned");
    let Some((from, to)) = &plan.rewrite else {
        return;
    };
    let mut at = 0;
    while at + from.len() <= answer.len() {
        let here = &mut answer[at..at + from.len()];
        if here == from.as_slice() {
            here.copy_from_slice(to);
        }
        at += 1;
    }
}
