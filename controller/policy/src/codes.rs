//! The codes of this crate, for docs/errors.md. Verdicts are no errors and have names instead; there is no code yet.

/// (code, meaning as one sentence).
pub const CODES: &[(&str, &str)] = &[];
