//! Where a container's files stand and what they say, per layout. Written from the kernel's documentation and from looks at
//! real files, and on purpose not with `agent/sample`'s reader in hand: the two are compared.

use std::fmt::Write;

use kubeopt_sample::{CgroupMode, ContainerId, PodUid};

use crate::account::Account;
use crate::load::Container;

/// What kind of tree is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// Version 2, systemd driver, containerd.
    SystemdV2,
    /// Version 2, cgroupfs driver.
    CgroupfsV2,
    /// Version 2, systemd driver, CRI-O with a group of the runtime's below each container.
    CrioV2,
    /// Version 2, kubelet with a root of its own, as kind has it.
    KindV2,
    /// Version 1, cgroupfs driver.
    CgroupfsV1,
    /// Version 1, systemd driver, and a unified tree with pressure.
    SystemdHybrid,
}

/// A file: its path below the root, and its content.
pub(crate) type Entry = (String, String);

impl Layout {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::SystemdV2,
        Self::CgroupfsV2,
        Self::CrioV2,
        Self::KindV2,
        Self::CgroupfsV1,
        Self::SystemdHybrid,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SystemdV2 => "systemd-v2",
            Self::CgroupfsV2 => "cgroupfs-v2",
            Self::CrioV2 => "crio-v2",
            Self::KindV2 => "kind-v2",
            Self::CgroupfsV1 => "cgroupfs-v1",
            Self::SystemdHybrid => "systemd-hybrid",
        }
    }

    /// What a reader should take it for.
    #[must_use]
    pub fn mode(self) -> CgroupMode {
        match self {
            Self::SystemdV2 | Self::CgroupfsV2 | Self::CrioV2 | Self::KindV2 => CgroupMode::V2,
            Self::CgroupfsV1 => CgroupMode::V1,
            Self::SystemdHybrid => CgroupMode::Hybrid,
        }
    }

    /// The container's folder, the same in each tree.
    #[must_use]
    pub fn folder(self, container: &Container) -> String {
        let has_limits = container.quota_millicores.is_some() || container.limit_bytes.is_some();
        let class = if has_limits { "burstable" } else { "besteffort" };
        let (pod, id) = (container.pod_uid, container.container_id);
        match self {
            Self::SystemdV2 | Self::SystemdHybrid => {
                systemd("", class, &pod, &format!("cri-containerd-{id}"))
            }
            Self::CrioV2 => systemd("", class, &pod, &format!("crio-{id}")),
            Self::KindV2 => systemd("kubelet", class, &pod, &format!("cri-containerd-{id}")),
            Self::CgroupfsV2 | Self::CgroupfsV1 => cgroupfs(class, &pod, &id),
        }
    }

    /// The trees of a root, and the files at it.
    pub(crate) fn root(self) -> (&'static [&'static str], Vec<Entry>) {
        let file = |path: &str, content: &str| vec![(path.to_owned(), content.to_owned())];
        match self.mode() {
            CgroupMode::V2 => {
                (&[], file("cgroup.controllers", "cpuset cpu io memory hugetlb pids rdma misc\n"))
            }
            CgroupMode::V1 => (V1_TREES, Vec::new()),
            CgroupMode::Hybrid => (HYBRID_TREES, file("unified/cgroup.controllers", "hugetlb\n")),
        }
    }

    /// The folders of a container that are made and removed.
    pub(crate) fn folders(self, container: &Container) -> Vec<String> {
        let own = self.folder(container);
        match self {
            Self::SystemdV2 | Self::CgroupfsV2 | Self::KindV2 => vec![own],
            Self::CrioV2 => vec![format!("{own}/container"), own],
            Self::CgroupfsV1 => V1_TREES.iter().map(|tree| format!("{tree}/{own}")).collect(),
            Self::SystemdHybrid => HYBRID_TREES.iter().map(|tree| format!("{tree}/{own}")).collect(),
        }
    }

    /// All files of a container.
    pub(crate) fn files(self, container: &Container, account: &Account) -> Vec<Entry> {
        let own = self.folder(container);
        match self {
            Self::SystemdV2 | Self::CgroupfsV2 | Self::KindV2 => v2(&own, container, account),
            Self::CrioV2 => {
                let mut all = v2(&own, container, account);
                all.push((format!("{own}/container/cpu.stat"), cpu_stat_v2(None, account)));
                all
            }
            Self::CgroupfsV1 => v1(&own, container, account),
            Self::SystemdHybrid => {
                let mut all = v1(&own, container, account);
                all.extend(pressures(&format!("unified/{own}"), account));
                all
            }
        }
    }
}

const V1_TREES: &[&str] = &["cpu", "cpuacct", "memory", "blkio", "pids"];
const HYBRID_TREES: &[&str] = &["cpu", "cpuacct", "memory", "blkio", "pids", "unified"];

/// Each level repeats the names above it.
fn systemd(root: &str, class: &str, pod: &PodUid, unit: &str) -> String {
    let uid = pod.to_string().replace('-', "_");
    let (above, prefix) = match root {
        "" => (String::new(), String::new()),
        root => (format!("{root}.slice/"), format!("{root}-")),
    };
    format!(
        "{above}{prefix}kubepods.slice/{prefix}kubepods-{class}.slice/{prefix}kubepods-{class}-pod{uid}.slice/{unit}.scope"
    )
}

fn cgroupfs(class: &str, pod: &PodUid, id: &ContainerId) -> String {
    format!("kubepods/{class}/pod{pod}/{id}")
}

const PERIOD_US: u64 = 100_000;

fn quota_us(container: &Container) -> Option<u64> {
    container.quota_millicores.map(|millicores| millicores * PERIOD_US / 1000)
}

fn cpu_stat_v2(quota: Option<u64>, account: &Account) -> String {
    let used = account.cpu_used_us;
    let user = used / 3 * 2;
    let system = used - user;
    let mut text = format!("usage_usec {used}\nuser_usec {user}\nsystem_usec {system}\nnice_usec 0\n");
    if quota.is_some() {
        let Account { cfs_periods, cfs_periods_throttled, cpu_throttled_us, .. } = account;
        // Writing to a text cannot fail.
        let _ = write!(
            text,
            "nr_periods {cfs_periods}\nnr_throttled {cfs_periods_throttled}\nthrottled_usec {cpu_throttled_us}\n\
             nr_bursts 0\nburst_usec 0\n"
        );
    }
    text
}

fn pressure(total: u64) -> String {
    let averages = "avg10=0.00 avg60=0.00 avg300=0.00";
    format!("some {averages} total={total}\nfull {averages} total=0\n")
}

fn pressures(folder: &str, account: &Account) -> [Entry; 3] {
    [("cpu", account.cpu_waited_us), ("memory", account.memory_waited_us), ("io", 0)]
        .map(|(name, total)| (format!("{folder}/{name}.pressure"), pressure(total)))
}

fn v2(folder: &str, container: &Container, account: &Account) -> Vec<Entry> {
    let quota = quota_us(container);
    let or_max = |bound: Option<u64>| bound.map_or_else(|| "max".to_owned(), |bound| bound.to_string());
    let Account { working_set_bytes: anon, cache_bytes: file, oom_kills: kills, .. } = account;
    let named = |name: &str, content: String| (format!("{folder}/{name}"), content);
    let mut all = vec![
        named("cpu.stat", cpu_stat_v2(quota, account)),
        named("cpu.max", format!("{} {PERIOD_US}\n", or_max(quota))),
        named("memory.current", format!("{}\n", account.memory_bytes())),
        named(
            "memory.stat",
            format!(
                "anon {anon}\nfile {file}\nkernel 1228800\nkernel_stack 147456\npagetables 290816\nsock 4096\n\
                 shmem 0\nfile_mapped 0\nfile_dirty 0\nfile_writeback 0\nswapcached 0\nanon_thp 0\n\
                 inactive_anon {anon}\nactive_anon 0\ninactive_file {file}\nactive_file 0\nunevictable 0\n\
                 slab_reclaimable 417792\nslab_unreclaimable 388256\nslab 806048\npgfault 88123\npgmajfault 17\n"
            ),
        ),
        named("memory.max", format!("{}\n", or_max(container.limit_bytes))),
        named("memory.peak", format!("{}\n", account.memory_peak_bytes)),
        named(
            "memory.events",
            format!("low 0\nhigh 0\nmax {kills}\noom {kills}\noom_kill {kills}\noom_group_kill 0\n"),
        ),
        named("io.stat", "253:0 rbytes=0 wbytes=0 rios=0 wios=0 dbytes=0 dios=0\n".to_owned()),
        named("pids.current", "1\n".to_owned()),
    ];
    all.extend(pressures(folder, account));
    all
}

fn v1(folder: &str, container: &Container, account: &Account) -> Vec<Entry> {
    let quota = quota_us(container).map_or_else(|| "-1".to_owned(), |quota| quota.to_string());
    let limit = container.limit_bytes.unwrap_or(9_223_372_036_854_771_712);
    let Account { working_set_bytes: rss, cache_bytes: cache, oom_kills: kills, .. } = account;
    let Account { cfs_periods, cfs_periods_throttled, .. } = account;
    let throttled_ns = u128::from(account.cpu_throttled_us) * 1000;
    let used_ns = u128::from(account.cpu_used_us) * 1000;
    let named = |tree: &str, name: &str, content: String| (format!("{tree}/{folder}/{name}"), content);
    vec![
        named("cpuacct", "cpuacct.usage", format!("{used_ns}\n")),
        named(
            "cpu",
            "cpu.stat",
            format!(
                "nr_periods {cfs_periods}\nnr_throttled {cfs_periods_throttled}\nthrottled_time {throttled_ns}\n\
                 nr_bursts 0\nburst_time 0\n"
            ),
        ),
        named("cpu", "cpu.cfs_quota_us", format!("{quota}\n")),
        named("cpu", "cpu.cfs_period_us", format!("{PERIOD_US}\n")),
        named("memory", "memory.usage_in_bytes", format!("{}\n", account.memory_bytes())),
        named(
            "memory",
            "memory.stat",
            format!(
                "cache 0\nrss 0\ninactive_file 0\nhierarchical_memory_limit {limit}\ntotal_cache {cache}\n\
                 total_rss {rss}\ntotal_inactive_anon 0\ntotal_active_anon {rss}\ntotal_inactive_file {cache}\n\
                 total_active_file 0\ntotal_unevictable 0\n"
            ),
        ),
        named("memory", "memory.limit_in_bytes", format!("{limit}\n")),
        named("memory", "memory.max_usage_in_bytes", format!("{}\n", account.memory_peak_bytes)),
        named("memory", "memory.oom_control", format!("oom_kill_disable 0\nunder_oom 0\noom_kill {kills}\n")),
        named("blkio", "blkio.throttle.io_service_bytes", "Total 0\n".to_owned()),
        named("pids", "pids.current", "1\n".to_owned()),
    ]
}
