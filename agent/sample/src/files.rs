//! The files that tell of a container, where each stands, and how often it is worth reading.

use crate::{CgroupMode, Counters, v1, v2};

/// Which tree of the cgroup root a file stands in; a container's path is the same in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tree {
    /// The root itself, of version 2.
    Root,
    /// `cpu` of version 1.
    Cpu,
    /// `cpuacct` of version 1.
    Cpuacct,
    /// `memory` of version 1.
    Memory,
    /// `blkio` of version 1.
    Blkio,
    /// `pids` of version 1.
    Pids,
    /// `unified`: version 2 beside version 1.
    Unified,
}

impl Tree {
    /// The folder below the cgroup root; empty for the root itself.
    #[must_use]
    pub fn folder(self) -> &'static str {
        match self {
            Self::Root => "",
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Memory => "memory",
            Self::Blkio => "blkio",
            Self::Pids => "pids",
            Self::Unified => "unified",
        }
    }
}

/// How often a file is worth reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cadence {
    /// Each second of a container that is watched closely, and each step.
    Second,
    /// Each step.
    Step,
    /// When the container is first seen, and now and then: what people set, and what integrates anyway.
    Seldom,
}

/// A file that tells of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StatFile {
    /// `cpu.stat` of version 2: time used, periods, throttling in microseconds.
    CpuStat,
    /// `cpu.max`: quota and period.
    CpuMax,
    /// `memory.current`.
    MemoryCurrent,
    /// `memory.stat` of version 2: the container with what is below it.
    MemoryStat,
    /// `memory.max`.
    MemoryMax,
    /// `memory.peak`, from Linux 5.19.
    MemoryPeak,
    /// `memory.events`: kills.
    MemoryEvents,
    /// `cpu.pressure`.
    CpuPressure,
    /// `memory.pressure`.
    MemoryPressure,
    /// `io.pressure`.
    IoPressure,
    /// `io.stat`.
    IoStat,
    /// `pids.current`.
    PidsCurrent,
    /// `cpuacct.usage`: time used, in nanoseconds.
    V1CpuUsage,
    /// `cpu.stat` of version 1: periods, and throttling in nanoseconds.
    V1CpuStat,
    /// `cpu.cfs_quota_us`; -1 for none.
    V1CpuQuota,
    /// `cpu.cfs_period_us`.
    V1CpuPeriod,
    /// `memory.usage_in_bytes`, which the kernel does not keep exact.
    V1MemoryUsage,
    /// `memory.stat` of version 1, of which the lines `total_` count what is below it too.
    V1MemoryStat,
    /// `memory.limit_in_bytes`; the highest multiple of a page for none.
    V1MemoryLimit,
    /// `memory.max_usage_in_bytes`.
    V1MemoryPeak,
    /// `memory.oom_control`, with kills from Linux 4.13.
    V1OomControl,
    /// `blkio.throttle.io_service_bytes`.
    V1IoBytes,
    /// `pids.current` of version 1.
    V1PidsCurrent,
    /// `cpu.pressure` of the unified tree beside version 1.
    UnifiedCpuPressure,
    /// `memory.pressure` of the unified tree beside version 1.
    UnifiedMemoryPressure,
    /// `io.pressure` of the unified tree beside version 1.
    UnifiedIoPressure,
}

const V2: &[StatFile] = &[
    StatFile::CpuStat,
    StatFile::CpuPressure,
    StatFile::MemoryCurrent,
    StatFile::MemoryStat,
    StatFile::MemoryEvents,
    StatFile::MemoryPeak,
    StatFile::MemoryPressure,
    StatFile::IoPressure,
    StatFile::CpuMax,
    StatFile::MemoryMax,
    StatFile::IoStat,
    StatFile::PidsCurrent,
];

const HYBRID: &[StatFile] = &[
    StatFile::V1CpuUsage,
    StatFile::V1CpuStat,
    StatFile::V1MemoryUsage,
    StatFile::V1MemoryStat,
    StatFile::V1OomControl,
    StatFile::V1MemoryPeak,
    StatFile::V1CpuQuota,
    StatFile::V1CpuPeriod,
    StatFile::V1MemoryLimit,
    StatFile::V1IoBytes,
    StatFile::V1PidsCurrent,
    StatFile::UnifiedCpuPressure,
    StatFile::UnifiedMemoryPressure,
    StatFile::UnifiedIoPressure,
];

const UNIFIED_FILES: usize = 3;

impl StatFile {
    /// The files of a mode. Any of them may be missing: an older kernel, or a controller that is not enabled.
    #[must_use]
    pub fn of(mode: CgroupMode) -> &'static [Self] {
        match mode {
            CgroupMode::V2 => V2,
            CgroupMode::Hybrid => HYBRID,
            CgroupMode::V1 => &HYBRID[..HYBRID.len() - UNIFIED_FILES],
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn tree(self) -> Tree {
        match self {
            Self::CpuStat
            | Self::CpuMax
            | Self::MemoryCurrent
            | Self::MemoryStat
            | Self::MemoryMax
            | Self::MemoryPeak
            | Self::MemoryEvents
            | Self::CpuPressure
            | Self::MemoryPressure
            | Self::IoPressure
            | Self::IoStat
            | Self::PidsCurrent => Tree::Root,
            Self::V1CpuUsage => Tree::Cpuacct,
            Self::V1CpuStat | Self::V1CpuQuota | Self::V1CpuPeriod => Tree::Cpu,
            Self::V1MemoryUsage
            | Self::V1MemoryStat
            | Self::V1MemoryLimit
            | Self::V1MemoryPeak
            | Self::V1OomControl => Tree::Memory,
            Self::V1IoBytes => Tree::Blkio,
            Self::V1PidsCurrent => Tree::Pids,
            Self::UnifiedCpuPressure | Self::UnifiedMemoryPressure | Self::UnifiedIoPressure => Tree::Unified,
        }
    }

    /// Its name in the container's folder.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CpuStat | Self::V1CpuStat => "cpu.stat",
            Self::CpuMax => "cpu.max",
            Self::MemoryCurrent => "memory.current",
            Self::MemoryStat | Self::V1MemoryStat => "memory.stat",
            Self::MemoryMax => "memory.max",
            Self::MemoryPeak => "memory.peak",
            Self::MemoryEvents => "memory.events",
            Self::CpuPressure | Self::UnifiedCpuPressure => "cpu.pressure",
            Self::MemoryPressure | Self::UnifiedMemoryPressure => "memory.pressure",
            Self::IoPressure | Self::UnifiedIoPressure => "io.pressure",
            Self::IoStat => "io.stat",
            Self::PidsCurrent | Self::V1PidsCurrent => "pids.current",
            Self::V1CpuUsage => "cpuacct.usage",
            Self::V1CpuQuota => "cpu.cfs_quota_us",
            Self::V1CpuPeriod => "cpu.cfs_period_us",
            Self::V1MemoryUsage => "memory.usage_in_bytes",
            Self::V1MemoryLimit => "memory.limit_in_bytes",
            Self::V1MemoryPeak => "memory.max_usage_in_bytes",
            Self::V1OomControl => "memory.oom_control",
            Self::V1IoBytes => "blkio.throttle.io_service_bytes",
        }
    }

    /// How often it is worth reading.
    #[must_use]
    pub fn cadence(self) -> Cadence {
        match self {
            Self::CpuStat | Self::V1CpuUsage => Cadence::Second,
            Self::MemoryCurrent
            | Self::MemoryStat
            | Self::MemoryPeak
            | Self::MemoryEvents
            | Self::CpuPressure
            | Self::MemoryPressure
            | Self::IoPressure
            | Self::V1CpuStat
            | Self::V1MemoryUsage
            | Self::V1MemoryStat
            | Self::V1MemoryPeak
            | Self::V1OomControl
            | Self::UnifiedCpuPressure
            | Self::UnifiedMemoryPressure
            | Self::UnifiedIoPressure => Cadence::Step,
            Self::CpuMax
            | Self::MemoryMax
            | Self::IoStat
            | Self::PidsCurrent
            | Self::V1CpuQuota
            | Self::V1CpuPeriod
            | Self::V1MemoryLimit
            | Self::V1IoBytes
            | Self::V1PidsCurrent => Cadence::Seldom,
        }
    }
}

impl Counters {
    /// Takes the content of a file: its values replace those that it told before, and what it does not tell any more is
    /// absent. Returns how many values were there and not understood; 0 when all is well.
    pub fn read(&mut self, file: StatFile, bytes: &[u8]) -> u32 {
        match file {
            StatFile::CpuStat => v2::cpu_stat(self, bytes),
            StatFile::CpuMax => v2::cpu_max(self, bytes),
            StatFile::MemoryCurrent | StatFile::V1MemoryUsage => {
                v2::single_memory(&mut self.memory_bytes, bytes)
            }
            StatFile::MemoryStat => v2::memory_stat(self, bytes, [b"anon", b"inactive_file"]),
            StatFile::V1MemoryStat => v2::memory_stat(self, bytes, [b"total_rss", b"total_inactive_file"]),
            StatFile::MemoryMax | StatFile::V1MemoryLimit => v2::memory_max(self, bytes),
            StatFile::MemoryPeak | StatFile::V1MemoryPeak => {
                v2::single_memory(&mut self.memory_peak_bytes, bytes)
            }
            StatFile::MemoryEvents => v2::keyed(&mut self.oom_kills, bytes, b"oom_kill"),
            StatFile::CpuPressure | StatFile::UnifiedCpuPressure => {
                v2::pressure(&mut self.cpu_waited_us, bytes)
            }
            StatFile::MemoryPressure | StatFile::UnifiedMemoryPressure => {
                v2::pressure(&mut self.memory_waited_us, bytes)
            }
            StatFile::IoPressure | StatFile::UnifiedIoPressure => v2::pressure(&mut self.io_waited_us, bytes),
            StatFile::IoStat => v2::io_stat(self, bytes),
            StatFile::PidsCurrent | StatFile::V1PidsCurrent => v2::pids(self, bytes),
            StatFile::V1CpuUsage => v1::cpu_usage(self, bytes),
            StatFile::V1CpuStat => v1::cpu_stat(self, bytes),
            StatFile::V1CpuQuota => v1::cpu_quota(self, bytes),
            StatFile::V1CpuPeriod => v2::single(&mut self.cfs_period_us, bytes),
            StatFile::V1OomControl => v1::oom_control(self, bytes),
            StatFile::V1IoBytes => v1::io_bytes(self, bytes),
        }
    }

    /// The file is not there: what it told is absent.
    pub fn missing(&mut self, file: StatFile) {
        // Nothing is understood of no bytes, except where no line means that nothing happened.
        self.read(file, b"");
        if matches!(file, StatFile::IoStat | StatFile::V1IoBytes) {
            self.io_read_bytes = None;
            self.io_written_bytes = None;
        }
    }
}
