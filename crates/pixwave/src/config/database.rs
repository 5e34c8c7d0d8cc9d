//! Which database holds the truth.
//!
//! `DATABASE_URL` wins over its parts. Without either it is a SQLite file in the current folder.

use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use store::StoreConfig;

use super::http;
use super::parse;
use super::variables::{NOT_SET, Variables};

pub const DEFAULT_FILE: &str = "pixwave.db";
const DEFAULT_POOL: u32 = 16;

#[derive(Clone, Debug)]
pub struct Database {
    /// `sqlite:PATH` or `mysql://…`, with its password.
    pub url: SecretString,
    pub pool_size: usize,
    /// Refuse a database that may forget a commit in a power cut.
    pub durability_required: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Connection {
    Sqlite,
    Mysql,
}

impl Database {
    pub(super) fn read(variables: &Variables<'_>) -> Database {
        let from_parts = parts(variables);
        let schemes = ["sqlite:", "mysql://", "mariadb://"];
        let expected = "sqlite:PATH or mysql://user:password@host:port/database";
        let url = variables.parsed_secret("DATABASE_URL", expected, |url| {
            let is_known = schemes.iter().any(|scheme| url.starts_with(scheme));
            is_known.then(|| SecretString::from(url.to_owned()))
        });
        let durability =
            variables.parsed("DB_DURABILITY", "required or accepted", |text| match text {
                "required" => Some(true),
                "accepted" => Some(false),
                _ => None,
            });
        let pool = variables.parsed("DB_POOL_SIZE", "a number from 1 to 1000", parse::count);
        Database {
            url: url.unwrap_or(from_parts),
            pool_size: pool.unwrap_or(DEFAULT_POOL) as usize,
            durability_required: durability.unwrap_or(true),
        }
    }

    pub fn store(&self) -> StoreConfig {
        StoreConfig {
            url: self.url.expose_secret().to_owned(),
            pool_size: self.pool_size,
            durability_required: self.durability_required,
        }
    }

    /// The file, when it is SQLite in one.
    pub fn file(&self) -> Option<PathBuf> {
        let path = self.url.expose_secret().strip_prefix("sqlite:")?;
        let path = path.strip_prefix("//").unwrap_or(path);
        (path != ":memory:").then(|| PathBuf::from(path))
    }

    pub fn is_in_memory(&self) -> bool {
        self.url.expose_secret() == "sqlite::memory:"
    }

    /// The file or the address, without user and password.
    pub fn shown(&self) -> String {
        let url = self.url.expose_secret();
        match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => format!("{scheme}://{place}"),
            _ => url.to_owned(),
        }
    }
}

fn parts(variables: &Variables<'_>) -> SecretString {
    let connection = variables.parsed("DB_CONNECTION", "sqlite or mysql", |text| match text {
        "sqlite" => Some(Connection::Sqlite),
        "mysql" | "mariadb" => Some(Connection::Mysql),
        _ => None,
    });
    let name = variables.text("DB_DATABASE");
    let host = variables.text("DB_HOST").unwrap_or("127.0.0.1".to_owned());
    let port = http::port(variables, "DB_PORT").unwrap_or(3306);
    let user = variables.text("DB_USERNAME");
    let password = variables.secret("DB_PASSWORD");
    let url_is_given =
        variables.text("DATABASE_URL").is_some() || variables.is_set("DATABASE_URL_FILE");
    if connection.unwrap_or(Connection::Sqlite) == Connection::Sqlite {
        let path = name.unwrap_or(DEFAULT_FILE.to_owned());
        return format!("sqlite:{path}").into();
    }
    for (variable, value) in [("DB_DATABASE", &name), ("DB_USERNAME", &user)] {
        if value.is_none() && !url_is_given {
            variables.complain(variable, NOT_SET, "a value, since DB_CONNECTION is mysql");
        }
    }
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let user = encode(user.as_deref().unwrap_or_default());
    let password = password.map_or(String::new(), |password| {
        format!(":{}", encode(password.expose_secret()))
    });
    let name = encode(name.as_deref().unwrap_or_default());
    format!("mysql://{user}{password}@{host}:{port}/{name}").into()
}

/// A path beside another: its name with something appended.
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
