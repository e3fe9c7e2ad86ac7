//! The error codes of this crate, one sentence each; docs/errors.md is generated from them.

/// Code and meaning.
pub const CODES: &[(&str, &str)] = &[
    ("E-AGT-001", "The log of what agents send cannot be opened."),
    ("E-AGT-002", "The disk is full: what agents send is not acknowledged."),
    ("E-AGT-003", "The log of what agents send cannot be written."),
    ("E-AGT-004", "The log of what agents send cannot be read."),
    ("E-AGT-005", "kubeopt is ending and takes nothing from agents any more."),
    ("E-AGT-006", "The certificate or the key of the agents' server cannot be used."),
    ("E-AGT-007", "The certificates that agents are checked with cannot be used."),
    ("E-AGT-008", "The agents' server takes no connections any more."),
    ("E-AGT-009", "A node sent more than its share of the log: the rest is taken later."),
];
