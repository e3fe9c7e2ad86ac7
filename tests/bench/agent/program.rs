//! The program as it is shipped: static, small, in a folder of its own so that nothing else is built again.

use std::path::{Path, PathBuf};
use std::process::Command;

use kubeopt_tests::OrFail;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Builds it where something changed, and gives its path.
pub(super) fn build() -> PathBuf {
    let own = std::env::current_exe().or_fail("find the own program");
    let target = own.ancestors().nth(3).expect("the bench lies in target/PROFILE/deps").join("agent-static");
    let status = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--profile", "agent", "-p", "kubeopt-agent", "--target", TARGET])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .env("CARGO_TARGET_DIR", &target)
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .status()
        .or_fail("run cargo");
    assert!(status.success(), "the agent cannot be built");
    target.join(TARGET).join("agent/kubeopt-agent")
}
