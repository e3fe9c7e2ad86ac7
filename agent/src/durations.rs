//! How long something took, as a histogram in the text format of Prometheus.

use std::cell::Cell;
use std::fmt::Write;

/// Upper ends in microseconds, as Prometheus is told them in seconds.
const ENDS: [(u64, &str); 9] = [
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (1_000_000, "1"),
];

/// Counts by how long it took. 88 bytes, whatever is counted.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    up_to: [Cell<u64>; ENDS.len()],
    longer: Cell<u64>,
    sum_us: Cell<u64>,
    last_us: Cell<u64>,
}

impl Durations {
    pub(crate) fn note(&self, took_us: u64) {
        let place = ENDS.iter().position(|(end, _)| took_us <= *end);
        let cell = place.and_then(|at| self.up_to.get(at)).unwrap_or(&self.longer);
        cell.set(cell.get().saturating_add(1));
        self.sum_us.set(self.sum_us.get().saturating_add(took_us));
        self.last_us.set(took_us);
    }

    /// The last one, in microseconds.
    pub(crate) fn last_us(&self) -> u64 {
        self.last_us.get()
    }

    /// Lines of a histogram `kubeopt_agent_{name}_seconds`.
    pub(crate) fn write(&self, page: &mut String, name: &str, help: &str) {
        let name = format!("kubeopt_agent_{name}_seconds");
        // Writing to a string does not fail.
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} histogram");
        let mut count = 0_u64;
        for ((_, end), cell) in ENDS.iter().zip(&self.up_to) {
            count = count.saturating_add(cell.get());
            let _ = writeln!(page, "{name}_bucket{{le=\"{end}\"}} {count}");
        }
        count = count.saturating_add(self.longer.get());
        let seconds = self.sum_us.get() as f64 / 1e6;
        let _ = writeln!(
            page,
            "{name}_bucket{{le=\"+Inf\"}} {count}\n{name}_sum {seconds:.6}\n{name}_count {count}"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_counted_up_to_its_end_and_the_last_is_known() {
        let durations = Durations::default();
        for took in [1_000, 1_001, 700_000, 2_000_000] {
            durations.note(took);
        }
        let mut page = String::new();
        durations.write(&mut page, "collection_duration", "Help.");
        let value = |of: &str| {
            let name = format!("kubeopt_agent_collection_duration_seconds_{of} ");
            page.lines().find_map(|line| line.strip_prefix(name.as_str())).map(str::to_owned)
        };
        let bucket = |end: &str| value(&format!("bucket{{le=\"{end}\"}}"));
        assert_eq!(
            ["0.0005", "0.001", "0.0025", "0.1", "1", "+Inf"].map(bucket),
            ["0", "1", "2", "2", "3", "4"].map(|count| Some(count.to_owned()))
        );
        assert_eq!(value("sum").as_deref(), Some("2.702001"));
        assert_eq!((value("count").as_deref(), durations.last_us()), (Some("4"), 2_000_000));
    }
}
