//! Which heads of branches this process wrote itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use kubeopt_model::RepositoryId;

/// Heads of one branch that are remembered; a branch that was written more often has other values since.
const HEADS_MAX: usize = 100;

/// The heads that this process wrote itself, by branch, and what they propose. What a restart forgets is written again
/// before anything is done on the strength of it.
#[derive(Debug, Default)]
pub struct WrittenHeads(Mutex<BTreeMap<(RepositoryId, String), Written>>);

/// What one branch was made to hold.
#[derive(Debug, Default)]
struct Written {
    proposal: String,
    heads: BTreeSet<String>,
}

impl WrittenHeads {
    /// The branch was made to hold this proposal.
    pub(super) fn note(&self, repository: &RepositoryId, branch: &str, proposal: &str, oid: &str) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = all.entry((repository.clone(), branch.to_owned())).or_default();
        if written.proposal != proposal || written.heads.len() >= HEADS_MAX {
            *written = Written { proposal: proposal.to_owned(), heads: BTreeSet::new() };
        }
        written.heads.insert(oid.to_owned());
    }

    /// Whether this head of the branch holds this proposal, and was written by this process.
    pub(super) fn knows(&self, repository: &RepositoryId, branch: &str, proposal: &str, oid: &str) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = all.get(&(repository.clone(), branch.to_owned()));
        written.is_some_and(|written| written.proposal == proposal && written.heads.contains(oid))
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::ForgeName;

    use super::*;

    #[test]
    fn a_head_is_known_for_what_it_proposes_and_for_nothing_else() {
        let id = |name: &str| RepositoryId {
            forge: ForgeName::new("f").unwrap(),
            owner: "acme".to_owned(),
            name: name.to_owned(),
        };
        let (shop, site) = (id("shop"), id("site"));
        let heads = WrittenHeads::default();
        heads.note(&shop, "a", "p1", "1");
        heads.note(&shop, "a", "p1", "2");
        assert!(heads.knows(&shop, "a", "p1", "1") && heads.knows(&shop, "a", "p1", "2"));
        for (repository, branch, proposal, oid) in [
            (&site, "a", "p1", "1"),
            (&shop, "b", "p1", "1"),
            (&shop, "a", "p2", "1"),
            (&shop, "a", "p1", "3"),
        ] {
            assert!(!heads.knows(repository, branch, proposal, oid), "{branch} {proposal} {oid}");
        }
        heads.note(&shop, "a", "p2", "3");
        assert!(!heads.knows(&shop, "a", "p1", "1"), "other values since");
        for n in 0..=HEADS_MAX {
            heads.note(&shop, "a", "p2", &format!("n{n}"));
        }
        assert!(
            heads.knows(&shop, "a", "p2", &format!("n{HEADS_MAX}")) && !heads.knows(&shop, "a", "p2", "3")
        );
    }
}
