//! Weeks that a node agent has seen before a test begins: what it keeps on disk of each container's hours.

use std::path::Path;

use kubeopt_outlook::HourRing;
use kubeopt_player::Container;
use kubeopt_tests::OrFail;

const HOUR_MS: u64 = 3_600_000;
const DAY_HOURS: i64 = 24;

/// As many as an agent keeps: six weeks.
const HOURS_MAX: usize = 42 * 24;

/// Writes the hours of so many days before a moment to the folder of an agent's buffer, as the agent does when it ends: for
/// each container its id, and a ring for CPU and one for memory, each behind its length.
pub(crate) fn remember(buffer: &Path, containers: &[Container], days: i64, before_unix_ms: u64) {
    std::fs::create_dir_all(buffer).or_fail("make the folder of an agent's buffer");
    let next = i64::try_from(before_unix_ms / HOUR_MS).or_fail("count hours");
    let mut bytes = Vec::new();
    for (number, container) in containers.iter().enumerate() {
        bytes.extend_from_slice(container.container_id.to_string().as_bytes());
        for level in [40.0 + 13.0 * number as f64, 6e7 + 1e6 * number as f64] {
            let ring = past(level, number as i64, next - days * DAY_HOURS..next).to_bytes();
            bytes.extend_from_slice(&u32::try_from(ring.len()).or_fail("measure a ring").to_le_bytes());
            bytes.extend_from_slice(&ring);
        }
    }
    std::fs::write(buffer.join("hours"), bytes).or_fail("write an agent's hours");
}

/// Days with a busy part, each a little different: something to learn from.
fn past(level: f64, number: i64, hours: std::ops::Range<i64>) -> HourRing {
    let mut ring = HourRing::new(HOURS_MAX);
    for hour in hours {
        let busy = (hour + number).rem_euclid(DAY_HOURS) as f64 / DAY_HOURS as f64;
        let wave = (busy * std::f64::consts::TAU).sin();
        let noise = ((hour * 7919 + number * 104_729).rem_euclid(101) as f64 - 50.0) / 500.0;
        let median = level * (1.0 + 0.4 * wave + noise);
        ring.push(hour, median * 1.3, median);
    }
    ring
}

/// Says in a played tree that nothing of the node waits: agents train only then, and else they ask the machine of the test.
pub(crate) fn at_rest(root: &Path) {
    let calm = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
    std::fs::write(root.join("cpu.pressure"), calm).or_fail("write a file of a cgroup tree");
}
