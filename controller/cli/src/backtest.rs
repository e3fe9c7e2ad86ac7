//! `kubeopt backtest`: how sizing rules, forecasts and detectors would have done on recorded usage.

use std::path::Path;
use std::process::ExitCode;

use kubeopt_model::{Problem, Timestamp};
use kubeopt_runtime::backtest::{
    AnomalyReport, BacktestOptions, HEADERS, HEADERS_ANOMALY, HEADERS_AT_EQUAL_RISK, HEADERS_LEAKS,
    HEADERS_RELIABILITY, HEADERS_THRESHOLDS, Part, Picture, Report, backtest_anomaly, backtest_live,
    backtest_sizing, check_plot_name, forecast_json, forecast_picture, write_plot,
};
use kubeopt_runtime::codes;
use kubeopt_runtime::forecast::eval;
use kubeopt_runtime::wiring::Keep;
use serde::Serialize;

use crate::args::{Backtest, BacktestOutput, BacktestWhat, Split};
use crate::command::{Outcome, edges, in_runtime, json, options, refuse_beside};
use crate::flags::Common;
use crate::forecast;
use crate::out::{hint, print, problems};
use crate::progress::for_terminal;
use crate::table::{markdown, plain, trimmed};

pub(crate) fn run(args: &Backtest, common: &Common) -> Outcome {
    for plot in args.plot.iter().chain(&args.reliability_plot) {
        check_plot_name(plot).map_err(|problem| vec![problem])?;
    }
    if args.traces.is_some() {
        let of_a_cluster = [
            ("--namespace", !args.selection.namespaces.is_empty()),
            ("--all-namespaces", args.selection.all_namespaces),
            ("--history", args.selection.history.is_some()),
            ("--prometheus-token-file", args.selection.prometheus_token_file.is_some()),
        ];
        refuse_beside(&of_a_cluster, "beside --traces")?;
    }
    match args.what {
        BacktestWhat::Sizing => sizing(args, common),
        BacktestWhat::Forecast => forecasts(args, common),
        BacktestWhat::Anomaly => anomaly(args, common),
    }
}

/// Where the figures come from, none for the history of the store, and the figures.
#[derive(Serialize)]
struct SizingJson<'r> {
    traces: Option<String>,
    #[serde(flatten)]
    report: &'r Report,
}

fn sizing(args: &Backtest, common: &Common) -> Outcome {
    refuse(args, &[("--model", args.model.is_some())])?;
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
    print(&match args.output {
        BacktestOutput::Table => table(&report),
        BacktestOutput::Json => json(&SizingJson {
            traces: what.traces.as_ref().map(|path| path.display().to_string()),
            report: &report,
        })?,
        BacktestOutput::Markdown => report.markdown(),
    });
    draw(args.plot.as_deref(), common, || report.picture())?;
    draw(args.reliability_plot.as_deref(), common, || report.reliability.picture())?;
    Ok(ExitCode::SUCCESS)
}

fn forecasts(args: &Backtest, common: &Common) -> Outcome {
    refuse(args, &[("--split", args.split != Split::All)])?;
    refuse_of_sizing(args)?;
    let traces = traces(args)?;
    let progress = for_terminal(common.quiet);
    let found = eval(traces, args.model.as_deref(), progress.as_ref());
    progress.done();
    let found = found.map_err(|problem| vec![problem])?;
    print(&match args.output {
        BacktestOutput::Table => forecast::table(&found),
        BacktestOutput::Json => json(&forecast_json(&found, traces))?,
        BacktestOutput::Markdown => {
            let rows = found.hours.iter().chain(&found.peaks).map(|row| forecast::cells(row, &found));
            markdown(&forecast::HEADERS, rows) + &forecast::markdown(&found)
        }
    });
    draw(args.plot.as_deref(), common, || forecast_picture(&found))?;
    Ok(ExitCode::SUCCESS)
}

fn anomaly(args: &Backtest, common: &Common) -> Outcome {
    refuse(args, &[("--model", args.model.is_some())])?;
    refuse_of_sizing(args)?;
    let traces = traces(args)?;
    let progress = for_terminal(common.quiet);
    let found = backtest_anomaly(traces, part(args.split), progress.as_ref());
    progress.done();
    let found = found.map_err(|problem| vec![problem])?;
    print(&match args.output {
        BacktestOutput::Table => anomaly_table(&found),
        BacktestOutput::Json => json(&found.json(traces).map_err(|problem| vec![problem])?)?,
        BacktestOutput::Markdown => found.markdown(),
    });
    draw(args.plot.as_deref(), common, || found.picture())?;
    Ok(ExitCode::SUCCESS)
}

/// Options that say nothing here are refused, so that nobody takes them for heard.
fn refuse(args: &Backtest, given: &[(&str, bool)]) -> Result<(), Vec<Problem>> {
    let what = match args.what {
        BacktestWhat::Sizing => "sizing",
        BacktestWhat::Forecast => "forecast",
        BacktestWhat::Anomaly => "anomaly",
    };
    refuse_beside(given, &format!("to `backtest {what}`"))
}

fn refuse_of_sizing(args: &Backtest) -> Result<(), Vec<Problem>> {
    let given = [
        ("--compare", !args.compare.is_empty()),
        ("--economy", args.economy),
        ("--reliability-plot", args.reliability_plot.is_some()),
    ];
    refuse(args, &given)
}

fn traces(args: &Backtest) -> Result<&Path, Vec<Problem>> {
    let missing = || {
        let help = "name one with --traces: a Parquet or CSV file, for `anomaly` also a folder of labelled series; docs/backtest.md and docs/anomaly.md tell what is in it";
        vec![Problem::new(codes::NOT_CONFIGURED, "no recorded usage is named", help)]
    };
    args.traces.as_deref().ok_or_else(missing)
}

fn draw(to: Option<&Path>, common: &Common, picture: impl Fn() -> Picture) -> Result<(), Vec<Problem>> {
    let Some(path) = to else { return Ok(()) };
    write_plot(&picture(), path).map_err(|problem| vec![problem])?;
    if !common.quiet {
        hint(&format!("wrote {}", kubeopt_runtime::terminal_line(&path.display().to_string())));
    }
    Ok(())
}

fn anomaly_table(found: &AnomalyReport) -> String {
    let mut first = plain();
    match found {
        AnomalyReport::Labelled(compared) => {
            first.set_header(HEADERS_ANOMALY.map(str::to_uppercase));
            first.add_rows(compared.rows.iter().map(|row| row.cells()));
            let mut text = format!("{}\n\n{}\n", compared.headline(), trimmed(&first));
            for note in &compared.notes {
                text.push_str(&format!("\n{note}\n"));
            }
            text
        }
        AnomalyReport::Leaks(trials) => {
            first.set_header(HEADERS_LEAKS.map(str::to_uppercase));
            first.add_rows(trials.rates.iter().map(|rate| rate.cells()));
            let mut others = plain();
            others.set_header(HEADERS_THRESHOLDS.map(str::to_uppercase));
            others.add_rows(trials.thresholds.iter().map(|own| own.cells()));
            format!(
                "{}\n\n{}\n\ntold at another weight of evidence\n{}\n",
                trials.headline(),
                trimmed(&first),
                trimmed(&others)
            )
        }
    }
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
