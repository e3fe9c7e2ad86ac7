//! The codes of this crate, each with its meaning; docs/errors.md is made of them.

/// A kind that kubeopt may not list.
pub(crate) const FORBIDDEN: &str = "E-CLU-003";
/// A kind that the cluster does not have.
pub const ABSENT: &str = "E-CLU-004";
/// A kind that cannot be listed or watched at the moment.
pub(crate) const UNREACHABLE: &str = "E-CLU-005";
/// An object that breaks a rule and is left out.
pub(crate) const QUARANTINED: &str = "E-CLU-006";
/// More objects of a kind than kubeopt holds.
pub(crate) const TOO_MANY: &str = "E-CLU-007";

/// A policy that cannot be held.
pub(crate) const POLICY_UNREADABLE: &str = "E-CLU-013";

/// All codes of this crate: code, meaning in one sentence.
pub const CODES: &[(&str, &str)] = &[
    (
        "E-CLU-001",
        "The credentials for the cluster cannot be read: no kubeconfig, an unknown context or a bad file.",
    ),
    ("E-CLU-002", "The API server cannot be reached or refuses the credentials."),
    (FORBIDDEN, "kubeopt may not list a kind of object, so what depends on it is left out."),
    (ABSENT, "The cluster does not have a kind of object, usually because its CRD is not installed."),
    (UNREACHABLE, "A kind of object cannot be listed or watched at the moment; it is tried again."),
    (QUARANTINED, "One object breaks a rule and is left out; all others are used."),
    (TOO_MANY, "The cluster has more objects of a kind than kubeopt holds; the rest is left out."),
    ("E-CLU-008", "The Lease that elects the acting controller cannot be read or written."),
    ("E-CLU-009", "The API server cannot tell what kubeopt may do."),
    (
        "E-CLU-010",
        "No Prometheus is configured, and nothing serves metrics.k8s.io: metrics-server does not run in the cluster.",
    ),
    ("E-CLU-011", "kubeopt may not list what pods use, as metrics-server tells it."),
    ("E-CLU-012", "What metrics-server tells cannot be read."),
    (POLICY_UNREADABLE, "A RightsizingPolicy is larger than kubeopt reads, so nothing is proposed by it."),
    ("E-CLU-014", "The API server cannot tell whether the token of a node agent is good."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_listed_once_and_in_order() {
        let codes: Vec<&str> = CODES.iter().map(|(code, _)| *code).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
        assert!(CODES.iter().all(|(code, meaning)| code.starts_with("E-CLU-") && meaning.ends_with('.')));
    }
}
