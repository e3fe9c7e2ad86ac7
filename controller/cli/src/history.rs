//! `kubeopt history`: what the controller kept of usage, to a file and back.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as Group, Subcommand};
use kubeopt_runtime::history;
use kubeopt_runtime::wiring::{Options, read_config};

use crate::command::Outcome;
use crate::flags::Common;
use crate::out::print;

#[derive(Debug, Group)]
pub(crate) struct History {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write all usage below `store.history` to a new Parquet file; the journal is not part of it.
    Export {
        /// The file; it must not exist.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Take over the hours that a file has and `store.history` lacks. The controller must not run meanwhile.
    Import {
        /// A file that `kubeopt history export` wrote.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

pub(crate) async fn run(args: History, common: Common) -> Outcome {
    let config = read_config(&Options { config: common.config, ..Options::default() })?;
    let (done, moved) = match &args.what {
        What::Export { to } => ("wrote", history::export(&config, to).await),
        What::Import { file } => ("took over", history::import(&config, file).await),
    };
    let moved = moved.map_err(|problem| vec![problem])?;
    let (hours, days, clusters) = (moved.hours, moved.days, moved.clusters);
    print(&format!("{done} {hours} hours of {days} days, clusters in the file: {clusters}\n"));
    Ok(ExitCode::SUCCESS)
}
