//! Wherever a value can be created, it is there afterwards, and taking it out gives every byte back.
#![no_main]

use kubeopt_manifest::{FileRole, create_texts, offered, slots, slots_at, uncreate};
use kubeopt_model::{FieldPath, FileSet, RepoPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (Ok(file), Ok(root)) = (RepoPath::new("values.yaml"), RepoPath::new("")) else { return };
    let files = FileSet::from([(file.clone(), bytes.to_vec())]);
    let mut found = slots(&files, &|_| FileRole::Manifest).open;
    found.extend(slots(&files, &|_| FileRole::Values).open);
    let paths = offered(&files, &root);
    found.extend(slots_at(&file, bytes, 1, &FieldPath::default(), &paths).unwrap_or_default());
    for slot in found.into_iter().take(64) {
        let Ok(created) = create_texts(&file, bytes, &[(slot.site, "7m".to_owned())]) else { continue };
        assert_eq!(created.sites.len(), 1);
        let back = uncreate(&file, &created.bytes, &created.insertions);
        assert_eq!(back.as_deref(), Ok(bytes), "the way back");
    }
});
