//! Training of the network of forecasts on nodes, in rounds: when, by how many, for how long.

use crate::policy::words::Cron;
use crate::text::values::{Count, Span};
use crate::text::{At, Fault, Reading, section};

/// At night, when nodes have time.
const DEFAULT_SCHEDULE: &str = "0 2 * * *";

/// Fewer are no round: what two nodes say cannot be told from what one of them makes up.
const DEFAULT_NODES_MIN: u32 = 3;

/// Uploads of so many take 50 MB.
const DEFAULT_NODES_MAX: u32 = 256;

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
        "nodesMin" => nodes_min: Count<3, 256> = 3,
        /// Nodes with which a round ends before its deadline.
        "nodesMax" => nodes_max: Count<3, 256> = 256,
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
    /// Nodes with which a round ends before its deadline; `nodes_min` or more.
    pub nodes_max: u32,
    /// How long nodes have time, in seconds.
    pub deadline_seconds: i64,
    /// Most CPU time that a node spends on a round, in seconds.
    pub cpu_max_seconds: i64,
}

/// How nodes train; none where they do not, or after a problem was told.
pub(crate) fn training(section: Option<At<Training>>, reading: &mut Reading<'_>) -> Option<TrainingConfig> {
    let At { value: section, line } = section?;
    let nodes_min = section.nodes_min.map_or(DEFAULT_NODES_MIN, |at| at.value.0);
    let nodes_max = section.nodes_max.map_or(DEFAULT_NODES_MAX, |at| at.value.0);
    if nodes_max < nodes_min {
        let text = "`agents.training.nodesMax` is less than `nodesMin`: no round would ever count".to_owned();
        let help = "let a round end with as many nodes as must take part, or with more".to_owned();
        reading.refuse(line, Fault::Contradiction { text, help });
        return None;
    }
    section.enabled.is_some_and(|at| at.value).then(|| TrainingConfig {
        schedule: section.schedule.map_or_else(|| DEFAULT_SCHEDULE.to_owned(), |at| at.value.0),
        nodes_min,
        nodes_max,
        deadline_seconds: section.deadline.map_or(DEFAULT_DEADLINE_SECONDS, |at| at.value.0),
        cpu_max_seconds: section.cpu_max.map_or(DEFAULT_CPU_MAX_SECONDS, |at| at.value.0),
    })
}
