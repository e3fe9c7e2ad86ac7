//! Weeks of generated usage in files, the same on every machine; made once and kept for the next run.

use std::f64::consts::TAU;
use std::fs::File;
use std::path::{Path, PathBuf};

use kubeopt_history::{ParquetUsage, UsageStore};
use kubeopt_model::usage::{Signal, UsageSeries};
use kubeopt_model::{Timestamp, Window};
use kubeopt_tests::OrFail;
use kubeopt_tests::lot::{mix, unit};
use polars::prelude::{ParquetReader, SerReader as _};

use super::world::{cluster, container, pod};

/// 2025-11-20, 13:00 UTC: where the history ends, within a day as at most times.
const END_UNIX_S: i64 = 1_763_643_600;

const STEP_S: i64 = 300;
const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;

/// Written last: a folder without it was left half made.
const STAMP: &str = "made";

/// Makes the history of so many containers, unless the folder holds it.
pub(super) async fn make(folder: &Path, containers: usize, days: u32) {
    let stamp = folder.join(STAMP);
    if stamp.is_file() {
        return;
    }
    // A folder that was never finished holds whatever an interrupted run left.
    let _none = std::fs::remove_dir_all(folder);
    let store = ParquetUsage::open(folder).or_fail("open a history");
    let today = END_UNIX_S.div_euclid(DAY_S) * DAY_S;
    for day in (1..=i64::from(days)).rev() {
        let from_unix_s = today - day * DAY_S;
        append(&store, containers, Window { from_unix_s, to_unix_s: from_unix_s + DAY_S }).await;
    }
    for from_unix_s in (today..END_UNIX_S).step_by(HOUR_S as usize) {
        append(&store, containers, Window { from_unix_s, to_unix_s: from_unix_s + HOUR_S }).await;
    }
    std::fs::write(stamp, "").or_fail("note that a history is made");
}

/// The end of the history, and an hour later.
pub(super) fn ends() -> [Timestamp; 2] {
    [0, HOUR_S].map(|later| Timestamp::from_second(END_UNIX_S + later).expect("a literal that is a time"))
}

/// The hour that the second pass finds new.
pub(super) fn next_hour() -> Window {
    Window { from_unix_s: END_UNIX_S, to_unix_s: END_UNIX_S + HOUR_S }
}

/// The same files under another folder, for a pass that adds to them. The store replaces files and never writes into one.
pub(super) fn linked(folder: &Path, to: &Path) {
    let of_cluster = to.join(cluster().as_str());
    std::fs::create_dir_all(&of_cluster).or_fail("make a folder");
    for entry in std::fs::read_dir(folder.join(cluster().as_str())).or_fail("list a history") {
        let path = entry.or_fail("list a history").path();
        let name = path.file_name().expect("an entry of a folder has a name");
        std::fs::hard_link(&path, of_cluster.join(name)).or_fail("link a file of the history");
    }
}

/// Adds what all containers used in a slice.
pub(super) async fn append(store: &dyn UsageStore, containers: usize, slice: Window) {
    let mut rollup = store.begin(&cluster(), slice);
    for at in 0..containers {
        for (signal, key) in [(Signal::CpuMillicores, 0), (Signal::MemoryBytes, 1)] {
            let times = (slice.from_unix_s..slice.to_unix_s).step_by(STEP_S as usize);
            let points = times.map(|time| (time, used(at, signal, key, time))).collect();
            rollup.add(UsageSeries { container: container(at), pod: pod(at), signal, points });
        }
    }
    store.append(rollup, None).await.or_fail("append to a history");
}

/// Millicores or bytes: a daily wave with noise, lower on two days of seven, of containers of 17 sizes.
fn used(at: usize, signal: Signal, key: u64, time: i64) -> f64 {
    let size = (1 + at % 17) as f64;
    let wave = (time.rem_euclid(DAY_S) as f64 / DAY_S as f64 * TAU).sin();
    let drawn = unit(mix(mix(at as u64 * 2 + key, 0) ^ time.unsigned_abs(), 0));
    let week = if time.div_euclid(DAY_S).rem_euclid(7) >= 5 { 0.5 } else { 1.0 };
    let spike = if drawn > 0.998 { 3.0 } else { 1.0 };
    if signal == Signal::CpuMillicores {
        20.0 * size * (1.0 + 0.5 * wave) * (0.7 + 0.6 * drawn) * week * spike
    } else {
        3e7 * size * (1.0 + 0.2 * wave) * (0.95 + 0.1 * drawn)
    }
}

/// Bytes of the hours.
pub(super) fn bytes(folder: &Path) -> u64 {
    files(folder).iter().filter_map(|path| path.metadata().ok()).map(|file| file.len()).sum()
}

/// Reads every table of hours, one after the other, and gives the number of their rows.
pub(super) fn read_all(folder: &Path) -> usize {
    files(folder)
        .into_iter()
        .map(|path| {
            let file = File::open(path).or_fail("open a table");
            ParquetReader::new(file).finish().expect("a table of the history").height()
        })
        .sum()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let folder = folder.join(cluster().as_str());
    let entries = std::fs::read_dir(folder).or_fail("list a history");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.or_fail("list a history").path()).collect();
    // Points and digests are other forms of them.
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".parquet") && !name.contains("points") && !name.contains("digest")
    });
    files.sort();
    files
}
