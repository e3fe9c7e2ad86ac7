//! What people ask for on the command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::Layout;

/// Plays a trace, or synthetic load, as a changing cgroup tree.
#[derive(Debug, Parser)]
#[command(name = "kubeopt-player", version)]
pub struct Args {
    /// The folder to make the tree in; of memory (tmpfs) it is fastest
    #[arg(long)]
    pub root: PathBuf,

    /// The kind of tree
    #[arg(long, default_value = "systemd-v2")]
    pub layout: Layout,

    /// A CSV file with the columns time_s, pod_uid, container_id, cpu_millicores and memory_bytes, and if wanted
    /// peak_millicores, peak_ms, quota_millicores and limit_bytes
    #[arg(long, conflicts_with = "containers")]
    pub trace: Option<PathBuf>,

    /// So many synthetic containers
    #[arg(long, default_value_t = 10)]
    pub containers: u64,

    /// Where the synthetic containers' numbers begin
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    /// Seconds to play
    #[arg(long = "for", default_value_t = 3600)]
    pub seconds: u64,

    /// Seconds played in one second of the clock
    #[arg(long, default_value_t = 1.0, conflicts_with = "clock_stdin", value_parser = speed)]
    pub speed: f64,

    /// Take the time from standard input: each line `advance N` plays up to N milliseconds and is answered `at N`
    #[arg(long)]
    pub clock_stdin: bool,
}

/// The slowest that is any use, and more than a disk can follow.
fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (0.01..=1_000_000.0).contains(&speed) => Ok(speed),
        Ok(_) | Err(_) => Err("give a number from 0.01 to 1000000".to_owned()),
    }
}

impl ValueEnum for Layout {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.name()))
    }
}
