//! The kubeopt program: parse, run, answer with an exit code.

mod args;
mod backtest;
mod costs;
mod demo;
mod explain;
mod generate;
mod get;
mod history;
mod offline;
mod out;
mod progress;
mod run;
mod table;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    run::run(args::Args::parse())
}
