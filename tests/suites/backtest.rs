//! `kubeopt backtest sizing` as a process, on a small trace that is generated: exit codes, table, JSON, plots.
//!
//! Figures of rules are checked beside the rules; here it is that they reach whoever asked.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use kubeopt_tests::OrFail;
use serde_json::Value;

use crate::program::binary;

/// Days of the trace: two weeks beyond the first four.
const DAYS: u64 = 43;

/// One sample in 15 minutes keeps the file small.
const STEP_S: u64 = 900;

/// Six series of daily waves, one of them with a peak in its last week, written as the documents say.
fn traces() -> String {
    let mut csv = "series,unix_s,cpu_cores,cpu_request_cores,memory_mib,memory_request_mib\n".to_owned();
    for series in 0..6_u64 {
        for step in 0..DAYS * 86_400 / STEP_S {
            let of_day = (step * STEP_S % 86_400) as f64 / 86_400.0;
            let wave = 1.2 + (of_day * std::f64::consts::TAU).sin();
            let peak = if series == 5 && step * STEP_S / 86_400 == 40 { 3.0 } else { 1.0 };
            let (cores, mib) = (0.1 * wave * (series + 1) as f64, 200.0 * wave * peak);
            // Writing to a String cannot fail.
            let _ = writeln!(csv, "app-{series},{},{cores:.4},4,{mib:.1},4096", step * STEP_S);
        }
    }
    csv
}

/// Runs the command in a folder that holds the trace.
fn backtest(folder: &Path, args: &[&str]) -> Output {
    std::fs::write(folder.join("traces.csv"), traces()).or_fail("write the trace");
    let mut command = Command::new(binary());
    command.args(["backtest", "sizing"]).args(args).current_dir(folder).env("NO_COLOR", "1");
    command.output().or_fail("run kubeopt")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_table_has_a_row_for_each_rule_and_says_whom_kubeopt_dominates() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    let output = backtest(folder.path(), &["--traces", "traces.csv", "--economy"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(table.starts_with("6 series, 12 weeks of CPU"), "{table}");
    for rule in ["kubeopt", "kubeopt-economy", "vpa", "krr-simple", "krr-simple-limit", "crane", "current"] {
        assert!(table.lines().any(|line| line.split_whitespace().next() == Some(rule)), "{rule}: {table}");
    }
    assert!(table.contains("CPU: kubeopt reserves less at equal or less overrun than"), "{table}");
}

#[test]
fn json_holds_the_same_figures_each_time_with_their_intervals() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    let args = ["--traces", "traces.csv", "--compare", "kubeopt,vpa,current", "-o", "json", "-q"];
    let outputs = [backtest(folder.path(), &args), backtest(folder.path(), &args)];
    assert_eq!(text(&outputs[0].stdout), text(&outputs[1].stdout));
    assert_eq!(text(&outputs[0].stderr), "");
    let report: Value = serde_json::from_slice(&outputs[0].stdout).or_fail("read the report");
    let rows = report["rows"].as_array().expect("rows");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["strategy"].as_str()).collect();
    assert_eq!(names, ["kubeopt", "vpa", "current"]);
    assert_eq!(rows[2]["memory"]["saved"]["value"], 0.0);
    for row in rows {
        for resource in ["cpu", "memory", "memoryWithKills"] {
            for figure in ["saved", "over", "churn"] {
                let of = |end: &str| row[resource][figure][end].as_f64().expect("a number");
                assert!(of("low") <= of("value") && of("value") <= of("high"), "{row}");
            }
        }
    }
    // The week of the peak exceeds whatever only looks back.
    assert!(rows[1]["memory"]["over"]["value"].as_f64().is_some_and(|over| over > 0.0), "{report}");
}

#[test]
fn plots_are_written_as_their_names_say() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    for (name, start) in [("plot.svg", &b"<svg "[..]), ("plot.png", &b"\x89PNG\r\n\x1a\n"[..])] {
        let args = ["--traces", "traces.csv", "--compare", "kubeopt,krr-simple", "--plot", name];
        let output = backtest(folder.path(), &args);
        assert!(output.status.success(), "{}", text(&output.stderr));
        let plot = std::fs::read(folder.path().join(name)).or_fail("read the plot");
        assert!(plot.starts_with(start) && plot.len() > 2_000, "{name}: {} bytes", plot.len());
    }
}

#[test]
fn what_cannot_be_done_is_said_with_the_next_step() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    let cases: &[(&[&str], &str)] = &[
        (&[], "--traces"),
        (&["--traces", "none.csv"], "none.csv"),
        (&["--traces", "traces.csv", "--compare", "kubeopt,krr"], "krr-simple"),
        (&["--traces", "traces.csv", "--plot", "plot.jpg"], ".svg or .png"),
    ];
    for (args, said) in cases {
        let output = backtest(folder.path(), args);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert!(error.contains(said) && error.contains("help: "), "{args:?}: {error}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
}
