//! The node agent at work: memory, CPU and time of its static release program over eight hours of samples that it reads
//! itself, an outage of a day, a thousand nodes at one controller, and node_exporter beside it.
//!
//! Eight hours pass in minutes: the clock of the agent is driven, and the tree that it reads is played. What it does is what it
//! would do in eight hours of a real node: each read, each message over TLS, each forecast, a round of training.

mod controller;
mod crowd;
mod drive;
#[path = "../suites/agents/driver.rs"]
mod driver;
mod footprint;
#[path = "../suites/agents/hours.rs"]
mod hours;
mod kernel;
mod node_exporter;
mod outage;
mod program;
mod server;
mod table;

use std::path::Path;
use std::time::Instant;

use drive::{HOUR_MS, Rig};
use kubeopt_model::Timestamp;
use kubeopt_player::gpus::{FakeExporter, FakeGpu, dcgm_page};
use kubeopt_tests::OrFail as _;
use server::{Authorities, Server};
use table::{Bars, megabytes, short};

use crate::say;

/// What is measured.
pub(crate) struct Plan {
    /// Simulated.
    pub(crate) hours: u64,
    /// At one controller.
    pub(crate) nodes: usize,
    /// At the rate of real nodes.
    pub(crate) minutes: u64,
    /// Only this part; all where there is none.
    pub(crate) part: Option<String>,
}

impl Plan {
    fn wants(&self, part: &str) -> bool {
        self.part.as_deref().is_none_or(|only| only == part)
    }
}

/// Containers of a node.
const SIZES: [u64; 3] = [10, 100, 250];

/// The bar of memory is that of a node of so many.
const MEMORY_AT: u64 = 100;
/// That of CPU and of reading is that of a node of so many.
const CPU_AT: u64 = 250;

const BINARY_MB_MAX: f64 = 8.0;
const HWM_MB_MAX: f64 = 10.0;
const GROWTH_PERCENT_MAX: f64 = 3.0;
const CPU_PERCENT_MAX: f64 = 1.0;
const READ_MS_MAX: f64 = 5.0;
const OUTAGE_HOURS: u64 = 24;
/// 32 MiB.
const DISK_MB_MAX: f64 = 33.554_432;
const LAG_S_MAX: f64 = 10.0;

/// Measures and prints.
pub(crate) async fn run(plan: &Plan) {
    let program = program::build();
    let mut bars = Bars::default();
    let size = std::fs::metadata(&program).map(|of| of.len()).unwrap_or_default();
    bars.at_most("static release binary", size as f64 / 1e6, BINARY_MB_MAX, "MB");
    if plan.wants("footprint") {
        footprints(plan, &program, &mut bars).await;
    }
    if plan.wants("kernel") {
        kernel(&program, &mut bars).await;
    }
    if plan.wants("outage") {
        outage(&program, &mut bars).await;
    }
    if plan.wants("crowd") {
        crowd(plan, &mut bars).await;
    }
    if plan.wants("exporter") {
        exporter(plan, &mut bars).await;
    }
    say(&bars.markdown());
}

async fn footprints(plan: &Plan, program: &Path, bars: &mut Bars) {
    say(&format!(
        "{} hours of samples, TLS, forecasts and a round of training; one container is replaced every 10 minutes\n",
        plan.hours
    ));
    say(
        "| containers | VmHWM | VmRSS half, end | RssAnon half, end | Pss | CPU of one core | of it training | one read, median and highest | took |",
    );
    say("|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for containers in SIZES {
        footprint(plan, program, containers, bars).await;
    }
}

/// Those of a large machine, each a container's.
fn gpus() -> Vec<FakeGpu> {
    let gpu = |number| FakeGpu {
        number,
        user: Some(("ml".to_owned(), format!("train-{number}"), "main".to_owned())),
        busy_percent: 10 * number,
        memory_mib: (20_000, 60_000),
    };
    (0..8).map(gpu).collect()
}

async fn footprint(plan: &Plan, program: &Path, containers: u64, bars: &mut Bars) {
    let begun = Instant::now();
    let folder = kubeopt_tests::folder("bench-agent");
    let authorities = Authorities::make();
    let server = Server::start(folder.path(), &authorities, 0).await;
    let exporter = FakeExporter::start(&dcgm_page(&gpus())).or_fail("start a fake exporter");
    let asked = format!("--dcgm-url={}", exporter.url());
    let mut rig =
        Rig::start(program, containers, (&authorities, server.port), hours_ago(plan.hours), &[&asked]).await;
    rig.live(plan.hours * HOUR_MS / 2).await;
    let half = rig.footprint();
    let told = rig.live(plan.hours * HOUR_MS / 2).await;
    let end = rig.footprint();
    let (first, second) = rig.halves();
    let (read_us, read_us_max) = rig.reads_us();
    let (trainings, training_ms) = server.trained();
    let percent = |seconds: f64| 100.0 * seconds / (plan.hours * 3600) as f64;
    say(&format!(
        "| {containers} | {} | {}, {} | {}, {} | {} | {} % | {} % | {:.1} ms, {:.1} ms | {:.0} s |",
        megabytes(end.hwm_bytes),
        megabytes(half.rss_bytes),
        megabytes(end.rss_bytes),
        megabytes(half.anon_bytes),
        megabytes(end.anon_bytes),
        megabytes(end.pss_bytes),
        short(percent(end.cpu_s)),
        short(percent(training_ms as f64 / 1000.0)),
        read_us as f64 / 1000.0,
        read_us_max as f64 / 1000.0,
        begun.elapsed().as_secs_f64(),
    ));
    let of = format!("{containers} containers");
    if containers == MEMORY_AT {
        bars.at_most(&format!("VmHWM, {of}"), end.hwm_bytes as f64 / 1e6, HWM_MB_MAX, "MB");
    }
    if first > 0 {
        let growth = 100.0 * (second as f64 / first as f64 - 1.0);
        bars.at_most(&format!("RssAnon, second half above the first, {of}"), growth, GROWTH_PERCENT_MAX, "%");
    }
    if containers == CPU_AT {
        bars.at_most(&format!("CPU of one core, {of}"), percent(end.cpu_s), CPU_PERCENT_MAX, "%");
        bars.at_most(
            &format!("one read of a played tree, median, {of}"),
            read_us as f64 / 1000.0,
            READ_MS_MAX,
            "ms",
        );
    }
    bars.holds(&format!("trainings sent, {of}"), &trainings.to_string(), "1", trainings == 1);
    let stored = server.counts().stored;
    let behind = told.kept_seq.saturating_sub(told.acknowledged_seq);
    bars.told(&format!("batches stored, not yet acknowledged, {of}"), &format!("{stored}, {behind}"));
}

async fn kernel(program: &Path, bars: &mut Bars) {
    let what = format!("one read of real cgroups (version 1), median, {CPU_AT} containers");
    match kernel::measure(program, CPU_AT).await {
        Ok(((median_us, highest_us), footprint)) => {
            bars.at_most(&what, median_us as f64 / 1000.0, READ_MS_MAX, "ms");
            let highest =
                format!("{} ms, {}", short(highest_us as f64 / 1000.0), megabytes(footprint.hwm_bytes));
            bars.told(&format!("highest of these reads, and VmHWM, {CPU_AT} containers"), &highest);
        }
        Err(why) => bars.told(&what, &format!("absent: {why}")),
    }
}

async fn outage(program: &Path, bars: &mut Bars) {
    let of = format!("an outage of {OUTAGE_HOURS} h, {MEMORY_AT} containers");
    let found = outage::measure(program, MEMORY_AT, OUTAGE_HOURS, hours_ago(OUTAGE_HOURS + 2)).await;
    let none = |count: u64| count == 0 && found.readings > 0;
    bars.told(&format!("readings, {of}"), &found.readings.to_string());
    bars.holds(&format!("lost, {of}"), &found.lost.to_string(), "0", none(found.lost));
    bars.holds(&format!("doubled, {of}"), &found.doubled.to_string(), "0", none(found.doubled));
    bars.at_most(&format!("buffer on disk, {of}"), found.disk_bytes as f64 / 1e6, DISK_MB_MAX, "MB");
    bars.at_most(&format!("VmHWM, {of}"), found.hwm_bytes as f64 / 1e6, HWM_MB_MAX, "MB");
    bars.told(&format!("sent again in, {of}"), &format!("{:.0} s", found.replayed_in.as_secs_f64()));
}

async fn crowd(plan: &Plan, bars: &mut Bars) {
    let found = controller::measure(plan.nodes, plan.minutes).await;
    let of = format!("{} nodes", plan.nodes);
    let seconds = |lags: &crowd::Lags, share: f64| lags.at(share).as_secs_f64();
    bars.at_most(&format!("longest until stored, {of}"), seconds(&found.live, 1.0), LAG_S_MAX, "s");
    bars.told(
        &format!("until stored, median and 99 %, {} batches of {of}", found.live.batches()),
        &format!("{:.2} s, {:.2} s", seconds(&found.live, 0.5), seconds(&found.live, 0.99)),
    );
    bars.told(
        &format!("an hour of all {of} at once ({} batches)", found.replay.batches()),
        &format!("{:.0} s", found.replay.took.as_secs_f64()),
    );
    let (now, most) = found.resident_bytes;
    bars.told(
        &format!("controller's VmRSS and VmHWM, {of}"),
        &format!("{}, {}", megabytes(now), megabytes(most)),
    );
}

async fn exporter(plan: &Plan, bars: &mut Bars) {
    let folder = kubeopt_tests::folder("bench-exporter");
    match node_exporter::measure(folder.path(), plan.hours).await {
        Ok((version, footprint)) => {
            let cpu = 100.0 * footprint.cpu_s / (plan.hours * 3600) as f64;
            let said = format!(
                "VmHWM {}, RssAnon {}, CPU {} %",
                megabytes(footprint.hwm_bytes),
                megabytes(footprint.anon_bytes),
                short(cpu)
            );
            bars.told(
                &format!("node_exporter {version} of Debian, a scrape each 15 s for {} h", plan.hours),
                &said,
            );
        }
        Err(why) => bars.told("node_exporter of Debian", &format!("absent: {why}")),
    }
}

/// The beginning of an hour of the past.
fn hours_ago(hours: u64) -> u64 {
    let now = u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
    (now / HOUR_MS - hours) * HOUR_MS
}
