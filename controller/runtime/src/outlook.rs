//! What the load of a container is like: its profile, its seasons, the windows of its week. Data for people and
//! programs; the request holds all hours.
//!
//! Pure. Takes usage that was read before.

use std::collections::BTreeMap;

use kubeopt_forecast::{
    Hints, Hours, ProfileKind, Shape, WindowKind, Windows, detect_profiles, load_windows, seasons,
};
use kubeopt_model::recommendation::Member;
use kubeopt_model::{ClusterFacts, Container, ContainerId};
use serde::Serialize;

/// Days of the week in the order in which hours are counted: the epoch began on a Thursday.
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

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

/// The outlook of each container. Profiles are told by all of them together.
pub fn outlooks<'m>(
    members: impl IntoIterator<Item = &'m Member>,
    facts: &[&ClusterFacts],
) -> BTreeMap<ContainerId, Outlook> {
    let members: Vec<&Member> = members.into_iter().collect();
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
    members
        .iter()
        .zip(detect_profiles(&known))
        .map(|(member, profile)| {
            let hours = Hours::of(&member.usage.cpu_hours, |point| point.p95);
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

fn shown(windows: &Windows) -> WindowsShown {
    let is_daily = windows.period_hours == DAY;
    let peaks = windows.windows.iter().filter(|window| window.kind == WindowKind::Peak);
    let spoken = |from: usize, hours: usize| {
        let (begin, end) = (from % DAY, (from + hours) % DAY);
        let day = if is_daily { "" } else { DAYS[from / DAY % DAYS.len()] };
        format!("{day} {begin:02}:00-{end:02}:00 UTC").trim().to_owned()
    };
    let mut peak: Vec<String> = peaks.map(|window| spoken(window.from_hour, window.hours)).collect();
    if is_daily {
        // Each day says the same.
        peak.sort();
        peak.dedup();
    }
    WindowsShown {
        peak,
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
    use kubeopt_forecast::LoadWindow;

    use super::*;

    fn windows(period_hours: usize, windows: &[(WindowKind, usize, usize)]) -> Windows {
        let windows = windows.iter().map(|(kind, from_hour, hours)| LoadWindow {
            kind: *kind,
            from_hour: *from_hour,
            hours: *hours,
        });
        Windows {
            windows: windows.collect(),
            period_hours,
            explained: 0.9,
            peak_value: 900.0,
            off_peak_value: 100.0,
        }
    }

    #[test]
    fn windows_of_a_day_are_said_once_and_those_of_a_week_by_their_day() {
        let (peak, off) = (WindowKind::Peak, WindowKind::OffPeak);
        let daily: Vec<_> = (0..7).flat_map(|day| [(off, day * 24, 9), (peak, day * 24 + 9, 8)]).collect();
        assert_eq!(shown(&windows(24, &daily)).peak, ["09:00-17:00 UTC"]);
        let weekly = [(peak, 4 * 24 + 22, 4), (off, 5 * 24 + 2, 164)];
        assert_eq!(shown(&windows(168, &weekly)).peak, ["Mon 22:00-02:00 UTC"]);
    }

    #[test]
    fn an_outlook_reads_as_one_sentence() {
        let outlook = Outlook {
            profile: ProfileKind::Serving,
            profile_because: "nothing tells otherwise".to_owned(),
            seasons: vec![(24, 0.74)],
            windows: Some(shown(&windows(24, &[(WindowKind::Peak, 9, 8)]))),
        };
        assert_eq!(
            outlook.to_string(),
            "serving: nothing tells otherwise; CPU comes again each day (explains 74 % of the last week); high 09:00-17:00 UTC: 900m, else 100m"
        );
    }
}
