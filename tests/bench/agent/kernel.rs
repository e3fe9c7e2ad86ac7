//! One reading of cgroups that the kernel itself answers for: its files cost more than those of a played tree.

use std::fs;
use std::path::{Path, PathBuf};

use kubeopt_player::real::{CGROUP_ROOT, unavailable};
use kubeopt_player::synthetic;
use kubeopt_tests::process::Launch;

use super::drive::median;
use super::driver::Driven;
use super::footprint::Footprint;

const TREES: [&str; 5] = ["cpu", "cpuacct", "memory", "blkio", "pids"];

const STEP_MS: u64 = 10_000;

/// Five minutes: among them are steps in which everything is read, and steps in which what seldom changes is not.
const STEPS: u64 = 30;

/// Not those of a played tree.
const SEED: u64 = 250;

/// Groups of so many containers, without processes. Dropping it removes them.
struct Groups(Vec<PathBuf>);

impl Groups {
    fn make(root: &Path, containers: u64) -> Result<Self, String> {
        let mut made = Self(Vec::new());
        for number in 0..containers {
            let (pod, id) = synthetic::ids(SEED, number);
            for tree in TREES.iter().filter(|tree| root.join(tree).is_dir()) {
                let pod = root.join(tree).join(format!("kubepods/burstable/pod{pod}"));
                let group = pod.join(id.to_string());
                fs::create_dir_all(&group).map_err(|error| format!("{}: {error}", group.display()))?;
                made.0.extend([pod, group]);
            }
        }
        Ok(made)
    }
}

impl Drop for Groups {
    fn drop(&mut self) {
        // The inner ones were made last. What somebody else uses by now stays.
        for group in self.0.iter().rev() {
            let _stays = fs::remove_dir(group);
        }
        for tree in TREES {
            for above in ["kubepods/burstable", "kubepods"] {
                let _stays = fs::remove_dir(Path::new(CGROUP_ROOT).join(tree).join(above));
            }
        }
    }
}

/// Microseconds of one reading, median and highest, and what the process takes; or why it cannot be measured here.
pub(super) async fn measure(program: &Path, containers: u64) -> Result<((u64, u64), Footprint), String> {
    let root = Path::new(CGROUP_ROOT);
    unavailable(root).map_or(Ok(()), Err)?;
    let _groups = Groups::make(root, containers)?;
    let folder = kubeopt_tests::folder("bench-kernel");
    let launch = Launch::new("agent-kernel", program)
        .home(folder.path())
        .args(["--node", "bench", "--cgroup-root", CGROUP_ROOT, "--listen", "off"])
        .arg("--buffer")
        .arg(folder.path().join("buffer"));
    let began_unix_ms = 1_763_596_800_000;
    let mut agent = Driven::start(launch, folder.path(), began_unix_ms).await;
    let mut reads_us = Vec::new();
    for step in 1..=STEPS {
        let told = agent.advance(began_unix_ms + step * STEP_MS).await;
        reads_us.push(told.read_us);
    }
    let highest = reads_us.iter().copied().max().unwrap_or_default();
    Ok(((median(reads_us), highest), Footprint::of(agent.process.id())))
}
