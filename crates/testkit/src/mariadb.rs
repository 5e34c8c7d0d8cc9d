//! A MariaDB of a test's own, on a disk, durable, which the test may restart and kill.
//!
//! For most tests `mysql::with_database` is enough: it shares the server of the test command.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use crate::guarded::Guarded;
use crate::wait::wait_until;

const START_LIMIT: Duration = Duration::from_secs(60);

/// The server, with one empty database.
pub struct Server {
    port: u16,
    folder: PathBuf,
    running: Mutex<Option<Guarded>>,
}

/// The one database.
const DATABASE: &str = "pixwave";

impl Server {
    /// Makes its data in `folder` and starts it. `mariadbd` and `mariadb-install-db` must be found.
    ///
    /// # Panics
    /// When they cannot be run.
    pub async fn start(folder: &Path) -> Server {
        let folder = folder.join("mariadb");
        std::fs::create_dir_all(&folder).expect("a folder for the server");
        let made = Command::new("mariadb-install-db")
            .arg("--no-defaults")
            .args(user())
            .arg(format!("--datadir={}", folder.join("data").display()))
            .args([
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                "--innodb-log-file-size=16M",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(
            made.expect("mariadb-install-db runs").success(),
            "it makes the data"
        );
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let server = Server {
            port,
            folder,
            running: Mutex::new(None),
        };
        server.start_again().await;
        crate::mysql::create_database(&server.base(), DATABASE).await;
        server
    }

    fn base(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/", self.port)
    }

    /// The address of its database.
    pub fn url(&self) -> String {
        crate::mysql::database_url(&self.base(), DATABASE)
    }

    /// Starts the server at its port with the data that it has, and waits until it answers.
    ///
    /// # Panics
    /// When it does not.
    pub async fn start_again(&self) {
        let file = |name: &str| self.folder.join(name).display().to_string();
        let mut arguments = vec!["--no-defaults".to_owned()];
        arguments.extend(user().map(str::to_owned));
        arguments.extend([
            format!("--datadir={}", file("data")),
            format!("--socket={}", file("socket")),
            format!("--pid-file={}", file("pid")),
            format!("--tmpdir={}", self.folder.display()),
            format!("--port={}", self.port),
            "--bind-address=127.0.0.1".to_owned(),
            "--skip-name-resolve".to_owned(),
            "--innodb-buffer-pool-size=128M".to_owned(),
            "--innodb-flush-log-at-trx-commit=1".to_owned(),
            "--character-set-server=utf8mb4".to_owned(),
            "--max-connections=400".to_owned(),
        ]);
        let guarded = Guarded::start("mariadbd", &arguments);
        *self.running.lock().expect("not poisoned") = Some(guarded);
        wait_until("the start of MariaDB", START_LIMIT, || async {
            self.answers().then_some(())
        })
        .await;
    }

    /// Whether it greets a connection: a bound port alone does not mean that it is ready.
    fn answers(&self) -> bool {
        let Ok(mut connection) = TcpStream::connect(("127.0.0.1", self.port)) else {
            return false;
        };
        let mut greeting = [0; 5];
        connection
            .set_read_timeout(Some(Duration::from_secs(1)))
            .is_ok()
            && connection.read_exact(&mut greeting).is_ok()
    }

    /// Ends the server in good order (`SIGTERM`) and waits until it is gone.
    ///
    /// # Panics
    /// When it does not end.
    pub async fn stop(&self) {
        let guarded = self.running.lock().expect("not poisoned").take();
        let Some(mut guarded) = guarded else {
            return;
        };
        guarded.signal("TERM");
        let pid = self.folder.join("pid");
        wait_until("the end of MariaDB", START_LIMIT, || async {
            (!pid.exists()).then_some(())
        })
        .await;
        guarded.kill();
    }

    /// Kills the server (`SIGKILL`) and waits until it is gone.
    ///
    /// # Panics
    /// When somebody has panicked meanwhile.
    pub fn kill(&self) {
        if let Some(guarded) = self.running.lock().expect("not poisoned").take() {
            guarded.kill();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The server refuses to be root unless it is told so.
fn user() -> Option<&'static str> {
    let owner = Command::new("id").arg("-u").output().ok()?;
    (owner.stdout.trim_ascii() == b"0").then_some("--user=root")
}
