//! Which node a certificate is for: `system:node:NAME` as its common name, as kubelets have it, or the URI
//! `spiffe://DOMAIN/kubeopt-agent/NAME` of one trust domain. The chain was checked before; this only reads names.

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// Before a node's name, in the common name.
const NODE_PREFIX: &str = "system:node:";
/// Before a node's name, in the path of a URI.
const AGENT_PATH: &str = "kubeopt-agent/";
/// 2.5.4.3, the common name.
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;

/// The node that a certificate names; none where it names none, or several. Without a trust domain no URI names one: who
/// signs may sign for many domains.
pub(crate) fn node(certificate: &CertificateDer<'_>, trust_domain: Option<&str>) -> Option<String> {
    let parsed = EndEntityCert::try_from(certificate).ok()?;
    let uris = parsed.valid_uri_names();
    let mut names: Vec<&str> = uris.filter_map(|uri| of_uri(uri, trust_domain?)).collect();
    names
        .extend(common_names(parsed.subject()).into_iter().filter_map(|name| name.strip_prefix(NODE_PREFIX)));
    names.dedup();
    match names[..] {
        [name] if is_node_name(name) => Some(name.to_owned()),
        _ => None,
    }
}

/// A DNS subdomain, as Kubernetes wants it.
pub(crate) fn is_node_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    !name.is_empty() && name.len() <= kubeopt_proto::NODE_NAME_BYTES_MAX && name.bytes().all(fine)
}

fn of_uri<'a>(uri: &'a str, trust_domain: &str) -> Option<&'a str> {
    let (domain, path) = uri.strip_prefix("spiffe://")?.split_once('/')?;
    let name = path.strip_prefix(AGENT_PATH)?;
    (domain == trust_domain && !name.contains('/')).then_some(name)
}

/// The common names of a subject: a list of sets of pairs of a kind and a text. The tag around the list may be missing, as webpki leaves it out.
fn common_names(subject: &[u8]) -> Vec<&str> {
    let mut rest = value(&mut &*subject, SEQUENCE).unwrap_or(subject);
    let mut names = Vec::new();
    while let Some(mut set) = value(&mut rest, SET) {
        while let Some(mut pair) = value(&mut set, SEQUENCE) {
            if value(&mut pair, OBJECT_ID) != Some(&COMMON_NAME) {
                continue;
            }
            let text = value(&mut pair, UTF8).or_else(|| value(&mut pair, PRINTABLE));
            names.extend(text.and_then(|text| std::str::from_utf8(text).ok()));
        }
    }
    names
}

/// The content of the next element, if it has that tag; `rest` is then what follows it.
fn value<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    let [found, length, after @ ..] = *rest else { return None };
    if *found != tag {
        return None;
    }
    let (length, after) = match (*length, after) {
        (short @ 0..=0x7f, after) => (usize::from(short), after),
        (0x81, [long, after @ ..]) => (usize::from(*long), after),
        (0x82, [high, low, after @ ..]) => (usize::from(u16::from_be_bytes([*high, *low])), after),
        _ => return None,
    };
    let (content, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    fn certificate(common_name: Option<&str>, uris: &[&str]) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "system:nodes");
        if let Some(name) = common_name {
            params.distinguished_name.push(DnType::CommonName, name);
        }
        let uri = |uri: &&str| SanType::URI((*uri).try_into().expect("a URI"));
        params.subject_alt_names = uris.iter().map(uri).collect();
        let key = KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("a certificate").der().clone()
    }

    #[test]
    fn the_node_is_read_from_the_common_name_or_the_uri() {
        let long = "n".repeat(250);
        for (name, uris, node_name) in [
            (Some("system:node:node-1"), &[][..], Some("node-1")),
            (Some(&*format!("system:node:{long}")), &[], Some(&*long)),
            (
                None,
                &["spiffe://cluster.local/kubeopt-agent/ip-10-0-0-1.internal"],
                Some("ip-10-0-0-1.internal"),
            ),
            (Some("system:node:a"), &["spiffe://cluster.local/kubeopt-agent/a"], Some("a")),
            (Some("system:node:a"), &["spiffe://cluster.local/kubeopt-agent/b"], None),
            (
                None,
                &["spiffe://cluster.local/kubeopt-agent/a", "spiffe://cluster.local/kubeopt-agent/b"],
                None,
            ),
            (None, &["spiffe://cluster.local/kubeopt-agent/a/b"], None),
            (None, &["spiffe://other/kubeopt-agent/a"], None),
            (Some("system:node:a"), &["spiffe://other/kubeopt-agent/b"], Some("a")),
            (Some("node-1"), &[], None),
            (Some("system:node:"), &[], None),
            (Some("system:node:a b"), &["https://x/kubeopt-agent/a"], None),
            (None, &[], None),
        ] {
            let made = certificate(name, uris);
            assert_eq!(node(&made, Some("cluster.local")).as_deref(), node_name, "{name:?} {uris:?}");
        }
        let by_uri = certificate(None, &["spiffe://cluster.local/kubeopt-agent/a"]);
        assert_eq!(node(&by_uri, None), None, "no trust domain is configured");
    }

    proptest! {
        #[test]
        fn any_subject_is_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = common_names(&bytes);
        }
    }
}
