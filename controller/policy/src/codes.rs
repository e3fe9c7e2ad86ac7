//! The codes of this crate, for docs/errors.md. Verdicts are no errors and have names instead.

/// CODEOWNERS is larger than kubeopt reads.
pub(crate) const OWNERS_TOO_LARGE: &str = "E-POL-101";
/// A line of CODEOWNERS is left out.
pub(crate) const OWNERS_LINE: &str = "E-POL-102";
/// Looking for owners took too long.
pub(crate) const OWNERS_TOO_SLOW: &str = "E-POL-103";

/// (code, meaning as one sentence).
pub const CODES: &[(&str, &str)] = &[
    (OWNERS_TOO_LARGE, "A CODEOWNERS file is larger than kubeopt reads; nobody is asked by it."),
    (OWNERS_LINE, "A line of CODEOWNERS is left out, because the forge would not read it either."),
    (OWNERS_TOO_SLOW, "The patterns of CODEOWNERS take too many steps to match; nobody is asked by it."),
];
