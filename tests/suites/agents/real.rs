//! Cgroups of the kernel itself, version 1, where this machine lets tests make them: what the agent says of a container that
//! works under a quota and is killed for memory, beside what the scheduler and the shell say.

use std::path::Path;

use kubeopt_agent::unpack;
use kubeopt_buffer::{Buffer, Chunk, FolderDisk, Limits};
use kubeopt_player::real::{self, CGROUP_ROOT, RealContainer};
use kubeopt_player::synthetic;
use kubeopt_proto::ContainerSeries;
use kubeopt_tests::OrFail;
use kubeopt_tests::process::Launch;

use super::driver::Driven;
use super::node::agent_binary;

const STEP_MS: u64 = 10_000;
const MIB: u64 = 1 << 20;

/// 10 s of the agent's time, whatever it is for the kernel: counters do not ask.
const BEGAN_UNIX_MS: u64 = 1_763_596_800_000;

/// Some tenths of a second of CPU on any machine: several periods of a quota of a fifth of a core.
const ROUNDS: u32 = 1_000_000;

#[tokio::test(flavor = "multi_thread")]
async fn real_cgroups_are_told_as_the_kernel_counts_them() {
    let root = Path::new(CGROUP_ROOT);
    if let Some(why) = real::unavailable(root) {
        eprintln!("skipped: {why}");
        return;
    }
    let folder = kubeopt_tests::folder("agents-real");
    let (pod, id) = synthetic::ids(u64::from(std::process::id()), 1);
    let limits = real::Limits { quota_millicores: 200, memory_bytes: 64 * MIB };
    let mut container = RealContainer::start(root, &pod, &id, limits).or_fail("make a real container");
    let launch = Launch::new("agent-real", agent_binary())
        .home(folder.path())
        .args(["--node", "here", "--cgroup-root", CGROUP_ROOT, "--listen", "off", "--batch-steps", "1"])
        .arg("--buffer")
        .arg(folder.path().join("buffer"));
    let mut agent = Driven::start(launch, folder.path(), BEGAN_UNIX_MS).await;
    agent.advance(BEGAN_UNIX_MS + STEP_MS).await;

    let before_ns = container.shell_cpu_ns().or_fail("ask the scheduler");
    container.spin(ROUNDS).or_fail("work");
    let spent_us = (container.shell_cpu_ns().or_fail("ask the scheduler") - before_ns) / 1000;
    agent.advance(BEGAN_UNIX_MS + 2 * STEP_MS).await;
    let exit = container.allocate(256 * MIB).or_fail("fill memory");
    assert_eq!(exit, 137, "the kernel kills what goes beyond the limit");
    let end = agent.advance(BEGAN_UNIX_MS + 4 * STEP_MS).await;
    assert!(end.kept_seq >= 3, "{end:?}");
    agent.process.kill();

    let told = told(&folder.path().join("buffer"), &id.to_string());
    let sum = |list: fn(&ContainerSeries) -> &Vec<u64>| told.iter().flat_map(list).sum::<u64>();
    // The first reading has nothing before it; the second one has the work, and the next what was killed.
    let used_us: u64 = told[0].cpu_used_us.iter().sum();
    let off = used_us.abs_diff(spent_us) as f64 / spent_us as f64;
    assert!(off <= 0.05, "the agent says {used_us} us of CPU, the scheduler {spent_us} us: {told:?}");
    let throttled: u32 = told.iter().flat_map(|part| &part.cfs_periods_throttled).sum();
    assert!(throttled > 0 && sum(|part| &part.cpu_throttled_us) > 0, "{told:?}");
    assert_eq!(told.iter().map(|part| part.oom_kills).sum::<u32>(), 1);
    let last = told.last().expect("it was told of");
    assert_eq!((last.memory_limit_bytes, last.cpu_quota_millicores), (64 * MIB, 200));
}

/// What lies in an agent's buffer of one container, batch by batch.
fn told(buffer: &Path, container_id: &str) -> Vec<ContainerSeries> {
    let disk = FolderDisk::open(buffer).or_fail("open the buffer");
    let mut buffer = Buffer::open(disk, Limits::default()).or_fail("read the buffer");
    let (mut chunk, mut after, mut told) = (Chunk::default(), 0, Vec::new());
    loop {
        buffer.chunk_after(after, &mut chunk).or_fail("read the buffer");
        if chunk.is_empty() {
            return told;
        }
        for (seq, bytes) in chunk.records() {
            after = seq;
            let batch = unpack(bytes).or_fail("read a batch");
            told.extend(batch.containers.into_iter().filter(|series| series.container_id == container_id));
        }
    }
}
