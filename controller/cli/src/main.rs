//! The kubeopt program: parse, run, answer with an exit code.

mod args;
mod backtest;
mod command;
mod costs;
mod demo;
mod explain;
mod flags;
mod forecast;
mod generate;
mod get;
mod history;
mod models;
mod offline;
mod out;
mod policy;
mod progress;
mod published;
mod rollback;
mod run;
mod table;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    run::run(args::Args::parse())
}
