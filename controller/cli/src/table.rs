//! Tables for the terminal, and in Markdown.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use kubeopt_report::scan::{SCAN_HEADERS, SCAN_HEADERS_WIDE, ScanReport};

/// The table of a scan, with the line above and the sums below.
pub(crate) fn scan(report: &ScanReport, wide: bool) -> String {
    let mut table = plain();
    if wide {
        table.set_header(SCAN_HEADERS_WIDE.iter().chain(&SCAN_HEADERS).copied().collect::<Vec<_>>());
        table.add_rows(report.rows.iter().map(|row| row.wide_cells()));
    } else {
        table.set_header(SCAN_HEADERS.to_vec());
        table.add_rows(report.rows.iter().map(|row| row.brief_cells()));
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
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// Columns narrower than this break words; the terminal then wraps whole lines better.
const PROSE_LEAST: u16 = 24;

/// The lines of a table, without the white space at line ends that columns leave. On a terminal the last column, which
/// has the sentences, is folded into what the others leave of its width; what cannot be folded well stays one line.
/// Whoever reads the output elsewhere decides about line breaks.
pub(crate) fn trimmed(table: &Table) -> String {
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    folded(table, if terminal { table.width() } else { None })
}

fn folded(table: &Table, width: Option<u16>) -> String {
    let mut table = table.clone();
    let widths = table.column_max_content_widths();
    if let (Some(width), Some((_, others))) = (width, widths.split_last()) {
        // One blank on each side of a cell.
        let taken: u16 = others.iter().map(|other| other.saturating_add(2)).sum();
        let left = width.saturating_sub(taken.saturating_add(2));
        if left >= PROSE_LEAST {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
            for at in 0..others.len() {
                if let Some(column) = table.column_mut(at) {
                    column.set_constraint(ColumnConstraint::ContentWidth);
                }
            }
        }
    }
    // The first column has a blank before it; what is folded keeps its place.
    let lines = table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = plain();
        table.set_header(vec!["WORKLOAD", "WHY"]);
        table
            .add_row(vec!["monitoring/deploy/blackbox-exporter", "the change would be too small to propose"]);
        table
    }

    #[test]
    fn sentences_are_folded_and_names_are_not() {
        let narrow = folded(&table(), Some(70));
        let lines: Vec<&str> = narrow.lines().collect();
        assert_eq!(lines.len(), 3, "{narrow}");
        assert!(lines[1].starts_with("monitoring/deploy/blackbox-exporter  the change would be"), "{narrow}");
        assert!(lines[2].starts_with(&" ".repeat(37)), "what is folded stays in its column: {narrow}");
        assert!(lines.iter().all(|line| line.chars().count() <= 70), "{narrow}");
    }

    #[test]
    fn what_does_not_fit_is_left_to_the_terminal() {
        for width in [None, Some(40)] {
            assert_eq!(folded(&table(), width).lines().count(), 2);
        }
    }
}
