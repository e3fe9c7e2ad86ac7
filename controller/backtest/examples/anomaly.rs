//! The figures of docs/anomaly.md: detectors on a folder in the Numenta benchmark's layout, or leaks put into memory that
//! was recorded in a CSV file with the columns `series,unix_s,memory_mib`, or the speed of the detectors.
//!
//!     cargo run -p kubeopt-backtest --example anomaly -- FOLDER|FILE.csv|speed

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use kubeopt_backtest::anomaly::{
    Column, HEADERS_ANOMALY, HEADERS_LEAKS, Labelled, LeakTrials, Peer, column, compare, labels, windows,
};
use kubeopt_model::trace::{ResourceTrace, UsageTrace};
use kubeopt_signal::{
    AnomalyScore, DriftDetector, EwmaChart, LeakDetector, MemorySample, SpikeDetector, SpikeRule,
};

const MEBI: f64 = 1_048_576.0;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("name a folder or a CSV file")?;
    let path = Path::new(&path);
    let text = match path {
        path if path.is_dir() => labelled(path)?,
        path if path == Path::new("speed") => speeds(),
        path => leaks(path)?,
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn labelled(folder: &Path) -> Result<String, Box<dyn Error>> {
    let labels = labels(&std::fs::read_to_string(folder.join("labels/combined_windows.json"))?)?;
    let mut corpus = Vec::new();
    for (name, own) in &labels {
        let samples = read(&folder.join("data").join(name))?;
        let windows = windows(&samples, own)?;
        corpus.push(Labelled { name: name.clone(), samples, windows });
    }
    let mut peers = Vec::new();
    for entry in std::fs::read_dir(folder.join("results"))? {
        let entry = entry?;
        let scores = labels.keys().map(|name| Ok(read(&entry.path().join(name))?.values));
        let scores = scores.collect::<Result<_, Box<dyn Error>>>()?;
        peers.push(Peer { name: entry.file_name().to_string_lossy().into_owned(), scores });
    }
    peers.sort_by(|a, b| a.name.cmp(&b.name));
    let compared = compare(&corpus, &peers);
    let headline =
        format!("{} series, {} samples, {} windows", compared.series, compared.samples, compared.windows);
    Ok(table(&headline, &HEADERS_ANOMALY, compared.rows.iter().map(|row| row.cells())))
}

fn read(path: &Path) -> Result<Column, Box<dyn Error>> {
    Ok(column(&std::fs::read_to_string(path)?)?)
}

/// Rows of one series stand together, in the order of time.
fn leaks(path: &Path) -> Result<String, Box<dyn Error>> {
    let text = std::fs::read_to_string(path)?;
    let rows = text.lines().skip(1).map(|line| {
        let mut fields = line.split(',');
        let series = fields.next().ok_or("a line has no series")?;
        let at: i64 = fields.next().ok_or("a line has no time")?.parse()?;
        let mebi: f64 = fields.next().ok_or("a line has no memory")?.parse()?;
        Ok((series, at, mebi * MEBI))
    });
    let rows = rows.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let mut trials = LeakTrials::new(None);
    for own in rows.chunk_by(|a, b| a.0 == b.0) {
        let points: Vec<(i64, f64)> = own.iter().map(|(_, at, bytes)| (*at, *bytes)).collect();
        let memory = ResourceTrace { provisioned: vec![0.0; points.len()], points };
        let name = own.first().map_or("", |(name, ..)| name).to_owned();
        trials.add(&UsageTrace { name, memory, ..UsageTrace::default() });
    }
    Ok(table(&trials.headline(), &HEADERS_LEAKS, trials.rates.iter().map(|rate| rate.cells())))
}

/// Two million made-up samples through each detector, on one core.
fn speeds() -> String {
    let (mut spike, mut chart) =
        (SpikeDetector::new(SpikeRule::cpu_by_10_seconds(None)), EwmaChart::new(600));
    let (mut leak, mut drift, mut score) =
        (LeakDetector::new(600), DriftDetector::default(), AnomalyScore::default());
    let memory = |at_unix_s, bytes| MemorySample { at_unix_s, bytes, limit_bytes: None, request_bytes: None };
    let rows = [
        speed("spike", &mut |at, value| spike.push(at, value).is_some()),
        speed("shift", &mut |at, value| chart.push(at, value).is_some()),
        speed("leak", &mut |at, value| leak.push(&memory(at, value)).is_some()),
        speed("drift", &mut |at, value| drift.push(at, value).is_some()),
        speed("overall score", &mut |at, value| score.push(at, value) > 0.5),
    ];
    table("samples a second, on one core", &["detector", "millions a second"], rows.into_iter())
}

fn speed(name: &str, push: &mut dyn FnMut(i64, f64) -> bool) -> [String; 2] {
    const SAMPLES: i64 = 2_000_000;
    let start = Instant::now();
    let told = (0..SAMPLES).filter(|i| push(i * 10, 100.0 + (i * 7919 % 97) as f64)).count();
    std::hint::black_box(told);
    [name.to_owned(), format!("{:.2}", SAMPLES as f64 / 1e6 / start.elapsed().as_secs_f64())]
}

/// As documents have it.
fn table<const N: usize>(
    headline: &str,
    headers: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut text = format!("{headline}\n\n| {} |\n|{}\n", headers.join(" | "), " --- |".repeat(N));
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}
