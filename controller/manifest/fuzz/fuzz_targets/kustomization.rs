//! Any bytes as a kustomization: read, followed, and extended by a patch once.
#![no_main]

use kubeopt_manifest::{closure, kustomization, register_patch};
use kubeopt_model::RepoPath;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (Ok(folder), Ok(file)) = (RepoPath::new("a"), RepoPath::new("a/kustomization.yaml")) else { return };
    let _ = kustomization(&file, bytes);
    let _ = closure(&mut |_| Some(bytes.to_vec()), &folder);
    if let Ok(after) = register_patch(&file, bytes, "p.yaml") {
        assert_eq!(register_patch(&file, &after, "p.yaml").as_ref(), Ok(&after), "twice is once");
    }
});
