//! A real container of cgroup version 1: what its files say is what happened. Skipped, with the reason, where the machine
//! does not let one be made.

use std::path::Path;
use std::time::Duration;

use kubeopt_player::real::{CGROUP_ROOT, Limits, RealContainer, unavailable};
use kubeopt_player::synthetic::ids;
use kubeopt_sample::{Bound, CgroupMode, ContainerId, Counters, PodUid, Sample, StatFile};

fn read(pod: &PodUid, id: &ContainerId) -> Counters {
    let mut counters = Counters::default();
    for file in StatFile::of(CgroupMode::V1) {
        let path = format!(
            "{CGROUP_ROOT}/{}/kubepods/burstable/pod{pod}/{id}/{}",
            file.tree().folder(),
            file.name()
        );
        match std::fs::read(path) {
            Ok(bytes) => assert_eq!(counters.read(*file, &bytes), 0, "{file:?}"),
            Err(_) => counters.missing(*file),
        }
    }
    counters
}

#[test]
fn usage_throttling_and_kills_are_read_as_they_happened() {
    if let Some(reason) = unavailable(Path::new(CGROUP_ROOT)) {
        eprintln!("skipped: {reason}");
        return;
    }
    let (pod, id) = ids(u64::from(std::process::id()), 1);
    let limits = Limits { quota_millicores: 200, memory_bytes: 64 << 20 };
    let mut container = RealContainer::start(Path::new(CGROUP_ROOT), &pod, &id, limits).unwrap();

    container.spin(1).unwrap();
    let (cpu_before, before) = (container.shell_cpu_ns().unwrap(), read(&pod, &id));
    container.spin(400_000).unwrap();
    let (cpu_after, after) = (container.shell_cpu_ns().unwrap(), read(&pod, &id));
    let sample = Sample::between(&before, &after, Duration::from_secs(60));
    let (truth, found) = ((cpu_after - cpu_before) / 1000, sample.cpu_used_us.unwrap());
    eprintln!(
        "CPU of the process {truth} us, of the group {found} us; held back {:?} us",
        sample.cpu_throttled_us
    );
    assert!(truth.abs_diff(found) * 20 <= truth, "{truth} us of CPU were read as {found}");
    assert!(sample.cfs_periods_throttled > Some(0) && sample.cpu_throttled_us > Some(0), "{sample:?}");
    assert_eq!(after.quota_millicores(), Some(Bound::At(200)));
    assert_eq!((after.memory_limit_bytes, after.oom_kills), (Some(Bound::At(64 << 20)), Some(0)));

    assert_eq!(container.allocate(16 << 20).unwrap(), 0);
    let grown = read(&pod, &id);
    assert!(grown.memory_peak_bytes > Some(16 << 20) && grown.oom_kills == Some(0), "{grown:?}");
    assert_eq!(container.allocate(128 << 20).unwrap(), 137, "killed");
    let killed = read(&pod, &id);
    assert_eq!(Sample::between(&grown, &killed, Duration::from_secs(1)).oom_kills, Some(1));
    assert!(killed.memory_peak_bytes <= Some(64 << 20));

    let group = format!("{CGROUP_ROOT}/memory/kubepods/burstable/pod{pod}");
    assert!(Path::new(&group).exists());
    drop(container);
    assert!(!Path::new(&group).exists(), "nothing stays behind");
}
