//! Which addresses are never called, and the resolver that drops them.
//!
//! The connection goes to the very addresses that were checked, so that a name which changes between check and
//! connection (DNS rebinding) gains nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Addresses outside the link-local ranges at which clouds serve credentials of the machine: Alibaba Cloud, Azure's
/// wire server, Oracle Cloud.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(192, 0, 0, 192)];

/// The same of AWS on IPv6, and the agent of EKS pod identity.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)];

/// Where machines and pods are given their own identity: the metadata services of AWS, Google and Azure, and the agent of
/// EKS pod identity on IPv4 and IPv6.
const IDENTITY_SERVICES: [IpAddr; 4] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V6(METADATA_V6[0]),
    IpAddr::V6(METADATA_V6[1]),
];

/// Whether this is a service that gives out identities; written as it is, in no other notation.
pub(crate) fn is_identity_service(address: IpAddr) -> bool {
    IDENTITY_SERVICES.contains(&address)
}

/// Whether a rule allows addresses of this machine itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loopback {
    /// The operator wrote a loopback address or allowed it.
    Allowed,
    /// Not asked for: a name that leads there is an attack or a mistake.
    Refused,
}

/// Why an address is never called; none for an address that may be.
///
/// ```
/// use kubeopt_net::address::{Loopback, refusal};
///
/// assert!(refusal("169.254.169.254".parse().unwrap(), Loopback::Allowed).is_some());
/// assert!(refusal("10.0.0.7".parse().unwrap(), Loopback::Refused).is_none());
/// ```
pub fn refusal(address: IpAddr, loopback: Loopback) -> Option<&'static str> {
    match embedded_v4(address) {
        IpAddr::V4(v4) if v4.is_link_local() => Some("link-local address"),
        IpAddr::V4(v4) if METADATA_V4.contains(&v4) => Some("metadata service of a cloud"),
        IpAddr::V4(v4) if v4.is_multicast() || v4.is_broadcast() => Some("multicast address"),
        IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("link-local address"),
        IpAddr::V6(v6) if METADATA_V6.contains(&v6) => Some("metadata service of a cloud"),
        IpAddr::V6(v6) if v6.is_multicast() => Some("multicast address"),
        ip if (ip.is_loopback() || ip.is_unspecified()) && loopback == Loopback::Refused => {
            Some("loopback address that the configuration does not allow")
        }
        IpAddr::V4(_) | IpAddr::V6(_) => None,
    }
}

/// IPv4 addresses also have IPv6 forms: mapped (`::ffff:a.b.c.d`), compatible (`::a.b.c.d`), NAT64 (`64:ff9b::/96`)
/// and 6to4 (`2002::/16`). Each reaches the same machine, so each is judged as the IPv4 address.
fn embedded_v4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    let s = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match s {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => address,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        _ => address,
    }
}

/// All addresses of a name are refused.
#[derive(Debug, Clone)]
pub(crate) struct AllRefused {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
    pub(crate) why: &'static str,
}

impl fmt::Display for AllRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} leads to {} ({})", self.host, self.address, self.why)
    }
}

impl std::error::Error for AllRefused {}

/// The system's resolver, without the addresses that are never called.
pub(crate) struct CheckedResolver {
    loopback_names: Arc<BTreeSet<String>>,
}

impl CheckedResolver {
    /// `loopback_names`: lower-case host names that may lead to this machine.
    pub(crate) fn new(loopback_names: BTreeSet<String>) -> Self {
        Self { loopback_names: Arc::new(loopback_names) }
    }
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_ascii_lowercase();
        let loopback =
            if self.loopback_names.contains(&host) { Loopback::Allowed } else { Loopback::Refused };
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            let kept = permitted(&host, found, loopback)?;
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be called.
///
/// # Errors
/// One that may not, where none is left.
pub(crate) fn permitted(
    host: &str,
    found: Vec<SocketAddr>,
    loopback: Loopback,
) -> Result<Vec<SocketAddr>, AllRefused> {
    let mut refused = None;
    let mut kept = Vec::new();
    for address in found {
        match refusal(address.ip(), loopback) {
            Some(why) => refused = Some(AllRefused { host: host.to_owned(), address: address.ip(), why }),
            None => kept.push(address),
        }
    }
    match refused {
        Some(refused) if kept.is_empty() => Err(refused),
        Some(_) | None => Ok(kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_link_local_and_metadata_in_every_notation() {
        for text in [
            "169.254.169.254",
            "169.254.0.1",
            "100.100.100.200",
            "168.63.129.16",
            "fe80::1",
            "febf::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "224.0.0.1",
            "ff02::1",
        ] {
            let address: IpAddr = text.parse().unwrap();
            assert!(refusal(address, Loopback::Allowed).is_some(), "{text}");
        }
    }

    #[test]
    fn allows_private_networks_and_loopback_only_when_asked() {
        for text in ["10.0.0.1", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd12::1", "8.8.8.8"] {
            assert_eq!(refusal(text.parse().unwrap(), Loopback::Refused), None, "{text}");
        }
        for text in ["127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"] {
            let address: IpAddr = text.parse().unwrap();
            assert!(refusal(address, Loopback::Refused).is_some(), "{text}");
            assert_eq!(refusal(address, Loopback::Allowed), None, "{text}");
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_to_this_machine_resolves_only_where_allowed() {
        let allowed = CheckedResolver::new(["localhost".to_owned()].into());
        assert!(allowed.resolve("LOCALHOST".parse().unwrap()).await.is_ok());
        let refusing = CheckedResolver::new(BTreeSet::new());
        let error = refusing.resolve("localhost".parse().unwrap()).await.err().unwrap();
        assert!(error.downcast_ref::<AllRefused>().unwrap().address.is_loopback());
    }

    #[test]
    fn a_name_keeps_its_good_addresses_and_fails_when_none_is_left() {
        let socket = |text: &str| SocketAddr::new(text.parse().unwrap(), 0);
        let mixed = vec![socket("169.254.169.254"), socket("10.0.0.1")];
        assert_eq!(permitted("x", mixed, Loopback::Refused).unwrap(), [socket("10.0.0.1")]);
        let bad = vec![socket("169.254.169.254")];
        assert_eq!(
            permitted("x", bad, Loopback::Refused).unwrap_err().address,
            socket("169.254.169.254").ip()
        );
    }
}
