//! What became of a merge: what was seen before and after it, what was made of that, and the lesson that it leaves.
//!
//! Plain values. How they are read is the business of `observe`, how they are judged that of `recommend`.
//!
//! What is not told is none, never 0: a kernel without pressure figures, a cluster without kube-state-metrics.

mod settled;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::usage::Window;
use crate::workload::{ContainerId, Resources};

pub use settled::{
    Lesson, Look, MeasuredSaving, Outcome, RequestedMean, Seen, Settled, SignOutcome, SignTest, SignVerdict,
    TestMethod, Unclaimed, WaitingFor,
};

/// Seconds of an hour: signs are told by whole hours.
pub const HOUR_S: i64 = 3600;

/// A sign by which a merge is judged. More of it is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Sign {
    /// Containers killed for memory.
    OomKills,
    /// Hours in which a container restarted. A container that restarts all day because something that it calls is down is
    /// one trouble and not a thousand.
    Restarts,
    /// Share of CFS periods that were throttled.
    Throttling,
    /// Share of the time in which some task waited for CPU (PSI).
    CpuPressure,
    /// Bad share of the objective that the policy names.
    Objective,
}

impl Sign {
    /// All of them, in the order in which texts tell them.
    pub const ALL: [Self; 5] =
        [Self::OomKills, Self::Restarts, Self::Throttling, Self::CpuPressure, Self::Objective];

    /// As sentences name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OomKills => "OOM kills",
            Self::Restarts => "hours with restarts",
            Self::Throttling => "throttled periods",
            Self::CpuPressure => "CPU pressure",
            Self::Objective => "the objective's bad share",
        }
    }
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which side of an objective's ratio is the bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BadSide {
    /// The ratio itself is bad: the share of failed requests.
    Ratio,
    /// What is missing to 1 is bad: an availability.
    Rest,
}

/// A service level objective, as a policy names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Objective {
    /// A PromQL expression that gives one series, a ratio between 0 and 1.
    pub query: String,
    /// Which side of it is bad.
    pub bad: BadSide,
}

/// One hour of all pods of one container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HourSigns {
    /// Start of the hour, in seconds since the epoch; a whole hour.
    pub at_unix_s: i64,
    /// The pods' time within the hour, in hours: three replicas that run all of it are 3.
    pub replica_hours: f64,
    /// OOM kills.
    pub oom_kills: Option<u32>,
    /// Restarts.
    pub restarts: Option<u32>,
    /// Share of CFS periods that were throttled, 0 to 1.
    pub throttled: Option<f64>,
    /// Mean share of the time in which some task waited for CPU, 0 to 1.
    pub cpu_pressure: Option<f64>,
    /// Bad share of the objective, 0 to 1; the same for all containers of a merge.
    pub objective: Option<f64>,
    /// Mean CPU of one replica, millicores: the sign of how much load there was.
    pub cpu_millicores: Option<f64>,
    /// Mean CPU request of one replica, millicores.
    pub requested_cpu_millicores: Option<f64>,
    /// Mean memory request of one replica, bytes.
    pub requested_memory_bytes: Option<f64>,
}

impl HourSigns {
    /// A sign that is counted.
    pub fn count(&self, sign: Sign) -> Option<u32> {
        match sign {
            Sign::OomKills => self.oom_kills,
            Sign::Restarts => self.restarts,
            Sign::Throttling | Sign::CpuPressure | Sign::Objective => None,
        }
    }

    /// A sign that is a share, 0 to 1.
    pub fn share(&self, sign: Sign) -> Option<f64> {
        match sign {
            Sign::OomKills | Sign::Restarts => None,
            Sign::Throttling => self.throttled,
            Sign::CpuPressure => self.cpu_pressure,
            Sign::Objective => self.objective,
        }
    }
}

/// An image that the container ran.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SeenImage {
    /// Its reference, at most 256 characters, without control characters.
    pub image: String,
    /// Start of the first hour of the window in which it was seen, in seconds since the epoch.
    pub first_unix_s: i64,
}

/// How long pods ran on nodes of one size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeSize {
    /// Cores of the node.
    pub cores: u32,
    /// The pods' time on such nodes, in hours.
    pub replica_hours: f64,
}

/// What was told of one container over a window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WindowSigns {
    /// The window that was asked for.
    pub window: Window,
    /// Hours in which a pod ran, oldest first.
    pub hours: Vec<HourSigns>,
    /// Images, by their first hour.
    pub images: Vec<SeenImage>,
    /// Sizes of the nodes, fewest cores first; empty where nothing tells.
    pub nodes: Vec<NodeSize>,
    /// Why it is incomplete, if it is: nothing is claimed on it.
    pub partial: Option<String>,
}

/// What else may explain a difference between before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", rename_all_fields = "camelCase")]
pub enum Confounder {
    /// Another image came.
    ImageChanged {
        /// The new one.
        image: String,
        /// Start of the hour in which it was first seen, in seconds since the epoch.
        at_unix_s: i64,
    },
    /// The workload was changed otherwise, such as by another pull request.
    OtherChange {
        /// What changed it, as people call it: `#124 of shop/gitops`.
        what: String,
        /// When, in seconds since the epoch.
        at_unix_s: i64,
    },
    /// Another number of replicas, on average.
    ReplicasChanged(Change<f64>),
    /// Another load: mean CPU of one replica in millicores, at the same hours of the day.
    LoadChanged(Change<f64>),
    /// Nodes of other sizes: the size that most replicas ran on, in cores.
    NodesChanged(Change<u32>),
}

impl Confounder {
    /// One clause with its numbers, without a full stop.
    pub fn sentence(&self) -> String {
        match self {
            Self::ImageChanged { image, .. } => format!("the image changed to {image}"),
            Self::OtherChange { what, .. } => format!("{what} changed the workload too"),
            Self::ReplicasChanged(Change { before, after }) => {
                format!("{after:.1} replicas instead of {before:.1}")
            }
            Self::LoadChanged(Change { before, after }) => {
                format!("a replica used {after:.0}m of CPU instead of {before:.0}m at the same hours")
            }
            Self::NodesChanged(Change { before, after }) => {
                format!("nodes of {after} cores instead of {before}")
            }
        }
    }
}

/// A merged change of one container, and what was seen before and after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Watched {
    /// The container.
    pub container: ContainerId,
    /// What the merge changed.
    pub resources: Change<Resources>,
    /// When the cluster first showed all new values, in seconds since the epoch.
    pub synced_unix_s: i64,
    /// How long it is watched, seconds; at most [`SOAK_S_MAX`].
    pub soak_s: i64,
    /// What was told of both sides.
    pub sides: Change<WindowSigns>,
    /// Other changes of the same workload that the caller knows of, such as merges of other pull requests; not this one.
    pub others: Vec<Confounder>,
}

/// Days before a merge that it is compared with: four weekly rhythms, where the metrics source goes back so far.
pub const BEFORE_DAYS: i64 = 28;

impl Watched {
    /// The windows to read for a merge that showed at this moment: whole hours, the last of them ended. Before ends with the
    /// hour before the values showed, after begins with the hour that follows it: the hour between belongs to both.
    pub fn windows(synced_unix_s: i64, soak_s: i64, now_unix_s: i64) -> Change<Window> {
        let floor = |at: i64| at.div_euclid(HOUR_S) * HOUR_S;
        let before_to = floor(synced_unix_s);
        let from_unix_s = floor(synced_unix_s) + HOUR_S;
        let to_unix_s = floor(now_unix_s).clamp(from_unix_s, from_unix_s + whole_hours(soak_s));
        Change {
            before: Window { from_unix_s: before_to - BEFORE_DAYS * 86_400, to_unix_s: before_to },
            after: Window { from_unix_s, to_unix_s },
        }
    }

    /// The first hour that counts as after, in seconds since the epoch.
    pub fn starts_unix_s(&self) -> i64 {
        self.synced_unix_s.div_euclid(HOUR_S) * HOUR_S + HOUR_S
    }

    /// When the watch ends, in seconds since the epoch.
    pub fn ends_unix_s(&self) -> i64 {
        self.starts_unix_s() + whole_hours(self.soak_s)
    }
}

/// Longest watch: 28 days. What shows later has other causes by then, and before is no longer.
pub const SOAK_S_MAX: i64 = BEFORE_DAYS * 86_400;

/// At least one hour, so that there is something to look at.
fn whole_hours(seconds: i64) -> i64 {
    (seconds.div_euclid(HOUR_S) * HOUR_S).clamp(HOUR_S, SOAK_S_MAX)
}

/// How much worse is worse. Below these, a difference is told and nothing is reverted, however sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RevertOn {
    /// OOM kills after, where there was none before, that need no further proof.
    pub oom_kills: u32,
    /// Hours with restarts, at least; they must also be twice as frequent.
    pub restart_hours: u32,
    /// Rise of the share of throttled periods, 0.10 is ten points.
    pub throttled: f64,
    /// Rise of the share of the time in which some task waits for CPU, 0.10 is ten points.
    pub cpu_pressure: f64,
    /// Rise of the objective's bad share, 0.01 is one point.
    pub objective: f64,
}

impl Default for RevertOn {
    /// One kill may be anything, two are a pattern. Ten points are what people see as latency: docs/outcomes.md. An
    /// objective is what users feel, and its budget is often a tenth of a point.
    fn default() -> Self {
        Self { oom_kills: 2, restart_hours: 3, throttled: 0.10, cpu_pressure: 0.10, objective: 0.01 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_lie_on_whole_hours_and_leave_out_the_hour_of_the_sync() {
        let noon = 1_763_640_000;
        assert_eq!(noon % HOUR_S, 0);
        let windows = Watched::windows(noon + 600, 86_400, noon + 5 * HOUR_S + 59);
        assert_eq!(windows.before.to_unix_s, noon);
        assert_eq!(windows.before.days(), 28.0);
        let after = Window { from_unix_s: noon + HOUR_S, to_unix_s: noon + 5 * HOUR_S };
        assert_eq!(windows.after, after);
        let later = Watched::windows(noon + 600, 86_400, noon + 90 * HOUR_S);
        assert_eq!(later.after.to_unix_s, noon + 25 * HOUR_S, "the watch ends");
        let endless = Watched::windows(noon, i64::MAX, noon + 90 * 86_400);
        assert_eq!(endless.after.seconds(), SOAK_S_MAX);
        let at_once = Watched::windows(noon + 600, 0, noon + 600);
        assert_eq!(at_once.after.seconds(), 0);
    }

    #[test]
    fn a_watch_is_written_and_read_again_and_what_is_not_told_stays_so() {
        let hour =
            HourSigns { at_unix_s: 3600, replica_hours: 2.5, oom_kills: Some(0), ..HourSigns::default() };
        let signs = WindowSigns {
            window: Window { from_unix_s: 0, to_unix_s: 7200 },
            hours: vec![hour],
            images: vec![SeenImage { image: "api:1".to_owned(), first_unix_s: 0 }],
            nodes: vec![NodeSize { cores: 4, replica_hours: 2.5 }],
            partial: None,
        };
        let written = serde_json::to_string(&signs).unwrap();
        assert_eq!(serde_json::from_str::<WindowSigns>(&written).unwrap(), signs);
        // Signs that a later version tells, or an earlier one did not, are unknown.
        let short = r#"{"hours":[{"atUnixS":3600,"replicaHours":1.0,"somethingNew":3}]}"#;
        let read: WindowSigns = serde_json::from_str(short).unwrap();
        assert_eq!((read.hours[0].oom_kills, read.hours[0].replica_hours), (None, 1.0));
    }
}
