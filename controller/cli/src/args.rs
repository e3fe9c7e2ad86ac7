//! The command line. Global flags follow kubectl.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args as Group, Parser, Subcommand, ValueEnum};

use crate::flags::{Common, Output, Selection};

/// Rightsizes Kubernetes workloads through pull requests.
#[derive(Debug, Parser)]
#[command(name = "kubeopt", version, propagate_version = true, arg_required_else_help = true, after_help = EXIT_CODES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) common: Common,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 failed or usage not read, 2 wrong usage, 3 nothing to propose (only with --exit-code).
Colours are left out where NO_COLOR is set or the output is not a terminal.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the whole loop on embedded parts: example repository, recorded usage, local forge.
    Demo(Demo),
    /// Show what every container should ask for; writes nothing.
    Scan(Scan),
    /// Show the diff and the proof of every pull request; publishes nothing.
    Plan(Plan),
    /// Open or update the pull requests, once.
    Propose(Propose),
    /// Run the controller.
    Run(Run),
    /// Open the pull request that takes a merged one back, as far as its values still stand.
    Rollback(crate::rollback::Rollback),
    /// Show why a workload gets its values: the data, what each rule said, what bound it.
    Explain(Explain),
    /// Check prerequisites, permissions and reachability.
    Check(Check),
    /// Show what is known: where each workload comes from in Git, or why nothing tells.
    Get(Get),
    /// Show which line of a folder sets each request and limit, and who else it feeds; offline.
    Trace(Trace),
    /// Change requests and limits in a folder, proven by rendering; offline.
    Set(Set),
    /// Show what sizing rules would have saved on recorded usage, and what would have exceeded them.
    Backtest(Backtest),
    /// Train the network of forecasts on recorded usage, measure it beside baselines, or write it as ONNX; offline.
    Forecast(crate::forecast::Forecast),
    /// Show what capacity cost, by namespace, workload or label, over a window of time.
    Costs(crate::costs::Costs),
    /// Show what merged pull requests save, estimated, beside what kubeopt itself costs.
    Savings(crate::costs::Savings),
    /// Write the usage history to a file, or take one over.
    History(crate::history::History),
    /// Show the versions of the network that node agents forecast with, take one back, or begin a round of training.
    Models(crate::models::Models),
    /// Check policy files; show which policy holds for a path, and who set each key; offline.
    Policy(crate::policy::Policy),
    /// Print a completion script for a shell.
    Completion {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write man pages to a folder.
    Man {
        /// The folder.
        folder: PathBuf,
    },
    /// Render one folder: a request on standard input, an answer on standard output.
    #[command(hide = true)]
    Render,
    /// Write the files of the project that are generated from the program.
    #[command(hide = true)]
    Generate {
        /// Only compare; fail where one differs.
        #[arg(long)]
        check: bool,
        /// The root of the project.
        #[arg(long, default_value = ".")]
        root: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GetWhat {
    /// Workload, repository, branch, folder, renderer, and how that is known.
    Sources,
    /// What is unusual in usage: leaks with the time that is left, spikes, saturation, OOM kills, drift.
    Findings,
    /// How each node's agent is doing, as the controller wrote it down.
    Agents,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LeastSeverity {
    Low,
    Medium,
    High,
    Critical,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GetOutput {
    Table,
    Json,
    Yaml,
}

#[derive(Debug, Group)]
pub(crate) struct Get {
    /// What to show.
    #[arg(value_enum)]
    pub(crate) what: GetWhat,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Findings: from this severity on.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    pub(crate) severity: Option<LeastSeverity>,
    /// Findings: also those that are over, as far as the journal of `--config` knows them.
    #[arg(long)]
    pub(crate) all: bool,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = GetOutput::Table)]
    pub(crate) output: GetOutput,
}

#[derive(Debug, Group)]
pub(crate) struct Demo {
    /// Stop after the pull request is open, without the page.
    #[arg(long)]
    pub(crate) no_serve: bool,
    /// Where the page is served; loopback only.
    #[arg(long, default_value = "127.0.0.1:8765", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Folder of the demo's repository and database; without it a new temporary one.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScanOutput {
    Table,
    Wide,
    Json,
    Yaml,
    Csv,
    Markdown,
    Html,
}

#[derive(Debug, Group)]
pub(crate) struct Scan {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = ScanOutput::Table)]
    pub(crate) output: ScanOutput,
    /// Exit with 3 when there is nothing to propose.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanOutput {
    /// Diff and proof.
    Text,
    /// Diff only, as `git apply` takes it.
    Diff,
    /// Title and body of every pull request.
    Markdown,
    Json,
}

#[derive(Debug, Group)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = PlanOutput::Text)]
    pub(crate) output: PlanOutput,
    /// Exit with 3 when there is nothing to propose.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Propose {
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
    /// Exit with 3 when there is nothing to propose.
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Run {
    /// Run one pass, then stop.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Explain {
    /// The workload: NAMESPACE/KIND/NAME, such as payments/deploy/api.
    #[arg(value_name = "NAMESPACE/KIND/NAME")]
    pub(crate) workload: String,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, Group)]
pub(crate) struct Check {
    /// Only what must be there before an installation: the cluster, its API kinds, metrics, permissions.
    #[arg(long)]
    pub(crate) pre: bool,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BacktestWhat {
    /// Requests, each frozen for a week and compared with it.
    Sizing,
    /// What usage the network of forecasts expects, beside all baselines, on weeks that it was not trained on.
    Forecast,
    /// Detectors: on labelled series where --traces is a folder that is laid out as the Numenta benchmark is, else on
    /// leaks put into recorded memory.
    Anomaly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BacktestOutput {
    Table,
    Json,
    /// The tables as documents have them.
    Markdown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Split {
    All,
    /// Six in ten series, by a hash of their names.
    Tune,
    /// Two in ten.
    Choose,
    /// Two in ten: no sizing rule was tuned or chosen on them and no network trained; leaks were, see docs/anomaly.md.
    Report,
}

#[derive(Debug, Group)]
pub(crate) struct Backtest {
    /// What is tried.
    #[arg(value_enum)]
    pub(crate) what: BacktestWhat,
    /// File of recorded usage, Parquet or CSV; docs/backtest.md lists its columns. Without it `sizing` judges the history
    /// of the configured store, as far as it goes.
    #[arg(long, value_name = "FILE")]
    pub(crate) traces: Option<PathBuf>,
    /// For `forecast`: file of weights, with its card beside it; without it the model that comes with kubeopt.
    #[arg(long, value_name = "FILE")]
    pub(crate) model: Option<PathBuf>,
    /// For `sizing`: rules to compare, by name; all of them without it.
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) compare: Vec<String>,
    /// Only a part of the series.
    #[arg(long, value_enum, default_value_t = Split::All)]
    pub(crate) split: Split,
    /// For `sizing`: with kubeopt's second operating point, which reserves less at more risk.
    #[arg(long)]
    pub(crate) economy: bool,
    /// Draw what was found, for `sizing` overrun against reserve: a file that ends in .svg or .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) plot: Option<PathBuf>,
    /// For `sizing`: draw the share of weeks that held against the confidence stated before: a file that ends in .svg or
    /// .png.
    #[arg(long, value_name = "FILE")]
    pub(crate) reliability_plot: Option<PathBuf>,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = BacktestOutput::Table)]
    pub(crate) output: BacktestOutput,
    #[command(flatten)]
    pub(crate) selection: Selection,
}

/// A folder, and what it needs from outside.
#[derive(Debug, Clone, Group)]
pub(crate) struct Folder {
    /// A folder with manifests, a kustomization or a chart, or one that holds several of them.
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
    /// A chart that the folder names and does not hold: its archive or folder; may be repeated.
    #[arg(long = "chart", value_name = "NAME=FILE", value_parser = named_file)]
    pub(crate) charts: Vec<(String, PathBuf)>,
}

fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = text.split_once('=').ok_or("write NAME=FILE, such as podinfo=podinfo-6.9.2.tgz")?;
    Ok((name.to_owned(), file.into()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TraceOutput {
    Table,
    /// With the key of each line, and all that it feeds.
    Wide,
    Json,
}

#[derive(Debug, Group)]
pub(crate) struct Trace {
    #[command(flatten)]
    pub(crate) folder: Folder,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = TraceOutput::Table)]
    pub(crate) output: TraceOutput,
}

#[derive(Debug, Group)]
pub(crate) struct Set {
    #[command(flatten)]
    pub(crate) folder: Folder,
    /// The container: [NAMESPACE/]KIND/NAME[/CONTAINER], NAME, or * for all.
    #[arg(value_name = "SELECTION")]
    pub(crate) selection: String,
    /// What it shall ask for: cpu.request=250m, memory.limit=512Mi.
    #[arg(value_name = "FIELD=QUANTITY", required = true)]
    pub(crate) values: Vec<String>,
    /// Print the diff and its proof; write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}
