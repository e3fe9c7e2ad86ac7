//! A finding: something unusual in the usage of a container, how bad it is, and what became of it.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::quantity::{Amount, Resource};
use crate::workload::ContainerId;

pub use kubeopt_signal::{Evidence, Kind, Severity};

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;

/// Below this a time is told in hours.
const HOURS_TOLD_S: i64 = 2 * DAY_S;

/// The kinds that are looked for. Shifts are not: at five minutes a daily wave leaves its band each day, and what lasts is drift.
pub const KINDS: [Kind; 5] = [Kind::Leak, Kind::OutOfMemory, Kind::Saturation, Kind::Spike, Kind::Drift];

/// All severities, the least first.
pub const SEVERITIES: [Severity; 4] = [Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

/// As policies, tables and metrics write a kind: `out-of-memory`.
pub fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Spike => "spike",
        Kind::Shift => "shift",
        Kind::Leak => "leak",
        Kind::Drift => "drift",
        Kind::Saturation => "saturation",
        Kind::OutOfMemory => "out-of-memory",
    }
}

/// As policies, tables and metrics write a severity: `high`.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
        Severity::Critical => "critical",
    }
}

/// Something unusual in one resource of one container. Of a kind at most one is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Whose.
    pub container: ContainerId,
    /// Of which resource.
    pub resource: Resource,
    /// The worst it was.
    pub severity: Severity,
    /// When it was first seen, in seconds since the epoch.
    pub since_unix_s: i64,
    /// When it was last seen, in seconds since the epoch.
    pub last_unix_s: i64,
    /// The numbers: millicores or bytes.
    pub evidence: Evidence,
    /// The limit of the resource, where one is set.
    pub limit: Option<Amount>,
    /// When it was over, in seconds since the epoch; none while it is open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved_unix_s: Option<i64>,
    /// The severity that people were told last; none where nobody was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Severity>,
    /// Why nobody is told, where the policy silences it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced: Option<Silenced>,
}

/// Why nobody is told of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Silenced {
    /// In the words of whoever silences it.
    pub reason: String,
    /// Until when, in seconds since the epoch; none without an end.
    pub until_unix_s: Option<i64>,
    /// The layer of the policy that says so: `.kubeopt.yaml:4`.
    pub by: String,
}

impl Finding {
    /// What was found.
    pub fn kind(&self) -> Kind {
        self.evidence.kind()
    }

    /// It is not over.
    pub fn is_open(&self) -> bool {
        self.resolved_unix_s.is_none()
    }

    /// It is open, and nothing silences it.
    pub fn counts(&self) -> bool {
        self.is_open() && self.silenced.is_none()
    }

    /// Tells it apart from all others, also over restarts: cluster, container, kind, resource.
    pub fn key(&self) -> String {
        let Self { container, resource, .. } = self;
        format!("{} {container} {} {resource}", container.workload.cluster, kind_word(self.kind()))
    }

    /// Seconds until the limit is reached at this rate, as of the last look; none where nothing grows or nothing limits it.
    pub fn eta_s(&self) -> Option<i64> {
        match self.evidence {
            Evidence::Leak { eta_s, .. } => eta_s,
            Evidence::Spike { .. }
            | Evidence::Shift { .. }
            | Evidence::Drift { .. }
            | Evidence::Saturation { .. }
            | Evidence::OutOfMemory { .. } => None,
        }
    }

    /// The order in which people are told: the worst first, of equals what runs into its limit first.
    pub fn urgency(&self) -> impl Ord + use<'_> {
        (
            Reverse(self.severity),
            self.eta_s().unwrap_or(i64::MAX),
            &self.container,
            self.kind(),
            self.resource,
        )
    }

    /// One sentence with its numbers, without a full stop; the container stands in backticks.
    pub fn sentence(&self) -> String {
        let Self { container, resource, since_unix_s, last_unix_s, .. } = self;
        let spoken = match resource {
            Resource::Cpu => "CPU",
            Resource::Memory => "memory",
        };
        let since = at(*since_unix_s, "%Y-%m-%d");
        let amount = |value: f64| amount(*resource, value);
        match &self.evidence {
            Evidence::Leak { .. } => format!("`{container}` {}", self.growth()),
            Evidence::Spike { observed, expected, .. } => format!(
                "{spoken} of `{container}` rose to {} in a spike since {}, where {} were expected",
                amount(*observed),
                at(*since_unix_s, "%Y-%m-%d %H:%M UTC"),
                amount(*expected)
            ),
            Evidence::Shift { average, expected, .. } => format!(
                "{spoken} of `{container}` moved from {} to {} on {since}",
                amount(*expected),
                amount(*average)
            ),
            Evidence::Drift { before, after, .. } => format!(
                "{spoken} of `{container}` is otherwise than before since {since}: {} in the middle, {} in the week before",
                amount(*after),
                amount(*before)
            ),
            Evidence::Saturation { throttled_ratio, pressure_ratio, used_of_limit } => {
                let percent = |ratio: f64| (ratio * 100.0).round();
                let mut signs = Vec::new();
                if *throttled_ratio >= 0.05 {
                    signs.push(format!("throttled in {} % of its periods", percent(*throttled_ratio)));
                }
                if *pressure_ratio >= 0.1 {
                    signs.push(format!("waiting {} % of the time", percent(*pressure_ratio)));
                }
                if *used_of_limit >= 0.9 {
                    signs.push(format!("at {} % of its limit", percent(*used_of_limit)));
                }
                format!("`{container}` is short of {spoken} since {since}: {}", signs.join(", "))
            }
            Evidence::OutOfMemory { kills } => {
                let times = if *kills == 1 { "once".to_owned() } else { format!("{kills} times") };
                let last = at(*last_unix_s, "%Y-%m-%d %H:%M UTC");
                format!("`{container}` was killed for memory {times}, last at {last}")
            }
        }
    }

    /// `grows 3.1 MB/h since 2026-11-14 (leak suspected, limit of 512Mi reached in about 9 days)`; empty for other kinds.
    pub fn growth(&self) -> String {
        match self.evidence {
            Evidence::Leak { bytes_per_hour, .. } => {
                let (rate, since) = (rate(bytes_per_hour), at(self.since_unix_s, "%Y-%m-%d"));
                format!("grows {rate} since {since} (leak suspected, {})", self.limit_text())
            }
            Evidence::Spike { .. }
            | Evidence::Shift { .. }
            | Evidence::Drift { .. }
            | Evidence::Saturation { .. }
            | Evidence::OutOfMemory { .. } => String::new(),
        }
    }

    fn limit_text(&self) -> String {
        match (self.eta_s(), self.limit) {
            (Some(eta_s), Some(limit)) => format!("limit of {limit} reached in {}", about(eta_s)),
            (Some(eta_s), None) => format!("limit reached in {}", about(eta_s)),
            (None, _) => "no limit".to_owned(),
        }
    }
}

/// `about 9 days`
pub fn about(seconds: i64) -> String {
    let counted = |number: i64, unit: &str| {
        if number == 1 { format!("about 1 {unit}") } else { format!("about {number} {unit}s") }
    };
    const YEAR_S: i64 = 365 * DAY_S;
    match seconds.max(0) {
        s if s < HOUR_S => "less than an hour".to_owned(),
        s if s < HOURS_TOLD_S => counted((s + HOUR_S / 2) / HOUR_S, "hour"),
        s if s > YEAR_S => "more than a year".to_owned(),
        s => counted((s + DAY_S / 2) / DAY_S, "day"),
    }
}

/// `3.1 MB/h`, in decimal units.
fn rate(bytes_per_hour: f64) -> String {
    let (value, unit) = match bytes_per_hour {
        rate if rate >= 1e9 => (rate / 1e9, "GB/h"),
        rate if rate >= 1e6 => (rate / 1e6, "MB/h"),
        rate => (rate / 1e3, "kB/h"),
    };
    if value >= 10.0 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// As requests are written, to the next whole `m` or `Mi`.
fn amount(resource: Resource, value: f64) -> String {
    match resource {
        Resource::Cpu => format!("{:.0}m", value.max(0.0)),
        Resource::Memory => format!("{:.0}Mi", (value / crate::quantity::MIB as f64).max(0.0)),
    }
}

fn at(unix_s: i64, format: &str) -> String {
    Timestamp::from_second(unix_s).map_or_else(|_| "?".to_owned(), |at| at.strftime(format).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Bytes;
    use crate::{ClusterName, ContainerName, Namespace, ObjectName, WorkloadId, WorkloadKind};

    fn leak(eta_s: Option<i64>, severity: Severity) -> Finding {
        let workload = WorkloadId {
            cluster: ClusterName::new("prod").unwrap(),
            namespace: Namespace::new("payments").unwrap(),
            kind: WorkloadKind::Deployment,
            name: ObjectName::new("cache").unwrap(),
        };
        Finding {
            container: ContainerId { workload, container: ContainerName::new("redis").unwrap() },
            resource: Resource::Memory,
            severity,
            since_unix_s: 1_763_110_800,
            last_unix_s: 1_763_197_200,
            evidence: Evidence::Leak { bytes_per_hour: 3.14e6, grown_bytes: 7.5e7, hours: 24, eta_s },
            limit: Some(Amount::Memory(Bytes::mebi(512))),
            resolved_unix_s: None,
            told: None,
            silenced: None,
        }
    }

    #[test]
    fn a_leak_says_how_fast_since_when_and_how_long_it_may_go_on() {
        let told = leak(Some(9 * DAY_S - 4000), Severity::Medium).sentence();
        assert_eq!(
            told,
            "`payments/deploy/cache/redis` grows 3.1 MB/h since 2025-11-14 (leak suspected, limit of 512Mi reached in about 9 days)"
        );
        let told = Finding { limit: None, ..leak(None, Severity::Low) }.sentence();
        assert!(told.ends_with("(leak suspected, no limit)"), "{told}");
    }

    #[test]
    fn the_worst_comes_first_and_of_equals_what_ends_first() {
        let mut all = [
            leak(Some(DAY_S), Severity::Medium),
            leak(None, Severity::High),
            leak(Some(HOUR_S), Severity::High),
        ];
        all.sort_by(|a, b| a.urgency().cmp(&b.urgency()));
        let order: Vec<_> = all.iter().map(|one| (one.severity, one.eta_s())).collect();
        assert_eq!(
            order,
            [(Severity::High, Some(HOUR_S)), (Severity::High, None), (Severity::Medium, Some(DAY_S))]
        );
    }

    #[test]
    fn times_are_told_as_people_say_them() {
        for (seconds, told) in [
            (-5, "less than an hour"),
            (3600, "about 1 hour"),
            (47 * HOUR_S, "about 47 hours"),
            (9 * DAY_S, "about 9 days"),
            (i64::MAX / 4, "more than a year"),
        ] {
            assert_eq!(about(seconds), told);
        }
    }

    #[test]
    fn a_finding_comes_back_as_it_was_stored() {
        let mut finding = leak(None, Severity::High);
        finding.silenced = Some(Silenced {
            reason: "migration".into(),
            until_unix_s: Some(5),
            by: ".kubeopt.yaml:3".into(),
        });
        let text = serde_json::to_string(&finding).unwrap();
        assert_eq!(serde_json::from_str::<Finding>(&text).unwrap(), finding);
    }
}
