//! Which database holds the truth.
//!
//! `DATABASE_URL` wins over its parts. Without either it is a SQLite file in the current folder. A
//! server on another machine is spoken to over verified TLS unless `DB_TLS` says otherwise.

use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use store::{MysqlOptions, MysqlTls, StoreConfig};
use url::{Host, Url};

use super::http;
use super::parse;
use super::variables::{NOT_SET, Variables};
use crate::runtime::duration;

pub const DEFAULT_FILE: &str = "pixwave.db";
const DEFAULT_POOL: u32 = 16;

#[derive(Clone, Debug)]
pub struct Database {
    /// `sqlite:PATH` or `mysql://…`, with its password.
    pub url: SecretString,
    pub pool_size: usize,
    /// Refuse a database that may forget a commit in a power cut.
    pub durability_required: bool,
    pub mysql: MysqlOptions,
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
            let is_plain = url.starts_with("sqlite:") || !url.contains(['?', '#']);
            (is_known && is_plain).then(|| SecretString::from(url.to_owned()))
        });
        let durability =
            variables.parsed("DB_DURABILITY", "required or accepted", |text| match text {
                "required" => Some(true),
                "accepted" => Some(false),
                _ => None,
            });
        let pool = variables.parsed("DB_POOL_SIZE", "a number from 1 to 1000", parse::count);
        let url = url.unwrap_or(from_parts);
        let acquire = variables.parsed("DB_ACQUIRE_TIMEOUT", parse::SPAN, parse::span);
        let mysql = MysqlOptions {
            tls: tls(variables, is_local(url.expose_secret())),
            acquire_limit: acquire.map_or(MysqlOptions::default().acquire_limit, duration),
        };
        Database {
            url,
            pool_size: pool.unwrap_or(DEFAULT_POOL) as usize,
            durability_required: durability.unwrap_or(true),
            mysql,
        }
    }

    pub fn store(&self) -> StoreConfig {
        StoreConfig {
            url: self.url.expose_secret().to_owned(),
            pool_size: self.pool_size,
            durability_required: self.durability_required,
            mysql: self.mysql.clone(),
        }
    }

    /// Whether it is a file or a server on this machine.
    pub fn is_local(&self) -> bool {
        is_local(self.url.expose_secret())
    }

    /// Whether several processes may use it at once.
    pub fn is_shared(&self) -> bool {
        !self.url.expose_secret().starts_with("sqlite:")
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

/// Whether the address is a file or a server on this machine.
fn is_local(address: &str) -> bool {
    let Ok(url) = Url::parse(address) else {
        return true;
    };
    match url.host() {
        None => true,
        Some(Host::Domain(name)) => {
            let ip: Option<std::net::IpAddr> = name.parse().ok();
            name == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
    }
}

fn tls(variables: &Variables<'_>, is_local: bool) -> MysqlTls {
    let authorities = variables.text("DB_TLS_CA").and_then(|path| {
        let expected = "a PEM file with the certificate of the authority that signed the server's";
        let found = match std::fs::read(&path) {
            Ok(pem) if String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") => {
                return Some(pem);
            }
            Ok(_) => format!("{path:?}, which holds no certificate"),
            Err(error) => format!("{path:?}, which cannot be read ({})", error.kind()),
        };
        variables.complain("DB_TLS_CA", found, expected);
        None
    });
    let asked = variables.parsed("DB_TLS", "off, required or verify", |text| match text {
        "off" => Some(MysqlTls::Off),
        "required" => Some(MysqlTls::Encrypted),
        "verify" => Some(MysqlTls::Verified { authorities: None }),
        _ => None,
    });
    match (asked, authorities) {
        (Some(MysqlTls::Off | MysqlTls::Encrypted), Some(_)) => {
            variables.complain("DB_TLS_CA", "set", "nothing, unless DB_TLS is verify");
            MysqlTls::Off
        }
        (None | Some(MysqlTls::Verified { .. }), Some(pem)) => MysqlTls::Verified {
            authorities: Some(pem),
        },
        (Some(asked), None) => asked,
        (None, None) if is_local => MysqlTls::Off,
        (None, None) => MysqlTls::Verified { authorities: None },
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
