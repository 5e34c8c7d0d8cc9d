//! Private Redis servers, which a test may kill, start again and empty.
//!
//! A test that needs one has `redis` in its name and runs its body in [`with_server`],
//! [`with_cluster`] or [`with_sentinel`]. Without the program the body does not run and the test says SKIPPED; the test
//! command leaves such tests out of its other suites, so that they are never counted as passed.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::guarded::Guarded;
use crate::wait::wait_until;

/// The variable that names the program; `redis-cli` stands beside it.
pub const PROGRAM_VARIABLE: &str = "PIXWAVE_TEST_REDIS_SERVER";

const START_LIMIT: Duration = Duration::from_secs(20);

/// A server on a free loopback port, without persistence.
pub struct Server {
    port: u16,
    folder: PathBuf,
    program: String,
    arguments: Vec<String>,
    running: Mutex<Option<Guarded>>,
}

/// Runs `body` with a server of its own.
///
/// # Panics
/// When the program is named but cannot be used, and when the body panics.
pub async fn with_server<B, F>(body: B)
where
    B: FnOnce(Server) -> F,
    F: Future<Output = ()>,
{
    if let Some(program) = program() {
        body(Server::start(&program, &[]).await).await;
    }
}

/// Runs `body` with the three masters of a cluster, which share all slots.
///
/// # Panics
/// As [`with_server`].
pub async fn with_cluster<B, F>(body: B)
where
    B: FnOnce(Vec<Server>) -> F,
    F: Future<Output = ()>,
{
    let Some(program) = program() else {
        return;
    };
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let options = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
        nodes.push(Server::start(&program, &options).await);
    }
    let client = program.replace("redis-server", "redis-cli");
    let mut create = Command::new(client);
    create.args(["--cluster", "create", "--cluster-yes"]);
    create.args(nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)));
    let created = create.output().expect("redis-cli runs");
    assert!(
        created.status.success(),
        "{}{}",
        String::from_utf8_lossy(&created.stdout),
        String::from_utf8_lossy(&created.stderr)
    );
    for node in &nodes {
        wait_until("the cluster's forming", START_LIMIT, || async {
            let info = node.ask(&["CLUSTER", "INFO"])?;
            info.contains("cluster_state:ok").then_some(())
        })
        .await;
    }
    body(nodes).await;
}

/// A master, its replica, and the Sentinel that watches over them.
pub struct Watched {
    pub master: Server,
    pub replica: Server,
    pub sentinel: Server,
}

/// The name under which [`Watched::sentinel`] knows its master.
pub const SERVICE: &str = "pixwave";

/// Runs `body` with a master, a replica that follows it, and a Sentinel that knows both.
///
/// # Panics
/// As [`with_server`].
pub async fn with_sentinel<B, F>(body: B)
where
    B: FnOnce(Watched) -> F,
    F: Future<Output = ()>,
{
    let Some(program) = program() else {
        return;
    };
    let master = Server::start(&program, &[]).await;
    let of_master = master.port.to_string();
    let replica = Server::start(&program, &["--replicaof", "127.0.0.1", &of_master]).await;
    let mut sentinel = Server::prepare(&program);
    let file = sentinel.folder.join("sentinel.conf");
    let text = format!(
        "port {}\nbind 127.0.0.1\nsentinel monitor {SERVICE} 127.0.0.1 {of_master} 1\n\
         sentinel down-after-milliseconds {SERVICE} 300\n\
         sentinel failover-timeout {SERVICE} 2000\n",
        sentinel.port
    );
    std::fs::write(&file, text).expect("the Sentinel's settings");
    sentinel.arguments = vec![file.display().to_string(), "--sentinel".to_owned()];
    sentinel.start_again().await;
    wait_until(
        "the Sentinel's knowing the replica",
        START_LIMIT,
        || async {
            let known = sentinel.ask(&["SENTINEL", "REPLICAS", SERVICE])?;
            let in_step = known.contains("master-link-status\r\n$2\r\nok");
            in_step.then_some(())
        },
    )
    .await;
    body(Watched {
        master,
        replica,
        sentinel,
    })
    .await;
}

fn program() -> Option<String> {
    let program = std::env::var(PROGRAM_VARIABLE).ok();
    if program.is_none() {
        eprintln!(
            "SKIPPED: {PROGRAM_VARIABLE} names no program (cargo xtask test redis installs one)"
        );
    }
    program
}

impl Server {
    async fn start(program: &str, options: &[&str]) -> Server {
        let mut server = Server::prepare(program);
        let (port, folder) = (server.port.to_string(), server.folder.display().to_string());
        let common = [
            ["--port", &port],
            ["--bind", "127.0.0.1"],
            ["--save", ""],
            ["--appendonly", "no"],
            ["--loglevel", "warning"],
            ["--dir", &folder],
        ];
        let arguments = common.iter().flatten().chain(options);
        server.arguments = arguments.map(|word| (*word).to_owned()).collect();
        server.start_again().await;
        server
    }

    /// A port and a folder, and nothing that runs yet.
    fn prepare(program: &str) -> Server {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let name = format!("pixwave-redis-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the server");
        Server {
            port: free_port(),
            folder,
            program: program.to_owned(),
            arguments: Vec::new(),
            running: Mutex::new(None),
        }
    }

    /// The address, `redis://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts the server at its port, empty, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start_again(&self) {
        let guarded = Guarded::start(&self.program, &self.arguments);
        *self.running.lock().expect("not poisoned") = Some(guarded);
        wait_until("the start of Redis", START_LIMIT, || async {
            (self.ask(&["PING"])? == "+PONG\r\n").then_some(())
        })
        .await;
    }

    /// Kills the server (`SIGKILL`) and waits until it is gone.
    pub fn kill(&self) {
        if let Some(guarded) = self.running.lock().expect("not poisoned").take() {
            guarded.kill();
        }
    }

    /// What the server answers to a command, as it comes over the wire; `None` when it is away.
    pub fn ask(&self, words: &[&str]) -> Option<String> {
        let mut socket = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        socket.set_read_timeout(Some(START_LIMIT)).ok()?;
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command += &format!("${}\r\n{word}\r\n", word.len());
        }
        socket.write_all(command.as_bytes()).ok()?;
        // The server's end of the conversation: it answers what it has read, then hangs up.
        socket.shutdown(std::net::Shutdown::Write).ok()?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).ok()?;
        (!answer.is_empty()).then_some(answer)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
        // A folder that stays behind is only untidy.
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// A port whose cluster bus, ten thousand above it, exists as well.
fn free_port() -> u16 {
    loop {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        if port < 55_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::with_server;

    #[tokio::test]
    async fn a_server_is_private_and_can_be_killed_and_started_again() {
        with_server(|server| async move {
            assert_eq!(server.ask(&["SET", "a", "1"]).as_deref(), Some("+OK\r\n"));
            server.kill();
            assert_eq!(server.ask(&["PING"]), None);
            server.start_again().await;
            assert_eq!(server.ask(&["GET", "a"]).as_deref(), Some("$-1\r\n"));
        })
        .await;
    }
}
