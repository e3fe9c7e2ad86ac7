//! `kubeopt backtest anomaly` and `kubeopt backtest forecast` as a process, on small series that are generated: tables, JSON,
//! plots, and what is said of folders and files that are wrong.

use std::fmt::Write as _;
use std::fs::{create_dir_all, write};
use std::path::Path;
use std::process::Command;

use kubeopt_tests::OrFail;
use serde_json::Value;

use crate::backtest::{backtest_of as backtest, is_refused, text};
use crate::program::binary;

/// Samples of a labelled series, five minutes apart.
const SAMPLES: i64 = 2000;

/// `2014-04-10 07:15:00`, as the benchmark writes it; all of one month.
fn time(sample: i64) -> String {
    let minutes = sample * 5;
    format!("2014-04-{:02} {:02}:{:02}:00", 1 + minutes / 1440, minutes / 60 % 24, minutes % 60)
}

fn noise(i: i64) -> f64 {
    (i.wrapping_mul(2_654_435_761) >> 9).rem_euclid(1000) as f64 / 100.0
}

/// Two series, one with a burst in a window, and a detector that never says anything.
fn corpus(folder: &Path) {
    let burst = |i: i64| if (1700..1720).contains(&i) { 90.0 } else { 20.0 + noise(i) };
    let quiet = |i: i64| 50.0 + noise(i + 7);
    let csv = |value: &dyn Fn(i64) -> f64| {
        (0..SAMPLES).fold("timestamp,value\n".to_owned(), |mut all, i| {
            let _ = writeln!(all, "{},{}", time(i), value(i));
            all
        })
    };
    for part in ["labels", "data/made", "results/silent/made"] {
        create_dir_all(folder.join(part)).or_fail("make the folders of a corpus");
    }
    let labels = format!(
        r#"{{"made/burst.csv": [["{}.000000", "{}.000000"]], "made/quiet.csv": []}}"#,
        time(1690),
        time(1790)
    );
    write(folder.join("labels/combined_windows.json"), labels).or_fail("write the labels");
    for (name, value) in [("burst", &burst as &dyn Fn(i64) -> f64), ("quiet", &quiet)] {
        write(folder.join(format!("data/made/{name}.csv")), csv(value)).or_fail("write a series");
        write(folder.join(format!("results/silent/made/{name}.csv")), csv(&|_| 0.0)).or_fail("write scores");
    }
}

/// Quiet memory of `days` days, one sample in five minutes.
fn memory(days: i64) -> String {
    let mut csv = "series,unix_s,cpu_cores,cpu_request_cores,memory_mib,memory_request_mib\n".to_owned();
    for series in 0..2_i64 {
        for step in 0..days * 288 {
            let mib = 200.0 + noise(step + series * 31) / 2.0;
            let _ = writeln!(csv, "app-{series},{},0.1,1,{mib:.2},1024", step * 300);
        }
    }
    csv
}

#[test]
fn detectors_are_scored_beside_those_whose_scores_lie_in_the_folder() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    corpus(folder.path());
    let output =
        backtest(folder.path(), &["anomaly", "--traces", ".", "-o", "json", "-q", "--plot", "p.svg"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).or_fail("read the report");
    assert_eq!((&report["series"], &report["windows"]), (&2.into(), &1.into()), "{report}");
    let figure = |at: usize, name: &str| report["methods"][at][name].as_f64().expect("a number");
    assert_eq!(
        (&report["methods"][0]["name"], &report["methods"][1]["name"]),
        (&"kubeopt".into(), &"silent".into())
    );
    assert!(figure(0, "standard") > 80.0, "{report}");
    assert_eq!((figure(1, "standard"), figure(1, "eventRecall")), (0.0, 0.0), "{report}");
    let plot = std::fs::read_to_string(folder.path().join("p.svg")).or_fail("read the plot");
    assert!(plot.starts_with("<svg ") && plot.contains(">kubeopt</text>"), "{plot}");

    let table = text(&backtest(folder.path(), &["anomaly", "--traces", "."]).stdout);
    assert!(table.starts_with("2 series, 4000 samples, 1 windows"), "{table}");
    let markdown = text(&backtest(folder.path(), &["anomaly", "--traces", ".", "-o", "markdown"]).stdout);
    assert!(
        markdown.contains("| detector | standard |") && markdown.contains("| silent | 0.0 |"),
        "{markdown}"
    );
}

#[test]
fn leaks_put_into_quiet_memory_are_found_and_told_by_rate_and_threshold() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    write(folder.path().join("memory.csv"), memory(40)).or_fail("write the series");
    let args = ["anomaly", "--traces", "memory.csv", "-o", "json", "-q", "--plot", "p.png"];
    let outputs = [backtest(folder.path(), &args), backtest(folder.path(), &args)];
    assert!(outputs[0].status.success(), "{}", text(&outputs[0].stderr));
    assert_eq!(text(&outputs[0].stdout), text(&outputs[1].stdout), "the same each time");
    let report: Value = serde_json::from_slice(&outputs[0].stdout).or_fail("read the report");
    let own = &report["methods"][0];
    let sum = |name: &str| {
        let rates = own["rates"].as_array().expect("rates");
        rates.iter().filter_map(|rate| rate[name].as_u64()).sum::<u64>()
    };
    assert!(sum("leaks") >= 4 && sum("found") == sum("leaks"), "{report}");
    assert_eq!(own["flaggedWeeks"], 0, "{report}");
    assert!(own["thresholds"].as_array().is_some_and(|all| all.len() > 3), "{report}");
    let plot = std::fs::read(folder.path().join("p.png")).or_fail("read the plot");
    assert!(plot.starts_with(b"\x89PNG\r\n\x1a\n"), "{} bytes", plot.len());
}

#[test]
fn a_corpus_that_is_wrong_is_refused_with_what_to_do() {
    let labels = "labels/combined_windows.json";
    let series = "data/made/burst.csv";
    let window =
        |from: i64, to: i64| format!(r#"{{"made/burst.csv": [["{}", "{}"]]}}"#, time(from), time(to));
    let cut = format!("timestamp,value\n{},1\n{}", time(0), &time(1)[..12]);
    let cases: [(&str, &str, &str, &str); 10] = [
        (series, &cut, "E-BTS-002", "line 3"),
        (series, &format!("timestamp,value\n{},NaN\n", time(0)), "E-BTS-002", "line 2"),
        (series, "\u{0}\u{1}\u{2}\n\u{3}", "E-BTS-002", "line 2"),
        (labels, "[]", "E-BTS-001", "list of windows"),
        (labels, &window(1790, 1690), "E-BTS-001", "does not fit"),
        (labels, r#"{"made/none.csv": []}"#, "E-BTS-001", "none.csv"),
        (labels, r#"{"../../etc/passwd": []}"#, "E-BTS-001", "outside"),
        (labels, r#"{"/etc/passwd": []}"#, "E-BTS-001", "outside"),
        (labels, r#"{"made/quiet.csv": []}"#, "E-RUN-022", "nothing to find"),
        ("results/silent/made/quiet.csv", "timestamp,anomaly_score\n", "E-BTS-002", "0 scores"),
    ];
    for (file, content, code, said) in cases {
        let folder = tempfile::tempdir().or_fail("make a folder");
        corpus(folder.path());
        write(folder.path().join(file), content).or_fail("write what is wrong");
        let output = backtest(folder.path(), &["anomaly", "--traces", ".", "-q"]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{file} {content}: {error}");
        assert!(
            error.contains(code) && error.contains(said) && error.contains("help: "),
            "{content}: {error}"
        );
    }
}

/// Every option that says nothing to a kind of trial.
#[test]
fn options_that_say_nothing_to_a_trial_are_refused_by_name() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    write(folder.path().join("short.csv"), memory(8)).or_fail("write the series");
    let of_sizing: [&[&str]; 3] =
        [&["--compare", "kubeopt"], &["--economy"], &["--reliability-plot", "r.svg"]];
    let of_cluster: [&[&str]; 4] = [
        &["--namespace", "shop"],
        &["--all-namespaces"],
        &["--history", "28d"],
        &["--prometheus-token-file", "token", "--prometheus", "http://127.0.0.1:9"],
    ];
    let (model, split): (&[&str], &[&str]) = (&["--model", "m.weights"], &["--split", "tune"]);
    let cases: [(&str, Vec<&[&str]>); 3] = [
        ("sizing", [&[model], &of_cluster[..]].concat()),
        ("forecast", [&of_sizing[..], &[split], &of_cluster[..]].concat()),
        ("anomaly", [&of_sizing[..], &[model], &of_cluster[..]].concat()),
    ];
    for (what, options) in cases {
        for option in options {
            let args = [&[what, "--traces", "short.csv"], option].concat();
            let beside = if of_cluster.contains(&option) { "beside --traces" } else { what };
            let output = backtest(folder.path(), &args);
            is_refused(&args, &output, &format!("{} says nothing", option[0]));
            assert!(text(&output.stderr).contains(beside), "{args:?}: {}", text(&output.stderr));
        }
    }
    assert!(!folder.path().join("r.svg").exists());
}

/// A file of usage is no cluster: what selects containers says nothing to it.
#[test]
fn a_training_on_a_file_refuses_what_selects_of_a_cluster() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    write(folder.path().join("short.csv"), memory(8)).or_fail("write the series");
    let options: [&[&str]; 4] = [
        &["--namespace", "shop"],
        &["--all-namespaces"],
        &["--history", "28d"],
        &["--prometheus-token-file", "token", "--prometheus", "http://127.0.0.1:9"],
    ];
    for option in options {
        let mut command = Command::new(binary());
        command.args(["forecast", "train", "--traces", "short.csv"]).args(option);
        let output = command.current_dir(folder.path()).env("NO_COLOR", "1").output().or_fail("run kubeopt");
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{option:?}: {error}");
        assert!(error.contains("cannot be used with") && error.contains(option[0]), "{option:?}: {error}");
        assert!(error.contains("--traces") && error.contains("--help"), "{option:?}: {error}");
    }
    assert!(!folder.path().join("outlook.weights").exists());
}

#[test]
fn what_cannot_be_tried_is_said_with_the_next_step() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    write(folder.path().join("short.csv"), memory(8)).or_fail("write the series");
    create_dir_all(folder.path().join("empty")).or_fail("make a folder");
    let cases: [(&[&str], &str); 9] = [
        (&["anomaly"], "--traces"),
        (&["anomaly", "--traces", "none.csv"], "none.csv"),
        (&["anomaly", "--traces", "empty"], "combined_windows.json"),
        (&["anomaly", "--traces", "short.csv"], "three weeks"),
        (&["anomaly", "--traces", "short.csv", "--economy"], "--economy says nothing"),
        (&["anomaly", "--traces", "short.csv", "--plot", "p.jpg"], ".svg or .png"),
        (&["forecast"], "--traces"),
        (&["forecast", "--traces", "short.csv", "--split", "tune"], "--split says nothing"),
        (&["forecast", "--traces", "short.csv"], "help: "),
    ];
    for (args, said) in cases {
        is_refused(args, &backtest(folder.path(), args), said);
    }
}

#[test]
fn forecasts_are_told_as_methods_with_figures_and_drawn() {
    let folder = tempfile::tempdir().or_fail("make a folder");
    let mut csv = "series,unix_s,cpu_cores,cpu_request_cores,memory_mib,memory_request_mib\n".to_owned();
    for series in 0..4_i64 {
        for step in 0..90 * 96 {
            let wave = 1.2 + (step as f64 / 96.0 * std::f64::consts::TAU).sin();
            let cores = 0.1 * wave * (series + 1) as f64 + noise(step + series * 13) / 200.0;
            let mib = 200.0 * wave + noise(step * 3 + series);
            let _ = writeln!(csv, "app-{series},{},{cores:.4},4,{:.1},4096", step * 900, mib);
        }
    }
    write(folder.path().join("usage.csv"), csv).or_fail("write the series");
    let args = ["forecast", "--traces", "usage.csv", "-q", "-o", "json", "--plot", "p.svg"];
    let output = backtest(folder.path(), &args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).or_fail("read the report");
    let methods = report["methods"].as_array().expect("methods");
    for name in ["kubeopt outlook", "seasonal naive + conformal"] {
        let of_name = methods.iter().filter(|method| method["name"] == name).count();
        assert!(of_name >= 2, "{name} for CPU and memory: {report}");
    }
    assert!(methods.iter().all(|method| method["coverage"].as_array().is_some_and(|all| all.len() == 5)));
    let plot = std::fs::read_to_string(folder.path().join("p.svg")).or_fail("read the plot");
    assert!(plot.contains("Held, less nominal") && plot.contains("own-line"), "{plot}");
    assert!(
        plot.contains(">kubeopt, CPU other</text>") && plot.contains(">baseline, CPU other</text>"),
        "{plot}"
    );
}
