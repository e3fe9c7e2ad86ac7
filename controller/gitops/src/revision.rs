//! Whether a revision that an object of Argo CD or an artifact names is a branch. Pure.

/// The branch of a `targetRevision`; none is the default branch.
///
/// # Errors
/// What it is pinned to: a commit, a version or a range of versions. A tag that looks like a branch is taken for one.
pub(crate) fn branch_of(revision: &str) -> Result<Option<String>, String> {
    if matches!(revision, "" | "HEAD") {
        return Ok(None);
    }
    let (named, is_branch) = match revision.strip_prefix("refs/heads/") {
        Some(named) => (named, true),
        None => (revision, false),
    };
    let pinned = !is_branch && (revision.starts_with("refs/") || is_commit(revision) || is_version(revision));
    if pinned { Err(revision.to_owned()) } else { Ok(Some(named.to_owned())) }
}

/// Git shows at least seven digits. A word of letters alone is no commit that anybody writes.
fn is_commit(revision: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    (7..=64).contains(&revision.len())
        && revision.bytes().all(hex)
        && revision.bytes().any(|b| b.is_ascii_digit())
}

/// A whole version, or a range of versions.
fn is_version(revision: &str) -> bool {
    let range = |c: char| matches!(c, '*' | '>' | '<' | '=' | '~' | '^' | '|' | ',' | ' ');
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let core = revision.strip_prefix('v').unwrap_or(revision).split(['-', '+']).next().unwrap_or_default();
    let parts: Vec<&str> = core.split('.').collect();
    let placeholder = parts.len() > 1
        && parts.iter().all(|part| number(part) || matches!(*part, "x" | "X"))
        && parts.iter().any(|part| matches!(*part, "x" | "X"));
    revision.contains(range) || placeholder || (parts.len() == 3 && parts.iter().all(|part| number(part)))
}
