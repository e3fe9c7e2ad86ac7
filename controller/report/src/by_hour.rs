//! What members would be given by the hour, as rows of a table: data beside a value that holds all hours.

use kubeopt_model::load::{LoadPart, TimedRequest, spoken};
use kubeopt_model::recommendation::Member;
use serde::Serialize;

/// Rows of the table: two a container.
const ROWS_MAX: usize = 10;

/// Spans that are named of one part; a week of single hours has more than anyone reads.
const SPANS_MAX: usize = 7;

/// The table of one recommendation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ByHourView {
    rows: Vec<RowView>,
    rows_left_out: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct RowView {
    container: String,
    when: &'static str,
    hours: String,
    request: String,
}

impl ByHourView {
    /// None where no member has windows.
    pub(crate) fn of(members: &[Member]) -> Option<Self> {
        let timed = members.iter().flat_map(|member| member.timed.iter().map(move |timed| (member, timed)));
        let all: Vec<RowView> = timed.map(|(member, timed)| row(member, timed)).collect();
        let rows_left_out = all.len().saturating_sub(ROWS_MAX);
        let rows: Vec<RowView> = all.into_iter().take(ROWS_MAX).collect();
        (!rows.is_empty()).then_some(Self { rows, rows_left_out })
    }
}

fn row(member: &Member, timed: &TimedRequest) -> RowView {
    let spans = spoken(&timed.spans, timed.period_hours);
    let more = spans.len().saturating_sub(SPANS_MAX);
    let named = spans.into_iter().take(SPANS_MAX).collect::<Vec<_>>().join(", ");
    let id = &member.container;
    RowView {
        container: format!("{}/{}", id.workload.short(), id.container),
        when: match timed.part {
            LoadPart::Peak => "busy",
            LoadPart::OffPeak => "other hours",
        },
        hours: if more > 0 { format!("{named} and {more} more") } else { named },
        request: timed.cpu.to_string(),
    }
}
