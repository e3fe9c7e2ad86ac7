//! `kubeopt backtest`: how sizing rules would have done on recorded usage.

use std::process::ExitCode;

use kubeopt_model::{Problem, Timestamp};
use kubeopt_runtime::backtest::{
    BacktestOptions, HEADERS, HEADERS_AT_EQUAL_RISK, HEADERS_RELIABILITY, Part, Report, backtest_live,
    backtest_sizing, check_plot_name, write_plot,
};
use kubeopt_runtime::wiring::Keep;

use crate::args::{Backtest, BacktestOutput, BacktestWhat, Split};
use crate::command::{Outcome, edges, in_runtime, json, options};
use crate::flags::Common;
use crate::out::{hint, print, problems};
use crate::progress::for_terminal;
use crate::table::{plain, trimmed};

pub(crate) fn run(args: &Backtest, common: &Common) -> Outcome {
    let BacktestWhat::Sizing = args.what;
    if let Some(plot) = &args.plot {
        check_plot_name(plot).map_err(|problem| vec![problem])?;
    }
    let what = BacktestOptions {
        traces: args.traces.clone(),
        compare: args.compare.clone(),
        economy: args.economy,
        part: part(args.split),
    };
    let report = match &what.traces {
        Some(_) => of_file(&what, common)?,
        None => in_runtime(of_store(args, &what, common))?,
    };
    if let Some(plot) = &args.plot {
        write_plot(&report, plot).map_err(|problem| vec![problem])?;
    }
    print(&match args.output {
        BacktestOutput::Table => table(&report),
        BacktestOutput::Json => json(&report)?,
        BacktestOutput::Markdown => report.markdown(),
    });
    if let Some(plot) = args.plot.as_ref().filter(|_| !common.quiet) {
        hint(&format!("wrote {}", kubeopt_runtime::terminal_line(&plot.display().to_string())));
    }
    Ok(ExitCode::SUCCESS)
}

fn of_file(what: &BacktestOptions, common: &Common) -> Result<Report, Vec<Problem>> {
    let progress = for_terminal(common.quiet);
    let report = backtest_sizing(what, progress.as_ref());
    progress.done();
    report.map_err(|problem| vec![problem])
}

/// Whoever has no store may have a file.
async fn of_store(args: &Backtest, what: &BacktestOptions, common: &Common) -> Result<Report, Vec<Problem>> {
    let or_a_file = |mut problem: Problem| {
        problem.help.push_str("; or name a file of recorded usage with --traces");
        problem
    };
    let options = options(common, &args.selection);
    let edges = edges(common, &options, Keep::State).await;
    let edges = edges.map_err(|all| all.into_iter().map(or_a_file).collect::<Vec<_>>())?;
    let (report, unseen) =
        backtest_live(&edges, what, Timestamp::now()).await.map_err(|problem| vec![problem])?;
    problems(&unseen);
    Ok(report)
}

fn part(split: Split) -> Option<Part> {
    match split {
        Split::All => None,
        Split::Tune => Some(Part::Tune),
        Split::Choose => Some(Part::Choose),
        Split::Report => Some(Part::Report),
    }
}

fn table(report: &Report) -> String {
    let mut rules = plain();
    rules.set_header(HEADERS.map(str::to_uppercase));
    rules.add_rows(report.rows.iter().map(|row| row.cells()));
    let mut kills = plain();
    kills.set_header(Report::headers_with_kills().map(str::to_uppercase));
    kills.add_rows(report.rows.iter().map(|row| row.cells_with_kills()));
    let mut text = format!(
        "{}\n\nin per cent, with 95 % intervals\n{}\n\nmemory, where each overrun kills and the kill is answered\n{}\n",
        report.headline(),
        trimmed(&rules),
        trimmed(&kills)
    );
    for line in report.lines().iter().chain(&report.notes) {
        text.push_str(&format!("\n{line}"));
    }
    text.push('\n');
    let at_equal_risk = report.equal_risk_cells();
    if !at_equal_risk.is_empty() {
        let mut prices = plain();
        prices.set_header(HEADERS_AT_EQUAL_RISK.map(str::to_uppercase));
        prices.add_rows(at_equal_risk);
        text.push_str(
            "\nwhat kubeopt saves at the price at which it is exceeded no more often than another rule\n",
        );
        text.push_str(&format!("{}\n", trimmed(&prices)));
    }
    let mut reliability = plain();
    reliability.set_header(HEADERS_RELIABILITY.map(str::to_uppercase));
    reliability.add_rows(report.reliability.cells());
    text.push_str("\nweeks that held as a whole, by the confidence that kubeopt's own rule stated before\n");
    text.push_str(&format!("{}\n", trimmed(&reliability)));
    text
}
