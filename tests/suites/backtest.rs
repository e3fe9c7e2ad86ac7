//! `kubeopt backtest sizing` as a process, on a small trace that is generated: exit codes, table, JSON, plots.
//!
//! Figures of rules are checked beside the rules; here it is that they reach whoever asked. Without a file it judges what a
//! real Prometheus kept of the workloads that a real API server shows.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::usage::{Container, Shape, Usage};
use kubeopt_tests::{OrFail, servers_enabled};
use serde_json::{Value, json};

use crate::program::{CLUSTER, binary, database, launch};

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
    backtest_of(folder, &[&["sizing"], args].concat())
}

/// Runs the command, of whichever kind, in a folder.
pub(crate) fn backtest_of(folder: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(binary());
    command.arg("backtest").args(args).current_dir(folder).env("NO_COLOR", "1");
    command.output().or_fail("run kubeopt")
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// It failed, said this and what to do next, and printed no result.
pub(crate) fn is_refused(args: &[&str], output: &Output, said: &str) {
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
    assert!(error.contains(said) && error.contains("help: "), "{args:?}: {error}");
    assert_eq!(text(&output.stdout), "", "{args:?}");
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
    let rows = report["methods"].as_array().expect("rows");
    let names: Vec<&str> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
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
        is_refused(args, &backtest(folder.path(), args), said);
    }
}

/// Five weeks and two days: the first question comes after 28 days, and its week has passed.
const LIVE_DAYS: u32 = 37;

const MIB: f64 = 1_048_576.0;

/// Two StatefulSets, and one that nothing is known of.
const LIVE: [&str; 3] = ["api", "web", "silent"];

fn stateful_set(name: &str) -> String {
    format!(
        r#"---
apiVersion: apps/v1
kind: StatefulSet
metadata: {{namespace: shop, name: {name}}}
spec:
  serviceName: {name}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
      - name: main
        image: "registry.example/{name}:1"
        resources: {{requests: {{cpu: "1", memory: 1Gi}}}}
"#
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn history_of_a_real_cluster_is_judged_as_a_file_of_it_would_be() {
    if !servers_enabled() {
        return;
    }
    let used = |name: &str, cores, mib| {
        Container::new("shop", &format!("{name}-0"), "main")
            .cpu(Shape::flat(cores).daily(0.2))
            .memory(Shape::flat(mib * MIB))
    };
    let usage =
        Usage::days_before_now(LIVE_DAYS).containers([used("api", 0.3, 300.0), used("web", 0.1, 100.0)]);
    let (kubernetes, prometheus) = tokio::join!(Kubernetes::start_api_only(), Prometheus::start(&usage));
    kubernetes.namespace("shop").await;
    kubernetes.apply(&LIVE.map(stateful_set).concat()).await;
    let folder = kubeopt_tests::folder("backtest");
    let config = json!({
        "clusters": [{
            "name": CLUSTER, "kubeconfig": {"file": kubernetes.kubeconfig()},
            "metrics": {"prometheus": {"url": prometheus.url()}},
        }],
        "store": {"database": format!("sqlite://{}", database(folder.path()).display()),
            "history": folder.path().join("history"), "git": folder.path().join("git")},
    });
    let file = folder.path().join("kubeopt.yaml");
    std::fs::write(&file, config.to_string()).or_fail("write kubeopt.yaml");
    let history = format!("{LIVE_DAYS}d");
    let run = async |format: &str| {
        let args = ["backtest", "sizing", "--quiet", "--history", &history, "--output", format];
        launch("backtest", folder.path()).args(args).arg("--config").arg(&file).run().await
    };
    let report: Value = serde_json::from_str(&run("json").await).or_fail("read the report");
    assert_eq!(report["series"], 2, "{report}");
    let value = |strategy: &str, resource: &str, figure: &str| {
        let rows = report["methods"].as_array().expect("rows");
        let row = rows.iter().find(|row| row["name"] == strategy).expect("the rule has a row");
        row[resource][figure]["value"].as_f64().expect("a number")
    };
    // Requests stay as they are: nothing is saved, and nothing exceeds three times what is ever used.
    for (resource, figure) in [("cpu", "saved"), ("cpu", "over"), ("memory", "saved"), ("memory", "over")] {
        assert_eq!(value("current", resource, figure), 0.0, "{resource} {figure}: {report}");
    }
    // Of 2 GiB, 400 MiB are used and never more: with KRR's 15 % on top 460 MiB are left.
    let saved = value("krr-simple", "memory", "saved");
    assert!((saved - (1.0 - 460.0 / 2048.0)).abs() < 0.01, "{report}");
    assert_eq!(value("krr-simple", "memory", "over"), 0.0, "{report}");
    // Of 2 cores, 0.4 are used on average, and 0.48 by the wave's crest.
    assert!((0.5..=0.8).contains(&value("kubeopt", "cpu", "saved")), "{report}");

    let table = run("table").await;
    assert!(table.starts_with("2 series, "), "{table}");
    assert!(table.contains("history of 2 containers, 37 to 37 days"), "{table}");
    assert!(table.contains("1 containers have no usage in the store, and are not judged"), "{table}");
    let of_krr = table.lines().find(|line| line.split_whitespace().next() == Some("krr-simple"));
    assert!(of_krr.is_some_and(|line| line.contains(&format!("{:.1}", saved * 100.0))), "{saved}: {table}");
}
