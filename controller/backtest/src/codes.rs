//! The codes of what users see from this crate; each is listed in docs/errors.md.

/// Labels of a corpus.
pub const LABELS: &str = "E-BTS-001";
/// A series of a corpus, or the scores of another detector.
pub const SERIES: &str = "E-BTS-002";

/// Every code of this crate with its meaning.
pub const CODES: &[(&str, &str)] = &[
    (LABELS, "The labels of a corpus are wrong, or do not fit its series."),
    (SERIES, "A series of a corpus, or the scores that a detector gave it, cannot be read."),
];
