//! Plays load as a changing cgroup tree: arguments in, exit code out.

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use kubeopt_player::{args::Args, run::run};

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the edge, where the chain of an error is printed once")]
fn complain(error: &dyn Error) {
    eprint!("error: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        eprint!(": {cause}");
        source = cause.source();
    }
    eprintln!();
}
