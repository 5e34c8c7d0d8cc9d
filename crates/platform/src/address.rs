//! Where Redis is: the forms of its address.
//!
//! ```text
//! redis://[[user]:password@]host[:port][/database]
//! redis+sentinel://[[user]:password@]sentinel[:port][,sentinel[:port]...]/service[/database]
//! redis+cluster://[[user]:password@]node[:port][,node[:port]...]
//! ```
//!
//! `rediss` in place of `redis` speaks TLS. User and password are those of the Redis servers, the
//! Sentinels are asked without. Special characters in them are percent-encoded.

use std::fmt;

use percent_encoding::percent_decode_str;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use secrecy::{ExposeSecret, SecretString};

const REDIS_PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// Why a text is no address of Redis. It holds nothing of the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("it begins with none of the known schemes")]
    Scheme,
    #[error("a host is missing, or not a name, an IPv4 address or an IPv6 address in brackets")]
    Host,
    #[error("only Sentinels and nodes of a cluster may be several")]
    SeveralHosts,
    #[error("a port is not a number from 1 to 65535")]
    Port,
    #[error("the database is not a number from 0 to 1000000")]
    Database,
    #[error("after the Sentinels comes /service, the name of the service they watch")]
    Service,
    #[error("it has more parts than its form, such as ? or # or a further /")]
    Excess,
    #[error("before the @ stands user:password, percent-encoded, and the password is not empty")]
    Login,
}

/// How the servers stand together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Single,
    /// The hosts are Sentinels that know where the service's master is.
    Sentinel {
        service: String,
    },
    /// The hosts are some nodes of the cluster.
    Cluster,
}

/// An address of Redis with its password. Shown without user and password.
#[derive(Clone)]
pub struct RedisAddress {
    pub(crate) form: Form,
    pub(crate) tls: bool,
    hosts: Vec<(String, u16)>,
    user: Option<String>,
    password: Option<SecretString>,
    database: i64,
}

impl RedisAddress {
    /// Reads one of the forms above.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<RedisAddress, AddressError> {
        let (scheme, rest) = text.split_once("://").ok_or(AddressError::Scheme)?;
        if rest.contains(['?', '#']) {
            return Err(AddressError::Excess);
        }
        let (tls, kind) = match scheme.split_once('+').unwrap_or((scheme, "")) {
            ("redis", kind) => (false, kind),
            ("rediss", kind) => (true, kind),
            _ => return Err(AddressError::Scheme),
        };
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = match authority.rsplit_once('@') {
            Some((credentials, hosts)) => (Some(credentials), hosts),
            None => (None, authority),
        };
        let (form, database) = match kind {
            "" if !scheme.ends_with('+') => (Form::Single, path),
            "sentinel" => {
                let (service, database) = path.split_once('/').unwrap_or((path, ""));
                (Form::sentinel(service)?, database)
            }
            "cluster" if !path.is_empty() => return Err(AddressError::Excess),
            "cluster" => (Form::Cluster, ""),
            _ => return Err(AddressError::Scheme),
        };
        let port = match form {
            Form::Sentinel { .. } => SENTINEL_PORT,
            Form::Single | Form::Cluster => REDIS_PORT,
        };
        let hosts: Vec<(String, u16)> = hosts
            .split(',')
            .map(|host| read_host(host, port))
            .collect::<Result<_, _>>()?;
        if form == Form::Single && hosts.len() > 1 {
            return Err(AddressError::SeveralHosts);
        }
        let (user, password) = read_credentials(credentials)?;
        Ok(RedisAddress {
            form,
            tls,
            hosts,
            user,
            password,
            database: read_database(database)?,
        })
    }

    /// The address without user and password.
    pub fn shown(&self) -> String {
        let scheme = match self.tls {
            true => "rediss",
            false => "redis",
        };
        let hosts: Vec<String> = self
            .hosts
            .iter()
            .map(|(host, port)| match host.contains(':') {
                true => format!("[{host}]:{port}"),
                false => format!("{host}:{port}"),
            })
            .collect();
        let hosts = hosts.join(",");
        match &self.form {
            Form::Single => format!("{scheme}://{hosts}/{}", self.database),
            Form::Sentinel { service } => {
                format!("{scheme}+sentinel://{hosts}/{service}/{}", self.database)
            }
            Form::Cluster => format!("{scheme}+cluster://{hosts}"),
        }
    }

    /// Whether it is spoken to over TLS.
    pub fn is_encrypted(&self) -> bool {
        self.tls
    }

    /// Each host as a server of its own.
    pub(crate) fn each_host(&self) -> impl Iterator<Item = RedisAddress> {
        self.hosts.iter().map(|host| RedisAddress {
            form: Form::Single,
            hosts: vec![host.clone()],
            ..self.clone()
        })
    }

    /// How to log in to a Redis server.
    pub(crate) fn login(&self) -> RedisConnectionInfo {
        let mut login = RedisConnectionInfo::default().set_db(self.database);
        if let Some(user) = &self.user {
            login = login.set_username(user);
        }
        if let Some(password) = &self.password {
            login = login.set_password(password.expose_secret());
        }
        login
    }

    /// The hosts as the client wants them: Sentinels without a login, servers with one.
    pub(crate) fn nodes(&self) -> Result<Vec<ConnectionInfo>, redis::RedisError> {
        let login = match self.form {
            Form::Sentinel { .. } => RedisConnectionInfo::default(),
            Form::Single | Form::Cluster => self.login(),
        };
        let node = |(host, port): &(String, u16)| {
            let address = match self.tls {
                true => ConnectionAddr::TcpTls {
                    host: host.clone(),
                    port: *port,
                    insecure: false,
                    tls_params: None,
                },
                false => ConnectionAddr::Tcp(host.clone(), *port),
            };
            let node = address.into_connection_info()?;
            Ok(node.set_redis_settings(login.clone()))
        };
        self.hosts.iter().map(node).collect()
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Form {
    fn sentinel(service: &str) -> Result<Form, AddressError> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        match !service.is_empty() && service.chars().all(plain) {
            true => Ok(Form::Sentinel {
                service: service.to_owned(),
            }),
            false => Err(AddressError::Service),
        }
    }
}

fn read_host(text: &str, standard_port: u16) -> Result<(String, u16), AddressError> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(AddressError::Host)?;
            host.parse::<std::net::Ipv6Addr>()
                .map_err(|_| AddressError::Host)?;
            let port = match port {
                "" => None,
                port => Some(port.strip_prefix(':').ok_or(AddressError::Port)?),
            };
            (host, port)
        }
        None => {
            let (host, port) = match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            };
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if host.is_empty() || !host.chars().all(plain) {
                return Err(AddressError::Host);
            }
            (host, port)
        }
    };
    let port = match port {
        Some(port) => port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or(AddressError::Port)?,
        None => standard_port,
    };
    Ok((host.to_owned(), port))
}

fn read_credentials(
    text: Option<&str>,
) -> Result<(Option<String>, Option<SecretString>), AddressError> {
    let Some(text) = text else {
        return Ok((None, None));
    };
    // Redis before version 6 knew no users; a user without a password logs in as nobody.
    let (user, password) = text.split_once(':').ok_or(AddressError::Login)?;
    let user = decoded(user)?;
    let password = decoded(password)?;
    if password.is_empty() {
        return Err(AddressError::Login);
    }
    Ok((
        Some(user).filter(|user| !user.is_empty()),
        Some(password.into()),
    ))
}

fn decoded(text: &str) -> Result<String, AddressError> {
    if text.contains(['/', '@', ':', ' ']) {
        return Err(AddressError::Login);
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(decoded) => Ok(decoded.into_owned()),
        Err(_) => Err(AddressError::Login),
    }
}

fn read_database(text: &str) -> Result<i64, AddressError> {
    match text {
        "" => Ok(0),
        text if text.contains('/') => Err(AddressError::Excess),
        text => text
            .parse()
            .ok()
            .filter(|number| (0..=1_000_000).contains(number))
            .ok_or(AddressError::Database),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood_and_shown_without_its_secrets() {
        for (text, shown) in [
            ("redis://cache", "redis://cache:6379/0"),
            ("redis://cache:7000/", "redis://cache:7000/0"),
            ("redis://:hunter2@cache/3", "redis://cache:6379/3"),
            (
                "rediss://ana:hunter2@10.0.0.1:7000/3",
                "rediss://10.0.0.1:7000/3",
            ),
            ("redis://[::1]", "redis://[::1]:6379/0"),
            ("redis://[::1]:7000", "redis://[::1]:7000/0"),
            (
                "redis+sentinel://:hunter2@a,b:27000/pix-wave/1",
                "redis+sentinel://a:26379,b:27000/pix-wave/1",
            ),
            (
                "rediss+cluster://a:1,b,c",
                "rediss+cluster://a:1,b:6379,c:6379",
            ),
        ] {
            let address = RedisAddress::parse(text).unwrap();
            assert_eq!(address.shown(), shown, "{text}");
            assert!(!format!("{address:?}").contains("hunter2"));
            assert!(address.nodes().is_ok(), "{text}");
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let address = RedisAddress::parse("redis://us%65r:p%40ss%3Aw%2Frd@cache").unwrap();
        assert_eq!(address.login().username(), Some("user"));
        assert_eq!(address.login().password(), Some("p@ss:w/rd"));
    }

    #[test]
    fn what_is_wrong_is_told_without_the_text() {
        use AddressError::*;
        for (text, error) in [
            ("", Scheme),
            ("cache:6379", Scheme),
            ("http://cache", Scheme),
            ("redis+magic://cache", Scheme),
            ("redis+://cache", Scheme),
            ("redis+unix:///run/redis.sock", Scheme),
            ("redis://", Host),
            ("redis://a b", Host),
            ("redis://::1", Host),
            ("redis://[cache]", Host),
            ("redis://a,b", SeveralHosts),
            ("redis://cache:0", Port),
            ("redis://cache:65536", Port),
            ("redis://cache:", Port),
            ("redis://[::1]7000", Port),
            ("redis://cache/x", Database),
            ("redis://cache/-1", Database),
            ("redis://cache/1/2", Excess),
            ("redis://cache?db=1", Excess),
            ("rediss://cache/#insecure", Excess),
            ("redis+cluster://a/1", Excess),
            ("redis+sentinel://a", Service),
            ("redis+sentinel://a/pix wave", Service),
            ("redis+sentinel://a/pix/wave", Database),
            ("redis+sentinel://a/pix/1/2", Excess),
            ("redis://hunter2@cache", Login),
            ("redis://ana:@cache", Login),
            ("redis://ana:p@ss@cache", Login),
            ("redis://ana:%ff@cache", Login),
        ] {
            let found = RedisAddress::parse(text).unwrap_err();
            assert_eq!(found, error, "{text}");
            assert!(!found.to_string().contains("hunter2"));
        }
    }
}
