//! A private moto, which plays SNS and SQS, and which a test may kill and start again.
//!
//! A test that needs one has `moto` in its name and runs its body in [`with_server`]. Without the
//! program the body does not run and the test says SKIPPED; the test command leaves such tests out of
//! its other suites, so that they are never counted as passed. It listens on the loopback interface
//! only, and nothing here ever names another host.
//!
//! moto keeps everything in memory: a server that was killed comes back empty.

use std::future::Future;
use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::time::Duration;

use crate::guarded::Guarded;
use crate::wait::wait_until;

/// The variable that names the program `moto_server`.
pub const PROGRAM_VARIABLE: &str = "PIXWAVE_TEST_MOTO_SERVER";

const START_LIMIT: Duration = Duration::from_secs(40);

/// A server on a free loopback port.
pub struct Server {
    port: u16,
    program: String,
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
    let Ok(program) = std::env::var(PROGRAM_VARIABLE) else {
        eprintln!(
            "SKIPPED: {PROGRAM_VARIABLE} names no program (cargo xtask test aws installs one)"
        );
        return;
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = listener.local_addr().expect("a bound socket").port();
    drop(listener);
    let server = Server {
        port,
        program,
        running: Mutex::new(None),
    };
    server.start_again().await;
    body(server).await;
}

impl Server {
    /// `http://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Starts the server at its port, empty, and waits until it listens.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start_again(&self) {
        let port = self.port.to_string();
        let arguments = ["-H", "127.0.0.1", "-p", &port].map(str::to_owned);
        let running = Guarded::start(&self.program, &arguments);
        *self.running.lock().expect("not poisoned") = Some(running);
        wait_until("the start of moto", START_LIMIT, || async {
            TcpStream::connect(("127.0.0.1", self.port)).ok().map(drop)
        })
        .await;
    }

    /// Kills the server (`SIGKILL`) and waits until it is gone.
    pub fn kill(&self) {
        let running = self.running.lock().expect("not poisoned").take();
        if let Some(running) = running {
            running.kill();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
