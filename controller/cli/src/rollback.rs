//! `kubeopt rollback`: opens the pull request that takes a merged one back.

use std::process::ExitCode;

use kubeopt_model::Timestamp;
use kubeopt_runtime::rollback::rollback;
use kubeopt_runtime::wiring::Keep;

use crate::command::{Outcome, edges, json, options_of_all};
use crate::flags::{Common, Output};
use crate::out::print;

/// What is taken back.
#[derive(Debug, clap::Args)]
pub(crate) struct Rollback {
    /// The number of the merged pull request.
    #[arg(value_name = "NUMBER")]
    number: u64,
    /// Its repository: OWNER/NAME.
    #[arg(long, value_name = "OWNER/NAME")]
    repository: String,
    /// Why; stands in the pull request.
    #[arg(long, value_name = "TEXT")]
    because: Option<String>,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Text)]
    output: Output,
}

pub(crate) async fn run(args: Rollback, common: Common) -> Outcome {
    let options = options_of_all(&common);
    let edges = edges(&common, &options, Keep::State).await?;
    let because = args.because.as_deref();
    let opened = rollback(&edges, &args.repository, args.number, because, Timestamp::now()).await;
    let pull = opened.map_err(|problem| vec![problem])?;
    edges.progress.done();
    match args.output {
        Output::Json => print(&json(&serde_json::json!({
            "number": pull.number, "title": pull.title, "url": pull.url, "takesBack": args.number,
        }))?),
        Output::Text => {
            let line = format!("#{} takes #{} back  {}", pull.number, args.number, pull.url);
            print(&format!("{}\n", kubeopt_runtime::terminal_line(&line)));
        }
    }
    Ok(ExitCode::SUCCESS)
}
