//! `kubeopt costs` and `kubeopt savings`: arguments in, a table, JSON or CSV out.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as Group, ValueEnum};
use kubeopt_model::{Money, Timestamp};
use kubeopt_runtime::costs::{
    self, CostReport, CostRow, SavingsReport, focus_csv, read_aggregates, read_since, read_window, table_csv,
};
use kubeopt_runtime::terminal_line;
use kubeopt_runtime::wiring::Keep;

use crate::command::{Outcome, edges, json, options, wrong_usage};
use crate::flags::{Common, Selection};
use crate::out::{hint, print, problems};
use crate::table::{plain, trimmed};

const COST_HEADERS: [&str; 7] = ["NAME", "CPU", "MEMORY", "TOTAL", "USED", "$/MONTH", "CONTAINERS"];
const SAVINGS_HEADERS: [&str; 5] = ["PULL REQUEST", "MERGED", "Δ $/MONTH", "SO FAR", "REQUESTS"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CostOutput {
    Table,
    Json,
    Csv,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CostFormat {
    /// One row a container and resource, with the column names of FOCUS 1.2.
    Focus,
}

/// Where usage is read.
#[derive(Debug, Clone, Group)]
pub(crate) struct UsageSource {
    /// Prometheus, or a server that speaks its API.
    #[arg(long, value_name = "URL", env = "KUBEOPT_PROMETHEUS")]
    prometheus: Option<String>,
    /// File that holds a bearer token for Prometheus.
    #[arg(long, value_name = "FILE", requires = "prometheus")]
    prometheus_token_file: Option<PathBuf>,
}

impl UsageSource {
    fn selection(&self, namespaces: &[String]) -> Selection {
        Selection {
            namespaces: namespaces.to_vec(),
            all_namespaces: namespaces.is_empty(),
            prometheus: self.prometheus.clone(),
            prometheus_token_file: self.prometheus_token_file.clone(),
            history: None,
        }
    }
}

#[derive(Debug, Group)]
pub(crate) struct Costs {
    /// Namespace; may be repeated.
    #[arg(long = "namespace", short = 'n', value_name = "NAME", conflicts_with = "all_namespaces")]
    namespaces: Vec<String>,
    /// All namespaces, which is the default.
    #[arg(long, short = 'A')]
    all_namespaces: bool,
    #[command(flatten)]
    source: UsageSource,
    /// Kubecost's words: 7d, 24h, today, yesterday, week, month, lastweek, lastmonth, or two times with a comma.
    #[arg(long, default_value = "7d", value_name = "WINDOW")]
    window: String,
    /// Kubecost's words: all, cluster, namespace, controllerKind, controller, container, team, label:NAME; several with
    /// commas.
    #[arg(long, default_value = "namespace", value_name = "WORDS")]
    aggregate: String,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = CostOutput::Table)]
    output: CostOutput,
    /// Rows for other programs: CSV with the column names of FOCUS, one row a container and resource.
    #[arg(long, value_enum, conflicts_with = "output")]
    format: Option<CostFormat>,
}

#[derive(Debug, Group)]
pub(crate) struct Savings {
    #[command(flatten)]
    source: UsageSource,
    /// Since when pull requests were merged: 30d, or a time as 2026-11-01T00:00:00Z.
    #[arg(long, default_value = "30d", value_name = "TIME")]
    since: String,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = SavingsOutput::Table)]
    output: SavingsOutput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SavingsOutput {
    Table,
    Json,
}

pub(crate) async fn run_costs(args: Costs, common: Common) -> Outcome {
    let now = Timestamp::now();
    // What was typed wrong is told before anything is asked.
    let (window, aggregates) = match (read_window(&args.window, now), read_aggregates(&args.aggregate)) {
        (Ok(window), Ok(aggregates)) => (window, aggregates),
        (Err(error), _) | (_, Err(error)) => return wrong_usage(&error.problem()),
    };
    let options = options(&common, &args.source.selection(&args.namespaces));
    let mut edges = edges(&common, &options, Keep::Nothing).await?;
    let answer = costs::costs(&mut edges, window, &aggregates, now).await;
    edges.progress.done();
    let answer = answer.map_err(|problem| vec![problem])?;
    let report = &answer.report;
    print(&match (args.format, args.output) {
        (Some(CostFormat::Focus), _) => focus_csv(report),
        (None, CostOutput::Csv) => table_csv(report),
        (None, CostOutput::Json) => json(report)?,
        (None, CostOutput::Table) => cost_table(report),
    });
    problems(&answer.problems);
    if !common.quiet && args.format.is_none() && args.output == CostOutput::Table {
        cost_notes(report);
    }
    Ok(ExitCode::SUCCESS)
}

fn cost_table(report: &CostReport) -> String {
    let mut table = plain();
    table.set_header(COST_HEADERS.to_vec());
    table.add_rows(report.rows.iter().chain([&report.total]).map(cost_cells));
    format!("{}\n", trimmed(&table))
}

fn cost_cells(row: &CostRow) -> Vec<String> {
    let unknown = match row.unknown_containers {
        0 => String::new(),
        count => format!(" (+{count} unknown)"),
    };
    // Where nothing is known there is no number, least of all 0.
    let money = |money: Money| if row.containers == 0 { "?".to_owned() } else { money.to_string() };
    let used = row.efficiency_percent().map_or_else(|| "?".to_owned(), |percent| format!("{percent} %"));
    vec![
        terminal_line(&row.name),
        money(row.cpu_cost),
        money(row.memory_cost),
        money(row.total_cost),
        used,
        money(row.monthly_cost),
        format!("{}{unknown}", row.containers),
    ]
}

/// What the numbers rest on, and why some are missing.
fn cost_notes(report: &CostReport) {
    for note in &report.unknown {
        hint(&format!(
            "unknown, in no sum: {} of {} containers: {}",
            note.containers,
            containers(report),
            note.why
        ));
    }
    for note in &report.prices {
        let age = note.age_days.map_or_else(String::new, |days| format!(", {days} days old"));
        hint(&format!("prices: {} {}{age}", terminal_line(&note.basis), terminal_line(&note.date)));
    }
    hint("requested capacity, or usage where that is more, at the prices above; this is no invoice");
}

fn containers(report: &CostReport) -> usize {
    report.total.containers + report.total.unknown_containers
}

pub(crate) async fn run_savings(args: Savings, common: Common) -> Outcome {
    let now = Timestamp::now();
    let since = match read_since(&args.since, now) {
        Ok(since) => since,
        Err(error) => return wrong_usage(&error.problem()),
    };
    let options = options(&common, &args.source.selection(&[]));
    let mut edges = edges(&common, &options, Keep::State).await?;
    let answer = costs::savings(&mut edges, since, now).await;
    edges.progress.done();
    let answer = answer.map_err(|problem| vec![problem])?;
    match args.output {
        SavingsOutput::Json => print(&json(&answer.report)?),
        SavingsOutput::Table => print(&savings_text(&answer.report)),
    }
    problems(&answer.problems);
    if !common.quiet && args.output == SavingsOutput::Table {
        hint("estimated with today's prices, replicas and usage; what left the bill is not measured here");
    }
    Ok(ExitCode::SUCCESS)
}

fn savings_text(report: &SavingsReport) -> String {
    let rows = if report.rows.is_empty() {
        "nothing was merged\n".to_owned()
    } else {
        let mut table = plain();
        table.set_header(SAVINGS_HEADERS.to_vec());
        table.add_rows(report.rows.iter().map(|row| {
            let known = |money: Money| if row.requests == 0 { "?".to_owned() } else { money.signed() };
            let unknown = match row.unknown_requests {
                0 => String::new(),
                count => format!(" (+{count} unknown)"),
            };
            [
                terminal_line(&row.pull_request),
                row.merged_at.clone(),
                known(row.monthly),
                known(row.so_far),
                format!("{}{unknown}", row.requests),
            ]
        }));
        format!("{}\n", trimmed(&table))
    };
    let own = report.own_monthly.map_or_else(|| "unknown".to_owned(), |own| format!("{own} a month"));
    let ratio = report.return_ratio.map_or_else(String::new, |ratio| format!(", saved {ratio} times"));
    let known = report.rows.iter().any(|row| row.requests > 0);
    let sum = match (report.rows.is_empty(), known) {
        (false, false) => "unknown".to_owned(),
        _ => format!(
            "{} a month of requested capacity, {} so far",
            report.monthly.signed(),
            report.so_far.signed()
        ),
    };
    format!("{rows}\nestimated since {}: {sum} · kubeopt's own requests: {own}{ratio}\n", report.since)
}
