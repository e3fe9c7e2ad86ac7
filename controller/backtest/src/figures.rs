//! Sums over traces as shares, each with the interval in which it lies when the traces are drawn again.

use serde::Serialize;

use crate::replay::Sums;

/// Drawings with replacement: the ends of a 95 % interval are then the mean of the 50 outermost ones on each side.
const DRAWINGS: usize = 2_000;

/// Where drawing begins: the same figures come out each time.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// A share between 0 and 1 with its 95 % bootstrap interval over traces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figure {
    /// Over all traces.
    pub value: f64,
    /// 2.5 % of all drawings lie below.
    pub low: f64,
    /// 2.5 % of all drawings lie above.
    pub high: f64,
}

/// What a rule did with one resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Figures {
    /// 1 - recommended / provisioned.
    pub saved: Figure,
    /// Share of samples (CPU) or weeks (memory) that exceeded the recommendation.
    pub over: Figure,
    /// Share of refreshes that moved by more than a tenth.
    pub churn: Figure,
}

/// The figures of sums, one entry a trace.
pub(crate) fn figures(traces: &[Sums]) -> Figures {
    let mut all = Sums::default();
    traces.iter().for_each(|sums| all.add(sums));
    let drawn = drawn(traces);
    let figure = |share: fn(&Sums) -> f64| {
        let mut shares: Vec<f64> = drawn.iter().map(share).collect();
        shares.sort_by(f64::total_cmp);
        Figure { value: share(&all), low: at(&shares, 0.025), high: at(&shares, 0.975) }
    };
    Figures { saved: figure(saved), over: figure(over), churn: figure(churn) }
}

fn saved(sums: &Sums) -> f64 {
    if sums.provisioned > 0.0 { 1.0 - sums.reserved / sums.provisioned } else { 0.0 }
}

fn over(sums: &Sums) -> f64 {
    if sums.of > 0.0 { sums.exceeding / sums.of } else { 0.0 }
}

fn churn(sums: &Sums) -> f64 {
    if sums.refreshed > 0.0 { sums.changed / sums.refreshed } else { 0.0 }
}

/// The 95 % interval of a share, `part` of `whole` (Wilson); all there is without any.
pub(crate) fn wilson(part: u64, whole: u64) -> (f64, f64) {
    const Z: f64 = 1.96;
    if whole == 0 {
        return (0.0, 1.0);
    }
    let count = whole as f64;
    let share = part as f64 / count;
    let middle = share + Z * Z / (2.0 * count);
    let half = Z * (share * (1.0 - share) / count + Z * Z / (4.0 * count * count)).sqrt();
    let scale = 1.0 + Z * Z / count;
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

/// The 95 % bootstrap interval of a share over traces, each with its part and its whole; all there is without any.
pub(crate) fn interval(traces: &[(u64, u64)]) -> (f64, f64) {
    if traces.iter().all(|(_, whole)| *whole == 0) {
        return (0.0, 1.0);
    }
    let mut random = Random(SEED);
    let draw = |_| {
        let own = traces.iter().filter_map(|_| traces.get(random.below(traces.len())));
        let (part, whole) = own.fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1));
        part as f64 / whole.max(1) as f64
    };
    let mut shares: Vec<f64> = (0..DRAWINGS).map(draw).collect();
    shares.sort_by(f64::total_cmp);
    (at(&shares, 0.025), at(&shares, 0.975))
}

/// Sums of as many traces as there are, drawn with replacement.
fn drawn(traces: &[Sums]) -> Vec<Sums> {
    let mut random = Random(SEED);
    let draw = |_| {
        let mut sums = Sums::default();
        for _ in traces {
            if let Some(trace) = traces.get(random.below(traces.len())) {
                sums.add(trace);
            }
        }
        sums
    };
    (0..DRAWINGS).map(draw).collect()
}

/// The quantile of sorted values, nearest rank.
fn at(sorted: &[f64], q: f64) -> f64 {
    let rank = (q * sorted.len().saturating_sub(1) as f64).round() as usize;
    sorted.get(rank).copied().unwrap_or(0.0)
}

/// Marsaglia's xorshift (2003): enough for drawing, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Below `count`, which is not zero.
    fn below(&mut self, count: usize) -> usize {
        // The upper half of the product is even to within count / 2^64.
        ((u128::from(self.next()) * count as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(reserved: f64, exceeding: f64) -> Sums {
        Sums { reserved, provisioned: 10.0, exceeding, of: 4.0, changed: 1.0, refreshed: 2.0 }
    }

    #[test]
    fn shares_are_those_of_the_sums_and_not_the_mean_of_shares() {
        let large = Sums { reserved: 90.0, provisioned: 100.0, of: 6.0, ..Sums::default() };
        let figures = figures(&[sums(5.0, 1.0), large]);
        assert!((figures.saved.value - (1.0 - 95.0 / 110.0)).abs() < 1e-12);
        assert!((figures.over.value - 0.1).abs() < 1e-12);
        assert!((figures.churn.value - 0.5).abs() < 1e-12);
    }

    #[test]
    fn an_interval_holds_its_value_and_is_the_same_each_time() {
        let traces: Vec<Sums> = (0..40).map(|trace| sums((trace % 7) as f64, (trace % 3) as f64)).collect();
        let once = figures(&traces);
        for figure in [once.saved, once.over, once.churn] {
            assert!(figure.low <= figure.value && figure.value <= figure.high, "{figure:?}");
        }
        assert!(once.saved.high - once.saved.low > 0.05, "{:?}", once.saved);
        assert_eq!(once, figures(&traces));
    }

    #[test]
    fn the_interval_of_a_share_is_that_computed_by_hand() {
        let (low, high) = wilson(8, 10);
        assert!((low - 0.4902).abs() < 1e-4 && (high - 0.9433).abs() < 1e-4, "{low} {high}");
        assert_eq!(wilson(0, 0), (0.0, 1.0));
    }

    #[test]
    fn traces_that_differ_leave_a_share_wider_than_single_events_would() {
        let traces: Vec<(u64, u64)> =
            (0..40).map(|trace| (if trace % 2 == 0 { 10 } else { 0 }, 10)).collect();
        let ((low, high), (least, most)) = (interval(&traces), wilson(200, 400));
        assert!(low < least - 0.05 && high > most + 0.05, "{low} {high} beside {least} {most}");
        assert_eq!((interval(&[(3, 4), (3, 4)]), interval(&[])), ((0.75, 0.75), (0.0, 1.0)));
    }

    #[test]
    fn traces_that_are_all_alike_leave_nothing_to_chance() {
        let figures = figures(&[sums(5.0, 1.0), sums(5.0, 1.0)]);
        assert_eq!((figures.saved.low, figures.saved.high), (0.5, 0.5));
        assert_eq!(super::figures(&[]), Figures::default());
    }
}
