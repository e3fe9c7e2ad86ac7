//! The demo's repository: `examples/shop`, embedded byte for byte.

use kubeopt_model::{FileSet, RepoPath};

macro_rules! embedded {
    ($($path:literal),* $(,)?) => {
        /// Paths and bytes of the embedded files.
        const FILES: &[(&str, &[u8])] =
            &[$(($path, include_bytes!(concat!("../../../../examples/shop/", $path)))),*];
    };
}

embedded!(
    ".kubeopt.yaml",
    "README.md",
    "apps/payments/api.yaml",
    "apps/payments/ledger.yaml",
    "apps/payments/report.yaml",
    "apps/payments/web.yaml",
    "apps/storefront/base/cart.yaml",
    "apps/storefront/base/kustomization.yaml",
    "apps/storefront/overlays/prod/cart-resources.yaml",
    "apps/storefront/overlays/prod/kustomization.yaml",
);

/// The files of the repository.
pub(super) fn files() -> FileSet {
    FILES
        .iter()
        .map(|(path, bytes)| {
            (RepoPath::new(path).expect("embedded paths are literals that a test reads"), bytes.to_vec())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.push(path.strip_prefix(root).unwrap().to_string_lossy().into_owned());
            }
        }
    }

    #[test]
    fn every_file_of_the_example_is_embedded() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/shop");
        let mut on_disk = Vec::new();
        walk(&root, &root, &mut on_disk);
        on_disk.sort();
        let embedded: Vec<String> = super::files().keys().map(|path| path.as_str().to_owned()).collect();
        assert_eq!(embedded, on_disk);
    }
}
