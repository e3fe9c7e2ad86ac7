//! The bars as Markdown: what was measured, what it may be, and whether it is.

/// Lines of the table.
#[derive(Default)]
pub(super) struct Bars(Vec<String>);

impl Bars {
    /// One figure with its bar.
    pub(super) fn at_most(&mut self, what: &str, measured: f64, bar: f64, unit: &str) {
        let verdict = if measured <= bar { "met" } else { "**missed**" };
        self.0.push(format!("| {what} | {} {unit} | ≤ {} {unit} | {verdict} |", short(measured), short(bar)));
    }

    /// Something that has to hold.
    pub(super) fn holds(&mut self, what: &str, measured: &str, bar: &str, is_met: bool) {
        let verdict = if is_met { "met" } else { "**missed**" };
        self.0.push(format!("| {what} | {measured} | {bar} | {verdict} |"));
    }

    /// A figure that is told and has no bar.
    pub(super) fn told(&mut self, what: &str, measured: &str) {
        self.0.push(format!("| {what} | {measured} | - | - |"));
    }

    /// The table.
    pub(super) fn markdown(&self) -> String {
        format!("\n| figure | measured | bar | |\n|---|---:|---:|---|\n{}", self.0.join("\n"))
    }
}

/// Three digits that count.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Megabytes of ten to the sixth.
pub(super) fn megabytes(bytes: u64) -> String {
    format!("{} MB", short(bytes as f64 / 1e6))
}
