//! `kubeopt get`: what is known, as a table, JSON or YAML.

use std::process::ExitCode;

use kubeopt_model::finding::Severity;
use kubeopt_model::{Problem, Timestamp};
use kubeopt_runtime::finding::{self, FindingTable, get_findings};
use kubeopt_runtime::get_agents::{AgentTable, get_agents};
use kubeopt_runtime::get_sources::{HEADERS, SourceTable, get_sources, reasons};
use kubeopt_runtime::wiring::{Keep, read_config};
use serde::Serialize;

use crate::args::{Get, GetOutput, GetWhat, LeastSeverity};
use crate::command::{Outcome, edges, ended, json, options, refuse_beside};
use crate::flags::Common;
use crate::out::{hint, print, problems};
use crate::table::{plain, trimmed};

/// Points of so many days are looked at; reading more would help nobody.
const LOOKED_AT: &str = "14d";

pub(crate) async fn run(args: Get, common: Common) -> Outcome {
    match args.what {
        GetWhat::Sources => sources(args, common).await,
        GetWhat::Findings => findings(args, common).await,
        GetWhat::Agents => agents(args, &common),
    }
}

async fn sources(args: Get, common: Common) -> Outcome {
    let of_findings = [("--severity", args.severity.is_some()), ("--all", args.all)];
    refuse_beside(&of_findings, "to `get sources`")?;
    let options = options(&common, &args.selection);
    let edges = edges(&common, &options, Keep::Nothing).await?;
    let table = get_sources(&edges).await.map_err(|problem| vec![problem])?;
    edges.progress.done();
    show(args.output, &table, || source_rows(&table))?;
    problems(&table.problems);
    if args.output == GetOutput::Table && !common.quiet {
        table.notes.iter().for_each(|note| hint(&format!("note: {}", kubeopt_runtime::terminal_line(note))));
        helps(&table);
    }
    Ok(ExitCode::SUCCESS)
}

async fn findings(args: Get, common: Common) -> Outcome {
    let mut options = options(&common, &args.selection);
    // With a configuration the journal tells since when, and what is over.
    let keep = if common.config.is_some() { Keep::State } else { Keep::Nothing };
    if keep == Keep::Nothing && options.history.is_none() {
        options.history = Some(LOOKED_AT.to_owned());
    }
    let edges = edges(&common, &options, keep).await?;
    let least = match args.severity {
        Some(LeastSeverity::Low) | None => Severity::Low,
        Some(LeastSeverity::Medium) => Severity::Medium,
        Some(LeastSeverity::High) => Severity::High,
        Some(LeastSeverity::Critical) => Severity::Critical,
    };
    let table = get_findings(&edges, least, args.all, Timestamp::now()).await;
    let table = table.map_err(|problem| vec![problem])?;
    edges.progress.done();
    show(args.output, &table, || finding_rows(&table))?;
    problems(&table.problems);
    Ok(ended(&table.problems))
}

/// Asks no cluster: the controller wrote it down.
fn agents(args: Get, common: &Common) -> Outcome {
    let of_findings = [("--severity", args.severity.is_some()), ("--all", args.all)];
    refuse_beside(&of_findings, "to `get agents`")?;
    let config = read_config(&options(common, &args.selection))?;
    let table = get_agents(&config).map_err(|problem| vec![problem])?;
    show(args.output, &table, || agent_rows(&table))?;
    problems(&table.problems());
    Ok(ExitCode::SUCCESS)
}

fn show<T: Serialize>(
    output: GetOutput,
    table: &T,
    rows: impl FnOnce() -> String,
) -> Result<(), Vec<Problem>> {
    match output {
        GetOutput::Table => print(&rows()),
        GetOutput::Json => print(&json(table)?),
        GetOutput::Yaml => print(&yaml(table)?),
    }
    Ok(())
}

fn source_rows(table: &SourceTable) -> String {
    if table.rows.is_empty() {
        return "no workloads found\n".to_owned();
    }
    let mut shown = plain();
    shown.set_header(HEADERS.to_vec());
    shown.add_rows(table.cells());
    format!("{}\n", trimmed(&shown))
}

fn agent_rows(table: &AgentTable) -> String {
    if table.nodes.is_empty() {
        return "no node agent has sent anything\n".to_owned();
    }
    let mut shown = plain();
    shown.set_header(table.headers().to_vec());
    shown.add_rows(table.cells());
    format!("{}\n", trimmed(&shown))
}

fn finding_rows(table: &FindingTable) -> String {
    if table.rows.is_empty() {
        let is_unread = table.problems.iter().any(kubeopt_runtime::codes::is_usage_unread);
        let text =
            if is_unread { "usage could not be read, so nothing is known" } else { "nothing unusual found" };
        return format!("{text}\n");
    }
    let mut shown = plain();
    shown.set_header(finding::HEADERS.to_vec());
    shown.add_rows(table.cells());
    format!("{}\n", trimmed(&shown))
}

/// One line a reason, with the next step of the first workload that has it.
fn helps(table: &SourceTable) {
    for (code, count) in reasons(table) {
        let mut having = table.rows.iter().filter_map(|row| row.problem.as_ref());
        if let Some(problem) = having.find(|problem| problem.code == code) {
            hint(&format!("{code} ({count}): {}", kubeopt_runtime::terminal_line(&problem.help)));
        }
    }
}

fn yaml(table: &impl Serialize) -> Result<String, Vec<Problem>> {
    serde_yaml::to_string(table).map_err(|error| vec![kubeopt_runtime::own_fault(&error.to_string())])
}
