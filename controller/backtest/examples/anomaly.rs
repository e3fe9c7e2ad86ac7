//! The figures of docs/anomaly.md: detectors on a folder in the Numenta benchmark's layout, or leaks put into memory that
//! was recorded in a CSV file with the columns `series,unix_s,memory_mib`.
//!
//!     cargo run -p kubeopt-backtest --example anomaly -- FOLDER|FILE.csv

use std::error::Error;
use std::io::Write as _;
use std::path::Path;

use kubeopt_backtest::anomaly::{
    Column, HEADERS_ANOMALY, HEADERS_LEAKS, Labelled, LeakTrials, Peer, column, compare, labels, windows,
};
use kubeopt_model::trace::{ResourceTrace, UsageTrace};

const MEBI: f64 = 1_048_576.0;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("name a folder or a CSV file")?;
    let path = Path::new(&path);
    let text = if path.is_dir() { labelled(path)? } else { leaks(path)? };
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
