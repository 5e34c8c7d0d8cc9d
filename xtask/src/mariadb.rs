//! A private MariaDB for one run: a free loopback port, its own folder, in memory where there is room.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::install::is_root;
use crate::process::{Guarded, command, new_folder};

/// Room that a run needs, in MiB.
const ROOM_MIB: u64 = 1024;
const START_LIMIT: Duration = Duration::from_secs(60);
const START_TRIES: u32 = 3;

/// A running server. Dropping it stops it and removes its folder.
pub struct Mariadb {
    _server: Guarded,
    port: u16,
}

impl Mariadb {
    /// Makes a fresh data folder and starts a server on it.
    pub fn start() -> Result<Self> {
        let mut last = None;
        for _ in 0..START_TRIES {
            // Between choosing the free port and taking it another program may have taken it.
            match Self::try_start() {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no try was made")?)
    }

    fn try_start() -> Result<Self> {
        let folder = new_folder(&parent_folder(), "mariadb")?;
        let port = free_port()?;
        // Guarded before anything is in it: the folder goes whatever happens from here on.
        let mut server = Guarded::start(&server_command(&folder, port), &folder)?;
        drop(server.take_stdout());
        let deadline = Instant::now() + START_LIMIT;
        while !answers(port) {
            if Instant::now() > deadline || has_given_up(&folder) {
                bail!("MariaDB did not start:\n{}", server.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            _server: server,
            port,
        })
    }

    /// The address for `PIXWAVE_TEST_MYSQL_URL`; tests make databases of their own below it.
    pub fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/", self.port)
    }
}

/// Makes the data folder, then becomes the server; the file `ended` tells that either has failed.
const SERVER: &str = r#"
folder=$1; user=$2; port=$3
mariadb-install-db --no-defaults $user --datadir="$folder/data" --auth-root-authentication-method=normal \
    --skip-test-db --innodb-log-file-size=8M >&2 || { touch "$folder/ended"; exit 1; }
exec mariadbd --no-defaults $user --datadir="$folder/data" --socket="$folder/socket" --port="$port" \
    --pid-file="$folder/pid" --tmpdir="$folder" --bind-address=127.0.0.1 --skip-name-resolve \
    --innodb-buffer-pool-size=64M --character-set-server=utf8mb4 --max-connections=400
"#;

fn server_command(folder: &Path, port: u16) -> Command {
    let user = if is_root() { "--user=root" } else { "" };
    let mut shell = command("sh");
    shell
        .args(["-c", SERVER, "mariadb"])
        .arg(folder)
        .args([user, &port.to_string()])
        .current_dir(folder);
    shell
}

fn has_given_up(folder: &Path) -> bool {
    folder.join("ended").exists()
}

/// Shared memory if it has room, else the folder for temporary files.
fn parent_folder() -> PathBuf {
    let memory = Path::new("/dev/shm");
    match free_mib(memory) {
        Ok(free) if free >= ROOM_MIB => memory.to_path_buf(),
        _ => std::env::temp_dir(),
    }
}

fn free_mib(folder: &Path) -> Result<u64> {
    let output = command("df")
        .arg("--output=avail")
        .arg("-m")
        .arg(folder)
        .stderr(Stdio::null())
        .output()?;
    ensure!(output.status.success(), "df failed");
    let text = String::from_utf8(output.stdout)?;
    Ok(text
        .lines()
        .nth(1)
        .context("df prints a line per folder")?
        .trim()
        .parse()?)
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Whether the server greets a connection: a bound port alone does not mean that it is ready.
fn answers(port: u16) -> bool {
    let Ok(mut connection) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let mut greeting = [0; 5];
    connection
        .set_read_timeout(Some(Duration::from_secs(1)))
        .is_ok()
        && connection.read_exact(&mut greeting).is_ok()
}
