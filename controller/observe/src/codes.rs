//! The codes of this crate's errors, for docs/errors.md.

/// A merge has more containers than are watched at once.
pub(crate) const TOO_MANY_WATCHED: &str = "E-OBS-010";

/// Code and meaning of each error, sorted by code.
pub const CODES: &[(&str, &str)] = &[
    ("E-OBS-001", "Prometheus cannot be reached or the connection broke."),
    ("E-OBS-002", "Prometheus or a proxy before it refused the request."),
    ("E-OBS-003", "Prometheus refuses a query as too large or too slow, even for the shortest slice."),
    ("E-OBS-004", "The answer is not that of a Prometheus query API."),
    ("E-OBS-005", "Prometheus answered a query with an error."),
    ("E-OBS-006", "A setting of the metrics source cannot be used."),
    ("E-OBS-007", "The slice of time to read is not one that can be read."),
    ("E-OBS-008", "metrics-server answers, and tells of no container."),
    (
        "E-OBS-009",
        "The objective by which a merge is judged cannot be used: wrong, too expensive, or no ratio.",
    ),
    ("E-OBS-010", "A merge has more containers than are watched at once."),
];
