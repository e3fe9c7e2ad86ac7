//! From rows to series: one at a time, in the order of time, without what is no measurement.

use std::collections::{BTreeSet, VecDeque};

use kubeopt_model::UsageTrace;
use kubeopt_model::trace::ResourceTrace;

use super::error::TracesError;
use super::rows::Rows;

/// 90 days at steps of 5 seconds, 100 MB: more is no trace of a container.
const SAMPLES_MAX: usize = 1_600_000;

/// Rows of one series so far.
#[derive(Debug, Default)]
struct Open {
    name: String,
    /// (time, CPU, provisioned, memory, provisioned); NaN where nothing was measured.
    rows: Vec<(i64, [f64; 4])>,
}

/// Series that come out of rows.
#[derive(Debug)]
pub(super) struct Gathering<R> {
    rows: R,
    open: Option<Open>,
    ready: VecDeque<UsageTrace>,
    seen: BTreeSet<String>,
    ended: bool,
}

impl<R: Iterator<Item = Result<Rows, TracesError>>> Gathering<R> {
    pub(super) fn new(rows: R) -> Self {
        Self { rows, open: None, ready: VecDeque::new(), seen: BTreeSet::new(), ended: false }
    }

    fn add(&mut self, rows: &Rows) -> Result<(), TracesError> {
        let mut at = 0;
        for (name, count) in &rows.runs {
            if self.open.as_ref().is_none_or(|open| open.name != *name) {
                self.close();
                if !self.seen.insert(name.clone()) {
                    return Err(TracesError::Scattered { name: name.clone() });
                }
                self.open = Some(Open { name: name.clone(), rows: Vec::new() });
            }
            if let Some(open) = &mut self.open {
                open.rows.extend((at..at + count).filter_map(|row| rows.row(row)));
                if open.rows.len() > SAMPLES_MAX {
                    return Err(TracesError::TooLong { name: name.clone(), max: SAMPLES_MAX });
                }
            }
            at += count;
        }
        Ok(())
    }

    fn close(&mut self) {
        if let Some(Open { name, mut rows }) = self.open.take() {
            rows.sort_by_key(|(at, _)| *at);
            rows.dedup_by_key(|(at, _)| *at);
            let cpu = resource(&rows, |[cpu, provisioned, ..]| (*cpu, *provisioned));
            let memory = resource(&rows, |[_, _, memory, provisioned]| (*memory, *provisioned));
            self.ready.push_back(UsageTrace { name, cpu, memory });
        }
    }
}

impl<R: Iterator<Item = Result<Rows, TracesError>>> Iterator for Gathering<R> {
    type Item = Result<UsageTrace, TracesError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(trace) = self.ready.pop_front() {
                return Some(Ok(trace));
            }
            if self.ended {
                return None;
            }
            let added = match self.rows.next() {
                Some(rows) => rows.and_then(|rows| self.add(&rows)),
                None => {
                    self.close();
                    self.ended = true;
                    Ok(())
                }
            };
            if let Err(error) = added {
                self.ended = true;
                self.ready.clear();
                return Some(Err(error));
            }
        }
    }
}

impl Rows {
    fn row(&self, row: usize) -> Option<(i64, [f64; 4])> {
        let of = |column: &[f64]| column.get(row).copied().unwrap_or(f64::NAN);
        let values =
            [of(&self.cpu), of(&self.cpu_provisioned), of(&self.memory), of(&self.memory_provisioned)];
        Some((*self.at_unix_s.get(row)?, values))
    }
}

/// Samples that were measured. What is provisioned holds until something else is said; before it is said for the first
/// time, that holds. Where it is never said, there is nothing to compare with: no samples.
fn resource(rows: &[(i64, [f64; 4])], of: fn(&[f64; 4]) -> (f64, f64)) -> ResourceTrace {
    let measured = |value: f64| value.is_finite() && value >= 0.0;
    let first = rows.iter().map(|(_, row)| of(row).1).find(|provisioned| measured(*provisioned));
    let Some(mut last) = first else { return ResourceTrace::default() };
    let mut trace = ResourceTrace::default();
    for (at, row) in rows {
        let (value, provisioned) = of(row);
        if measured(provisioned) {
            last = provisioned;
        }
        if measured(value) {
            trace.points.push((*at, value));
            trace.provisioned.push(last);
        }
    }
    trace
}
