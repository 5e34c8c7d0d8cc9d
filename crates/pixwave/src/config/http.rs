//! Where this server listens and how others reach it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::parse;
use super::variables::Variables;

pub const DEFAULT_PORT: u16 = 8080;
pub const PORT: &str = "a port number from 0 to 65535 (0: any free one)";

#[derive(Clone, Debug)]
pub struct Http {
    pub host: IpAddr,
    /// 0 takes any free port.
    pub port: u16,
    /// Where the gateways reach this server from outside.
    pub public_url: Option<String>,
}

impl Http {
    pub(super) fn read(variables: &Variables<'_>) -> Http {
        let host = variables.parsed(
            "HTTP_HOST",
            "an IP address to listen on, such as 127.0.0.1 or 0.0.0.0",
            parse::host,
        );
        Http {
            host: host.unwrap_or(Ipv4Addr::LOCALHOST.into()),
            port: port(variables, "HTTP_PORT").unwrap_or(DEFAULT_PORT),
            public_url: variables.parsed("PUBLIC_URL", parse::URL, parse::base_url),
        }
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

pub(super) fn port(variables: &Variables<'_>, name: &'static str) -> Option<u16> {
    variables.parsed(name, PORT, |text| text.parse().ok())
}

/// The address by which this machine reaches a listener: one that listens everywhere is reached on
/// the loopback interface.
pub fn local_url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_everywhere_is_reached_here() {
        for (listens, url) in [
            ("127.0.0.1:80", "http://127.0.0.1:80"),
            ("0.0.0.0:81", "http://127.0.0.1:81"),
            ("[::]:82", "http://[::1]:82"),
            ("10.0.0.7:83", "http://10.0.0.7:83"),
        ] {
            assert_eq!(local_url(listens.parse().unwrap()), url);
        }
    }
}
