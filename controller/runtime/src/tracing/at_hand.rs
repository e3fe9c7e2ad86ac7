//! What objects ask of the repository that describes them, answered from a view of its files.

use std::cell::RefCell;
use std::collections::BTreeSet;

use kubeopt_gitops::bare::without_values;
use kubeopt_gitops::release::{AtHand, releases_at_hand};
use kubeopt_model::release::ReleaseObject;
use kubeopt_model::{Problem, Release, RepoPath};

use super::origins::Origins;
use super::view::View;

/// The releases that rendered objects describe. The files that this took are added to `read`.
pub(crate) fn described_releases(
    yaml: &[u8],
    view: &View<'_>,
    origins: Origins<'_>,
    read: &mut BTreeSet<RepoPath>,
) -> (Vec<Release>, Vec<Problem>) {
    asked(view, origins, read, |at_hand| releases_at_hand(yaml, at_hand))
}

/// The rendered objects without the values of these releases.
pub(crate) fn bare_objects(
    yaml: &[u8],
    releases: &[ReleaseObject],
    view: &View<'_>,
    origins: Origins<'_>,
) -> Vec<u8> {
    asked(view, origins, &mut BTreeSet::new(), |at_hand| without_values(yaml, releases, at_hand))
}

fn asked<T>(
    view: &View<'_>,
    origins: Origins<'_>,
    read: &mut BTreeSet<RepoPath>,
    ask: impl FnOnce(AtHand<'_>) -> T,
) -> T {
    let seen = RefCell::new(BTreeSet::new());
    let at_hand = AtHand {
        // Where nobody knows URLs, the files themselves decide.
        is_here: &|url| {
            origins.locate.is_none_or(|locate| locate.locate(url).as_ref() == Some(view.repository()))
        },
        paths: &|| view.below(&RepoPath::root()).into_iter().collect(),
        bytes: &|path| {
            let bytes = view.bytes(path)?;
            seen.borrow_mut().insert(path.clone());
            Some(bytes)
        },
    };
    let answer = ask(at_hand);
    read.extend(seen.into_inner());
    answer
}
