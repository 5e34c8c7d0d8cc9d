//! Where the database is, and why it cannot be opened.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use mysql_async::Opts;

/// The address of a database and how to use it.
#[derive(Clone)]
pub struct StoreConfig {
    /// `sqlite:PATH`, `sqlite::memory:` or `mysql://user:password@host:port/database`.
    pub url: String,
    /// Connections to MySQL; readers on SQLite are two to four.
    pub pool_size: usize,
    /// Refuse a database that may forget a commit in a power cut.
    pub durability_required: bool,
    pub mysql: MysqlOptions,
}

/// What only a connection to MySQL needs.
#[derive(Clone, Debug)]
pub struct MysqlOptions {
    pub tls: MysqlTls,
    /// How long a caller waits for a connection, a new one or one that another gives back.
    pub acquire_limit: Duration,
}

impl Default for MysqlOptions {
    fn default() -> MysqlOptions {
        MysqlOptions {
            tls: MysqlTls::Off,
            acquire_limit: Duration::from_secs(10),
        }
    }
}

/// How far the way to the server is protected. There is no "encrypted if the server can": whoever
/// stands in the way would say that it cannot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MysqlTls {
    #[default]
    Off,
    /// Encrypted, to whoever answers: nobody who only listens learns anything.
    Encrypted,
    /// Encrypted, to a server whose certificate names the host of the address and was signed by
    /// one of these authorities (PEM), or by a public one.
    Verified { authorities: Option<Vec<u8>> },
}

/// The password in an address is never shown.
impl fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = match (self.url.split_once("://"), self.url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => format!("{scheme}://…@{place}"),
            _ => self.url.clone(),
        };
        f.debug_struct("StoreConfig")
            .field("url", &url)
            .field("pool_size", &self.pool_size)
            .field("durability_required", &self.durability_required)
            .field("mysql", &self.mysql)
            .finish()
    }
}

/// Why a database cannot be opened: one line each, for the person who starts the program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error(
        "the database address is not sqlite:PATH, sqlite::memory: or mysql://user@host:port/database: {0}"
    )]
    Address(String),
    #[error("the database {} is in use by another process", .0.display())]
    InUse(PathBuf),
    #[error("the database {} cannot be opened for writing: {reason}", path.display())]
    Unwritable { path: PathBuf, reason: String },
    #[error("APP_KEY is not the key of this database")]
    WrongKey,
    #[error(
        "the database is at version {found} and this program knows versions up to {known}: use a newer program"
    )]
    NewerDatabase { found: u32, known: u32 },
    #[error("the database is at version {found} of {known}: run the migrations")]
    NotMigrated { found: u32, known: u32 },
    #[error("the database is not durable: {0}")]
    NotDurable(String),
    #[error("the database cannot be reached: {0}")]
    Unreachable(String),
    #[error("the way to the database cannot be encrypted as asked: {0}")]
    Tls(String),
    #[error("the database server refuses the user or its password: {0}")]
    Denied(String),
    #[error("the database server has no database {0:?}, or not for this user")]
    NoDatabase(String),
    #[error("the database server is {found}: MySQL 8.0 or MariaDB 10.6 is the oldest that will do")]
    TooOld { found: String },
    #[error("the database cannot be written: {0}")]
    ReadOnly(String),
    #[error("migration {version} failed: {reason}")]
    Migration { version: u32, reason: String },
}

/// A parsed address.
pub(crate) enum Target {
    Memory,
    File(PathBuf),
    My(Box<Opts>),
}

impl StoreConfig {
    pub(crate) fn target(&self) -> Result<Target, OpenError> {
        if let Some(path) = self.url.strip_prefix("sqlite:") {
            return match path {
                ":memory:" => Ok(Target::Memory),
                "" => Err(OpenError::Address("the path is empty".into())),
                path => Ok(Target::File(PathBuf::from(
                    path.strip_prefix("//").unwrap_or(path),
                ))),
            };
        }
        let url = match self.url.strip_prefix("mariadb://") {
            Some(rest) => format!("mysql://{rest}"),
            None => self.url.clone(),
        };
        if !url.starts_with("mysql://") {
            return Err(OpenError::Address("unknown scheme".into()));
        }
        // The error's text may quote a part of the address, so only its kind is told.
        if url.contains('?') {
            return Err(OpenError::Address(
                "options after ? are not taken, they have settings of their own".into(),
            ));
        }
        let opts = Opts::from_url(&url)
            .map_err(|_| OpenError::Address("the mysql address does not parse".into()))?;
        if opts.db_name().is_none_or(str::is_empty) {
            return Err(OpenError::Address("no database is named".into()));
        }
        Ok(Target::My(Box::new(opts)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(url: &str) -> StoreConfig {
        StoreConfig {
            url: url.into(),
            pool_size: 1,
            durability_required: true,
            mysql: MysqlOptions::default(),
        }
    }

    #[test]
    fn addresses_are_read_and_passwords_hidden() {
        assert!(matches!(
            config("sqlite::memory:").target(),
            Ok(Target::Memory)
        ));
        for url in ["sqlite:/a/b.db", "sqlite:///a/b.db"] {
            match config(url).target() {
                Ok(Target::File(path)) => assert_eq!(path, PathBuf::from("/a/b.db")),
                _ => panic!("{url}"),
            }
        }
        assert!(matches!(
            config("mariadb://u:p@h/db").target(),
            Ok(Target::My(_))
        ));
        for bad in [
            "",
            "sqlite:",
            "postgres://h/db",
            "mysql://h:3306/",
            "mysql://u:secret@h:99999/db",
            "mysql://u:secret@h/db?require_ssl=false",
        ] {
            let error = config(bad).target().err().unwrap().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        let shown = format!("{:?}", config("mysql://u:secret@h:1/db"));
        assert!(
            !shown.contains("secret") && shown.contains("h:1/db"),
            "{shown}"
        );
    }
}
