//! What came of detectors as tables of documents.

use super::compare::{Compared, HEADERS_ANOMALY};
use super::leaks::{HEADERS_LEAKS, HEADERS_THRESHOLDS, LeakTrials};

impl Compared {
    /// What was compared, in a sentence.
    pub fn headline(&self) -> String {
        format!("{} series, {} samples, {} windows", self.series, self.samples, self.windows)
    }

    /// The headline and the table. Names are those of folders: what would break a table is left out.
    pub fn markdown(&self) -> String {
        let mut text = table(&self.headline(), &HEADERS_ANOMALY, self.rows.iter().map(|row| row.cells()));
        for note in &self.notes {
            text.push_str(&format!("\n{}.\n", plain(note)));
        }
        text
    }
}

impl LeakTrials {
    /// The headline, the table by rate, and what other thresholds would find and flag.
    pub fn markdown(&self) -> String {
        let rates = table(&self.headline(), &HEADERS_LEAKS, self.rates.iter().map(|rate| rate.cells()));
        let others = self.thresholds.iter().map(|own| own.cells());
        format!("{rates}\n{}", table("Told at another weight of evidence", &HEADERS_THRESHOLDS, others))
    }
}

fn table<const N: usize>(
    headline: &str,
    headers: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> String {
    let mut text = format!("{headline}.\n\n| {} |\n|{}\n", headers.join(" | "), "---|".repeat(N));
    for row in rows {
        let row = row.map(|cell| plain(&cell));
        text.push_str(&format!("| {} |\n", row.join(" | ")));
    }
    text
}

fn plain(text: &str) -> String {
    text.replace(['|', '\n', '\r', '`', '<'], " ")
}
