//! Any bytes are marked and edited in every role without a panic, and an edit is never the same bytes.
#![no_main]

use kubeopt_manifest::{FileRole, KnownMarks, edit, mark, read_back, read_sites};
use kubeopt_model::{FieldEdit, FileSet, RepoPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = RepoPath::new("kustomization.yaml") else { return };
    for role in [FileRole::Manifest, FileRole::Values, FileRole::Template] {
        let marked = mark(&FileSet::from([(file.clone(), bytes.to_vec())]), &|_| role);
        let _ = read_back(&marked.files[&file], &KnownMarks::of([&marked.index()]));
        // Each edit reads the whole file twice: a few of them say as much as all.
        for mark in marked.marks.iter().take(16) {
            let edits = [FieldEdit { site: mark.site.clone(), after: mark.amount }];
            assert!(edit(&file, bytes, &edits).as_deref() != Ok(bytes), "a mark is a new value");
        }
    }
    let _ = read_sites(&file, bytes);
});
