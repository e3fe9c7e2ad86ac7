//! From parsed arguments to an exit code: one function a command.

use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::time::Instant;

use clap::CommandFactory;
use kubeopt_model::{Problem, Timestamp};
use kubeopt_report::ScanFormat;
use kubeopt_report::scan::ScanVerdict;
use kubeopt_runtime::check::{Depth, check};
use kubeopt_runtime::codes::is_usage_unread;
use kubeopt_runtime::controller::{Until, run as run_controller};
use kubeopt_runtime::get_agents::check_agents;
use kubeopt_runtime::pipeline::PassReport;
use kubeopt_runtime::publishing::Published;
use kubeopt_runtime::scan::{format_scan, scan};
use kubeopt_runtime::wiring::{Keep, read_config, wire};
use kubeopt_runtime::{pass, plan};

use crate::args::{Args, Check, Command, Demo, Plan, PlanOutput, Propose, Run, Scan, ScanOutput};
use crate::command::{Outcome, edges, ended, in_runtime, json, options, options_of_all, own_fault, program};
use crate::flags::{Common, LogFormat, Output};
use crate::out::{hint, print, problems};
use crate::published::published_text;
use crate::{backtest, explain, generate, offline, table};

/// Nothing to propose, with `--exit-code`.
const NOTHING: u8 = 3;

/// Runs a command.
pub(crate) fn run(args: Args) -> ExitCode {
    start_logs(&args.common);
    let Args { command, common } = args;
    let outcome = match command {
        Command::Completion { shell } => completion(shell),
        Command::Man { folder } => generate::man_pages(&folder).map_err(|problem| vec![problem]),
        Command::Render => render(),
        Command::Generate { check, root } => generate::files(&root, check).map_err(|problem| vec![problem]),
        Command::Demo(demo) => in_runtime(run_demo(demo, common)),
        Command::Scan(scan) => in_runtime(run_scan(scan, common)),
        Command::Plan(plan) => in_runtime(run_plan(plan, common)),
        Command::Propose(propose) => in_runtime(run_propose(propose, common)),
        Command::Run(run) => in_runtime(run_loop(run, common)),
        Command::Explain(explain) => in_runtime(explain::run(explain, common)),
        Command::Check(check) => in_runtime(run_check(check, common)),
        Command::Rollback(args) => in_runtime(crate::rollback::run(args, common)),
        Command::Costs(costs) => in_runtime(crate::costs::run_costs(costs, common)),
        Command::Savings(savings) => in_runtime(crate::costs::run_savings(savings, common)),
        Command::Get(get) => in_runtime(crate::get::run(get, common)),
        Command::Trace(trace) => in_runtime(offline::trace(trace, common)),
        Command::History(history) => in_runtime(crate::history::run(history, common)),
        Command::Models(models) => in_runtime(crate::models::run(models, common)),
        Command::Policy(policy) => crate::policy::run(policy, &common),
        Command::Forecast(args) => crate::forecast::run(args, &common),
        Command::Backtest(args) => backtest::run(&args, &common),
        Command::Set(set) => in_runtime(offline::set(set, common)),
    };
    outcome.unwrap_or_else(|found| {
        problems(&found);
        ExitCode::FAILURE
    })
}

fn start_logs(common: &Common) {
    let level = match (common.quiet, common.verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "kubeopt=info,kubeopt_runtime=info,warn",
        (false, _) => "debug,hyper=info,h2=info",
    };
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(level));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber is refused, which only a test that calls twice sees.
    let _there = match common.log_format {
        LogFormat::Json => logs.json().flatten_event(true).try_init(),
        LogFormat::Text => logs.with_ansi(std::env::var_os("NO_COLOR").is_none()).try_init(),
    };
}

fn completion(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "kubeopt", &mut script);
    print(&String::from_utf8_lossy(&script));
    Ok(ExitCode::SUCCESS)
}

/// The parent reads the standard error for why it did not become the renderer.
fn render() -> Outcome {
    let output = std::io::stdout().as_fd().try_clone_to_owned();
    let rendered = output.and_then(|output| kubeopt_runtime::render_one(std::io::stdin().lock(), output));
    if let Err(error) = rendered {
        hint(&error.to_string());
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

async fn run_scan(scan_args: Scan, common: Common) -> Outcome {
    let begun = Instant::now();
    let options = options(&common, &scan_args.selection);
    let edges = edges(&common, &options, Keep::Nothing).await?;
    let elapsed = || begun.elapsed().as_secs_f64();
    let scanned = scan(&edges, Timestamp::now(), &elapsed).await.map_err(|problem| vec![problem])?;
    edges.progress.done();
    let text = match scan_args.output {
        ScanOutput::Table => table::scan(&scanned.report, false),
        ScanOutput::Wide => table::scan(&scanned.report, true),
        ScanOutput::Json => json(&scanned.report)?,
        ScanOutput::Yaml => serde_yaml::to_string(&scanned.report).map_err(|error| own_fault(&error))?,
        ScanOutput::Csv => {
            format_scan(&edges, &scanned.report, ScanFormat::Csv).map_err(|problem| vec![problem])?
        }
        ScanOutput::Markdown => {
            format_scan(&edges, &scanned.report, ScanFormat::Markdown).map_err(|problem| vec![problem])?
        }
        ScanOutput::Html => {
            format_scan(&edges, &scanned.report, ScanFormat::Html).map_err(|problem| vec![problem])?
        }
    };
    print(&text);
    problems(&scanned.problems);
    let changes = scanned.report.rows.iter().any(|row| row.verdict == ScanVerdict::Change);
    if scan_args.output == ScanOutput::Table && !common.quiet && changes {
        hint("next: kubeopt plan   (shows the diff)   ·   kubeopt explain NAMESPACE/KIND/NAME");
    }
    Ok(exit(changes, scan_args.exit_code, &scanned.problems))
}

async fn run_plan(plan_args: Plan, common: Common) -> Outcome {
    let options = options(&common, &plan_args.selection);
    let edges = edges(&common, &options, Keep::State).await?;
    let report = plan(&edges, Timestamp::now()).await.map_err(|problem| vec![problem])?;
    edges.progress.done();
    print(&match plan_args.output {
        PlanOutput::Text => plan_text(&report),
        PlanOutput::Diff => report.diff(),
        PlanOutput::Markdown => report.markdown(),
        PlanOutput::Json => json(&report.to_json())?,
    });
    let found = report.problems();
    problems(&found);
    if !common.quiet && plan_args.output == PlanOutput::Text && !report.decided.proposals.is_empty() {
        hint("next: kubeopt propose   (opens the pull request)");
    }
    Ok(exit(!report.decided.proposals.is_empty(), plan_args.exit_code, &found))
}

/// Diffs and proofs, then what is left and why.
fn plan_text(report: &PassReport) -> String {
    let mut text = report.plan_text();
    if report.decided.proposals.is_empty() {
        text.push_str("nothing to propose\n");
    }
    text.push_str(&left_text(report));
    text
}

fn left_text(report: &PassReport) -> String {
    let lines = report.left_lines();
    if lines.is_empty() {
        return String::new();
    }
    lines.iter().fold("\nleft alone:\n".to_owned(), |text, line| format!("{text}  {line}\n"))
}

async fn run_propose(propose: Propose, common: Common) -> Outcome {
    let options = options(&common, &propose.selection);
    let edges = edges(&common, &options, Keep::State).await?;
    let report = pass(&edges, Timestamp::now()).await.map_err(|problem| vec![problem])?;
    edges.progress.done();
    match propose.output {
        Output::Text => print(&format!("{}{}", published_text(&report), left_text(&report))),
        Output::Json => print(&json(&report.to_json())?),
    }
    let found = report.problems();
    problems(&found);
    let failed = report.published.iter().any(|published| matches!(published, Published::Failed(_)));
    if failed {
        return Ok(ExitCode::FAILURE);
    }
    Ok(exit(!report.decided.proposals.is_empty(), propose.exit_code, &found))
}

async fn run_loop(run_args: Run, common: Common) -> Outcome {
    if common.config.is_none() {
        let help = "name kubeopt.yaml with --config; a sample is examples/kubeopt.yaml";
        let text = "the controller needs its configuration";
        return Err(vec![Problem::new(kubeopt_runtime::codes::NOT_CONFIGURED, text, help)]);
    }
    let options = options_of_all(&common);
    let config = read_config(&options)?;
    for warning in &config.warnings {
        tracing::warn!(code = warning.code, help = warning.help, "{}", warning.text);
    }
    let quiet = Box::new(kubeopt_runtime::progress::Quiet);
    let edges = wire(&config, &options, &program()?, Keep::State, quiet).await?;
    let (ask, stop) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        wait_for_signal().await;
        // No receiver is left when the controller has stopped by itself.
        let _stopped = ask.send(true);
    });
    let until = if run_args.once { Until::FirstPass } else { Until::Stopped };
    run_controller(edges, &config, until, stop).await.map_err(|problem| vec![problem])?;
    Ok(ExitCode::SUCCESS)
}

/// SIGTERM, as Kubernetes sends it, or Ctrl-C.
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(error) => {
            tracing::warn!(%error, "SIGTERM cannot be caught; only Ctrl-C stops gracefully");
            let _ctrl_c = tokio::signal::ctrl_c().await;
        }
    }
}

async fn run_check(check_args: Check, common: Common) -> Outcome {
    let options = options(&common, &check_args.selection);
    let edges = edges(&common, &options, Keep::Nothing).await?;
    let depth = if check_args.pre { Depth::BeforeInstallation } else { Depth::Everything };
    let mut findings = check(&edges, depth).await;
    if depth == Depth::Everything {
        findings.extend(check_agents(&read_config(&options)?, Timestamp::now()));
    }
    edges.progress.done();
    if check_args.output == Output::Json {
        print(&json(&findings)?);
    } else {
        for finding in &findings {
            match (&finding.fine, &finding.problem) {
                (Some(fine), _) => {
                    print(&format!("ok    {}: {}\n", finding.what, kubeopt_runtime::terminal_line(fine)))
                }
                (None, Some(problem)) => {
                    print(&format!(
                        "FAIL  {}: {}\n",
                        finding.what,
                        kubeopt_runtime::terminal_line(&problem.text)
                    ));
                    hint(&format!("      help: {}", kubeopt_runtime::terminal_line(&problem.help)));
                }
                (None, None) => {}
            }
        }
    }
    let failed = findings.iter().any(|finding| finding.problem.is_some());
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn run_demo(demo: Demo, common: Common) -> Outcome {
    crate::demo::run(demo, common, &program()?).await
}

/// Where usage could not be read, it is not known whether there is anything to propose.
fn exit(anything: bool, asked: bool, found: &[Problem]) -> ExitCode {
    let nothing = !anything && asked && !found.iter().any(is_usage_unread);
    if nothing { ExitCode::from(NOTHING) } else { ended(found) }
}
