//! The codes of this crate's errors, for docs/errors.md.

/// Code and meaning of each error, sorted by code.
pub const CODES: &[(&str, &str)] = &[
    ("E-NTF-001", "A receiver of notices could not be reached or did not answer."),
    ("E-NTF-002", "A receiver of notices refuses what it is sent."),
    ("E-NTF-003", "A receiver of notices asks for fewer, or has a fault of its own."),
    ("E-NTF-004", "The address of a receiver of notices cannot be used."),
    ("E-NTF-005", "A notice was dropped because too many wait."),
    ("E-NTF-006", "The receivers of notices are not configured in a usable way."),
];
