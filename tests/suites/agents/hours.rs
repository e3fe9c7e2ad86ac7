//! Weeks that a node agent has seen before a test begins: what it keeps on disk of each container's hours.

use std::ops::Range;
use std::path::Path;

use kubeopt_outlook::HourRing;
use kubeopt_player::Container;
use kubeopt_tests::OrFail;

/// As many as an agent keeps: six weeks.
const HOURS_MAX: usize = 42 * 24;

/// Of a container by its number, of CPU (0, in millicores) or memory (1, in bytes), in an hour since the epoch: the highest
/// value and the middle one.
pub(crate) type Seen<'a> = &'a dyn Fn(usize, usize, i64) -> [f64; 2];

/// Writes these hours to the folder of an agent's buffer, as the agent does when it ends: for each container its id, and a ring
/// for CPU and one for memory, each behind its length.
pub(crate) fn remember(buffer: &Path, containers: &[Container], hours: Range<i64>, seen: Seen<'_>) {
    std::fs::create_dir_all(buffer).or_fail("make the folder of an agent's buffer");
    let mut bytes = Vec::new();
    for (number, container) in containers.iter().enumerate() {
        bytes.extend_from_slice(container.container_id.to_string().as_bytes());
        for resource in 0..2 {
            let mut ring = HourRing::new(HOURS_MAX);
            for hour in hours.clone() {
                let [highest, median] = seen(number, resource, hour);
                ring.push(hour, highest, median);
            }
            let ring = ring.to_bytes();
            bytes.extend_from_slice(&u32::try_from(ring.len()).or_fail("measure a ring").to_le_bytes());
            bytes.extend_from_slice(&ring);
        }
    }
    std::fs::write(buffer.join("hours"), bytes).or_fail("write an agent's hours");
}

/// Says in a played tree that nothing of the node waits: agents train only then, and else they ask the machine of the test.
pub(crate) fn at_rest(root: &Path) {
    let calm = "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n";
    std::fs::write(root.join("cpu.pressure"), calm).or_fail("write a file of a cgroup tree");
}
