//! The codes of this crate, for docs/errors.md. A code is never used for anything else once it was released.

/// A policy file has a key that does not exist.
pub(crate) const UNKNOWN_KEY: &str = "E-POL-002";
/// A repository sets a preference that the operator keeps.
pub(crate) const NOT_ALLOWED: &str = "E-POL-011";

/// An object of the cluster cannot be read.
pub(crate) const OBJECT_NOT_READ: &str = "E-POL-012";
/// Objects of the cluster cannot be seen.
pub(crate) const OBJECTS_UNKNOWN: &str = "E-POL-013";

/// (code, meaning as one sentence). `E-POL` speaks of a policy file, `E-API` of the controller's configuration.
pub const CODES: &[(&str, &str)] = &[
    ("E-POL-001", "A policy file is not readable YAML, or larger than kubeopt accepts."),
    (UNKNOWN_KEY, "A policy file has a key that does not exist."),
    ("E-POL-003", "A value of a policy file has the wrong type or notation."),
    ("E-POL-004", "A value of a policy file is out of its range."),
    ("E-POL-005", "A policy file has the same key twice."),
    (
        "E-POL-006",
        "A policy file has a key or value that this version knows but does not use; it has no effect.",
    ),
    ("E-POL-007", "A policy file extends a preset that does not exist."),
    ("E-POL-008", "A repository's policy file sets a key that belongs to the operator."),
    ("E-POL-009", "A policy file lacks a key that is needed where it stands."),
    ("E-POL-010", "Two values of a policy file contradict each other."),
    (
        NOT_ALLOWED,
        "A repository's policy file sets a key that `allowedOverrides` of the operator does not hold; it is not taken.",
    ),
    (
        OBJECT_NOT_READ,
        "A RightsizingPolicy cannot be read: its last good version counts, or else nothing is proposed in what it selects.",
    ),
    (
        OBJECTS_UNKNOWN,
        "The RightsizingPolicies of a cluster cannot be seen: those that were seen last count, or else nothing is proposed.",
    ),
    ("E-API-001", "The configuration is not readable YAML, or larger than kubeopt accepts."),
    ("E-API-002", "The configuration has a key that does not exist."),
    ("E-API-003", "A value of the configuration has the wrong type or notation."),
    ("E-API-004", "A value of the configuration is out of its range."),
    ("E-API-005", "The configuration has the same key or name twice."),
    ("E-API-006", "The configuration has a key that this version knows but does not use; it has no effect."),
    ("E-API-007", "The operator's policy extends a preset that does not exist."),
    ("E-API-009", "The configuration lacks a key that is needed where it stands."),
    ("E-API-010", "Two values of the configuration contradict each other."),
    ("E-API-011", "The configuration holds a secret; secrets stand in files of their own."),
    ("E-API-012", "The configuration asks for something that is not in this version."),
    ("E-API-013", "The configuration names a cluster or forge that it does not define."),
];
