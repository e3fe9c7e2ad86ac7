//! TCP connections for protocols that are not HTTP: to one host that the configuration names, and only to addresses
//! that may be called.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::address::{Loopback, permitted};
use crate::error::NetError;
use crate::transport::CONNECT_TIMEOUT;

/// Addresses of one name that are tried. A name has one or two of each family.
const ADDRESSES_MAX: usize = 4;

/// The way to one host and port that an operator configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TcpRoute {
    host: String,
    port: u16,
    loopback: Loopback,
}

impl TcpRoute {
    /// To a name or an address; an IPv6 address stands without brackets. Loopback is allowed only if the host is
    /// `localhost` or a loopback address.
    ///
    /// # Errors
    /// [`NetError::InvalidUrl`] for what is no host, [`NetError::AddressRefused`] for an address that is never called.
    ///
    /// ```
    /// use kubeopt_net::TcpRoute;
    ///
    /// assert!(TcpRoute::new("git.example", 22).is_ok());
    /// assert!(TcpRoute::new("169.254.169.254", 22).is_err());
    /// ```
    pub fn new(host: &str, port: u16) -> Result<Self, NetError> {
        let literal: Option<IpAddr> = host.parse().ok();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        // RFC 1035: no name is longer.
        if literal.is_none() && (host.is_empty() || host.len() > 253 || !host.bytes().all(plain)) {
            let url = host.chars().filter(|c| !c.is_control()).take(100).collect();
            return Err(NetError::InvalidUrl { url, why: "it is no host" });
        }
        let names_loopback =
            host.eq_ignore_ascii_case("localhost") || literal.is_some_and(|address| address.is_loopback());
        let loopback = if names_loopback { Loopback::Allowed } else { Loopback::Refused };
        let route = Self { host: host.to_ascii_lowercase(), port, loopback };
        if let Some(address) = literal {
            route.check(vec![SocketAddr::new(address, port)])?;
        }
        Ok(route)
    }

    /// Connects to the first of the host's addresses that answers, each within 5 s.
    ///
    /// # Errors
    /// [`NetError::AddressRefused`], [`NetError::Connect`], [`NetError::Timeout`].
    pub async fn connect(&self) -> Result<TcpStream, NetError> {
        let mut failed =
            NetError::Connect { host: self.host.clone(), why: "the name has no address".to_owned() };
        for address in self.addresses().await?.into_iter().take(ADDRESSES_MAX) {
            match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => {
                    failed = NetError::Connect { host: self.host.clone(), why: error.to_string() };
                }
                Err(_) => failed = NetError::Timeout { host: self.host.clone() },
            }
        }
        Err(failed)
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, NetError> {
        let looked_up = timeout(CONNECT_TIMEOUT, tokio::net::lookup_host((self.host.as_str(), self.port)));
        let found = looked_up
            .await
            .map_err(|_| NetError::Timeout { host: self.host.clone() })?
            .map_err(|error| NetError::Connect { host: self.host.clone(), why: error.to_string() })?;
        self.check(found.collect())
    }

    fn check(&self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, NetError> {
        permitted(&self.host, found, self.loopback).map_err(|refused| NetError::AddressRefused {
            host: refused.host,
            address: refused.address.to_string(),
            why: refused.why,
        })
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_configured_host_is_reached() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let route = TcpRoute::new("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
        let (mut ours, accepted) = (route.connect().await.unwrap(), listener.accept().await.unwrap());
        let mut theirs = accepted.0;
        theirs.write_all(b"hello").await.unwrap();
        let mut heard = [0; 5];
        ours.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"hello");
    }

    #[tokio::test]
    async fn nobody_there_is_told_as_such() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let route = TcpRoute::new("127.0.0.1", listener.local_addr().unwrap().port()).unwrap();
        drop(listener);
        let error = route.connect().await.unwrap_err();
        assert!(matches!(error, NetError::Connect { .. }) && error.is_transient(), "{error}");
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_is_refused_unless_it_says_so() {
        let route = TcpRoute { host: "localhost".to_owned(), port: 1, loopback: Loopback::Refused };
        assert_eq!(route.connect().await.unwrap_err().code(), "E-NET-002");
        assert_eq!(TcpRoute::new("LOCALHOST", 1).unwrap().loopback, Loopback::Allowed);
        assert_eq!(TcpRoute::new("git.example", 1).unwrap().loopback, Loopback::Refused);
    }

    #[test]
    fn addresses_that_are_never_called_and_what_is_no_host_are_refused_at_once() {
        for (host, code) in [
            ("169.254.169.254", "E-NET-002"),
            ("::ffff:169.254.169.254", "E-NET-002"),
            ("fe80::1", "E-NET-002"),
            ("", "E-NET-003"),
            ("git example", "E-NET-003"),
            ("[::1]", "E-NET-003"),
        ] {
            assert_eq!(TcpRoute::new(host, 22).unwrap_err().code(), code, "{host}");
        }
    }
}
