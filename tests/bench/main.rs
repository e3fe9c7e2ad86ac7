//! Figures about kubeopt on real servers and real repositories, printed as Markdown tables. Nothing is asserted on time.
//!
//! ```text
//! cargo bench -p kubeopt-tests --bench bench --profile dev -- scan [--containers N] [--days N] [--step S] [--rounds N]
//!                                                    [--keep DIR] [--program FILE]
//! cargo bench -p kubeopt-tests --bench bench --profile dev -- sizing [--containers N] [--days N] [--rounds N] [--keep DIR]
//! cargo bench -p kubeopt-tests --bench bench --profile dev -- plan --repos DIR [--program FILE]
//! cargo bench -p kubeopt-tests --bench bench --profile dev -- trace --repos DIR [--chart NAME=DIR] [--program FILE]
//! cargo bench -p kubeopt-tests --bench bench --profile dev -- forecast [--containers N] [--rounds N]
//! cargo bench -p kubeopt-tests --bench bench --profile dev -- monorepo [--applications N] [--charts N] [--program FILE]
//! cargo bench -p kubeopt-tests --bench bench --profile dev -- detectors [--rounds N]
//! cargo bench -p kubeopt-tests --bench bench --profile dev -- agent [--hours N] [--nodes N] [--minutes N] [--part NAME]
//! ```
//!
//! `scan` measures the real process against a Prometheus with generated history, beside what `curl` takes for the same
//! queries. `sizing` measures a pass over history on disk, beside what polars takes to read the same bytes. `forecast` measures the network beside ONNX Runtime. `plan` runs kubeopt's planning over each repository of a folder and checks every byte that it would change.
//! `trace` sets every line that a trace of these names, renders with the bare programs, and sets it back.

mod agent;
mod bytes;
mod cluster;
mod detectors;
mod floor;
mod forecast;
mod monorepo;
mod options;
mod plan;
mod scan;
mod sizing;
mod store;
mod trace;
/// The suite `trace` does the same to folders of the project.
#[path = "../suites/trace/turn.rs"]
mod turn;
mod world;

use std::io::Write as _;
use std::process::ExitCode;

use options::{Command, Options};

/// The usage, as the module's documentation tells it.
const USAGE: &str =
    "usage: bench scan [--containers N] [--days N] [--step S] [--rounds N] [--keep DIR] [--program FILE]
       bench sizing [--containers N] [--days N] [--rounds N] [--keep DIR]
       bench plan --repos DIR [--program FILE]
       bench trace --repos DIR [--chart NAME=DIR] [--program FILE]
       bench forecast [--containers N] [--rounds N]
       bench monorepo [--applications N] [--charts N] [--program FILE]
       bench detectors [--rounds N]
       bench agent [--hours N] [--nodes N] [--minutes N] [--part footprint|kernel|outage|crowd|exporter]";

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            say(&format!("{why}\n{USAGE}"));
            return ExitCode::from(2);
        }
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime for the harness");
    runtime.block_on(async {
        match options.command {
            Command::Scan(what) => {
                scan::run(&what, &options.program).await;
                ExitCode::SUCCESS
            }
            Command::Forecast(load) => {
                forecast::run(&load).await;
                ExitCode::SUCCESS
            }
            Command::Sizing(load) => {
                sizing::run(&load).await;
                ExitCode::SUCCESS
            }
            Command::SizingPart(part, load) => {
                sizing::part(&part, &load).await;
                ExitCode::SUCCESS
            }
            Command::Detectors(rounds) => {
                detectors::run(rounds);
                ExitCode::SUCCESS
            }
            Command::Agent(plan) => {
                agent::run(&plan).await;
                ExitCode::SUCCESS
            }
            Command::Monorepo(size) => {
                monorepo::run(&size, &options.program).await;
                ExitCode::SUCCESS
            }
            Command::Trace(repositories) => trace::run(&repositories, &options.program).await,
            Command::Plan(repositories) => plan::run(&repositories, &options.program).await,
        }
    })
}

/// One line, or several, for whoever runs the bench.
pub(crate) fn say(text: &str) {
    // With nobody to read it there is nobody to tell that it cannot be written.
    let _closed = writeln!(std::io::stdout(), "{text}");
}
