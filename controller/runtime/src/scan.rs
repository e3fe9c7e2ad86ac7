//! `scan`: what every container should ask for, as rows; writes nothing anywhere.

use kubeopt_model::cost::BillDelta;
use kubeopt_model::{Container, ForgeName, Problem, RepositoryId, Timestamp, Workload};
use kubeopt_report::scan::{ScanMetrics, ScanPrices};
use kubeopt_report::{ScanFormat, ScanReport, ScanRow, render_scan};

use crate::edges::Edges;
use crate::located::Sites;
use crate::pipeline::PassReport;
use crate::pricing::{basis, on_the_bill};
use crate::proposing::{Admitted, Left};
use crate::seen::Seen;

/// A scan with what was wrong on the way.
#[derive(Debug)]
pub struct Scan {
    /// The table.
    pub report: ScanReport,
    /// What could not be seen.
    pub problems: Vec<Problem>,
}

/// Sizes every container as the cluster shows it; Git is not asked.
///
/// # Errors
/// When usage history cannot be read, or no cluster could be reached.
pub async fn scan(edges: &Edges, now: Timestamp, elapsed_s: &dyn Fn() -> f64) -> Result<Scan, Problem> {
    let mut seen = edges.observe(now).await;
    edges.find(&mut seen, &Sites::default(), now).await;
    if seen.clusters.is_empty() {
        return Err(seen.problems.into_iter().next().unwrap_or_else(no_cluster));
    }
    let nowhere = RepositoryId {
        forge: ForgeName::new("none").expect("a literal that is a name"),
        owner: String::new(),
        name: String::new(),
    };
    let wanted = edges.want_live(&seen, now, &nowhere).await?;
    let rows = rows(&seen, &wanted.admitted, &wanted.left);
    let all = || wanted.admitted.iter().map(|admitted| &admitted.recommendation);
    let bill = all().next().map(|_| on_the_bill(all(), &seen.clusters, &seen.prices));
    let report = table(edges, &seen, rows, bill, now, elapsed_s());
    Ok(Scan { report, problems: seen.problems })
}

/// The table of a pass: what a scan would show, with what Git adds to it.
pub fn report_of(edges: &Edges, pass: &PassReport) -> ScanReport {
    let rows = rows(&pass.seen, &pass.decided.admitted, &pass.decided.left);
    table(edges, &pass.seen, rows, pass.decided.bill.clone(), pass.at, 0.0)
}

fn table(
    edges: &Edges,
    seen: &Seen,
    rows: Vec<ScanRow>,
    bill: Option<BillDelta>,
    at: Timestamp,
    seconds: f64,
) -> ScanReport {
    let prices = basis(&seen.prices, edges.clusters.iter().map(|cluster| &cluster.name));
    ScanReport {
        cluster: edges.clusters.iter().map(|cluster| cluster.name.to_string()).collect::<Vec<_>>().join(", "),
        at,
        metrics: metrics(edges, seen, at, seconds),
        prices_unknown: prices.as_ref().err().cloned(),
        prices: prices.ok().map(ScanPrices::from),
        bill,
        rows,
    }
}

fn no_cluster() -> Problem {
    Problem::new(
        crate::codes::NOT_CONFIGURED,
        "no cluster is configured",
        "name one with --kubeconfig or in kubeopt.yaml",
    )
}

fn metrics(edges: &Edges, seen: &Seen, at: Timestamp, seconds: f64) -> ScanMetrics {
    // Of clusters that tell of the moment only there is no more history than was sampled.
    let all_sampled = seen.clusters.keys().all(|cluster| seen.sampled_since.contains_key(cluster));
    let sampled_s = seen.sampled_since.values().min().map(|since| (at.as_second() - since).max(0));
    let history_s = edges.history_seconds;
    let history_s = if all_sampled { sampled_s.map_or(history_s, |s| s.min(history_s)) } else { history_s };
    ScanMetrics {
        server: edges
            .clusters
            .iter()
            .map(|cluster| cluster.metrics_at.as_str())
            .collect::<Vec<_>>()
            .join(", "),
        history_days: history_s as f64 / 86_400.0,
        samples: seen.reports.values().map(|report| report.samples).sum(),
        queries: seen.reports.values().map(|report| report.queries).sum(),
        seconds,
    }
}

/// One row a container, sorted by namespace, workload and container.
fn rows(seen: &Seen, admitted: &[Admitted], left: &[Left]) -> Vec<ScanRow> {
    let mut rows: Vec<ScanRow> = admitted
        .iter()
        .flat_map(|admitted| {
            let recommendation = &admitted.recommendation;
            recommendation.members.iter().map(|member| ScanRow::recommended(recommendation, member))
        })
        .collect();
    for left in left {
        for (workload, container) in left.containers.iter().filter_map(|id| find(seen, id)) {
            rows.push(ScanRow::left(workload, container, &left.why));
        }
    }
    rows.sort_by(|a, b| {
        (&a.namespace, &a.workload, &a.container).cmp(&(&b.namespace, &b.workload, &b.container))
    });
    rows
}

fn find<'a>(seen: &'a Seen, id: &kubeopt_model::ContainerId) -> Option<(&'a Workload, &'a Container)> {
    let workload = seen.clusters.get(&id.workload.cluster)?.workload(&id.workload)?;
    Some((workload, workload.container(&id.container)?))
}

/// A scan in a text format: `csv`, `markdown` or `html`.
///
/// # Errors
/// Where an operator's own template fails.
pub fn format_scan(edges: &Edges, report: &ScanReport, format: ScanFormat) -> Result<String, Problem> {
    render_scan(&edges.templates, report, format).map_err(|error| error.problem())
}
