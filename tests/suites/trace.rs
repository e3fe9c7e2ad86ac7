//! `kubeopt trace` and `kubeopt set` on folders: which line sets each value, checked line by line against what was written
//! down by hand, and against what the bare programs render.
//!
//! A scenario is a folder of `tests/scenarios/trace`: the files `in/`, charts that are not among them in `charts/NAME`, and
//! the trace that is expected in `trace.txt`, and in
//! `set.txt` what `set` refuses of it, if anything. `KUBEOPT_BLESS=1` writes both anew.

mod asked;
mod generated;
mod golden;
mod hostile;
mod live;
mod scenario;
mod turn;

use std::collections::BTreeMap;
use std::path::Path;

use kubeopt_runtime::Tools;
use kubeopt_runtime::offline::{Place, TraceReport, report, trace_place};
use kubeopt_runtime::tracing::{Charts, Origins};
use kubeopt_tests::{OrFail, servers_enabled};
use tokio::task::JoinSet;

use crate::program::binary;
use scenario::{Scenario, renderer, traced};

#[tokio::test(flavor = "multi_thread")]
async fn every_line_is_the_one_that_was_written_down() {
    if !servers_enabled() {
        return;
    }
    let mut running = JoinSet::new();
    for scenario in Scenario::all() {
        running.spawn(async move {
            let found = golden::text(&scenario.trace().await);
            scenario.compare_with("trace.txt", &found)
        });
    }
    let differing: Vec<String> = running.join_all().await.into_iter().flatten().collect();
    assert!(
        differing.is_empty(),
        "KUBEOPT_BLESS=1 rewrites these; look at every line:\n{}",
        differing.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_is_set_alone_and_set_back_to_the_byte() {
    if !servers_enabled() {
        return;
    }
    let mut running = JoinSet::new();
    for scenario in Scenario::all() {
        running.spawn(async move {
            let renderer = renderer().await;
            let charts = Charts::given(&scenario.charts()).expect("the scenario's charts can be read");
            let tools = Tools { renderer: &renderer, charts: &charts, origins: Origins::default() };
            let folder = scenario.copy();
            let given: BTreeMap<_, _> = scenario.charts().into_iter().collect();
            let turned = turn::turn_everything(folder.path(), tools, &given).await;
            let refused: String = turned.failed.iter().map(|line| format!("{line}\n")).collect();
            let differing = scenario.compare_with("set.txt", &refused);
            (scenario.name, turned, differing)
        });
    }
    let all = running.join_all().await;
    let wrong: Vec<String> = all
        .iter()
        .flat_map(|(name, turned, _)| turned.wrong.iter().map(move |what| format!("{name}: {what}")))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let differing: Vec<&String> = all.iter().filter_map(|(_, _, differing)| differing.as_ref()).collect();
    assert!(differing.is_empty(), "{differing:#?}");
    let (set, created) = all.iter().fold((0, 0), |sum, (_, one, _)| (sum.0 + one.set, sum.1 + one.created));
    assert!(set > 60 && created > 60, "only {set} lines were set and {created} created");
}

/// The declared fallback: what is found in files alone is what a rendering would find, and less.
#[tokio::test(flavor = "multi_thread")]
async fn without_renderers_no_line_is_named_that_a_rendering_would_not_name() {
    if !servers_enabled() {
        return;
    }
    let mut found = 0;
    let mut wrong = Vec::new();
    for scenario in Scenario::all() {
        let rendered = scenario.trace().await;
        let written = scenario.trace_in_files().await;
        let lines = |report: &TraceReport| -> BTreeMap<_, _> {
            let fields = report.entries.iter().flat_map(|entry| {
                entry.fields.iter().map(move |field| {
                    // Helm fills in a namespace where files leave it open.
                    let workload: Vec<&str> = field.workload.rsplitn(3, '/').take(2).collect();
                    let key = format!("{} {workload:?} {} {}", entry.path, field.container, field.field);
                    (key, scenario::set_by(&field.state))
                })
            });
            fields.filter_map(|(key, site)| Some((key, site?.clone()))).collect()
        };
        let (rendered, in_files) = (lines(&rendered), lines(&written));
        let differing =
            in_files.iter().filter(|(key, site)| rendered.get(*key).is_some_and(|one| one != *site));
        wrong.extend(differing.map(|(key, site)| format!("{}: {key}: {site}", scenario.name)));
        found += in_files.keys().filter(|key| rendered.contains_key(*key)).count();
        let differing = scenario.compare_with("unrendered.txt", &scenario::unrendered_only(&written));
        wrong.extend(differing);
    }
    assert!(wrong.is_empty(), "KUBEOPT_BLESS=1 rewrites these; look at every line:\n{}", wrong.join("\n"));
    assert!(found > 20, "only {found} lines were found in files");
}

/// `KUBEOPT_FOLDERS=200` draws as many folders.
#[tokio::test(flavor = "multi_thread")]
async fn folders_that_are_drawn_by_lot_are_set_and_set_back_to_the_byte() {
    if !servers_enabled() {
        return;
    }
    let count: usize =
        std::env::var("KUBEOPT_FOLDERS").map_or(4, |text| text.parse().or_fail("read KUBEOPT_FOLDERS"));
    let renderer = renderer().await;
    let charts = Charts::default();
    let tools = Tools { renderer: &renderer, charts: &charts, origins: Origins::default() };
    let (mut wrong, mut set, mut created) = (Vec::new(), 0, 0);
    for seed in 0..count {
        let folder = kubeopt_tests::folder("generated");
        generated::write_folder(folder.path(), &mut generated::Lot::new(seed as u64));
        let turned = turn::turn_everything(folder.path(), tools, &BTreeMap::new()).await;
        assert_eq!(turned.unrendered, BTreeMap::new(), "folder {seed}");
        wrong.extend(turned.wrong.iter().map(|what| format!("folder {seed}: {what}")));
        set += turned.set;
        created += turned.created;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(set > 8 * count && created > 4 * count, "{set} set, {created} created");
}

/// Where values stand does not matter, only under which keys.
#[tokio::test(flavor = "multi_thread")]
async fn the_order_of_keys_changes_no_trace() {
    if !servers_enabled() {
        return;
    }
    for name in ["chart-values-files", "chart-subchart-alias", "chart-shared-value", "flux-values-from"] {
        let scenario = Scenario::named(name);
        let mut seen = Vec::new();
        for order in [scenario::Order::Forward, scenario::Order::Backward] {
            let folder = scenario.copy();
            scenario::reorder(folder.path(), order);
            let report = traced(folder.path(), &scenario.charts()).await;
            seen.push(without_lines(report));
        }
        assert!(seen[0].set > 2, "{name} has something to trace");
        assert_eq!(seen[0], seen[1], "{name}");
    }
}

fn without_lines(mut report: TraceReport) -> TraceReport {
    for field in report.entries.iter_mut().flat_map(|entry| &mut entry.fields) {
        scenario::forget_line(&mut field.state);
    }
    for entry in &mut report.entries {
        // Objects come in the order of their names, fields in that of the renderer.
        entry.fields.sort_by(|a, b| {
            (&a.workload, &a.container, &a.field).cmp(&(&b.workload, &b.container, &b.field))
        });
    }
    report
}

/// The program that becomes the renderer is started through one that counts.
#[tokio::test]
async fn a_chart_whose_values_are_all_set_is_rendered_once() {
    if !servers_enabled() {
        return;
    }
    let scenario = Scenario::named("chart-all-set");
    let folder = scenario.copy();
    let beside = kubeopt_tests::folder("count");
    let count = beside.path().join("count");
    let counting = counting_program(beside.path(), &count);
    let mut renderer = renderer().await;
    renderer.program = counting;
    let charts = Charts::default();
    let tools = Tools { renderer: &renderer, charts: &charts, origins: Origins::default() };
    let place = Place::find(folder.path()).expect("the folder is there");
    let trace = trace_place(&place, tools).await.expect("the chart is traced");
    let report = report(&trace, &place);
    assert_eq!((report.set, report.creatable, report.refused), (48, 0, 0));
    assert_eq!(std::fs::read_to_string(&count).or_fail("read the count"), "run\n");
}

/// A script that notes each start in `count` and becomes kubeopt.
fn counting_program(folder: &Path, count: &Path) -> std::path::PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let script = folder.join("counting");
    let text = format!("#!/bin/sh\necho run >> {}\nexec {} \"$@\"\n", count.display(), binary().display());
    std::fs::write(&script, text).or_fail("write a script");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).or_fail("make a script run");
    script
}

/// The program itself: what it prints and writes is what the functions behind it say.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_trace_set_and_write() {
    if !servers_enabled() {
        return;
    }
    let scenario = Scenario::named("kustomize-overlays");
    let folder = scenario.copy();
    let home = kubeopt_tests::folder("home");
    let traced = scenario::kubeopt(home.path()).args(["trace", "-o", "json"]).arg(folder.path()).output();
    let traced = traced.or_fail("run kubeopt");
    assert!(traced.status.success(), "{}", String::from_utf8_lossy(&traced.stderr));
    let json: serde_json::Value = serde_json::from_slice(&traced.stdout).or_fail("read the trace");
    assert!(json.to_string().contains("overlays/prod/api-resources.yaml"), "{json}");

    let prod = folder.path().join("overlays/prod");
    let set = |more: &[&str]| {
        let output = scenario::kubeopt(home.path())
            .arg("set")
            .arg(&prod)
            .args(["deploy/eu-api/api", "cpu.request=1500m"])
            .args(more)
            .output()
            .or_fail("run kubeopt");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let file = prod.join("api-resources.yaml");
    let read = || std::fs::read_to_string(&file).or_fail("read a patch");
    let before = read();
    assert!(set(&["--dry-run"]).contains("verified: overlays/prod rendered with kustomize"));
    assert_eq!(read(), before, "--dry-run writes nothing");
    set(&[]);
    assert_eq!(read(), before.replace("\"2\"", "\"1500m\""));
    assert!(set(&[]).contains("nothing to change"));
}
