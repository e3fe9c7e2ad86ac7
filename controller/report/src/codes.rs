//! The error codes of this crate, one sentence each; docs/errors.md is generated from them.

/// Code and meaning.
pub const CODES: &[(&str, &str)] = &[
    ("E-RPT-001", "a template that overrides nothing: kubeopt has no template of that name"),
    ("E-RPT-002", "a template that cannot be read, or is larger than 256 KiB"),
    ("E-RPT-003", "a template that failed while it was filled in"),
    ("E-RPT-004", "a pull-request text that stays too long after all that may be left out is left out"),
    ("E-RPT-005", "a pull request without any recommendation: there is nothing to say"),
];
