//! A whole comparison on generated traces: threads, parts, table, plot.

use std::convert::Infallible;
use std::num::NonZeroUsize;

use kubeopt_backtest::{HEADERS, Part, Plan, Report, contenders, png, run, svg};
use kubeopt_model::UsageTrace;
use kubeopt_model::trace::ResourceTrace;

/// 50 days of daily waves, each trace at another height.
fn traces() -> impl Iterator<Item = Result<UsageTrace, Infallible>> {
    (0..12_u32).map(|number| {
        let height = 50.0 + f64::from(number) * 40.0;
        let wave = |step: i64| height * (1.2 + (step as f64 / 288.0 * std::f64::consts::TAU).sin());
        let points: Vec<(i64, f64)> = (0..50 * 288).map(|step| (step * 300, wave(step))).collect();
        let memory = points.iter().map(|(at, value)| (*at, value * 1e6)).collect();
        let provisioned = vec![2000.0; points.len()];
        Ok(UsageTrace {
            name: number.to_string(),
            memory: ResourceTrace { points: memory, provisioned: vec![2e9; points.len()] },
            cpu: ResourceTrace { points, provisioned },
        })
    })
}

fn compared(names: &[&str], part: Option<Part>, threads: usize) -> Report {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let contenders = contenders(&names, true).expect("names of rules");
    let plan = Plan {
        contenders,
        part,
        fleet: None,
        foretell: None,
        threads: NonZeroUsize::new(threads).expect("at least one thread"),
    };
    let mut seen = 0;
    let report = run(&plan, traces(), |_| seen += 1).unwrap_or_else(|never| match never {});
    assert_eq!(seen, 12);
    report
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let names = ["kubeopt", "vpa", "krr-simple", "current"];
    assert_eq!(compared(&names, None, 1), compared(&names, None, 3));
}

#[test]
fn a_part_holds_only_its_traces() {
    let of = |part| compared(&["current"], part, 2).traces;
    let parts = [Part::Tune, Part::Choose, Part::Report].map(|part| of(Some(part)));
    assert_eq!(parts.iter().sum::<usize>(), of(None));
    let own = (0..12).filter(|number: &i32| Part::of(&number.to_string()) == Part::Report).count();
    assert_eq!(parts[2], own);
}

#[test]
fn a_report_renders_to_a_table_and_to_pictures_that_hold_every_rule() {
    let report = compared(&["kubeopt", "vpa", "current"], None, 2);
    let markdown = report.markdown();
    assert!(markdown.contains(&format!("| {} |", HEADERS.join(" | "))), "{markdown}");
    assert!(markdown.contains("| current | 0.0 [0.0, 0.0] |"), "{markdown}");
    assert!(
        report.lines().iter().any(|line| line.starts_with("memory: kubeopt reserves less")),
        "{markdown}"
    );
    let picture = svg(&report.picture());
    for name in ["kubeopt", "kubeopt-economy", "vpa", "current"] {
        assert!(markdown.contains(&format!("| {name} |")), "{name}");
        assert!(picture.contains(&format!(">{name}</text>")), "{name}");
    }
    let png = png(&report.picture()).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n") && png.len() > 20_000, "{} bytes", png.len());
}

#[test]
fn an_error_of_the_traces_ends_the_run() {
    let contenders = contenders(&["current".to_owned()], false).unwrap();
    let plan = Plan { contenders, part: None, fleet: None, foretell: None, threads: NonZeroUsize::MIN };
    let broken = traces().map(|trace| trace.map_err(|never| match never {})).take(2).chain([Err("torn")]);
    assert_eq!(run(&plan, broken, |_| {}), Err("torn"));
}
