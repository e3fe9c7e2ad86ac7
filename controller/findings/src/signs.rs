//! Signs that are counted by the hour and not by points: throttling, pressure, kills.

use kubeopt_model::finding::{Evidence, Severity};
use kubeopt_model::usage::OomKill;
use kubeopt_model::{Amount, Finding, Resource};

/// What the last hours showed beside usage; shares from 0 to 1, none where they are not measured.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Signs {
    /// Throttled periods of all.
    pub throttled_ratio: Option<f64>,
    /// Time in which some task waited for CPU.
    pub cpu_pressure: Option<f64>,
    /// Time in which some task waited for memory.
    pub memory_pressure: Option<f64>,
    /// From when on they hold, in seconds since the epoch.
    pub from_unix_s: i64,
}

/// The finding of kills since a moment, oldest first; none without one. Kills are exact.
pub fn killed(kills: &[OomKill], since_unix_s: i64) -> Option<Finding> {
    let counting = kills.iter().filter(|kill| kill.at_unix_s >= since_unix_s);
    let (first, last) = (counting.clone().next()?, counting.clone().next_back()?);
    let evidence = Evidence::OutOfMemory { kills: counting.count() as u64 };
    Some(Finding {
        container: last.container.clone(),
        resource: Resource::Memory,
        severity: Severity::Critical,
        since_unix_s: first.at_unix_s,
        last_unix_s: last.at_unix_s,
        evidence,
        limit: last.limit.map(Amount::Memory),
        resolved_unix_s: None,
        told: None,
        silenced: None,
    })
}
