//! The table of a scan in every format.

use std::collections::BTreeMap;

use kubeopt_model::{Container, ContainerName, ContainerRole, NoRecommendation, Workload, WorkloadKind};
use kubeopt_report::scan::{SCAN_HEADERS, SCAN_HEADERS_WIDE, ScanMetrics, ScanReport, ScanRow};
use kubeopt_report::{ScanFormat, Templates, render_scan};

use crate::golden::assert_golden;
use crate::sample::{container, now, resources, sample};

fn workload(kind: WorkloadKind, name: &str) -> Workload {
    let id = container(kind, name, "main").workload;
    Workload {
        id,
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        replicas: 4,
        containers: vec![Container {
            name: ContainerName::new("main").unwrap(),
            role: ContainerRole::Main,
            image: String::new(),
            java: None,
            gpus: 0,
            resources: resources(["500m", "1", "512Mi", ""]),
        }],
        scaler: None,
        applied_by: None,
        owner: None,
        vpa: None,
    }
}

fn report() -> ScanReport {
    let sample = sample();
    let mut rows: Vec<ScanRow> = sample
        .recommendations
        .iter()
        .flat_map(|recommendation| {
            recommendation.members.iter().map(|member| ScanRow::recommended(recommendation, member))
        })
        .collect();
    let (web, cron) = (workload(WorkloadKind::Deployment, "web"), workload(WorkloadKind::CronJob, "report"));
    let scaled = NoRecommendation::ScaledOnThisResource { scaler: "HPA \"web\", 70 %".into() };
    rows.push(ScanRow::left(&web, &web.containers[0], &scaled));
    rows.push(ScanRow::left(&cron, &cron.containers[0], &NoRecommendation::TooFewRuns { have: 2, need: 5 }));
    ScanReport {
        cluster: "prod-eu".into(),
        at: now(),
        metrics: ScanMetrics {
            server: "http://prom:9090".into(),
            history_days: 28.0,
            samples: 2_100_000,
            queries: 6,
            seconds: 1.8,
        },
        prices: sample.prices.as_ref().map(Into::into),
        prices_unknown: None,
        bill: Some(sample.bill.alone.clone()),
        rows,
    }
}

#[test]
fn every_format_reads_as_designed() {
    let (report, templates) = (report(), Templates::embedded());
    let render = |format| render_scan(&templates, &report, format).unwrap();
    assert_golden("scan.md", &render(ScanFormat::Markdown));
    assert_golden("scan.csv", &render(ScanFormat::Csv));
    assert_golden("scan.json", &format!("{:#}\n", serde_json::to_value(&report).unwrap()));
    let html = render(ScanFormat::Html);
    assert_eq!(html.matches("<tr").count(), 5);
    assert!(html.contains("<td>1000m → 310m</td>") && !html.contains("http://e"), "{html}");
}

#[test]
fn rows_have_a_cell_for_every_head() {
    for row in report().rows {
        assert_eq!(row.cells().len(), SCAN_HEADERS.len());
        assert_eq!(row.brief_cells()[..7], row.cells()[..7]);
        assert_eq!(row.wide_cells().len(), SCAN_HEADERS.len() + SCAN_HEADERS_WIDE.len());
    }
}

#[test]
fn the_line_below_says_what_changes() {
    let mut report = report();
    report.bill.as_mut().unwrap().why = vec!["node pool `web` is memory-bound".into()];
    assert_eq!(
        report.summary(),
        "requested capacity -$108.20/month (-22%) · can leave the bill: $0 for now - node pool `web` is memory-bound · 1 increase"
    );
    report.prices = None;
    report.prices_unknown = Some("no node could be seen".into());
    assert!(report.headline().ends_with("prices: unknown (no node could be seen)"), "{}", report.headline());
    report.rows.retain(|row| row.risk.is_none());
    assert_eq!(report.summary(), "2 containers, nothing to change");
}

#[test]
fn a_spreadsheet_runs_no_formula_and_quotes_hold() {
    let mut report = report();
    report.rows.truncate(1);
    report.rows[0].why = "=cmd|'/c calc'!A1, \"x\"\nnext".into();
    let csv = render_scan(&Templates::embedded(), &report, ScanFormat::Csv).unwrap();
    assert!(csv.contains(",\"'=cmd|'/c calc'!A1, \"\"x\"\" next\"\r\n"), "{csv}");
    assert_eq!(csv.lines().count(), 2);
}
