//! A path that is joined to a folder is a valid path of the repository, or refused.
#![no_main]

use kubeopt_model::RepoPath;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str)| {
    let Ok(folder) = RepoPath::new(texts.0) else { return };
    if let Ok(joined) = folder.join(texts.1) {
        assert_eq!(RepoPath::new(joined.as_str()).as_ref(), Ok(&joined));
        assert!(!joined.as_str().starts_with('/'));
        assert!(joined.as_str().split('/').all(|part| part != ".." && !part.eq_ignore_ascii_case(".git")));
    }
});
