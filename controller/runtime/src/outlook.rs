//! What the load of a container is like: its profile, its seasons, the windows of its week. Data for people and
//! programs; the request holds all hours.
//!
//! Pure. Takes usage that was read before.

use std::collections::BTreeMap;

use kubeopt_forecast::{
    Hints, Hours, Profile, ProfileKind, Shape, Windows, detect_profiles, load_windows, seasons,
};
use kubeopt_model::load::{LoadWindows, spoken};
use kubeopt_model::recommendation::Member;
use kubeopt_model::{ClusterFacts, Container, ContainerId, ContainerUsage};
use serde::Serialize;

/// Hours of a day.
const DAY: usize = 24;

/// The load of one container.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outlook {
    /// Its kind.
    pub profile: ProfileKind,
    /// What told the kind, as a sentence.
    pub profile_because: String,
    /// After how many hours its CPU comes again, with the part of the last week that this explains, 0 to 1.
    pub seasons: Vec<(usize, f64)>,
    /// Windows of its week; none where two do not explain it.
    pub windows: Option<WindowsShown>,
}

/// Windows of a week, as programs take them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WindowsShown {
    /// When CPU is high: `09:00-17:00 UTC` each day, or `Mon 04:00-06:00 UTC`.
    pub peak: Vec<String>,
    /// What holds 98 % of the peak's hours, in millicores.
    pub peak_millicores: f64,
    /// What holds 98 % of the other hours, in millicores.
    pub off_peak_millicores: f64,
    /// Part of the variance over the week's hours that the windows explain, 0 to 1.
    pub explained: f64,
}

/// The windows of a container's week; none where its CPU has no season, or two windows do not explain it.
pub(crate) fn windows_of(usage: &ContainerUsage) -> Option<LoadWindows> {
    load_windows(&cpu_hours(usage)).map(|windows| windows.load())
}

/// The seasons of a container's CPU, the strongest first: after how many hours it comes again, and the part of the last week
/// that this explains, 0 to 1.
pub(crate) fn seasons_of(usage: &ContainerUsage) -> Vec<(usize, f64)> {
    seasons(&cpu_hours(usage)).iter().map(|season| (season.period_hours, season.explained)).collect()
}

/// The 95th percentile of each hour: a single burst makes no hour busy.
fn cpu_hours(usage: &ContainerUsage) -> Hours {
    Hours::of(usage.cpu_hours.iter(), |point| point.p95)
}

/// The outlook of each container. Profiles are told by all of them together.
pub fn outlooks<'m>(
    members: impl IntoIterator<Item = &'m Member>,
    facts: &[&ClusterFacts],
) -> BTreeMap<ContainerId, Outlook> {
    let members: Vec<&Member> = members.into_iter().collect();
    members
        .iter()
        .zip(told(&members, facts))
        .map(|(member, profile)| {
            let hours = cpu_hours(&member.usage);
            let seasons =
                seasons(&hours).iter().map(|season| (season.period_hours, season.explained)).collect();
            let outlook = Outlook {
                profile: profile.kind,
                profile_because: profile.because,
                seasons,
                windows: load_windows(&hours).map(|windows| shown(&windows)),
            };
            (member.container.clone(), outlook)
        })
        .collect()
}

/// The profile of each container alone, as in its outlook.
pub(crate) fn profiles<'m>(
    members: impl IntoIterator<Item = &'m Member>,
    facts: &[&ClusterFacts],
) -> BTreeMap<ContainerId, ProfileKind> {
    let members: Vec<&Member> = members.into_iter().collect();
    let told = told(&members, facts);
    members.iter().zip(told).map(|(member, profile)| (member.container.clone(), profile.kind)).collect()
}

/// The profile of each, told by all of them together.
fn told(members: &[&Member], facts: &[&ClusterFacts]) -> Vec<Profile> {
    let containers: BTreeMap<ContainerId, &Container> = facts
        .iter()
        .flat_map(|facts| &facts.workloads)
        .flat_map(|workload| {
            workload.containers.iter().map(|container| {
                let id = ContainerId { workload: workload.id.clone(), container: container.name.clone() };
                (id, container)
            })
        })
        .collect();
    let known: Vec<(Hints<'_>, Option<Shape>)> = members
        .iter()
        .map(|member| {
            let container = containers.get(&member.container);
            let hints = Hints {
                is_batch: member.container.workload.kind.is_batch(),
                image: container.map_or("", |container| container.image.as_str()),
                has_java_flags: container.is_some_and(|container| container.java.is_some()),
            };
            (hints, Shape::of(&member.usage.cpu_hours, &member.usage.memory_hours))
        })
        .collect();
    detect_profiles(&known)
}

fn shown(windows: &Windows) -> WindowsShown {
    let load = windows.load();
    WindowsShown {
        peak: spoken(&load.peak, load.period_hours),
        peak_millicores: windows.peak_value,
        off_peak_millicores: windows.off_peak_value,
        explained: windows.explained,
    }
}

impl std::fmt::Display for Outlook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = match self.profile {
            ProfileKind::Serving => "serving",
            ProfileKind::Batch => "batch",
            ProfileKind::Database => "database",
            ProfileKind::Jvm => "JVM",
        };
        write!(f, "{kind}: {}", kubeopt_report::escape::terminal_line(&self.profile_because))?;
        for (period, explained) in &self.seasons {
            let every = if *period == DAY { "each day" } else { "each week" };
            write!(f, "; CPU comes again {every} (explains {:.0} % of the last week)", explained * 100.0)?;
        }
        if let Some(windows) = &self.windows {
            write!(
                f,
                "; high {}: {:.0}m, else {:.0}m",
                windows.peak.join(", "),
                windows.peak_millicores,
                windows.off_peak_millicores
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outlook_reads_as_one_sentence() {
        let outlook = Outlook {
            profile: ProfileKind::Serving,
            profile_because: "nothing tells otherwise".to_owned(),
            seasons: vec![(24, 0.74)],
            windows: Some(WindowsShown {
                peak: vec!["09:00-17:00 UTC".to_owned()],
                peak_millicores: 900.0,
                off_peak_millicores: 100.0,
                explained: 0.9,
            }),
        };
        assert_eq!(
            outlook.to_string(),
            "serving: nothing tells otherwise; CPU comes again each day (explains 74 % of the last week); high 09:00-17:00 UTC: 900m, else 100m"
        );
    }
}
