//! `kubeopt get`: what is known, as a table, JSON or YAML.

use std::process::ExitCode;

use kubeopt_model::Problem;
use kubeopt_runtime::get_sources::{HEADERS, SourceTable, get_sources, reasons};
use kubeopt_runtime::wiring::{Keep, Options};

use crate::args::{Get, GetOutput, GetWhat};
use crate::command::{Outcome, edges, json};
use crate::flags::Common;
use crate::out::{hint, print, problems};
use crate::table::{plain, trimmed};

pub(crate) async fn run(args: Get, common: Common) -> Outcome {
    let options = Options {
        config: common.config.clone(),
        kubeconfig: common.kubeconfig.clone(),
        context: common.context.clone(),
        namespaces: args.namespaces.clone(),
        ..Options::default()
    };
    let edges = edges(&common, &options, Keep::Nothing).await?;
    let table = match args.what {
        GetWhat::Sources => get_sources(&edges).await.map_err(|problem| vec![problem])?,
    };
    edges.progress.done();
    match args.output {
        GetOutput::Table => print(&rows(&table)),
        GetOutput::Json => print(&json(&table)?),
        GetOutput::Yaml => print(&yaml(&table)?),
    }
    problems(&table.problems);
    if args.output == GetOutput::Table && !common.quiet {
        table.notes.iter().for_each(|note| hint(&format!("note: {}", kubeopt_runtime::terminal_line(note))));
        helps(&table);
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(table: &SourceTable) -> String {
    if table.rows.is_empty() {
        return "no workloads found\n".to_owned();
    }
    let mut shown = plain();
    shown.set_header(HEADERS.to_vec());
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

fn yaml(table: &SourceTable) -> Result<String, Vec<Problem>> {
    serde_yaml::to_string(table).map_err(|error| vec![kubeopt_runtime::own_fault(&error.to_string())])
}
