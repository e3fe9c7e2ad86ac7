//! A day without a controller: what it takes on disk, and whether each reading is there once when the controller is back.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use kubeopt_model::Window;
use kubeopt_tests::{OrFail, port};

use super::drive::{HOUR_MS, Rig, SECOND_MS};
use super::server::{Authorities, Server};

/// The replay is bounded to this times the rate of live batches, so that it ends within the bench; agents have 2.
const REPLAY_RATE: &str = "120";

const STEP_MS: i64 = 10_000;

/// What became of the readings.
pub(super) struct Outage {
    /// Readings of one container and step that the controller should have.
    pub(super) readings: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
    /// The most that the buffer took.
    pub(super) disk_bytes: u64,
    /// From the controller's return to the last acknowledgement.
    pub(super) replayed_in: Duration,
    pub(super) hwm_bytes: u64,
}

pub(super) async fn measure(program: &Path, containers: u64, hours: u64, began_unix_ms: u64) -> Outage {
    let folder = kubeopt_tests::folder("bench-outage");
    let authorities = Authorities::make();
    let port = port::free();
    let to = (&authorities, port);
    let mut rig = Rig::start(program, containers, to, began_unix_ms, &["--replay-rate", REPLAY_RATE]).await;
    rig.keeps_all = true;
    let mut disk_bytes = 0;
    for _ in 0..hours {
        rig.live(HOUR_MS).await;
        disk_bytes = disk_bytes.max(bytes_of(&rig.buffer()));
    }
    let server = Server::start(folder.path(), &authorities, port).await;
    let begun = Instant::now();
    // The wait between two attempts is a minute at most by the agent's clock.
    rig.live(2 * 60 * SECOND_MS).await;
    rig.until_acknowledged().await;
    let replayed_in = begun.elapsed();
    let hwm_bytes = rig.footprint().hwm_bytes;
    drop(rig);
    let (readings, lost, doubled) = counted(&server, began_unix_ms, containers);
    server.end().await;
    Outage { readings, lost, doubled, disk_bytes, replayed_in, hwm_bytes }
}

/// Readings that there should be up to the newest one; those that are not there; those that are there again.
fn counted(server: &Server, began_unix_ms: u64, containers: u64) -> (u64, u64, u64) {
    let began = i64::try_from(began_unix_ms).or_fail("count milliseconds");
    let mut found: HashMap<(String, i64), u64> = HashMap::new();
    for known in server.agents().spool().hours() {
        let Window { from_unix_s, to_unix_s } = known.hour;
        for part in server.agents().spool().read(known.hour) {
            let Some(part) = part.or_fail("read the log").series() else { continue };
            for reading in part.readings {
                let begins = reading.at_unix_ms - i64::from(reading.span_ms);
                // Those of the hours beside it come with their own hour.
                if (from_unix_s * 1000..to_unix_s * 1000).contains(&begins) {
                    *found.entry((part.id.container_id.clone(), reading.at_unix_ms)).or_default() += 1;
                }
            }
        }
    }
    let newest = found.keys().map(|(_, at)| *at).max().unwrap_or(began);
    // Counters of the first step have nothing before them to be compared with.
    let steps = u64::try_from((newest - began) / STEP_MS - 1).or_fail("count steps");
    let readings = steps * containers;
    let doubled = found.values().map(|times| times - 1).sum();
    (readings, readings.saturating_sub(found.len() as u64), doubled)
}

fn bytes_of(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).or_fail("list the buffer");
    entries.filter_map(|entry| entry.ok()?.metadata().ok()).map(|of| of.len()).sum()
}
