//! `kubeopt models`: the versions of the network that node agents forecast with. Reads the journal of the configuration, beside
//! a controller that runs.

use std::process::ExitCode;

use clap::{Args as Group, Subcommand};
use kubeopt_model::Timestamp;
use kubeopt_runtime::models::{HEADERS, ModelTable, ask_round, list, roll_back, show};
use kubeopt_runtime::wiring::{Options, open_journal, read_config};

use crate::command::{Outcome, json};
use crate::flags::{Common, Output};
use crate::out::print;
use crate::table::{plain, trimmed};

#[derive(Debug, Group)]
pub(crate) struct Models {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show all versions that are kept, who is given each, and the round of training that goes on.
    List {
        /// Format.
        #[arg(long, short = 'o', value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Show what a version was made of, and what the audit says of it.
    Show {
        /// The version.
        #[arg(value_name = "VERSION")]
        number: u64,
        /// Format.
        #[arg(long, short = 'o', value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Take a version back: its nodes get the one before it when they ask next, within minutes.
    Rollback {
        /// The version.
        #[arg(value_name = "VERSION")]
        number: u64,
        /// Why; stands in the audit.
        #[arg(long, value_name = "TEXT")]
        because: Option<String>,
        /// Format.
        #[arg(long, short = 'o', value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Begin a round of training now instead of when the schedule says; the controller that runs opens it within seconds.
    Train {
        /// Why; stands in the audit.
        #[arg(long, value_name = "TEXT")]
        because: Option<String>,
        /// Format.
        #[arg(long, short = 'o', value_enum, default_value_t = Output::Text)]
        output: Output,
    },
}

pub(crate) async fn run(args: Models, common: Common) -> Outcome {
    let config = read_config(&Options { config: common.config, ..Options::default() })?;
    let journal = open_journal(&config).await.map_err(|problem| vec![problem])?;
    let journal = journal.as_ref();
    let text = match args.what {
        What::List { output } => {
            let table = list(journal).await.map_err(|problem| vec![problem])?;
            if output == Output::Json { json(&table)? } else { rows(&table) }
        }
        What::Show { number, output } => {
            let detail = show(journal, number).await.map_err(|problem| vec![problem])?;
            if output == Output::Json { json(&detail)? } else { detail.text() }
        }
        What::Rollback { number, because, output } => {
            let done = roll_back(journal, number, because.as_deref(), Timestamp::now()).await;
            let done = done.map_err(|problem| vec![problem])?;
            if output == Output::Json { json(&done)? } else { format!("{}\n", done.text()) }
        }
        What::Train { because, output } => {
            let training = config.agents.as_ref().and_then(|agents| agents.training.as_ref());
            let asked = ask_round(journal, training, because.as_deref(), Timestamp::now()).await;
            let asked = asked.map_err(|problem| vec![problem])?;
            if output == Output::Json { json(&asked)? } else { format!("{}\n", asked.text()) }
        }
    };
    print(&text);
    Ok(ExitCode::SUCCESS)
}

fn rows(table: &ModelTable) -> String {
    let mut shown = plain();
    shown.set_header(HEADERS.to_vec());
    shown.add_rows(table.cells());
    let round = table.round.as_deref().map(|round| format!("\n{}\n", kubeopt_runtime::terminal_line(round)));
    format!("{}\n{}", trimmed(&shown), round.unwrap_or_default())
}
