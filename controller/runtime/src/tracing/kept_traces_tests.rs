//! What of an earlier trace is taken over.

use std::path::Path;

use kubeopt_model::edit::ProvenBy;

use super::*;
use crate::tracing::discover::kustomize_entry;

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).expect("a path")
}

fn write(root: &Path, name: &str, text: &str) {
    let place = root.join(name);
    std::fs::create_dir_all(place.parent().expect("a file lies in a folder")).expect("a folder");
    std::fs::write(place, text).expect("a file");
}

fn reads(names: &[&str]) -> BTreeSet<RepoPath> {
    names.iter().map(|name| path(name)).collect()
}

/// `a` reads the base that it shares with `b`; `c` has files of its own.
fn work() -> Work {
    let of = |name: &str, names: &[&str]| (kustomize_entry(path(name)), Ok(reads(names)));
    Work::from([
        of("a", &["a/k.yaml", "base/k.yaml"]),
        of("b", &["b/k.yaml", "base/k.yaml"]),
        of("c", &["c/k.yaml"]),
    ])
}

fn traced(snapshot: &Snapshot) -> RepositoryTrace {
    let entry = |(entry, reads): (EntryPoint, Result<BTreeSet<RepoPath>, Problem>)| {
        let files = reads.expect("they are known");
        let trace = EntryTrace {
            entry: entry.clone(),
            by: ProvenBy::Parsed,
            fields: Vec::new(),
            unread: Vec::new(),
            own_files: files.clone(),
            files,
            from_outside: false,
            asks_cluster: false,
        };
        (entry, Ok(trace))
    };
    let entries = work().into_iter().map(entry).collect();
    RepositoryTrace { snapshot: snapshot.clone(), entries, notes: Vec::new() }
}

/// The entry points that are kept, and those that are left to trace.
fn kept(snapshot: &Snapshot, earlier: &RepositoryTrace) -> (Vec<String>, Vec<String>) {
    let mut work = work();
    let kept = unchanged(&mut work, snapshot, earlier);
    let named = |entry: &EntryPoint| entry.path.to_string();
    (kept.keys().map(named).collect(), work.keys().map(named).collect())
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a/k.yaml", "b/k.yaml", "c/k.yaml", "base/k.yaml"] {
        write(folder.path(), name, "a: 1\n");
    }
    folder
}

fn snapshot(folder: &tempfile::TempDir) -> Snapshot {
    Snapshot::of_folder(folder.path()).expect("listed")
}

#[test]
fn only_entry_points_whose_files_changed_are_traced_again() {
    let folder = folder();
    let earlier = traced(&snapshot(&folder));
    let all = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(kept(&snapshot(&folder), &earlier), (all(&["a", "b", "c"]), all(&[])));
    write(folder.path(), "c/k.yaml", "a: 2\n");
    assert_eq!(kept(&snapshot(&folder), &earlier), (all(&["a", "b"]), all(&["c"])));
    write(folder.path(), "base/k.yaml", "a: 2\n");
    assert_eq!(kept(&snapshot(&folder), &earlier), (all(&[]), all(&["a", "b", "c"])));
}

#[test]
fn nothing_is_kept_where_files_came_or_charts_lie_elsewhere() {
    let folder = folder();
    let mut earlier = traced(&snapshot(&folder));
    for entry in earlier.entries.values_mut().flatten().filter(|entry| entry.entry.path == path("a")) {
        entry.from_outside = true;
    }
    assert_eq!(kept(&snapshot(&folder), &earlier).0, ["b", "c"]);
    write(folder.path(), "values/new.yaml", "a: 1\n");
    assert_eq!(kept(&snapshot(&folder), &earlier).0, Vec::<String>::new());
}

#[test]
fn of_each_branch_the_newest_trace_is_kept() {
    let folder = folder();
    let first = snapshot(&folder);
    let key = |snapshot: &Snapshot| TraceKey::of(snapshot, &[], &[]);
    let cache = TraceCache::default();
    assert!(cache.get(&key(&first)).is_none() && cache.earlier(&key(&first)).is_none());
    cache.put(key(&first), Arc::new(traced(&first)), BTreeMap::new());
    assert!(cache.get(&key(&first)).is_some());
    write(folder.path(), "c/k.yaml", "a: 2\n");
    let second = snapshot(&folder);
    assert!(cache.get(&key(&second)).is_none());
    assert_eq!(
        cache.earlier(&key(&second)).map(|trace| trace.snapshot.tree.clone()),
        Some(first.tree.clone())
    );
    cache.put(key(&second), Arc::new(traced(&second)), BTreeMap::new());
    assert!(cache.get(&key(&first)).is_none());
}
