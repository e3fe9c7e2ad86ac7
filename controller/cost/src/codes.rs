//! The codes of this crate's errors, for docs/errors.md.

/// Code and meaning of each error, sorted by code.
pub const CODES: &[(&str, &str)] = &[
    ("E-CST-001", "A window of time is not in the words of Kubecost."),
    ("E-CST-002", "An aggregate is not in the words of Kubecost."),
    ("E-CST-003", "A file of own prices cannot be read."),
];
