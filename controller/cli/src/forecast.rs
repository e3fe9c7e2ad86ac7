//! `kubeopt forecast`: train the network of forecasts, measure it beside the baselines, write it as ONNX. No cluster.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args as Group, Subcommand, ValueEnum};
use kubeopt_model::{Problem, Timestamp};
use kubeopt_runtime::forecast::{
    Difference, Evaluation, FederateOptions, Federated, FederatedRow, Recording, Row, Scores, TO_BEAT,
    TrainOptions, Wins, check_weights_name, eval, export, federate, train,
};
use kubeopt_runtime::terminal_line;
use kubeopt_runtime::wiring::Keep;

use crate::command::{Outcome, edges, in_runtime, json, options};
use crate::flags::{Common, Selection};
use crate::out::{hint, print, problems};
use crate::progress::for_terminal;
use crate::table::{markdown as of_rows, plain, trimmed};

pub(crate) const HEADERS: [&str; 10] = [
    "RESOURCE",
    "LOADS",
    "FORETOLD",
    "BY",
    "PINBALL .9",
    "BESIDE",
    "PINBALL .95",
    "BESIDE",
    "HELD .9/.95/.99",
    "MASE MEAN/MEDIAN",
];
const WINS_HEADERS: [&str; 6] =
    ["RESOURCE", "LOADS", "COUNT", "WON", "NETWORK'S WEIGHT .5/.9/.95/.99", "SILENT"];

const DIFFERENCES_HEADERS: [&str; 6] = ["RESOURCE", "LOADS", "SEASON", "COUNT", "PINBALL .9", "PINBALL .95"];

const FEDERATED_HEADERS: [&str; 7] =
    ["TRAINED", "PINBALL", "BESIDE", "SEEN .9/.95/.99", "UNSEEN .9/.95/.99", "ROUNDS", "REFUSED"];

#[derive(Debug, Group)]
pub(crate) struct Forecast {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Train a network on recorded usage, calibrate and measure it on weeks that it has not seen. A training that was
    /// interrupted goes on when the same command is given again.
    Train {
        /// File of recorded usage, Parquet or CSV; docs/backtest.md lists its columns. Without it the history of the
        /// configured store is learned from: both resources of each container of the selected namespaces, without Jobs,
        /// CronJobs and init containers. Either needs 44 days.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["namespaces", "all_namespaces", "prometheus_token_file", "history"])]
        traces: Option<PathBuf>,
        /// The file of weights; the card is written beside it, with the ending .json, and while training lasts its state, .state.
        #[arg(long, value_name = "FILE", default_value = "outlook.weights")]
        to: PathBuf,
        /// The same seed and recording give the same weights.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Batches of 128 windows at most; training ends before where it no longer helps.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        steps: Option<u32>,
        /// Cells of the LSTM.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=512))]
        hidden: Option<u32>,
        #[command(flatten)]
        selection: Selection,
    },
    /// Measure a model on recorded usage beside all baselines, on weeks that it was not trained on. Loads of another recording
    /// than its own are shown as `other`.
    Eval {
        /// File of recorded usage, Parquet or CSV; docs/backtest.md lists its columns.
        #[arg(long, value_name = "FILE")]
        traces: PathBuf,
        /// File of weights, with its card beside it; without it the model that comes with kubeopt.
        #[arg(long, value_name = "FILE")]
        model: Option<PathBuf>,
        /// Format.
        #[arg(long, short = 'o', value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Show what training on nodes would make of recorded usage, beside training in one place on as many windows: clients with
    /// machines of their own, some of them hostile.
    Federate {
        /// File of recorded usage, Parquet or CSV; docs/backtest.md lists its columns. It needs 44 days.
        #[arg(long, value_name = "FILE")]
        traces: PathBuf,
        /// Clients; a machine belongs to one of them by the hash of its name.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u8).range(1..=100))]
        clients: u8,
        /// Rounds; in each a client learns from 2,048 windows.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1000))]
        rounds: u16,
        /// Hostile clients: they send ten times the opposite of what they learned, claim counts that nobody has, or send what is
        /// no number.
        #[arg(long, default_value_t = 2)]
        poisoned: u8,
        /// The same seed and recording give the same figures.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Format.
        #[arg(long, short = 'o', value_enum, default_value_t = Output::Table)]
        output: Output,
    },
    /// Write a model as ONNX.
    Export {
        /// File of weights, with its card beside it; without it the model that comes with kubeopt.
        #[arg(long, value_name = "FILE")]
        model: Option<PathBuf>,
        /// The file.
        #[arg(long, value_name = "FILE", default_value = "outlook.onnx")]
        to: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
}

pub(crate) fn run(args: Forecast, common: &Common) -> Outcome {
    let progress = for_terminal(common.quiet);
    let told = match args.what {
        What::Train { traces, to, seed, steps, hidden, selection } => {
            let size = |value: Option<u32>| value.and_then(|value| usize::try_from(value).ok());
            let options = TrainOptions { to, seed, steps: size(steps), hidden: size(hidden) };
            check_weights_name(&options.to).map_err(|problem| vec![problem])?;
            let recording = match traces {
                Some(traces) => {
                    Recording::of_file(&traces, progress.as_ref()).map_err(|problem| vec![problem])?
                }
                None => in_runtime(of_store(&selection, common))?,
            };
            let card = train(recording, &options, progress.as_ref());
            progress.done();
            let card = card.map_err(|problem| vec![problem])?;
            wrote(&options.to, common);
            table(&card.scores)
        }
        What::Eval { traces, model, output } => {
            let found = eval(&traces, model.as_deref(), progress.as_ref());
            progress.done();
            let found = found.map_err(|problem| vec![problem])?;
            match output {
                Output::Table => table(&found),
                Output::Json => json(&found)?,
            }
        }
        What::Federate { traces, clients, rounds, poisoned, seed, output } => {
            let options = FederateOptions {
                clients: clients.into(),
                rounds: rounds.into(),
                poisoned: poisoned.into(),
                seed,
            };
            let recording =
                Recording::of_file(&traces, progress.as_ref()).map_err(|problem| vec![problem])?;
            let found = federate(recording, &options, progress.as_ref());
            progress.done();
            let found = found.map_err(|problem| vec![problem])?;
            match output {
                Output::Table => federated(&found),
                Output::Json => json(&found)?,
            }
        }
        What::Export { model, to } => {
            let bytes = export(model.as_deref(), &to).map_err(|problem| vec![problem])?;
            wrote(&to, common);
            format!("{bytes} bytes\n")
        }
    };
    print(&told);
    Ok(ExitCode::SUCCESS)
}

/// Whoever has no store may have a file.
async fn of_store(selection: &Selection, common: &Common) -> Result<Recording, Vec<Problem>> {
    let or_a_file = |mut problem: Problem| {
        problem.help.push_str("; or name a file of recorded usage with --traces");
        problem
    };
    let edges = edges(common, &options(common, selection), Keep::State).await;
    let edges = edges.map_err(|all| all.into_iter().map(or_a_file).collect::<Vec<_>>())?;
    let kept = Recording::of_store(&edges, Timestamp::now()).await;
    let (recording, unseen) = kept.map_err(|problem| vec![or_a_file(problem)])?;
    problems(&unseen);
    Ok(recording)
}

fn wrote(path: &Path, common: &Common) {
    if !common.quiet {
        hint(&format!("wrote {}", terminal_line(&path.display().to_string())));
    }
}

pub(crate) fn table(found: &Evaluation) -> String {
    let mut hours = plain();
    hours.set_header(HEADERS);
    hours.add_rows(found.hours.iter().chain(&found.peaks).map(|row| cells(row, found)));
    let mut wins = plain();
    wins.set_header(WINS_HEADERS);
    wins.add_rows(found.wins.iter().map(wins_cells));
    let mut differences = plain();
    differences.set_header(DIFFERENCES_HEADERS);
    differences.add_rows(found.differences.iter().map(difference_cells));
    format!(
        "{}\n\nhow often the outlook beats {TO_BEAT}; silent is the share of days without any weight of the network at .9\n{}\n\nthe outlook beside {TO_BEAT}, by how loads come again, with 95 % intervals over loads where there are 10 at least\n{}\n",
        trimmed(&hours),
        trimmed(&wins),
        trimmed(&differences)
    )
}

fn federated(found: &Federated) -> String {
    let mut table = plain();
    table.set_header(FEDERATED_HEADERS);
    let base = found.rows.first().map_or(f64::NAN, FederatedRow::loss);
    table.add_rows(found.rows.iter().map(|row| federated_cells(row, base)));
    let loads = found.client_loads.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
    format!("{}\n\nloads of each client: {loads}; windows of each way: {}\n", trimmed(&table), found.windows)
}

fn federated_cells(row: &FederatedRow, base: f64) -> [String; 7] {
    let loss = row.loss();
    let told = |scores: &Option<Scores>| match scores {
        Some(own) => [2, 3, 4].map(|at| format!("{:.3}", own.pinball[at])).join(" "),
        None => "no number".to_owned(),
    };
    let rounds = match row.accepted + row.rejected {
        0 => String::new(),
        all => format!("{} of {all}", row.accepted),
    };
    [
        row.how.clone(),
        if loss.is_finite() { format!("{loss:.4}") } else { "no number".to_owned() },
        if loss.is_finite() { format!("{:+.1} %", 100.0 * (loss / base - 1.0)) } else { String::new() },
        told(&row.seen),
        told(&row.unseen),
        rounds,
        if row.refused == 0 { String::new() } else { row.refused.to_string() },
    ]
}

/// The tables of wins and differences as documents have them.
pub(crate) fn markdown(found: &Evaluation) -> String {
    format!(
        "\n{}\n{}",
        of_rows(&WINS_HEADERS, found.wins.iter().map(wins_cells)),
        of_rows(&DIFFERENCES_HEADERS, found.differences.iter().map(difference_cells))
    )
}

fn wins_cells(own: &Wins) -> [String; 6] {
    let weights = [1, 2, 3, 4].map(|at| format!("{:.2}", own.network_weight[at])).join(" ");
    let won = 100.0 * own.won as f64 / own.loads.max(1) as f64;
    [
        own.resource.to_string(),
        own.part.clone(),
        own.loads.to_string(),
        format!("{won:.0} %"),
        weights,
        format!("{:.0} %", 100.0 * own.network_silent),
    ]
}

fn difference_cells(own: &Difference) -> [String; 6] {
    let told = |at: usize| {
        let difference = 100.0 * own.difference[at];
        match own.low.zip(own.high) {
            Some((low, high)) => {
                format!("{difference:+.1} % ({:+.1} to {:+.1})", 100.0 * low[at], 100.0 * high[at])
            }
            None => format!("{difference:+.1} %"),
        }
    };
    [own.resource.to_string(), own.part.clone(), own.season.clone(), own.loads.to_string(), told(2), told(3)]
}

/// Losses beside those of the baseline of the same group.
pub(crate) fn cells(row: &Row, found: &Evaluation) -> [String; 10] {
    let same = |other: &&Row| {
        (other.resource, &other.part, &other.target) == (row.resource, &row.part, &row.target)
            && [TO_BEAT, "quantiles of past peaks"].contains(&other.method.as_str())
    };
    let base = found.hours.iter().chain(&found.peaks).find(same);
    let beside = |at: usize| {
        let base = base.map(|base| base.scores.pinball[at]).filter(|base| *base > 0.0);
        base.map_or_else(String::new, |base| {
            format!("{:+.1} %", 100.0 * (row.scores.pinball[at] / base - 1.0))
        })
    };
    let held = [2, 3, 4].map(|at| format!("{:.1}", 100.0 * row.scores.coverage[at])).join(" ");
    [
        row.resource.to_string(),
        row.part.clone(),
        row.target.clone(),
        row.method.clone(),
        format!("{:.4}", row.scores.pinball[2]),
        beside(2),
        format!("{:.4}", row.scores.pinball[3]),
        beside(3),
        held,
        format!("{:.3} {:.3}", row.scores.mase_mean, row.scores.mase_median),
    ]
}
