//! `kubeopt explain`: the decision trace of one workload.

use kubeopt_model::Timestamp;
use kubeopt_runtime::explain::{Selector, explain};
use kubeopt_runtime::wiring::Keep;

use crate::args::Explain;
use crate::command::{Outcome, edges, ended, json, options, wrong_usage};
use crate::flags::{Common, Output};
use crate::out::{print, problems};

pub(crate) async fn run(args: Explain, common: Common) -> Outcome {
    let selector: Selector = match args.workload.parse() {
        Ok(selector) => selector,
        Err(problem) => return wrong_usage(&problem),
    };
    let mut options = options(&common, &args.selection);
    options.namespaces = vec![selector.namespace.to_string()];
    let edges = edges(&common, &options, Keep::Nothing).await?;
    let explained = explain(&edges, &selector, Timestamp::now()).await.map_err(|problem| vec![problem])?;
    edges.progress.done();
    match args.output {
        Output::Json => print(&json(&explained)?),
        Output::Text => print(&explained.to_string()),
    }
    problems(&explained.problems);
    Ok(ended(&explained.problems))
}
