//! A scan as Markdown, CSV and HTML. Knows nothing of how the rows came to be.

use std::fmt::Write;

use serde::Serialize;

use crate::error::ReportError;
use crate::escape;
use crate::scan::{SCAN_HEADERS, ScanReport, ScanRow};
use crate::templates::{STYLE_CSS, Templates};

/// A text format of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanFormat {
    /// A GitHub-flavoured table.
    Markdown,
    /// RFC 4180, with a header line and plain numbers.
    Csv,
    /// A page that stands alone.
    Html,
}

/// Renders a scan.
///
/// # Errors
/// [`ReportError::Render`] where an operator's own HTML template fails.
pub fn render_scan(
    templates: &Templates,
    report: &ScanReport,
    format: ScanFormat,
) -> Result<String, ReportError> {
    match format {
        ScanFormat::Markdown => Ok(markdown(report)),
        ScanFormat::Csv => Ok(csv(&report.rows)),
        ScanFormat::Html => html(templates, report),
    }
}

fn markdown(report: &ScanReport) -> String {
    let mut out = format!("{}\n\n", escape::inline_prose(&report.headline()));
    out.push_str(&table_line(["NAMESPACE"].into_iter().chain(SCAN_HEADERS).map(str::to_owned)));
    out.push_str(&"|---".repeat(SCAN_HEADERS.len() + 1));
    out.push_str("|\n");
    for row in &report.rows {
        let cells = [row.namespace.clone()].into_iter().chain(row.cells());
        out.push_str(&table_line(cells.map(|cell| escape::inline_prose(&cell))));
    }
    out.push_str(&format!("\n{}\n", escape::inline_prose(&report.summary())));
    out
}

fn table_line(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

const CSV_HEADER: &str = "namespace,workload,container,replicas,verdict,cpu_request_before,cpu_request_after,\
cpu_limit_before,cpu_limit_after,memory_request_before,memory_request_after,memory_limit_before,\
memory_limit_after,samples,days,coverage,confidence,confidence_held_days,confidence_days,confidence_workloads,monthly_usd,monthly_delta_usd,risk,why";

fn csv(rows: &[ScanRow]) -> String {
    let mut out = format!("{CSV_HEADER}\r\n");
    for row in rows {
        let verdict = match row.verdict {
            crate::scan::ScanVerdict::Change => "change",
            crate::scan::ScanVerdict::Keep => "keep",
            crate::scan::ScanVerdict::Unknown => "unknown",
        };
        let mut fields = vec![
            text_field(&row.namespace),
            text_field(&row.workload),
            text_field(&row.container),
            row.replicas.to_string(),
            verdict.to_owned(),
        ];
        for change in [&row.cpu_request, &row.cpu_limit, &row.memory_request, &row.memory_limit] {
            fields.push(text_field(change.before.as_deref().unwrap_or("")));
            fields.push(text_field(change.after.as_deref().unwrap_or("")));
        }
        match &row.evidence {
            Some(evidence) => fields.extend([
                evidence.samples.to_string(),
                format!("{:.2}", evidence.days),
                format!("{:.4}", evidence.coverage),
            ]),
            None => fields.extend([const { String::new() }; 3]),
        }
        match &row.confidence {
            Some(stated) => fields.extend([
                format!("{:.4}", stated.lower_bound),
                stated.held_days.to_string(),
                stated.days.to_string(),
                stated.pooled_workloads.unwrap_or(1).to_string(),
            ]),
            None => fields.extend([const { String::new() }; 4]),
        }
        fields.push(row.monthly_usd.map_or(String::new(), |usd| usd.to_string()));
        fields.push(row.monthly_delta_usd.map_or(String::new(), |usd| usd.to_string()));
        fields.push(row.risk.map_or(String::new(), |risk| risk.to_string()));
        fields.push(text_field(&row.why));
        let _ = write!(out, "{}\r\n", fields.join(","));
    }
    out
}

/// Quoted where it must be. A text that a spreadsheet would run as a formula is opened by an apostrophe.
fn text_field(text: &str) -> String {
    let text = escape::visible(text, escape::SHOWN_CHARS_MAX);
    let text = if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text };
    if text.contains([',', '"']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[derive(Serialize)]
struct ScanView<'a> {
    style: &'a str,
    cluster: &'a str,
    at: String,
    headline: String,
    summary: String,
    headers: Vec<&'a str>,
    rows: Vec<ScanRowView<'a>>,
}

#[derive(Serialize)]
struct ScanRowView<'a> {
    verdict: crate::scan::ScanVerdict,
    namespace: &'a str,
    cells: Vec<String>,
}

fn html(templates: &Templates, report: &ScanReport) -> Result<String, ReportError> {
    let view = ScanView {
        style: STYLE_CSS,
        cluster: &report.cluster,
        at: report.at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        headline: report.headline(),
        summary: report.summary(),
        headers: ["NAMESPACE"].into_iter().chain(SCAN_HEADERS).collect(),
        rows: report
            .rows
            .iter()
            .map(|row| ScanRowView { verdict: row.verdict, namespace: &row.namespace, cells: shown(row) })
            .collect(),
    };
    templates.render("reports/scan.html.tera", &view)
}

fn shown(row: &ScanRow) -> Vec<String> {
    row.cells().iter().map(|cell| escape::visible(cell, escape::SHOWN_CHARS_MAX)).collect()
}
