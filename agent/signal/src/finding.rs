//! What a detector found, how bad it is by rule, and the life of a finding: opened once, worsened, resolved.

use serde::{Deserialize, Serialize};

const HOUR_S: i64 = 3600;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Usage far above what was expected.
    Spike,
    /// The rolling average left its band.
    Shift,
    /// Memory that only grows.
    Leak,
    /// Usage is distributed otherwise than before, for days.
    Drift,
    /// Near or at a limit.
    Saturation,
    /// Killed for lack of memory.
    OutOfMemory,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// To be known.
    Low,
    /// To be looked at.
    Medium,
    /// To be looked at today.
    High,
    /// To be looked at now.
    Critical,
}

/// The numbers behind a finding. Values are in the unit of the series, all finite.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Evidence {
    /// See [`Kind::Spike`].
    Spike {
        /// The sample.
        observed: f64,
        /// What the season or the recent past said.
        expected: f64,
        /// Robust standard deviations of the residual.
        z: f64,
    },
    /// See [`Kind::Shift`].
    Shift {
        /// The rolling average.
        average: f64,
        /// What it was before.
        expected: f64,
        /// Standard deviations of the average.
        sigmas: f64,
    },
    /// See [`Kind::Leak`].
    Leak {
        /// Growth of the floor.
        bytes_per_hour: f64,
        /// Growth over the hours that were looked at.
        grown_bytes: f64,
        /// Hours that were looked at.
        hours: u8,
        /// Seconds until the floor meets the limit at this rate; none without a limit.
        eta_s: Option<i64>,
    },
    /// See [`Kind::Drift`].
    Drift {
        /// The median before.
        before: f64,
        /// The median now.
        after: f64,
        /// How far values moved on average, in robust standard deviations of before.
        distance: f64,
    },
    /// See [`Kind::Saturation`].
    Saturation {
        /// Throttled periods of all periods.
        throttled_ratio: f64,
        /// Share of time in which some task waited.
        pressure_ratio: f64,
        /// Usage of the limit; 0 without a limit.
        used_of_limit: f64,
    },
    /// See [`Kind::OutOfMemory`].
    OutOfMemory {
        /// Kills since the sample before.
        kills: u64,
    },
}

impl Evidence {
    /// What was found.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Spike { .. } => Kind::Spike,
            Self::Shift { .. } => Kind::Shift,
            Self::Leak { .. } => Kind::Leak,
            Self::Drift { .. } => Kind::Drift,
            Self::Saturation { .. } => Kind::Saturation,
            Self::OutOfMemory { .. } => Kind::OutOfMemory,
        }
    }

    /// How bad it is: time to the limit first, then how near the limit, then how unusual.
    pub fn severity(&self) -> Severity {
        match *self {
            Self::OutOfMemory { .. } => Severity::Critical,
            Self::Leak { eta_s, .. } => match eta_s {
                Some(eta) if eta < 6 * HOUR_S => Severity::Critical,
                Some(eta) if eta < 48 * HOUR_S => Severity::High,
                Some(eta) if eta < 14 * 24 * HOUR_S => Severity::Medium,
                Some(_) | None => Severity::Low,
            },
            Self::Saturation { throttled_ratio, pressure_ratio, used_of_limit } => {
                if throttled_ratio > 0.25 || used_of_limit > 0.98 {
                    Severity::Critical
                } else if throttled_ratio > 0.10 || pressure_ratio > 0.25 || used_of_limit > 0.95 {
                    Severity::High
                } else {
                    Severity::Medium
                }
            }
            Self::Spike { z, .. } if z >= 6.0 => Severity::High,
            Self::Spike { .. } => Severity::Medium,
            Self::Shift { .. } | Self::Drift { .. } => Severity::Low,
        }
    }

    /// The same, where the limit is known: a spike that nearly meets it is critical.
    pub fn severity_at_limit(&self, limit: Option<f64>) -> Severity {
        match (self, limit) {
            (Self::Spike { observed, z, .. }, Some(limit)) if *z >= 6.0 && *observed > 0.9 * limit => {
                Severity::Critical
            }
            _ => self.severity(),
        }
    }
}

/// One thing that is the matter with one series, from when to when.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is.
    pub kind: Kind,
    /// The worst it was.
    pub severity: Severity,
    /// When it was first seen.
    pub since_unix_s: i64,
    /// When it was last seen.
    pub last_unix_s: i64,
    /// The numbers at its worst, the latest of equals.
    pub evidence: Evidence,
}

/// What became of a finding with one more look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turn {
    /// Nothing to tell.
    Same,
    /// To be told for the first time.
    Opened(Finding),
    /// To be told again: it is worse than it was.
    Worsened(Finding),
    /// Over.
    Resolved(Finding),
}

/// When to tell and when to call it over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// It must have lasted so many seconds to be told.
    pub open_after_s: i64,
    /// It must have been absent for so many seconds to be over.
    pub resolve_after_s: i64,
}

/// The life of findings of one kind on one series: at most one is open.
#[derive(Debug, Clone)]
pub struct Watch {
    patience: Patience,
    current: Option<Finding>,
    told: Option<Severity>,
}

impl Watch {
    /// Nothing is the matter yet.
    pub fn new(patience: Patience) -> Self {
        Self { patience, current: None, told: None }
    }

    /// What is open and was told.
    pub fn open(&self) -> Option<Finding> {
        self.current.filter(|_| self.told.is_some())
    }

    /// Takes what the detector says at that time. A time before the last one counts as the last one.
    pub fn look(&mut self, at_unix_s: i64, evidence: Option<(Severity, Evidence)>) -> Turn {
        let Some((severity, evidence)) = evidence else { return self.look_away(at_unix_s) };
        if self.is_over(at_unix_s) {
            let last = self.current.take();
            let told = self.told.take();
            self.start(at_unix_s, severity, evidence);
            if let (Some(finding), Some(_)) = (last, told) {
                return Turn::Resolved(finding);
            }
            return self.tell();
        }
        match &mut self.current {
            Some(finding) => {
                finding.last_unix_s = finding.last_unix_s.max(at_unix_s);
                if severity >= finding.severity {
                    (finding.severity, finding.evidence) = (severity, evidence);
                }
            }
            None => self.start(at_unix_s, severity, evidence),
        }
        self.tell()
    }

    fn start(&mut self, at_unix_s: i64, severity: Severity, evidence: Evidence) {
        let kind = evidence.kind();
        self.current =
            Some(Finding { kind, severity, since_unix_s: at_unix_s, last_unix_s: at_unix_s, evidence });
    }

    fn look_away(&mut self, at_unix_s: i64) -> Turn {
        if !self.is_over(at_unix_s) {
            return Turn::Same;
        }
        match (self.current.take(), self.told.take()) {
            (Some(finding), Some(_)) => Turn::Resolved(finding),
            _ => Turn::Same,
        }
    }

    fn is_over(&self, at_unix_s: i64) -> bool {
        let absent = |finding: Finding| at_unix_s.saturating_sub(finding.last_unix_s);
        self.current.is_some_and(|finding| absent(finding) > self.patience.resolve_after_s)
    }

    fn tell(&mut self) -> Turn {
        let Some(finding) = self.current else { return Turn::Same };
        if finding.last_unix_s.saturating_sub(finding.since_unix_s) < self.patience.open_after_s {
            return Turn::Same;
        }
        match self.told.replace(finding.severity) {
            None => Turn::Opened(finding),
            Some(told) if told < finding.severity => Turn::Worsened(finding),
            Some(_) => Turn::Same,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leak(eta_hours: Option<i64>) -> Evidence {
        let eta_s = eta_hours.map(|hours| hours * HOUR_S);
        Evidence::Leak { bytes_per_hour: 1e6, grown_bytes: 2.4e7, hours: 24, eta_s }
    }

    #[test]
    fn a_leak_is_as_bad_as_the_time_that_is_left() {
        let cases = [
            (Some(5), Severity::Critical),
            (Some(47), Severity::High),
            (Some(300), Severity::Medium),
            (Some(5000), Severity::Low),
            (None, Severity::Low),
        ];
        for (eta, severity) in cases {
            assert_eq!(leak(eta).severity(), severity, "{eta:?}");
        }
    }

    #[test]
    fn a_spike_at_the_limit_is_critical() {
        let spike = Evidence::Spike { observed: 950.0, expected: 100.0, z: 7.0 };
        let severities = [None, Some(2000.0), Some(1000.0)].map(|limit| spike.severity_at_limit(limit));
        assert_eq!(severities, [Severity::High, Severity::High, Severity::Critical]);
    }

    #[test]
    fn a_finding_is_told_once_told_again_when_worse_and_resolved_once() {
        let mut watch = Watch::new(Patience { open_after_s: 300, resolve_after_s: 900 });
        let seen = |eta| Some((leak(eta).severity(), leak(eta)));
        assert_eq!(watch.look(0, seen(Some(40))), Turn::Same, "not yet long enough");
        assert!(matches!(watch.look(300, seen(Some(40))), Turn::Opened(f) if f.since_unix_s == 0));
        assert_eq!(watch.look(600, seen(Some(40))), Turn::Same, "told already");
        assert!(
            matches!(watch.look(900, seen(Some(3))), Turn::Worsened(f) if f.severity == Severity::Critical)
        );
        assert_eq!(watch.look(1200, seen(Some(40))), Turn::Same, "the worst stands");
        assert_eq!(watch.look(2000, None), Turn::Same, "not yet long enough");
        assert!(matches!(watch.look(2101, None), Turn::Resolved(f) if f.last_unix_s == 1200));
        assert_eq!(watch.look(2200, None), Turn::Same);
        assert_eq!(watch.open(), None);
    }

    #[test]
    fn what_returns_after_a_long_silence_is_another_finding() {
        let mut watch = Watch::new(Patience { open_after_s: 0, resolve_after_s: 900 });
        let seen = Some((Severity::Low, leak(None)));
        assert!(matches!(watch.look(0, seen), Turn::Opened(_)));
        assert!(matches!(watch.look(10_000, seen), Turn::Resolved(f) if f.last_unix_s == 0));
        assert!(matches!(watch.look(10_300, seen), Turn::Opened(f) if f.since_unix_s == 10_000));
    }
}
