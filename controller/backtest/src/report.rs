//! What came out, as one value: it renders to a table, Markdown, JSON and a plot.

use serde::{Serialize, Serializer};

use crate::contender::Role;
use crate::dominance::{AtEqualRisk, Dominance, at_equal_risk, dominances};
use crate::figures::{Figures, figures};
use crate::plan::Plan;
use crate::reliability::{Reliability, Stated};
use crate::replay::{Replayed, Sums};
use crate::row::Row;
use crate::split::Part;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The part of the traces; all where there is none.
    #[serde(rename = "split", serialize_with = "split")]
    pub part: Option<Part>,
    /// Traces that had at least one week.
    #[serde(rename = "series")]
    pub traces: usize,
    /// Traces of the part that were too short for one.
    pub too_short: usize,
    /// Weeks of CPU and of memory, and samples of CPU.
    pub cpu_weeks: u64,
    /// Weeks of memory.
    pub memory_weeks: u64,
    /// Samples of CPU in those weeks.
    pub cpu_samples: u64,
    /// One a rule, in the order in which they were named.
    #[serde(rename = "methods")]
    pub rows: Vec<Row>,
    /// Kubeopt's own rule at other prices, cheapest first.
    pub curve: Vec<Row>,
    /// Which peers each own operating point dominates.
    pub dominances: Vec<Dominance>,
    /// What kubeopt saves where it exceeds no more than a peer.
    pub at_equal_risk: Vec<AtEqualRisk>,
    /// What kubeopt's rule would have stated before each week, and how many of the weeks held.
    pub reliability: Reliability,
    /// What there is to know of the traces, one sentence each; the one who read them tells it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Report {
    /// `traces` holds, for each trace of the part, what each rule did; none for one that is too short.
    pub(crate) fn of(
        plan: &Plan,
        traces: impl Iterator<Item = Option<(Vec<Replayed>, Vec<Stated>)>>,
    ) -> Self {
        let (mut columns, mut counted, mut too_short) = (vec![Vec::new(); plan.contenders.len()], 0, 0);
        let (mut cpu_weeks, mut memory_weeks, mut cpu_samples) = (0, 0, 0);
        let mut stated: Vec<Stated> = Vec::new();
        for replayed in traces {
            let Some((replayed, of_trace)) = replayed else {
                too_short += 1;
                continue;
            };
            counted += 1;
            stated.extend(of_trace);
            if let Some(first) = replayed.first() {
                cpu_weeks += first.cpu_weeks;
                cpu_samples += first.cpu.of as u64;
                memory_weeks += first.memory.of as u64;
            }
            columns.iter_mut().zip(replayed).for_each(|(column, replayed)| column.push(replayed));
        }
        let rows = plan.contenders.iter().zip(&columns).map(|(contender, column)| Row {
            strategy: contender.label.clone(),
            about: contender.strategy.about(),
            role: contender.role,
            cpu: of(column, |replayed| replayed.cpu),
            memory: of(column, |replayed| replayed.memory),
            memory_with_kills: of(column, |replayed| replayed.memory_with_kills),
        });
        let (curve, rows): (Vec<Row>, Vec<Row>) = rows.partition(|row| row.role == Role::Curve);
        Self {
            part: plan.part,
            traces: counted,
            too_short,
            cpu_weeks,
            memory_weeks,
            cpu_samples,
            dominances: dominances(&rows),
            at_equal_risk: at_equal_risk(&rows, &curve),
            rows,
            curve,
            reliability: Reliability::of(stated.iter()),
            notes: Vec::new(),
        }
    }
}

/// `all` where no part is named.
#[allow(clippy::ref_option, clippy::trivially_copy_pass_by_ref)]
fn split<S: Serializer>(part: &Option<Part>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(part.map_or("all", Part::as_str))
}

fn of(column: &[Replayed], sums: fn(&Replayed) -> Sums) -> Figures {
    figures(&column.iter().map(sums).collect::<Vec<_>>())
}
