//! What a container would like to use, and when.

use kubeopt_sample::{ContainerId, PodUid};

use crate::block::{Block, Burst};
use crate::pattern::Pattern;

/// A container that is played.
#[derive(Debug, Clone)]
pub struct Container {
    /// Its pod.
    pub pod_uid: PodUid,
    /// Itself.
    pub container_id: ContainerId,
    /// CPU quota in millicores; none for no limit.
    pub quota_millicores: Option<u64>,
    /// Memory limit in bytes; none for no limit.
    pub limit_bytes: Option<u64>,
    /// What it would like to use.
    pub load: Load,
}

/// What a container would like to use.
#[derive(Debug, Clone)]
pub enum Load {
    /// Points by time, each holding until the next; before the first it uses nothing. The last holds on.
    Points(Vec<Point>),
    /// Made from a seed.
    Pattern(Pattern),
}

/// A level from a time on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Milliseconds since the beginning.
    pub from_ms: u64,
    /// CPU in millicores.
    pub cpu_millicores: u64,
    /// Working set in bytes.
    pub memory_bytes: u64,
    /// A short time of more, a quarter of the way to the next point.
    pub burst: Option<(u64, u64)>,
}

impl Load {
    /// The block that a time is in.
    #[must_use]
    pub fn block(&self, at_ms: u64) -> Block {
        match self {
            Self::Points(points) => block_of(points, at_ms),
            Self::Pattern(pattern) => pattern.block(at_ms),
        }
    }
}

fn block_of(points: &[Point], at_ms: u64) -> Block {
    let next = points.partition_point(|point| point.from_ms <= at_ms);
    let until_ms = points.get(next).map_or(u64::MAX, |point| point.from_ms);
    let Some(point) = next.checked_sub(1).and_then(|at| points.get(at)) else {
        return Block { from_ms: 0, until_ms, cpu_millicores: 0, memory_bytes: 0, burst: None };
    };
    let burst = point.burst.map(|(cpu_millicores, length_ms)| {
        let quarter = if until_ms == u64::MAX { 0 } else { (until_ms - point.from_ms) / 4 };
        let from_ms = point.from_ms + quarter;
        Burst { from_ms, until_ms: from_ms.saturating_add(length_ms), cpu_millicores }
    });
    let Point { from_ms, cpu_millicores, memory_bytes, burst: _ } = *point;
    Block { from_ms, until_ms, cpu_millicores, memory_bytes, burst }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_point_holds_until_the_next_and_its_burst_stands_a_quarter_in() {
        let point =
            |from_ms, cpu_millicores, burst| Point { from_ms, cpu_millicores, memory_bytes: 1, burst };
        let load = Load::Points(vec![point(1000, 50, Some((900, 300))), point(5000, 70, None)]);
        let cpu = |at| load.block(at).cpu_at(at);
        assert_eq!([cpu(0), cpu(999), cpu(1000), cpu(1999)], [0, 0, 50, 50]);
        assert_eq!([cpu(2000), cpu(2299), cpu(2300), cpu(4999)], [900, 900, 50, 50]);
        assert_eq!([cpu(5000), cpu(u64::MAX - 1)], [70, 70]);
        assert_eq!(load.block(0).until_ms, 1000);
    }
}
