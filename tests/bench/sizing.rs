//! From usage history on disk to what every container should ask for and what that costs: time and memory, beside reading
//! the hours of that history with polars alone, which a pass is spared by the digests of days.
//!
//! Each figure is of a process of its own, so that its memory is its own: the bench starts itself again.

mod history;
mod sure;
mod world;

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use kubeopt_model::Timestamp;
use kubeopt_report::scan::ScanVerdict;
use kubeopt_runtime::edges::Edges;
use kubeopt_runtime::located::Sites;
use kubeopt_runtime::scan;
use kubeopt_tests::OrFail;
use serde_json::{Value, json};

use crate::options::Load;
use crate::say;

/// What the bench calls itself to do, in a process of its own.
pub(crate) enum Part {
    /// Reads the files, and nothing else.
    Floor,
    /// Sizes everything, then again after an hour has been added.
    Passes,
}

/// Makes the history where it is not kept, and measures both parts in turn.
pub(crate) async fn run(load: &Load) {
    let temporary = kubeopt_tests::folder("sizing");
    let folder = load.keep.as_deref().unwrap_or(temporary.path());
    let folder = folder.join(format!("sizing-{}-containers-{}-days", load.containers, load.days));
    history::make(&folder, load.containers, load.days).await;
    let bytes = history::bytes(&folder);
    say(&format!(
        "sizing {} containers from {} days of 5-minute samples, {:.0} MB on disk; best of {} rounds",
        load.containers,
        load.days,
        bytes as f64 / 1e6,
        load.rounds
    ));
    let mut best: [Option<Value>; 2] = [None, None];
    for round in 1..=load.rounds {
        for (part, best) in ["sizing-floor", "sizing-passes"].into_iter().zip(&mut best) {
            let figures = in_own_process(part, &folder, load);
            say(&format!("round {round}, {part}: {figures}"));
            let seconds = |figures: &Value| figures["seconds"].as_f64().unwrap_or(f64::MAX);
            if best.as_ref().is_none_or(|best| seconds(&figures) < seconds(best)) {
                *best = Some(figures);
            }
        }
    }
    if let [Some(floor), Some(passes)] = best {
        say(&table(load, &floor, &passes));
    }
}

fn in_own_process(part: &str, folder: &Path, load: &Load) -> Value {
    let own = std::env::current_exe().or_fail("find the bench itself");
    let mut command = Command::new(own);
    command.arg(part).arg("--keep").arg(folder).args(["--containers", &load.containers.to_string()]);
    let output = command.args(["--days", &load.days.to_string()]).output().or_fail("start the bench again");
    assert!(output.status.success(), "{part} failed: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).or_fail("read the figures of a part")
}

/// One part, in this process; its figures as JSON.
pub(crate) async fn part(part: &Part, load: &Load) {
    let folder = load.keep.as_deref().expect("the bench names the folder to itself");
    let figures = match part {
        Part::Floor => {
            let begun = Instant::now();
            let rows = history::read_all(folder);
            json!({ "rows": rows, "seconds": begun.elapsed().as_secs_f64() })
        }
        Part::Passes => passes(folder, load).await,
    };
    let mut figures = figures;
    figures["cpuSeconds"] = json!(crate::scan::cpu_s(std::process::id()));
    figures["peakBytes"] = json!(crate::scan::resident_bytes_max(std::process::id()));
    say(&figures.to_string());
}

async fn passes(folder: &Path, load: &Load) -> Value {
    let [now, hour_later] = history::ends();
    let scratch = tempfile::tempdir_in(folder).or_fail("make a folder beside the history");
    history::linked(folder, scratch.path());
    let edges = world::edges(scratch.path(), scratch.path(), load.containers).await;
    let (rows, seconds) = pass(&edges, now).await;
    let peak = crate::scan::resident_bytes_max(std::process::id());
    let begun = Instant::now();
    history::append(&*edges.history, load.containers, history::next_hour()).await;
    let appended = begun.elapsed().as_secs_f64();
    let (again, later) = pass(&edges, hour_later).await;
    assert_eq!(rows.len(), again.len(), "the same containers are told of");
    let found = findings(folder, load).await;
    let sure = sure::microseconds(&edges, load.containers).await;
    json!({
        "microsecondsPerContainer": sure, "findings": found,
        "rows": rows.len(), "recommended": rows.iter().filter(|row| row.1).count(), "priced": rows.iter().filter(|row| row.2).count(),
        "seconds": seconds, "appendSeconds": appended, "incrementalSeconds": appended + later, "firstPeakBytes": peak,
    })
}

/// Seconds that looking for findings takes: when the process begins or the day is new, in the passes after that, and how many are
/// open; with the memory that the detectors take, in bytes.
async fn findings(folder: &Path, load: &Load) -> Value {
    let scratch = tempfile::tempdir_in(folder).or_fail("make a folder beside the history");
    history::linked(folder, scratch.path());
    let edges = world::edges(scratch.path(), scratch.path(), load.containers).await;
    let [now, _] = history::ends();
    let mut seen = edges.observe(now).await;
    let before = crate::scan::resident_bytes(std::process::id());
    let mut seconds = Vec::new();
    for _ in 0..2 {
        let begun = Instant::now();
        edges.find(&mut seen, &Sites::default(), now).await;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    let kept = crate::scan::resident_bytes(std::process::id()).saturating_sub(before);
    json!({ "firstSeconds": seconds[0], "laterSeconds": seconds[1], "open": seen.findings.open.len(), "keptBytes": kept })
}

/// Rows with whether something is recommended and priced, and the time of it.
async fn pass(edges: &Edges, now: Timestamp) -> (Vec<(String, bool, bool)>, f64) {
    let begun = Instant::now();
    let scan = scan::scan(edges, now, &|| 0.0).await.expect("a scan on recorded history");
    let seconds = begun.elapsed().as_secs_f64();
    let rows = scan.report.rows.iter();
    let row = |row: &kubeopt_report::ScanRow| {
        let is_change = row.verdict == ScanVerdict::Change;
        (
            format!("{}/{}/{}", row.namespace, row.workload, row.container),
            is_change,
            row.monthly_delta_usd.is_some(),
        )
    };
    (rows.map(row).collect(), seconds)
}

fn table(load: &Load, floor: &Value, passes: &Value) -> String {
    let of = |figures: &Value, key: &str| figures[key].as_f64().unwrap_or_default();
    let megabytes = |bytes: f64| bytes / 1e6;
    format!(
        "\n| containers | recommended | rows of Parquet | the hours, polars alone | kubeopt | ratio | kubeopt CPU, all | after one more hour | peak RSS of the first pass | of all |\n\
         |---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n\
         | {} | {} | {} | {:.2} s | {:.2} s | {:.2} | {:.2} s | {:.2} s | {:.0} MB | {:.0} MB |",
        load.containers,
        of(passes, "recommended"),
        of(floor, "rows"),
        of(floor, "seconds"),
        of(passes, "seconds"),
        of(passes, "seconds") / of(floor, "seconds"),
        of(passes, "cpuSeconds"),
        of(passes, "incrementalSeconds"),
        megabytes(of(passes, "firstPeakBytes")),
        megabytes(of(passes, "peakBytes")),
    )
}
