//! Opening MySQL or MariaDB: the pool, what is asked of a server before it is trusted with money,
//! and the words for each way in which it can refuse.
//!
//! Where the two differ, and what is done about it:
//!
//! - *Characters*: MariaDB's default may be `latin1`, MySQL's newest collation does not exist on
//!   MariaDB. Every table names `utf8mb4` and `utf8mb4_bin`, every session says `SET NAMES`.
//! - *Isolation*: the variable has two names, so it is set by statement. Units run READ COMMITTED;
//!   reads that must see one state take a consistent snapshot. MariaDB from 11.6 on ends a locking
//!   read of a newer row than its snapshot with error 1020, which is worth another run.
//! - *Error numbers*: a killed connection is 1927 on MariaDB and 3169 on MySQL, an idle one that was
//!   closed 4031 on MySQL; a CHECK that does not hold is 4025 on MariaDB and 3819 on MySQL. Both are
//!   told apart in `fault`.
//! - *Names of keys*: MySQL 8 puts the table before the key in "duplicate entry", MariaDB does not.
//! - *Statements*: no `RETURNING` (MariaDB alone), no row alias in an insert, no `FOR UPDATE OF`
//!   (MySQL alone). `SKIP LOCKED` is what asks for MySQL 8.0 and MariaDB 10.6.
//! - *Functions*: MySQL 9.7 knows `MD5` no more; `SHA2` is in all of them.
//! - *DDL*: every statement commits by itself on both, so a migration is marked before it runs and
//!   taken up again where it stopped.
//! - *The version*: MariaDB tells its name in it, and from some drivers hides behind `5.5.5-`.

use std::time::Duration;

use domain::time::Moment;
use mysql_async::{Error, IoError, Opts, OptsBuilder, Pool, PoolConstraints, PoolOpts, SslOpts};
use tokio::time::timeout;

use crate::config::{MysqlTls, OpenError, StoreConfig};
use crate::fault::{Fault, from_mysql, unavailable};
use crate::rows::Reader;
use crate::sql::{queue, schema};
use crate::tx::{Done, Engine};
use crate::value::args;

const CLOSE_LIMIT: Duration = Duration::from_secs(2);
/// A connection that nobody used for so long is closed, but for one. Without it the driver closes
/// every connection but one as soon as it comes back, and a busy process opens dozens a second.
const KEEP_IDLE: Duration = Duration::from_secs(60);

/// Makes each session strict, in UTC, reading what is committed, comparing by bytes.
const SESSION: [&str; 4] = [
    "SET NAMES utf8mb4 COLLATE utf8mb4_bin",
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', innodb_lock_wait_timeout = 5",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET autocommit = 1",
];

pub(crate) fn pool(opts: Opts, size: usize, tls: &MysqlTls) -> Pool {
    let size = size.max(1);
    let constraints = PoolConstraints::new(1, size).expect("one is not above the size");
    let pool_opts = PoolOpts::new()
        .with_constraints(constraints)
        .with_inactive_connection_ttl(KEEP_IDLE)
        .with_reset_connection(false);
    let opts = OptsBuilder::from_opts(opts)
        .pool_opts(pool_opts)
        .stmt_cache_size(256)
        .client_found_rows(true)
        .prefer_socket(false)
        .tcp_keepalive(Some(Duration::from_secs(30)))
        .ssl_opts(ssl(tls))
        .init(SESSION.to_vec());
    Pool::new(opts)
}

fn ssl(tls: &MysqlTls) -> Option<SslOpts> {
    match tls {
        MysqlTls::Off => None,
        MysqlTls::Encrypted => Some(SslOpts::default().with_danger_accept_invalid_certs(true)),
        MysqlTls::Verified { authorities: None } => Some(SslOpts::default()),
        MysqlTls::Verified {
            authorities: Some(pem),
        } => Some(
            SslOpts::default()
                .with_root_certs(vec![pem.clone().into()])
                .with_disable_built_in_roots(true),
        ),
    }
}

/// Closes what the pool holds, within bounds.
pub(crate) async fn let_go(pool: Pool) {
    let _ = timeout(CLOSE_LIMIT, pool.disconnect()).await;
}

/// The first connection: to a server that takes us and is new enough.
pub(crate) async fn connect(pool: &Pool, config: &StoreConfig) -> Result<Engine, OpenError> {
    let limit = config.mysql.acquire_limit;
    let connection = match timeout(limit, pool.get_conn()).await {
        Ok(Ok(connection)) => connection,
        Ok(Err(error)) => return Err(refused(error, config)),
        Err(_) => {
            let seconds = limit.as_secs_f32();
            let text = format!("no answer within {seconds} s");
            return Err(OpenError::Unreachable(text));
        }
    };
    let mut engine = Engine::My(connection);
    let version = version(&mut engine).await.map_err(unreachable)?;
    if is_too_old(&version) {
        return Err(OpenError::TooOld { found: version });
    }
    Ok(engine)
}

fn unreachable(fault: Fault) -> OpenError {
    OpenError::Unreachable(fault.into_store().to_string())
}

/// Why a server did not let us in. Its own texts name users and hosts, never passwords.
fn refused(error: Error, config: &StoreConfig) -> OpenError {
    match error {
        Error::Io(IoError::Tls(error)) => OpenError::Tls(error.to_string()),
        // So a refused certificate arrives, while nothing but the handshake has been read.
        Error::Io(IoError::Io(error))
            if error.kind() == std::io::ErrorKind::InvalidData
                && config.mysql.tls != MysqlTls::Off =>
        {
            OpenError::Tls(error.to_string())
        }
        Error::Driver(mysql_async::DriverError::NoClientSslFlagFromServer) => {
            OpenError::Tls("the server speaks no TLS".to_owned())
        }
        Error::Server(error) => match error.code {
            // Wrong user or password; this host may not connect; a plugin that we do not speak.
            1045 | 1130 | 1251 | 1698 => OpenError::Denied(error.message),
            1044 | 1049 => OpenError::NoDatabase(database_name(config)),
            code => OpenError::Unreachable(format!("error {code}: {}", error.message)),
        },
        other @ (Error::Driver(_) | Error::Io(_) | Error::Other(_) | Error::Url(_)) => {
            unreachable(from_mysql(other, "connection"))
        }
    }
}

fn database_name(config: &StoreConfig) -> String {
    let name = config.url.rsplit_once('/').map_or("", |(_, name)| name);
    name.to_owned()
}

async fn version(engine: &mut Engine) -> Done<String> {
    let columns = engine.row(schema::VERSION, args![]).await?;
    let columns = columns.ok_or_else(|| unavailable("the server tells no version"))?;
    Ok(Reader::new("connection", columns).text("version")?)
}

/// Whether a server's version is older than what the statements need. What does not read like a
/// version is let through: the migrations will tell.
fn is_too_old(version: &str) -> bool {
    let is_mariadb = version.contains("MariaDB");
    let told = version.strip_prefix("5.5.5-").unwrap_or(version);
    let mut numbers = told
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|part| part.parse::<u32>().ok());
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        return false;
    };
    (major, minor) < if is_mariadb { (10, 6) } else { (8, 0) }
}

/// What a server says of itself.
#[derive(Clone, Debug)]
pub struct Examination {
    /// Such as `10.11.6-MariaDB` or `8.4.2`.
    pub version: String,
    /// How this connection is encrypted, `None` when it is not.
    pub cipher: Option<String>,
    /// The server's clock.
    pub clock: Moment,
}

pub(crate) async fn examine(engine: &mut Engine) -> Result<Examination, OpenError> {
    let examined = async {
        let version = version(engine).await?;
        let cipher = match engine.row(schema::TLS_CIPHER, args![]).await? {
            Some(columns) => {
                let mut row = Reader::new("connection", columns);
                row.text("variable")?;
                Some(row.text("value")?).filter(|cipher| !cipher.is_empty())
            }
            None => None,
        };
        let clock = engine.int(queue::CLOCK, args![]).await?;
        let clock = clock.ok_or_else(|| unavailable("the server tells no time"))?;
        Ok(Examination {
            version,
            cipher,
            clock: Moment::from_micros(clock),
        })
    };
    examined.await.map_err(unreachable)
}

/// Whether rows can be written: a statement that meets no row needs the right to all the same.
pub(crate) async fn try_to_write(engine: &mut Engine) -> Done<()> {
    for statement in [schema::MAY_UPDATE, schema::MAY_INSERT, schema::MAY_DELETE] {
        engine.exec(statement, args![]).await?;
    }
    Ok(())
}

/// Refuses a server that only reads and a user who may only read.
pub(crate) async fn require_writable(engine: &mut Engine) -> Result<(), OpenError> {
    match try_to_write(engine).await {
        Ok(()) => Ok(()),
        Err(Fault::Store(error)) => Err(OpenError::ReadOnly(error.to_string())),
        Err(Fault::Lost(what)) => Err(OpenError::ReadOnly(what)),
        Err(fault @ (Fault::Again(_) | Fault::Unique(_))) => Err(unreachable(fault)),
    }
}

/// What may be lost in a power cut; `None` when all is well.
pub(crate) async fn not_durable(engine: &mut Engine) -> Done<Option<String>> {
    let columns = engine.row(schema::DURABILITY, args![]).await?;
    let columns = columns.ok_or_else(|| unavailable("the server tells no settings"))?;
    let mut row = Reader::new("connection", columns);
    let flush = row.int("innodb_flush_log_at_trx_commit")?;
    let (binlog, sync) = (row.int("log_bin")?, row.int("sync_binlog")?);
    if flush != 1 {
        return Ok(Some(format!(
            "innodb_flush_log_at_trx_commit is {flush}, not 1"
        )));
    }
    if binlog == 1 && sync != 1 {
        return Ok(Some(format!("sync_binlog is {sync}, not 1")));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_servers_are_told_from_new_ones_of_both_kinds() {
        for old in [
            "5.7.44-log",
            "5.5.68-MariaDB",
            "10.5.29-MariaDB-1:10.5.29",
            "5.5.5-10.4.34-MariaDB",
        ] {
            assert!(is_too_old(old), "{old}");
        }
        for new in [
            "8.0.36",
            "8.4.2-commercial",
            "9.7.0",
            "10.6.18-MariaDB",
            "5.5.5-10.11.6-MariaDB-log",
            "11.8.2-MariaDB-ubu2404",
            "8.0.11-TiDB-v8.5.0",
            "no version",
        ] {
            assert!(!is_too_old(new), "{new}");
        }
    }

    #[test]
    fn each_refusal_has_its_own_words_and_none_has_the_password() {
        let config = StoreConfig {
            url: "mysql://u:hunter2@h:1/wallet".into(),
            pool_size: 1,
            durability_required: true,
            mysql: Default::default(),
        };
        let told = |code| {
            let error = Error::Server(mysql_async::ServerError {
                code,
                message: "no".into(),
                state: "HY000".into(),
            });
            refused(error, &config)
        };
        assert!(matches!(told(1045), OpenError::Denied(_)));
        assert_eq!(told(1049), OpenError::NoDatabase("wallet".into()));
        assert_eq!(told(1044), OpenError::NoDatabase("wallet".into()));
        assert!(matches!(told(1040), OpenError::Unreachable(_)));
        for code in [1040, 1044, 1045, 1049] {
            assert!(!told(code).to_string().contains("hunter2"));
        }
    }
}
