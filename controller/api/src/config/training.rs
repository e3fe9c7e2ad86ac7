//! Training of the network of forecasts on nodes, in rounds: when, by how many, for how long.

use crate::policy::words::Cron;
use crate::text::values::{Count, Span};
use crate::text::{At, section};

/// At night, when nodes have time.
const DEFAULT_SCHEDULE: &str = "0 2 * * *";

/// Fewer are no round: what two nodes say cannot be told from what one of them makes up.
const DEFAULT_NODES_MIN: u32 = 3;

/// Nodes ask every few minutes, and train when they have nothing else to do.
const DEFAULT_DEADLINE_SECONDS: i64 = 2 * 3600;

/// Some 2,000 windows.
const DEFAULT_CPU_MAX_SECONDS: i64 = 20;

section! {
    /// Training of the network of forecasts on nodes. What comes of it is what node agents forecast with.
    pub(crate) struct Training {
        /// Whether nodes train at all.
        "enabled" => enabled: bool = false,
        /// When a round begins, as a cron expression of five fields in UTC.
        "schedule" => schedule: Cron = "0 2 * * *",
        /// Nodes that must take part, 3 or more; a round with fewer changes nothing.
        "nodesMin" => nodes_min: Count<3, 10_000> = 3,
        /// How long nodes have time, from 1m to 1d.
        "deadline" => deadline: Span<60, 86_400> = "2h",
        /// Most CPU time that a node spends on a round, from 1s to 10m.
        "cpuMax" => cpu_max: Span<1, 600> = "20s",
    }
}

/// Training on nodes in rounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingConfig {
    /// When a round begins: a cron expression of five fields, in UTC.
    pub schedule: String,
    /// Nodes that must take part; 3 or more.
    pub nodes_min: u32,
    /// How long nodes have time, in seconds.
    pub deadline_seconds: i64,
    /// Most CPU time that a node spends on a round, in seconds.
    pub cpu_max_seconds: i64,
}

/// How nodes train; none where they do not.
pub(crate) fn training(section: Option<At<Training>>) -> Option<TrainingConfig> {
    let section = section?.value;
    section.enabled.is_some_and(|at| at.value).then(|| TrainingConfig {
        schedule: section.schedule.map_or_else(|| DEFAULT_SCHEDULE.to_owned(), |at| at.value.0),
        nodes_min: section.nodes_min.map_or(DEFAULT_NODES_MIN, |at| at.value.0),
        deadline_seconds: section.deadline.map_or(DEFAULT_DEADLINE_SECONDS, |at| at.value.0),
        cpu_max_seconds: section.cpu_max.map_or(DEFAULT_CPU_MAX_SECONDS, |at| at.value.0),
    })
}
