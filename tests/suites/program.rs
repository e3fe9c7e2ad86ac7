//! kubeopt as a real process: its configuration, its start, what it says.
//!
//! Knows the command line and the files that operators write; it must not know the crates behind them.

use std::path::{Path, PathBuf};

use kubeopt_tests::process::{Launch, Process};
use kubeopt_tests::{OrFail, servers};
use serde_json::{Value, json};

/// The cluster's name in the configuration.
pub(crate) const CLUSTER: &str = "prod";

/// The forge's name in the configuration.
pub(crate) const FORGE: &str = "gitea";

/// The binary beside the test binary.
///
/// Panics with what to do when it is not there.
pub(crate) fn binary() -> PathBuf {
    let own = std::env::current_exe().or_fail("find the test binary");
    // `target/debug/deps/suites-...` and `target/debug/kubeopt`.
    let folder = own.parent().and_then(Path::parent).expect("a test binary lies in target/PROFILE/deps");
    let binary = folder.join("kubeopt");
    assert!(binary.is_file(), "{} is not built: run `cargo build -p kubeopt`", binary.display());
    binary
}

/// kubeopt in a folder of its own, with the pinned kustomize and helm on its path.
pub(crate) fn launch(name: &str, folder: &Path) -> Launch {
    Launch::new(name, binary())
        .home(folder)
        .env("PATH", servers::path_with_renderers())
        .env("HOSTNAME", "kubeopt-0")
        .env("RUST_LOG", "info,kube_runtime=error")
        .env("NO_COLOR", "1")
}

/// Where kubeopt finds everything: the parts of `kubeopt.yaml` that tests vary.
pub(crate) struct Settings<'a> {
    pub(crate) kubeconfig: &'a Path,
    pub(crate) prometheus: &'a str,
    pub(crate) gitea: &'a str,
    pub(crate) token: &'a str,
    /// `owner/name`.
    pub(crate) repository: &'a str,
    pub(crate) namespace: &'a str,
    /// Usage that was read; runs of one cluster may share it.
    pub(crate) history: &'a Path,
}

impl Settings<'_> {
    /// Writes the token and `kubeopt.yaml`, with `more` keys, to `folder`; gives the file's name.
    pub(crate) fn write(&self, folder: &Path, more: &Value) -> PathBuf {
        let token = folder.join("token");
        std::fs::write(&token, self.token).or_fail("write a token");
        let mut config = json!({
            "clusters": [{
                "name": CLUSTER,
                "kubeconfig": { "file": self.kubeconfig },
                "metrics": { "prometheus": { "url": self.prometheus } },
            }],
            "forges": [{ "name": FORGE, "type": "gitea", "url": self.gitea, "tokenFile": token }],
            "bindings": [{
                "clusters": [CLUSTER], "namespaces": [self.namespace], "forge": FORGE,
                "repository": self.repository, "paths": ["apps/**"],
            }],
            "store": {
                "database": format!("sqlite://{}", database(folder).display()),
                "history": self.history, "git": folder.join("git"),
            },
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            config[key] = value.clone();
        }
        let file = folder.join("kubeopt.yaml");
        // JSON is YAML.
        std::fs::write(&file, config.to_string()).or_fail("write kubeopt.yaml");
        file
    }
}

/// The database of a kubeopt that was set up in this folder.
pub(crate) fn database(folder: &Path) -> PathBuf {
    folder.join("kubeopt.db")
}

/// The log lines of a process that was told `--log-format json`.
pub(crate) fn log_lines(process: &Process) -> Vec<Value> {
    process.log().lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}
