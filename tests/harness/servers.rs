//! Where the servers are: the cache that `tests/servers/build` fills.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::OrFail;

/// Folders by server name, as the build script tells them: the names carry a hash of the pins.
static FOLDERS: LazyLock<BTreeMap<String, PathBuf>> = LazyLock::new(|| {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("servers/build");
    let output = Command::new(&script).arg("--list").output().or_fail("run tests/servers/build --list");
    assert!(
        output.status.success(),
        "tests/servers/build --list failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, folder)| (name.to_owned(), PathBuf::from(folder)))
        .collect()
});

/// Whether suites that need servers run. `KUBEOPT_E2E=off` leaves them out, and each says so.
#[expect(clippy::print_stderr, reason = "the summary of a run names the suites that were left out")]
pub fn servers_enabled() -> bool {
    let enabled = std::env::var_os("KUBEOPT_E2E").is_none_or(|value| value != "off");
    if !enabled {
        let test = std::thread::current();
        eprintln!("left out (KUBEOPT_E2E=off): {}", test.name().unwrap_or("a suite that needs servers"));
    }
    enabled
}

/// The folder of a server in the cache.
///
/// Panics with what to do when the server has not been built.
pub fn folder(server: &str) -> &'static Path {
    let folder = FOLDERS.get(server).map(PathBuf::as_path);
    match folder {
        Some(folder) if folder.is_dir() => folder,
        _ => panic!("the server {server} is not built: run tests/servers/build"),
    }
}

/// A program of a server, for example `program("prometheus", "promtool")`.
pub fn program(server: &str, name: &str) -> PathBuf {
    let path = folder(server).join("bin").join(name);
    assert!(path.is_file(), "the server {server} has no program {name}: run tests/servers/build");
    path
}

/// The pinned `kustomize`, for tests that render.
pub fn kustomize() -> PathBuf {
    // Go names a program built from ".../v5" by the element before the version.
    program("kustomize", "kustomize")
}

/// The pinned `helm`, for tests that render.
pub fn helm() -> PathBuf {
    program("helm", "helm")
}

/// A search path with the pinned kustomize and helm before what the machine has.
pub fn path_with_renderers() -> OsString {
    let pinned = [kustomize(), helm()];
    let folders = pinned.iter().filter_map(|program| program.parent()).map(Path::to_owned);
    let system = std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    std::env::join_paths(folders.chain(std::env::split_paths(&system))).or_fail("join the path")
}
