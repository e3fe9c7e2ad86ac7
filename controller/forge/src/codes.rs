//! The codes of this crate's errors, for docs/errors.md.

/// Code and meaning of each error, sorted by code.
pub const CODES: &[(&str, &str)] = &[
    ("E-FRG-001", "The forge does not accept kubeopt's token."),
    ("E-FRG-002", "kubeopt's account may not do this on the forge."),
    ("E-FRG-003", "The forge does not know the repository, branch or pull request."),
    ("E-FRG-004", "Someone else changed the branch or pull request in the meantime."),
    ("E-FRG-005", "The forge asks to come back later."),
    ("E-FRG-006", "The forge failed."),
    ("E-FRG-007", "The forge cannot be reached."),
    ("E-FRG-008", "The forge's answer is not what its API says."),
    ("E-FRG-009", "There is more on the forge than kubeopt reads."),
    ("E-FRG-010", "The forge refuses the request for a reason of its own."),
    ("E-FRG-011", "The local forge cannot read or write its repository."),
    ("E-FRG-012", "A draft is not merged before somebody marks it as ready for review."),
    ("E-FRG-013", "The secret of a webhook is too short to prove anything."),
    ("E-FRG-014", "A webhook's delivery is not signed."),
    ("E-FRG-015", "A webhook's delivery is not signed with the configured secret, or more than once."),
    ("E-FRG-016", "A webhook's delivery was signed too long ago, or the clocks differ."),
    ("E-FRG-017", "A webhook's delivery is larger than kubeopt reads."),
    ("E-FRG-018", "A webhook's delivery cannot be read."),
    ("E-FRG-019", "A rule of the forge keeps kubeopt from merging a pull request."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(CODES.iter().all(|(code, meaning)| code.starts_with("E-FRG-") && meaning.ends_with('.')));
    }
}
