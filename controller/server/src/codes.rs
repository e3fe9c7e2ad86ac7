//! The error codes of this crate, one sentence each; docs/errors.md is generated from them.

/// Code and meaning.
pub const CODES: &[(&str, &str)] = &[
    ("E-SRV-001", "the listener takes no connections any more"),
    ("E-SRV-002", "the system gave no random numbers for the token of the forms"),
    ("E-SRV-003", "there is nothing at this address"),
    ("E-SRV-004", "a page was asked for under a name that is not this machine's loopback"),
    ("E-SRV-005", "a form was sent from another site"),
    ("E-SRV-006", "a form was sent without the token of its page"),
    ("E-SRV-007", "a form that cannot be read, or is larger than 64 KiB"),
    ("E-SRV-008", "a request took too long"),
    ("E-SRV-009", "a comment that is empty or longer than 20,000 characters"),
    ("E-SRV-010", "a fault of kubeopt while it answered"),
    ("E-SRV-011", "a peer sends more deliveries of webhooks than it may"),
    ("E-SRV-012", "a delivery of a webhook is larger than 1 MiB"),
    ("E-SRV-013", "the body of a delivery came too slowly"),
    ("E-SRV-014", "a delivery is not proven to be of its forge"),
    ("E-SRV-015", "a delivery that its forge signed cannot be read"),
    ("E-SRV-016", "a delivery cannot be taken now"),
];
