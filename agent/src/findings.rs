//! What is unusual in one container, told when it opens, worsens or ends.

use kubeopt_proto::{FindingKind, FindingSeverity, LoadKind, NodeFinding};
use kubeopt_sample::{Bound, ContainerPath, Counters, Sample};
use kubeopt_signal::{
    DriftDetector, Evidence, Finding, KillCounter, Kind, LeakDetector, LimitSample, MemorySample, Patience,
    SaturationDetector, Severity, SpikeDetector, SpikeRule, Turn, Watch,
};

/// Steps come every ten seconds; two minutes without one are a gap.
const GAP_S: i64 = 120;

/// A spike and what happens at limits are over after ten quiet minutes: less would tell a bursting container all day.
const BURST: Patience = Patience { open_after_s: 0, resolve_after_s: 600 };

/// The verdict of a leak changes with the hour; one that wavers is the same leak.
const LEAK: Patience = Patience { open_after_s: 0, resolve_after_s: 12 * 3600 };

/// The verdict of drift changes with the day.
const DRIFT: Patience = Patience { open_after_s: 0, resolve_after_s: 24 * 3600 };

/// The detectors of one container, about 8 KB.
#[derive(Debug)]
pub(crate) struct Detectors {
    spike: (SpikeDetector, Watch),
    leak: (LeakDetector, Watch),
    drift: [(DriftDetector, Watch); 2],
    saturation: [(SaturationDetector, Watch); 2],
    kills: KillCounter,
}

impl Detectors {
    pub(crate) fn new() -> Self {
        let drift = || (DriftDetector::default(), Watch::new(DRIFT));
        let saturation = || (SaturationDetector::new(GAP_S), Watch::new(BURST));
        Self {
            spike: (SpikeDetector::new(SpikeRule::cpu_by_10_seconds(None)), Watch::new(BURST)),
            leak: (LeakDetector::new(GAP_S), Watch::new(LEAK)),
            drift: [drift(), drift()],
            saturation: [saturation(), saturation()],
            kills: KillCounter::default(),
        }
    }

    /// Takes a step and tells what changed.
    pub(crate) fn look(
        &mut self,
        path: &ContainerPath,
        unix_ms: u64,
        sample: &Sample,
        counters: &Counters,
        tell: &mut dyn FnMut(NodeFinding),
    ) {
        let at = i64::try_from(unix_ms / 1000).unwrap_or(i64::MAX);
        let span = sample.span_us.max(1) as f64;
        let ratio = |us: Option<u64>| us.map(|us| us as f64 / span);
        let mut turned = |turn: Turn, load: LoadKind| {
            if let Some(told) = told(path, turn, load, unix_ms) {
                tell(told);
            }
        };
        if let Some(cpu) = sample.cpu_millicores() {
            let limit = counters.quota_millicores().and_then(Bound::at).map(|limit| limit as f64);
            let cpu = cpu as f64;
            let found = self.spike.0.push(at, cpu);
            turned(
                self.spike.1.look(at, found.map(|found| (found.severity_at_limit(limit), found))),
                LoadKind::Cpu,
            );
            turned(drifted(&mut self.drift[0], at, cpu), LoadKind::Cpu);
            let throttled = match (sample.cfs_periods_throttled, sample.cfs_periods) {
                (Some(throttled), Some(periods)) if periods > 0 => Some(throttled as f64 / periods as f64),
                (Some(_) | None, _) => None,
            };
            let sample = LimitSample {
                at_unix_s: at,
                throttled_ratio: throttled,
                pressure_ratio: ratio(sample.cpu_waited_us),
                used_of_limit: share(cpu, limit),
            };
            turned(saturated(&mut self.saturation[0], &sample), LoadKind::Cpu);
        }
        if let Some(bytes) = sample.working_set_bytes {
            let limit = counters.memory_limit_bytes.and_then(Bound::at).map(|limit| limit as f64);
            let bytes = bytes as f64;
            // What has no file is what leaks; the working set where it is not told.
            let leaking = sample.anon_bytes.map_or(bytes, |anon| anon as f64);
            let memory =
                MemorySample { at_unix_s: at, bytes: leaking, limit_bytes: limit, request_bytes: None };
            let found = self.leak.0.push(&memory);
            turned(self.leak.1.look(at, found.map(|found| (found.severity(), found))), LoadKind::Memory);
            turned(drifted(&mut self.drift[1], at, bytes), LoadKind::Memory);
            let sample = LimitSample {
                at_unix_s: at,
                throttled_ratio: None,
                pressure_ratio: ratio(sample.memory_waited_us),
                used_of_limit: share(bytes, limit),
            };
            turned(saturated(&mut self.saturation[1], &sample), LoadKind::Memory);
        }
        if let Some(evidence) = counters.oom_kills.and_then(|kills| self.kills.push(kills)) {
            let severity = evidence.severity();
            let kill =
                Finding { kind: Kind::OutOfMemory, severity, since_unix_s: at, last_unix_s: at, evidence };
            turned(Turn::Opened(kill), LoadKind::Memory);
        }
    }
}

fn drifted((detector, watch): &mut (DriftDetector, Watch), at: i64, value: f64) -> Turn {
    let found = detector.push(at, value);
    watch.look(at, found.map(|found| (found.severity(), found)))
}

fn saturated((detector, watch): &mut (SaturationDetector, Watch), sample: &LimitSample) -> Turn {
    let found = detector.push(sample);
    watch.look(sample.at_unix_s, found.map(|found| (found.severity(), found)))
}

fn share(value: f64, limit: Option<f64>) -> Option<f64> {
    limit.filter(|limit| *limit > 0.0).map(|limit| value / limit)
}

fn told(path: &ContainerPath, turn: Turn, load: LoadKind, unix_ms: u64) -> Option<NodeFinding> {
    let (finding, resolved) = match turn {
        Turn::Same => return None,
        Turn::Opened(finding) | Turn::Worsened(finding) => (finding, false),
        Turn::Resolved(finding) => (finding, true),
    };
    let ms = |unix_s: i64| u64::try_from(unix_s).unwrap_or(0).saturating_mul(1000);
    let (bytes_per_hour, eta_s) = match finding.evidence {
        Evidence::Leak { bytes_per_hour, eta_s, .. } => (bytes_per_hour.max(0.0) as u64, eta_s),
        Evidence::Spike { .. }
        | Evidence::Shift { .. }
        | Evidence::Drift { .. }
        | Evidence::Saturation { .. }
        | Evidence::OutOfMemory { .. } => (0, None),
    };
    Some(NodeFinding {
        pod_uid: path.pod_uid.to_string(),
        container_id: path.container_id.to_string(),
        kind: kind(finding.kind).into(),
        load: load.into(),
        severity: severity(finding.severity).into(),
        since_unix_ms: ms(finding.since_unix_s),
        at_unix_ms: unix_ms,
        resolved,
        bytes_per_hour: bytes_per_hour.min(1 << 60),
        limit_reached_unix_ms: eta_s
            .map_or(0, |eta| ms(finding.last_unix_s.saturating_add(eta)).min(YEAR_9999_MS)),
    })
}

/// The last millisecond that the controller takes for a time.
const YEAR_9999_MS: u64 = 253_402_300_799_999;

fn kind(kind: Kind) -> FindingKind {
    match kind {
        Kind::Spike => FindingKind::Spike,
        Kind::Shift | Kind::Drift => FindingKind::Drift,
        Kind::Leak => FindingKind::Leak,
        Kind::Saturation => FindingKind::Saturation,
        Kind::OutOfMemory => FindingKind::Kill,
    }
}

fn severity(severity: Severity) -> FindingSeverity {
    match severity {
        Severity::Low => FindingSeverity::Low,
        Severity::Medium => FindingSeverity::Medium,
        Severity::High => FindingSeverity::High,
        Severity::Critical => FindingSeverity::Critical,
    }
}
