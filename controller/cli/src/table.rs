//! Tables for the terminal, and in Markdown.

use comfy_table::{ContentArrangement, Table, presets};
use kubeopt_report::scan::{SCAN_HEADERS, SCAN_HEADERS_WIDE, ScanReport};

/// The table of a scan, with the line above and the sums below.
pub(crate) fn scan(report: &ScanReport, wide: bool) -> String {
    let mut table = plain();
    if wide {
        table.set_header(SCAN_HEADERS_WIDE.iter().chain(&SCAN_HEADERS).copied().collect::<Vec<_>>());
        table.add_rows(report.rows.iter().map(|row| row.wide_cells()));
    } else {
        table.set_header(SCAN_HEADERS.to_vec());
        table.add_rows(report.rows.iter().map(|row| row.cells()));
    }
    let body = if report.rows.is_empty() {
        "no workloads found\n".to_owned()
    } else {
        format!("{}\n", trimmed(&table))
    };
    format!("{}\n\n{body}\n{}\n", report.headline(), report.summary())
}

/// A table as kubectl prints it: columns, no lines.
pub(crate) fn plain() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        // Whoever reads the output elsewhere decides about line breaks.
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table
}

/// Without the white space at line ends that columns leave.
pub(crate) fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}

/// A table in Markdown, headers in lower case.
pub(crate) fn markdown<const N: usize>(
    headers: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut text = format!("| {} |\n|{}\n", headers.join(" | ").to_lowercase(), "---|".repeat(N));
    for row in rows {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}
