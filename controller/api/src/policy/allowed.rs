//! Which preferences a repository may set: what the entries of `allowedOverrides` speak of, and what holds without any.

/// What a repository may set where no operator says anything: every preference that there is. A policy only says what
/// kubeopt proposes, and whoever merges into a repository can write any number there without kubeopt; guardrails of the
/// operator hold whatever stands in this list.
pub(crate) const DEFAULT_ALLOWED: [&str; 2] = ["sizing", "pullRequests"];

/// What silences findings: of the layers that the operator lets set it, every one counts.
pub(crate) const SILENCES: &str = "findings.silences";

/// Whether an entry of `allowedOverrides` speaks of a key: the key itself, a mapping that holds it, or `*`.
pub(crate) fn covers(entry: &str, path: &str) -> bool {
    entry == "*" || entry == path || path.strip_prefix(entry).is_some_and(|rest| rest.starts_with('.'))
}
