//! A report as cells of a table, as lines below it, and as Markdown.

use std::fmt::Write;

use kubeopt_model::Resource;

use crate::dominance::{AtEqualRisk, Dominance};
use crate::figures::Figure;
use crate::reliability::HEADERS_RELIABILITY;
use crate::report::Report;
use crate::row::Row;

/// The columns of [`Row::cells`].
pub const HEADERS: [&str; 7] =
    ["strategy", "CPU saved", "CPU over", "CPU churn", "memory saved", "weeks over", "memory churn"];

/// The columns of [`Row::cells_with_kills`].
const HEADERS_WITH_KILLS: [&str; 4] = ["strategy", "memory saved", "weeks over", "memory churn"];

/// The columns of [`AtEqualRisk::cells`].
pub const HEADERS_AT_EQUAL_RISK: [&str; 6] =
    ["resource", "rule", "its overrun", "it saves", "kubeopt's overrun", "kubeopt saves"];

/// What the columns mean, for whoever reads a table without its document.
pub const MARKDOWN_NOTE: &str = "In per cent, with 95 % bootstrap intervals over series. Saved: 1 - recommended / provisioned. CPU over: samples above the \
     recommendation. Weeks over: weeks whose highest memory sample exceeds it. Churn: weekly refreshes that move by more than 10 %.";

impl Row {
    /// Under [`HEADERS`].
    pub fn cells(&self) -> [String; 7] {
        let (cpu, memory) = (&self.cpu, &self.memory);
        [
            self.strategy.clone(),
            cell(cpu.saved),
            cell(cpu.over),
            cell(cpu.churn),
            cell(memory.saved),
            cell(memory.over),
            cell(memory.churn),
        ]
    }

    /// Memory where overruns kill: name, saved, weeks over, churn.
    pub fn cells_with_kills(&self) -> [String; 4] {
        let memory = &self.memory_with_kills;
        [self.strategy.clone(), cell(memory.saved), cell(memory.over), cell(memory.churn)]
    }
}

impl Report {
    /// What was compared, in a sentence.
    pub fn headline(&self) -> String {
        let part = self.part.map_or(String::new(), |part| format!(" of the part `{}`", part.as_str()));
        format!(
            "{} series{part}, {} weeks of CPU with {} samples, {} weeks of memory; {} series were too short",
            self.traces, self.cpu_weeks, self.cpu_samples, self.memory_weeks, self.too_short
        )
    }

    /// The columns of memory where overruns kill.
    pub fn headers_with_kills() -> [&'static str; 4] {
        HEADERS_WITH_KILLS
    }

    /// Who dominates whom: one sentence a line.
    pub fn lines(&self) -> Vec<String> {
        self.dominances.iter().map(dominance).collect()
    }

    /// What is saved at equal risk, under [`HEADERS_AT_EQUAL_RISK`].
    pub fn equal_risk_cells(&self) -> Vec<[String; 6]> {
        self.at_equal_risk.iter().filter_map(AtEqualRisk::cells).collect()
    }

    /// All tables and the lines. Names are ours, so nothing needs to be escaped.
    pub fn markdown(&self) -> String {
        let mut text = format!("{}.\n\n{MARKDOWN_NOTE}\n\n", self.headline());
        for note in &self.notes {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "- {note}");
        }
        if !self.notes.is_empty() {
            text.push('\n');
        }
        table(&mut text, &HEADERS, self.rows.iter().map(|row| row.cells().to_vec()));
        text.push_str("\nMemory where each overrun kills, and what the kill asks for (100 MiB more, a fifth more at least) holds for two clean weeks:\n\n");
        table(&mut text, &HEADERS_WITH_KILLS, self.rows.iter().map(|row| row.cells_with_kills().to_vec()));
        let lines = self.lines();
        if !lines.is_empty() {
            text.push('\n');
        }
        for line in lines {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "- {line}");
        }
        let at_equal_risk = self.equal_risk_cells();
        if !at_equal_risk.is_empty() {
            text.push_str("\nWhat kubeopt saves at the price at which it is exceeded no more often than another rule:\n\n");
            table(&mut text, &HEADERS_AT_EQUAL_RISK, at_equal_risk.into_iter().map(Vec::from));
        }
        text.push_str("\nOf the weeks before which kubeopt's own rule stated so much confidence (docs/confidence.md), those that held as a whole:\n\n");
        table(&mut text, &HEADERS_RELIABILITY, self.reliability.cells().into_iter().map(Vec::from));
        text
    }
}

fn table(text: &mut String, headers: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    let _ = writeln!(text, "| {} |", headers.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(headers.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
}

/// `68.8 [60.1, 77.3]`
fn cell(figure: Figure) -> String {
    format!("{} [{}, {}]", percent(figure.value), percent(figure.low), percent(figure.high))
}

fn percent(share: f64) -> String {
    format!("{:.1}", share * 100.0)
}

fn plane(resource: Resource) -> &'static str {
    match resource {
        Resource::Cpu => "CPU",
        Resource::Memory => "memory",
    }
}

fn dominance(found: &Dominance) -> String {
    let names = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let mut line = format!(
        "{}: {} reserves less at equal or less overrun than {}",
        plane(found.resource),
        found.strategy,
        names(&found.dominated)
    );
    if !found.dominated_by.is_empty() {
        let _ = write!(line, "; the other way round: {}", names(&found.dominated_by));
    }
    line
}

impl AtEqualRisk {
    /// Under [`HEADERS_AT_EQUAL_RISK`]; none where the peer is what is there today, which saves nothing to compare.
    pub fn cells(&self) -> Option<[String; 6]> {
        let or_never = |share: Option<f64>| share.map_or_else(|| "-".to_owned(), percent);
        (self.peer_saved > 0.0).then(|| {
            [
                plane(self.resource).to_owned(),
                self.peer.clone(),
                percent(self.peer_over),
                percent(self.peer_saved),
                or_never(self.own_over),
                or_never(self.own_saved),
            ]
        })
    }
}
