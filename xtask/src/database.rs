//! A private MariaDB or MySQL for one run: a free loopback port, its own folder, in memory where
//! there is room, and a certificate of an authority of its own.

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::install::is_root;
use crate::process::{Guarded, command, new_folder};

/// Room that a run needs, in MiB.
const ROOM_MIB: u64 = 1024;
const START_LIMIT: Duration = Duration::from_secs(60);
const START_TRIES: u32 = 3;

/// Whose server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Mariadb,
    Mysql,
}

/// A running server. Dropping it stops it and removes its folder.
pub struct Database {
    _server: Guarded,
    folder: PathBuf,
    port: u16,
}

impl Database {
    /// Makes a fresh data folder and starts a server on it.
    pub fn start(kind: Kind) -> Result<Self> {
        let mut last = None;
        for _ in 0..START_TRIES {
            // Between choosing the free port and taking it another program may have taken it.
            match Self::try_start(kind) {
                Ok(server) => return Ok(server),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no try was made")?)
    }

    fn try_start(kind: Kind) -> Result<Self> {
        let folder = new_folder(&parent_folder(), "database")?;
        let port = free_port()?;
        if let Err(error) = make_certificates(&folder) {
            std::fs::remove_dir_all(&folder)?;
            return Err(error);
        }
        // Guarded before the server is in it: the folder goes whatever happens from here on.
        let mut server = Guarded::start(&server_command(kind, &folder, port), &folder)?;
        drop(server.take_stdout());
        let deadline = Instant::now() + START_LIMIT;
        while !answers(port) {
            if Instant::now() > deadline || has_given_up(&folder) {
                bail!("{kind:?} did not start:\n{}", server.log());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Self {
            _server: server,
            folder,
            port,
        })
    }

    /// The address for `PIXWAVE_TEST_MYSQL_URL`; tests make databases of their own below it.
    pub fn url(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/", self.port)
    }

    /// The file for `PIXWAVE_TEST_MYSQL_CA`: who signed the server's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }
}

/// The name of a genuine `mysqld`, or why there is none: on many systems MariaDB goes by that name.
pub fn find_mysql() -> Result<String, String> {
    const FIND: &str = r#"program=$(command -v "${PIXWAVE_TEST_MYSQLD:-mysqld}") && "$program" --version && echo "$program""#;
    let told = command("sh").args(["-c", FIND]).output();
    let told = told.map_err(|error| error.to_string())?;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    match told.lines().collect::<Vec<_>>()[..] {
        [version, program] if !version.contains("MariaDB") => Ok(program.to_owned()),
        [version, _] => Err(format!("mysqld is MariaDB's here ({version})")),
        _ => Err("no mysqld was found".to_owned()),
    }
}

/// Makes the data folder, then becomes the server; the file `ended` tells that either has failed.
const MARIADB: &str = r#"
folder=$1; user=$2; port=$3
mariadb-install-db --no-defaults $user --datadir="$folder/data" --auth-root-authentication-method=normal \
    --skip-test-db --innodb-log-file-size=8M >&2 || { touch "$folder/ended"; exit 1; }
exec mariadbd --no-defaults $user --datadir="$folder/data" --socket="$folder/socket" --port="$port" \
    --pid-file="$folder/pid" --tmpdir="$folder" --bind-address=127.0.0.1 --skip-name-resolve \
    --innodb-buffer-pool-size=64M --character-set-server=utf8mb4 --max-connections=400 \
    --ssl-ca="$folder/ca.pem" --ssl-cert="$folder/server.pem" --ssl-key="$folder/server-key.pem"
"#;
/// Without a look at names `root@localhost` could not come over TCP here.
const MYSQL: &str = r#"
folder=$1; user=$2; port=$3
mysqld=$(command -v "${PIXWAVE_TEST_MYSQLD:-mysqld}")
"$mysqld" --no-defaults $user --initialize-insecure --datadir="$folder/data" --secure-file-priv=NULL \
    >&2 || { touch "$folder/ended"; exit 1; }
exec "$mysqld" --no-defaults $user --datadir="$folder/data" --socket="$folder/socket" --port="$port" \
    --pid-file="$folder/pid" --tmpdir="$folder" --bind-address=127.0.0.1 --secure-file-priv=NULL \
    --innodb-buffer-pool-size=64M --max-connections=400 --mysqlx=OFF --skip-log-bin \
    --ssl-ca="$folder/ca.pem" --ssl-cert="$folder/server.pem" --ssl-key="$folder/server-key.pem"
"#;

fn server_command(kind: Kind, folder: &Path, port: u16) -> Command {
    let user = if is_root() { "--user=root" } else { "" };
    let script = match kind {
        Kind::Mariadb => MARIADB,
        Kind::Mysql => MYSQL,
    };
    let mut shell = command("sh");
    shell
        .args(["-c", script, "database"])
        .arg(folder)
        .args([user, &port.to_string()])
        .current_dir(folder);
    shell
}

/// An authority and what it signs for `localhost`, as the files that the server is told of.
fn make_certificates(folder: &Path) -> Result<()> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate()?;
    let authority_pem = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate()?;
    let server = CertificateParams::new(vec!["localhost".to_owned()])?;
    let server_pem = server.signed_by(&key, &issuer)?.pem();
    std::fs::write(folder.join("ca.pem"), authority_pem)?;
    std::fs::write(folder.join("server.pem"), server_pem)?;
    std::fs::write(folder.join("server-key.pem"), key.serialize_pem())?;
    Ok(())
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
