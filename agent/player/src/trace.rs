//! Traces in CSV: one row a container and time. The first line names the columns, in any order:
//!
//! | column | meaning |
//! |---|---|
//! | `time_s` | seconds since the beginning, with up to three decimals; ascending within a container |
//! | `pod_uid`, `container_id` | as in cgroup paths: a UUID, 64 hexadecimal digits |
//! | `cpu_millicores` | CPU that is wanted from then on |
//! | `memory_bytes` | working set from then on |
//! | `peak_millicores`, `peak_ms` | optional: more CPU for a short time, a quarter of the way to the next row, and cut off there |
//! | `quota_millicores`, `limit_bytes` | optional: limits, taken from a container's first row |
//!
//! An empty field of an optional column means none. No quoting: no field needs it.

use std::collections::BTreeMap;

use kubeopt_sample::{ContainerId, PodUid};
use thiserror::Error;

use crate::load::{Container, Load, Point};

/// As many rows as a month of a thousand containers at 5 minutes, in 400 MiB.
const ROWS_MAX: usize = 10_000_000;

/// Why a trace cannot be played.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum TraceError {
    /// A column that must be there is not.
    #[error(
        "the first line names no column `{0}`: write it, as in time_s,pod_uid,container_id,cpu_millicores,memory_bytes"
    )]
    NoColumn(&'static str),
    /// A field is missing or not of its kind.
    #[error("line {line}: `{column}` is not {wanted}")]
    Field {
        /// Counted from 1.
        line: usize,
        /// Its column.
        column: &'static str,
        /// What it should be.
        wanted: &'static str,
    },
    /// Time goes back within a container.
    #[error("line {line}: this container has a row at or after this time already; sort the rows by time_s")]
    Order {
        /// Counted from 1.
        line: usize,
    },
    /// Nothing to play.
    #[error("the trace has no rows")]
    Empty,
    /// Too much to play.
    #[error("the trace has more than {ROWS_MAX} rows; split it")]
    TooLong,
}

struct Columns {
    time: usize,
    pod: usize,
    container: usize,
    cpu: usize,
    memory: usize,
    peak: Option<usize>,
    peak_ms: Option<usize>,
    quota: Option<usize>,
    limit: Option<usize>,
}

impl Columns {
    fn of(head: &str) -> Result<Self, TraceError> {
        let names: Vec<&str> = head.split(',').map(str::trim).collect();
        let find = |name: &str| names.iter().position(|column| *column == name);
        let needed = |name: &'static str| find(name).ok_or(TraceError::NoColumn(name));
        Ok(Self {
            time: needed("time_s")?,
            pod: needed("pod_uid")?,
            container: needed("container_id")?,
            cpu: needed("cpu_millicores")?,
            memory: needed("memory_bytes")?,
            peak: find("peak_millicores"),
            peak_ms: find("peak_ms"),
            quota: find("quota_millicores"),
            limit: find("limit_bytes"),
        })
    }
}

struct Row<'a> {
    line: usize,
    fields: Vec<&'a str>,
}

impl Row<'_> {
    fn needed<T>(
        &self,
        at: usize,
        column: &'static str,
        wanted: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, TraceError> {
        let field = self.fields.get(at).copied().unwrap_or_default();
        read(field).ok_or(TraceError::Field { line: self.line, column, wanted })
    }

    fn number(&self, at: usize, column: &'static str) -> Result<u64, TraceError> {
        self.needed(at, column, "a whole number", |field| field.parse().ok())
    }

    fn optional(&self, at: Option<usize>, column: &'static str) -> Result<Option<u64>, TraceError> {
        match at.filter(|at| self.fields.get(*at).is_some_and(|field| !field.is_empty())) {
            Some(at) => self.number(at, column).map(Some),
            None => Ok(None),
        }
    }
}

/// Containers with their rows, in the order in which they first appear.
///
/// # Errors
///
/// [`TraceError`], with the line.
pub fn parse(text: &str) -> Result<Vec<Container>, TraceError> {
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let columns = Columns::of(lines.next().ok_or(TraceError::Empty)?.0)?;
    let mut containers: Vec<(Container, Vec<Point>)> = Vec::new();
    let mut known: BTreeMap<(PodUid, ContainerId), usize> = BTreeMap::new();
    for (count, (text, line)) in lines.enumerate() {
        if count == ROWS_MAX {
            return Err(TraceError::TooLong);
        }
        let row = Row { line, fields: text.split(',').map(str::trim).collect() };
        let pod_uid = row.needed(columns.pod, "pod_uid", "a UUID", PodUid::parse)?;
        let container_id =
            row.needed(columns.container, "container_id", "64 hexadecimal digits", ContainerId::parse)?;
        let point = point(&row, &columns)?;
        let at = match known.get(&(pod_uid, container_id)) {
            Some(at) => *at,
            None => {
                let quota_millicores = row.optional(columns.quota, "quota_millicores")?;
                let limit_bytes = row.optional(columns.limit, "limit_bytes")?;
                let load = Load::Points(Vec::new());
                let container = Container { pod_uid, container_id, quota_millicores, limit_bytes, load };
                containers.push((container, Vec::new()));
                known.insert((pod_uid, container_id), containers.len() - 1);
                containers.len() - 1
            }
        };
        let points = &mut containers[at].1;
        if points.last().is_some_and(|last| last.from_ms >= point.from_ms) {
            return Err(TraceError::Order { line });
        }
        points.push(point);
    }
    if containers.is_empty() {
        return Err(TraceError::Empty);
    }
    let with_load = |(container, points)| Container { load: Load::Points(points), ..container };
    Ok(containers.into_iter().map(with_load).collect())
}

fn point(row: &Row<'_>, columns: &Columns) -> Result<Point, TraceError> {
    let peak = row.optional(columns.peak, "peak_millicores")?;
    let peak_ms = row.optional(columns.peak_ms, "peak_ms")?;
    Ok(Point {
        from_ms: row.needed(columns.time, "time_s", "seconds with up to three decimals", milliseconds)?,
        cpu_millicores: row.number(columns.cpu, "cpu_millicores")?,
        memory_bytes: row.number(columns.memory, "memory_bytes")?,
        burst: peak.zip(peak_ms),
    })
}

fn milliseconds(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_decimal =
        !decimals.is_empty() && decimals.len() <= 3 && decimals.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths: u64 = is_decimal.then(|| format!("{decimals:0<3}").parse().ok())??;
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::ids;

    const HEAD: &str = "time_s,pod_uid,container_id,cpu_millicores,memory_bytes";

    #[test]
    fn reads_rows_of_containers_in_any_order_of_columns() {
        let ((pod, id), (pod2, id2)) = (ids(1, 1), ids(1, 2));
        let text = format!(
            "memory_bytes,cpu_millicores,time_s,container_id,pod_uid,peak_ms,peak_millicores,limit_bytes\n\
             10,100,0,{id},{pod},,,4096\r\n\n7,1,0.5,{id2},{pod2},300,900,\n20,200,300.25,{id},{pod},,,\n"
        );
        let found = parse(&text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[0].limit_bytes, found[0].quota_millicores, found[1].limit_bytes),
            (Some(4096), None, None)
        );
        let Load::Points(points) = &found[0].load else { panic!("points") };
        assert_eq!(points[1], Point { from_ms: 300_250, cpu_millicores: 200, memory_bytes: 20, burst: None });
        let Load::Points(points) = &found[1].load else { panic!("points") };
        assert_eq!((points[0].from_ms, points[0].burst), (500, Some((900, 300))));
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let (pod, id) = ids(1, 1);
        let wrong = |rows: &str| parse(&format!("{HEAD}\n{rows}")).unwrap_err().to_string();
        assert_eq!(wrong(""), "the trace has no rows");
        assert_eq!(
            wrong(&format!("x,{pod},{id},1,1")),
            "line 2: `time_s` is not seconds with up to three decimals"
        );
        assert_eq!(
            wrong(&format!("1.2345,{pod},{id},1,1")),
            "line 2: `time_s` is not seconds with up to three decimals"
        );
        assert_eq!(wrong("0,1,2,3,4"), "line 2: `pod_uid` is not a UUID");
        assert_eq!(wrong(&format!("0,{pod},{id},-1,1")), "line 2: `cpu_millicores` is not a whole number");
        assert_eq!(wrong(&format!("0,{pod},{id},1")), "line 2: `memory_bytes` is not a whole number");
        assert!(wrong(&format!("5,{pod},{id},1,1\n5,{pod},{id},1,1")).starts_with("line 3: this container"));
        assert_eq!(parse("time_s,pod_uid").unwrap_err(), TraceError::NoColumn("container_id"));
        assert_eq!(parse("").unwrap_err(), TraceError::Empty);
    }
}
