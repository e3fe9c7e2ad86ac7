//! The crate from outside: cases in folders, properties, and kustomize files as real repositories write them.
//!
//! It reads nothing but `tests/cases`.

mod cases;
mod compare;
mod creations;
mod fixtures;
mod hostile;
mod layouts;
mod marks;
mod patches;
mod properties;
mod sites;
mod slots;
mod templates;
mod transforms;
mod values;

use kubeopt_model::{Amount, EditSite, FieldPath, RepoPath, Step};

/// A path that is valid.
fn path(text: &str) -> RepoPath {
    RepoPath::new(text).expect("a path within a repository")
}

/// Reads `spec.containers[0].resources` back into a path.
fn field_path(text: &str) -> FieldPath {
    let mut steps = Vec::new();
    for part in text.split('.') {
        let mut pieces = part.split('[');
        let key = pieces.next().unwrap_or_default();
        if !key.is_empty() {
            steps.push(Step::from(key));
        }
        for index in pieces {
            steps.push(Step::Index(index.trim_end_matches(']').parse().expect("an index")));
        }
    }
    FieldPath(steps)
}

/// A site whose line is not known to the test.
fn site(file: &RepoPath, document: usize, path: &str, text: &str) -> EditSite {
    EditSite { file: file.clone(), line: 1, document, path: field_path(path), text: text.to_owned() }
}

/// An amount of the resource that its notation suggests.
fn amount(text: &str) -> Amount {
    let resource =
        if text.ends_with('i') || text.ends_with('M') || text.parse::<u64>().is_ok_and(|n| n > 1000) {
            kubeopt_model::Resource::Memory
        } else {
            kubeopt_model::Resource::Cpu
        };
    Amount::parse(resource, text).expect("a quantity")
}
