//! Comparing a text with its golden file.

use std::path::Path;

/// Asserts that the text is what the golden file holds, or writes it there when `KUBEOPT_BLESS` is set.
pub(crate) fn assert_golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("KUBEOPT_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} differs; KUBEOPT_BLESS=1 rewrites it. It is now:\n{text}", path.display());
}
